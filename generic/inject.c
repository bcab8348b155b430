/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Injected failures. One counter counts the allocations since the injector was
 * armed; the n-th, or every n-th, is told to fail. Lock-free, any context: the
 * fields are read and written one at a time, and who arms it while others
 * allocate may find the change take effect a few allocations late.
 *
 * Injected waits. Those that wait are a stack, under waits_lock. Each parks for
 * WAIT_MS at a time, and goes on when it has done so and is at the top; one that
 * others keep coming after goes on after WAIT_PARKS all the same. None waits for
 * another otherwise, so they end by themselves.
 */

#include <mm/frame.h>
#include <mm/inject.h>
#include <mm/port.h>
#include <mm/spinlock.h>

#define WAIT_MS 1
#define WAIT_PARKS 20

/*
 * Relaxed, all of these: numbers by themselves. A call that finds the injector armed may find its numbers a little old
 * only on another CPU than the one that armed it, whose calls are counted in no order anyway.
 */
bool inject_armed;

static size_t inject_nth;
static bool inject_every;
static size_t seen;
static size_t failed;

void inject_arm(size_t nth, bool every)
{
	__atomic_store_n(&inject_armed, false, __ATOMIC_SEQ_CST);
	__atomic_store_n(&inject_nth, nth, __ATOMIC_RELAXED);
	__atomic_store_n(&inject_every, every, __ATOMIC_RELAXED);
	if (nth != 0) {
		__atomic_store_n(&seen, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&failed, 0, __ATOMIC_RELAXED);
	}
	__atomic_store_n(&inject_armed, nth != 0, __ATOMIC_SEQ_CST);
}

size_t inject_get(bool *every)
{
	*every = __atomic_load_n(&inject_every, __ATOMIC_RELAXED);
	return __atomic_load_n(&inject_nth, __ATOMIC_RELAXED);
}

size_t inject_seen(void)
{
	return __atomic_load_n(&seen, __ATOMIC_RELAXED);
}

size_t inject_failed(void)
{
	return __atomic_load_n(&failed, __ATOMIC_RELAXED);
}

bool inject_count(void)
{
	size_t nth = __atomic_load_n(&inject_nth, __ATOMIC_RELAXED);
	size_t number = __atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED);
	bool fail = nth != 0 && (__atomic_load_n(&inject_every, __ATOMIC_RELAXED) ? number % nth == 0 : number == nth);

	if (fail)
		__atomic_add_fetch(&failed, 1, __ATOMIC_RELAXED);
	return fail;
}

/* ---- waits ---- */

struct waiting {
	struct waiting *below;
	void *thread;
};

/* Relaxed, as all counts here: nothing is handed over by them, and a call counted more or less is one injected. */
size_t inject_waits_left;

static struct mm_spinlock waits_lock = SPINLOCK_INIT;
static struct waiting *top;
static size_t waited;

void inject_waits_arm(size_t calls)
{
	__atomic_store_n(&waited, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&inject_waits_left, calls, __ATOMIC_RELAXED);
}

size_t inject_waited(void)
{
	return __atomic_load_n(&waited, __ATOMIC_RELAXED);
}

/* @return whether this call is one of those left to wait */
static bool wait_count(void)
{
	size_t left = __atomic_load_n(&inject_waits_left, __ATOMIC_RELAXED);

	while (left != 0 &&
		!__atomic_compare_exchange_n(&inject_waits_left, &left, left - 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		continue;
	return left != 0;
}

static void waiting_push(struct waiting *self)
{
	port_irq_t irq = spinlock_lock(&waits_lock);

	self->below = top;
	top = self;
	spinlock_unlock(&waits_lock, irq);
}

/* Takes it off the stack if it is at the top, or must; the one below is looked at next. @return whether it did */
static bool waiting_pop(const struct waiting *self, bool must)
{
	port_irq_t irq = spinlock_lock(&waits_lock);
	struct waiting **link = &top;
	bool go = top == self || must;

	while (go && *link != self)
		link = &(*link)->below;
	if (go)
		*link = self->below;
	if (go && top != NULL)
		port_unpark(top->thread);
	spinlock_unlock(&waits_lock, irq);
	return go;
}

void inject_wait(void)
{
	struct waiting self = { .thread = port_self() };
	unsigned parks = 0;

	if (!wait_count())
		return;
	__atomic_add_fetch(&waited, 1, __ATOMIC_RELAXED);
	frame_reclaim(RECLAIM_FULL, true);
	waiting_push(&self);
	do
		port_park(WAIT_MS);
	while (!waiting_pop(&self, ++parks >= WAIT_PARKS));
}
