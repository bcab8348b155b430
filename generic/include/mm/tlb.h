/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The one way in which translations are dropped. Whoever changes or removes a
 * mapping tells it here; what it comes to on this machine is behind it. How it
 * works is told in generic/tlb.c.
 */

#ifndef MM_TLB_H
#define MM_TLB_H

#include <mm/page.h>
#include <mm/port.h>

/* Ranges of more pages than this are dropped by dropping everything. */
#define TLB_RANGE_MAX 32

/**
 * Drops the translations of pages from va in this address space, and whatever the CPUs keep of the tables above them.
 * When it returns no CPU holds any: page tables that were taken out before can be freed after. Called with interrupts
 * off and no spinlock held, after the entries were changed.
 */
void tlb_drop(const struct page_table *table, uintptr_t va, size_t pages);

/* What each CPU has dropped; written by that CPU, with interrupts off. */
struct tlb_counts {
	size_t pages, ranges, alls;
} __attribute__((aligned(CACHE_LINE)));

extern struct tlb_counts tlb_counts[CONFIG_MAX_CPUS];

static inline void tlb_count(size_t *counter, uint64_t more)
{
	__atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

/** As tlb_drop, of one page. */
static inline void tlb_drop_page(const struct page_table *table, uintptr_t va)
{
	(void) table;
	tlb_count(&tlb_counts[port_cpu()].pages, 1);
	tlb_invalidate_page(va);
}

/** What was dropped since boot, all CPUs together. */
struct tlb_info {
	size_t pages;  /* pages dropped one by one */
	size_t ranges; /* ranges of more than one page that were dropped so */
	size_t alls;   /* times that everything was dropped */
};

void tlb_get_info(struct tlb_info *info);

#endif
