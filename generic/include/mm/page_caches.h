/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the core does for caches that are not coherent, and what it does not.
 *
 * INSTRUCTIONS. Where instructions are fetched past the caches of data (arm, ppc, ia64,
 * mips, sparc), a machine defines frame_make_executable. The core calls it with each
 * page of an address space that comes to be mapped executable, after it was filled or
 * copied and before it is mapped, by the address that it was written at; and again when
 * an area that was writable becomes executable (no area is both). Not its duty:
 * pages that page_mapping_insert or km_map map, frames of a physical area, and what a program
 * writes through one mapping and executes through another: the writer calls it.
 *
 * ALIASES. The core writes frames through the direct map and temporary mappings, at
 * addresses that do not have the colour of the user's. So a data cache that is
 * indexed by virtual address has ways that are no larger than a page: a machine states
 * DATA_CACHE_WAY, and chooses PAGE_WIDTH so that this holds. It is asserted.
 *
 * CACHED AND UNCACHED. RAM that the direct map has cached is not mapped uncached as well:
 * a physical area of it cannot be AS_UNCACHED, and debug builds of km_map check it. Memory
 * for that is kept out of the frame allocator, by the memory map, and out of BOOT_MAPPED.
 */

#ifndef MM_PAGE_CACHES_H
#define MM_PAGE_CACHES_H

#include <arch/mm.h>

/* Whether the machine has a frame_make_executable. */
#ifdef frame_make_executable
#define FRAME_MAKE_EXECUTABLE 1
#else
#define FRAME_MAKE_EXECUTABLE 0

/** What was written at this page is what all CPUs execute from its frame from now on. */
static inline void frame_make_executable(const void *page)
{
	(void) page;
}
#endif

/* Bytes of a way of a data cache that is indexed by virtual address; 0 = the machine has none. */
#ifndef DATA_CACHE_WAY
#define DATA_CACHE_WAY 0
#endif

_Static_assert(DATA_CACHE_WAY <= PAGE_SIZE, "two addresses of a frame have the same place in the data cache");

#endif
