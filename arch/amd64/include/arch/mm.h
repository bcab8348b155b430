/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * amd64 for the memory core: four levels of page tables of 512 entries of 64
 * bits, pages of 4 KiB, of 2 MiB at PTL2, and of 1 GiB at PTL1 where the CPU
 * has them (Intel SDM vol. 3A, 4.5 "4-level paging").
 */

#ifndef ARCH_MM_H
#define ARCH_MM_H

#include <arch/layout.h>
#include <mm/page_flags.h>
#include <mm/types.h>

#define CACHE_LINE 64

/* The ISA DMA controllers drive 24 address lines. */
#define ARCH_DMA_LIMIT 0x1000000u
/* MAXPHYADDR is at most 52 (SDM vol. 3A, 4.1.4). */
#define PHYS_LAST ((phys_t) 0x000fffffffffffffu)
#ifndef RAM_LAST
/* What the identity window does not reach is not used. */
#define RAM_LAST (IDENTITY_PHYS + (phys_t) (IDENTITY_SIZE - 1))
#endif

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

#include <x86/mm.h>

#endif
