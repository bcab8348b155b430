/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a TLB that software fills needs of the page tables.
 *
 * A MISS. The handler looks the address up in tlb_table() (mm/tlb.h) and writes
 * what it finds into the TLB: in C by page_entry_find, in assembly by the numbers
 * of mm/pt_layout.h or mm/ht_layout.h. Only if it finds nothing, or a right that is
 * missing, does it build a trap frame and report a page fault.
 *
 * IN THE MIDST OF ANYTHING. A miss comes at any instruction that touches memory,
 * in the midst of a change of the same page table as well. So the look-up takes
 * no lock, and never waits for the code that it has interrupted: what is mapped is
 * found between any two stores of a change on the same CPU. It may wait for a
 * change that another CPU makes, which goes on meanwhile.
 *
 * WHAT IS REACHABLE WITHOUT A MISS. That a page is found does not help if the
 * look-up itself misses. So the text and the data of the handler, and what it
 * reads of the page tables, are reachable without a look-up: by wired entries, by
 * physical addresses, or by a direct map that hardware makes. The page tables are
 * all in the direct map, but for page_kernel, which is in the image.
 *
 * WHAT CODE MAY TOUCH THAT HOLDS A PAGE TABLE'S LOCK: the image, the direct map,
 * what is per CPU, and the stack that it runs on. Never user memory, and of
 * km_map's window nothing but that stack. So the machine decides, by where
 * kernel stacks lie, whether a miss can come there at all. What callers hand over
 * and is touched under the lock (a struct page_table, a reservation, an array of
 * results) obeys it too; debug builds check that (page_reach_debug).
 */

#ifndef MM_PAGE_MISS_H
#define MM_PAGE_MISS_H

#include <mm/page.h>

/** What a miss finds, as it is in the page table. */
struct page_entry {
	pte_t pte;
	/*
	 * The entry of the other half of a pair, the page of the same size at va ^ that size, for TLBs that hold an even
	 * and an odd page in one entry; 0 if no page of that size is mapped there.
	 */
	pte_t other;
	unsigned level; /* the page's size is PTL_COVERS(level), but of one of a run (mm/page_leaf.h) */
};

/**
 * Finds the entry that maps va in a page table; an address of the kernel part in page_kernel, whatever the table. For
 * miss handlers: interrupts are off; any locks may be held, by whatever code was interrupted.
 *
 * @return false if va is not mapped
 */
MUST_USE bool page_entry_find(const struct page_table *table, uintptr_t va, struct page_entry *found);

/**
 * What comes before a page fault is reported, where TLB_KEEPS_INVALID or PTE_BREAK_FIRST: looks the page up, once no
 * change is under way. Where TLB_KEEPS_INVALID, drops what this CPU's TLB keeps of the page first, so that no entry is
 * left that has no valid half; nowhere else, for there it would heal an invalidation that was left out.
 *
 * @param table      tlb_table()
 * @param wanted     PAGE_WRITE, PAGE_EXEC, PAGE_USER: what the access needs beyond that the page is mapped
 * @return whether the page is mapped by now and allows it: the access is to be tried again
 */
MUST_USE bool page_fault_is_stale(struct page_table *table, uintptr_t va, page_flags_t wanted);

#if CONFIG_DEBUG
/** Stops a caller that hands over memory which may not be touched under a page table's lock. */
void page_reach_check(const void *start, size_t bytes);
#define page_reach_debug(start, bytes) page_reach_check(start, bytes)
#else
#define page_reach_debug(start, bytes) ((void) 0)
#endif

#endif
