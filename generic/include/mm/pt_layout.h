/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The tree of genarch/pt in numbers, for miss handlers in assembly. What entries
 * look like is the machine's own (<arch/mm.h>).
 *
 *     table = root                         what page_root_load was given: a physical address; the root lies
 *                                          ROOT_MIRROR_FRAMES frames behind it (mm/page_roots.h), if there are such
 *     for level = 0, 1, ...
 *         entry = table[(va >> PT_SHIFT_<level>) & ((1 << PT_BITS_<level>) - 1)]
 *         not present: va is not mapped
 *         a leaf, as all of level PT_LEVELS - 1 are: found; its other half is at the index ^ 1
 *         else: table = the physical address in the entry
 *
 * An entry is read whole. Interrupts are off from the first load to the last; that
 * is all (genarch/pt/pt.h, "Readers"). What is not found may be looked up again by
 * page_entry_find (mm/page_miss.h) before a fault is reported.
 *
 * The numbers depend on the machine's page format, so the machine writes them:
 * PT_LAYOUT(DEFINE) in its offsets.c puts them into <offsets.h>, where
 * DEFINE(name, value) is the macro that writes one.
 */

#ifndef MM_PT_LAYOUT_H
#define MM_PT_LAYOUT_H

#ifndef __ASSEMBLER__

#include <arch/mm.h>

/* 0 for levels that there are not. */
#define PT_LAYOUT_OF_LEVEL(level, number) ((level) < PTL_LEVELS ? number((level) < PTL_LEVELS ? (level) : 0) : 0)

/* number(name, value) for each. */
#define PT_LAYOUT(number)                                 \
	number(PT_LEVELS, PTL_LEVELS);                        \
	number(PT_ENTRY_SIZE, sizeof(pte_t));                 \
	number(PT_ENTRY_WIDTH, sizeof(pte_t) == 8 ? 3 : 2);   \
	number(PT_SHIFT_0, PTL_SHIFT(0));                     \
	number(PT_SHIFT_1, PT_LAYOUT_OF_LEVEL(1, PTL_SHIFT)); \
	number(PT_SHIFT_2, PT_LAYOUT_OF_LEVEL(2, PTL_SHIFT)); \
	number(PT_SHIFT_3, PT_LAYOUT_OF_LEVEL(3, PTL_SHIFT)); \
	number(PT_BITS_0, PTL_BITS(0));                       \
	number(PT_BITS_1, PT_LAYOUT_OF_LEVEL(1, PTL_BITS));   \
	number(PT_BITS_2, PT_LAYOUT_OF_LEVEL(2, PTL_BITS));   \
	number(PT_BITS_3, PT_LAYOUT_OF_LEVEL(3, PTL_BITS))

#endif

#endif
