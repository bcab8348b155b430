/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The page format of amd64: four levels of page tables of 512 entries of 64
 * bits, pages of 4 KiB, of 2 MiB at PTL2, and of 1 GiB at PTL1 where the CPU
 * has them (Intel SDM vol. 3A, 4.5 "4-level paging").
 */

#ifndef ARCH_PAGE_FORMAT_H
#define ARCH_PAGE_FORMAT_H

#include <mm/page_flags.h>
#include <mm/types.h>

#define PAGE_WIDTH 12
/* MAXPHYADDR is at most 52 (SDM vol. 3A, 4.1.4). */
#define PHYS_LAST ((phys_t) 0x000fffffffffffffu)

#define PTL_LEVELS 4
#define PTL_BITS(level) 9u

typedef uint64_t pte_t;

#define PTE_ADDRESS ((pte_t) 0x000ffffffffff000u)
/* Allowed by EFER.NXE, which the boot code sets and insists on. */
#define PTE_NO_EXECUTE ((pte_t) 1 << 63)

/* One bit for each level that may map a page; what the CPU has is found out at boot. */
extern unsigned ptl_leaf_levels;

/** Whether an entry of this level may map a page. */
static inline bool ptl_leaf_allowed(unsigned level)
{
	return (ptl_leaf_levels >> level & 1) != 0;
}

#include <x86/page_format.h>

#endif
