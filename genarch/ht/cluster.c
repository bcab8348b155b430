/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Clusters as things, and ranges of them.
 *
 * Besides being in the hash table, a cluster is in a list of its page table's
 * clusters of its size. So an operation on a range has two ways of going through
 * what is mapped there, and takes the shorter: look up every tag of the range,
 * or go through the list. All of an address space is unmapped at a cost of what
 * it has, however large it is.
 *
 * A split fills the clusters of the smaller pages before the large page goes;
 * in between both say the same.
 *
 * COST. Making a cluster: about 190 instructions; dropping one: 90. A split: 200 a
 * cluster.
 */

#include "ht.h"

/* ---- one cluster ---- */

struct cluster *cluster_make(struct page_table *table, uintptr_t va, unsigned level)
{
	struct cluster *cluster = line_take();
	struct line_books *books = books_of(cluster);
	struct cluster *head = table->clusters[level];

	for (size_t i = 0; i < CLUSTER_PAGES; i++)
		entry_store(&cluster->entries[i], 0);
	*books = (struct line_books){ .va = ALIGN_DOWN(va, CLUSTER_COVERS(level)), .next = head, .level = level };
	if (head != NULL)
		books_of(head)->previous = cluster;
	else
		__atomic_store_n(&table->sizes, table->sizes | 1u << level, __ATOMIC_RELEASE);
	table->clusters[level] = cluster;
	table->cluster_count[level]++;
	ht.clusters++;
	bucket_add(tag_of(table, va, level), cluster);
	return cluster;
}

void cluster_drop(struct page_table *table, struct cluster *cluster)
{
	struct line_books *books = books_of(cluster);
	unsigned level = books->level;

	bucket_remove(tag_of(table, books->va, level));
	if (books->previous != NULL)
		books_of(books->previous)->next = books->next;
	else
		table->clusters[level] = books->next;
	if (books->next != NULL)
		books_of(books->next)->previous = books->previous;
	if (table->clusters[level] == NULL)
		__atomic_store_n(&table->sizes, table->sizes & ~(1u << level), __ATOMIC_RELEASE);
	table->cluster_count[level]--;
	ht.clusters--;
	if (table->recent == cluster)
		table->recent_tag = 0;
	line_give(cluster);
}

void entry_clear(struct page_table *table, struct cluster *cluster, size_t index)
{
	entry_store(&cluster->entries[index], 0);
	if (--books_of(cluster)->uses == 0)
		cluster_drop(table, cluster);
}

struct cluster *recent_find(struct page_table *table, uintptr_t va)
{
	uintptr_t tag = tag_of(table, va, PTL_LEAF);
	struct cluster *cluster = bucket_find(tag);

	if (cluster != NULL) {
		table->recent_tag = tag;
		table->recent = cluster;
	}
	return cluster;
}

/* ---- ranges ---- */

void sweep_begin(struct sweep *sweep, struct page_table *table, unsigned level, uintptr_t va, uintptr_t last)
{
	size_t there = (last >> CLUSTER_SHIFT(level)) - (va >> CLUSTER_SHIFT(level)) + 1;

	*sweep = (struct sweep){ .table = table,
		.level = level,
		.va = va,
		.last = last,
		.at = ALIGN_DOWN(va, CLUSTER_COVERS(level)),
		.following = table->clusters[level],
		.by_list = table->cluster_count[level] < there,
		.ended = table->cluster_count[level] == 0 };
}

static struct cluster *next_by_list(struct sweep *sweep)
{
	struct cluster *cluster = sweep->following;

	while (cluster != NULL &&
		(books_of(cluster)->va > sweep->last || books_of(cluster)->va + (CLUSTER_COVERS(sweep->level) - 1) < sweep->va))
		cluster = books_of(cluster)->next;
	sweep->following = cluster != NULL ? books_of(cluster)->next : NULL;
	return cluster;
}

static struct cluster *next_by_address(struct sweep *sweep)
{
	struct cluster *cluster = NULL;

	while (cluster == NULL && !sweep->ended) {
		uintptr_t end = sweep->at + (CLUSTER_COVERS(sweep->level) - 1);

		cluster = cluster_find(sweep->table, sweep->at, sweep->level);
		sweep->at = end + 1;
		sweep->ended = end >= sweep->last;
	}
	return cluster;
}

bool sweep_next(struct sweep *sweep, struct span *span)
{
	unsigned level = sweep->level;
	struct cluster *cluster;
	uintptr_t start, end;

	if (sweep->ended && !sweep->by_list)
		return false;
	cluster = sweep->by_list ? next_by_list(sweep) : next_by_address(sweep);
	if (cluster == NULL)
		return false;
	start = books_of(cluster)->va;
	end = start + (CLUSTER_COVERS(level) - 1);
	span->cluster = cluster;
	span->first = sweep->va > start ? CLUSTER_INDEX(sweep->va, level) : 0;
	span->last = sweep->last < end ? CLUSTER_INDEX(sweep->last, level) : CLUSTER_PAGES - 1;
	span->va = start + span->first * PTL_COVERS(level);
	return true;
}

/* Base pages that the span's entries in use map of the range. */
static size_t span_mapped(const struct sweep *sweep, const struct span *span)
{
	uintptr_t page = span->va;
	size_t pages = 0;

	if (sweep->level == PTL_LEAF && span->last - span->first == CLUSTER_PAGES - 1)
		return books_of(span->cluster)->uses;
	for (size_t i = span->first; i <= span->last; i++, page += PTL_COVERS(sweep->level)) {
		uintptr_t end = page + (PTL_COVERS(sweep->level) - 1);

		if (entry_peek(&span->cluster->entries[i]) != 0)
			pages += range_pages(page > sweep->va ? page : sweep->va, end < sweep->last ? end : sweep->last);
	}
	return pages;
}

size_t range_mapped_as(struct page_table *table, unsigned level, uintptr_t va, uintptr_t last)
{
	struct sweep sweep;
	struct span span;
	size_t pages = 0;

	if (!has_size(table, level))
		return 0;
	sweep_begin(&sweep, table, level, va, last);
	while (sweep_next(&sweep, &span))
		pages += span_mapped(&sweep, &span);
	return pages;
}

size_t range_mapped(struct page_table *table, uintptr_t va, uintptr_t last)
{
	size_t pages = 0;

	for (unsigned level = 0; level < PTL_LEVELS; level++)
		pages += range_mapped_as(table, level, va, last);
	return pages;
}

/* ---- splits ---- */

size_t splits_down(unsigned level)
{
	size_t splits = 0;

	for (unsigned below = PTL_LEAF; below > level; below--)
		splits = 1 + PTL_ENTRIES(below) * splits;
	return splits;
}

void spares_change(struct page_table *table, size_t splits, bool more)
{
	size_t clusters = splits * SPLIT_CLUSTERS;

	table->spares = more ? table->spares + splits : table->spares - splits;
	ht.promised = more ? ht.promised + clusters : ht.promised - clusters;
}

void page_split(struct page_table *table, struct cluster *cluster, uintptr_t va, unsigned level)
{
	pte_t *entry = &cluster->entries[CLUSTER_INDEX(va, level)];
	pte_t old = entry_peek(entry);
	pte_t part = pte_leaf(pte_leaf_pa(old, level), pte_leaf_flags(old, level), level + 1);
	pte_t step = leaf_step(level + 1);

	if (has_spares(table, va))
		spares_change(table, 1, false);
	mm_assert(has_room(SPLIT_CLUSTERS), "no room is set aside to split the large page at %#zx", (size_t) va);
	for (size_t i = 0; i < SPLIT_CLUSTERS; i++) {
		struct cluster *child = cluster_make(table, va + i * CLUSTER_COVERS(level + 1), level + 1);

		for (size_t j = 0; j < CLUSTER_PAGES; j++, part += step)
			entry_store(&child->entries[j], part);
		books_of(child)->uses = CLUSTER_PAGES;
	}
	__atomic_store_n(&table->splits, table->splits + 1, __ATOMIC_RELEASE);
	entry_clear(table, cluster, CLUSTER_INDEX(va, level));
}
