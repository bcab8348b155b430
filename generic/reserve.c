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

#include <mm/held.h>
#include <mm/page.h>
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

/* Frees what was reserved. */
static void accounts_unreserve_locked(const struct reservation *reservation)
{
	size_t low = accounts_low_locked();

	mm_assert(reservation->low <= frame_accounts.promised_low && reservation->any <= frame_accounts.promised_any,
		"%zu low frames and %zu of any given back, but only %zu and %zu are promised", reservation->low,
		reservation->any, frame_accounts.promised_low, frame_accounts.promised_any);
	frame_accounts.promised_low -= reservation->low;
	frame_accounts.promised_any -= reservation->any;
	settle_locked(low);
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

bool accounts_reserve_locked(const struct reservation *reservation)
{
	if (!accounts_promise_locked(reservation->low, FRAME_LOWMEM))
		return false;
	if (accounts_promise_locked(reservation->any, FRAME_HIGHMEM))
		return true;
	accounts_unreserve_locked(&(struct reservation){ .low = reservation->low });
	return false;
}

/* ---- reservations ---- */

/* Whether those that wait find what they want, by number, if so much is reserved. */
static bool leaves_enough_locked(const struct reservation *reservation)
{
	size_t low = reservation->low, any = reservation->any;
	size_t wanted_low, wanted = sleepers_want_locked(&wanted_low);
	bool enough = excess(accounts_spare_locked(FRAME_HIGHMEM), wanted) >= low + any;

	if (low == 0) /* what rests on high frames alone leaves all low ones to those that want them */
		return enough || excess(accounts_spare_high_locked(), wanted - wanted_low) >= any;
	return enough && excess(frame_accounts.spare, wanted_low) >= low;
}

static bool reserve_now(const struct reservation *reservation)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	bool reserved = leaves_enough_locked(reservation) && accounts_reserve_locked(reservation);

	spinlock_unlock(&frame_lock, irq);
	return reserved;
}

static errno_t reserve_or_reclaim(const struct reservation *reservation)
{
	if (reserve_now(reservation))
		return EOK;
	for (unsigned strength = RECLAIM_LIGHT; strength <= RECLAIM_FULL && !reclaim_is_useless(); strength++) {
		frame_reclaim(strength, interrupts_on());
		if (reserve_now(reservation))
			return EOK;
	}
	return ENOMEM;
}

static errno_t reserve_or_wait(struct reservation *reservation)
{
	size_t low = frame_total(FRAME_LOWMEM), all = frame_total(FRAME_HIGHMEM);

	if (reservation->low > low || reservation->any > all || reservation->low + reservation->any > all)
		return ENOMEM;
	if (reservation->low + reservation->any == 0)
		return EOK;
	if (sleepers_any() || reserve_or_reclaim(reservation) != EOK)
		sleepers_wait_reservation(reservation);
	return EOK;
}

static void unreserve(const struct reservation *reservation)
{
	port_irq_t irq = spinlock_lock(&frame_lock);

	accounts_unreserve_locked(reservation);
	if (sleepers_any())
		sleepers_serve_locked();
	spinlock_unlock(&frame_lock, irq);
}

/* So many frames of the class of these flags. */
static struct reservation of_class(size_t frames, frame_flags_t flags)
{
	return frame_may_be_high(flags) ? (struct reservation){ .any = frames } : (struct reservation){ .low = frames };
}

errno_t reserve_try(size_t frames, frame_flags_t flags)
{
	const struct reservation wanted = of_class(frames, flags);

	return reserve_or_reclaim(&wanted);
}

errno_t reserve_wait(size_t frames, frame_flags_t flags)
{
	struct reservation wanted = of_class(frames, flags);

	may_wait_check(__func__);
	return reserve_or_wait(&wanted);
}

void reserve_free(size_t frames, frame_flags_t flags)
{
	struct reservation reservation = of_class(frames, flags);

	unreserve(&reservation);
}

void reserve_return(phys_t frame, frame_flags_t flags)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	bool reserved;

	zone_give_locked(frame >> PAGE_WIDTH, 1);
	reserved = accounts_promise_locked(1, flags);
	mm_assert(reserved, "frame %#" PHYS_X " was reserved, and cannot be again", frame);
	/* A low frame for a reservation of any leaves another low one, if there are high ones, to those that wait. */
	if (sleepers_any())
		sleepers_serve_locked();
	spinlock_unlock(&frame_lock, irq);
}

/* ---- reservations with an owner ---- */

/* The reservation is the caller's if there was no error. */
static errno_t reservation_begin(struct reservation *r, const struct reservation *wanted, errno_t error)
{
	*r = error == EOK ? *wanted : (struct reservation){ 0 };
	held_add(HELD_RESERVED, r->low + r->any);
	return error;
}

errno_t reservation_wait(struct reservation *r, size_t low, size_t any)
{
	struct reservation wanted = { .low = low, .any = any };

	may_wait_check(__func__);
	return reservation_begin(r, &wanted, reserve_or_wait(&wanted));
}

errno_t reservation_try(struct reservation *r, size_t low, size_t any)
{
	const struct reservation wanted = { .low = low, .any = any };

	return reservation_begin(r, &wanted, inject_now() ? ENOMEM : reserve_or_reclaim(&wanted));
}

/* Allocates frames of a class from what is reserved of it. */
static phys_t take_reserved(size_t *reserved, size_t count, frame_flags_t flags)
{
	struct frame_request request = FRAME_REQUEST(count, (flags & FRAME_CLASS) | FRAME_NO_RESERVE);
	port_irq_t irq;
	size_t taken;
	phys_t base;

	if (*reserved < count)
		return 0;
	irq = spinlock_lock(&frame_lock);
	base = zone_take_locked(&request, &taken);
	/* A low frame off a reservation of any leaves a high one for those that wait. */
	if (sleepers_any())
		sleepers_serve_locked();
	spinlock_unlock(&frame_lock, irq);
	*reserved -= taken;
	held_sub(HELD_RESERVED, taken);
	return base;
}

phys_t reservation_take(struct reservation *r, size_t count, frame_flags_t flags)
{
	phys_t base = frame_may_be_high(flags) ? take_reserved(&r->any, count, flags) : 0;

	if (base == 0)
		base = take_reserved(&r->low, count, flags & ~FRAME_HIGHMEM);
	if (base != 0 && flags & FRAME_ZERO)
		frames_clear(base, count);
	return base;
}

void reservation_end(struct reservation *r)
{
	if (r->set_aside != 0)
		page_tables_release(r);
	if (r->low + r->any == 0)
		return;
	unreserve(r);
	held_sub(HELD_RESERVED, r->low + r->any);
	*r = (struct reservation){ 0 };
}
