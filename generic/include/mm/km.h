/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Kernel space: the window KM_START to KM_END of <arch/mm.h>, in which physical ranges are made visible (km_map), and
 * memory of any size is had in one piece (km_alloc). How it works is told in generic/km.c.
 */

#ifndef MM_KM_H
#define MM_KM_H

#include <mm/page.h>
#include <mm/vmem.h>

/**
 * Maps bytes [pa, pa + bytes) somewhere in kernel space. pa need not be page-aligned: the address that comes back has
 * the same offset in its page. Large pages are used where size and alignment allow; a guard page follows the range.
 * PAGE_GLOBAL is given in any case. RAM that the direct map has is not mapped uncached (debug builds check).
 *
 * @param alloc  FRAME_ATOMIC or 0, as everywhere
 * @param va     receives the address
 * @retval EOK
 * @retval EINVAL  bytes is 0, or the range wraps or leaves the physical address space
 * @retval ENOMEM  no room in the window (whatever alloc says), or (FRAME_ATOMIC) no memory; nothing changed
 */
MUST_USE errno_t km_map(phys_t pa, size_t bytes, page_flags_t flags, frame_flags_t alloc, uintptr_t *va);

/**
 * Undoes a km_map: the address it gave, and the bytes it was asked for. Never sleeps, but waits for other CPUs to
 * invalidate: interrupts are on, no spinlock is held (debug builds check).
 */
void km_unmap(uintptr_t va, size_t bytes);

/**
 * Takes whole pages, contiguous in kernel space, of frames that need not be: to be read and written, not executed. No
 * size is too large as long as there is room and memory. The page before and the page behind are not mapped. Large
 * pages are used where the size allows and frames are there. With FRAME_DMA the frames are one run.
 *
 * With FRAME_ATOMIC in any context, with a spinlock held too: it waits for no other CPU. Where the frames are not there
 * in one run it then needs page_tables_most(pages) more than it uses, and asks the reclaimers whatever flags say.
 *
 * @param bytes  rounded up to pages
 * @param flags  FRAME_*: for the frames; FRAME_HIGHMEM is welcome, since nobody needs their permanent addresses
 * @param va     receives the address, a multiple of PAGE_SIZE
 * @retval EOK
 * @retval EINVAL  bytes is 0
 * @retval ENOMEM  no room in the window, or more frames than the machine has (whatever flags say), or (FRAME_ATOMIC) no
 *                 memory; nothing changed
 */
MUST_USE errno_t km_alloc(size_t bytes, frame_flags_t flags, uintptr_t *va);

/**
 * Frees what km_alloc gave, all of it. Never sleeps, but waits for other CPUs to invalidate: interrupts are on, no
 * spinlock is held (debug builds check).
 */
void km_free(uintptr_t va, size_t bytes);

/* The arenas of kernel space: the window, and those that import from it, for km_map and km_alloc. */
extern struct vmem km_arena, km_map_arena, km_alloc_arena;

struct km_info {
	uintptr_t start, end; /* the window */
	size_t pages;         /* in all, without the first, which is never mapped */
	size_t free;          /* of these */
	size_t mappings;      /* that stand, of km_map and km_alloc */
	size_t map_pages;     /* taken by km_map, guards included */
	size_t alloc_pages;   /* taken by km_alloc, guards included */
};

void km_get_info(struct km_info *info);

/** Sets up virtual ranges, and the window. After page_init, slab_init and malloc_init. */
MUST_USE errno_t km_init(void);

#if CONFIG_DEBUG
/* For tests: called, if not NULL, behind each mapping that km_alloc makes from a reservation; no spinlock is held. */
extern void (*km_step_hook)(void);
#endif

/** @return number of invariants broken; every breach is logged */
size_t km_check(void);

#endif
