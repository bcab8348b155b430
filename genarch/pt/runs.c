/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Finding what a range is mapped to, in runs.
 *
 * The range is gone through in parts: what one table of the last level serves,
 * one large page, or the hole that an empty entry of a table above leaves. The
 * walk down to a part is a reader's (pt.h, "Readers"): it takes no lock, and
 * interrupts are off for one part only.
 *
 *   range    |----------------------------------------------------|
 *   parts    | table's    | large page     | hole     | table's    |
 *   runs        |----|    |--------------------|      |--| |-------|
 *                          the next frames: one run
 *
 * COST. A part: ten instructions a level, and 40; a page in it: 6 if its frame
 * follows the last one's, 8 if nothing is mapped, 20 if it begins a run.
 */

#include <mm/page_runs.h>

#include "pt.h"

/* How many of the entries, of which the first is pte, map frames that follow each other, with whatever flags. */
static inline size_t entries_run(const pte_t *entries, pte_t pte, size_t left)
{
	size_t count = 1;

	for (; count < left; count++) {
		pte_t next = entry_peek(&entries[count]);

		pte += leaf_step(PTL_LEAF);
		if (unlikely(next != pte)) {
			if (!pte_present(next) || pte_leaf_pa(next, PTL_LEAF) != pte_leaf_pa(pte, PTL_LEAF))
				break;
			pte = next;
		}
	}
	return count;
}

/* Adds what so many entries of a table of the last level map, from va on. */
static void entries_add(struct found_runs *found, const pte_t *entries, uintptr_t va, size_t left)
{
	while (left != 0 && !found->full) {
		pte_t pte = entry_peek(entries);
		size_t pages = 1;

		if (pte_present(pte)) {
			pages = entries_run(entries, pte, left);
			found_runs_add(found, va, pte_leaf_pa(pte, PTL_LEAF), pages);
		}
		entries += pages;
		va += pages << PAGE_WIDTH;
		left -= pages;
	}
}

/* The entry for va that is a page or a hole, or points to a table of the last level. */
static inline pte_t walk_above_leaf(const struct page_table *table, uintptr_t va, unsigned *level)
{
	const pte_t *entries = table->entries;

	for (*level = 0;; ++*level) {
		pte_t pte = entry_load(&entries[PTL_INDEX(va, *level)]);

		if (*level == PTL_LEAF - 1 || !pte_present(pte) || pte_is_leaf(pte, *level))
			return pte;
		entries = table_entries(pte_table_pa(pte));
	}
}

/* Adds what the part of [va, last] that begins at va is mapped to. @return the last address of the part */
static uintptr_t part_add(const struct page_table *table, uintptr_t va, uintptr_t last, struct found_runs *found)
{
	port_irq_t irq = port_irq_save();
	unsigned level;
	pte_t pte = walk_above_leaf(table, va, &level);
	uintptr_t end = slot_last(va, last, level);

	if (pte_present(pte) && pte_is_leaf(pte, level))
		found_runs_add(found, va, pte_leaf_pa(pte, level) | (va & (PTL_COVERS(level) - 1)), range_pages(va, end));
	else if (pte_present(pte))
		entries_add(found, &table_entries(pte_table_pa(pte))[PTL_INDEX(va, PTL_LEAF)], va, range_pages(va, end));
	port_irq_restore(irq);
	return end;
}

size_t page_mapping_runs(struct page_table *table, uintptr_t va, size_t pages, struct page_run *runs, size_t room)
{
	struct found_runs found = { .runs = runs, .room = room };
	uintptr_t last = va + (pages - 1) * PAGE_SIZE + PAGE_MASK;

	if (!range_valid(table, va, pages))
		table = &page_kernel;
	if (!range_valid(table, va, pages))
		return 0;
	for (uintptr_t end; (end = part_add(table, va, last, &found)) != last && !found.full;)
		va = end + 1;
	return found.count;
}
