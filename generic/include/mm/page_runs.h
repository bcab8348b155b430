/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the page-table designs need for page_mapping_runs: the runs found so
 * far, to which pages are added in rising order of address.
 */

#ifndef MM_PAGE_RUNS_H
#define MM_PAGE_RUNS_H

#include <mm/page.h>

struct found_runs {
	struct page_run *runs;
	size_t room, count;
	uintptr_t va; /* where the last run ends: the page and the frame that would continue it */
	phys_t pa;
	bool full; /* there is another run, and no room for it */
};

/** Adds pages to the last run, or makes them the next one. */
static inline void found_runs_add(struct found_runs *found, uintptr_t va, phys_t pa, size_t pages)
{
	if (va == found->va && pa == found->pa && found->count != 0)
		found->runs[found->count - 1].pages += pages;
	else if (found->count < found->room)
		found->runs[found->count++] = (struct page_run){ .va = va, .pa = pa, .pages = pages };
	else
		found->full = true;
	found->va = va + (pages << PAGE_WIDTH);
	found->pa = pa + ((phys_t) pages << PAGE_WIDTH);
}

#endif
