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
 * through zone_free_run, which sees the line and wakes its head; port_park remembers
 * a wake that came first.
 *
 * A LARGE REQUEST IS NOT STARVED. The line is strict: only its head is served,
 * so that what small requests hold comes together again as they get in line.
 * But the head may want what will never be (a long run in memory that others
 * hold for ever), and must not take the system along. So whoever has stood
 * behind it for PATIENCE, unserved and unwoken, adds one to `impatience`, and
 * the line is
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
 * COST. To wake: the head, O(1); polite, or with an alternative: O(sleepers).
 */

#include "frame_internal.h"

/* How long, in milliseconds, one stands behind the head before one loses patience. */
#define PATIENCE 50

/* How often that is, for all in line, before whoever can be served is. */
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
	bool woken;       /* since it last looked */
};

static struct sleeper *line; /* the head, or NULL */
static struct sleeper **line_end = &line;
static unsigned impatience; /* of those in line, since it was strict */
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

static void wake_locked(struct sleeper *sleeper)
{
	sleeper->woken = true;
	port_unpark(sleeper->thread);
}

void sleepers_wake_locked(void)
{
	struct sleeper *sleeper = line;

	do {
		if (sleeper == NULL)
			return;
		wake_locked(sleeper);
		sleeper = sleeper->next;
	} while (impatience > 0);
}

/* Leaves the line; who comes next has a look, since it may be its turn now. */
static void line_leave_locked(struct sleeper *sleeper)
{
	struct sleeper **link = &line;

	if (sleeper == line || ++overtakes >= OVERTAKES) {
		impatience = 0;
		overtakes = 0;
	}
	while (*link != sleeper)
		link = &(*link)->next;
	*link = sleeper->next;
	if (line_end == &sleeper->next)
		line_end = link;
	__atomic_sub_fetch(&sleeper_count, 1, __ATOMIC_SEQ_CST);
	sleepers_wake_locked();
}

static bool has_promise(const struct sleeper *sleeper)
{
	return (sleeper->request->flags & FRAME_NO_RESERVE) != 0;
}

size_t sleepers_want_locked(void)
{
	size_t frames = 0;

	for (const struct sleeper *sleeper = line; sleeper != NULL; sleeper = sleeper->next)
		frames += has_promise(sleeper) ? 0 : sleeper->request->min;
	return frames;
}

/*
 * Whether enough is left for the head if self is served. Who can do with a frame without a permanent address takes
 * nothing from a head that cannot, as long as there are such.
 */
static bool leaves_enough_locked(const struct sleeper *self)
{
	size_t mine = self->request->min;
	size_t wanted = has_promise(line) ? 0 : line->request->min;
	size_t low = zone_free_locked(FRAME_LOWMEM);

	if (frame_accounts.free - frame_accounts.promised < wanted + mine)
		return false;
	if (self->request->flags & FRAME_HIGHMEM && frame_accounts.free - low >= mine)
		return true;
	return low >= mine + (line->request->flags & FRAME_HIGHMEM ? 0 : wanted);
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

static bool try_alternative(struct sleeper *self)
{
	port_irq_t irq;
	bool first;

	if (self->alternative == NULL)
		return false;
	irq = spinlock_lock(&frame_lock);
	first = first_for_alternative_locked(self);
	spinlock_unlock(&frame_lock, irq);
	if (!first || !self->alternative(self->argument))
		return false;
	irq = spinlock_lock(&frame_lock);
	line_leave_locked(self);
	spinlock_unlock(&frame_lock, irq);
	frame_sleepers_kick(self->argument); /* there may be more of it for the next one */
	return true;
}

/* Gives a sleeper what it stands in line for. @return whether it could be had */
static bool serve_locked(const struct sleeper *self, phys_t *base, size_t *taken)
{
	if (!self->for_promise) {
		*base = zone_take_locked(self->request, taken);
		return *base != 0;
	}
	if (frame_accounts.free - frame_accounts.promised < self->request->min)
		return false;
	frame_accounts.promised += self->request->min;
	return true;
}

static bool try_frames(struct sleeper *self, phys_t *base, size_t *taken)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	bool served = my_turn_locked(self) && serve_locked(self, base, taken);

	if (served)
		line_leave_locked(self);
	spinlock_unlock(&frame_lock, irq);
	return served;
}

/* Who has waited for PATIENCE behind the head, and was not woken, loosens the line. */
static void lose_patience(struct sleeper *self)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	bool woken = self->woken;

	self->woken = false;
	if (self != line && !woken && impatience < OPEN_FROM) {
		impatience++;
		sleepers_wake_locked();
	}
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
	phys_t base = 0;

	line_join(self);
	frame_reclaim(RECLAIM_FULL, true);
	for (;;) {
		if (try_alternative(self)) {
			*taken = 0;
			return 0;
		}
		if (try_frames(self, &base, taken))
			return base;
		if (is_head(self)) {
			port_park(0);
		} else {
			port_park(PATIENCE);
			lose_patience(self);
		}
	}
}

phys_t sleepers_wait(
	const struct frame_request *request, size_t *taken, bool (*alternative)(void *argument), void *argument)
{
	struct sleeper self = { .thread = port_self(), .request = request, .alternative = alternative,
		.argument = argument };

	return stand_in_line(&self, taken);
}

void sleepers_wait_promise(size_t frames)
{
	const struct frame_request request = FRAME_REQUEST(frames, FRAME_HIGHMEM);
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
			wake_locked(sleeper);
			break;
		}
	}
	spinlock_unlock(&frame_lock, irq);
}
