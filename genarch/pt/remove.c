/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Unmapping a range: one walk down, which never fails and never sleeps.
 *
 * A large page of which only part goes is split first, into a table that was
 * set aside when it was mapped. A table that becomes empty is unhooked: its
 * entry goes from the table above, and the table waits on a list until the TLBs
 * have dropped what they know (generic/tlb.c), and is freed then. A table of the
 * last level that lies wholly in the range is unhooked as it is, without a look
 * at its entries.
 *
 * Runs of equal entries of which only part goes become single entries first.
 *
 * A large page that goes whole takes its spares along.
 *
 * COST. A page alone, its table the recent one: about 45 instructions, else
 * about 100; in a range: about five a page at the ends, nothing a page where whole
 * tables go, and 60 for each table that goes; and the TLB.
 */

#include <mm/tlb.h>

#include "pt.h"

struct removal {
	struct page_table *table;
	struct table_list freed; /* unhooked, or not to be set aside any more */
	bool unhooked;           /* some of these */
	bool found;              /* something was mapped */
};

/* @return entries that were in use */
static size_t leaves_clear(pte_t *entry, size_t count)
{
	size_t used = 0;

	for (; count >= 4; count -= 4, entry += 4) {
#pragma GCC unroll 4
		for (size_t i = 0; i < 4; i++) {
			used += entry_peek(&entry[i]) != 0;
			entry_poke(&entry[i], 0);
		}
	}
	for (; count > 0; count--, entry++) {
		used += entry_peek(entry) != 0;
		entry_poke(entry, 0);
	}
	return used;
}

static void remove_below(struct removal *removal, phys_t table, unsigned level, uintptr_t va, uintptr_t last);

/* Takes all of a large page. */
static void large_remove(struct removal *removal, pte_t *entry, unsigned level, uintptr_t at)
{
	struct page_table *table = removal->table;

	table_entry_set(table, level, entry, 0);
	removal->found = true;
	if (has_spares(table, at))
		table_move(&removal->freed, &table->spares, split_tables(level));
}

/* @return entries that are not in use any more: 0 or 1 */
static unsigned remove_slot(struct removal *removal, pte_t *entry, unsigned level, uintptr_t at, uintptr_t end)
{
	struct page_table *table = removal->table;
	bool whole = slot_whole(at, end, level);
	pte_t pte = entry_load(entry);
	phys_t child;

	if (!pte_present(pte))
		return 0;
	if (!pte_is_leaf(pte, level)) {
		child = pte_table_pa(pte);
	} else if (!whole) {
		child = leaf_split(table, level, entry, at, &table->spares);
	} else {
		large_remove(removal, entry, level, at);
		return 1;
	}
	if (whole && level + 1 == PTL_LEAF && !is_pinned(table, level + 1, at)) {
		*table_uses(child) = 0;
		removal->found = true;
	} else {
		remove_below(removal, child, level + 1, at, end);
	}
	if (*table_uses(child) != 0 || is_pinned(table, level + 1, at))
		return 0;
	table_entry_set(table, level, entry, 0);
	table_push(&removal->freed, child);
	removal->unhooked = true;
	return 1;
}

static void remove_below(struct removal *removal, phys_t table, unsigned level, uintptr_t va, uintptr_t last)
{
	pte_t *entries = table_entries(table);
	size_t gone = 0;

	if (level == PTL_LEAF) {
		gone = leaves_clear(&entries[PTL_INDEX(va, level)], range_pages(va, last));
		removal->found |= gone != 0;
	} else {
		FOR_EACH_SLOT(at, end, va, last, level)
			gone += remove_slot(removal, &entries[PTL_INDEX(at, level)], level, at, end);
	}
	*table_uses(table) -= gone;
}

static void remove_range(struct page_table *table, uintptr_t va, uintptr_t last, struct tlb_batch *batch)
{
	struct removal removal = { .table = table };
	port_irq_t irq = spinlock_lock(&table->lock);

	runs_cut(table, va, last);
	remove_below(&removal, table->root, 0, va, last);
	if (removal.freed.count != 0)
		recent_forget(table);
	spinlock_unlock_raw(&table->lock);
	if (removal.found)
		tlb_drop_or_add(batch, table, va, range_pages(va, last), removal.unhooked);
	port_irq_restore(irq);
	if (batch != NULL)
		tables_keep(batch, &removal.freed);
	else
		tables_free(&removal.freed);
}

/* Unmaps one page, whose table is the recent one and stays. @return whether it was mapped */
static inline bool remove_recent(struct page_table *table, uintptr_t va)
{
	pte_t *entry = &table->recent_entries[PTL_INDEX(va, PTL_LEAF)];

	if (entry_peek(entry) == 0)
		return false;
	runs_cut(table, va, va | PAGE_MASK);
	entry_store(entry, 0);
	--*table->recent_uses;
	return true;
}

/* Whether the recent table will have entries in use after one more goes. */
static inline bool recent_stays(const struct page_table *table)
{
	return *table->recent_uses > 1;
}

/* Unmaps pages of one table, if that is there, and stays. @return false if there is more to it */
static bool remove_near(struct page_table *table, uintptr_t va, size_t pages, struct tlb_batch *batch)
{
	port_irq_t irq = spinlock_lock(&table->lock);
	bool done = (recent_is(table, va) || recent_find(table, va)) && *table->recent_uses > pages;
	size_t gone = 0;

	if (done) {
		runs_cut(table, va, va + (pages - 1) * PAGE_SIZE + PAGE_MASK);
		gone = leaves_clear(&table->recent_entries[PTL_INDEX(va, PTL_LEAF)], pages);
		*table->recent_uses -= gone;
	}
	spinlock_unlock_raw(&table->lock);
	if (gone != 0)
		tlb_drop_or_add(batch, table, va, pages, false);
	port_irq_restore(irq);
	return done;
}

COLD static void remove_some(struct page_table *table, uintptr_t va, size_t pages, struct tlb_batch *batch)
{
	uintptr_t last;

	mm_assert((va & PAGE_MASK) == 0, "the address %#zx is not that of a page", (size_t) va);
	if (!page_range_clip(table->first, table->last, &va, &last, pages))
		return;
	remove_range(table, va, last, batch);
}

/* All that is not one page whose table is the recent one. */
static NOINLINE void remove_pages(struct page_table *table, uintptr_t va, size_t pages, struct tlb_batch *batch)
{
	if (!range_near(va, pages) || !range_valid(table, va, pages) || !remove_near(table, va, pages, batch))
		remove_some(table, va, pages, batch);
}

void page_mapping_remove_later(struct page_table *table, uintptr_t va, size_t pages, struct tlb_batch *batch)
{
	remove_pages(table, va, pages, batch);
}

void page_mapping_remove(struct page_table *table, uintptr_t va, size_t pages)
{
	if (likely(pages == 1 && (va & PAGE_MASK) == 0)) {
		port_irq_t irq = spinlock_lock(&table->lock);

		if (likely(recent_is(table, va) && recent_stays(table))) {
			bool was_mapped = remove_recent(table, va);

			spinlock_unlock_raw(&table->lock);
			if (likely(was_mapped))
				tlb_drop_page_restore(table, va, irq);
			else
				port_irq_restore(irq);
			return;
		}
		spinlock_unlock(&table->lock, irq);
	}
	remove_pages(table, va, pages, NULL);
}
