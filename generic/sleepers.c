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
 * behind it for PATIENCE makes the line polite: for OVERTAKES times, others may
 * be served before the head, if what they leave is enough, by number, for all
 * those ahead of them. Then it is strict again.
 *
 * ALTERNATIVES. A sleeper may have something else that would serve it as well
 * (a cache that gets an object back). It is for no one else, so it need not
 * wait for its turn in line, but only for those before it that want the same.
 *
 * LOCKS. The line is under frame_lock; an alternative is asked without it.
 * COST. To wake: the head, O(1); polite, or with an alternative: O(sleepers).
 */

#include "frame_internal.h"

/* How long, in milliseconds, one stands behind the head before the line gets polite. */
#define PATIENCE 50

/* How often the head may be overtaken then. */
#define OVERTAKES 64

struct sleeper {
	struct sleeper *next;
	void *thread;
	const struct frame_request *request;
	bool (*alternative)(void *argument);
	void *argument;
	bool woken; /* since it last looked */
};

static struct sleeper *line;           /* the head, or NULL */
static struct sleeper **line_end = &line;
static unsigned overtakes_left;        /* 0: the line is strict */

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
	} while (overtakes_left > 0);
}

/* Leaves the line; who comes next has a look, since it may be its turn now. */
static void line_leave_locked(struct sleeper *sleeper)
{
	struct sleeper **link = &line;

	if (sleeper == line)
		overtakes_left = 0;
	else if (overtakes_left > 0)
		overtakes_left--;
	while (*link != sleeper)
		link = &(*link)->next;
	*link = sleeper->next;
	if (line_end == &sleeper->next)
		line_end = link;
	__atomic_sub_fetch(&sleeper_count, 1, __ATOMIC_SEQ_CST);
	sleepers_wake_locked();
}

size_t sleepers_want_locked(void)
{
	size_t frames = 0;

	for (const struct sleeper *sleeper = line; sleeper != NULL; sleeper = sleeper->next)
		frames += sleeper->request->min;
	return frames;
}

/*
 * Whether it is this sleeper's turn: it is the head, or may overtake and leaves enough for all those ahead. Who can do
 * with a frame without a permanent address takes nothing from those who cannot, as long as there are such.
 */
static bool my_turn_locked(const struct sleeper *self)
{
	size_t low = zone_free_locked(FRAME_LOWMEM);
	size_t mine = self->request->min;
	size_t wanted = 0;
	size_t wanted_low = 0;

	if (self == line)
		return true;
	if (overtakes_left == 0)
		return false;
	for (const struct sleeper *ahead = line; ahead != self; ahead = ahead->next) {
		wanted += ahead->request->min;
		wanted_low += ahead->request->flags & FRAME_HIGHMEM ? 0 : ahead->request->min;
	}
	if (frame_accounts.free - frame_accounts.promised < wanted + mine)
		return false;
	if (self->request->flags & FRAME_HIGHMEM && frame_accounts.free - low >= mine)
		return true;
	return low >= wanted_low + mine;
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

static phys_t try_frames(struct sleeper *self, size_t *taken)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	phys_t base = my_turn_locked(self) ? zone_take_locked(self->request, taken) : 0;

	if (base != 0)
		line_leave_locked(self);
	spinlock_unlock(&frame_lock, irq);
	return base;
}

/* Who has waited for PATIENCE behind the head, and was not woken, makes the line polite. */
static void lose_patience(struct sleeper *self)
{
	port_irq_t irq = spinlock_lock(&frame_lock);

	if (self != line && !self->woken && overtakes_left == 0)
		overtakes_left = OVERTAKES;
	self->woken = false;
	spinlock_unlock(&frame_lock, irq);
}

static bool is_head(const struct sleeper *self)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	bool head = self == line;

	spinlock_unlock(&frame_lock, irq);
	return head;
}

phys_t sleepers_wait(
	const struct frame_request *request, size_t *taken, bool (*alternative)(void *argument), void *argument)
{
	struct sleeper self = { .thread = port_self(), .request = request, .alternative = alternative,
		.argument = argument };
	phys_t base;

	line_join(&self);
	frame_reclaim(RECLAIM_FULL, true);
	for (;;) {
		if (try_alternative(&self)) {
			*taken = 0;
			return 0;
		}
		base = try_frames(&self, taken);
		if (base != 0)
			return base;
		if (is_head(&self)) {
			port_park(0);
		} else {
			port_park(PATIENCE);
			lose_patience(&self);
		}
	}
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
