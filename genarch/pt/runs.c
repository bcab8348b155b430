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

#include <mm/direct_map.h>
#include <mm/page_miss.h>
#include <mm/page_runs.h>

#include "pt.h"

/* As entries_run, where entries may be of runs of equal ones: entry is va's. */
static const pte_t *entries_run_any(const pte_t *entry, const pte_t *end, uintptr_t va)
{
	phys_t pa = leaf_translate(entry_load(entry), PTL_LEAF, va);

	while (++entry < end) {
		pte_t next = entry_load(entry);

		va += PAGE_SIZE;
		pa += PAGE_SIZE;
		if (!pte_present(next) || leaf_translate(next, PTL_LEAF, va) != pa)
			break;
	}
	return entry;
}

/* The end of those entries that map frames that follow each other, with whatever flags; the first is there. */
static inline const pte_t *entries_run(const pte_t *entry, const pte_t *end)
{
	pte_t pte = entry_load(entry);

	while (++entry < end) {
		pte_t next = entry_load(entry);

		pte += leaf_step(PTL_LEAF);
		if (unlikely(next != pte)) {
			if (!pte_present(next) || pte_leaf_pa(next, PTL_LEAF) != pte_leaf_pa(pte, PTL_LEAF))
				break;
			pte = next;
		}
	}
	return entry;
}

/* Adds what so many entries of a table of the last level map, from va on. */
static void entries_add(struct found_runs *found, const pte_t *entry, uintptr_t va, size_t count)
{
	const pte_t *first = entry, *end = entry + count;

	while (entry < end && !found->full) {
		const pte_t *start = entry;
		pte_t pte = entry_load(entry);

		if (PTE_RUNS && pte_present(pte)) {
			uintptr_t at = va + ((uintptr_t) (start - first) << PAGE_WIDTH);

			entry = entries_run_any(entry, end, at);
			found_runs_add(found, at, leaf_translate(pte, PTL_LEAF, at), (size_t) (entry - start));
		} else if (pte_present(pte)) {
			entry = entries_run(entry, end);
			found_runs_add(found, va + ((uintptr_t) (start - first) << PAGE_WIDTH), pte_leaf_pa(pte, PTL_LEAF),
				(size_t) (entry - start));
		} else {
			entry++;
		}
	}
}

/* The entry for va that is a page or a hole, or points to a table of the last level. */
static inline pte_t walk_above_leaf(const struct page_table *table, uintptr_t va, unsigned *at)
{
	const pte_t *entries = table->entries;
	pte_t pte = 0;

#pragma GCC unroll 4
	for (unsigned level = 0; level < PTL_LEAF; level++) {
		pte = entry_load(&entries[PTL_INDEX(va, level)]);
		*at = level;
		if (!pte_present(pte) || pte_is_leaf(pte, level))
			break;
		entries = table_entries(pte_table_pa(pte));
	}
	return pte;
}

/* Adds what the part of [va, last] that begins at va is mapped to. @return the last address of the part */
static inline uintptr_t part_look(
	const struct page_table *table, uintptr_t va, uintptr_t last, struct found_runs *found)
{
	unsigned level;
	uintptr_t end;
	pte_t pte;

	last = direct_map_part(va, last);
	if (direct_map_has(va)) {
		found_runs_add(found, va, KA2PA(va), range_pages(va, last));
		return last;
	}
	pte = walk_above_leaf(table, va, &level);
	end = slot_last(va, last, level);
	if (pte_present(pte) && pte_is_leaf(pte, level))
		found_runs_add(found, va, leaf_translate(pte, level, va), range_pages(va, end));
	else if (pte_present(pte))
		entries_add(found, &table_entries(pte_table_pa(pte))[PTL_INDEX(va, PTL_LEAF)], va, range_pages(va, end));
	return end;
}

/* The same; again, if a page of it may have been away for a moment (pt.h, "Break"). Interrupts are off. */
static uintptr_t part_look_again(const struct page_table *table, uintptr_t va, uintptr_t last, struct found_runs *found)
{
	uintptr_t breaks = breaks_of(table), end;
	struct page_run *run = found->count != 0 ? &found->runs[found->count - 1] : found->runs, run_before = *run;
	struct found_runs before = *found;

	while (end = part_look(table, va, last, found), was_broken(table, &breaks)) {
		*found = before;
		*run = run_before;
	}
	return end;
}

static uintptr_t part_add(const struct page_table *table, uintptr_t va, uintptr_t last, struct found_runs *found)
{
	port_irq_t irq = port_irq_save();
	uintptr_t end = PTE_BREAK_FIRST ? part_look_again(table, va, last, found) : part_look(table, va, last, found);

	port_irq_restore(irq);
	return end;
}

size_t page_mapping_runs(struct page_table *table, uintptr_t va, size_t pages, struct page_run *runs, size_t room)
{
	struct found_runs found = { .runs = runs, .room = room };
	uintptr_t last = va + (pages - 1) * PAGE_SIZE + PAGE_MASK;

	page_reach_debug(runs, room * sizeof *runs);
	if (!range_valid(table, va, pages))
		table = &page_kernel;
	if (!range_valid(table, va, pages))
		return 0;
	for (uintptr_t end; (end = part_add(table, va, last, &found)) != last && !found.full;)
		va = end + 1;
	return found.count;
}
