/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Threads that wait for memory: the wait queue.
 *
 * One queue for the whole machine, in order of arrival. While a thread is in it,
 * a request that may sleep joins at its end; one that may not (FRAME_ATOMIC)
 * gets what there is.
 *
 * WAKE-UPS ARE EXACT. Nothing here polls for memory. A thread joins under
 * frame_lock, and looks again after that; and it parks only after a look, under
 * the same hold of frame_lock, that found nothing to do (`parked`). What can
 * change the outcome comes through frame_lock too:
 *
 *   what happens                            what is done
 *   frames are freed, or unreserved         sleepers_serve_locked hands them over, from the head on, and
 *                                           wakes each thread that was served, and no other
 *   a thread leaves the queue               the same, for those that it was ahead of
 *   a cache has an object again (kick)      the first that waits for it asks; if that leaves before it has
 *                                           asked, the next one does
 *   a reclaimer comes to have something     one thread of the queue runs a full reclaim: the head is woken,
 *   (offer)                                 or the next head, if it leaves before it has begun
 *   PATIENCE is over                        see below
 *
 * A thread that returns from port_park without cause looks, and parks again: that
 * counts for nothing. A thread that serves itself does not wake itself.
 *
 * NOTHING IS KEPT while a thread waits. The first thread of the queue runs full
 * reclaims (`reclaim`), till one frees nothing: a reclaimer need not free all that it
 * has at once. That empties and closes the caches of all CPUs. From then on what is
 * freed comes to the zones at once, or its holder offers it (frame_reclaim_offer);
 * so another reclaim is useless till the next offer, and none is run, however
 * many threads join. A CPU that comes up meanwhile begins with closed caches.
 *
 * A LARGE REQUEST IS NOT STARVED. The queue is FIFO: only its head is served, so
 * that what small requests hold comes together again as they join. But the head
 * may want what will never be (a long run in memory that others hold for ever),
 * and must not hold up the system. So each PATIENCE that the first behind it has
 * waited in vain adds one to `impatience`, and the queue is
 *
 *   FIFO, at 0                  only the head is served
 *   bypassed, from 1 on         others too, if what they leave is enough, by number, for the head
 *   open, from OPEN_FROM on     any that can be served
 *
 * After OVERTAKES others it is FIFO for one PATIENCE more, and when the head is
 * served, from the beginning. So a head that can be served once the small ones
 * are freed has its turn every few hundred of them; and behind one that cannot,
 * they go on. This is the one thing here that needs the time: one of the first
 * two threads parks with a time-out (`timed`), if there are two. The end of the
 * time is fixed (patience_end), so wake-ups do not move it.
 *
 * TWO KINDS OF FRAMES. A request that frames without a permanent address serve as
 * well does not wait for those ahead that they do not serve. It is served
 * at any time from such frames that are not reserved, if no request ahead may
 * have them too.
 *
 * RESERVATIONS. A request with a reservation (FRAME_NO_RESERVE) is served from
 * what nobody else may have, so it waits for none ahead. A thread may also wait to have frames
 * reserved, of both classes at once (struct reservation).
 *
 * ALTERNATIVES. Something else may serve a request as well (a cache that gets an
 * object back). It is for no other request, so it need not wait for its turn in
 * the queue, but only for those ahead that want the same.
 *
 * LOCKS. Everything static here is under frame_lock but for two glances: at
 * sleeper_count, sequentially consistent, and at `reclaim`, relaxed: a caller that
 * finds DONE when it is no longer so does without a reclaim, which the thread that
 * the offer wakes runs; one that does not find it runs one in vain. An alternative
 * is asked, and a reclaim runs, without frame_lock. What an owner adds to a cache
 * before it looks at sleeper_count (kick, offer) is seen by the thread that has
 * joined before that look, since both do so under the cache's lock: whichever
 * comes second under that lock sees what the first has done.
 *
 * COST. To hand over: O(threads that wait), and O(1) while the queue is FIFO and
 * no thread in it waits for frames of either kind or has a reservation.
 */

#include <mm/reserve.h>

#include "frame_internal.h"

/* How often the first behind the head loses patience before any that can be served is. */
#define OPEN_FROM 10

/* How often the head may be overtaken before the queue is FIFO again. */
#define OVERTAKES 256

struct sleeper {
	struct sleeper *next;
	void *thread;
	const struct frame_request *request;
	struct reservation *reservation; /* what it waits to have reserved, if not for the frames of the request */
	bool (*alternative)(void *argument);
	void *argument;
	bool kicked; /* its alternative may be there, and it has not asked since */
	bool parked; /* it parks, or is about to, and has not been woken */
	bool timed;  /* it parks till patience_end at the longest */
	bool served; /* it is in the queue no longer; base and taken are what it got */
	phys_t base;
	size_t taken;
};

/* Milliseconds that the first thread behind the head waits before it loses patience. */
unsigned frame_patience = FRAME_PATIENCE;

static struct sleeper *head;
static struct sleeper **end = &head;
static size_t exempt;         /* threads that may be served before those ahead, even if the queue is FIFO */
static unsigned impatience;   /* since there is this head */
static unsigned overtakes;    /* since the queue was FIFO */
static bool fifo_again;       /* whatever the impatience */
static uint64_t patience_end; /* when the first behind the head loses patience next, if there are two */

/* What is known of the reclaimers, while the queue is not empty. */
static enum {
	RECLAIM_DONE,   /* they have nothing */
	RECLAIM_WANTED, /* they may have something: a thread of the queue is to ask them */
	RECLAIM_RUNS    /* a thread asks them */
} reclaim;

size_t sleeper_count;

size_t frame_sleepers(void)
{
	return __atomic_load_n(&sleeper_count, __ATOMIC_SEQ_CST);
}

static bool has_reservation(const struct sleeper *sleeper)
{
	return (sleeper->request->flags & FRAME_NO_RESERVE) != 0;
}

/* Whether frames without a permanent address will do for all that it waits for. */
static bool may_be_high(const struct sleeper *sleeper)
{
	if (sleeper->reservation != NULL)
		return sleeper->reservation->low == 0;
	return frame_may_be_high(sleeper->request->flags);
}

static bool is_exempt(const struct sleeper *sleeper)
{
	return has_reservation(sleeper) || may_be_high(sleeper);
}

/* ---- waking ---- */

/* A thread that does not park looks again by itself. */
static void wake_locked(struct sleeper *sleeper)
{
	if (!sleeper->parked)
		return;
	sleeper->parked = false;
	port_unpark(sleeper->thread);
}

/* Lets the first that waits for this alternative ask for it. */
static void kick_locked(const void *argument)
{
	struct sleeper *sleeper = head;

	while (sleeper != NULL && (sleeper->alternative == NULL || sleeper->argument != argument))
		sleeper = sleeper->next;
	if (sleeper == NULL)
		return;
	sleeper->kicked = true;
	wake_locked(sleeper);
}

static void reclaim_want_locked(void)
{
	__atomic_store_n(&reclaim, RECLAIM_WANTED, __ATOMIC_RELAXED);
	if (head != NULL)
		wake_locked(head);
}

/* The first two are others than before: the first behind the head has all its patience. */
static void patience_restart_locked(void)
{
	if (frame_patience != 0 && head != NULL && head->next != NULL)
		patience_end = port_time_ms() + frame_patience;
}

/* One of the first two, if there are two, is to keep the time. */
static void patience_keep_locked(void)
{
	if (frame_patience != 0 && head != NULL && head->next != NULL && !head->timed && !head->next->timed)
		wake_locked(head);
}

/* ---- the queue ---- */

static void join(struct sleeper *sleeper)
{
	port_irq_t irq = spinlock_lock(&frame_lock);

	if (head == NULL)
		__atomic_store_n(&reclaim, RECLAIM_WANTED, __ATOMIC_RELAXED);
	*end = sleeper;
	end = &sleeper->next;
	exempt += is_exempt(sleeper);
	__atomic_add_fetch(&sleeper_count, 1, __ATOMIC_SEQ_CST);
	if (sleeper == head->next)
		patience_restart_locked();
	spinlock_unlock(&frame_lock, irq);
}

/* The sleeper at *link leaves the queue. */
static void leave_locked(struct sleeper **link)
{
	struct sleeper *sleeper = *link;
	bool was_head = sleeper == head, was_first_two = was_head || sleeper == head->next;

	if (was_head) {
		impatience = overtakes = 0;
		fifo_again = false;
	}
	*link = sleeper->next;
	if (end == &sleeper->next)
		end = link;
	exempt -= is_exempt(sleeper);
	__atomic_sub_fetch(&sleeper_count, 1, __ATOMIC_SEQ_CST);
	if (sleeper->kicked)
		kick_locked(sleeper->argument);
	if (was_head && reclaim == RECLAIM_WANTED)
		reclaim_want_locked();
	if (was_first_two) {
		patience_restart_locked();
		patience_keep_locked();
	}
}

/* Frames that a sleeper takes of what is spare if it is served. */
static size_t wants(const struct sleeper *sleeper)
{
	if (sleeper->reservation != NULL)
		return sleeper->reservation->low + sleeper->reservation->any;
	return has_reservation(sleeper) ? 0 : sleeper->request->min;
}

/* How many of these must have a permanent address. */
static size_t wants_low(const struct sleeper *sleeper)
{
	if (sleeper->reservation != NULL)
		return sleeper->reservation->low;
	return may_be_high(sleeper) ? 0 : wants(sleeper);
}

size_t sleepers_want_locked(size_t *low)
{
	size_t frames = 0;

	*low = 0;
	for (const struct sleeper *sleeper = head; sleeper != NULL; sleeper = sleeper->next) {
		frames += wants(sleeper);
		*low += wants_low(sleeper);
	}
	return frames;
}

/*
 * Whether enough is left for the head if self is served. A request that frames without a permanent address serve takes
 * nothing from a head that they do not serve, as long as there are such.
 */
static bool leaves_enough_locked(const struct sleeper *self)
{
	size_t mine = wants(self), wanted = wants(head);

	if (accounts_spare_locked(FRAME_HIGHMEM) < wanted + mine)
		return false;
	if (may_be_high(self) && (may_be_high(head) || frame_accounts.high >= mine))
		return true;
	return frame_accounts.spare >= wants_low(head) + (may_be_high(self) ? mine : wants_low(self));
}

static bool is_fifo_locked(void)
{
	return fifo_again || impatience == 0;
}

static bool my_turn_locked(const struct sleeper *self)
{
	if (self == head || has_reservation(self))
		return true;
	return !is_fifo_locked() && (impatience >= OPEN_FROM || leaves_enough_locked(self));
}

/* Whether no thread ahead waits for the same alternative. */
static bool first_for_alternative_locked(const struct sleeper *self)
{
	const struct sleeper *ahead = head;

	while (ahead != self && (ahead->alternative == NULL || ahead->argument != self->argument))
		ahead = ahead->next;
	return ahead == self;
}

/* ---- serving ---- */

/* Gives a sleeper what it waits for, if it can be had. */
static void serve_locked(struct sleeper *sleeper)
{
	if (sleeper->reservation == NULL) {
		sleeper->base = zone_take_locked(sleeper->request, &sleeper->taken);
		sleeper->served = sleeper->base != 0;
	} else {
		sleeper->served = accounts_reserve_locked(sleeper->reservation);
	}
	if (sleeper->served && sleeper != head && !has_reservation(sleeper) && ++overtakes >= OVERTAKES) {
		overtakes = 0;
		fifo_again = true;
	}
}

/* The same from frames without a permanent address that are not reserved: then no request for others has fewer. */
static void serve_high_locked(struct sleeper *sleeper)
{
	if (sleeper->reservation == NULL) {
		sleeper->base = zone_take_high_locked(sleeper->request, &sleeper->taken);
		sleeper->served = sleeper->base != 0;
	} else if (accounts_spare_high_locked() >= sleeper->reservation->any) {
		sleeper->served = accounts_reserve_locked(sleeper->reservation);
	}
}

/*
 * The thread that frees serves the queue itself, from its head on, so that no place depends on which thread runs first.
 * A sleeper that was served may be gone as soon as the lock is free. Serving one never makes it possible to serve one
 * ahead of it, so one pass does.
 */
void sleepers_serve_locked(void)
{
	struct sleeper **link = &head;
	bool high_wanted = false; /* by one ahead */

	while (*link != NULL && (*link == head || exempt != 0 || !is_fifo_locked())) {
		struct sleeper *sleeper = *link;

		if (my_turn_locked(sleeper))
			serve_locked(sleeper);
		else if (may_be_high(sleeper) && !high_wanted)
			serve_high_locked(sleeper);
		if (sleeper->served) {
			leave_locked(link);
			wake_locked(sleeper);
		} else {
			high_wanted |= may_be_high(sleeper);
			link = &sleeper->next;
		}
	}
}

/* Frees what a sleeper was served with; what came off a reservation is reserved again. */
static void served_return_locked(struct sleeper *self)
{
	zone_give_locked(self->base >> PAGE_WIDTH, self->taken);
	if (has_reservation(self) && !accounts_promise_locked(self->taken, self->request->flags))
		port_panic("%zu frames of a reservation cannot be reserved again", self->taken);
}

/* Leaves the queue, or frees what it was served with meanwhile. */
static void give_up(struct sleeper *self)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	struct sleeper **link = &head;

	if (self->served) {
		served_return_locked(self);
	} else {
		while (*link != self)
			link = &(*link)->next;
		leave_locked(link);
	}
	sleepers_serve_locked();
	spinlock_unlock(&frame_lock, irq);
	self->base = 0;
	self->taken = 0;
}

/* ---- waiting ---- */

enum step { STEP_SERVED, STEP_ASK, STEP_RECLAIM, STEP_PARK };

/* The time is over that the first behind the head waits: the queue is looser from now on. */
static void patience_lose_locked(void)
{
	if (head == NULL || head->next == NULL || port_time_ms() < patience_end)
		return;
	if (fifo_again)
		fifo_again = false;
	else if (impatience < OPEN_FROM)
		impatience++;
	patience_restart_locked();
}

/* @return milliseconds that a sleeper parks at the longest; 0 = no limit, if it does not keep the time */
static unsigned park_time_locked(struct sleeper *self)
{
	const struct sleeper *other = self == head ? head->next : head;
	uint64_t now;

	if (frame_patience == 0 || other == NULL || (self != head && self != head->next) || other->timed)
		return 0;
	self->timed = true;
	now = port_time_ms();
	return now < patience_end ? (unsigned) (patience_end - now) : 1;
}

/* What a sleeper does next. */
static enum step next_step(struct sleeper *self, unsigned *milliseconds)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	enum step step = STEP_PARK;

	self->parked = false;
	if (self->timed && !self->served)
		patience_lose_locked();
	self->timed = false;
	if (!self->served)
		sleepers_serve_locked();
	if (self->served) {
		step = STEP_SERVED;
	} else if (self->kicked && first_for_alternative_locked(self)) {
		self->kicked = false;
		step = STEP_ASK;
	} else if (reclaim == RECLAIM_WANTED) {
		__atomic_store_n(&reclaim, RECLAIM_RUNS, __ATOMIC_RELAXED);
		step = STEP_RECLAIM;
	} else {
		self->parked = true;
		*milliseconds = park_time_locked(self);
	}
	spinlock_unlock(&frame_lock, irq);
	return step;
}

/*
 * A full reclaim is through. If it freed none, nothing is left, but for what was offered, or a new queue, meanwhile.
 * Otherwise there may be more, and the thread that has run it may have been served meanwhile: the head goes on.
 */
static void reclaim_done(size_t frames)
{
	port_irq_t irq = spinlock_lock(&frame_lock);

	if (reclaim == RECLAIM_RUNS && frames != 0)
		reclaim_want_locked();
	else if (reclaim == RECLAIM_RUNS)
		__atomic_store_n(&reclaim, RECLAIM_DONE, __ATOMIC_RELAXED);
	spinlock_unlock(&frame_lock, irq);
}

/* Waits till it is served, or its alternative is there. @return address of the frames; 0 for anything else */
static phys_t wait_in_queue(struct sleeper *self, size_t *taken)
{
	unsigned milliseconds;

	join(self);
	for (enum step step; (step = next_step(self, &milliseconds)) != STEP_SERVED;) {
		if (step == STEP_PARK) {
			port_park(milliseconds);
		} else if (step == STEP_RECLAIM) {
			reclaim_done(frame_reclaim(RECLAIM_FULL, true));
		} else if (self->alternative(self->argument)) {
			give_up(self);
			frame_sleepers_kick(self->argument); /* there may be more of it for the next one */
			break;
		}
	}
	*taken = self->taken;
	return self->base;
}

phys_t sleepers_wait(
	const struct frame_request *request, size_t *taken, bool (*alternative)(void *argument), void *argument)
{
	struct sleeper self = {
		.thread = port_self(),
		.request = request,
		.alternative = alternative,
		.argument = argument,
		.kicked = alternative != NULL,
	};

	return wait_in_queue(&self, taken);
}

void sleepers_wait_reservation(struct reservation *reservation)
{
	static const struct frame_request none = { 0 };
	struct sleeper self = { .thread = port_self(), .request = &none, .reservation = reservation };
	size_t taken;

	(void) wait_in_queue(&self, &taken);
}

void frame_sleepers_kick(const void *argument)
{
	port_irq_t irq;

	if (!sleepers_any())
		return;
	irq = spinlock_lock(&frame_lock);
	kick_locked(argument);
	spinlock_unlock(&frame_lock, irq);
}

void frame_reclaim_offer(void)
{
	port_irq_t irq;

	if (!sleepers_any())
		return;
	irq = spinlock_lock(&frame_lock);
	reclaim_want_locked();
	spinlock_unlock(&frame_lock, irq);
}

/* A glance: a reclaim too many costs time, and one that is left out was useless when the caller looked. */
bool sleepers_have_reclaimed(void)
{
	return sleepers_any() && __atomic_load_n(&reclaim, __ATOMIC_RELAXED) == RECLAIM_DONE;
}
