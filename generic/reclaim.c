/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who can give memory back: a list of reclaimers, filled at boot, and the
 * per-CPU caches of frames themselves, which come last, since what the others
 * give back may end in them.
 *
 * With may_wait every CPU's cache is emptied (a cross-call), and switched
 * through if somebody sleeps (frame.c); without, only this CPU's.
 */

#include "frame_internal.h"

static struct reclaimer *reclaimers;

void frame_reclaimer_register(struct reclaimer *reclaimer)
{
	reclaimer->next = reclaimers;
	reclaimers = reclaimer;
}

static void drain_this_cpu(void *frames)
{
	__atomic_add_fetch((size_t *) frames, frame_cache_drain(), __ATOMIC_RELAXED);
}

size_t frame_reclaim(enum reclaim_strength strength, bool may_wait)
{
	size_t frames = 0;

	for (struct reclaimer *reclaimer = reclaimers; reclaimer != NULL; reclaimer = reclaimer->next)
		frames += reclaimer->reclaim(strength, may_wait);
	if (may_wait) {
		port_cross_call(drain_this_cpu, &frames);
	} else {
		port_irq_t irq = port_irq_save();

		drain_this_cpu(&frames);
		port_irq_restore(irq);
	}
	return frames;
}
