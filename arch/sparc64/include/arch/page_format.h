/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The page format of sparc64: an entry of the page hash table is the data of a
 * translation table entry (TTE) as it goes into the TLB (UltraSPARC-IIi User's Manual,
 * 805-0087, 15.2 "Translation Table Entry").
 *
 *   63  62:61  60   59  58:50  49:41    40:13      12:8   7    6   5   4   3  2  1  0
 *    V  size   NFO  IE    0      0    address>>13    0   EXEC  L   CP  CV  E  P  W  G
 *
 *   size  0 = 8 KiB, 1 = 64 KiB, 2 = 512 KiB, 3 = 4 MiB
 *   EXEC  PAGE_EXEC: of bits 12:7 that are software's. There is a TLB for instructions, into which the miss handler
 *         puts only what has it
 *   L     locked: of no page of the table
 *   CP    cached in the external cache; CV would be in the data cache, too: see arch/mm.h
 *   E     side effects: PAGE_DEVICE
 *   P     not for user mode
 *
 * What is mapped can be read. The four sizes are 8 times one another: as many as a cluster of the hash table has pages.
 */

#ifndef ARCH_PAGE_FORMAT_H
#define ARCH_PAGE_FORMAT_H

#include <mm/page_flags.h>
#include <mm/types.h>

/* <arch/layout.h> may say so before. */
#ifndef PAGE_WIDTH
#define PAGE_WIDTH 13
#endif

#define PHYS_LAST ((phys_t) 0x1ffffffffff)

#define PTL_LEVELS 4
#define PTL_BITS(level) ((level) == 0 ? 42u : 3u)

#include <mm/page_geometry.h>

typedef uint64_t pte_t;

#define PTE_GLOBAL ((pte_t) 1 << 0)
#define PTE_WRITE ((pte_t) 1 << 1)
#define PTE_PRIVILEGED ((pte_t) 1 << 2)
#define PTE_EFFECTS ((pte_t) 1 << 3)
#define PTE_CACHED ((pte_t) 1 << 5)
#define PTE_LOCKED ((pte_t) 1 << 6)
#define PTE_EXEC ((pte_t) 1 << 7)
#define PTE_FRAME ((pte_t) 0x1ffffffe000)
#define PTE_SIZE_SHIFT 61
#define PTE_VALID ((pte_t) 1 << 63)

/** Whether an entry of this level may map a page: all may. */
static inline bool ptl_leaf_allowed(unsigned level)
{
	return level < PTL_LEVELS;
}

static inline bool pte_present(pte_t pte)
{
	return (pte & PTE_VALID) != 0;
}

/** The hash table has no entries that point to tables. */
static inline bool pte_is_leaf(pte_t pte, unsigned level)
{
	(void) pte;
	(void) level;
	return true;
}

static inline pte_t pte_table(phys_t pa)
{
	(void) pa;
	return 0;
}

static inline phys_t pte_table_pa(pte_t pte)
{
	(void) pte;
	return 0;
}

/** The entry that maps a page of this level. */
static inline pte_t pte_leaf(phys_t pa, page_flags_t flags, unsigned level)
{
	return PTE_VALID | (pte_t) (PTL_LEVELS - 1 - level) << PTE_SIZE_SHIFT | ((pte_t) pa & PTE_FRAME) |
		((flags & PAGE_WRITE) != 0 ? PTE_WRITE : 0) | ((flags & PAGE_EXEC) != 0 ? PTE_EXEC : 0) |
		((flags & PAGE_USER) != 0 ? 0 : PTE_PRIVILEGED) | ((flags & PAGE_GLOBAL) != 0 ? PTE_GLOBAL : 0) |
		((flags & PAGE_UNCACHED) != 0 ? 0 : PTE_CACHED) | ((flags & PAGE_DEVICE) == PAGE_DEVICE ? PTE_EFFECTS : 0);
}

/** Physical address of the page a leaf maps. */
static inline phys_t pte_leaf_pa(pte_t pte, unsigned level)
{
	(void) level;
	return (phys_t) (pte & PTE_FRAME);
}

/** What a leaf allows, PAGE_*. */
static inline page_flags_t pte_leaf_flags(pte_t pte, unsigned level)
{
	(void) level;
	return PAGE_READ | ((pte & PTE_WRITE) != 0 ? PAGE_WRITE : 0) | ((pte & PTE_EXEC) != 0 ? PAGE_EXEC : 0) |
		((pte & PTE_PRIVILEGED) != 0 ? 0 : PAGE_USER) | ((pte & PTE_GLOBAL) != 0 ? PAGE_GLOBAL : 0) |
		((pte & PTE_EFFECTS) != 0         ? PAGE_DEVICE
				: (pte & PTE_CACHED) == 0 ? PAGE_UNCACHED
										  : 0);
}

#endif
