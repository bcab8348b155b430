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
 * COST. Making a cluster and putting it in its chain: about 130 instructions;
 * dropping one: 110. A split: 170 a cluster.
 */

#include "ht.h"

/* ---- the recent one ---- */

static void recent_forget(struct page_table *table)
{
	__atomic_store_n(&table->recent, RECENT_NONE, __ATOMIC_RELEASE);
	__atomic_store_n(&table->recent_changes, table->recent_changes + 1, __ATOMIC_RELEASE);
}

void recent_set(struct page_table *table, uintptr_t va, struct cluster *cluster)
{
	recent_forget(table);
	__atomic_store_n(&table->recent_cluster, cluster, __ATOMIC_RELEASE);
	table->recent_uses = &books_of(cluster)->uses;
	__atomic_store_n(&table->recent, va >> RECENT_SHIFT, __ATOMIC_RELEASE);
}

/* ---- one cluster ---- */

struct cluster *cluster_make(struct page_table *table, uintptr_t va, unsigned level, size_t uses)
{
	struct cluster *cluster = line_take();
	struct line_books *books = books_of(cluster);
	struct cluster *head = table->clusters[level];

	*books = (struct line_books){
		.va = ALIGN_DOWN(va, CLUSTER_COVERS(level)), .next = head, .uses = (uint16_t) uses, .level = (uint16_t) level
	};
	if (head != NULL)
		books_of(head)->previous = cluster;
	else
		__atomic_store_n(&table->sizes, table->sizes | 1u << level, __ATOMIC_RELEASE);
	table->clusters[level] = cluster;
	table->cluster_count[level]++;
	ht.clusters++;
	return cluster;
}

/* Takes a cluster out of its page table's list. */
static void list_remove(struct page_table *table, const struct line_books *books, unsigned level)
{
	if (books->previous != NULL)
		books_of(books->previous)->next = books->next;
	else if ((table->clusters[level] = books->next) == NULL)
		__atomic_store_n(&table->sizes, table->sizes & ~(1u << level), __ATOMIC_RELEASE);
	if (books->next != NULL)
		books_of(books->next)->previous = books->previous;
	table->cluster_count[level]--;
}

void cluster_drop(struct page_table *table, struct cluster *cluster, uintptr_t tag)
{
	struct line_books *books = books_of(cluster);
	unsigned level = books->level;

	chain_remove(head_of(tag), tag);
	list_remove(table, books, level);
	ht.clusters--;
	if (level == PTL_LEAF && recent_is(table, books->va))
		recent_forget(table);
	line_give(cluster);
}

void entry_clear(struct page_table *table, struct cluster *cluster, size_t index)
{
	entry_store(&cluster->entries[index], 0);
	if (--books_of(cluster)->uses == 0)
		cluster_drop(table, cluster, tag_of(table, books_of(cluster)->va, books_of(cluster)->level));
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
		.tag = tag_of(table, va, level),
		.left = table->cluster_count[level] != 0 ? there : 0,
		.following = table->clusters[level],
		.by_list = table->cluster_count[level] < there };
}

/* A cluster that begins at start, and of its entries those that the range meets. */
static inline bool span_tell(
	const struct sweep *sweep, struct span *span, struct cluster *cluster, uintptr_t tag, uintptr_t start)
{
	uintptr_t end = start + (CLUSTER_COVERS(sweep->level) - 1);

	span->cluster = cluster;
	span->tag = tag;
	span->first = 0;
	span->last = CLUSTER_PAGES - 1;
	span->va = start;
	if (sweep->va > start) {
		span->first = CLUSTER_INDEX(sweep->va, sweep->level);
		span->va = start + span->first * PTL_COVERS(sweep->level);
	}
	if (sweep->last < end)
		span->last = CLUSTER_INDEX(sweep->last, sweep->level);
	return true;
}

static bool next_by_list(struct sweep *sweep, struct span *span)
{
	struct cluster *cluster = sweep->following;

	while (cluster != NULL &&
		(books_of(cluster)->va > sweep->last || books_of(cluster)->va + (CLUSTER_COVERS(sweep->level) - 1) < sweep->va))
		cluster = books_of(cluster)->next;
	if (cluster == NULL)
		return false;
	sweep->following = books_of(cluster)->next;
	return span_tell(
		sweep, span, cluster, tag_of(sweep->table, books_of(cluster)->va, sweep->level), books_of(cluster)->va);
}

/* Neighbours have tags that follow each other. */
bool sweep_next(struct sweep *sweep, struct span *span)
{
	if (sweep->by_list)
		return next_by_list(sweep, span);
	while (sweep->left > 0) {
		uintptr_t start = sweep->at, tag = sweep->tag++;
		struct cluster *cluster = chain_find(head_of(tag), tag);

		sweep->left--;
		sweep->at += CLUSTER_COVERS(sweep->level);
		if (cluster != NULL)
			return span_tell(sweep, span, cluster, tag, start);
	}
	return false;
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
	unsigned below = level_below(level);

	if (level == PTL_LEAF)
		return 0;
	return 1 + (PTL_COVERS(level) >> PTL_SHIFT(below)) * splits_down(below);
}

size_t clusters_down(unsigned level)
{
	unsigned below = level_below(level);

	if (level == PTL_LEAF)
		return 0;
	return split_clusters(level) + (PTL_COVERS(level) >> PTL_SHIFT(below)) * clusters_down(below);
}

void spares_change(struct page_table *table, unsigned level, bool more)
{
	size_t splits = splits_down(level), clusters = clusters_down(level);

	table->spares = more ? table->spares + splits : table->spares - splits;
	ht.promised = more ? ht.promised + clusters : ht.promised - clusters;
}

void page_split(struct page_table *table, struct cluster *cluster, uintptr_t va, unsigned level)
{
	pte_t *entry = &cluster->entries[CLUSTER_INDEX(va, level)];
	pte_t old = entry_peek(entry);
	unsigned below = level_below(level);
	pte_t part = pte_leaf(pte_leaf_pa(old, level), pte_leaf_flags(old, level), below);
	pte_t step = leaf_step(below);
	size_t clusters = split_clusters(level);

	if (has_spares(table, va)) {
		table->spares--;
		ht.promised -= clusters;
	}
	mm_assert(has_room(clusters), "no room is set aside to split the large page at %#zx", (size_t) va);
	for (size_t i = 0; i < clusters; i++) {
		uintptr_t at = va + i * CLUSTER_COVERS(below);
		uintptr_t tag = tag_of(table, at, below);
		struct cluster *child = cluster_make(table, at, below, CLUSTER_PAGES);

		for (size_t j = 0; j < CLUSTER_PAGES; j++, part += step)
			entry_store(&child->entries[j], part);
		chain_add(head_of(tag), tag, child);
	}
	__atomic_store_n(&table->splits, table->splits + 1, __ATOMIC_RELEASE);
	entry_clear(table, cluster, CLUSTER_INDEX(va, level));
}
