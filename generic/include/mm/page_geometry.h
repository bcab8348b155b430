/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What follows from the numbers of <arch/mm.h>, which includes this, where the
 * tables of a page format are alike: all but the root have as many entries,
 * PTL_BITS of the last level. A format that is otherwise defines PTL_SHIFT before.
 */

#ifndef MM_PAGE_GEOMETRY_H
#define MM_PAGE_GEOMETRY_H

/* Lowest bit of an address that chooses an entry of this level; so also the width of a page mapped there. */
#ifndef PTL_SHIFT
#define PTL_SHIFT(level) (PAGE_WIDTH + PTL_BITS(PTL_LEVELS - 1) * (PTL_LEVELS - 1 - (level)))
#endif
#define PTL_ENTRIES(level) ((size_t) 1 << PTL_BITS(level))
#define PTL_INDEX(va, level) ((size_t) ((uintptr_t) (va) >> PTL_SHIFT(level)) & (PTL_ENTRIES(level) - 1))
/* Bytes that one entry of this level covers. */
#define PTL_COVERS(level) ((size_t) 1 << PTL_SHIFT(level))

#define PAGE_SIZE ((size_t) 1 << PAGE_WIDTH)

#endif
