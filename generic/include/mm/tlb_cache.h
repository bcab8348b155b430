/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Two parts of <arch/mm.h> that a machine may leave out: translations, and
 * identifiers, that all CPUs share. What holds where they are left out is here.
 *
 * TLB_CACHE. A machine defines it as 1 if translations are kept in a place that
 * all CPUs share as well: a hash table or a buffer in memory from which their TLBs
 * are filled (ppc32's hash table, a TSB, a VHPT). It is beside the page table as a
 * TLB is: an entry that is gone from the page table may still be in it. So each
 * translation that is invalidated is removed from it, once, by the CPU that has
 * changed the page table, before any TLB is invalidated: one that was first
 * could be filled from it again. Then there are two functions more:
 *
 *   void tlb_cache_invalidate(unsigned asid, uintptr_t va, size_t pages)
 *             Removes what it holds of pages from va: of the kernel part if asid is 0,
 *             otherwise of the user part under that identifier. A large page goes
 *             whole. Interrupts are off; there may be more pages than the cache has
 *             entries
 *   void tlb_cache_invalidate_asids(void)
 *             Removes all but the kernel part. Interrupts are off
 *
 * THE CODE THAT FILLS IT (a miss handler, as a rule) must not put in what has just been
 * removed: it looks the page up and puts it in under a lock, of the place in the
 * cache at least, that these two functions take as well. Then either the removal
 * comes later and finds the entry, or the look-up comes later and finds the page
 * table as it is now. It looks the page up under the identifier that its CPU uses,
 * in tlb_table() (mm/tlb.h). With one CPU, interrupts that are off are such a lock.
 *
 * The cache is empty, or agrees with the boot code's mappings, till page_init; it
 * distinguishes address spaces by their identifiers, so these are shared too:
 *
 * ASIDS_SHARED. A machine defines it as 1 if an address space has one identifier on
 * all CPUs (mm/asid.h); it has asid_shared in GENARCH, in place of asid. There are
 * more identifiers than CPUs that are up, and the kernel's.
 */

#ifndef MM_TLB_CACHE_H
#define MM_TLB_CACHE_H

#include <arch/mm.h>

#ifndef TLB_CACHE
#define TLB_CACHE 0
#endif

#ifndef ASIDS_SHARED
#define ASIDS_SHARED 0
#endif

_Static_assert(!TLB_CACHE || ASIDS_SHARED, "what a cache that all CPUs share holds has one identifier for all");
_Static_assert(!ASIDS_SHARED || ASIDS_MOST > 2, "there are identifiers to be shared");

#if !TLB_CACHE
/* Not called: the compiler leaves the calls out. */
static inline void tlb_cache_invalidate(unsigned asid, uintptr_t va, size_t pages)
{
	(void) asid;
	(void) va;
	(void) pages;
}

static inline void tlb_cache_invalidate_asids(void)
{
}
#endif

#endif
