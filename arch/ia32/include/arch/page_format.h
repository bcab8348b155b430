/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The page format of ia32: two levels of page tables of 1,024 entries of 32
 * bits, pages of 4 KiB, and of 4 MiB at PTL0 (Intel SDM vol. 3A, 4.3 "32-bit
 * paging", with CR4.PSE). This paging mode cannot forbid execution.
 */

#ifndef ARCH_PAGE_FORMAT_H
#define ARCH_PAGE_FORMAT_H

#include <mm/page_flags.h>
#include <mm/types.h>

#define PAGE_WIDTH 12
/* 32-bit paging without PSE-36 reaches 4 GiB. */
#define PHYS_LAST ((phys_t) 0xffffffffu)

#define PTL_LEVELS 2
#define PTL_BITS(level) 10u

typedef uint32_t pte_t;

#define PTE_ADDRESS ((pte_t) 0xfffff000u)
#define PTE_NO_EXECUTE ((pte_t) 0)

/** Whether an entry of this level may map a page. The boot code insists on PSE, so both may. */
static inline bool ptl_leaf_allowed(unsigned level)
{
	return level < PTL_LEVELS;
}

#include <x86/page_format.h>

#endif
