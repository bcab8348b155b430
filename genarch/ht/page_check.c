/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Looking at all of it: what there is, and whether it is as it should be.
 *
 * INVARIANTS, by the names that page_check logs:
 *
 *   bucket    a slot is in the bucket that its tag belongs to
 *   compact   no slot in use stands behind an empty one, no overflow line is empty
 *   changes   a bucket in use is not open when nobody holds the lock
 *   count     clusters, slots in use and members of lists are equally many
 *   tag       each cluster of a list is the one its tag finds
 *   uses      the count of a cluster is that of its entries in use, not 0
 *   zero      an entry that is not present is 0
 *   size      a large page stands only where one of its size may be
 *   overlap   no page lies in a larger one
 *   spares    as many splits are promised as the large pages take, and all that is
 *             promised is these and what is set aside for reservations
 *   lines     all lines are clusters, overflows or free
 *   room      there are lines for all that is promised (ht.h)
 *   recent    the recent cluster is the one its tag finds, with its count
 *   buckets   what readers are told of their number agrees
 *
 * The lock is held throughout: for the console and for tests.
 */

#include <mm/direct_map.h>

#include "ht.h"

/* ---- what there is ---- */

static void info_add(struct page_table_info *info, const struct cluster *cluster, unsigned level)
{
	info->tables[level]++;
	info->room[level] += CLUSTER_PAGES;
	info->entries[level] += books_of(cluster)->uses;
	info->leaves[level] += books_of(cluster)->uses;
}

/* Levels are page sizes here, tables are clusters; the page table itself counts as one more of level 0. */
void page_table_get_info(struct page_table *table, struct page_table_info *info)
{
	port_irq_t irq = spinlock_lock(&ht.lock);

	*info = (struct page_table_info){ .levels = PTL_LEVELS, .spares = table->spares, .set_aside = ht.set_aside };
	info->tables[0] = 1;
	info->frames = ht.lines / FRAME_LINES + ht.segments + ht.directory_room * sizeof(struct bucket *) / PAGE_SIZE;
	for (unsigned level = 0; level < PTL_LEVELS; level++)
		for (struct cluster *cluster = table->clusters[level]; cluster != NULL; cluster = books_of(cluster)->next)
			info_add(info, cluster, level);
	spinlock_unlock(&ht.lock, irq);
}

size_t page_mapping_count(struct page_table *table, uintptr_t va, size_t pages)
{
	port_irq_t irq;
	size_t count;

	if (!range_valid(table, va, pages))
		return 0;
	irq = spinlock_lock(&ht.lock);
	count = range_mapped(table, va, va + (pages - 1) * PAGE_SIZE + PAGE_MASK);
	spinlock_unlock(&ht.lock, irq);
	return count + direct_map_pages(va, pages);
}

/* ---- whether it is right ---- */

struct examination {
	size_t breaches;
	size_t clusters, slots, overflows;
	size_t promised;
};

static void breach(struct examination *examination, const char *name, size_t where, size_t is, size_t should)
{
	port_log("page_check: %s: %#zx: %zu, should be %zu", name, where, is, should);
	examination->breaches++;
}

static void expect(struct examination *examination, const char *name, size_t where, size_t is, size_t should)
{
	if (is != should)
		breach(examination, name, where, is, should);
}

static void chain_examine(struct examination *examination, size_t number)
{
	struct bucket *head = bucket_at(number);
	bool ended = false;

	expect(examination, "changes", number, head->changes % 2, 0);
	for (struct bucket *line = head; line != NULL; line = line->next) {
		if (line != head)
			examination->overflows++;
		if (line != head && line->slots[0].tag == 0)
			breach(examination, "compact", number, 0, 1);
		for (size_t i = 0; i < BUCKET_SLOTS; i++) {
			uintptr_t tag = line->slots[i].tag;

			examination->slots += tag != 0;
			if (tag != 0 && ended)
				breach(examination, "compact", number, i, i - 1);
			if (tag != 0)
				expect(examination, "bucket", number, bucket_number(tag, ht.buckets), number);
			ended |= tag == 0;
		}
	}
}

static bool lies_in_larger(const struct page_table *table, uintptr_t page, unsigned level)
{
	for (unsigned above = 0; above < level; above++) {
		const struct cluster *cluster = table->sizes & 1u << above ? cluster_find(table, page, above) : NULL;

		if (cluster != NULL && entry_peek(&cluster->entries[CLUSTER_INDEX(page, above)]) != 0)
			return true;
	}
	return false;
}

static void cluster_examine(
	struct examination *examination, const struct page_table *table, const struct cluster *cluster, unsigned level)
{
	const struct line_books *books = books_of(cluster);
	size_t uses = 0;

	if (cluster_find(table, books->va, level) != cluster || books->level != level)
		breach(examination, "tag", books->va, 0, 1);
	for (size_t i = 0; i < CLUSTER_PAGES; i++) {
		pte_t pte = entry_peek(&cluster->entries[i]);
		uintptr_t page = books->va + i * PTL_COVERS(level);

		if (!pte_present(pte)) {
			expect(examination, "zero", page, (size_t) pte, 0);
			continue;
		}
		uses++;
		if (level != PTL_LEAF && !ptl_leaf_allowed(level))
			breach(examination, "size", page, level, PTL_LEAF);
		if (lies_in_larger(table, page, level))
			breach(examination, "overlap", page, level, 0);
	}
	expect(examination, "uses", books->va, books->uses, uses);
	if (uses == 0)
		breach(examination, "uses", books->va, 0, 1);
}

static void list_examine(struct examination *examination, const struct page_table *table, unsigned level)
{
	size_t count = 0;

	for (struct cluster *cluster = table->clusters[level]; cluster != NULL; cluster = books_of(cluster)->next, count++)
		cluster_examine(examination, table, cluster, level);
	expect(examination, "count", level, count, table->cluster_count[level]);
	expect(examination, "count", level, (table->sizes >> level) & 1, count != 0);
	examination->clusters += count;
}

/* Splits that the large pages are promised; the clusters for them are added. */
static size_t spares_of(struct examination *examination, const struct page_table *table)
{
	size_t splits = 0;

	for (unsigned level = 0; level < PTL_LEAF; level++)
		for (struct cluster *cluster = table->clusters[level]; cluster != NULL; cluster = books_of(cluster)->next)
			for (size_t i = 0; i < CLUSTER_PAGES; i++)
				if (entry_peek(&cluster->entries[i]) != 0 &&
					has_spares(table, books_of(cluster)->va + i * PTL_COVERS(level))) {
					splits += splits_down(level);
					examination->promised += clusters_down(level);
				}
	return splits;
}

static void space_examine(struct examination *examination, const struct page_table *table)
{
	for (unsigned level = 0; level < PTL_LEVELS; level++)
		list_examine(examination, table, level);
	expect(examination, "spares", table->space, table->spares, spares_of(examination, table));
	if (table->recent != RECENT_NONE &&
		(cluster_find(table, table->recent << RECENT_SHIFT, PTL_LEAF) != table->recent_cluster ||
			table->recent_uses != &books_of(table->recent_cluster)->uses))
		breach(examination, "recent", table->recent << RECENT_SHIFT, 0, 1);
}

static size_t examine(void)
{
	struct examination examination = { 0 };
	const struct page_table *table = &page_kernel;

	for (size_t i = 0; i < ht.buckets; i++)
		chain_examine(&examination, i);
	do {
		space_examine(&examination, table);
		table = table->next;
	} while (table != &page_kernel);
	expect(&examination, "count", 0, examination.clusters, ht.clusters);
	expect(&examination, "count", 1, examination.slots, ht.clusters);
	expect(&examination, "lines", 0, examination.overflows, ht.overflows);
	expect(&examination, "lines", 1, ht.clusters + ht.overflows + ht.free_lines, ht.lines);
	expect(&examination, "buckets", ht.buckets, ht.mask, buckets_mask(ht.buckets));
	expect(&examination, "spares", 0, ht.promised, examination.promised + ht.set_aside);
	if (!has_room(0))
		breach(&examination, "room", ht.lines, ht.clusters, ht.promised);
	return examination.breaches;
}

size_t page_check(void)
{
	port_irq_t irq = spinlock_lock(&ht.lock);
	size_t breaches = examine();

	spinlock_unlock(&ht.lock, irq);
	return breaches;
}
