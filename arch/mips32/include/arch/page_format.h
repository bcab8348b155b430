/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The page format of mips32. No hardware walks the tables, so an entry of the last
 * level is EntryLo as it is (MD00090, 9.6 "EntryLo0 and EntryLo1"): the refill
 * handler loads a pair of them and writes it into the TLB. An entry of PTL0 points
 * to a table by its address in kseg0, where the handler reads it, or maps a large
 * page as EntryLo.
 *
 *   31  30  29..26  25..........6  5..3  2  1  0
 *    0   U     0     address>>6     C    D  V  G      a page
 *    1     address of the table >> 12    0  1  0      a table: bits 11..2 are 0
 *
 *   U   PAGE_USER: EntryLo has no such bit, and the CPU ignores bit 30 ("Fill"). Whether user mode may use a page
 *       is decided by its address alone
 *   C   3 = cached, 2 = not cached (table 9.9)
 *   D   "dirty": may be written
 *
 * There is neither a right to read nor one to execute (RI and XI are of later CPUs): a
 * page that is mapped has both.
 *
 * A table has the size of a page. With pages of 4 KiB both levels have 1,024
 * entries, and a large page 4 MiB; with pages of 16 KiB PTL0 has 64 entries, a
 * table 4,096, and a large page 64 MiB.
 */

#ifndef ARCH_PAGE_FORMAT_H
#define ARCH_PAGE_FORMAT_H

#include <mm/page_flags.h>
#include <mm/types.h>

/* <arch/layout.h> may say so before. */
#ifndef PAGE_WIDTH
#define PAGE_WIDTH 12
#endif

#if PAGE_WIDTH != 12 && PAGE_WIDTH != 14
#error "the TLB has pages of 4 KiB and of 16 KiB, and none in between"
#endif

/* A frame number of 20 bits. */
#define PHYS_LAST ((phys_t) 0xffffffffu)

#define PTL_LEVELS 2
#define PTL_BITS(level) ((level) == 0 ? 34u - 2u * PAGE_WIDTH : PAGE_WIDTH - 2u)

typedef uint32_t pte_t;

#define PTE_GLOBAL ((pte_t) 1 << 0)
#define PTE_VALID ((pte_t) 1 << 1)
#define PTE_DIRTY ((pte_t) 1 << 2)
#define PTE_UNCACHED ((pte_t) 2 << 3)
#define PTE_CACHED ((pte_t) 3 << 3)
#define PTE_CACHE_MASK ((pte_t) 7 << 3)
#define PTE_FRAME ((pte_t) 0x03ffffc0u)
#define PTE_FRAME_SHIFT 6
#define PTE_USER ((pte_t) 1 << 30)
#define PTE_TABLE ((pte_t) 1 << 31)

/* An entry of PTL0 that is a table holds its address in kseg0: what that adds to the physical one. */
#define PTE_TABLE_OFFSET ((pte_t) 0x80000000u)

/** Whether an entry of this level may map a page: both may. */
static inline bool ptl_leaf_allowed(unsigned level)
{
	return level < PTL_LEVELS;
}

static inline bool pte_present(pte_t pte)
{
	return (pte & PTE_VALID) != 0;
}

/** Whether an entry that is present maps a page; otherwise it points to a table. */
static inline bool pte_is_leaf(pte_t pte, unsigned level)
{
	return level == PTL_LEVELS - 1 || (pte & PTE_TABLE) == 0;
}

/** The entry that maps a page of this level. */
static inline pte_t pte_leaf(phys_t pa, page_flags_t flags, unsigned level)
{
	(void) level;
	return ((pte_t) pa >> PTE_FRAME_SHIFT & PTE_FRAME) | PTE_VALID | ((flags & PAGE_WRITE) != 0 ? PTE_DIRTY : 0) |
		((flags & PAGE_GLOBAL) != 0 ? PTE_GLOBAL : 0) | ((flags & PAGE_USER) != 0 ? PTE_USER : 0) |
		((flags & PAGE_UNCACHED) != 0 ? PTE_UNCACHED : PTE_CACHED);
}

/** The entry that points to a table of the next level, which lies in the first 512 MiB. */
static inline pte_t pte_table(phys_t pa)
{
	return ((pte_t) pa + PTE_TABLE_OFFSET) | PTE_VALID;
}

/** Physical address of the page a leaf maps. */
static inline phys_t pte_leaf_pa(pte_t pte, unsigned level)
{
	(void) level;
	return (phys_t) ((pte & PTE_FRAME) << PTE_FRAME_SHIFT);
}

/** Physical address of the table an entry points to. */
static inline phys_t pte_table_pa(pte_t pte)
{
	return (phys_t) ((pte & ~(pte_t) 0xfff) - PTE_TABLE_OFFSET);
}

/** What a leaf allows, PAGE_*. PAGE_USER is as it was given. */
static inline page_flags_t pte_leaf_flags(pte_t pte, unsigned level)
{
	(void) level;
	return PAGE_READ | PAGE_EXEC | ((pte & PTE_DIRTY) != 0 ? PAGE_WRITE : 0) | ((pte & PTE_USER) != 0 ? PAGE_USER : 0) |
		((pte & PTE_GLOBAL) != 0 ? PAGE_GLOBAL : 0) | ((pte & PTE_CACHE_MASK) == PTE_UNCACHED ? PAGE_UNCACHED : 0);
}

#endif
