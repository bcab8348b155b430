/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * `check`: every structure's own invariants, one after the other. Each walk
 * takes the lock of what it walks; none allocates.
 */

#include <mm/as.h>
#include <mm/check.h>
#include <mm/frame.h>
#include <mm/km.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/vmem.h>

const struct mm_check mm_checks[] = {
	{ "frames: zones, buddies, states, counts, caches, promises", frame_check },
	{ "object caches: slabs, magazines, depots, counts", slab_check },
	{ "page tables: entries, counts, spares", page_check },
	{ "virtual ranges: spans, segments, lists, caches", vmem_check },
	{ "kernel space: what is mapped, and what is taken", km_check },
	{ "address spaces: areas, pages, promises, rights", as_check },
};

const size_t mm_check_count = ARRAY_COUNT(mm_checks);

size_t mm_check(void)
{
	size_t breaches = 0;

	for (size_t i = 0; i < mm_check_count; i++)
		breaches += mm_checks[i].check();
	return breaches;
}
