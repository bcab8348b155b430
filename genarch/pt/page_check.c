/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Looking at whole trees: what there is of tables and entries, and whether all
 * of it is as it should be. One walk shows each table to a visitor, which looks
 * at its entries.
 *
 * INVARIANTS, by the names that page_check logs:
 *
 *   kind      a table's frame is marked as one
 *   uses      a table's count is that of its entries in use
 *   empty     a table with no entry in use is pinned
 *   zero      an entry that is not present is 0
 *   size      a large page stands only at a level that may have it
 *   run       the entries of a run are equal
 *   spares    as many tables are set aside as splitting all large pages takes
 *   shared    the kernel entries of every root are those of page_kernel's, where
 *             there is one root for both parts
 *   recent    the recent table is the one a walk finds
 *
 * A walk holds the lock of the page table throughout: for the console and for
 * tests, not for hot paths.
 */

#include <mm/direct_map.h>

#include "pt.h"

/* ---- the walk ---- */

typedef void (*table_visit)(const struct table_view *view, void *argument);

static void visit_below(phys_t table, unsigned level, uintptr_t va, uintptr_t last, table_visit visit, void *argument)
{
	const struct table_view view = {
		.table = table, .level = level, .va = va, .first = PTL_INDEX(va, level), .last = PTL_INDEX(last, level)
	};

	visit(&view, argument);
	if (level == PTL_LEAF)
		return;
	FOR_EACH_SLOT(at, end, va, last, level) {
		pte_t pte = entry_load(&table_entries(table)[PTL_INDEX(at, level)]);

		if (pte_present(pte) && !pte_is_leaf(pte, level))
			visit_below(pte_table_pa(pte), level + 1, at, end, visit, argument);
	}
}

/* ---- what there is ---- */

static void info_add(const struct table_view *view, void *argument)
{
	struct page_table_info *info = argument;

	info->tables[view->level]++;
	info->frames += view->level == 0 ? ROOT_FRAMES : TABLE_FRAMES(view->level);
	info->room[view->level] += view->last - view->first + 1;
	for (size_t i = view->first; i <= view->last; i++) {
		pte_t pte = entry_peek(&table_entries(view->table)[i]);

		info->entries[view->level] += pte_present(pte);
		info->leaves[view->level] += pte_present(pte) && pte_is_leaf(pte, view->level);
	}
}

void page_table_get_info(struct page_table *table, struct page_table_info *info)
{
	port_irq_t irq = spinlock_lock(&table->lock);

	*info =
		(struct page_table_info){ .levels = PTL_LEVELS, .spares = table->spares.count, .frames = table->spares.count };
	visit_below(table->root, 0, table->first, table->last, info_add, info);
	spinlock_unlock(&table->lock, irq);
}

struct page_count {
	uintptr_t last; /* of the range */
	size_t pages;
};

static void pages_add(const struct table_view *view, void *argument)
{
	struct page_count *count = argument;
	uintptr_t at = view->va;

	for (size_t i = view->first; i <= view->last; i++) {
		pte_t pte = entry_peek(&table_entries(view->table)[i]);
		uintptr_t end = slot_last(at, count->last, view->level);

		if (pte_present(pte) && pte_is_leaf(pte, view->level))
			count->pages += range_pages(at, end);
		at = end + 1;
	}
}

size_t page_mapping_count(struct page_table *table, uintptr_t va, size_t pages)
{
	struct page_count count = { .last = va + (pages - 1) * PAGE_SIZE + PAGE_MASK };
	port_irq_t irq;

	if (!range_valid(table, va, pages))
		return 0;
	irq = spinlock_lock(&table->lock);
	visit_below(table->root, 0, va, count.last, pages_add, &count);
	spinlock_unlock(&table->lock, irq);
	return count.pages + direct_map_pages(va, pages);
}

/* ---- whether it is right ---- */

struct examination {
	const struct page_table *table;
	size_t breaches;
	size_t spares; /* that there should be */
};

static void breach(
	struct examination *examination, const char *name, unsigned level, size_t at, size_t is, size_t should)
{
	port_log("page_check: %s: PTL%u table %#zx: %zu, should be %zu", name, level, at, is, should);
	examination->breaches++;
}

static void entry_examine(struct examination *examination, const struct table_view *view, pte_t pte, uintptr_t va)
{
	if (!pte_present(pte)) {
		if (pte != 0)
			breach(examination, "zero", view->level, view->table, (size_t) pte, 0);
	} else if (view->level != PTL_LEAF && pte_is_leaf(pte, view->level)) {
		if (!ptl_leaf_allowed(view->level))
			breach(examination, "size", view->level, view->table, 1, 0);
		if (has_spares(examination->table, va))
			examination->spares += split_tables(view->level);
	}
}

/* Looks at an entry of a run: it is equal to the next one, and the last one to the first. */
static void run_examine(struct examination *examination, const struct table_view *view, size_t index)
{
	const pte_t *entries = table_entries(view->table);
	size_t within = PTE_RUN(view->level) - 1, next = (index & ~within) | ((index + 1) & within);
	pte_t pte = entry_peek(&entries[index]);

	if (pte_present(pte) && pte_is_leaf(pte, view->level) && pte_is_run(pte, view->level) &&
		entry_peek(&entries[next]) != pte)
		breach(examination, "run", view->level, view->table, (size_t) entry_peek(&entries[next]), (size_t) pte);
}

static bool view_is_pinned(const struct page_table *table, const struct table_view *view)
{
	return view->level == 0 || is_pinned(table, view->level, view->va);
}

static void table_examine(const struct table_view *view, void *argument)
{
	struct examination *examination = argument;
	bool pinned = view_is_pinned(examination->table, view);
	size_t uses = *table_uses(view->table);
	size_t used = 0;

	for (size_t i = view->first; i <= view->last; i++) {
		pte_t pte = entry_peek(&table_entries(view->table)[i]);

		entry_examine(examination, view, pte, view->va + (i - view->first) * PTL_COVERS(view->level));
		if (PTE_RUNS)
			run_examine(examination, view, i);
		used += pte_present(pte);
	}
	if (!frame_is(view->table >> PAGE_WIDTH, FRAME_KIND_TABLE))
		breach(examination, "kind", view->level, view->table, 0, FRAME_KIND_TABLE);
	if (uses != used)
		breach(examination, "uses", view->level, view->table, uses, used);
	if (used == 0 && !pinned)
		breach(examination, "empty", view->level, view->table, 0, 1);
}

static void spares_examine(struct examination *examination)
{
	const struct page_table *table = examination->table;
	size_t length = 0;

	for (phys_t spare = table->spares.first; spare != 0 && length <= table->spares.count; length++)
		spare = (phys_t) entry_peek(table_entries(spare));
	if (length != table->spares.count)
		breach(examination, "spares on the list", 0, table->root, length, table->spares.count);
	if (table->spares.count != examination->spares)
		breach(examination, "spares", 0, table->root, table->spares.count, examination->spares);
}

static void kernel_part_examine(struct examination *examination)
{
	const struct page_table *table = examination->table;

	if (KERNEL_ROOT_SEPARATE)
		return;
	for (size_t i = PTL_INDEX(KERNEL_START, 0); i <= PTL_INDEX(KERNEL_LAST, 0); i++)
		if (entry_peek(&table->entries[i]) != entry_peek(&page_kernel.entries[i]))
			breach(examination, "shared", 0, table->root, i, i);
}

static void recent_examine(struct examination *examination)
{
	struct page_table fresh = *examination->table;

	if (fresh.recent == RECENT_NONE)
		return;
	recent_forget(&fresh);
	if (!recent_find(&fresh, examination->table->recent << RECENT_SHIFT) ||
		fresh.recent_entries != examination->table->recent_entries)
		breach(examination, "recent", PTL_LEAF, examination->table->root, 0, 1);
}

static size_t examine(const struct page_table *table)
{
	struct examination examination = { .table = table };

	visit_below(table->root, 0, table->first, table->last, table_examine, &examination);
	spares_examine(&examination);
	kernel_part_examine(&examination);
	recent_examine(&examination);
	return examination.breaches;
}

size_t page_check(void)
{
	port_irq_t irq = spinlock_lock(&page_kernel.lock);
	size_t breaches = examine(&page_kernel);

	spinlock_lock_raw(&page_table_list_lock);
	for (struct page_table *table = page_kernel.next; table != &page_kernel; table = table->next) {
		spinlock_lock_raw(&table->lock);
		breaches += examine(table);
		spinlock_unlock_raw(&table->lock);
	}
	spinlock_unlock_raw(&page_table_list_lock);
	spinlock_unlock(&page_kernel.lock, irq);
	return breaches;
}
