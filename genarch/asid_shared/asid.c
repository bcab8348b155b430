/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Identifiers of address spaces that all CPUs share, in generations: for machines
 * whose CPUs share a cache of translations, or invalidate each other's TLBs by
 * identifier.
 *
 * ONE COUNTER gives them out, under a lock. A page table has the identifier and the
 * generation it was given in (contexts.all). A CPU that goes over to a page table
 * whose identifier is of an older generation gets a fresh one for it; if there is
 * none left, a generation begins: all CPUs are BEHIND, and the cache that they
 * share, if there is one, loses all but the kernel part.
 *
 * IN USE. CPUs that run in an address space go on under its identifier while a
 * generation begins. So each CPU's is written down, with its owner; it is not given
 * to another while it is there, and the owner keeps it in the new generation. What was
 * in use when a generation began is RESERVED for all of it: the CPU has gone on filling
 * the cache under it, so once the CPU has left, another owner would find that there.
 * There are more identifiers than CPUs, so some are free when a generation begins.
 * test/model/asid_shared.pml searches all interleavings of this.
 *
 *     generation 7                      generation 8
 *       A 1   B 2   C 3   D 4             C 3 (kept: CPU 1 runs in it)
 *       CPU 0: D 4   CPU 1: C 3           B 1, A 2, D 4, as they are switched to
 *                                         CPU 0 and CPU 1 are behind, each till its next switch
 *
 * EACH CPU has to invalidate what its TLB holds under identifiers (tlb_invalidate_asids)
 * before it goes on under one
 *
 *   - if it is behind: an identifier may have changed its owner
 *   - if its own context of the page table is VOID: translations were invalidated while
 *     it ran elsewhere. contexts.on[cpu] is that context, an identifier and a generation
 *     as in genarch/asid, though the identifier is that of all. It counts for nothing if
 *     the generation is an older one: then the CPU has not run in the page table since.
 *     generic/tlb.c makes it void. It says that the CPU overwrites that with a fresh
 *     identifier only; here the identifier is the same, and is as good as a fresh one
 *     once the CPU has invalidated what it held under it
 *
 * and it does so under identifier 0, with the kernel's root: a CPU that looks ahead must
 * not look up, after that, pages of the page table that it leaves.
 *
 * IDENTIFIER 0 is the kernel's. NOTHING TO LEAK: see genarch/asid.
 *
 * LOCK. asid_lock, after all others: nothing is called under it but what the machine
 * supplies. Interrupts are off.
 *
 * ORDER. A fresh identifier is written before a fence, and used behind it: so a
 * CPU that changes an entry, and then, behind a fence, finds the page table without it
 * (generic/tlb.c, cache_drop), has nothing to remove: what is looked up under it later
 * is the new entry. A
 * context's identifier is relaxed, as in genarch/asid; the rest is the lock's, or the CPU's.
 *
 * COST. A switch: 40 instructions more than the loading of the root; a loop over the CPUs
 * for a fresh identifier.
 */

#include <mm/assert.h>
#include <mm/spinlock.h>
#include <mm/tlb.h>

static struct mm_spinlock asid_lock = SPINLOCK_INIT;

/* Under the lock. */
static uint64_t generation;
static unsigned next; /* 0 = no generation was begun yet */
static size_t generations;

static struct asid_cpu {
	const struct asid_contexts *owner; /* of the identifier that it uses, or used last; NULL = none */
	unsigned asid;
	unsigned reserved; /* the identifier that it used when the generation began; 0 = none */
	bool is_behind;
} __attribute__((aligned(CACHE_LINE))) asid_cpus[CONFIG_MAX_CPUS];

static bool is_in_use(unsigned asid)
{
	for (size_t i = 0; i < CONFIG_MAX_CPUS; i++)
		if (asid_cpus[i].reserved == asid || (asid_cpus[i].owner != NULL && asid_cpus[i].asid == asid))
			return true;
	return false;
}

/* Whether a CPU uses this very identifier of a page table. One that is new at the address of an old one has none. */
static bool is_kept(const struct asid_contexts *contexts, unsigned asid)
{
	for (size_t i = 0; i < CONFIG_MAX_CPUS; i++)
		if (asid_cpus[i].owner == contexts && asid_cpus[i].asid == asid)
			return asid != 0;
	return false;
}

static void generation_begin(void)
{
	generation++;
	generations++;
	next = 1;
	for (size_t i = 0; i < CONFIG_MAX_CPUS; i++) {
		asid_cpus[i].is_behind = true;
		asid_cpus[i].reserved = asid_cpus[i].owner != NULL ? asid_cpus[i].asid : 0;
	}
	if (TLB_CACHE)
		tlb_cache_invalidate_asids();
}

static unsigned take(void)
{
	for (unsigned begun = 0; begun < 3;) {
		if (next == 0 || next >= asid_count()) {
			generation_begin();
			begun++;
		}
		if (!is_in_use(next++))
			return next - 1;
	}
	port_panic("all %u identifiers of address spaces are in use", asid_count());
}

/* The identifier of a page table that this CPU goes over to, for this generation. */
static unsigned asid_provide(struct asid_contexts *contexts, struct asid_cpu *here)
{
	struct asid_context *all = contexts->all;

	if (unlikely(all->generation != generation || all->asid == 0)) {
		bool kept = is_kept(contexts, all->asid);

		here->owner = NULL; /* what it leaves may be given out */
		if (!kept) {
			__atomic_store_n(&all->asid, take(), __ATOMIC_RELAXED);
			tlb_fence(); /* "Order" above */
		}
		all->generation = generation;
	}
	return all->asid;
}

void asid_load(struct asid_contexts *contexts, phys_t root)
{
	struct asid_cpu *here = &asid_cpus[port_cpu()];
	struct asid_context *own = &contexts->on[port_cpu()];
	bool was_void;
	unsigned asid;

	spinlock_lock_raw(&asid_lock);
	asid = asid_provide(contexts, here);
	was_void = here->is_behind || (own->generation == generation && __atomic_load_n(&own->asid, __ATOMIC_RELAXED) == 0);
	here->owner = contexts;
	here->asid = asid;
	here->is_behind = false;
	own->generation = generation;
	spinlock_unlock_raw(&asid_lock);
	if (unlikely(was_void)) {
		page_root_load(page_table_root(&page_kernel));
		tlb_invalidate_asids();
	}
	/* If another CPU has made it void meanwhile, it asks this one, which is in the midst of a switch. */
	__atomic_store_n(&own->asid, asid, __ATOMIC_RELAXED);
	page_root_load_asid(root, asid);
}

void asid_renew(struct asid_contexts *contexts, phys_t root)
{
	asid_void(contexts, port_cpu());
	asid_load(contexts, root);
}

void asid_get_info(struct asid_info *info)
{
	port_irq_t irq = spinlock_lock(&asid_lock);

	*info = (struct asid_info){ .most = asid_count(), .in_use = next != 0 ? next - 1 : 0, .generations = generations };
	spinlock_unlock(&asid_lock, irq);
}

size_t asid_check(const struct asid_contexts *contexts, struct asid_set *seen)
{
	const struct asid_context *all = contexts->all;
	unsigned asid;
	uint8_t bit;
	bool taken;

	spinlock_lock_raw(&asid_lock);
	asid = all->generation == generation ? all->asid : 0;
	spinlock_unlock_raw(&asid_lock);
	if (asid == 0)
		return 0;
	bit = (uint8_t) (1u << asid % 8);
	taken = (seen->bits[asid / 8] & bit) != 0;
	seen->bits[asid / 8] |= bit;
	return taken;
}
