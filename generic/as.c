/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Address spaces: made, held, switched to, gone.
 *
 *   struct as ── table    its mappings (mm/page.h)
 *             ── areas    a tree, by address (as_tree.c)
 *                           └─ struct as_area ── backend
 *                                             ── memory   only if it is shared (as_share.c)
 *
 * The page table is what says which page has which frame: a private page has no
 * other record, so it costs none. Each mapping of a private page is a reference
 * to its frame (mm/frame.h), and copy-on-write needs no more than that count.
 *
 * THE KERNEL PART is the page table's matter: it is seen by all address spaces
 * at once, and nothing here knows of it.
 *
 * SWITCHING. Each CPU knows the address space that it runs in, and goes over to
 * another page table (tlb_switch) only if that changes. Who runs in one holds it,
 * so the last as_release finds it running nowhere, or says where.
 *
 * SPARES. Making a page table is mostly the clearing of its root and the copying
 * of the kernel's entries, and a page table whose areas are gone is as good as
 * new. So up to SPARES_MOST address spaces are kept as they are when the last
 * holder lets go, and given out again; in want of memory they go first. The next
 * holder meets no translation of the one before: each page was unmapped, and by
 * the end of the batch that this was done in (areas_destroy) no CPU finds what
 * it held of the page table, under whatever identifier (generic/tlb.c).
 *
 * LOCKS. as_list_lock: the list of all address spaces, and the spares.
 *
 * COST. A spare and back: about 180 instructions; otherwise that of a page table.
 * A switch: about 25, and what the machine takes to load a root.
 */

#include <mm/slab.h>
#include <mm/tlb.h>

#include "as_internal.h"

#define SPARES_MOST 4

struct mm_spinlock as_list_lock = SPINLOCK_INIT;
struct slab_cache *as_area_cache, *as_memory_cache;

static struct slab_cache *as_cache;
static struct as list = { .next = &list, .previous = &list };
static size_t list_count;
static unsigned last_number;
static phys_t kernel_root;

/* Address spaces that nobody holds, chained through next. */
static struct as *spares;
static size_t spare_count;

static struct running {
	struct as *as;
} __attribute__((aligned(CACHE_LINE))) running[CONFIG_MAX_CPUS];

/* ---- rounds ---- */

COLD bool as_round_wait(struct as_round *round, size_t low, size_t any)
{
	as_round_end(round);
	if (round->alloc & FRAME_ATOMIC)
		return false;
	if (low + any != 0 && reservation_wait(&round->reserved, low, any) != EOK)
		return false;
	round->from = &round->reserved;
	round->now = ALLOC_RESERVED;
	return true;
}

void *as_object_alloc(struct as_round *round, struct slab_cache *cache, frame_flags_t first)
{
	void *object;

	if (likely(round->from == NULL)) {
		object = slab_alloc(cache, first);
	} else {
		object = frame_sleepers() == 0 ? slab_alloc(cache, FRAME_ATOMIC | FRAME_NO_RECLAIM | FRAME_NO_WAIT) : NULL;
		if (object == NULL)
			slab_alloc_from(cache, reservation_take(round->from, 1, FRAME_LOWMEM), &object, 1);
	}
	held_add(HELD_OBJECTS, object != NULL);
	return object;
}

void as_object_free(struct slab_cache *cache, void *object)
{
	held_sub(HELD_OBJECTS, 1);
	slab_free(cache, object);
}

/* ---- spares ---- */

static struct as *spare_take_locked(void)
{
	struct as *as = spares;

	if (as != NULL) {
		spares = as->next;
		spare_count--;
	}
	return as;
}

static void as_free(struct as *as)
{
	page_table_destroy(as->table);
	slab_free(as_cache, as);
}

static size_t spares_reclaim(enum reclaim_strength strength, bool may_wait)
{
	size_t frames = 0;

	(void) strength;
	(void) may_wait;
	for (;;) {
		port_irq_t irq = spinlock_lock(&as_list_lock);
		struct as *as = spare_take_locked();

		spinlock_unlock(&as_list_lock, irq);
		if (as == NULL)
			return frames;
		as_free(as);
		frames++;
	}
}

static struct reclaimer reclaimer = { .name = "address spaces", .reclaim = spares_reclaim };

/* ---- making ---- */

/* For a caller that has the object already: it never sleeps, which HELD_OBJECTS would not allow. */
static struct page_table *table_create_second(frame_flags_t alloc)
{
	struct page_table *table;

	held_add(HELD_OBJECTS, 1);
	table = page_table_create(alloc);
	held_sub(HELD_OBJECTS, 1);
	return table;
}

/*
 * An object and its page table. The caller, if it may sleep, does that for the first of them, which is the one that was
 * missing last: it never sleeps for one while it holds the other.
 */
static struct as *parts_alloc(struct page_table **table, frame_flags_t alloc)
{
	frame_flags_t second = alloc | FRAME_ATOMIC;
	bool table_first = true;

	for (;;) {
		struct as *as;

		*table = table_first ? page_table_create(alloc) : NULL;
		if (table_first && *table == NULL)
			return NULL;
		as = slab_alloc(as_cache, table_first ? second : alloc);
		if (as != NULL && !table_first)
			*table = table_create_second(second);
		if (as != NULL && *table != NULL)
			return as;
		if (as != NULL)
			slab_free(as_cache, as);
		if (*table != NULL)
			page_table_destroy(*table);
		if (alloc & FRAME_ATOMIC)
			return NULL;
		table_first = !table_first;
		second |= FRAME_NO_WAIT;
	}
}

static struct as *as_new(frame_flags_t alloc)
{
	struct page_table *table;
	struct as *as = parts_alloc(&table, alloc);

	if (as == NULL)
		return NULL;
	*as = (struct as){ .table = table, .root = page_table_root(table) };
	as_mutex_init(&as->lock);
	return as;
}

static void enlist(struct as *as)
{
	port_irq_t irq = spinlock_lock(&as_list_lock);

	as->holders = 1;
	as->number = ++last_number;
	as->next = &list;
	as->previous = list.previous;
	list.previous->next = as;
	list.previous = as;
	list_count++;
	spinlock_unlock(&as_list_lock, irq);
}

struct as *as_create(frame_flags_t alloc)
{
	port_irq_t irq;
	struct as *as;

	if ((alloc & FRAME_ATOMIC) && inject_now())
		return NULL;
	irq = spinlock_lock(&as_list_lock);
	as = spare_take_locked();
	spinlock_unlock(&as_list_lock, irq);
	if (as == NULL)
		as = as_new(alloc);
	if (as != NULL)
		enlist(as);
	return as;
}

/* ---- holding ---- */

void as_hold(struct as *as)
{
	uint32_t before = __atomic_fetch_add(&as->holders, 1, __ATOMIC_RELAXED);

	mm_assert(before != 0 && before != UINT32_MAX, "address space %u has %u holders", as->number, before);
}

size_t as_holders(const struct as *as)
{
	return __atomic_load_n(&as->holders, __ATOMIC_RELAXED);
}

/* Drops a hold that is not the last. @return false if it is */
static bool drop_one_of_many(struct as *as)
{
	uint32_t holders = __atomic_load_n(&as->holders, __ATOMIC_RELAXED);

	while (holders > 1)
		if (__atomic_compare_exchange_n(&as->holders, &holders, holders - 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return true;
	mm_assert(holders == 1, "address space %u is let go of by more than held it", as->number);
	return false;
}

/* Whether nobody holds it any more; then it is not in the list either, where others could find and hold it. */
static bool drop_holder(struct as *as)
{
	port_irq_t irq;
	bool last;

	if (drop_one_of_many(as))
		return false;
	irq = spinlock_lock(&as_list_lock);
	last = __atomic_fetch_sub(&as->holders, 1, __ATOMIC_ACQ_REL) == 1;
	if (last) {
		as->next->previous = as->previous;
		as->previous->next = as->next;
		list_count--;
	}
	spinlock_unlock(&as_list_lock, irq);
	return last;
}

static void check_runs_nowhere(const struct as *as)
{
	for (unsigned cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++)
		mm_assert(__atomic_load_n(&running[cpu].as, __ATOMIC_ACQUIRE) != as,
			"address space %u is let go of by its last holder while CPU %u runs in it", as->number, cpu);
}

static bool keep_as_spare(struct as *as)
{
	port_irq_t irq = spinlock_lock(&as_list_lock);
	bool keep = spare_count < SPARES_MOST && frame_sleepers() == 0;

	if (keep) {
		as->next = spares;
		spares = as;
		spare_count++;
	}
	spinlock_unlock(&as_list_lock, irq);
	return keep;
}

/* Nobody runs in the address space, so all of it is one batch. */
static void areas_destroy(struct as *as)
{
	struct tlb_batch idle = TLB_BATCH(as->table);

	as_mutex_lock(&as->lock);
	while (as->areas != NULL) {
		struct as_area *area = as->areas;

		pages_unmap(as, area, area->first, area->last, &idle);
		area_destroy(as, area);
	}
	as_mutex_unlock(&as->lock);
	tlb_batch_finish(&idle);
}

void as_release(struct as *as)
{
	if (!drop_holder(as))
		return;
	check_runs_nowhere(as);
	if (as->areas != NULL)
		areas_destroy(as);
	if (!keep_as_spare(as))
		as_free(as);
}

/* ---- running ---- */

void as_switch(struct as *as)
{
	port_irq_t irq = port_irq_save();
	struct running *here = &running[port_cpu()];

	if (here->as != as) {
		if (as != NULL)
			tlb_switch(as->table, as->root);
		else
			tlb_switch(&page_kernel, kernel_root);
		__atomic_store_n(&here->as, as, __ATOMIC_RELEASE);
	}
	port_irq_restore(irq);
}

struct as *as_current(void)
{
	port_irq_t irq = port_irq_save();
	struct as *as = running[port_cpu()].as;

	port_irq_restore(irq);
	return as;
}

struct page_table *as_page_table(struct as *as)
{
	return as->table;
}

unsigned as_number(const struct as *as)
{
	return as->number;
}

/* ---- looking ---- */

size_t as_count(void)
{
	port_irq_t irq = spinlock_lock(&as_list_lock);
	size_t count = list_count;

	spinlock_unlock(&as_list_lock, irq);
	return count;
}

/* The one after `after` (NULL = the first), held; the hold on `after` is let go of. */
static struct as *next_held(struct as *after)
{
	port_irq_t irq = spinlock_lock(&as_list_lock);
	struct as *as = after != NULL ? after->next : list.next;

	if (as == &list)
		as = NULL;
	else
		(void) __atomic_fetch_add(&as->holders, 1, __ATOMIC_RELAXED);
	spinlock_unlock(&as_list_lock, irq);
	if (after != NULL)
		as_release(after);
	return as;
}

void as_each(bool (*visit)(struct as *as, void *argument), void *argument)
{
	struct as *as = next_held(NULL);

	while (as != NULL && visit(as, argument))
		as = next_held(as);
	if (as != NULL)
		as_release(as);
}

static size_t asid_check_one(const struct as *as, struct asid_set *seen)
{
	/* Asked here as well: without optimization a machine that has no identifiers would lack the function. */
	size_t breaches = ASIDS_MOST > 1 ? asid_check(page_table_asids(as->table), seen) : 0;

	if (breaches != 0)
		port_log("as_check: identifier: address space %u has one that another has, on CPU %u", as->number, port_cpu());
	return breaches;
}

size_t asids_check(void)
{
	static struct asid_set seen; /* under as_list_lock: up to 1 KiB, which a stack may not have */
	size_t breaches = 0;
	port_irq_t irq;

	if (ASIDS_MOST == 1)
		return 0;
	irq = spinlock_lock(&as_list_lock);
	seen = (struct asid_set){ 0 };
	for (const struct as *as = list.next; as != &list; as = as->next)
		breaches += asid_check_one(as, &seen);
	for (const struct as *as = spares; as != NULL; as = as->next)
		breaches += asid_check_one(as, &seen);
	spinlock_unlock(&as_list_lock, irq);
	return breaches;
}

errno_t as_init(void)
{
	as_cache = slab_cache_create("as", sizeof(struct as), NULL, FRAME_ATOMIC);
	as_area_cache = slab_cache_create("as_area", sizeof(struct as_area), NULL, FRAME_ATOMIC);
	as_memory_cache = slab_cache_create("as_memory", sizeof(struct as_memory), NULL, FRAME_ATOMIC);
	if (as_cache == NULL || as_area_cache == NULL || as_memory_cache == NULL)
		return ENOMEM;
	kernel_root = page_table_root(&page_kernel);
	frame_reclaimer_register(&reclaimer);
	return EOK;
}
