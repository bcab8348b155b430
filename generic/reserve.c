/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Promises: one number, frame_accounts.promised, never more than the frames
 * that are free in the zones. Every way of taking frames without a promise
 * leaves that many (zone.c); every way of taking with one lowers both.
 *
 * A promise is made only of what those in line for memory do not want.
 */

#include <mm/reserve.h>

#include "frame_internal.h"

static bool promise(size_t frames)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	size_t unpromised = frame_accounts.free - frame_accounts.promised;
	size_t wanted = sleepers_want_locked();
	bool enough = unpromised >= wanted && unpromised - wanted >= frames;

	if (enough)
		frame_accounts.promised += frames;
	spinlock_unlock(&frame_lock, irq);
	return enough;
}

errno_t reserve_try(size_t frames)
{
	if (promise(frames))
		return EOK;
	for (unsigned strength = RECLAIM_LIGHT; strength <= RECLAIM_FULL; strength++) {
		frame_reclaim(strength, interrupts_on());
		if (promise(frames))
			return EOK;
	}
	return ENOMEM;
}

errno_t reserve_wait(size_t frames)
{
	mm_assert(interrupts_on(), "may sleep, but interrupts are off or a spinlock is held");
	if (frames > frame_accounts.total)
		return ENOMEM;
	if (reserve_try(frames) != EOK)
		sleepers_wait_promise(frames);
	return EOK;
}

void reserve_free(size_t frames)
{
	port_irq_t irq = spinlock_lock(&frame_lock);

	mm_assert(frames <= frame_accounts.promised, "%zu frames given back, but only %zu are promised", frames,
		frame_accounts.promised);
	frame_accounts.promised -= frames;
	if (sleepers_any())
		sleepers_serve_locked();
	spinlock_unlock(&frame_lock, irq);
}
