/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The direct map (the identity window) where hardware makes it: kseg0 of MIPS,
 * block translation on PowerPC, a region with a wired entry. <arch/mm.h> says so
 * by IDENTITY_RIGHTS. Then it is in no page table:
 *
 *   page_mapping_find, page_translate, page_mapping_runs, page_mapping_count
 *                            answer by arithmetic: all of it is mapped, RAM or not
 *   page_describe            has nothing to describe: 0 levels
 *   page_entry_find          finds nothing: no miss comes there
 *   page_mapping_insert      EEXIST
 *   page_mapping_update      EINVAL: there is no entry whose flags could change
 *   page_mapping_replace     ENOENT
 *   page_mapping_remove      does nothing
 *
 * Flags are those that the hardware grants, so the text of an image that lies in the
 * direct map is reported as writable if it is.
 */

#ifndef MM_DIRECT_MAP_H
#define MM_DIRECT_MAP_H

#include <mm/page.h>

/*
 * What the direct map allows (PAGE_READ among it) where hardware makes it; 0: it is mapped by page tables. If it is not
 * 0, IDENTITY_VIRT and IDENTITY_SIZE are multiples of what a table of the last level maps.
 */
#ifndef IDENTITY_RIGHTS
#define IDENTITY_RIGHTS 0
#endif

/** Whether hardware maps va in the direct map. */
static inline bool direct_map_has(uintptr_t va)
{
	return IDENTITY_RIGHTS != 0 && va - IDENTITY_VIRT < IDENTITY_SIZE;
}

/** How it maps va, which it has. */
static inline struct page_mapping direct_map_find(uintptr_t va)
{
	return (struct page_mapping){ .pa = KA2PA(va), .size = PAGE_SIZE, .flags = IDENTITY_RIGHTS };
}

/** The last address of the part of [va, last] that it has or that it has not, as it has va or not. */
static inline uintptr_t direct_map_part(uintptr_t va, uintptr_t last)
{
	uintptr_t before = (uintptr_t) IDENTITY_VIRT - 1, end = before + IDENTITY_SIZE;

	if (IDENTITY_RIGHTS == 0)
		return last;
	if (direct_map_has(va))
		return last - va < end - va ? last : end;
	return va <= before && last > before ? before : last;
}

/** Base pages of a range, at least one and none beyond the last address, that it has. */
static inline size_t direct_map_pages(uintptr_t va, size_t pages)
{
	uintptr_t last = va + ((pages << PAGE_WIDTH) - 1), end = (uintptr_t) IDENTITY_VIRT + (IDENTITY_SIZE - 1);

	if (IDENTITY_RIGHTS == 0 || va > end || last < IDENTITY_VIRT)
		return 0;
	if (va < IDENTITY_VIRT)
		va = IDENTITY_VIRT;
	return (((last < end ? last : end) - va) >> PAGE_WIDTH) + 1;
}

#endif
