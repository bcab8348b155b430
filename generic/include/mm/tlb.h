/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Which page table a CPU translates by, and the one way in which translations
 * are dropped. Whoever changes or removes a mapping tells it here; what it comes
 * to on this machine is behind it. How it works is told in generic/tlb.c.
 */

#ifndef MM_TLB_H
#define MM_TLB_H

#include <mm/asid.h>
#include <mm/page.h>
#include <mm/page_seen.h>
#include <mm/port.h>
#include <mm/tlb_kind.h>

/* ---- which page table ---- */

/* What a CPU translates by: written by itself, read by who asks CPUs to drop. */
struct tlb_cpu {
	uintptr_t uses; /* the address of the page table, or TLB_SWITCHING; 0 = the kernel's, as booted */
} __attribute__((aligned(CACHE_LINE)));

/* From one page table to another: it may still hold translations of the first, and hold some of the second already. */
#define TLB_SWITCHING ((uintptr_t) 1)

extern struct tlb_cpu tlb_cpus[CONFIG_MAX_CPUS];
extern bool tlb_has_others;

/** Whether a second CPU has started. */
static inline bool tlb_shared(void)
{
	return CONFIG_MAX_CPUS > 1 && unlikely(tlb_has_others);
}

/** This CPU translates by another page table from now on: root is its root. Interrupts are off. */
static inline void tlb_switch(struct page_table *table, phys_t root)
{
	struct tlb_cpu *here = &tlb_cpus[port_cpu()];

	if (tlb_shared()) {
		__atomic_store_n(&here->uses, TLB_SWITCHING, __ATOMIC_RELAXED);
		tlb_fence(); /* S2: before the context is read, and before anything is looked up */
	}
	if (ASIDS_MOST > 1 && table != &page_kernel)
		asid_load(page_table_asids(table), root);
	else
		page_root_load(root);
	/* S4, release: behind it a caller sees the context, and what the load of the root has invalidated. */
	__atomic_store_n(&here->uses, (uintptr_t) table, __ATOMIC_RELEASE);
}

/**
 * The page table that this CPU translates by: the kernel's before the first switch, and during one (a TLB miss in the
 * midst of tlb_switch is one of the kernel part, which every page table has). Interrupts are off.
 */
static inline struct page_table *tlb_table(void)
{
	uintptr_t uses = tlb_cpus[port_cpu()].uses; /* plain: only this CPU writes it */

	return uses > TLB_SWITCHING ? (struct page_table *) uses : &page_kernel;
}

/* ---- dropping ---- */

/**
 * Drops the translations of pages from va in this page table. When it returns no CPU holds any, nor finds one it held
 * when it goes over to the page table again. Called with interrupts off and no spinlock held, after the entries were
 * changed.
 */
void tlb_drop(struct page_table *table, uintptr_t va, size_t pages);

/**
 * The same, where tables were taken out of the page table as well: when it returns no CPU keeps anything of them, and
 * none is half-way down a walk through them, in hardware or by page_mapping_find. They can be freed after.
 */
void tlb_drop_tables(struct page_table *table, uintptr_t va, size_t pages);

/**
 * As tlb_drop, of an entry that was stored as 0 and is present again next (PTE_BREAK_FIRST): with the page table's lock
 * held, too.
 */
void tlb_break(struct page_table *table, uintptr_t va, size_t pages);

/** This CPU takes part from here on: what is dropped anywhere is dropped on it too. Interrupts are off. Once a CPU. */
void tlb_cpu_start(void);

/** Does what other CPUs have asked this one to do. Called in the interrupt of port_interrupt, interrupts off. */
void tlb_answer(void);

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

/* Whether to drop a page here is all there is to do: there is one CPU, it holds only what it uses, and no TLB_CACHE. */
static inline bool tlb_is_simple(const struct page_table *table)
{
	return !TLB_CACHE && !tlb_shared() &&
		(ASIDS_MOST == 1 || table == &page_kernel || tlb_cpus[0].uses == (uintptr_t) table);
}

/** As tlb_drop, of one page. */
static inline void tlb_drop_page(struct page_table *table, uintptr_t va)
{
	if (!tlb_is_simple(table)) {
		tlb_drop(table, va, 1);
		return;
	}
	tlb_count(&tlb_counts[0].pages, 1); /* the only CPU is the first */
	tlb_invalidate_one(table == &page_kernel, va);
}

/** As tlb_drop, of one page, and then port_irq_restore: the slow half of tlb_drop_page_restore. */
void tlb_drop_restore(struct page_table *table, uintptr_t va, port_irq_t state);

/** As tlb_drop_page, and then port_irq_restore: where nothing comes after, this costs the caller no stack frame. */
static inline void tlb_drop_page_restore(struct page_table *table, uintptr_t va, port_irq_t state)
{
	if (!tlb_is_simple(table)) {
		tlb_drop_restore(table, va, state);
		return;
	}
	tlb_drop_page(table, va);
	port_irq_restore(state);
}

/* ---- batches: one drop for many changes (generic/tlb_batch.c) ---- */

/* What is to be dropped of one page table, and what must not be freed before. */
struct tlb_batch {
	struct page_table *table;
	uintptr_t first, last; /* addresses, both inclusive, that cover all of it; first > last: nothing */
	bool tables_gone;      /* tables were taken out of the page table */
	phys_t tables;         /* to be freed by page_tables_free */
	size_t table_count;
};

#define TLB_BATCH(batch_table) ((struct tlb_batch){ .table = (batch_table), .first = UINTPTR_MAX })

/** Adds pages from va to what is to be dropped; tables_gone: as for tlb_drop_tables. */
void tlb_batch_add(struct tlb_batch *batch, uintptr_t va, size_t pages, bool tables_gone);

/** For page-table designs: adds to the batch, or without one (NULL) drops at once, as tlb_drop and tlb_drop_tables. */
static inline void tlb_drop_or_add(
	struct tlb_batch *batch, struct page_table *table, uintptr_t va, size_t pages, bool tables_gone)
{
	if (batch != NULL)
		tlb_batch_add(batch, va, pages, tables_gone);
	else if (tables_gone)
		tlb_drop_tables(table, va, pages);
	else
		tlb_drop(table, va, pages);
}

/**
 * Drops all of it, on every CPU concerned, at once; then frees the tables. After it returns frames that were mapped
 * can be given out. The batch is empty then. No spinlock is held.
 */
void tlb_batch_finish(struct tlb_batch *batch);

/* ---- looking ---- */

/** What was dropped since boot, all CPUs together. */
struct tlb_info {
	size_t pages;      /* pages dropped one by one */
	size_t ranges;     /* ranges of more than one page that were dropped so */
	size_t alls;       /* times that everything was dropped */
	size_t requests;   /* times that other CPUs were asked to drop too */
	size_t interrupts; /* CPUs interrupted for it; the others had one on its way, or were asking too */
	size_t answers;    /* requests answered, each once by every CPU that was asked */

	struct asid_info asids; /* identifiers; most = 1: there are none, and a switch drops the user part */
};

void tlb_get_info(struct tlb_info *info);

#endif
