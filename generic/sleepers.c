/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who sleeps for want of memory.
 *
 * One line for the whole machine, in order of arrival. While anyone stands in
 * it, whoever may sleep gets in line at its end; who may not (FRAME_ATOMIC)
 * takes what there is.
 *
 * NONE IS LOST. A sleeper first stands in line and looks; then it has every
 * CPU's caches emptied and switched through (frame_reclaim), looks again, and
 * parks. What is freed after it stood in line either is in the zones when it
 * looks, or comes through zone_free_run, which sees the line and serves it:
 * whoever frees hands over, from the head on, under frame_lock. So the order does
 * not depend on which thread runs first; port_park remembers a wake that came
 * before it. What comes back later to someone who keeps it for speed, and would
 * give it if asked, the head asks for again: when told that there is such
 * (frame_reclaim_offer), and every RECLAIM_AGAIN in any case.
 *
 * A LARGE REQUEST IS NOT STARVED. The line is strict: only its head is served,
 * so that what small requests hold comes together again as they get in line.
 * But the head may want what will never be (a long run in memory that others
 * hold for ever), and must not take the system along. So each PATIENCE that the
 * first behind it has waited in vain adds one to `impatience`, and the line is
 *
 *   strict, at 0                only the head is served
 *   polite, from 1 on           others too, if what they leave is enough, by number, for the head
 *   open, from OPEN_FROM on     whoever can be served
 *
 * After OVERTAKES others it is strict for one PATIENCE more, and when the head is
 * served, from the beginning. So a head that can be served once the small ones
 * let go has its turn every few hundred of them; and behind one that cannot, they
 * go on.
 *
 * TWO KINDS OF FRAMES. Who may have frames without a permanent address does not
 * wait for those ahead who may not: such frames are no use to them. It is served
 * at any time from those on which no promise rests, if nobody ahead may have them
 * too.
 *
 * PROMISES. Who comes with a promise (FRAME_NO_RESERVE) takes what nobody else
 * may have, so it waits for nobody. One may also stand in line for a promise.
 *
 * ALTERNATIVES. A sleeper may have something else that would serve it as well
 * (a cache that gets an object back). It is for no one else, so it need not
 * wait for its turn in line, but only for those before it that want the same.
 *
 * LOCKS. The line is under frame_lock; an alternative is asked without it.
 * COST. To hand over: O(sleepers).
 */

#include <mm/reserve.h>

#include "frame_internal.h"

/* How long, in milliseconds, one stands behind the head before one loses patience. */
#define PATIENCE 50

/* How often that is before whoever can be served is. */
#define OPEN_FROM 10

/* How often the head may be overtaken before the line is strict again. */
#define OVERTAKES 256

/* After how many milliseconds the head asks the reclaimers again. */
#define RECLAIM_AGAIN 100

struct sleeper {
	struct sleeper *next;
	void *thread;
	const struct frame_request *request;
	bool (*alternative)(void *argument);
	void *argument;
	struct reservation *reservation; /* what it waits to have reserved, if not for the frames of the request */
	bool reclaim;                    /* the reclaimers are to be asked before it parks */
	bool kicked;                     /* since it last looked: its alternative may be there */
	bool served;                     /* it is in line no longer; base and taken are what it got */
	phys_t base;
	size_t taken;
};

static struct sleeper *line; /* the head, or NULL */
static struct sleeper **line_end = &line;
static unsigned impatience; /* since there is this head */
static unsigned overtakes;  /* since the line was strict */
static bool strict_again;   /* whatever the impatience */

size_t sleeper_count;

size_t frame_sleepers(void)
{
	return __atomic_load_n(&sleeper_count, __ATOMIC_SEQ_CST);
}

static void line_join(struct sleeper *sleeper)
{
	port_irq_t irq = spinlock_lock(&frame_lock);

	sleeper->next = NULL;
	*line_end = sleeper;
	line_end = &sleeper->next;
	__atomic_add_fetch(&sleeper_count, 1, __ATOMIC_SEQ_CST);
	spinlock_unlock(&frame_lock, irq);
}

/* The sleeper at *link leaves the line. */
static void line_leave_locked(struct sleeper **link)
{
	struct sleeper *sleeper = *link;

	if (sleeper == line) {
		impatience = overtakes = 0;
		strict_again = false;
	}
	*link = sleeper->next;
	if (line_end == &sleeper->next)
		line_end = link;
	__atomic_sub_fetch(&sleeper_count, 1, __ATOMIC_SEQ_CST);
}

static bool has_promise(const struct sleeper *sleeper)
{
	return (sleeper->request->flags & FRAME_NO_RESERVE) != 0;
}

/* Whether frames that are not direct-mapped will do for all that it waits for. */
static bool may_be_high(const struct sleeper *sleeper)
{
	if (sleeper->reservation != NULL)
		return sleeper->reservation->low == 0;
	return frame_may_be_high(sleeper->request->flags);
}

/* Frames that a sleeper takes of what is spare if it is served. */
static size_t wants(const struct sleeper *sleeper)
{
	if (sleeper->reservation != NULL)
		return sleeper->reservation->low + sleeper->reservation->any;
	return has_promise(sleeper) ? 0 : sleeper->request->min;
}

/* How many of these must be direct-mapped. */
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
	for (const struct sleeper *sleeper = line; sleeper != NULL; sleeper = sleeper->next) {
		frames += wants(sleeper);
		*low += wants_low(sleeper);
	}
	return frames;
}

/*
 * Whether enough is left for the head if self is served. Who can do with a frame without a permanent address takes
 * nothing from a head that cannot, as long as there are such.
 */
static bool leaves_enough_locked(const struct sleeper *self)
{
	size_t mine = wants(self), wanted = wants(line);

	if (accounts_spare_locked(FRAME_HIGHMEM) < wanted + mine)
		return false;
	if (may_be_high(self) && (may_be_high(line) || frame_accounts.high >= mine))
		return true;
	return frame_accounts.spare >= wants_low(line) + (may_be_high(self) ? mine : wants_low(self));
}

static bool my_turn_locked(const struct sleeper *self)
{
	if (self == line || has_promise(self))
		return true;
	if (strict_again || impatience == 0)
		return false;
	return impatience >= OPEN_FROM || leaves_enough_locked(self);
}

/* Whether nobody ahead of this sleeper waits for the same alternative. */
static bool first_for_alternative_locked(const struct sleeper *self)
{
	const struct sleeper *ahead = line;

	while (ahead != self && (ahead->alternative == NULL || ahead->argument != self->argument))
		ahead = ahead->next;
	return ahead == self;
}

/* Gives a sleeper what it stands in line for, if it can be had. */
static void serve_locked(struct sleeper *sleeper)
{
	if (sleeper->reservation == NULL) {
		sleeper->base = zone_take_locked(sleeper->request, &sleeper->taken);
		sleeper->served = sleeper->base != 0;
	} else {
		sleeper->served = accounts_reserve_locked(sleeper->reservation);
	}
	if (sleeper->served && sleeper != line && !has_promise(sleeper) && ++overtakes >= OVERTAKES) {
		overtakes = 0;
		strict_again = true;
	}
}

/* The same from frames without a permanent address on which no promise rests: then nobody who needs one has fewer. */
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
 * Who is told that there is memory serves the line himself, from its head on, so that nobody's place depends on which
 * thread runs first. A sleeper that was served may be gone as soon as the lock is let go.
 */
void sleepers_serve_locked(void)
{
	struct sleeper **link = &line;
	bool high_wanted = false; /* by somebody ahead */

	while (*link != NULL) {
		struct sleeper *sleeper = *link;

		if (my_turn_locked(sleeper))
			serve_locked(sleeper);
		else if (may_be_high(sleeper) && !high_wanted)
			serve_high_locked(sleeper);
		if (sleeper->served) {
			line_leave_locked(link);
			port_unpark(sleeper->thread);
		} else {
			high_wanted |= may_be_high(sleeper);
			link = &sleeper->next;
		}
	}
}

/* Leaves the line, or gives back what it was served with meanwhile. */
static void line_give_up(struct sleeper *self)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	struct sleeper **link = &line;

	if (!self->served) {
		while (*link != self)
			link = &(*link)->next;
		line_leave_locked(link);
		sleepers_serve_locked();
	}
	spinlock_unlock(&frame_lock, irq);
	if (self->served)
		frame_free(self->base, self->taken);
	self->base = 0;
	self->taken = 0;
}

static bool try_alternative(struct sleeper *self)
{
	port_irq_t irq;
	bool first;

	if (self->alternative == NULL)
		return false;
	irq = spinlock_lock(&frame_lock);
	first = !self->served && first_for_alternative_locked(self);
	spinlock_unlock(&frame_lock, irq);
	if (!first || !self->alternative(self->argument))
		return false;
	line_give_up(self);
	frame_sleepers_kick(self->argument); /* there may be more of it for the next one */
	return true;
}

static bool is_served(struct sleeper *self)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	bool served;

	sleepers_serve_locked();
	served = self->served;
	spinlock_unlock(&frame_lock, irq);
	return served;
}

/* Whether the reclaimers are to be asked now; if so, no more after that. */
static bool is_to_reclaim(struct sleeper *self)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	bool reclaim = self->reclaim && !self->served;

	self->reclaim = false;
	spinlock_unlock(&frame_lock, irq);
	return reclaim;
}

/* When nothing came: the head asks the reclaimers again, the first behind it loosens the line. */
static void lose_patience(struct sleeper *self)
{
	port_irq_t irq = spinlock_lock(&frame_lock);

	if (self == line)
		self->reclaim = true;
	else if (line != NULL && self == line->next && !self->kicked && strict_again)
		strict_again = false;
	else if (line != NULL && self == line->next && !self->kicked && impatience < OPEN_FROM)
		impatience++;
	self->kicked = false;
	spinlock_unlock(&frame_lock, irq);
}

static bool is_head(const struct sleeper *self)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	bool head = self == line;

	spinlock_unlock(&frame_lock, irq);
	return head;
}

/* Stands in line till it is served, or its alternative is. @return address of the frames; 0 for anything else */
static phys_t stand_in_line(struct sleeper *self, size_t *taken)
{
	line_join(self);
	while (!is_served(self) && !try_alternative(self)) {
		if (is_to_reclaim(self)) {
			frame_reclaim(RECLAIM_FULL, true);
			continue;
		}
		port_park(is_head(self) ? RECLAIM_AGAIN : PATIENCE);
		lose_patience(self);
	}
	*taken = self->taken;
	return self->base;
}

phys_t sleepers_wait(
	const struct frame_request *request, size_t *taken, bool (*alternative)(void *argument), void *argument)
{
	struct sleeper self = {
		.thread = port_self(), .request = request, .alternative = alternative, .argument = argument, .reclaim = true
	};

	return stand_in_line(&self, taken);
}

void sleepers_wait_reservation(struct reservation *reservation)
{
	static const struct frame_request none = { 0 };
	struct sleeper self = { .thread = port_self(), .request = &none, .reservation = reservation, .reclaim = true };
	size_t taken;

	(void) stand_in_line(&self, &taken);
}

void frame_sleepers_kick(const void *argument)
{
	port_irq_t irq;

	if (!sleepers_any())
		return;
	irq = spinlock_lock(&frame_lock);
	for (struct sleeper *sleeper = line; sleeper != NULL; sleeper = sleeper->next) {
		if (sleeper->alternative != NULL && sleeper->argument == argument) {
			sleeper->kicked = true;
			port_unpark(sleeper->thread);
			break;
		}
	}
	spinlock_unlock(&frame_lock, irq);
}

void frame_reclaim_offer(void)
{
	port_irq_t irq;

	if (!sleepers_any())
		return;
	irq = spinlock_lock(&frame_lock);
	if (line != NULL) {
		line->reclaim = true;
		port_unpark(line->thread);
	}
	spinlock_unlock(&frame_lock, irq);
}
