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
 *   3. tlb_drop: no CPU holds a translation; or, if tables were unhooked,
 *      tlb_drop_tables: and none is half-way down a walk through one
 *   4. the unhooked tables, and by the caller the frames, are given back
 *
 * So a reader that walks a page table with interrupts off and no lock never
 * meets a table that has become something else: while its interrupts are off,
 * step 3 of whoever unhooked the table is not over.
 *
 * WHO IS ASKED. Each CPU says which page table it uses, and while it goes from
 * one to another, that it switches. A switch is
 *
 *   S1  uses = TLB_SWITCHING     S2  fence
 *   S3  without identifiers: the root is loaded, which drops the user part
 *       with identifiers: the context is read; if it is void or of an older
 *       generation, a fresh identifier is written into it; the root is loaded
 *   S4  uses = the page table
 *
 * and who asks, after the entries of page table T were changed (A0), does
 *
 *   A1  fence
 *       for each other CPU:
 *   A2    uses is T or TLB_SWITCHING: it is asked
 *   A3    with identifiers, otherwise: its context of T is made void, a fence,
 *         and uses is read again: T or TLB_SWITCHING: it is asked after all
 *
 * Let a CPU hold a translation of T from before A0. It looked it up between an
 * S3 and the next switch's S3; call that its stay, S1 to S4 before it, and S1' to
 * S4' at its end. Its fence S2 came before A1, or the look-up would have met the
 * new entry. So A2 reads TLB_SWITCHING of S1 or something written later:
 *
 *   the stay is not over (S1, S4 or S1' is read): the CPU is asked
 *   it is over (S4' or later is read)
 *     without identifiers: S3' has dropped the translation
 *     with identifiers it is still there, under the identifier in the context. S4'
 *     is read, so what the stay wrote into the context came before, and A3
 *     writes over it. A later switch to T, whose fence comes after that of A3,
 *     reads void, or an identifier fresh since then. One whose fence comes before
 *     may have read the old identifier; but then A3 reads its S1 or later:
 *     it is asked, or its stay is over too, and the next one is as the one before
 *
 * One look after the voiding would do, but make those lose their identifier that
 * are asked anyway and keep what was not dropped. A context that is void already
 * needs the second look as well: another CPU may have voided it just now, and
 * have looked, for what it had changed itself. Who is asked and uses T no more
 * when it answers, makes its own context void.
 *
 * IDENTIFIERS THAT ALL CPUS SHARE (genarch/asid_shared) change nothing of this: a
 * context that is void makes the CPU invalidate what it holds under the identifier,
 * before it goes on under the same one. A cache that all CPUs share (mm/tlb_cache.h)
 * is purged before A1.
 *
 * The kernel part is used by all: for page_kernel all CPUs are asked. So they are
 * where tables were unhooked, for the sake of readers.
 *
 * OTHER CPUS. Each CPU has a request of its own, what it wants dropped, and an
 * inbox, the set of CPUs that want something of it. Step 3 is then:
 *
 *   who asks                                       who is asked
 *     writes its request
 *     for each CPU concerned: waiting + 1,
 *       puts itself into that CPU's inbox;
 *       interrupts it if nobody was in it    --->  tlb_answer: empties its inbox; for each CPU that was in it
 *     drops its own                                  drops what that CPU's request says
 *     answers its own inbox until                    waiting - 1 of that request
 *       waiting is 0                         <---
 *
 * One request is a whole range, and one interrupt answers all that is in the
 * inbox by then.
 *
 * BROADCAST. Where hardware invalidates on all CPUs (TLB_BROADCAST) step 3 is that,
 * between two barriers: what any CPU has looked up before, under whatever identifier,
 * is gone, so it does not matter who uses what. Where tables were unhooked, CPUs are
 * asked all the same: who has answered is in no look-up.
 *
 * NO DEADLOCK. Who asks waits with interrupts off, so two that ask each other
 * would wait for ever if the wait did not answer. Any other CPU has its
 * interrupts on soon: whoever has them off either computes, or waits for a
 * spinlock, whose holder computes, since who asks holds none; or it waits for
 * others as port_cross_call does, and that wait answers as well. Nobody waits in
 * the middle of a switch.
 *
 * NONE LOST. The inbox is emptied in one step, before the requests are read;
 * who puts itself in later finds it empty, and interrupts again. A request is
 * not written anew before all have answered it.
 *
 * NEW CPUS. One that starts first joins, then drops all that it holds. Who
 * changed an entry before it saw that CPU has changed it before that. Until the
 * second joins, nobody asks or says that he switches: tlb_shared is a plain
 * variable, read without a fence. That is right because it changes once, and
 * while it does there is only CPU 0, which has started the other and waits,
 * interrupts off, till that has joined: it neither changes an entry nor switches,
 * and what it sees after the wait it sees after the change.
 *
 * COST. Up to TLB_RANGE_MAX pages one by one; beyond that everything, as the
 * refill of a TLB costs less than dropping its entries singly: with identifiers
 * the page table gets a fresh one. With other CPUs up, a look at each, an
 * interrupt on those concerned, and the time of the slowest to take it.
 *
 * COUNTS are per CPU, written with interrupts off by their own CPU, and added
 * up by who asks.
 *
 * ORDER. No lock covers what is here. What carries each access:
 *
 *   tlb_cpus[].uses    written by its own CPU. S1 is relaxed: the fence S2 orders it before what the
 *                      switch looks up. S4 releases, and the load of A2 and A3 acquires: with S4' a
 *                      caller sees what the stay wrote into its context, and the frames it frees are
 *                      freed after S3' has invalidated. The CPU's own loads, in tlb_table and
 *                      tlb_is_simple, are plain
 *   contexts           the identifier is relaxed: the fences S2, A1 and A3 order it, and S4 above. The
 *                      generation is the CPU's own. asid_void writes nothing if it reads 0. Its
 *                      load is behind the acquiring one of A2; so if that read S4', the 0 was stored
 *                      after the stay, by another caller, and the fences order that store. If the
 *                      context was looked at before, its identifier might still be on its way: the
 *                      model has both (VOID_EARLY)
 *   entries            changed before the fence A1, whatever their own order; where hardware looks them up
 *                      that fence is one for it as well (mm/page_seen.h)
 *   up[]               sequentially consistent, with a fence behind it on the CPU that starts, and
 *                      A1 before its load: either the caller sees the CPU, or the CPU, which has
 *                      invalidated everything after its fence, looks up what the caller has written
 *   tlb_has_others     "New CPUs" above
 *   requests[]         their fields are plain. cpu_set_put, which follows, releases, and the exchange
 *                      that empties the inbox acquires. They are written anew after an acquiring load
 *                      of waiting has read 0, and each decrement releases: all of them are of one
 *                      release sequence, so the caller is behind what every CPU did before its own,
 *                      invalidating and its last look-ups among it: it may free frames and tables
 *   waiting            the increment is relaxed, and ordered before the decrement by the inbox; the
 *                      store of 0 before any increment by being the same CPU's
 *   inboxes[]          mm/cpu_set.h
 *   tlb_counts[]       relaxed: figures that nothing rests on
 */

#include <mm/cpu_set.h>
#include <mm/tlb.h>

/* What a CPU wants dropped on others. */
struct tlb_request {
	struct page_table *table;
	uintptr_t va;
	size_t pages;
	unsigned waiting; /* CPUs that have not answered */
} __attribute__((aligned(CACHE_LINE)));

struct tlb_cpu tlb_cpus[CONFIG_MAX_CPUS];
struct tlb_counts tlb_counts[CONFIG_MAX_CPUS];
bool tlb_has_others;

static struct tlb_request requests[CONFIG_MAX_CPUS]; /* by who asks */
static struct cpu_set inboxes[CONFIG_MAX_CPUS];      /* by who is asked */
static bool up[CONFIG_MAX_CPUS];

void tlb_cpu_start(void)
{
	/* Plain: CPUs start one after another, so only the second finds it false. */
	if (port_cpu() != 0 && !tlb_has_others)
		__atomic_store_n(&tlb_has_others, true, __ATOMIC_SEQ_CST);
	__atomic_store_n(&up[port_cpu()], true, __ATOMIC_SEQ_CST);
	tlb_fence();
	tlb_invalidate_all();
}

/* ---- on this CPU ---- */

/* All of a page table that this CPU uses. */
static void drop_all(struct page_table *table)
{
	if (ASIDS_MOST > 1 && table != &page_kernel)
		asid_renew(page_table_asids(table), page_table_root(table));
	else
		tlb_invalidate_all();
}

static void drop_here(struct page_table *table, uintptr_t va, size_t pages)
{
	if (table != &page_kernel && table != tlb_table()) {
		pte_publish(); /* nothing is invalidated here that would do it */
		if (ASIDS_MOST > 1)
			asid_void(page_table_asids(table), port_cpu());
		return;
	}
	if (pages > TLB_RANGE_MAX) {
		drop_all(table);
		return;
	}
	tlb_invalidate_begin();
	for (size_t i = 0; i < pages; i++)
		tlb_invalidate_page_of(table == &page_kernel, va + i * PAGE_SIZE);
	tlb_invalidate_finish();
}

/* ---- being asked ---- */

static void answer_one(unsigned asker)
{
	struct tlb_request *request = &requests[asker];

	drop_here(request->table, request->va, request->pages);
	tlb_count(&tlb_counts[port_cpu()].answers, 1);
	/* Release: what was invalidated, and all that this CPU has looked up, is before what the caller frees. */
	__atomic_fetch_sub(&request->waiting, 1, __ATOMIC_RELEASE);
}

void tlb_answer(void)
{
	cpu_set_take_all(&inboxes[port_cpu()], answer_one);
}

/* ---- asking ---- */

static bool uses(unsigned cpu, const struct page_table *table)
{
	/* Acquire: with S4 its context is seen, and what S3 has invalidated is before what the caller frees. */
	uintptr_t used = __atomic_load_n(&tlb_cpus[cpu].uses, __ATOMIC_ACQUIRE);

	return used == (uintptr_t) table || used == TLB_SWITCHING;
}

/* Whether another CPU may translate by a page table as it was. If not, it has no use for what it may hold. */
static bool is_concerned(unsigned cpu, struct page_table *table)
{
	if (uses(cpu, table))
		return true;
	if (ASIDS_MOST == 1)
		return false;
	asid_void(page_table_asids(table), cpu);
	tlb_fence(); /* A3: it is void, by this store or another's, before uses is read again */
	return uses(cpu, table);
}

static void ask(struct tlb_request *request, unsigned cpu, unsigned here)
{
	__atomic_fetch_add(&request->waiting, 1, __ATOMIC_RELAXED); /* cpu_set_put releases it */
	if (!cpu_set_put(&inboxes[cpu], here))
		return;
	tlb_count(&tlb_counts[here].interrupts, 1);
	port_interrupt(cpu);
}

/* Asks all other CPUs, or those that may translate by the page table. */
static void ask_others(struct tlb_request *request, unsigned here, bool all)
{
	bool any = false;

	for (unsigned cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++) {
		/* Behind A1: a CPU that is not seen here looks up what was written before. */
		if (cpu == here || !__atomic_load_n(&up[cpu], __ATOMIC_SEQ_CST))
			continue;
		if (!all && !is_concerned(cpu, request->table))
			continue;
		ask(request, cpu, here);
		any = true;
	}
	tlb_count(&tlb_counts[here].requests, any);
}

COLD static void drop_everywhere(struct page_table *table, uintptr_t va, size_t pages, bool all)
{
	unsigned here = port_cpu();
	struct tlb_request *request = &requests[here];

	request->table = table;
	request->va = va;
	request->pages = pages;
	__atomic_store_n(&request->waiting, 0, __ATOMIC_RELAXED); /* nobody else has it yet */
	tlb_fence();                                              /* A1 */
	ask_others(request, here, all);
	drop_here(table, va, pages);
	/* Acquire: what the caller frees next is behind all that the others did with it. */
	while (__atomic_load_n(&request->waiting, __ATOMIC_ACQUIRE) != 0) {
		tlb_answer();
		port_relax();
	}
}

/*
 * Removes the translations from the cache that all CPUs share (mm/tlb_cache.h), before any TLB: what a CPU puts in
 * later it has looked up later. A user part is there under one identifier at most, or under none yet: the fence goes
 * with the one behind which a fresh identifier is used (genarch/asid_shared), so either that is seen here, or what is
 * looked up under it is what was written before. An identifier that is another's by now costs that one a look-up.
 */
static void cache_drop(struct page_table *table, uintptr_t va, size_t pages)
{
	unsigned asid = 0;

	if (table != &page_kernel) {
		if (tlb_shared())
			tlb_fence();
		asid = asid_of_all(page_table_asids(table));
		if (asid == 0)
			return;
	}
	tlb_cache_invalidate(asid, va, pages);
}

/* On all CPUs, by hardware. No CPU is asked, and no context made void: it is under no identifier any more. */
static void drop_broadcast(uintptr_t va, size_t pages)
{
	tlb_invalidate_begin();
	if (pages > TLB_RANGE_MAX)
		tlb_broadcast_all();
	for (size_t i = 0; i < pages && pages <= TLB_RANGE_MAX; i++)
		tlb_broadcast_page(va + i * PAGE_SIZE);
	tlb_invalidate_finish();
}

static inline void drop(struct page_table *table, uintptr_t va, size_t pages, bool all, bool readers)
{
	struct tlb_counts *here = &tlb_counts[port_cpu()];

	if (pages > TLB_RANGE_MAX) {
		tlb_count(&here->alls, 1);
	} else {
		tlb_count(&here->ranges, pages > 1);
		tlb_count(&here->pages, pages);
	}
	if (TLB_CACHE)
		cache_drop(table, va, pages);
	if (TLB_BROADCAST && tlb_shared() && !readers)
		drop_broadcast(va, pages);
	else if (tlb_shared())
		drop_everywhere(table, va, pages, all);
	else
		drop_here(table, va, pages);
}

void tlb_drop(struct page_table *table, uintptr_t va, size_t pages)
{
	drop(table, va, pages, table == &page_kernel, false);
}

void tlb_drop_tables(struct page_table *table, uintptr_t va, size_t pages)
{
	drop(table, va, pages, true, true);
}

#if PTE_BREAK_FIRST

_Static_assert(TLB_BROADCAST || CONFIG_MAX_CPUS == 1, "under a lock no other CPU can be asked");

void tlb_break(struct page_table *table, uintptr_t va, size_t pages)
{
	if (TLB_CACHE)
		cache_drop(table, va, pages);
	if (tlb_shared())
		drop_broadcast(va, pages);
	else
		drop_here(table, va, pages);
}

void page_local_break(pte_t *entry, uintptr_t va)
{
	pte_store(entry, 0);
	tlb_break(&page_kernel, va, 1);
}

#endif

COLD void tlb_drop_restore(struct page_table *table, uintptr_t va, port_irq_t state)
{
	tlb_drop(table, va, 1);
	port_irq_restore(state);
}

void tlb_get_info(struct tlb_info *info)
{
	*info = (struct tlb_info){ .asids = { .most = 1 } };
	if (ASIDS_MOST > 1)
		asid_get_info(&info->asids);
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
