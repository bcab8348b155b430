/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Promises, and the accounts they are kept by.
 *
 * Frames come in two kinds, those with a permanent address (low) and those
 * without (high); promises in two classes, of low frames and of any. An
 * ordinary request is of one of these classes too. Of any: from high zones as
 * far as there is something to be had there.
 *
 * WHAT PROMISES REST ON. Those of any frames rest on the high ones, as far as
 * these go, and on low ones for the rest. So the low frames that are kept are
 *
 *   kept = promised_low + max(0, promised_any - high)
 *
 *   low   |########### promised_low ###|### the rest ###|......... spare .........|
 *   high  |################ promised_any ################|........................|
 *
 * INVARIANT. kept <= low. That says promised_low <= low, and promised_low +
 * promised_any <= low + high: each class of promises, and both together, have
 * enough frames that would do for them, which is when all can be kept, whoever
 * comes first (Hall's condition, 1935, for two kinds of frames).
 *
 * WHO MAY TAKE. Every change must leave that true. n frames may be had
 *
 *   from       without a promise                     with one of low   with one of any
 *   low        n <= spare                            n <= promised_low n <= promised_any, low - promised_low
 *   high       n <= spare + max(0, high - promised_any)                n <= promised_any
 *
 * and as many may be promised as could be taken without one. Who holds a
 * promise always finds a frame: one of low frames, since promised_low <= low;
 * one of any, since either high is not 0, or low - promised_low is not.
 *
 * The accounts hold `spare`, not low, so that an ordinary request for low
 * frames compares and counts one number, as if there were no high ones; low is
 * spare + kept. What changes kept leaves low alone and sets spare anew. A
 * machine without high frames never has anything to do with the difference:
 * there spare is what is free and not promised.
 *
 * A promise is made only of what those in line for memory do not want; who may
 * wait for one gets in line behind them.
 */

#include <mm/reserve.h>

#include "frame_internal.h"

struct frame_accounts frame_accounts;

/* ---- the accounts ---- */

static size_t excess(size_t of, size_t over)
{
	return of > over ? of - over : 0;
}

/* Low frames that promises rest on. */
static size_t kept_locked(void)
{
	return frame_accounts.promised_low + excess(frame_accounts.promised_any, frame_accounts.high);
}

size_t accounts_low_locked(void)
{
	return frame_accounts.spare + kept_locked();
}

/* Promises or high frames have changed: what is left of the low ones? */
static void settle_locked(size_t low)
{
	size_t kept = kept_locked();

	mm_assert(kept <= low, "promises rest on %zu low frames, but only %zu are free", kept, low);
	frame_accounts.spare = low - kept;
}

size_t accounts_spare_high_locked(void)
{
	return excess(frame_accounts.high, frame_accounts.promised_any);
}

size_t accounts_spare_locked(frame_flags_t flags)
{
	return frame_accounts.spare + (frame_may_be_high(flags) ? accounts_spare_high_locked() : 0);
}

static size_t *promised_of(frame_flags_t flags)
{
	return frame_may_be_high(flags) ? &frame_accounts.promised_any : &frame_accounts.promised_low;
}

size_t accounts_promised_locked(frame_flags_t flags)
{
	return *promised_of(flags);
}

size_t accounts_allowance_special_locked(enum zone_kind kind, frame_flags_t flags)
{
	size_t promised = *promised_of(flags), unpromised_low;

	if (!(flags & FRAME_NO_RESERVE))
		return accounts_spare_locked(flags);
	if (kind == ZONE_HIGH || !frame_may_be_high(flags))
		return promised;
	unpromised_low = accounts_low_locked() - frame_accounts.promised_low;
	return promised < unpromised_low ? promised : unpromised_low;
}

void accounts_taken_locked(enum zone_kind kind, size_t count, frame_flags_t flags)
{
	size_t low = accounts_low_locked();

	if (kind == ZONE_HIGH)
		frame_accounts.high -= count;
	else
		low -= count;
	if (flags & FRAME_NO_RESERVE)
		*promised_of(flags) -= count;
	settle_locked(low);
}

void accounts_high_given_locked(size_t count)
{
	size_t low = accounts_low_locked();

	frame_accounts.high += count;
	settle_locked(low);
}

bool accounts_promise_locked(size_t frames, frame_flags_t flags)
{
	size_t low = accounts_low_locked();

	if (frames > accounts_spare_locked(flags))
		return false;
	*promised_of(flags) += frames;
	settle_locked(low);
	return true;
}

static size_t differs(const char *what, size_t found, size_t expected)
{
	if (found == expected)
		return 0;
	port_log("frame_check: frames free %s: the accounts have %zu, the zones %zu", what, found, expected);
	return 1;
}

size_t accounts_check_locked(size_t free_low, size_t free_high)
{
	size_t breaches = differs("with a permanent address", accounts_low_locked(), free_low);

	breaches += differs("without a permanent address", frame_accounts.high, free_high);
	if (kept_locked() > free_low) {
		port_log("frame_check: promises of %zu low frames and %zu of any, but only %zu low and %zu high are free",
			frame_accounts.promised_low, frame_accounts.promised_any, free_low, free_high);
		breaches++;
	}
	return breaches;
}

/* ---- promises ---- */

/* Whether those in line find what they want, by number, if so much is promised. */
static bool leaves_enough_locked(size_t frames, frame_flags_t flags)
{
	size_t wanted_low, wanted = sleepers_want_locked(&wanted_low);
	bool enough = excess(accounts_spare_locked(FRAME_HIGHMEM), wanted) >= frames;

	if (frame_may_be_high(flags)) /* what rests on high frames alone takes nothing from who wants low ones */
		return enough || excess(accounts_spare_high_locked(), wanted - wanted_low) >= frames;
	return enough && excess(frame_accounts.spare, wanted_low) >= frames;
}

static bool promise(size_t frames, frame_flags_t flags)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	bool promised = leaves_enough_locked(frames, flags) && accounts_promise_locked(frames, flags);

	spinlock_unlock(&frame_lock, irq);
	return promised;
}

errno_t reserve_try(size_t frames, frame_flags_t flags)
{
	if (promise(frames, flags))
		return EOK;
	for (unsigned strength = RECLAIM_LIGHT; strength <= RECLAIM_FULL; strength++) {
		frame_reclaim(strength, interrupts_on());
		if (promise(frames, flags))
			return EOK;
	}
	return ENOMEM;
}

errno_t reserve_wait(size_t frames, frame_flags_t flags)
{
	mm_assert(interrupts_on(), "may sleep, but interrupts are off or a spinlock is held");
	if (frames > frame_total(frame_may_be_high(flags) ? FRAME_HIGHMEM : FRAME_LOWMEM))
		return ENOMEM;
	if (sleepers_any() || reserve_try(frames, flags) != EOK)
		sleepers_wait_promise(frames, flags);
	return EOK;
}

void reserve_free(size_t frames, frame_flags_t flags)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	size_t low = accounts_low_locked();

	mm_assert(frames <= *promised_of(flags), "%zu %s frames given back, but only %zu are promised", frames,
		frame_may_be_high(flags) ? "any" : "low", *promised_of(flags));
	*promised_of(flags) -= frames;
	settle_locked(low);
	if (sleepers_any())
		sleepers_serve_locked();
	spinlock_unlock(&frame_lock, irq);
}
