/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Page tables: numbers, under which the hash table knows an address space's
 * mappings. They are in a ring by number, the kernel's first; a new one gets the
 * first number free after the one given last, so a number is not used again
 * soon.
 *
 * MEMORY is given back when the frame allocator asks and can wait for every CPU
 * to answer: frames without a line in use beyond what room needs, and, if all is
 * wanted, the buckets that so few clusters do not need.
 *
 * COST. Creating an address space: a malloc and 30 instructions; destroying an
 * empty one likewise. Nothing is copied for the kernel part: it has a number of
 * its own, which everybody finds.
 */

#include <mm/malloc.h>

#include "ht.h"

pte_t leaf_bits[LEAF_FLAGS + 1];

struct page_table page_kernel = { .next = &page_kernel, .previous = &page_kernel };

static struct page_table *newest = &page_kernel;

static inline uintptr_t number_of(const struct page_table *table)
{
	return table->space >> SPACE_SHIFT;
}

/* The page table after whose number there is a free one. */
static struct page_table *gap_find(void)
{
	struct page_table *table = newest;

	for (;;) {
		uintptr_t end = table->next == &page_kernel ? SPACE_LAST + 1 : number_of(table->next);

		if (number_of(table) + 1 < end)
			return table;
		table = table->next;
		mm_assert(table != newest, "there are %zu address spaces, and no number for one more", (size_t) SPACE_LAST);
	}
}

struct page_table *page_table_create(frame_flags_t alloc)
{
	struct page_table *table = mm_malloc(sizeof *table, alloc);
	struct page_table *before;
	port_irq_t irq;

	if (table == NULL)
		return NULL;
	*table = (struct page_table){ .first = USER_START, .last = USER_LAST, .recent = RECENT_NONE };
	irq = spinlock_lock(&ht.lock);
	before = gap_find();
	table->space = (number_of(before) + 1) << SPACE_SHIFT;
	table->previous = before;
	table->next = before->next;
	before->next->previous = table;
	before->next = table;
	newest = table;
	spinlock_unlock(&ht.lock, irq);
	return table;
}

void page_table_destroy(struct page_table *table)
{
	port_irq_t irq;

	mm_assert(table != &page_kernel, "the kernel's own page table is not one that can go");
	page_mapping_remove(table, table->first, range_pages(table->first, table->last));
	mm_assert(table->sizes == 0 && table->spares == 0, "clusters are left, and %zu splits are promised", table->spares);
	irq = spinlock_lock(&ht.lock);
	table->next->previous = table->previous;
	table->previous->next = table->next;
	if (newest == table)
		newest = table->previous;
	spinlock_unlock(&ht.lock, irq);
	mm_free(table);
}

phys_t page_table_root(const struct page_table *table)
{
	return (phys_t) number_of(table);
}

/* Memory that is not needed any more stays the hash table's: a batch has nothing to keep. */
void page_tables_free(phys_t first, size_t count)
{
	(void) first;
	(void) count;
}

struct asid_contexts *page_table_asids(struct page_table *table)
{
	return &table->asids;
}

const char *page_design_name(void)
{
	return "ht";
}

/* What every CPU does once it can: after that, none is in a look-up that was under way before. */
static void answer(void *argument)
{
	(void) argument;
}

size_t ht_reclaim(enum reclaim_strength strength, bool may_wait)
{
	struct frame_list freed = { 0 };
	port_irq_t irq;

	if (!may_wait)
		return 0;
	irq = spinlock_lock(&ht.lock);
	if (strength == RECLAIM_FULL)
		buckets_shrink(SIZE_MAX, true);
	segments_trim(&freed);
	room_trim(&freed);
	if (freed.first != 0)
		__atomic_store_n(&ht.trims, ht.trims + 1, __ATOMIC_RELEASE);
	spinlock_unlock(&ht.lock, irq);
	if (freed.first == 0)
		return 0;
	port_cross_call(answer, NULL);
	return frame_list_free(&freed);
}
