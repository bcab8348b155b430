/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Kernel mappings: physical ranges made visible in kernel space, in the window
 * KM_START to KM_END of <arch/mm.h>. How it works is told in generic/km.c.
 */

#ifndef MM_KM_H
#define MM_KM_H

#include <mm/page.h>

/**
 * Maps bytes [pa, pa + bytes) somewhere in kernel space. pa need not be page-aligned: the address that comes back has
 * the same offset in its page. Large pages are used where size and alignment allow; a guard page follows the range.
 * PAGE_GLOBAL is given in any case.
 *
 * @param alloc  FRAME_ATOMIC or 0, as everywhere
 * @param va     receives the address
 * @retval EOK
 * @retval EINVAL  bytes is 0, or the range wraps or leaves the physical address space
 * @retval ENOMEM  no room in the window (whatever alloc says), or (FRAME_ATOMIC) no frame for a table; nothing changed
 */
MUST_USE errno_t km_map(phys_t pa, size_t bytes, page_flags_t flags, frame_flags_t alloc, uintptr_t *va);

/** Undoes a km_map: the address it gave, and the bytes it was asked for. */
void km_unmap(uintptr_t va, size_t bytes);

struct km_info {
	uintptr_t start, end; /* the window */
	size_t pages;         /* in all */
	size_t free;          /* of these */
	size_t mappings;      /* that stand */
};

void km_get_info(struct km_info *info);

/** Sets up the window. After page_init. */
MUST_USE errno_t km_init(void);

/** @return number of invariants broken; every breach is logged */
size_t km_check(void);

#endif
