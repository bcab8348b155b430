/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Changing the flags of a range: prepare, then commit.
 *
 * PREPARE walks the range and refuses if a page of it is not mapped; a table of
 * the last level whose entries are all in use is believed without a look at
 * them. Large pages that change in part are split at commit, into tables set
 * aside for that; only those of the identity window have none, so what they
 * will need is counted and taken, as in insert.c.
 *
 * Of runs of equal entries those that change in part become single entries first; the
 * others stay runs, and change as a whole.
 *
 * Entries are replaced whole. What the CPU has noted in them (accessed, dirty)
 * is not kept: nobody here reads it.
 *
 * One page whose table is the recent one is one look and one store.
 *
 * COST. A page alone, its table the recent one: about 50 instructions; in a
 * range under seven a page, where tables are full about five; and the TLB, for
 * rights that are given as for rights that are taken.
 */

#include <mm/direct_map.h>
#include <mm/tlb.h>

#include "pt.h"

struct change {
	struct page_table *table;
	page_flags_t flags;
	bool busy;               /* part of it may not be away for a moment (is_live) */
	struct table_list fresh; /* tables at hand for large pages without spares */
	size_t fresh_needed;
};

/* ---- prepare ---- */

static bool leaves_used(const pte_t *entry, size_t count)
{
	for (; count >= 4; count -= 4, entry += 4)
		if (entry_peek(&entry[0]) == 0 || entry_peek(&entry[1]) == 0 || entry_peek(&entry[2]) == 0 ||
			entry_peek(&entry[3]) == 0)
			return false;
	for (; count > 0; count--)
		if (entry_peek(entry++) == 0)
			return false;
	return true;
}

/* Tables that it takes to split a large page so that [va, last], a part of it, can change alone. */
static size_t split_needed(unsigned level, uintptr_t va, uintptr_t last)
{
	unsigned below = level + 1;
	size_t needed;

	if (level == PTL_LEAF || slot_whole(va, last, level))
		return 0;
	needed = split_tables_once(level);
	while (below < PTL_LEAF && !ptl_leaf_allowed(below))
		below++;
	FOR_EACH_SLOT(at, end, va, last, below)
		needed += split_needed(below, at, end);
	return needed;
}

/* PTE_BREAK_FIRST: whether leaves that are all in use may change at once, or may be away for a moment. */
static bool leaves_may_change(
	const struct change *change, const pte_t *entry, size_t count, unsigned level, uintptr_t va)
{
	pte_t pte = pte_leaf(0, change->flags, level), frame_bits = leaf_frame_bits(level);

	if (!is_live(change->table, va))
		return true;
	for (size_t i = 0; i < count; i++)
		if (pte_is_run(entry_peek(&entry[i]), level) ||
			must_break(entry_peek(&entry[i]), (entry_peek(&entry[i]) & frame_bits) | pte, level))
			return false;
	return true;
}

/* Counts the tables wanted. @return false if part of the range is not mapped */
static bool prepare_below(struct change *change, phys_t table, unsigned level, uintptr_t va, uintptr_t last)
{
	const pte_t *entries = table_entries(table);

	if (level == PTL_LEAF) {
		bool used = *table_uses(table) == PTL_ENTRIES(level) ||
			leaves_used(&entries[PTL_INDEX(va, level)], range_pages(va, last));

		if (PTE_BREAK_FIRST && used)
			change->busy |=
				!leaves_may_change(change, &entries[PTL_INDEX(va, level)], range_pages(va, last), level, va);
		return used;
	}
	FOR_EACH_SLOT(at, end, va, last, level) {
		pte_t pte = entry_load(&entries[PTL_INDEX(at, level)]);

		if (!pte_present(pte))
			return false;
		if (PTE_BREAK_FIRST && pte_is_leaf(pte, level) && is_live(change->table, at))
			change->busy |= !slot_whole(at, end, level) || !leaves_may_change(change, &pte, 1, level, at);
		if (pte_is_leaf(pte, level))
			change->fresh_needed += has_spares(change->table, at) ? 0 : split_needed(level, at, end);
		else if (!prepare_below(change, pte_table_pa(pte), level + 1, at, end))
			return false;
	}
	return true;
}

/* ---- commit ---- */

static void leaves_change(pte_t *entry, size_t count, pte_t bits, pte_t frame_bits)
{
	for (; count >= 4; count -= 4, entry += 4) {
#pragma GCC unroll 4
		for (size_t i = 0; i < 4; i++)
			entry_store(&entry[i], (entry_peek(&entry[i]) & frame_bits) | bits);
	}
	for (; count > 0; count--, entry++)
		entry_store(entry, (entry_peek(entry) & frame_bits) | bits);
}

/* One leaf. */
static inline void leaf_replace(struct page_table *table, unsigned level, pte_t *entry, uintptr_t va, pte_t pte)
{
	if (PTE_BREAK_FIRST && must_break(entry_peek(entry), pte, level))
		entry_break(table, level, entry, va, pte);
	else if (level == PTL_LEAF)
		entry_store(entry, pte);
	else
		table_entry_set(table, level, entry, pte);
}

/* All entries of a run, once for all of them: those that are not its first are passed over. */
static void run_replace(struct change *change, unsigned level, pte_t *entry, uintptr_t va)
{
	phys_t pa = pte_leaf_pa(entry_peek(entry), level);

	if ((va & (run_bytes(level) - 1)) == 0)
		run_write(change->table, level, entry, va, pte_run(pa, change->flags, level), 0);
}

/* Leaves of the last level, one by one. */
static void leaves_replace(struct change *change, pte_t *entry, size_t count, uintptr_t va)
{
	pte_t bits = pte_leaf(0, change->flags, PTL_LEAF), frame_bits = leaf_frame_bits(PTL_LEAF);

	for (size_t i = 0; i < count; i++, va += PAGE_SIZE)
		if (pte_is_run(entry_peek(&entry[i]), PTL_LEAF))
			run_replace(change, PTL_LEAF, &entry[i], va);
		else
			leaf_replace(change->table, PTL_LEAF, &entry[i], va, (entry_peek(&entry[i]) & frame_bits) | bits);
}

static void commit_below(struct change *change, phys_t table, unsigned level, uintptr_t va, uintptr_t last);

static void commit_slot(struct change *change, pte_t *entry, unsigned level, uintptr_t at, uintptr_t end)
{
	struct page_table *table = change->table;
	pte_t pte = entry_load(entry);
	phys_t child;

	if (!pte_is_leaf(pte, level)) {
		child = pte_table_pa(pte);
	} else if (pte_is_run(pte, level)) {
		run_replace(change, level, entry, at); /* it is in the range as a whole */
		return;
	} else if (slot_whole(at, end, level)) {
		leaf_replace(table, level, entry, at, pte_leaf(pte_leaf_pa(pte, level), change->flags, level));
		return;
	} else {
		child = leaf_split(table, level, entry, at, has_spares(table, at) ? &table->spares : &change->fresh);
	}
	commit_below(change, child, level + 1, at, end);
}

static void commit_below(struct change *change, phys_t table, unsigned level, uintptr_t va, uintptr_t last)
{
	pte_t *entries = table_entries(table);

	if ((PTE_BREAK_FIRST || PTE_RUN(PTL_LEAF) > 1) && level == PTL_LEAF) {
		leaves_replace(change, &entries[PTL_INDEX(va, level)], range_pages(va, last), va);
		return;
	}
	if (level == PTL_LEAF) {
		leaves_change(&entries[PTL_INDEX(va, level)], range_pages(va, last), pte_leaf(0, change->flags, level),
			leaf_frame_bits(level));
		return;
	}
	FOR_EACH_SLOT(at, end, va, last, level)
		commit_slot(change, &entries[PTL_INDEX(at, level)], level, at, end);
}

/* ---- the whole ---- */

/* Takes what prepare has found wanting. No lock is held; a caller that may sleep holds nothing while it waits. */
static errno_t provide(struct change *change, frame_flags_t alloc)
{
	struct reservation r;
	errno_t error;

	if (alloc & FRAME_ATOMIC)
		return tables_take(change->table, &change->fresh, change->fresh_needed, alloc, NULL);
	tables_free_held(&change->fresh);
	error = tables_reserve(&r, change->fresh_needed, alloc);
	if (error == EOK)
		error = tables_take(change->table, &change->fresh, change->fresh_needed, alloc, &r);
	reservation_end(&r);
	return error;
}

static errno_t change_range(
	struct change *change, uintptr_t va, uintptr_t last, frame_flags_t alloc, struct tlb_batch *batch)
{
	struct page_table *table = change->table;
	errno_t error = EAGAIN;

	while (error == EAGAIN) {
		port_irq_t irq = spinlock_lock(&table->lock);

		check_may_sleep(alloc, irq);
		change->fresh_needed = 0;
		if (!prepare_below(change, table->root, 0, va, last)) {
			error = ENOENT;
		} else if (PTE_BREAK_FIRST && change->busy) {
			error = EBUSY;
		} else if (change->fresh.count >= change->fresh_needed) {
			runs_cut(table, va, last);
			commit_below(change, table->root, 0, va, last);
			if (batch != NULL)
				pte_publish(); /* otherwise it is dropped next */
			held_sub(HELD_FRAMES, change->fresh_needed);
			(void) recent_find(table, last);
			error = EOK;
		}
		spinlock_unlock_raw(&table->lock);
		if (error == EOK)
			tlb_drop_or_add(batch, table, va, range_pages(va, last), false);
		port_irq_restore(irq);
		if (error == EAGAIN && provide(change, alloc) != EOK)
			error = ENOMEM;
	}
	tables_free_held(&change->fresh);
	return error;
}

COLD static errno_t change_some(struct page_table *table, uintptr_t va, size_t pages, page_flags_t flags,
	frame_flags_t alloc, struct tlb_batch *batch)
{
	struct change change = { .table = table, .flags = flags & ~PAGE_NO_LARGE };

	if (!range_valid(table, va, pages) || direct_map_pages(va, pages) != 0)
		return EINVAL;
	return change_range(&change, va, va + (pages - 1) * PAGE_SIZE + PAGE_MASK, alloc & PAGE_TABLE_FLAGS, batch);
}

errno_t page_mapping_update_later(struct page_table *table, uintptr_t va, size_t pages, page_flags_t flags,
	frame_flags_t alloc, struct tlb_batch *batch)
{
	may_wait_debug_unless(alloc);
	return change_some(table, va, pages, flags, alloc, batch);
}

/* Changes one page, whose table is the recent one. @return whether it is mapped */
static inline bool change_recent(struct page_table *table, uintptr_t va, page_flags_t flags)
{
	pte_t *entry = &table->recent_entries[PTL_INDEX(va, PTL_LEAF)];
	pte_t pte = entry_peek(entry);

	if (unlikely(!pte_present(pte)))
		return false;
	if (pte_is_run(pte, PTL_LEAF)) {
		runs_cut(table, va, va | PAGE_MASK);
		pte = entry_peek(entry);
	}
	leaf_replace(table, PTL_LEAF, entry, va, (pte & leaf_frame_bits(PTL_LEAF)) | leaf_make(0, flags));
	return true;
}

errno_t page_mapping_update(
	struct page_table *table, uintptr_t va, size_t pages, page_flags_t flags, frame_flags_t alloc)
{
	may_wait_debug_unless(alloc);
	if (likely(pages == 1 && (va & PAGE_MASK) == 0)) {
		port_irq_t irq = spinlock_lock(&table->lock);

		check_may_sleep(alloc, irq);
		if (likely(recent_is(table, va)) && !is_live(table, va)) {
			bool is_mapped = change_recent(table, va, flags);

			spinlock_unlock_raw(&table->lock);
			if (likely(is_mapped))
				tlb_drop_page(table, va);
			port_irq_restore(irq);
			return is_mapped ? EOK : ENOENT;
		}
		spinlock_unlock(&table->lock, irq);
	}
	return change_some(table, va, pages, flags, alloc, NULL);
}

/* ---- another frame ---- */

/* The entry of the last level for va, or NULL. The table is locked. */
static NOINLINE pte_t *leaf_entry(struct page_table *table, uintptr_t va)
{
	pte_t *entry = &table->entries[PTL_INDEX(va, 0)];

	for (unsigned level = 0; level < PTL_LEAF; level++) {
		pte_t pte = entry_load(entry);

		if (!pte_present(pte) || pte_is_leaf(pte, level))
			return NULL;
		entry = &table_entries(pte_table_pa(pte))[PTL_INDEX(va, level + 1)];
	}
	return entry;
}

pte_t *page_local_entry(uintptr_t va)
{
	port_irq_t irq = spinlock_lock(&page_kernel.lock);
	pte_t *entry = range_valid(&page_kernel, va, 1) ? leaf_entry(&page_kernel, va) : NULL;

	if (entry != NULL && !pte_present(entry_peek(entry)))
		entry = NULL;
	if (PTE_RUNS && entry != NULL && pte_is_run(entry_peek(entry), PTL_LEAF))
		entry = NULL;
	spinlock_unlock(&page_kernel.lock, irq);
	return entry;
}

errno_t page_mapping_replace(struct page_table *table, uintptr_t va, phys_t pa, page_flags_t flags)
{
	port_irq_t irq;
	pte_t *entry;
	bool is_mapped;

	if (unlikely(!range_valid(table, va, 1) || (pa & PAGE_MASK) != 0 || pa > phys_last()))
		return EINVAL;
	if (is_live(table, va))
		return EBUSY;
	irq = spinlock_lock(&table->lock);
	entry = likely(recent_is(table, va)) ? &table->recent_entries[PTL_INDEX(va, PTL_LEAF)] : leaf_entry(table, va);
	is_mapped = entry != NULL && pte_present(entry_peek(entry));
	if (PTE_RUNS && is_mapped && pte_is_run(entry_peek(entry), PTL_LEAF))
		is_mapped = false;
	if (likely(is_mapped))
		leaf_replace(table, PTL_LEAF, entry, va, leaf_make(pa, flags));
	spinlock_unlock_raw(&table->lock);
	if (likely(is_mapped))
		tlb_drop_page(table, va);
	port_irq_restore(irq);
	return is_mapped ? EOK : ENOENT;
}
