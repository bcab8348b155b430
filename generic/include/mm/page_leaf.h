/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Making leaves, for both page-table designs. Of the format that <arch/mm.h>
 * tells is demanded that in leaves of one level and equal flags the frame number
 * is a field of its own, into which it goes linearly: so a run of leaves is made
 * by adding, and flags are changed without taking the address apart.
 */

#ifndef MM_PAGE_LEAF_H
#define MM_PAGE_LEAF_H

#include <arch/mm.h>

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
