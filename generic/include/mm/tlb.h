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

/** This CPU takes part from here on: what is dropped anywhere is dropped on it too. Interrupts are off. Once a CPU. */
void tlb_cpu_start(void);

/** Does what other CPUs have asked this one to do. Called in the interrupt of port_interrupt, interrupts off. */
void tlb_answer(void);

extern bool tlb_has_others;

/** Whether a second CPU has started. */
static inline bool tlb_shared(void)
{
	return CONFIG_MAX_CPUS > 1 && unlikely(tlb_has_others);
}

/* What each CPU has told to drop, and what it cost; written by that CPU, with interrupts off. */
struct tlb_counts {
	size_t pages, ranges, alls;
	size_t requests, interrupts, answers;
} __attribute__((aligned(CACHE_LINE)));

extern struct tlb_counts tlb_counts[CONFIG_MAX_CPUS];

static inline void tlb_count(size_t *counter, uint64_t more)
{
	__atomic_store_n(counter, *counter + more, __ATOMIC_RELAXED);
}

/** As tlb_drop, of one page. */
static inline void tlb_drop_page(const struct page_table *table, uintptr_t va)
{
	if (tlb_shared()) {
		tlb_drop(table, va, 1);
		return;
	}
	tlb_count(&tlb_counts[0].pages, 1); /* the only CPU is the first */
	tlb_invalidate_page(va);
}

/** As tlb_drop, of one page, and then port_irq_restore: the slow half of tlb_drop_page_restore. */
void tlb_drop_restore(const struct page_table *table, uintptr_t va, port_irq_t state);

/** As tlb_drop_page, and then port_irq_restore: where nothing comes after, this costs the caller no stack frame. */
static inline void tlb_drop_page_restore(const struct page_table *table, uintptr_t va, port_irq_t state)
{
	if (tlb_shared()) {
		tlb_drop_restore(table, va, state);
		return;
	}
	tlb_drop_page(table, va);
	port_irq_restore(state);
}

/** What was dropped since boot, all CPUs together. */
struct tlb_info {
	size_t pages;      /* pages dropped one by one */
	size_t ranges;     /* ranges of more than one page that were dropped so */
	size_t alls;       /* times that everything was dropped */
	size_t requests;   /* times that other CPUs were asked to drop too */
	size_t interrupts; /* CPUs interrupted for it; the others had one on its way, or were asking too */
	size_t answers;    /* requests answered, each once by every other CPU */
};

void tlb_get_info(struct tlb_info *info);

#endif
