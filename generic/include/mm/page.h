/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Page mapping: one interface, two designs (genarch/pt: hierarchical page
 * tables; genarch/ht: one global page hash table), of which one is linked into
 * an image. Both give the same answer to every sequence of calls.
 *
 * Operations take ranges and are all or nothing: they prepare (look, and take
 * all the tables they will need), then commit, which cannot fail. Pages larger
 * than the base are used where range and alignment allow it, and are split
 * when part of one changes; the tables that splits will need are set aside
 * when the large page is mapped, so unmapping never fails.
 */

#ifndef MM_PAGE_H
#define MM_PAGE_H

#include <arch/mm.h>
#include <mm/frame.h>
#include <mm/page_seen.h>
#include <mm/tlb_cache.h>
#include <mm/tlb_kind.h>
#include <mm/types.h>

/* What a mapping allows and how it is cached. (The values are fixed in <arch/mm.h>'s terms by mm/page_flags.h.) */
#include <mm/page_flags.h>

/* Of the flags of an allocation, those that page tables take. */
#define PAGE_TABLE_FLAGS (FRAME_ATOMIC | FRAME_NO_RECLAIM | FRAME_NO_WAIT)

/** More frames than either design takes to map n neighbouring pages, in one call or in several. */
static inline size_t page_tables_most(size_t pages)
{
	return pages == 1 ? PTL_LEVELS : pages / 128 + 2 * PTL_LEVELS;
}

/*
 * The last physical address of this machine: what the page format can express, PHYS_LAST, or less. A machine that finds
 * out (by CPUID, say) sets it before page_init; until then it is PHYS_LAST.
 */
extern phys_t page_physical_last;

/** The last address that a page can be mapped to. An entry beyond it would fault, and be found in order, for ever. */
static inline phys_t phys_last(void)
{
	return PHYS_LAST == (phys_t) -1 ? PHYS_LAST : page_physical_last;
}

struct page_table; /* one address space's mappings; the design's own */
struct asid_contexts;
struct tlb_batch;

/** The kernel's mappings, seen by all address spaces. */
extern struct page_table page_kernel;

/**
 * Makes a page table for an address space: nothing is mapped in its user part. After slab and malloc are set up.
 *
 * @param alloc  FRAME_ATOMIC or 0 (then it may sleep), and FRAME_NO_RECLAIM
 * @return NULL with FRAME_ATOMIC for want of memory; in any case if there are as many as the design can tell apart (ht:
 *         its tags have room for 4,094 on 32 bits)
 */
MUST_USE struct page_table *page_table_create(frame_flags_t alloc);

/** Unmaps all that is mapped in its user part, and gives it back. It must not be in use on any CPU. */
void page_table_destroy(struct page_table *table);

/** What page_root_load of <arch/mm.h> takes to use this page table. */
phys_t page_table_root(const struct page_table *table);

/** Where it keeps its identifiers (mm/asid.h). */
struct asid_contexts *page_table_asids(struct page_table *table);

/**
 * Maps pages at va to frames that follow each other from pa. Nothing may be mapped in the range before.
 *
 * @param va     virtual address of the first page; a multiple of PAGE_SIZE
 * @param pa     physical address of the first frame; a multiple of PAGE_SIZE
 * @param pages  base pages, at least 1
 * @param flags  PAGE_*; PAGE_NO_LARGE keeps to base pages
 * @param alloc  FRAME_ATOMIC or 0 (then it may sleep; with FRAME_NO_WAIT not for memory), and FRAME_NO_RECLAIM, for the
 *               page tables. Who has frames in his hands that he did not have before says FRAME_NO_WAIT, and lets go of
 *               them before he waits for more
 * @retval EOK
 * @retval EEXIST  part of the range is mapped; nothing changed
 * @retval ENOMEM  (FRAME_ATOMIC, FRAME_NO_WAIT) no frame for a table; nothing changed
 * @retval EINVAL  an address is not a multiple of PAGE_SIZE, the range wraps, leaves the table's part of the address
 *                 space or what the machine can address (phys_last), or pages is 0
 *
 * Where hardware makes the direct map, all of that is mapped, and none of it can be changed: mm/direct_map.h.
 */
MUST_USE errno_t page_mapping_insert(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags, frame_flags_t alloc);

struct reservation; /* mm/reserve.h */

/*
 * What a reservation assures. A caller with page_tables_most(n) low frames reserved maps n neighbouring pages, in as
 * many calls as it likes, and none of them is short of memory, whatever other CPUs map meanwhile. The same holds of n
 * pages anywhere with n times page_tables_most(1).
 *
 *   pt   A frame becomes a table for one part of the address space. It stays as long as one of the caller's pages
 *        is in it, and no other page table uses it. So each table is paid for once.
 *   ht   A frame becomes room for some thirty clusters, which every address space could use, and would: then
 *        the caller's next cluster would take the next frame, and pages mapped one by one would use up the
 *        reservation long before the last. So the room that a reservation's frames have made, less what its own calls
 *        have used, is set aside for it: others find it occupied, until reservation_end.
 */

/**
 * As page_mapping_insert, for a caller that has reserved the frames that this may take (page_tables_most): never
 * sleeps, and takes the frames for tables off r->low, if what was set aside for r does not do. The caller may hold what
 * it likes but spinlocks of frames.
 *
 * @retval EOK, EEXIST, EINVAL  as page_mapping_insert
 * @retval ENOMEM               r has too few; nothing changed, and nothing is counted off
 */
MUST_USE errno_t page_mapping_insert_reserved(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags, struct reservation *r);

/** Sets nothing aside for r any more: for reservation_end, which frees the rest of it. */
void page_tables_release(struct reservation *r);

/**
 * Unmaps the range. What is not mapped is passed over, and so is what another call is unmapping at the time. When it
 * returns, no CPU holds the translations of what it unmapped. Never fails (a range that no mapping could be in has
 * nothing to unmap). Never sleeps. The frames mapped are not freed: they are their owner's.
 */
void page_mapping_remove(struct page_table *table, uintptr_t va, size_t pages);

/**
 * Changes the flags of all that is mapped in the range; the frames stay.
 *
 * @retval EOK
 * @retval ENOENT  part of the range is not mapped; nothing changed
 * @retval ENOMEM  (FRAME_ATOMIC) a large page that has no table set aside must be split (the identity window's);
 *                 nothing changed
 * @retval EBUSY   (PTE_BREAK_FIRST of mm/page_seen.h) pages of the direct map or the image would not be mapped for a
 *                 moment; nothing changed
 * @retval EINVAL  as page_mapping_insert
 */
MUST_USE errno_t page_mapping_update(
	struct page_table *table, uintptr_t va, size_t pages, page_flags_t flags, frame_flags_t alloc);

/**
 * As page_mapping_remove and page_mapping_update, but CPUs may hold the translations, and go on by them, until
 * tlb_batch_finish (mm/tlb.h): so many calls ask other CPUs once. Frames are not to be given back before.
 */
void page_mapping_remove_later(struct page_table *table, uintptr_t va, size_t pages, struct tlb_batch *batch);
MUST_USE errno_t page_mapping_update_later(struct page_table *table, uintptr_t va, size_t pages, page_flags_t flags,
	frame_flags_t alloc, struct tlb_batch *batch);

/** Frees the tables that a batch has kept, chained as the design likes. For tlb_batch_finish. */
void page_tables_free(phys_t first, size_t count);

/**
 * Maps another frame where one base page is mapped: what was there is unmapped and no CPU holds it when this returns.
 * Takes no memory, and never sleeps.
 *
 * @retval EOK
 * @retval ENOENT  va is not mapped, or not by a base page; nothing changed
 * @retval EBUSY   as page_mapping_update
 * @retval EINVAL  an address is not a multiple of PAGE_SIZE, or not one of this page table
 */
MUST_USE errno_t page_mapping_replace(struct page_table *table, uintptr_t va, phys_t pa, page_flags_t flags);

/*
 * A page of the kernel part that is mapped for ever, by a base page, and that one CPU alone uses: that CPU changes what
 * it is mapped to by its entry, without a lock, and asks no other CPU to drop it (generic/km_local.c).
 */

/** The entry of such a page, which stays where it is. @return NULL if no base page is mapped at va */
pte_t *page_local_entry(uintptr_t va);

/** Takes it out, on all CPUs, before it may lead elsewhere (PTE_BREAK_FIRST). */
void page_local_break(pte_t *entry, uintptr_t va);

/** Maps another frame there. On the CPU whose page it is; any context with interrupts off. */
static inline void page_local_set(pte_t *entry, uintptr_t va, phys_t pa, page_flags_t flags)
{
	if (PTE_BREAK_FIRST)
		page_local_break(entry, va);
	pte_store(entry, pte_leaf(pa, flags, PTL_LEVELS - 1));
	if (TLB_CACHE)
		tlb_cache_invalidate(0, va, 1);
	tlb_invalidate_one(true, va);
}

/** How an address translates. */
struct page_mapping {
	phys_t pa;   /* what this very va translates to, offset included; undefined if size is 0 */
	size_t size; /* bytes of the page it lies in; 0 = not mapped */
	page_flags_t flags;
};

/** Finds the translation of one address, in full. Any context. */
struct page_mapping page_mapping_find(struct page_table *table, uintptr_t va);

/** Finds what one address translates to, nothing else: the hot form. @return false if it is not mapped. Any context. */
MUST_USE bool page_translate(struct page_table *table, uintptr_t va, phys_t *pa);

/** Neighbouring pages that are mapped to frames that follow each other. */
struct page_run {
	uintptr_t va; /* of the first page */
	phys_t pa;    /* of its frame */
	size_t pages; /* base pages, whatever the size of the pages they are mapped by */
};

/**
 * Finds what a range is mapped to: its runs, in rising order of address, each as long as the range lets it be; what is
 * not mapped lies between them. If there is room for no more, go on behind the last one. As with page_translate, an
 * address of the kernel part is looked up there, and what others change meanwhile is told as it was or as it is, page
 * by page. Never sleeps; no lock is held that comes after a page table's.
 *
 * @param va     a multiple of PAGE_SIZE
 * @param pages  base pages, at least 1
 * @param runs   receives the runs
 * @param room   how many there is room for, at least 1
 * @return runs found; fewer than room: there are no more. 0 if the range is not one of this page table
 */
MUST_USE size_t page_mapping_runs(
	struct page_table *table, uintptr_t va, size_t pages, struct page_run *runs, size_t room);

/** Base pages of the range that are mapped; 0 if the range is not one of this page table. Walks all of it. */
size_t page_mapping_count(struct page_table *table, uintptr_t va, size_t pages);

/** What page_describe tells of one level. */
struct page_level {
	size_t index;    /* in the table of that level */
	phys_t entry_at; /* physical address of the entry */
	uint64_t entry;  /* its bits */
	unsigned level;  /* PTL0 = 0, the root */
	bool present, leaf;
	unsigned run; /* of a leaf: entries, this one among them, that are equal and map one page (mm/page_leaf.h) */
};

/** How va translates, level by level, for the console. @return levels filled in, at most max */
size_t page_describe(struct page_table *table, uintptr_t va, struct page_level *levels, size_t max);

struct page_table_info {
	size_t tables[8];  /* tables of each level, the root included */
	size_t room[8];    /* entries that they have room for (of the root: for this page table's part) */
	size_t entries[8]; /* entries in use, of each level */
	size_t leaves[8];  /* of these, those that map a page */
	size_t spares;     /* tables set aside for splits */
	size_t set_aside;  /* for reservations, of all page tables together */
	size_t frames;     /* that all of it takes, what is set aside included (ht: of all page tables together) */
	unsigned levels;
};

void page_table_get_info(struct page_table *table, struct page_table_info *info);

/**
 * The largest size, by its level (PTL_COVERS), that pages in km_map's window can have, where ptl_leaf_allowed: 1 if
 * there are tables below the root which stay (pt), 0 if pages of all sizes are the same (ht).
 */
unsigned page_window_level(void);

/** Name of the design: "pt" or "ht". */
const char *page_design_name(void);

/**
 * Builds the kernel part: what the boot code had mapped, the rest of memory in the identity window, the rights of
 * text, read-only data and data, and the machine's fixed mappings (mm/kernel_map.h); every address space that comes
 * later shares its tables. After frame_init, and before anybody else takes frames: until it is done, what the boot code
 * has not mapped cannot be reached.
 *
 * @retval ENOMEM          no frames for the tables; logged, and the boot code's mappings stay in use
 * @retval EEXIST, EINVAL  as kernel_map: the same
 */
MUST_USE errno_t page_init(void);

#if CONFIG_DEBUG
/*
 * For tests: called, if not NULL, between any two stores of a change that look-ups can tell apart, with the page table
 * locked. A look-up by the same CPU finds there what is mapped, as a TLB miss in the midst of the change must.
 */
extern void (*page_step_hook)(void);

/* For tests: called, if not NULL, in the midst of look-ups that take no lock, where another CPU may make a change. */
extern void (*page_look_hook)(void);
#endif

/** Holds every page table to its invariants; every breach is logged. @return number of breaches */
size_t page_check(void);

#endif
