/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the core relies on of the kernel around it: mm/port.h. Here it is the
 * kernel, or the host, that is tested.
 */

#include <mm/spinlock.h>
#include <test.h>

TEST(port_interrupts_nest, "port_irq_save nests, and tells whether interrupts were on")
{
	port_irq_t outer = port_irq_save(), inner = port_irq_save();
	bool outer_on = port_irq_were_on(outer), inner_on = port_irq_were_on(inner);

	port_irq_restore(inner);
	inner = port_irq_save();
	CHECK(!port_irq_were_on(inner));
	port_irq_restore(inner);
	port_irq_restore(outer);
	CHECK(outer_on);
	CHECK(!inner_on);
	outer = port_irq_save();
	CHECK(port_irq_were_on(outer));
	port_irq_restore(outer);
}

/* ---- parking ---- */

TEST(port_park_remembers, "an unpark that comes first is remembered, once")
{
	uint64_t start = test_now_ms();

	port_unpark(port_self());
	port_unpark(port_self());
	port_park(PATIENCE_MS);
	CHECK_LT(test_now_ms() - start, PATIENCE_MS);
}

TEST(port_time_goes_on, "the time goes on while a thread sleeps, and never goes back")
{
	uint64_t begin = port_time_ms(), now;

	test_sleep_ms(50);
	now = port_time_ms();
	CHECK_GE(now, begin + 30); /* ticks may be coarse */
	CHECK_GE(port_time_ms(), now);
}

TEST(port_park_time, "port_park comes back when its time is over")
{
	uint64_t start = test_now_ms();

	while (test_now_ms() - start < 20) /* it may come back without cause */
		port_park(10);
	CHECK_LT(test_now_ms() - start, PATIENCE_MS);
}

#define BALLS 2000

struct player {
	struct test_thread *thread;
	void *self;
	struct player *other;
	size_t balls; /* what has come and is not yet played back */
	size_t played;
};

static void player_main(void *argument)
{
	struct player *player = argument;

	__atomic_store_n(&player->self, port_self(), __ATOMIC_RELEASE);
	while (__atomic_load_n(&player->other->self, __ATOMIC_ACQUIRE) == NULL)
		test_yield();
	for (; player->played < BALLS; player->played++) {
		while (__atomic_load_n(&player->balls, __ATOMIC_ACQUIRE) == 0)
			port_park(0);
		__atomic_sub_fetch(&player->balls, 1, __ATOMIC_ACQ_REL);
		__atomic_add_fetch(&player->other->balls, 1, __ATOMIC_ACQ_REL);
		port_unpark(player->other->self);
	}
}

TEST(port_park_no_wake_lost, "two threads that park and wake each other, thousands of times, never both sleep",
	.threads = true)
{
	struct player players[2] = { { .balls = 1 }, { 0 } };

	players[0].other = &players[1];
	players[1].other = &players[0];
	for (size_t i = 0; i < 2; i++)
		players[i].thread = test_thread_start("player", player_main, &players[i]);
	for (size_t i = 0; i < 2; i++) {
		test_thread_join(players[i].thread);
		CHECK_EQ(players[i].played, BALLS);
	}
}

TEST(port_park_interrupts_off, "parking with interrupts off is told", .panics = "interrupts off")
{
	(void) port_irq_save();
	port_park(1);
}

/* ---- calls on all CPUs ---- */

static struct {
	size_t calls[CONFIG_MAX_CPUS];
	size_t with_interrupts_on;
} heard;

static void hear(void *argument)
{
	port_irq_t irq = port_irq_save();

	if (port_irq_were_on(irq))
		__atomic_add_fetch(&heard.with_interrupts_on, 1, __ATOMIC_RELAXED);
	heard.calls[port_cpu()]++; /* this CPU's own: no two at a time */
	__atomic_add_fetch((size_t *) argument, 1, __ATOMIC_RELAXED);
	port_irq_restore(irq);
}

TEST(port_cross_call_each, "a call on all CPUs runs once on each, with interrupts off, and has run when it returns")
{
	size_t first = 0, second = 0;

	heard.with_interrupts_on = 0;
	__builtin_memset(heard.calls, 0, sizeof heard.calls);
	port_cross_call(hear, &first);
	CHECK_GE(first, 1);
	for (size_t i = 0; i < CONFIG_MAX_CPUS; i++)
		CHECK_LE(heard.calls[i], 1);
	port_cross_call(hear, &second);
	CHECK_EQ(second, first);
	CHECK_EQ(heard.with_interrupts_on, 0);
}

#define CALLERS 6
#define CALLS ((size_t) (test_on_host ? 200 : 50)) /* an emulated CPU may have to wait for a real one each time */

static struct mm_spinlock call_lock = SPINLOCK_INIT;
static struct test_barrier callers_meet;

struct caller {
	struct test_thread *thread;
	size_t made, answered;
};

/* Calls across CPUs, and in between holds a lock for which others wait with interrupts off. */
static void caller_main(void *argument)
{
	struct caller *caller = argument;

	test_barrier_wait(&callers_meet);
	for (; caller->made < CALLS; caller->made++) {
		port_irq_t irq = spinlock_lock(&call_lock);

		port_relax();
		spinlock_unlock(&call_lock, irq);
		port_cross_call(hear, &caller->answered);
		if (caller->made % 50 == 0)
			test_sleep_ms(1);
	}
	test_barrier_wait(&callers_meet);
}

TEST(port_cross_call_crossing, "calls of several CPUs on each other cross without a deadlock, and all are answered",
	.threads = true)
{
	struct caller callers[CALLERS] = { 0 };

	test_barrier_init(&callers_meet, CALLERS);
	for (size_t i = 0; i < CALLERS; i++)
		callers[i].thread = test_thread_start("caller", caller_main, &callers[i]);
	for (size_t i = 0; i < CALLERS; i++) {
		test_thread_join(callers[i].thread);
		CHECK_EQ(callers[i].made, CALLS);
		CHECK_EQ(callers[i].answered % CALLS, 0);
		CHECK_GE(callers[i].answered, CALLS);
	}
}

/* ---- spinlocks ---- */

static size_t guarded;

static void guard_main(void *argument)
{
	(void) argument;
	test_barrier_wait(&callers_meet);
	for (size_t i = 0; i < 20000; i++) {
		port_irq_t irq = spinlock_lock(&call_lock);

		guarded++;
		spinlock_unlock(&call_lock, irq);
	}
}

TEST(port_spinlock, "a spinlock lets one in at a time", .threads = true)
{
	struct test_thread *threads[4];

	guarded = 0;
	test_barrier_init(&callers_meet, ARRAY_COUNT(threads));
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		threads[i] = test_thread_start("guard", guard_main, NULL);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		test_thread_join(threads[i]);
	CHECK_EQ(guarded, 20000 * ARRAY_COUNT(threads));
	CHECK(!spinlock_held_here(&call_lock));
}

#if CONFIG_DEBUG
TEST(port_spinlock_twice, "a spinlock taken twice by one CPU is told, not waited out", .panics = "held by this CPU")
{
	(void) !spinlock_lock(&call_lock);
	(void) !spinlock_lock(&call_lock);
}

TEST(port_sleep_under_spinlock, "an allocation that may sleep, under a spinlock, is told", .panics = "may sleep")
{
	(void) !spinlock_lock(&call_lock);
	(void) !frame_alloc(1, 0, 0);
}
#endif
