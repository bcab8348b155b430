/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What can free memory: a list of reclaimers, and the per-CPU caches of frames
 * themselves, which come last, since what the others free may end in them.
 *
 * With may_wait every CPU's cache is emptied (a cross-call), and switched
 * through if a thread waits for memory (frame.c); without, only this CPU's.
 *
 * RECLAIM DOES NOT NEST. The thread's record (mm/held.h) names the reclaimer that
 * it runs. An allocation in it, or in a destructor that it calls, finds the
 * record, and fails rather than ask the reclaimers from within themselves; one
 * that may sleep stops the kernel (may_wait_check). An interrupt handler finds
 * the record of the thread that it has interrupted: it does without reclaim then.
 * The record is the thread's, not the CPU's, since a reclaim may be preempted and
 * go on elsewhere.
 *
 * ORDER. The list only grows, at its front, by a compare-and-swap with release;
 * a walk begins with an acquire. So a CPU that sees a reclaimer sees all that was
 * written before it was registered.
 */

#include <mm/held.h>

#include "frame_internal.h"

static struct reclaimer *reclaimers;

void frame_reclaimer_register(struct reclaimer *reclaimer)
{
	/* Relaxed: only what the exchange below, a release, compares with; the list behind it is not looked into. */
	struct reclaimer *first = __atomic_load_n(&reclaimers, __ATOMIC_RELAXED);

	do
		reclaimer->next = first;
	while (!__atomic_compare_exchange_n(&reclaimers, &first, reclaimer, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
}

bool reclaim_is_useless(void)
{
	return port_held()->reclaimer != NULL || sleepers_have_reclaimed();
}

static void drain_this_cpu(void *unused)
{
	(void) unused;
	(void) frame_cache_drain();
}

/* Empties the caches of frames: every CPU's, or this one's. */
static void caches_drain(bool all)
{
	port_irq_t irq;

	if (all) {
		port_cross_call(drain_this_cpu, NULL);
		return;
	}
	irq = port_irq_save();
	drain_this_cpu(NULL);
	port_irq_restore(irq);
}

size_t frame_reclaim(enum reclaim_strength strength, bool may_wait)
{
	struct reclaimer *first = __atomic_load_n(&reclaimers, __ATOMIC_ACQUIRE);
	struct held *held = port_held();
	size_t frames = 0;

	if (held->reclaimer != NULL)
		return 0;
	for (struct reclaimer *reclaimer = first; reclaimer != NULL; reclaimer = reclaimer->next) {
		held->reclaimer = reclaimer;
		frames += reclaimer->reclaim(strength, may_wait);
	}
	held->reclaimer = NULL;
	caches_drain(may_wait);
	return frames;
}
