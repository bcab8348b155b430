/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Page tables as things: taken, kept on lists, given back; and the roots of
 * address spaces.
 *
 * Tables that are not in a tree are chained through their entry 0, which holds
 * the address of the next one and is, being page-aligned, not present. That is
 * so even while another CPU may still be walking through an unhooked table.
 *
 * An operation that may need tables looks how many under the lock, takes them
 * without it, looks again, and commits when it has enough; what is too many is
 * given back. So no lock is held while memory is waited for, and a commit
 * cannot fail.
 *
 * COST. Taking a table: one frame and the zeroing of it; spares are not zeroed,
 * as a split fills them. Creating an address space: a root, and a copy of the
 * kernel entries.
 */

#include <mm/inject.h>
#include <mm/malloc.h>
#include <mm/step.h>
#include <mm/tlb.h>

#include "pt.h"

/* Until page_init it maps nothing; a miss by then may ask it. */
struct page_table page_kernel = {
	.first = UINTPTR_MAX, .last = UINTPTR_MAX, .next = &page_kernel, .previous = &page_kernel
};
struct mm_spinlock page_table_list_lock = SPINLOCK_INIT;
pte_t leaf_bits[LEAF_FLAGS + 1];

#if CONFIG_DEBUG
void (*page_step_hook)(void);
#endif

static void page_step(void)
{
	MM_STEP(page_step_hook);
}

/* ---- lists ---- */

void table_push(struct table_list *list, phys_t table)
{
	pte_t link = (pte_t) list->first;

	mm_debug(!pte_present(link), "the address %#" PHYS_X " is a present entry", list->first);
	entry_store(table_entries(table), link);
	list->first = table;
	list->count++;
}

phys_t table_pop(struct table_list *list)
{
	phys_t table = list->first;

	if (table == 0)
		return 0;
	list->first = (phys_t) entry_peek(table_entries(table));
	list->count--;
	entry_poke(table_entries(table), 0);
	return table;
}

void table_move(struct table_list *to, struct table_list *from, size_t count)
{
	mm_assert(count <= from->count, "%zu page tables wanted, %zu set aside", count, from->count);
	while (count-- > 0)
		table_push(to, table_pop(from));
}

/* ---- taking and giving back ---- */

static phys_t frames_for_table(size_t frames, size_t align, phys_t upper, frame_flags_t flags)
{
	struct frame_request request = FRAME_REQUEST(frames, flags);
	size_t taken;

	if (frames == 1 && upper == (phys_t) -1)
		return frame_alloc(1, flags, 0);
	request.align = align;
	request.upper = upper;
	return frame_alloc_request(&request, &taken);
}

errno_t tables_take(
	const struct page_table *table, struct table_list *list, size_t count, frame_flags_t alloc, struct reservation *r)
{
	if (r == NULL && list->count < count && inject_now())
		return ENOMEM;
	while (list->count < count) {
		phys_t frame = r != NULL ? reservation_take(r, 1, FRAME_LOWMEM | (alloc & FRAME_ZERO))
								 : frames_for_table(1, 1, table->tables_last, alloc | FRAME_ATOMIC | FRAME_LOWMEM);

		if (frame == 0)
			return ENOMEM;
		frame_mark(frame >> PAGE_WIDTH, 1, FRAME_KIND_TABLE, 0);
		table_push(list, frame);
		held_add(HELD_FRAMES, 1);
	}
	return EOK;
}

void tables_free_held(struct table_list *list)
{
	held_sub(HELD_FRAMES, list->count);
	tables_free(list);
}

void tables_free(struct table_list *list)
{
	phys_t table;

	while ((table = table_pop(list)) != 0) {
		frame_mark(table >> PAGE_WIDTH, 1, FRAME_KIND_PLAIN, 0);
		frame_free(table, 1);
	}
}

void tables_keep(struct tlb_batch *batch, struct table_list *list)
{
	struct table_list kept = { .first = batch->tables, .count = batch->table_count };

	table_move(&kept, list, list->count);
	batch->tables = kept.first;
	batch->table_count = kept.count;
}

void page_tables_free(phys_t first, size_t count)
{
	struct table_list list = { .first = first, .count = count };

	tables_free(&list);
}

phys_t root_alloc(phys_t upper, frame_flags_t alloc)
{
	phys_t base = frames_for_table(ROOT_FRAMES, ROOT_ALIGN, upper, alloc | FRAME_LOWMEM | FRAME_ZERO);

	if (base == 0)
		return 0;
	frame_mark(base >> PAGE_WIDTH, ROOT_FRAMES, FRAME_KIND_TABLE, 0);
	return base + ROOT_MIRROR_SIZE;
}

void root_free(phys_t root)
{
	phys_t base = root - ROOT_MIRROR_SIZE;

	frame_mark(base >> PAGE_WIDTH, ROOT_FRAMES, FRAME_KIND_PLAIN, 0);
	frame_free(base, ROOT_FRAMES);
}

/* ---- entries ---- */

static bool is_kernel_slot(size_t index)
{
	return index >= PTL_INDEX(KERNEL_START, 0) && index <= PTL_INDEX(KERNEL_LAST, 0);
}

static inline void root_store(struct page_table *table, size_t index, pte_t pte)
{
	entry_store(&table->entries[index], pte);
	if (ROOT_MIRROR_FRAMES != 0)
		pte_root_mirror(page_table_root(table), index, pte);
}

COLD static void kernel_entry_set(size_t index, pte_t pte)
{
	struct page_table *table = &page_kernel;

	if (KERNEL_ROOT_SEPARATE) {
		root_store(table, index, pte);
		return;
	}
	spinlock_lock_raw(&page_table_list_lock);
	do {
		root_store(table, index, pte);
		page_step();
		table = table->next;
	} while (table != &page_kernel);
	spinlock_unlock_raw(&page_table_list_lock);
}

static inline void table_entry_store(struct page_table *table, unsigned level, pte_t *entry, pte_t pte)
{
	if (level == 0 && table == &page_kernel)
		kernel_entry_set((size_t) (entry - table->entries), pte);
	else if (ROOT_MIRROR_FRAMES != 0 && level == 0)
		root_store(table, (size_t) (entry - table->entries), pte);
	else
		entry_store(entry, pte);
}

void table_entry_set(struct page_table *table, unsigned level, pte_t *entry, pte_t pte)
{
	mm_debug(spinlock_held_here(&table->lock), "the page table is not locked");
	page_step();
	table_entry_store(table, level, entry, pte);
	page_step();
}

size_t split_tables(unsigned level)
{
	size_t tables = 0;

	for (unsigned below = PTL_LEAF; below > level; below--)
		tables = 1 + PTL_ENTRIES(below) * tables;
	return tables;
}

size_t split_tables_once(unsigned level)
{
	if (level + 1 == PTL_LEAF || ptl_leaf_allowed(level + 1))
		return 1;
	return 1 + PTL_ENTRIES(level + 1) * split_tables_once(level + 1);
}

/* A table of this level, from the list, that maps frames from pa; by further tables if it may have no leaves. */
static phys_t table_fill(unsigned level, phys_t pa, page_flags_t flags, struct table_list *list)
{
	bool has_leaves = level == PTL_LEAF || ptl_leaf_allowed(level);
	pte_t part = pte_leaf(pa, flags, level), step = leaf_step(level);
	phys_t table = table_pop(list);

	mm_assert(table != 0, "no table set aside to split the large page that maps %#" PHYS_X, pa);
	for (size_t i = 0; i < PTL_ENTRIES(level); i++, part += step)
		entry_poke(&table_entries(table)[i],
			has_leaves ? part : pte_table(table_fill(level + 1, pa + i * PTL_COVERS(level), flags, list)));
	*table_uses(table) = PTL_ENTRIES(level);
	return table;
}

#if PTE_BREAK_FIRST

static void breaks_step(struct page_table *table)
{
	__atomic_store_n(&table->breaks, table->breaks + 1, __ATOMIC_RELEASE);
}

/* Removes count entries until break_end; entry, va's, is the first. */
static void break_begin(struct page_table *table, unsigned level, pte_t *entry, size_t count, uintptr_t va)
{
	mm_debug(spinlock_held_here(&table->lock), "the page table is not locked");
	breaks_step(table);
	for (size_t i = 0; i < count; i++)
		table_entry_store(table, level, &entry[i], 0);
	tlb_break(table, ALIGN_DOWN(va, PTL_COVERS(level)), count * PTL_COVERS(level) >> PAGE_WIDTH);
}

static void break_end(struct page_table *table)
{
	pte_publish();
	breaks_step(table);
}

void entry_break(struct page_table *table, unsigned level, pte_t *entry, uintptr_t va, pte_t pte)
{
	break_begin(table, level, entry, 1, va);
	table_entry_store(table, level, entry, pte);
	break_end(table);
}

phys_t leaf_split_broken(struct page_table *table, unsigned level, pte_t *entry, uintptr_t va, struct table_list *list)
{
	pte_t old = entry_load(entry);
	phys_t child = table_fill(level + 1, pte_leaf_pa(old, level), pte_leaf_flags(old, level), list);

	entry_break(table, level, entry, va, pte_table(child));
	return child;
}

#endif

phys_t leaf_split_at_once(struct page_table *table, unsigned level, pte_t *entry, struct table_list *list)
{
	pte_t old = entry_load(entry);
	phys_t child = table_fill(level + 1, pte_leaf_pa(old, level), pte_leaf_flags(old, level), list);

	table_entry_set(table, level, entry, pte_table(child));
	pte_publish(); /* also for the parts that the caller does not change */
	return child;
}

/* ---- runs of equal entries (pt.h, "Runs") ---- */

#if PTE_RUNS

#if PTE_BREAK_FIRST

COLD void run_write(struct page_table *table, unsigned level, pte_t *entry, uintptr_t va, pte_t pte, pte_t step)
{
	break_begin(table, level, entry, PTE_RUN(level), va);
	for (size_t i = 0; i < PTE_RUN(level); i++, pte += step)
		table_entry_store(table, level, &entry[i], pte);
	break_end(table);
}

#else

COLD void run_write(struct page_table *table, unsigned level, pte_t *entry, uintptr_t va, pte_t pte, pte_t step)
{
	(void) va;
	for (size_t i = 0; i < PTE_RUN(level); i++, pte += step)
		table_entry_set(table, level, &entry[i], pte);
	pte_publish(); /* also for what the caller does not change */
}

#endif

/* Rewrites a run of which va is in the midst as single entries. */
static void run_cut(struct page_table *table, uintptr_t va)
{
	pte_t *entry = &table->entries[PTL_INDEX(va, 0)];
	unsigned level = 0;
	uintptr_t inside;
	pte_t pte;

	while (pte = entry_peek(entry), pte_present(pte) && !pte_is_leaf(pte, level)) {
		level++;
		entry = &table_entries(pte_table_pa(pte))[PTL_INDEX(va, level)];
	}
	if (!pte_present(pte) || !pte_is_run(pte, level))
		return;
	inside = va & (run_bytes(level) - 1);
	if (inside != 0)
		run_write(table, level, entry - (inside >> PTL_SHIFT(level)), va - inside,
			pte_leaf(pte_leaf_pa(pte, level), pte_leaf_flags(pte, level), level), leaf_step(level));
}

COLD void runs_cut(struct page_table *table, uintptr_t va, uintptr_t last)
{
	run_cut(table, va);
	if (last != table->last)
		run_cut(table, last + 1);
}

#endif

/* ---- the recent table ---- */

void recent_forget(struct page_table *table)
{
	__atomic_store_n(&table->recent, RECENT_NONE, __ATOMIC_RELAXED);
	__atomic_store_n(&table->recent_changes, table->recent_changes + 1, __ATOMIC_RELEASE);
}

static void recent_set(struct page_table *table, uintptr_t va, phys_t child)
{
	recent_forget(table);
	page_step();
	__atomic_store_n(&table->recent_entries, table_entries(child), __ATOMIC_RELEASE);
	table->recent_uses = table_uses(child);
	page_step();
	__atomic_store_n(&table->recent, va >> RECENT_SHIFT, __ATOMIC_RELEASE);
}

/* Whether all that the table of the last level for va serves is of this page table's part. */
static bool is_within(const struct page_table *table, uintptr_t va)
{
	uintptr_t first = ALIGN_DOWN(va, PTL_COVERS(PTL_LEAF - 1));

	return first >= table->first && first + (PTL_COVERS(PTL_LEAF - 1) - 1) <= table->last;
}

bool recent_find(struct page_table *table, uintptr_t va)
{
	phys_t child = table->root;

#pragma GCC unroll 4
	for (unsigned level = 0; level < PTL_LEAF; level++) {
		pte_t pte = entry_peek(&table_entries(child)[PTL_INDEX(va, level)]);

		if (!pte_present(pte) || pte_is_leaf(pte, level))
			return false;
		child = pte_table_pa(pte);
	}
	if (!is_within(table, va))
		return false;
	recent_set(table, va, child);
	return true;
}

/* ---- address spaces ---- */

static void kernel_entries_copy(struct page_table *table)
{
	pte_t *entries = table->entries;

	for (size_t i = 0; i < PTL_ENTRIES(0) && !KERNEL_ROOT_SEPARATE; i++) {
		if (!is_kernel_slot(i))
			continue;
		entry_poke(&entries[i], entry_peek(&page_kernel.entries[i]));
		if (ROOT_MIRROR_FRAMES != 0)
			pte_root_mirror(page_table_root(table), i, entry_peek(&entries[i]));
	}
}

/*
 * Allocates a page table's two parts. The caller, if it may sleep, does that for the first of them, which is the one
 * that was missing last: it never sleeps for one while it holds the other.
 */
static struct page_table *parts_alloc(phys_t *root, frame_flags_t alloc)
{
	frame_flags_t second = alloc | FRAME_ATOMIC;
	bool root_first = false;
	struct page_table *table;

	for (;;) {
		*root = root_first ? root_alloc((phys_t) -1, alloc) : 0;
		table = mm_malloc(sizeof *table, root_first ? second : alloc);
		if (table != NULL && !root_first)
			*root = root_alloc((phys_t) -1, second);
		if (table != NULL && *root != 0)
			return table;
		if (table != NULL)
			mm_free(table);
		if (*root != 0)
			root_free(*root);
		if (alloc & FRAME_ATOMIC)
			return NULL;
		root_first = !root_first;
		second |= FRAME_NO_WAIT;
	}
}

struct page_table *page_table_create(frame_flags_t alloc)
{
	struct page_table *table;
	port_irq_t irq;
	phys_t root;

	if (!(alloc & FRAME_ATOMIC))
		may_wait_check(__func__);
	table = parts_alloc(&root, alloc);
	if (table == NULL)
		return NULL;
	*table = (struct page_table){ .root = root,
		.entries = table_entries(root),
		.first = USER_START,
		.last = USER_LAST,
		.recent = RECENT_NONE,
		.tables_last = (phys_t) -1 };
	irq = spinlock_lock(&page_table_list_lock);
	kernel_entries_copy(table);
	pte_publish();
	table->next = &page_kernel;
	table->previous = page_kernel.previous;
	page_kernel.previous->next = table;
	page_kernel.previous = table;
	spinlock_unlock(&page_table_list_lock, irq);
	return table;
}

void page_table_destroy(struct page_table *table)
{
	port_irq_t irq;

	mm_assert(table != &page_kernel, "the kernel's own page table is not one that can go");
	page_mapping_remove(table, table->first, range_pages(table->first, table->last));
	mm_assert(*table_uses(table->root) == 0 && table->spares.count == 0,
		"the root has %u entries in use and %zu tables are set aside", *table_uses(table->root), table->spares.count);
	irq = spinlock_lock(&page_table_list_lock);
	table->next->previous = table->previous;
	table->previous->next = table->next;
	spinlock_unlock(&page_table_list_lock, irq);
	root_free(table->root);
	mm_free(table);
}

phys_t page_table_root(const struct page_table *table)
{
	return table->root - ROOT_MIRROR_SIZE;
}

struct asid_contexts *page_table_asids(struct page_table *table)
{
	return &table->asids;
}

unsigned page_window_level(void)
{
	return 1;
}

const char *page_design_name(void)
{
	return "pt";
}
