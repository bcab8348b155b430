/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the files of the hierarchical page tables share, and nobody else sees.
 *
 *   pt.h          the structure, the theory, and the steps every walk is made of
 *   table.c       tables: taking them, giving them back, address spaces' roots
 *   insert.c      remove.c   update.c   find.c   runs.c     the operations
 *   page_check.c  what is true of all of it, and what there is of it
 *   init.c        the kernel's own mappings
 *
 * THE TREE. PTL0 is the root; PTL_LEAF, the last level, maps base pages. The
 * format of an entry comes from <arch/mm.h>; of it is demanded, beyond what
 * that header's functions say:
 *
 *   - an entry of 0 is not present, and neither is one that holds nothing but a
 *     page-aligned address: so unhooked tables can be chained through entry 0
 *     while some CPU may still look at them
 *   - what <mm/page_leaf.h> demands of leaves
 *
 * One walk serves two, three and four levels. A walk over a range recurses from
 * table to table, its level a variable; what happens per page is a loop over
 * neighbouring entries of one table. A walk to one address is a loop with a
 * constant bound, which the compiler unrolls.
 *
 * USES. The metadata of a table's frame counts its entries in use (frame_uses),
 * those and nothing else: 0 is empty and PTL_ENTRIES is full, which update.c
 * believes. So a table whose last entry goes is freed without a look at the
 * others, unless it is PINNED: the root, and the tables of PTL1 that all address
 * spaces share. Which these are is a question of the address (is_pinned).
 *
 * THE KERNEL PART. The root of every address space holds the same entries for
 * the kernel part as page_kernel's root. The tables that they point to are
 * shared, so what is mapped in one is seen in all. page_init fills in, and
 * pins, the entries for all of km_map's window; after that kernel mappings come
 * and go without a change of any root. If a kernel entry of the root changes
 * all the same (part of a large page of the identity window gets other rights,
 * where large pages are entries of the root), it is written to all roots
 * (table_entry_set).
 *
 * Where the kernel part has a root of its own (mm/page_roots.h) no other holds its
 * entries. Where the walker's root is not the core's, root_store keeps the two alike.
 *
 * SPARES. Removal never fails, though removing part of a large page takes a
 * table: it is set aside when the large page is mapped, so table.spares.count
 * is always the number of tables that splitting all its large pages down to base
 * pages would take (for a 1 GiB page on amd64: 1 + 512). Not so the large pages
 * of the identity window: those are never removed, and a change of rights in
 * part of one takes new tables and may say ENOMEM.
 *
 * RECENT. Each page table remembers the table of the last level that was
 * changed last. Under the lock it saves the walk. page_translate uses it with
 * no lock and interrupts on: it notes recent_changes, finds that the recent
 * table serves the address, reads the entry, and believes it if recent_changes
 * is still the same. A table is forgotten before it is freed, and the writer's
 * order is: recent = RECENT_NONE, recent_changes + 1, the rest, recent; so the
 * reader's table was the recent one when the entry was read.
 *
 * LOCKS. table.lock is held for every change of a tree, and of its uses and
 * spares; for entries of the kernel part that is page_kernel.lock, whichever
 * root they are seen from. The list of all page tables, and the kernel entries
 * of roots other than page_kernel's, are under page_table_list_lock, which is
 * taken after page_kernel.lock and before another table's lock.
 *
 * READERS (find.c) take no lock, only turn interrupts off: a table is linked
 * after it is filled, and unhooked tables are freed only after tlb_drop_tables,
 * which returns when no CPU can still be looking (generic/tlb.c). Entries are
 * read and written whole. A reader meets each entry as it was or as it is.
 *
 * BREAK (PTE_BREAK_FIRST of mm/page_seen.h). An entry that changes in more than rights is
 * 0 for a moment (entry_break). page_table.breaks is odd that long; a reader that finds
 * nothing looks whether the number is odd, or another than before, and then looks again,
 * unless the change is made by its own CPU. Where it is off, nothing of it is left.
 *
 * RUNS of equal entries (mm/page_leaf.h) map a page that is no level of its own. Inserting
 * uses one where the range, and its alignment to the frames, have all of it. What changes
 * or removes a part of one first rewrites it as single entries (runs_cut); single entries
 * never become a run again. A run is written as a whole (run_write): where PTE_BREAK_FIRST,
 * all its entries are 0 before the first is another. So those of a run are equal, for
 * the CPU that holds the lock; a walker may meet a part of them, which is not wrong: what the
 * others map is about to be mapped so, or is invalidated next. A run takes no tables.
 *
 * ORDER. What no lock covers, and what carries it:
 *
 *   for hardware mm/page_seen.h: what has become present is published before the
 *                lock is let go of, or before what it replaces is invalidated
 *   entry        stores of a present entry release, loads of readers acquire: so
 *                with an entry a reader sees what was written before into the
 *                table or the frame that it leads to. Stores of 0 and stores to a
 *                table that is not linked yet carry nothing, and are relaxed
 *   recent, recent_changes, recent_entries
 *                the writer's stores release in the order of "Recent", the reader
 *                acquires in the opposite one; the last look at recent_changes
 *                is behind an acquiring load of the entry, and may be relaxed
 *   breaks       made odd before the entry is 0, whose store releases: so a reader that
 *                met the 0 reads an odd number after it, or a later one
 *   a table that goes
 *                tlb_drop_tables: whoever answers has made its last load before,
 *                and releases by `waiting`, which the one that frees acquires
 *   roots        the kernel entries of a new root are copied under
 *                page_table_list_lock; a CPU gets the root from the scheduler
 */

#ifndef PT_H
#define PT_H

#include <mm/asid.h>
#include <mm/assert.h>
#include <mm/held.h>
#include <mm/page.h>
#include <mm/page_leaf.h>
#include <mm/page_range.h>
#include <mm/page_roots.h>
#include <mm/reserve.h>
#include <mm/spinlock.h>

#define PTL_LEAF (PTL_LEVELS - 1)
#define PAGE_MASK (PAGE_SIZE - 1)

/* Frames of a table; only the root may be of several (they are aligned to their size then). */
#define TABLE_FRAMES(level) ((PTL_ENTRIES(level) * sizeof(pte_t) + PAGE_SIZE - 1) >> PAGE_WIDTH)

/* Of a root, with the walker's before it (mm/page_roots.h): what both are aligned to, and the bytes of the walker's. */
#define ROOT_FRAMES (ROOT_MIRROR_FRAMES + TABLE_FRAMES(0))
#define ROOT_ALIGN (ROOT_MIRROR_FRAMES != 0 ? (size_t) ROOT_MIRROR_FRAMES : TABLE_FRAMES(0))
#define ROOT_MIRROR_SIZE ((phys_t) ROOT_MIRROR_FRAMES * PAGE_SIZE)

_Static_assert(ROOT_MIRROR_FRAMES % TABLE_FRAMES(0) == 0, "the core's root is aligned to its size behind the walker's");
_Static_assert(TABLE_FRAMES(1) == 1 && TABLE_FRAMES(PTL_LEAF) == 1, "a table below the root is one frame");

/* Tables that are not in a tree, chained through their entry 0. All zero is an empty list. */
struct table_list {
	phys_t first;
	size_t count;
};

struct page_table {
	struct mm_spinlock lock;
	phys_t root;
	pte_t *entries;        /* the root's */
	uintptr_t first, last; /* the addresses it may map, both inclusive */

	/*
	 * The table of the last level in which something was changed last, so that the next page of the same
	 * neighbourhood needs no walk ("Recent" above): what it serves (va >> RECENT_SHIFT, or RECENT_NONE), its entries,
	 * the count of its uses, and how often all this has changed.
	 */
	uintptr_t recent;
	pte_t *recent_entries;
	uint16_t *recent_uses;
	uintptr_t recent_changes;

#if PTE_BREAK_FIRST
	uintptr_t breaks; /* odd: an entry is not there for a moment */
#endif

	struct table_list spares;
	phys_t tables_last;                 /* tables are taken at or below this address */
	struct page_table *next, *previous; /* in the ring of all page tables */
	struct asid_contexts asids;
};

#define RECENT_SHIFT PTL_SHIFT(PTL_LEAF - 1)
#define RECENT_NONE UINTPTR_MAX

extern struct mm_spinlock page_table_list_lock;

/* ---- entries ---- */

static inline pte_t *table_entries(phys_t table)
{
	return (pte_t *) PA2KA(table);
}

/** Entries in use of a table. */
static inline uint16_t *table_uses(phys_t table)
{
	return frame_uses(table >> PAGE_WIDTH);
}

static inline pte_t entry_load(const pte_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}

static inline void entry_store(pte_t *entry, pte_t pte)
{
	pte_store(entry, pte);
}

/*
 * Whole, but in no order: for the lock's holder; to write what is not linked yet, or to clear. Whatever makes an entry
 * of a linked table present publishes what its frame holds, and so does a change of one: a reader that meets the
 * new entry is ordered behind the store that it reads, not behind the one before it.
 */
static inline pte_t entry_peek(const pte_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

static inline void entry_poke(pte_t *entry, pte_t pte)
{
	__atomic_store_n(entry, pte, __ATOMIC_RELAXED);
}

/** Writes an entry. A kernel entry of the root goes to the roots of all address spaces. The table is locked. */
void table_entry_set(struct page_table *table, unsigned level, pte_t *entry, pte_t pte);

/* ---- entries that are not there for a moment ("Break" above) ---- */

/* What may be valid in one way and then in another at once: rights. */
#define BREAK_FLAGS ~(page_flags_t) (PAGE_READ | PAGE_WRITE | PAGE_EXEC | PAGE_USER)

/** Whether a leaf may not become another at once. */
static inline bool must_break(pte_t old, pte_t pte, unsigned level)
{
	return PTE_BREAK_FIRST &&
		(pte_leaf_pa(old, level) != pte_leaf_pa(pte, level) ||
			((pte_leaf_flags(old, level) ^ pte_leaf_flags(pte, level)) & BREAK_FLAGS) != 0);
}

/** Writes an entry, va's, that was present: by way of 0, invalidated on all CPUs. The table is locked. */
void entry_break(struct page_table *table, unsigned level, pte_t *entry, uintptr_t va, pte_t pte);

#if PTE_RUNS
/** Writes the entries of a run, of which entry is the first, va's: pte, and what step makes of it. */
void run_write(struct page_table *table, unsigned level, pte_t *entry, uintptr_t va, pte_t pte, pte_t step);

/** Rewrites what runs have both in and outside of [va, last] as single entries. The table is locked. */
void runs_cut(struct page_table *table, uintptr_t va, uintptr_t last);
#else
static inline void run_write(
	struct page_table *table, unsigned level, pte_t *entry, uintptr_t va, pte_t pte, pte_t step)
{
	(void) table, (void) level, (void) entry, (void) va, (void) pte, (void) step;
}

static inline void runs_cut(struct page_table *table, uintptr_t va, uintptr_t last)
{
	(void) table, (void) va, (void) last;
}
#endif

/** Whether code runs, or has its stack, in what page_kernel maps at va: then it is there at every moment. */
static inline bool is_live(const struct page_table *table, uintptr_t va)
{
	return PTE_BREAK_FIRST && table == &page_kernel && table->tables_last == (phys_t) -1 &&
		(va - IDENTITY_VIRT < IDENTITY_SIZE || va - (uintptr_t) image_start < (size_t) (image_end - image_start));
}

/** For readers, before they look. */
static inline uintptr_t breaks_of(const struct page_table *table)
{
#if PTE_BREAK_FIRST
	return __atomic_load_n(&table->breaks, __ATOMIC_ACQUIRE);
#else
	(void) table;
	return 0;
#endif
}

/** Whether what a reader has not found may have been away for a moment; then *breaks is noted anew. */
static inline bool was_broken(const struct page_table *table, uintptr_t *breaks)
{
	uintptr_t before = *breaks;

	if (!PTE_BREAK_FIRST || spinlock_held_here(&table->lock))
		return false;
	while ((*breaks = breaks_of(table)) % 2 != 0)
		port_relax();
	return *breaks != before;
}

/* ---- ranges ---- */

/** The last address of the part of [.., last] that the entry for va covers. */
static inline uintptr_t slot_last(uintptr_t va, uintptr_t last, unsigned level)
{
	uintptr_t end = va | (PTL_COVERS(level) - 1);

	return end < last ? end : last;
}

/** Whether [va, last] is all that an entry of this level covers. */
static inline bool slot_whole(uintptr_t va, uintptr_t last, unsigned level)
{
	return last - va == PTL_COVERS(level) - 1;
}

/* Goes through the entries of one table for [va, last]: for each, [at, end] is the part of the range it covers. */
#define FOR_EACH_SLOT(at, end, va, last, level)                                        \
	for (uintptr_t at = (va), end = slot_last(at, last, level), more_ = 1; more_ != 0; \
		 more_ = end != (last), at = end + 1, end = slot_last(at, last, level))

static inline size_t range_pages(uintptr_t va, uintptr_t last)
{
	return ((last - va) >> PAGE_WIDTH) + 1;
}

/** Whether pages from va are pages of this table's part of the address space. */
static inline bool range_valid(const struct page_table *table, uintptr_t va, size_t pages)
{
	return page_range_valid(table->first, table->last, va, pages);
}

/** Whether pages from va, at least one, are part of what one table of the last level serves, but not all of it. */
static inline bool range_near(uintptr_t va, size_t pages)
{
	return pages - 1 < PTL_ENTRIES(PTL_LEAF) - 1 && PTL_INDEX(va, PTL_LEAF) + pages <= PTL_ENTRIES(PTL_LEAF);
}

/* ---- tables (table.c) ---- */

void table_push(struct table_list *list, phys_t table);
phys_t table_pop(struct table_list *list); /* 0 if it is empty; its entry 0 is cleared */
void table_move(struct table_list *to, struct table_list *from, size_t count);

/**
 * Brings a list up to count tables, which count as held by the thread (mm/held.h) till they are linked. Never sleeps.
 *
 * @param alloc  FRAME_ATOMIC and FRAME_NO_RECLAIM, for the frames; FRAME_ZERO: the tables are to be empty
 * @param r      if not NULL, where they come from instead, with only FRAME_ZERO of alloc
 * @retval ENOMEM  no frame; what the list has stays there
 */
MUST_USE errno_t tables_take(
	const struct page_table *table, struct table_list *list, size_t count, frame_flags_t alloc, struct reservation *r);

/**
 * Reserves count frames for tables for a caller that may sleep: with FRAME_NO_WAIT not for memory. So it does not sleep
 * for one table while it holds another.
 * @retval ENOMEM  (FRAME_NO_WAIT) there are not so many; or the machine never has so many
 */
MUST_USE static inline errno_t tables_reserve(struct reservation *r, size_t count, frame_flags_t alloc)
{
	return alloc & FRAME_NO_WAIT ? reservation_try(r, count, 0) : reservation_wait(r, count, 0);
}

/** Frees all tables of the list. Any context, no lock held. */
void tables_free(struct table_list *list);

/** The same, of tables that tables_take allocated. */
void tables_free_held(struct table_list *list);

/** Lets a batch give them back. */
void tables_keep(struct tlb_batch *batch, struct table_list *list);

/** A root with no entries. @return 0 with FRAME_ATOMIC for want of memory */
MUST_USE phys_t root_alloc(phys_t upper, frame_flags_t alloc);
void root_free(phys_t root);

/** Tables that it takes to split a leaf of this level down to base pages. */
size_t split_tables(unsigned level);

/** Tables that it takes to make leaves of the next size there may be of it: several if levels between have none. */
size_t split_tables_once(unsigned level);

/** Whether large pages at va have spares set aside. */
static inline bool has_spares(const struct page_table *table, uintptr_t va)
{
	return table != &page_kernel || va - IDENTITY_VIRT >= IDENTITY_SIZE;
}

/** The two of leaf_split. */
phys_t leaf_split_at_once(struct page_table *table, unsigned level, pte_t *entry, struct table_list *list);
phys_t leaf_split_broken(struct page_table *table, unsigned level, pte_t *entry, uintptr_t va, struct table_list *list);

/** Replaces a large leaf, va's, by a table, from the list, of leaves of the next size there may be. @return it */
static inline phys_t leaf_split(
	struct page_table *table, unsigned level, pte_t *entry, uintptr_t va, struct table_list *list)
{
	return PTE_BREAK_FIRST ? leaf_split_broken(table, level, entry, va, list)
						   : leaf_split_at_once(table, level, entry, list);
}

/** Whether the table of PTL1 for va is shared by all address spaces, and so stays when it is empty. */
static inline bool is_pinned(const struct page_table *table, unsigned level, uintptr_t va)
{
	return level == 1 && table == &page_kernel && (va | (PTL_COVERS(0) - 1)) >= KM_START &&
		ALIGN_DOWN(va, PTL_COVERS(0)) < KM_END;
}

/** In debug builds: a call that may sleep for memory holds nothing, even if it takes none (mm/held.h). */
#define may_wait_debug_unless(alloc)                     \
	do {                                                 \
		if (!((alloc) & (FRAME_ATOMIC | FRAME_NO_WAIT))) \
			may_wait_debug(__func__);                    \
	} while (0)

/** Stops a caller that may sleep where it may not, even if no memory is wanted. irq: as at the call. */
static inline void check_may_sleep(frame_flags_t alloc, port_irq_t irq)
{
	mm_assert((alloc & FRAME_ATOMIC) || port_irq_were_on(irq),
		"may sleep, but interrupts are off or a spinlock is held; give FRAME_ATOMIC, or let go first");
}

/** Whether the recent table is the one for va. The table is locked. */
static inline bool recent_is(const struct page_table *table, uintptr_t va)
{
	return table->recent == va >> RECENT_SHIFT;
}

/** Makes no table the recent one. The table is locked. */
void recent_forget(struct page_table *table);

/** Makes the table of the last level for va the recent one, if there is one, and all of it belongs to this part. */
bool recent_find(struct page_table *table, uintptr_t va);

/* ---- looking (page_check.c) ---- */

/** One table, as a visitor sees it. */
struct table_view {
	phys_t table;
	unsigned level;
	uintptr_t va;       /* what its entry `first` maps */
	size_t first, last; /* indices of the entries that lie in the range looked at */
};

#endif
