/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Page tables: numbers, under which the hash table knows an address space's
 * mappings. They are in a ring by number, the kernel's first; a new one gets the
 * first number free after the one given last, even if that is free again: so a
 * number is used again when all others had their turn. If none is free there is
 * no page table to be had (4,094 of 32 bits, 16 million of 64).
 *
 * MEMORY is given back when the frame allocator asks and can wait for every CPU
 * to answer: frames without a line in use beyond what room needs, and, if all is
 * wanted, the buckets that so few clusters do not need. Of both a bounded number
 * at once (RECLAIM_FRAMES, RECLAIM_STEPS), which is what the lock is held for; while
 * there is more, each call frees at least one frame.
 *
 * COST. Creating an address space: a malloc and 30 instructions; destroying an
 * empty one likewise. Nothing is copied for the kernel part: it has a number of
 * its own, which everybody finds.
 */

#include <mm/malloc.h>

#include "ht.h"

pte_t leaf_bits[LEAF_FLAGS + 1];

/* Until page_init it maps nothing; a miss by then may ask it. */
struct page_table page_kernel = {
	.first = UINTPTR_MAX, .last = UINTPTR_MAX, .next = &page_kernel, .previous = &page_kernel
};

/*
 * Numbers are given in turn: the next one is looked for behind number_last, which is that of `newest` or of one that
 * was destroyed meanwhile, between `newest` and the next in the ring.
 */
static struct page_table *newest = &page_kernel;
static uintptr_t number_last = 1;

uintptr_t page_spaces_last = SPACE_LAST;

static inline uintptr_t number_of(const struct page_table *table)
{
	return table->space >> SPACE_SHIFT;
}

/* Page tables that are looked at under one hold of the lock. */
#define GAP_LOOKS 64

/*
 * Looks for a free number behind that of `newest`, for a few page tables; if there is none, `newest` is the last that
 * was looked at, so the next call goes on behind it.
 */
static uintptr_t gap_find_locked(void)
{
	for (unsigned i = 0; i < GAP_LOOKS; i++) {
		uintptr_t end = newest->next == &page_kernel ? page_spaces_last + 1 : number_of(newest->next);

		if (number_last < page_spaces_last && number_last + 1 < end)
			return number_last + 1;
		newest = newest->next;
		number_last = number_of(newest);
	}
	return 0;
}

/* Puts a page table into the ring under a number; @return false if no number is free, or none was found yet */
static bool number_take(struct page_table *table)
{
	port_irq_t irq = spinlock_lock(&ht.lock);
	uintptr_t number = gap_find_locked();

	if (number != 0) {
		table->space = number << SPACE_SHIFT;
		table->previous = newest;
		table->next = newest->next;
		newest->next->previous = table;
		newest->next = table;
		newest = table;
		number_last = number;
	}
	spinlock_unlock(&ht.lock, irq);
	return number != 0;
}

struct page_table *page_table_create(frame_flags_t alloc)
{
	struct page_table *table = mm_malloc(sizeof *table, alloc);

	if (table == NULL)
		return NULL;
	*table = (struct page_table){ .first = USER_START, .last = USER_LAST, .recent = RECENT_NONE };
	for (uintptr_t looked = 0; looked <= page_spaces_last + 1; looked += GAP_LOOKS)
		if (number_take(table))
			return table;
	mm_free(table);
	return NULL;
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
	if (newest == table) /* number_last stays: its number is not the next one given */
		newest = table->previous;
	spinlock_unlock(&ht.lock, irq);
	mm_free(table);
}

phys_t page_table_root(const struct page_table *table)
{
	return table == &page_kernel ? (phys_t) IMAGE2PA(table) : (phys_t) KA2PA((uintptr_t) table);
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

unsigned page_window_level(void)
{
	return 0;
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

bool has_surplus(void)
{
	return room_has_surplus() || segments_have_surplus();
}

size_t ht_reclaim(enum reclaim_strength strength, bool may_wait)
{
	struct frame_list freed = { 0 };
	port_irq_t irq;

	if (!may_wait)
		return 0;
	irq = spinlock_lock(&ht.lock);
	if (strength == RECLAIM_FULL)
		buckets_shrink(RECLAIM_STEPS, true);
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
