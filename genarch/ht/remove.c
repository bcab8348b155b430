/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Unmapping a range, size by size from the largest: what of a large page is not
 * in the range stays as pages of the next size, which are gone through next.
 * The room for that was set aside when it was mapped, so this never fails.
 *
 * Clusters that become empty go, and the table shrinks by no more steps than
 * that.
 *
 * COST. A page alone, its cluster the recent one: 55 instructions; in another: 130;
 * the last one of its cluster: 350; in a range: 30 a page; and the TLB.
 */

#include <mm/tlb.h>

#include "ht.h"

struct removal {
	struct page_table *table;
	uintptr_t va, last;
	bool found; /* something was mapped */
};

/* Takes one page out: all of it, or the part in the range. */
static void page_remove(struct removal *removal, struct cluster *cluster, uintptr_t page, unsigned level)
{
	struct page_table *table = removal->table;

	removal->found = true;
	if (!page_whole(page, removal->va, removal->last, level)) {
		page_split(table, cluster, page, level);
		return;
	}
	if (level != PTL_LEAF && has_spares(table, page))
		spares_change(table, level, false);
	entry_clear(table, cluster, CLUSTER_INDEX(page, level));
}

/* All of a cluster of base pages goes as it is: who still reads in it does not believe it. */
static void span_remove(struct removal *removal, const struct span *span, unsigned level)
{
	size_t left = books_of(span->cluster)->uses; /* the cluster goes with its last */
	uintptr_t page = span->va;

	if (level == PTL_LEAF && span->last - span->first == CLUSTER_PAGES - 1) {
		removal->found = true;
		cluster_drop(removal->table, span->cluster, span->tag);
		return;
	}
	for (size_t i = span->first; i <= span->last && left > 0; i++, page += PTL_COVERS(level)) {
		if (entry_peek(&span->cluster->entries[i]) == 0)
			continue;
		page_remove(removal, span->cluster, page, level);
		left--;
	}
}

static void remove_all(struct removal *removal)
{
	for (unsigned level = 0; level < PTL_LEVELS; level++) {
		struct sweep sweep;
		struct span span;

		if (!has_size(removal->table, level))
			continue;
		sweep_begin(&sweep, removal->table, level, removal->va, removal->last);
		while (sweep_next(&sweep, &span))
			span_remove(removal, &span, level);
	}
}

static void remove_range(struct page_table *table, uintptr_t va, uintptr_t last, struct tlb_batch *batch)
{
	struct removal removal = { .table = table, .va = va, .last = last };
	port_irq_t irq = spinlock_lock(&ht.lock);
	size_t clusters = ht.clusters, promised = ht.promised;
	bool fewer, offer;

	remove_all(&removal);
	fewer = ht.clusters < clusters;
	if (fewer)
		buckets_shrink(2 * (clusters - ht.clusters), false);
	else
		buckets_grow(2 * (ht.clusters - clusters));
	offer = (fewer || ht.promised < promised) && has_surplus();
	spinlock_unlock_raw(&ht.lock);
	if (removal.found)
		tlb_drop_or_add(batch, table, va, range_pages(va, last), false);
	port_irq_restore(irq);
	if (offer)
		frame_reclaim_offer();
}

COLD static void remove_some(struct page_table *table, uintptr_t va, size_t pages, struct tlb_batch *batch)
{
	uintptr_t last;

	mm_assert((va & PAGE_MASK) == 0, "the address %#zx is not that of a page", (size_t) va);
	if (page_range_clip(table->first, table->last, &va, &last, pages))
		remove_range(table, va, last, batch);
}

void page_mapping_remove_later(struct page_table *table, uintptr_t va, size_t pages, struct tlb_batch *batch)
{
	remove_some(table, va, pages, batch);
}

/* One page, if the short way was none. Interrupts are off. The lock, which may be held, is let go of. */
static NOINLINE void remove_elsewhere(struct page_table *table, uintptr_t va, port_irq_t irq)
{
	size_t index = CLUSTER_INDEX(va, PTL_LEAF);
	struct cluster *cluster;
	bool offer = false;

	lock_anyway();
	cluster = range_valid(table, va, 1) ? cluster_find(table, va, PTL_LEAF) : NULL;
	if (cluster == NULL || entry_peek(&cluster->entries[index]) == 0) {
		bool more = has_large(table);

		spinlock_unlock(&ht.lock, irq);
		if (more)
			remove_some(table, va, 1, NULL);
		return;
	}
	entry_clear(table, cluster, index);
	if (books_of(cluster)->uses == 0) {
		buckets_shrink(2, false);
		offer = has_surplus();
	} else {
		recent_set(table, va, cluster);
	}
	spinlock_unlock_raw(&ht.lock);
	tlb_drop_page_restore(table, va, irq);
	if (offer)
		frame_reclaim_offer();
}

void page_mapping_remove(struct page_table *table, uintptr_t va, size_t pages)
{
	if (likely(pages == 1 && (va & PAGE_MASK) == 0)) {
		port_irq_t irq = port_irq_save();

		if (likely(spinlock_try_raw(&ht.lock) && recent_is(table, va) && *table->recent_uses > 1)) {
			pte_t *entry = &table->recent_cluster->entries[CLUSTER_INDEX(va, PTL_LEAF)];

			if (likely(entry_peek(entry) != 0)) {
				entry_store(entry, 0);
				--*table->recent_uses;
				spinlock_unlock_raw(&ht.lock);
				tlb_drop_page_restore(table, va, irq);
				return;
			}
		}
		remove_elsewhere(table, va, irq);
		return;
	}
	remove_some(table, va, pages, NULL);
}
