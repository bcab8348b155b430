/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What ia32 and amd64 share of <arch/page_format.h>, which alone includes this
 * file: how an entry of a page table is made and taken apart. How the two differ
 * is data that <arch/page_format.h> defines first: pte_t, PTE_ADDRESS,
 * PTE_NO_EXECUTE, PTL_LEVELS and PTL_BITS.
 *
 * An entry (SDM vol. 3A, figures 4-4 and 4-11):
 *
 *   63  62..52  51........12  11..9  8 7  6 5 4   3   2 1 0
 *   NX  ignored   address       0    G PS D A PCD PWT U W P
 *
 * Rights are those of the leaf; entries that point to a table allow everything
 * (U included, as a leaf below decides). The core reads neither A nor D, so
 * the encoder sets both and spares the CPU the locked write.
 */

#ifndef X86_PAGE_FORMAT_H
#define X86_PAGE_FORMAT_H

#include <mm/page_geometry.h>

#define PTE_PRESENT ((pte_t) 1 << 0)
#define PTE_WRITE ((pte_t) 1 << 1)
#define PTE_USER ((pte_t) 1 << 2)
#define PTE_WRITE_THROUGH ((pte_t) 1 << 3)
#define PTE_CACHE_DISABLE ((pte_t) 1 << 4)
#define PTE_ACCESSED ((pte_t) 1 << 5)
#define PTE_DIRTY ((pte_t) 1 << 6)
#define PTE_LARGE ((pte_t) 1 << 7) /* above the last level; there this bit is one of PAT */
#define PTE_GLOBAL ((pte_t) 1 << 8)

/* PCD and PWT together choose PAT entry 3, which is "uncacheable" after reset (SDM vol. 3A, table 11-12). */
#define PTE_UNCACHED (PTE_CACHE_DISABLE | PTE_WRITE_THROUGH)

static inline bool pte_present(pte_t pte)
{
	return (pte & PTE_PRESENT) != 0;
}

/** Whether an entry that is present maps a page; otherwise it points to a table. */
static inline bool pte_is_leaf(pte_t pte, unsigned level)
{
	return level == PTL_LEVELS - 1 || (pte & PTE_LARGE) != 0;
}

/** The entry that maps a page of this level. */
static inline pte_t pte_leaf(phys_t pa, page_flags_t flags, unsigned level)
{
	return (pte_t) pa | PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | (level == PTL_LEVELS - 1 ? 0 : PTE_LARGE) |
		((flags & PAGE_WRITE) != 0 ? PTE_WRITE : 0) | ((flags & PAGE_EXEC) != 0 ? 0 : PTE_NO_EXECUTE) |
		((flags & PAGE_USER) != 0 ? PTE_USER : 0) | ((flags & PAGE_GLOBAL) != 0 ? PTE_GLOBAL : 0) |
		((flags & PAGE_UNCACHED) != 0 ? PTE_UNCACHED : 0);
}

/** The entry that points to a table of the next level. */
static inline pte_t pte_table(phys_t pa)
{
	return (pte_t) pa | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
}

/** Physical address of the page a leaf of this level maps. (Bit 12 of a large page is one of PAT: masked off.) */
static inline phys_t pte_leaf_pa(pte_t pte, unsigned level)
{
	return (phys_t) (pte & PTE_ADDRESS & ~(pte_t) (PTL_COVERS(level) - 1));
}

/** Physical address of the table an entry points to. */
static inline phys_t pte_table_pa(pte_t pte)
{
	return (phys_t) (pte & PTE_ADDRESS);
}

/** What a leaf allows, PAGE_*. */
static inline page_flags_t pte_leaf_flags(pte_t pte, unsigned level)
{
	(void) level;
	return PAGE_READ | ((pte & PTE_WRITE) != 0 ? PAGE_WRITE : 0) | ((pte & PTE_NO_EXECUTE) != 0 ? 0 : PAGE_EXEC) |
		((pte & PTE_USER) != 0 ? PAGE_USER : 0) | ((pte & PTE_GLOBAL) != 0 ? PAGE_GLOBAL : 0) |
		((pte & PTE_CACHE_DISABLE) != 0 ? PAGE_UNCACHED : 0);
}

#endif
