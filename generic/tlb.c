/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Dropping translations.
 *
 * ORDER. Who takes mappings away goes through four steps, and this file is the
 * third:
 *
 *   1. under the lock of the page table, entries are changed; tables that
 *      become empty are unhooked and kept on a list
 *   2. the lock is let go of; interrupts stay off, so the CPU stays the same
 *   3. tlb_drop: no CPU holds a translation, or is half-way down a walk through
 *      an unhooked table
 *   4. the unhooked tables, and by the caller the frames, are given back
 *
 * So a reader that walks a page table with interrupts off and no lock never
 * meets a table that has become something else: while its interrupts are off,
 * step 3 of whoever unhooked the table is not over.
 *
 * OTHER CPUS. Each CPU has a request of its own, what it wants dropped, and an
 * inbox, the set of CPUs that want something of it. Step 3 is then:
 *
 *   who asks                                       who is asked
 *     writes its request
 *     for each other CPU: waiting + 1,
 *       puts itself into that CPU's inbox;
 *       interrupts it if nobody was in it    --->  tlb_answer: empties its inbox; for each CPU that was in it
 *     drops its own                                  drops what that CPU's request says
 *     answers its own inbox until                    waiting - 1 of that request
 *       waiting is 0                         <---
 *
 * One request is a whole range, and one interrupt answers all that is in the
 * inbox by then. All CPUs that are up are asked: every one may hold entries of
 * the kernel part.
 *
 * NO DEADLOCK. Who asks waits with interrupts off, so two that ask each other
 * would wait for ever if the wait did not answer. Any other CPU has its
 * interrupts on soon: whoever has them off either computes, or waits for a
 * spinlock, whose holder computes, since who asks holds none; or it waits for
 * others as port_cross_call does, and that wait answers as well.
 *
 * NONE LOST. The inbox is emptied in one step, before the requests are read;
 * who puts itself in later finds it empty, and interrupts again. A request is
 * not written anew before all have answered it.
 *
 * NEW CPUS. One that starts first joins, then drops all that it holds. Who
 * changed an entry before it saw that CPU has changed it before that.
 *
 * COST. Up to TLB_RANGE_MAX pages one by one; beyond that everything, as the
 * refill of a TLB costs less than dropping its entries singly. With other CPUs
 * up, an interrupt on each, and the time of the slowest to take it.
 *
 * COUNTS are per CPU, written with interrupts off by their own CPU, and added
 * up by who asks.
 */

#include <mm/assert.h>
#include <mm/cpu_set.h>
#include <mm/tlb.h>

/* What a CPU wants dropped on all others. */
struct tlb_request {
	uintptr_t va;
	size_t pages;
	unsigned waiting; /* CPUs that have not answered */
} __attribute__((aligned(CACHE_LINE)));

struct tlb_counts tlb_counts[CONFIG_MAX_CPUS];
bool tlb_has_others;

static struct tlb_request requests[CONFIG_MAX_CPUS]; /* by who asks */
static struct cpu_set inboxes[CONFIG_MAX_CPUS];      /* by who is asked */
static bool up[CONFIG_MAX_CPUS];

void tlb_cpu_start(void)
{
	if (port_cpu() != 0)
		__atomic_store_n(&tlb_has_others, true, __ATOMIC_SEQ_CST);
	__atomic_store_n(&up[port_cpu()], true, __ATOMIC_SEQ_CST);
	tlb_invalidate_all();
}

static void drop_here(uintptr_t va, size_t pages)
{
	if (pages > TLB_RANGE_MAX) {
		tlb_invalidate_all();
		return;
	}
	for (size_t i = 0; i < pages; i++)
		tlb_invalidate_page(va + i * PAGE_SIZE);
}

static void answer_one(unsigned asker)
{
	struct tlb_request *request = &requests[asker];

	drop_here(request->va, request->pages);
	tlb_count(&tlb_counts[port_cpu()].answers, 1);
	__atomic_fetch_sub(&request->waiting, 1, __ATOMIC_RELEASE);
}

void tlb_answer(void)
{
	cpu_set_take_all(&inboxes[port_cpu()], answer_one);
}

/* Asks all other CPUs. */
static void ask(struct tlb_request *request, unsigned here)
{
	for (unsigned cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++) {
		if (cpu == here || !__atomic_load_n(&up[cpu], __ATOMIC_SEQ_CST))
			continue;
		__atomic_fetch_add(&request->waiting, 1, __ATOMIC_RELAXED);
		if (!cpu_set_put(&inboxes[cpu], here))
			continue;
		tlb_count(&tlb_counts[here].interrupts, 1);
		port_interrupt(cpu);
	}
}

COLD static void drop_everywhere(uintptr_t va, size_t pages)
{
	unsigned here = port_cpu();
	struct tlb_request *request = &requests[here];

	request->va = va;
	request->pages = pages;
	tlb_count(&tlb_counts[here].requests, 1);
	__atomic_exchange_n(&request->waiting, 0, __ATOMIC_SEQ_CST); /* entries are changed before it is seen who is up */
	ask(request, here);
	drop_here(va, pages);
	while (__atomic_load_n(&request->waiting, __ATOMIC_ACQUIRE) != 0) {
		tlb_answer();
		port_relax();
	}
}

void tlb_drop(const struct page_table *table, uintptr_t va, size_t pages)
{
	struct tlb_counts *here = &tlb_counts[port_cpu()];

	(void) table;
	if (pages > TLB_RANGE_MAX) {
		tlb_count(&here->alls, 1);
	} else {
		tlb_count(&here->ranges, pages > 1);
		tlb_count(&here->pages, pages);
	}
	if (tlb_shared())
		drop_everywhere(va, pages);
	else
		drop_here(va, pages);
}

COLD void tlb_drop_restore(const struct page_table *table, uintptr_t va, port_irq_t state)
{
	tlb_drop(table, va, 1);
	port_irq_restore(state);
}

void tlb_get_info(struct tlb_info *info)
{
	*info = (struct tlb_info){ 0 };
	for (size_t i = 0; i < CONFIG_MAX_CPUS; i++) {
		const struct tlb_counts *counts = &tlb_counts[i];

		info->pages += __atomic_load_n(&counts->pages, __ATOMIC_RELAXED);
		info->ranges += __atomic_load_n(&counts->ranges, __ATOMIC_RELAXED);
		info->alls += __atomic_load_n(&counts->alls, __ATOMIC_RELAXED);
		info->requests += __atomic_load_n(&counts->requests, __ATOMIC_RELAXED);
		info->interrupts += __atomic_load_n(&counts->interrupts, __ATOMIC_RELAXED);
		info->answers += __atomic_load_n(&counts->answers, __ATOMIC_RELAXED);
	}
}
