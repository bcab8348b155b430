/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Mapping a range: prepare, then commit.
 *
 * PREPARE walks the range once, refuses if anything is mapped there, and counts
 * the tables that are missing and the spares that large pages will want. If it
 * has them all, usually because nothing is missing, it commits under the same
 * hold of the lock. Otherwise it lets go, takes them, and looks again.
 *
 * COMMIT walks the same way, with the same decisions, and cannot fail. A new
 * table is filled before it is linked, so a reader sees all of it or none. All of it
 * is published once, at the end (mm/page_seen.h).
 *
 * A page of an upper level is used wherever its whole slot is in the range and
 * unused, and the physical address is aligned to it too. So is a run of equal entries
 * (pt.h, "Runs"), of any level.
 *
 * Pages of one table that is there do not take that way: it is one look and one
 * store each, and if the table is the recent one, no walk.
 *
 * COST. A page alone, its table the recent one: about 45 instructions, else
 * about 100; in a range: under three a page, and 800 for each table that it
 * takes.
 */

#include <mm/direct_map.h>
#include <mm/frame_contents.h>
#include <mm/page_miss.h>

#include "pt.h"

struct insertion {
	struct page_table *table;
	uintptr_t delta; /* physical less virtual address */
	page_flags_t flags;
	bool large;
#if PTE_RUNS
	uintptr_t first, last; /* the range */
#endif
	struct table_list empty; /* tables at hand */
	struct table_list any;   /* tables at hand with anything in them: to be set aside, or to be filled whole */
	size_t empty_needed, any_needed;
};

/* Whether an unused entry of this level is to map [va, last] by itself. */
static bool takes_large(const struct insertion *insertion, unsigned level, uintptr_t va, uintptr_t last)
{
	return insertion->large && slot_whole(va, last, level) && ptl_leaf_allowed(level) &&
		((va | (va + insertion->delta)) & (PTL_COVERS(level) - 1)) == 0;
}

#if PTE_RUNS

static void range_note(struct insertion *insertion, uintptr_t va, uintptr_t last)
{
	insertion->first = va;
	insertion->last = last;
}

/*
 * Whether the entry for va is to be one of a run. What is present of the run, and is a leaf, this insertion has
 * written: prepare has found nothing mapped there.
 */
static bool takes_run(const struct insertion *insertion, const pte_t *entry, unsigned level, uintptr_t va)
{
	uintptr_t bytes = run_bytes(level), inside = va & (bytes - 1);
	size_t index = inside >> PTL_SHIFT(level);

	if (PTE_RUN(level) == 1 || !insertion->large || (insertion->delta & (bytes - 1)) != 0)
		return false;
	if (va - insertion->first < inside || insertion->last - (va - inside) < bytes - 1)
		return false;
	for (size_t i = 0; level != PTL_LEAF && i < PTE_RUN(level); i++) {
		pte_t pte = entry_peek(entry - index + i);

		if (pte_present(pte) && !pte_is_leaf(pte, level))
			return false;
	}
	return true;
}

#else

static void range_note(struct insertion *insertion, uintptr_t va, uintptr_t last)
{
	(void) insertion, (void) va, (void) last;
}

static bool takes_run(const struct insertion *insertion, const pte_t *entry, unsigned level, uintptr_t va)
{
	(void) insertion, (void) entry, (void) level, (void) va;
	return false;
}

#endif

/* The leaf for va, whose entry this is. */
static inline pte_t leaf_for(const struct insertion *insertion, const pte_t *entry, unsigned level, uintptr_t va)
{
	if (takes_run(insertion, entry, level, va))
		return pte_run(ALIGN_DOWN(va, run_bytes(level)) + insertion->delta, insertion->flags, level);
	return pte_leaf(va + insertion->delta, insertion->flags, level);
}

/* Whether a missing table below an entry of this level will be filled whole. */
static bool fills_table(unsigned level, uintptr_t va, uintptr_t last)
{
	return level + 1 == PTL_LEAF && slot_whole(va, last, level);
}

/* ---- prepare ---- */

/* Entries not in use are 0, so eight at a time are or'ed together. */
static bool leaves_unused(const pte_t *entry, size_t count)
{
	pte_t seen = 0;

	for (; count >= 8; count -= 8, entry += 8) {
#pragma GCC unroll 8
		for (size_t i = 0; i < 8; i++)
			seen |= entry_peek(&entry[i]);
		if (seen != 0)
			return false;
	}
	while (count-- > 0)
		seen |= entry_peek(entry++);
	return seen == 0;
}

/* Counts what the part of the range below one table needs; NULL is a table that is missing. @return false: in use */
static bool prepare_below(
	struct insertion *insertion, const pte_t *entries, unsigned level, uintptr_t va, uintptr_t last)
{
	if (level == PTL_LEAF)
		return entries == NULL || leaves_unused(&entries[PTL_INDEX(va, level)], range_pages(va, last));
	FOR_EACH_SLOT(at, end, va, last, level) {
		pte_t pte = entries != NULL ? entry_load(&entries[PTL_INDEX(at, level)]) : 0;
		const pte_t *child = NULL;

		if (pte_present(pte)) {
			if (pte_is_leaf(pte, level))
				return false;
			child = table_entries(pte_table_pa(pte));
		} else if (takes_large(insertion, level, at, end)) {
			insertion->any_needed += has_spares(insertion->table, at) ? split_tables(level) : 0;
			continue;
		} else if (fills_table(level, at, end)) {
			insertion->any_needed++;
		} else {
			insertion->empty_needed++;
		}
		if (!prepare_below(insertion, child, level + 1, at, end))
			return false;
	}
	return true;
}

/* ---- commit ---- */

/* The table may be linked already: each entry is published by its store. */
static void leaves_fill(pte_t *entry, size_t count, pte_t pte, pte_t step)
{
	for (; count >= 8; count -= 8, entry += 8) {
#pragma GCC unroll 8
		for (size_t i = 0; i < 8; i++, pte += step)
			entry_store(&entry[i], pte);
	}
	for (; count > 0; count--, pte += step)
		entry_store(entry++, pte);
}

/* The same where there are runs: each leaf is made for itself. */
COLD static void leaves_fill_runs(const struct insertion *insertion, pte_t *entry, size_t count, uintptr_t va)
{
	for (; count > 0; count--, entry++, va += PAGE_SIZE)
		entry_store(entry, leaf_for(insertion, entry, PTL_LEAF, va));
}

static void commit_below(struct insertion *insertion, phys_t table, unsigned level, uintptr_t va, uintptr_t last);

/* @return entries that became used: 0 or 1 */
static unsigned commit_slot(struct insertion *insertion, pte_t *entry, unsigned level, uintptr_t at, uintptr_t end)
{
	struct page_table *table = insertion->table;
	pte_t pte = entry_load(entry);
	phys_t child;

	if (pte_present(pte)) {
		commit_below(insertion, pte_table_pa(pte), level + 1, at, end);
		return 0;
	}
	if (takes_large(insertion, level, at, end)) {
		if (has_spares(table, at))
			table_move(&table->spares, &insertion->any, split_tables(level));
		table_entry_set(table, level, entry, leaf_for(insertion, entry, level, at));
		return 1;
	}
	child = table_pop(fills_table(level, at, end) ? &insertion->any : &insertion->empty);
	if (CONFIG_DEBUG && PTE_BREAK_FIRST)
		frame_clear(table_entries(child)); /* pte_store may look at what stands there, as if it were valid */
	commit_below(insertion, child, level + 1, at, end);
	table_entry_set(table, level, entry, pte_table(child));
	return 1;
}

static void commit_below(struct insertion *insertion, phys_t table, unsigned level, uintptr_t va, uintptr_t last)
{
	pte_t *entries = table_entries(table);
	size_t used = 0;

	if (PTE_RUN(PTL_LEAF) > 1 && level == PTL_LEAF) {
		used = range_pages(va, last);
		leaves_fill_runs(insertion, &entries[PTL_INDEX(va, level)], used, va);
	} else if (level == PTL_LEAF) {
		used = range_pages(va, last);
		leaves_fill(&entries[PTL_INDEX(va, level)], used, pte_leaf(va + insertion->delta, insertion->flags, level),
			leaf_step(level));
	} else {
		FOR_EACH_SLOT(at, end, va, last, level)
			used += commit_slot(insertion, &entries[PTL_INDEX(at, level)], level, at, end);
	}
	*table_uses(table) += used;
}

/* ---- the whole ---- */

/* Takes what prepare has found wanting, from the reservation or atomically. */
static errno_t tables_provide(struct insertion *insertion, frame_flags_t alloc, struct reservation *r)
{
	errno_t error = tables_take(insertion->table, &insertion->empty, insertion->empty_needed, alloc | FRAME_ZERO, r);

	return error == EOK ? tables_take(insertion->table, &insertion->any, insertion->any_needed, alloc, r) : error;
}

/* The same; no lock is held. A caller that may sleep reserves all of it, and holds nothing while it waits for that. */
static errno_t provide(struct insertion *insertion, frame_flags_t alloc)
{
	struct reservation r;
	errno_t error;

	if (alloc & FRAME_ATOMIC)
		return tables_provide(insertion, alloc, NULL);
	tables_free_held(&insertion->empty);
	tables_free_held(&insertion->any);
	error = tables_reserve(&r, insertion->empty_needed + insertion->any_needed, alloc);
	if (error == EOK)
		error = tables_provide(insertion, alloc, &r);
	reservation_end(&r);
	return error;
}

/* @retval EAGAIN  there are not enough tables at hand. The lock is held */
static errno_t insert_locked(struct insertion *insertion, uintptr_t va, uintptr_t last)
{
	struct page_table *table = insertion->table;

	insertion->empty_needed = insertion->any_needed = 0;
	range_note(insertion, va, last);
	if (!prepare_below(insertion, table->entries, 0, va, last))
		return EEXIST;
	if (insertion->empty.count < insertion->empty_needed || insertion->any.count < insertion->any_needed)
		return EAGAIN;
	commit_below(insertion, table->root, 0, va, last);
	pte_publish();
	held_sub(HELD_FRAMES, insertion->empty_needed + insertion->any_needed);
	(void) recent_find(table, last);
	return EOK;
}

static errno_t insert_range(struct insertion *insertion, uintptr_t va, uintptr_t last, frame_flags_t alloc)
{
	struct page_table *table = insertion->table;
	errno_t error = EAGAIN;

	while (error == EAGAIN) {
		port_irq_t irq = spinlock_lock(&table->lock);

		check_may_sleep(alloc, irq);
		error = insert_locked(insertion, va, last);
		spinlock_unlock(&table->lock, irq);
		if (error == EAGAIN && provide(insertion, alloc) != EOK)
			error = ENOMEM;
	}
	tables_free_held(&insertion->empty);
	tables_free_held(&insertion->any);
	return error;
}

/*
 * The same from a reservation. Tables are taken with the lock held, so what was found wanting is what is taken: nothing
 * is counted off in vain. Few of them are cleared: those at the ends of the range, and those above the last level.
 */
static errno_t insert_reserved(struct insertion *insertion, uintptr_t va, uintptr_t last, struct reservation *r)
{
	port_irq_t irq;
	errno_t error;

	page_reach_debug(r, sizeof *r);
	irq = spinlock_lock(&insertion->table->lock);
	error = insert_locked(insertion, va, last);

	if (error == EAGAIN) {
		error = ENOMEM;
		if (r->low >= insertion->empty_needed + insertion->any_needed)
			error = tables_provide(insertion, 0, r);
		if (error == EOK)
			error = insert_locked(insertion, va, last);
	}
	spinlock_unlock(&insertion->table->lock, irq);
	tables_free_held(&insertion->empty);
	tables_free_held(&insertion->any);
	return error;
}

/* Maps one page, whose table is the recent one. */
static inline errno_t insert_recent(struct page_table *table, uintptr_t va, phys_t pa, page_flags_t flags)
{
	pte_t *entry = &table->recent_entries[PTL_INDEX(va, PTL_LEAF)];

	if (unlikely(pte_present(entry_peek(entry))))
		return EEXIST;
	entry_store(entry, leaf_make(pa, flags));
	pte_publish();
	++*table->recent_uses;
	return EOK;
}

static struct insertion insertion_of(struct page_table *table, uintptr_t va, phys_t pa, page_flags_t flags)
{
	return (struct insertion){
		.table = table, .delta = pa - va, .flags = flags & ~PAGE_NO_LARGE, .large = !(flags & PAGE_NO_LARGE)
	};
}

/* Fills unused leaves of one table. */
static inline void leaves_fill_near(
	struct page_table *table, pte_t *entries, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags)
{
	if (PTE_RUN(PTL_LEAF) > 1) {
		struct insertion insertion = insertion_of(table, va, pa, flags);

		range_note(&insertion, va, va + (pages - 1) * PAGE_SIZE + PAGE_MASK);
		leaves_fill_runs(&insertion, entries, pages, va);
	} else {
		leaves_fill(entries, pages, leaf_make(pa, flags), leaf_step(PTL_LEAF));
	}
}

/* Maps pages of one table if that is there. @retval EAGAIN  it is not */
static errno_t insert_near(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags, frame_flags_t alloc)
{
	port_irq_t irq = spinlock_lock(&table->lock);
	errno_t error = EAGAIN;

	check_may_sleep(alloc, irq);
	if (recent_is(table, va) || recent_find(table, va)) {
		pte_t *entries = &table->recent_entries[PTL_INDEX(va, PTL_LEAF)];

		error = leaves_unused(entries, pages) ? EOK : EEXIST;
		if (error == EOK) {
			leaves_fill_near(table, entries, va, pa, pages, flags);
			pte_publish();
			*table->recent_uses += pages;
		}
	}
	spinlock_unlock(&table->lock, irq);
	return error;
}

static inline bool is_valid(const struct page_table *table, uintptr_t va, phys_t pa, size_t pages)
{
	return range_valid(table, va, pages) && (pa & PAGE_MASK) == 0 && pa <= phys_last() &&
		pages - 1 <= (phys_last() - pa) >> PAGE_WIDTH;
}

COLD static errno_t insert_some(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags, frame_flags_t alloc)
{
	struct insertion insertion = insertion_of(table, va, pa, flags);

	if (!is_valid(table, va, pa, pages))
		return EINVAL;
	if (direct_map_pages(va, pages) != 0)
		return EEXIST;
	return insert_range(&insertion, va, va + (pages - 1) * PAGE_SIZE + PAGE_MASK, alloc & PAGE_TABLE_FLAGS);
}

/* A table is its owner's from when it is linked: nothing is set aside. */
void page_tables_release(struct reservation *r)
{
	(void) r;
}

errno_t page_mapping_insert_reserved(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags, struct reservation *r)
{
	struct insertion insertion = insertion_of(table, va, pa, flags);
	errno_t error = EAGAIN;

	if (!is_valid(table, va, pa, pages))
		return EINVAL;
	if (range_near(va, pages))
		error = insert_near(table, va, pa, pages, flags, FRAME_ATOMIC);
	if (error != EAGAIN)
		return error;
	if (direct_map_pages(va, pages) != 0)
		return EEXIST;
	return insert_reserved(&insertion, va, va + (pages - 1) * PAGE_SIZE + PAGE_MASK, r);
}

/* All that is not one page whose table is the recent one. */
static NOINLINE errno_t insert_pages(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags, frame_flags_t alloc)
{
	errno_t error = EAGAIN;

	if (range_near(va, pages) && is_valid(table, va, pa, pages))
		error = insert_near(table, va, pa, pages, flags, alloc);
	return error != EAGAIN ? error : insert_some(table, va, pa, pages, flags, alloc);
}

errno_t page_mapping_insert(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags, frame_flags_t alloc)
{
	may_wait_debug_unless(alloc);
	if (likely(pages == 1 && ((va | pa) & PAGE_MASK) == 0 && pa <= phys_last())) {
		port_irq_t irq = spinlock_lock(&table->lock);

		check_may_sleep(alloc, irq);
		if (likely(recent_is(table, va))) {
			errno_t error = insert_recent(table, va, pa, flags);

			spinlock_unlock(&table->lock, irq);
			return error;
		}
		spinlock_unlock(&table->lock, irq);
	}
	return insert_pages(table, va, pa, pages, flags, alloc);
}
