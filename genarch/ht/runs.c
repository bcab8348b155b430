/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Finding what a range is mapped to, in runs.
 *
 * By address, cluster by cluster, under the lock, of which it lets go after
 * STRETCH of them. In a hole that means one look-up for each cluster that is
 * not there; so after as many of them as a look at all the page table's
 * clusters would cost, it looks at those (next_mapped): what is mapped is found
 * at a cost that its amount sets, not the size of the range.
 *
 * COST. A cluster: a look-up, and 10 instructions a page.
 */

#include <mm/direct_map.h>
#include <mm/page_miss.h>
#include <mm/page_runs.h>

#include "ht.h"

/* Clusters that are looked up under one hold of the lock. */
#define STRETCH 64

/* Clusters of a list that are looked at in the time of one look-up. */
#define LIST_SPEED 4

/* The last address of the part of [.., last] that is in a block of this size with va. */
static inline uintptr_t block_last(uintptr_t va, uintptr_t last, uintptr_t size)
{
	uintptr_t end = va | (size - 1);

	return end < last ? end : last;
}

/* Adds the base pages from va to end, which are one cluster's. */
static void cluster_add(struct found_runs *found, const struct cluster *cluster, uintptr_t va, uintptr_t end)
{
	const pte_t *entry = &cluster->entries[CLUSTER_INDEX(va, PTL_LEAF)];

	for (size_t left = range_pages(va, end); left > 0 && !found->full; left--, va += PAGE_SIZE) {
		pte_t pte = entry_peek(entry++);

		if (pte != 0)
			found_runs_add(found, va, pte_leaf_pa(pte, PTL_LEAF), 1);
	}
}

/* Adds the part of [va, last] that lies in one large page with va, if that is mapped by one. @return its end, or va */
static uintptr_t large_add(struct page_table *table, struct found_runs *found, uintptr_t va, uintptr_t last)
{
	for (unsigned level = PTL_LEAF; level-- > 0;) {
		const struct cluster *cluster = has_size(table, level) ? cluster_find(table, va, level) : NULL;
		pte_t pte = cluster != NULL ? entry_peek(&cluster->entries[CLUSTER_INDEX(va, level)]) : 0;
		uintptr_t end = block_last(va, last, PTL_COVERS(level));

		if (pte == 0)
			continue;
		found_runs_add(found, va, pte_leaf_pa(pte, level) | (va & (PTL_COVERS(level) - 1)), range_pages(va, end));
		return end;
	}
	return va;
}

/* The lowest address of a page of this size that is mapped and meets [va, last], if that is below the one given. */
static uintptr_t lowest_as(struct page_table *table, unsigned level, uintptr_t va, uintptr_t last, uintptr_t lowest)
{
	struct sweep sweep;
	struct span span;

	sweep_begin(&sweep, table, level, va, last);
	while (sweep_next(&sweep, &span)) {
		uintptr_t page = span.va;

		for (size_t i = span.first; i <= span.last && page < lowest; i++, page += PTL_COVERS(level))
			if (entry_peek(&span.cluster->entries[i]) != 0)
				lowest = page;
	}
	return lowest;
}

/* The first address of [va, last] that is mapped, or last. */
static uintptr_t next_mapped(struct page_table *table, uintptr_t va, uintptr_t last)
{
	uintptr_t lowest = last;

	for (unsigned level = 0; level < PTL_LEVELS; level++)
		if (has_size(table, level))
			lowest = lowest_as(table, level, va, last, lowest);
	return lowest > va ? lowest : va;
}

static size_t clusters_of(const struct page_table *table)
{
	size_t clusters = 0;

	for (unsigned level = 0; level < PTL_LEVELS; level++)
		clusters += table->cluster_count[level];
	return clusters;
}

/* The last address of a hole of which one cluster that is not there was the latest part, ending at end. */
static uintptr_t hole_end(struct page_table *table, uintptr_t end, uintptr_t last, size_t *missed)
{
	uintptr_t next;

	if (end == last || (*missed)++ < clusters_of(table) / LIST_SPEED)
		return end;
	*missed = 0;
	next = next_mapped(table, end + 1, last);
	return next == last ? last : next - 1;
}

/*
 * Adds what the part of [va, last] that begins at va is mapped to.
 *
 * @param missed  clusters in a row that were not there
 * @return the last address of the part
 */
static uintptr_t part_add(
	struct page_table *table, uintptr_t va, uintptr_t last, struct found_runs *found, size_t *missed)
{
	const struct cluster *cluster;
	uintptr_t cluster_end, end;

	last = direct_map_part(va, last);
	if (direct_map_has(va)) {
		found_runs_add(found, va, KA2PA(va), range_pages(va, last));
		return last;
	}
	cluster = cluster_find(table, va, PTL_LEAF);
	cluster_end = block_last(va, last, CLUSTER_COVERS(PTL_LEAF));
	if (cluster != NULL) {
		cluster_add(found, cluster, va, cluster_end);
		end = cluster_end;
	} else {
		end = large_add(table, found, va, last);
	}
	if (end == va)
		return hole_end(table, cluster_end, last, missed);
	*missed = 0;
	return end;
}

size_t page_mapping_runs(struct page_table *table, uintptr_t va, size_t pages, struct page_run *runs, size_t room)
{
	struct found_runs found = { .runs = runs, .room = room };
	uintptr_t last = va + (pages - 1) * PAGE_SIZE + PAGE_MASK;
	size_t missed = 0;
	bool ended = false;

	page_reach_debug(runs, room * sizeof *runs);
	if (!range_valid(table, va, pages))
		table = &page_kernel;
	if (!range_valid(table, va, pages))
		return 0;
	while (!ended && !found.full) {
		port_irq_t irq = spinlock_lock(&ht.lock);

		for (unsigned i = 0; i < STRETCH && !ended && !found.full; i++) {
			uintptr_t end = part_add(table, va, last, &found, &missed);

			ended = end == last;
			va = end + 1;
		}
		spinlock_unlock(&ht.lock, irq);
	}
	return found.count;
}
