/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Identifiers of address spaces (ASIDs), by which a TLB keeps the translations
 * of several apart, so that a switch drops none. Machines that have them link
 * genarch/asid, where each CPU gives out its own, or genarch/asid_shared, where an
 * address space has one on all CPUs (ASIDS_SHARED, mm/tlb_cache.h). Either defines
 * these functions and says how they work; on other machines (ASIDS_MOST of
 * <arch/mm.h> is 1) nobody calls them.
 */

#ifndef MM_ASID_H
#define MM_ASID_H

#include <mm/tlb_cache.h>
#include <mm/types.h>

/* Under what a page table's translations stand in the TLB of one CPU. */
struct asid_context {
	uint64_t generation; /* of that CPU when it gave the identifier; that CPU alone reads and writes it */
	unsigned asid;       /* 0 = void: the next switch to the page table takes a fresh one */
};

/* That on every CPU: a member of struct page_table, all zero at first. Nothing where there are no identifiers. */
struct asid_contexts {
	struct asid_context on[ASIDS_MOST > 1 ? CONFIG_MAX_CPUS : 0];
	struct asid_context all[ASIDS_SHARED]; /* the identifier that all CPUs share; its generation is under a lock */
};

/** This CPU uses a root, under the identifier its contexts have here, or else a fresh one. Interrupts are off. */
void asid_load(struct asid_contexts *contexts, phys_t root);

/** The same, and nothing is left of what this CPU held of it: its identifier is fresh, or is invalidated here. */
void asid_renew(struct asid_contexts *contexts, phys_t root);

/** When a CPU next goes over to the page table, it begins with no translation of it. From any CPU. */
static inline void asid_void(struct asid_contexts *contexts, unsigned cpu)
{
	unsigned *asid = &contexts->on[cpu].asid;

	/* Relaxed: the fences of generic/tlb.c order it ("Order" there), with those of whoever has made it void before. */
	if (__atomic_load_n(asid, __ATOMIC_RELAXED) != 0)
		__atomic_store_n(asid, 0, __ATOMIC_RELAXED);
}

/** The identifier that all CPUs share (ASIDS_SHARED); 0 if none has used the page table. */
static inline unsigned asid_of_all(const struct asid_contexts *contexts)
{
	const struct asid_context *all = contexts->all;

	return ASIDS_SHARED ? __atomic_load_n(&all->asid, __ATOMIC_RELAXED) : 0; /* generic/tlb.c orders it */
}

struct asid_info {
	size_t most;        /* identifiers that a CPU distinguishes, the kernel's among them */
	size_t in_use;      /* given in the generations under way, all CPUs together */
	size_t generations; /* begun, all CPUs together */
};

void asid_get_info(struct asid_info *info);

/* A set of identifiers, a bit each: too large for a kernel's stack on some machines. All zero is the empty set. */
struct asid_set {
	uint8_t bits[(ASIDS_MOST + 7) / 8];
};

/**
 * Adds the identifier that contexts have on this CPU to a set. Interrupts are off.
 * @return 1 if it was in it: others have it too; otherwise 0
 */
size_t asid_check(const struct asid_contexts *contexts, struct asid_set *seen);

#endif
