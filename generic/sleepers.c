/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who sleeps for want of memory.
 *
 * One line for the whole machine, in order of arrival. While anyone stands in
 * it, whoever may sleep gets in line at its end; who may not (FRAME_ATOMIC)
 * takes what there is.
 *
 * NONE IS LOST. A sleeper first stands in line, then has every CPU's caches
 * emptied and switched through (frame_reclaim), then looks, then parks. What is
 * freed after it stood in line either is in the zones when it looks, or comes
 * through zone_free_run, which sees the line and serves it: whoever frees hands
 * over, from the head on, under frame_lock. So the order does not depend on
 * which thread runs first; port_park remembers a wake that came before it.
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
 * After OVERTAKES others, or when the head is served, it is strict again. So a
 * head that can be served once the small ones let go has its turn every few
 * hundred of them; and behind one that cannot, they go on.
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

#include "frame_internal.h"

/* How long, in milliseconds, one stands behind the head before one loses patience. */
#define PATIENCE 50

/* How often that is before whoever can be served is. */
#define OPEN_FROM 10

/* How often the head may be overtaken before the line is strict again. */
#define OVERTAKES 256

struct sleeper {
	struct sleeper *next;
	void *thread;
	const struct frame_request *request;
	bool (*alternative)(void *argument);
	void *argument;
	bool for_promise; /* of request->min frames, not for the frames */
	bool kicked;      /* since it last looked: its alternative may be there */
	bool served;      /* it is in line no longer; base and taken are what it got */
	phys_t base;
	size_t taken;
};

static struct sleeper *line; /* the head, or NULL */
static struct sleeper **line_end = &line;
static unsigned impatience; /* since the line was strict */
static unsigned overtakes;  /* likewise */

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

	if (sleeper == line || ++overtakes >= OVERTAKES) {
		impatience = 0;
		overtakes = 0;
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

/* Frames that a sleeper takes of what is spare if it is served. */
static size_t wants(const struct sleeper *sleeper)
{
	return has_promise(sleeper) ? 0 : sleeper->request->min;
}

static bool may_be_high(const struct sleeper *sleeper)
{
	return frame_may_be_high(sleeper->request->flags);
}

size_t sleepers_want_locked(size_t *low)
{
	size_t frames = 0;

	*low = 0;
	for (const struct sleeper *sleeper = line; sleeper != NULL; sleeper = sleeper->next) {
		frames += wants(sleeper);
		*low += may_be_high(sleeper) ? 0 : wants(sleeper);
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
	return frame_accounts.spare >= mine + (may_be_high(line) ? 0 : wanted);
}

static bool my_turn_locked(const struct sleeper *self)
{
	if (self == line || has_promise(self) || impatience >= OPEN_FROM)
		return true;
	return impatience > 0 && leaves_enough_locked(self);
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
	if (!sleeper->for_promise) {
		sleeper->base = zone_take_locked(sleeper->request, &sleeper->taken);
		sleeper->served = sleeper->base != 0;
	} else {
		sleeper->served = accounts_promise_locked(sleeper->request->min, sleeper->request->flags);
	}
}

/*
 * Who is told that there is memory serves the line himself, from its head on, so that nobody's place depends on which
 * thread runs first. A sleeper that was served may be gone as soon as the lock is let go.
 */
void sleepers_serve_locked(void)
{
	struct sleeper **link = &line;

	while (*link != NULL) {
		struct sleeper *sleeper = *link;

		if (my_turn_locked(sleeper))
			serve_locked(sleeper);
		if (sleeper->served) {
			line_leave_locked(link);
			port_unpark(sleeper->thread);
		} else {
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

static bool is_served(struct sleeper *self, bool *head)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	bool served;

	sleepers_serve_locked();
	served = self->served;
	*head = self == line;
	spinlock_unlock(&frame_lock, irq);
	return served;
}

/* The first behind the head, when he has waited for PATIENCE and nothing came, loosens the line. */
static void lose_patience(struct sleeper *self)
{
	port_irq_t irq = spinlock_lock(&frame_lock);

	if (line != NULL && self == line->next && !self->kicked && impatience < OPEN_FROM)
		impatience++;
	self->kicked = false;
	spinlock_unlock(&frame_lock, irq);
}

/* Stands in line till it is served, or its alternative is. @return address of the frames; 0 for anything else */
static phys_t stand_in_line(struct sleeper *self, size_t *taken)
{
	bool head;

	line_join(self);
	frame_reclaim(RECLAIM_FULL, true);
	for (;;) {
		if (try_alternative(self)) {
			*taken = 0;
			return 0;
		}
		if (is_served(self, &head)) {
			*taken = self->taken;
			return self->base;
		}
		port_park(head ? 0 : PATIENCE);
		if (!head)
			lose_patience(self);
	}
}

phys_t sleepers_wait(
	const struct frame_request *request, size_t *taken, bool (*alternative)(void *argument), void *argument)
{
	struct sleeper self = {
		.thread = port_self(), .request = request, .alternative = alternative, .argument = argument
	};

	return stand_in_line(&self, taken);
}

void sleepers_wait_promise(size_t frames, frame_flags_t flags)
{
	const struct frame_request request = FRAME_REQUEST(frames, flags & FRAME_CLASS);
	struct sleeper self = { .thread = port_self(), .request = &request, .for_promise = true };
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
