/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * When a change of an entry is seen: what a machine states about it in
 * <arch/mm.h>, and what holds where it states nothing, which is right where
 * stores are seen by what walks page tables as they are by CPUs, and an
 * instruction that invalidates is complete when it ends.
 *
 * A machine supplies one of these functions by defining it, static inline, and a
 * macro of the same name:
 *
 *     static inline void pte_publish(void) { ... }
 *     #define pte_publish pte_publish
 *
 * WHAT THE CORE DOES. An entry that becomes present:
 *
 *     pte_store ...        under the lock of the page table
 *     pte_publish          before that is let go of, and before anything relies on it
 *
 * An entry that changes, or goes:
 *
 *     pte_store ...
 *     tlb_invalidate_begin      all that was stored is seen by look-ups from here on
 *     tlb_invalidate_page ...   each is begun
 *     tlb_invalidate_finish     and complete: frames and tables can be freed after
 *
 * so a range costs one barrier before and one behind, and a change needs no
 * pte_publish. tlb_invalidate_all, tlb_invalidate_asids and the loads of roots
 * are complete in themselves, and whatever was stored before is seen after them.
 *
 * BROADCAST. Where one CPU can invalidate on all (arm, ppc), TLB_BROADCAST is 1: the core
 * calls tlb_broadcast_page or _all between begin and finish, and asks no CPU. (Tables
 * that were taken out still wait for readers, so then CPUs are asked.)
 *
 * BREAK BEFORE MAKE. Where a TLB must not meet two valid entries for an address that
 * differ in the size of the page, the frame, or more than rights (arm), PTE_BREAK_FIRST is
 * 1. Such a change of a page table is then
 *
 *     pte_store 0, invalidated on all CPUs, pte_store of the new entry
 *
 * under the page table's lock: so it takes TLB_BROADCAST, or one CPU. In between the page is
 * not mapped for hardware. The core's own look-ups wait; an access faults, and the fault's
 * handler finds the page mapped, and lets it try again (in the kernel too: the handler,
 * and what it touches, is in no such page). Hence what a CPU executes and has its stack in
 * is not changed so: once page_init is done page_mapping_update and page_mapping_replace
 * say EBUSY of the direct map and the image, unless nothing but rights changes, of whole pages.
 *
 * Another CPU that learns from this one, by a lock or an acquiring load, that a page
 * is mapped can use it. (One whose pipeline may have looked the page up before,
 * and fault for that, looks again in its fault handler.)
 */

#ifndef MM_PAGE_SEEN_H
#define MM_PAGE_SEEN_H

#include <arch/mm.h>
#include <mm/types.h>

/**
 * Writes an entry of a table that is in use, in one piece. It releases: a CPU that loads the new entry sees what was
 * written before it. A machine whose walker does not look into the caches writes the entry back to memory here.
 */
#ifndef pte_store
static inline void pte_store(pte_t *entry, pte_t pte)
{
	__atomic_store_n(entry, pte, __ATOMIC_RELEASE);
}
#endif

/** Present entries that were stored before are found by all look-ups that begin after, of hardware too. */
#ifndef pte_publish
static inline void pte_publish(void)
{
}
#endif

/** What was stored before is found by look-ups that begin after, on all CPUs: before pages are invalidated. */
#ifndef tlb_invalidate_begin
static inline void tlb_invalidate_begin(void)
{
}
#endif

/** The invalidations begun on this CPU are complete, and no access goes on by what they have dropped. */
#ifndef tlb_invalidate_finish
static inline void tlb_invalidate_finish(void)
{
}
#endif

/*
 * Not 0 (a number for the preprocessor): one CPU can invalidate on all of them, whatever identifier a translation is
 * under. The machine supplies these two functions, which begin it.
 */
#ifndef TLB_BROADCAST
#define TLB_BROADCAST 0
#endif

#if !TLB_BROADCAST
static inline void tlb_broadcast_page(uintptr_t va)
{
	(void) va;
}

static inline void tlb_broadcast_all(void)
{
}
#endif

/* Not 0 (a number for the preprocessor): what changes in more than rights is not mapped in between. For pt. */
#ifndef PTE_BREAK_FIRST
#define PTE_BREAK_FIRST 0
#endif

/**
 * What this CPU has written is seen by all, by their walkers too, before what it reads after: between a change of
 * entries and the look at who uses them, and in a switch between its mark and the first look-up (generic/tlb.c).
 */
#ifndef tlb_fence
static inline void tlb_fence(void)
{
#ifdef __SANITIZE_THREAD__
	unsigned nobodys = 0; /* ThreadSanitizer knows no fences; its machine has this one in every exchange */

	(void) __atomic_exchange_n(&nobodys, 1, __ATOMIC_SEQ_CST);
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}
#endif

#endif
