/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Changing the flags of a range: prepare, then commit.
 *
 * PREPARE refuses if a page of the range is not mapped. Large pages that change
 * in part are split at commit, into room that was set aside; only those of the
 * identity window have none, so what their splits will need is counted, and
 * taken as in insert.c.
 *
 * Entries are replaced whole. What the CPU has noted in them (accessed, dirty)
 * is not kept: nobody here reads it.
 *
 * COST. A page alone, its cluster the recent one: 60 instructions; in a range:
 * 34 a page; and the TLB.
 */

#include <mm/direct_map.h>
#include <mm/tlb.h>

#include "ht.h"

struct change {
	struct page_table *table;
	uintptr_t va, last;
	page_flags_t flags;
	size_t clusters; /* wanted for splits, beyond those that are promised */
};

/* ---- prepare ---- */

/* Clusters that it takes for its part of the range to change alone. */
static size_t clusters_for(const struct change *change, uintptr_t page, unsigned level)
{
	uintptr_t end = page + (PTL_COVERS(level) - 1), part;
	unsigned below = level_below(level);
	size_t clusters;

	if (level == PTL_LEAF || page_whole(page, change->va, change->last, level))
		return 0;
	part = PTL_COVERS(below);
	clusters = split_clusters(level);
	if (change->va > page)
		clusters += clusters_for(change, ALIGN_DOWN(change->va, part), below);
	if (change->last < end && (change->va <= page || ((change->va ^ change->last) & ~(part - 1)) != 0))
		clusters += clusters_for(change, ALIGN_DOWN(change->last, part), below);
	return clusters;
}

/* The pages with no spares that stand at the ends of the range are the only ones that may be split. */
static size_t clusters_at(const struct change *change, uintptr_t va)
{
	for (unsigned level = 0; level < PTL_LEAF; level++) {
		const struct cluster *cluster = cluster_find(change->table, va, level);

		if (cluster != NULL && entry_peek(&cluster->entries[CLUSTER_INDEX(va, level)]) != 0)
			return clusters_for(change, ALIGN_DOWN(va, PTL_COVERS(level)), level);
	}
	return 0;
}

static bool prepare(struct change *change)
{
	struct page_table *table = change->table;

	if (range_mapped(table, change->va, change->last) != range_pages(change->va, change->last))
		return false;
	change->clusters = 0;
	if (!has_spares(table, change->va))
		change->clusters += clusters_at(change, change->va);
	if (!has_spares(table, change->last))
		change->clusters += clusters_at(change, change->last);
	return true;
}

/* ---- commit ---- */

/* What is large changes whole, or is split, and its parts are gone through next. */
static void span_change_large(struct change *change, const struct span *span, unsigned level)
{
	size_t left = books_of(span->cluster)->uses; /* the cluster goes with its last */
	pte_t bits = pte_leaf(0, change->flags, level), kept = leaf_frame_bits(level);
	uintptr_t page = span->va;

	for (size_t i = span->first; i <= span->last && left > 0; i++, page += PTL_COVERS(level)) {
		pte_t *entry = &span->cluster->entries[i];

		if (entry_peek(entry) == 0)
			continue;
		if (page_whole(page, change->va, change->last, level)) {
			entry_store(entry, (entry_peek(entry) & kept) | bits);
		} else {
			page_split(change->table, span->cluster, page, level);
			left--;
		}
	}
}

/* Base pages, all of which are mapped: prepare has looked. */
static void span_change(const struct change *change, const struct span *span)
{
	pte_t bits = leaf_bits[change->flags & LEAF_FLAGS];
	pte_t *last = &span->cluster->entries[span->last];

	for (pte_t *entry = &span->cluster->entries[span->first]; entry <= last; entry++)
		entry_store(entry, (entry_peek(entry) & leaf_frame_bits(PTL_LEAF)) | bits);
}

static void commit(struct change *change)
{
	for (unsigned level = 0; level < PTL_LEVELS; level++) {
		struct sweep sweep;
		struct span span;

		if (!has_size(change->table, level))
			continue;
		sweep_begin(&sweep, change->table, level, change->va, change->last);
		while (sweep_next(&sweep, &span))
			if (level == PTL_LEAF)
				span_change(change, &span);
			else
				span_change_large(change, &span, level);
	}
}

/* ---- the whole ---- */

static errno_t change_range(struct change *change, frame_flags_t alloc, struct tlb_batch *batch)
{
	struct page_table *table = change->table;
	errno_t error = EAGAIN;
	bool made = false; /* room for clusters */

	while (error == EAGAIN) {
		port_irq_t irq = spinlock_lock(&ht.lock);
		size_t clusters = ht.clusters;
		size_t wanted = 0;

		check_may_sleep(alloc, irq);
		if (!prepare(change)) {
			error = ENOENT;
		} else if (has_room(wanted = change->clusters)) {
			commit(change);
			buckets_grow(2 * (ht.clusters - clusters));
			error = EOK;
		}
		spinlock_unlock_raw(&ht.lock);
		if (error == EOK)
			tlb_drop_or_add(batch, table, change->va, range_pages(change->va, change->last), false);
		port_irq_restore(irq);
		if (error == ENOENT && made)
			frame_reclaim_offer();
		if (error == EAGAIN && room_make(wanted, alloc) != EOK)
			error = ENOMEM;
		made = true;
	}
	return error;
}

COLD static errno_t change_some(struct page_table *table, uintptr_t va, size_t pages, page_flags_t flags,
	frame_flags_t alloc, struct tlb_batch *batch)
{
	struct change change = {
		.table = table, .va = va, .last = va + (pages - 1) * PAGE_SIZE + PAGE_MASK, .flags = flags & ~PAGE_NO_LARGE
	};

	if (!range_valid(table, va, pages) || direct_map_pages(va, pages) != 0)
		return EINVAL;
	return change_range(&change, alloc & PAGE_TABLE_FLAGS, batch);
}

errno_t page_mapping_update_later(struct page_table *table, uintptr_t va, size_t pages, page_flags_t flags,
	frame_flags_t alloc, struct tlb_batch *batch)
{
	may_wait_debug_unless(alloc);
	return change_some(table, va, pages, flags, alloc, batch);
}

/* The entry for va in its cluster of base pages, which is the recent one from now on; NULL if it maps nothing. */
static pte_t *recent_entry(struct page_table *table, uintptr_t va)
{
	struct cluster *cluster;
	pte_t *entry;

	if (unlikely(!recent_is(table, va))) {
		cluster = range_valid(table, va, 1) ? cluster_find(table, va, PTL_LEAF) : NULL;
		if (cluster == NULL)
			return NULL;
		recent_set(table, va, cluster);
	}
	entry = &table->recent_cluster->entries[CLUSTER_INDEX(va, PTL_LEAF)];
	return entry_peek(entry) != 0 ? entry : NULL;
}

/* One base page. @return false if va is none, and nothing was done */
static bool change_one(struct page_table *table, uintptr_t va, pte_t kept, pte_t bits, frame_flags_t alloc)
{
	port_irq_t irq = spinlock_lock(&ht.lock);
	pte_t *entry = recent_entry(table, va);

	check_may_sleep(alloc, irq);
	if (unlikely(entry == NULL)) {
		spinlock_unlock(&ht.lock, irq);
		return false;
	}
	entry_store(entry, (entry_peek(entry) & kept) | bits);
	spinlock_unlock_raw(&ht.lock);
	tlb_drop_page_restore(table, va, irq);
	return true;
}

errno_t page_mapping_update(
	struct page_table *table, uintptr_t va, size_t pages, page_flags_t flags, frame_flags_t alloc)
{
	may_wait_debug_unless(alloc);
	if (likely(pages == 1 && (va & PAGE_MASK) == 0) &&
		likely(change_one(table, va, leaf_frame_bits(PTL_LEAF), leaf_bits[flags & LEAF_FLAGS], alloc)))
		return EOK;
	return change_some(table, va, pages, flags, alloc, NULL);
}

/* ---- another frame ---- */

/* A cluster stays where it is while it has an entry in use. */
pte_t *page_local_entry(uintptr_t va)
{
	port_irq_t irq = spinlock_lock(&ht.lock);
	struct cluster *cluster = range_valid(&page_kernel, va, 1) ? cluster_find(&page_kernel, va, PTL_LEAF) : NULL;
	pte_t *entry = cluster != NULL ? &cluster->entries[CLUSTER_INDEX(va, PTL_LEAF)] : NULL;

	if (entry != NULL && entry_peek(entry) == 0)
		entry = NULL;
	spinlock_unlock(&ht.lock, irq);
	return entry;
}

errno_t page_mapping_replace(struct page_table *table, uintptr_t va, phys_t pa, page_flags_t flags)
{
	if (!range_valid(table, va, 1) || (pa & PAGE_MASK) != 0 || pa > phys_last())
		return EINVAL;
	return change_one(table, va, 0, leaf_make(pa, flags), FRAME_ATOMIC) ? EOK : ENOENT;
}
