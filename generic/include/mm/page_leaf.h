/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Making leaves, for both page-table designs. Of the format that <arch/mm.h>
 * tells is demanded that in leaves of one level and equal flags the frame number
 * is a field of its own, into which it goes linearly: so a run of leaves is made
 * by adding, and flags are changed without taking the address apart.
 *
 * RUNS OF EQUAL ENTRIES. Some formats have a page size that is no level of its own:
 * PTE_RUN(level) entries, all equal, that follow each other and begin at a multiple of
 * their number, map one page of as many times what an entry covers (arm: 16 for 64 KiB
 * and 16 MiB). Such a machine defines in <arch/mm.h>
 *
 *     PTE_RUN(level)              entries of a run, a power of two that divides those of a table; 1 = no runs there
 *     pte_is_run(pte, level)      whether a leaf is one of a run
 *     pte_run(pa, flags, level)   makes one; pa is the run's, a multiple of its size
 *
 * and pte_leaf_pa and pte_leaf_flags take the entries of runs apart, too: the address is
 * the run's. For a machine that defines none nothing is left of all that is here. Page
 * tables (pt) use runs; the page hash table does not.
 */

#ifndef MM_PAGE_LEAF_H
#define MM_PAGE_LEAF_H

#include <arch/mm.h>

#ifdef PTE_RUN
#define PTE_RUNS 1
#else
#define PTE_RUNS 0
#define PTE_RUN(level) 1u

static inline bool pte_is_run(pte_t pte, unsigned level)
{
	(void) pte, (void) level;
	return false;
}

static inline pte_t pte_run(phys_t pa, page_flags_t flags, unsigned level)
{
	return pte_leaf(pa, flags, level);
}
#endif

/** Bytes that a run of this level maps. */
static inline uintptr_t run_bytes(unsigned level)
{
	return (uintptr_t) PTE_RUN(level) * PTL_COVERS(level);
}

/*
 * Bytes of the page that a leaf maps, alone or with others; and what va translates to by its leaf. (As macros, so that
 * the compiler makes of them what it made of the expression.)
 */
#if PTE_RUNS
#define leaf_bytes(pte, level) (pte_is_run(pte, level) ? run_bytes(level) : PTL_COVERS(level))
#else
#define leaf_bytes(pte, level) PTL_COVERS(level)
#endif
#define leaf_translate(pte, level, va) (pte_leaf_pa(pte, level) | ((va) & (leaf_bytes(pte, level) - 1)))

/** What to add to a leaf to get the leaf of the next frame. */
static inline pte_t leaf_step(unsigned level)
{
	return pte_leaf(PTL_COVERS(level), 0, level) - pte_leaf(0, 0, level);
}

/* Leaves of the last level for frame 0, by their flags; page_init fills it in, first of all (leaf_bits_fill). */
#define LEAF_FLAGS (PAGE_READ | PAGE_WRITE | PAGE_EXEC | PAGE_USER | PAGE_GLOBAL | PAGE_DEVICE)
extern pte_t leaf_bits[LEAF_FLAGS + 1];

static inline void leaf_bits_fill(void)
{
	for (page_flags_t flags = 0; flags <= LEAF_FLAGS; flags++)
		leaf_bits[flags] = pte_leaf(0, flags, PTL_LEVELS - 1);
}

/** As pte_leaf(pa, flags, PTL_LEVELS - 1), without taking the flags apart. */
static inline pte_t leaf_make(phys_t pa, page_flags_t flags)
{
	return leaf_bits[flags & LEAF_FLAGS] | (pte_leaf(pa, 0, PTL_LEVELS - 1) ^ pte_leaf(0, 0, PTL_LEVELS - 1));
}

/** The bits of a leaf that hold the frame number. */
static inline pte_t leaf_frame_bits(unsigned level)
{
	return pte_leaf(PHYS_LAST & ~(phys_t) (PTL_COVERS(level) - 1), 0, level) ^ pte_leaf(0, 0, level);
}

#endif
