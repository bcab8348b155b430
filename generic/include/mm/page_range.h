/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Ranges of pages, as both page-table designs take them: held to [first, last],
 * the addresses that a page table may map.
 */

#ifndef MM_PAGE_RANGE_H
#define MM_PAGE_RANGE_H

#include <arch/mm.h>

/** Whether pages from va, at least one, all lie in [first, last]. */
static inline bool page_range_valid(uintptr_t first, uintptr_t last, uintptr_t va, size_t pages)
{
	return (va & (PAGE_SIZE - 1)) == 0 && va >= first && va <= last && pages - 1 <= (last - va) >> PAGE_WIDTH;
}

/** Cuts pages from *va to what lies in [first, last]; *end receives the last address. @return false if nothing does */
static inline bool page_range_clip(uintptr_t first, uintptr_t last, uintptr_t *va, uintptr_t *end, size_t pages)
{
	if (pages == 0)
		return false;
	*end = pages - 1 > (UINTPTR_MAX - *va) >> PAGE_WIDTH ? UINTPTR_MAX : *va + (pages << PAGE_WIDTH) - 1;
	if (*va < first)
		*va = first;
	if (*end > last)
		*end = last;
	return *va <= *end;
}

#endif
