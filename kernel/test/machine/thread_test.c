/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Threads: making and ending them, preemption, sleeping, parking.
 */

#include <kernel/format.h>
#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/scheduler.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/trap.h>
#include <mm/km.h>
#include <mm/slab.h>
#include <test.h>

/* ---- making and ending ---- */

#define HUNDRED 100

static void count_one(void *argument)
{
	__atomic_fetch_add((size_t *) argument, 1, __ATOMIC_RELAXED);
}

TEST(thread_hundred, "a hundred threads are made, run once each, and leave nothing behind", .threads = true,
	.frames = HUNDRED * THREAD_STACK_SIZE / PAGE_SIZE + 64, .inject_runs = 16)
{
	struct thread *threads[HUNDRED];
	size_t made = 0, ran = 0, before = thread_count();

	while (made < HUNDRED && (threads[made] = thread_create("one", count_one, &ran, FRAME_ATOMIC)) != NULL)
		made++;
	CHECK_EQ(thread_count(), before + made);
	for (size_t i = 0; i < made; i++)
		thread_join(threads[i]);
	CHECK_EQ(ran, made);
	CHECK_EQ(thread_count(), before);
	NEED(made == HUNDRED);
}

static void touch_guards(void *argument)
{
	uintptr_t stack = thread_current()->stack;

	*(bool *) argument = probe_write(stack) && probe_write(stack + THREAD_STACK_SIZE - 1) && !probe_read(stack - 1) &&
		!probe_write(stack - PAGE_SIZE) && !probe_write(stack + THREAD_STACK_SIZE);
}

struct printed {
	char narrow[64], mixed[64];
};

static void print_wide(void *argument)
{
	struct printed *printed = argument;

	(void) ksnprintf(printed->narrow, sizeof printed->narrow, "%llx", 0x0123456789abcdefull);
	(void) ksnprintf(printed->mixed, sizeof printed->mixed, "%x %llx %x %llx", 1u, 0xfedcba9876543210ull, 2u, 3ull);
}

TEST(thread_stack_aligned, "the stack of a new thread is aligned as variable arguments of 64 bits want it",
	.threads = true)
{
	struct printed printed = { .narrow = "" };

	test_thread_join(test_thread_start("printer", print_wide, &printed));
	CHECK(__builtin_strcmp(printed.narrow, "123456789abcdef") == 0);
	CHECK(__builtin_strcmp(printed.mixed, "1 fedcba9876543210 2 3") == 0);
}

TEST(thread_guards, "the pages below and above a thread's stack fault", .threads = true)
{
	bool guarded = false;
	struct thread *thread;

	if (THREAD_STACK_DIRECT)
		SKIP("stacks lie in the direct map");
	NEED((thread = thread_create("guards", touch_guards, &guarded, FRAME_ATOMIC)) != NULL);
	CHECK(thread_stack_overflowed(thread, thread->stack - sizeof(uintptr_t)));
	CHECK(!thread_stack_overflowed(thread, thread->stack + THREAD_STACK_SIZE / 2));
	thread_join(thread);
	CHECK(guarded);
}

TEST(thread_stack_direct, "stacks lie where the machine wants them: in the direct map, or where pages can be left out",
	.threads = true)
{
	struct thread *thread;
	size_t ran = 0;

	NEED((thread = thread_create("stack", count_one, &ran, FRAME_ATOMIC)) != NULL);
	CHECK_EQ(thread->stack - IDENTITY_VIRT < IDENTITY_SIZE, THREAD_STACK_DIRECT);
	CHECK_EQ(thread->stack % PAGE_SIZE, 0);
	CHECK(!thread_stack_overflowed(thread, thread->stack + THREAD_STACK_LIMIT));
	CHECK(thread_stack_overflowed(thread, thread->stack + THREAD_STACK_LIMIT - 1));
	CHECK(thread_stack_overflowed(thread, thread->stack - 4 * PAGE_SIZE));
	thread_join(thread);
	CHECK_EQ(ran, 1);
}

/* What the CPU that is called finds of the stack that it runs on. */
struct here {
	size_t idle, other, outside;
};

static void stack_look(void *argument)
{
	struct here *found = argument;
	const struct thread *self = thread_current();

	if ((uintptr_t) __builtin_frame_address(0) - self->stack >= self->stack_size)
		__atomic_fetch_add(&found->outside, 1, __ATOMIC_RELAXED);
	__atomic_fetch_add(thread_is_idle(self) ? &found->idle : &found->other, 1, __ATOMIC_RELAXED);
}

TEST(thread_stacks, "every thread knows its stack, an idle one that of the boot code, and has a canary there")
{
	struct here found = { 0 };

	for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
		const struct thread *idle = run_queues[cpu].idle;

		CHECK(thread_is_idle(idle) && idle->stack != 0 && idle->stack_size > THREAD_STACK_LEAST);
		CHECK(thread_stack_whole(idle));
	}
	port_cross_call(stack_look, &found);
	CHECK_EQ(found.idle + found.other, cpu_count());
	CHECK(found.other >= 1);
	CHECK_EQ(found.outside, 0);
}

TEST(thread_no_memory, "with no frame left thread_create gives NULL, and has taken nothing")
{
	size_t ran = 0, before = thread_count();

	test_take_all_frames(0);

	struct thread *thread = thread_create("none", count_one, &ran, FRAME_ATOMIC);

	CHECK_NULL(thread);
	if (thread != NULL)
		thread_join(thread);
	CHECK_EQ(thread_count(), before);
}

static void create_and_join(void *argument)
{
	struct thread *thread = thread_create("late", count_one, argument, 0);

	CHECK_NOT_NULL(thread);
	if (thread != NULL)
		thread_join(thread);
}

static size_t threads_in_use(void)
{
	struct slab_cache *cache = slab_cache_find("thread");
	struct slab_info info = { .in_use = 0 };

	if (CHECK_NOT_NULL(cache)) {
		slab_get_info(cache, &info);
		slab_cache_release(cache);
	}
	return info.in_use;
}

TEST(thread_create_waits, "thread_create that waits for its stack has nothing in hand", .threads = true)
{
	size_t ran = 0, before = threads_in_use();
	struct test_thread *creator;

	(void) test_take_all_frames(0);
	creator = test_thread_start("creator", create_and_join, &ran);
	CHECK(test_wait_for(frame_sleepers() == 1, PATIENCE_MS));
	CHECK_EQ(threads_in_use(), before);
	test_free_all_frames();
	test_thread_join(creator);
	CHECK_EQ(ran, 1);
}

#define SCATTERED 64

TEST(thread_no_run, "where a stack is a run of frames thread_create waits for one, or gives NULL", .threads = true,
	.plain_only = "it waits")
{
	size_t ran = 0, before;
	struct test_thread *creator;
	phys_t frames;

	if (!THREAD_STACK_DIRECT || THREAD_STACK_SIZE == PAGE_SIZE)
		SKIP("any frames will do for a stack");
	NEED((frames = test_frame_alloc(SCATTERED, FRAME_ATOMIC | FRAME_LOWMEM, 0)) != 0);
	(void) test_take_all_frames(0);
	for (size_t i = 0; i < SCATTERED; i += 2)
		test_frame_free(frames + i * PAGE_SIZE, 1);
	before = thread_count();
	CHECK_NULL(thread_create("none", count_one, &ran, FRAME_ATOMIC));
	CHECK_EQ(thread_count(), before);
	creator = test_thread_start("creator", create_and_join, &ran);
	CHECK(test_wait_for(frame_sleepers() == 1, PATIENCE_MS));
	CHECK_EQ(__atomic_load_n(&ran, __ATOMIC_RELAXED), 0);
	for (size_t i = 1; i < SCATTERED; i += 2)
		test_frame_free(frames + i * PAGE_SIZE, 1);
	CHECK(test_wait_for(__atomic_load_n(&ran, __ATOMIC_RELAXED) == 1, PATIENCE_MS));
	test_free_all_frames();
	test_thread_join(creator);
}

/* Takes all objects that cache has without another slab. @return a list of them, through their first words */
static void *objects_take(struct slab_cache *cache)
{
	void *first = NULL, **object;

	while ((object = slab_alloc(cache, FRAME_ATOMIC)) != NULL) {
		*object = first;
		first = object;
	}
	return first;
}

static void objects_free(struct slab_cache *cache, void *first)
{
	while (first != NULL) {
		void *next = *(void **) first;

		slab_free(cache, first);
		first = next;
	}
}

TEST(thread_create_two, "of two that wait, with memory for one thread, one gets on, and then the other",
	.threads = true, .plain_only = "it waits")
{
	size_t count = thread_stack_frames() + 1, ran = 0;
	struct test_thread *creators[2];
	struct slab_cache *cache;
	phys_t enough;
	void *objects;

	NEED((cache = slab_cache_find("thread")) != NULL);
	slab_cache_release(cache); /* it is never destroyed */
	/* As many frames as one of them waits for: two stacks may be had of them, and then there is none for a slab. */
	NEED((enough = test_frame_alloc(count, FRAME_ATOMIC | FRAME_LOWMEM, 0)) != 0);
	(void) test_take_all_frames(0);
	for (size_t i = 0; i < ARRAY_COUNT(creators); i++)
		creators[i] = test_thread_start("creator", create_and_join, &ran);
	CHECK(test_wait_for(frame_sleepers() == ARRAY_COUNT(creators), PATIENCE_MS));
	objects = objects_take(cache);
	test_frame_free(enough, count);
	CHECK(test_wait_for(__atomic_load_n(&ran, __ATOMIC_RELAXED) == ARRAY_COUNT(creators), PATIENCE_MS));
	objects_free(cache, objects);
	test_free_all_frames();
	for (size_t i = 0; i < ARRAY_COUNT(creators); i++)
		test_thread_join(creators[i]);
}

TEST(thread_detached, "a detached thread is freed when it ends, or at once if it has ended", .threads = true)
{
	size_t ran = 0, before = thread_count();
	struct thread *early, *late;

	NEED((early = thread_create("early", count_one, &ran, FRAME_ATOMIC)) != NULL);
	thread_detach(early);
	CHECK(test_wait_for(thread_count() == before, PATIENCE_MS));

	NEED((late = thread_create("late", count_one, &ran, FRAME_ATOMIC)) != NULL);
	CHECK(test_wait_for(__atomic_load_n(&ran, __ATOMIC_RELAXED) == 2, PATIENCE_MS));
	thread_sleep_ms(1);
	thread_detach(late);
	CHECK_EQ(thread_count(), before);
}

struct detacher {
	struct mm_spinlock lock;
	bool off;     /* the other CPU has interrupts off, and goes for the lock */
	bool entered; /* it has got the lock */
};

static void lock_elsewhere(void *argument)
{
	struct detacher *common = argument;
	uintptr_t flags = interrupts_disable();

	__atomic_store_n(&common->off, true, __ATOMIC_RELEASE);
	spinlock_lock_raw(&common->lock);
	common->entered = true;
	spinlock_unlock_raw(&common->lock);
	interrupts_restore(flags);
}

TEST(thread_detach_locked, "thread_detach waits for no CPU: not for one that waits for a lock the caller holds",
	.threads = true)
{
	struct detacher common = { .lock = SPINLOCK_INIT };
	struct test_thread *other;
	struct thread *ended;
	size_t ran = 0;
	port_irq_t state;

	if (cpu_count() < 2)
		SKIP("needs two CPUs");
	NEED((ended = thread_create("ended", count_one, &ran, FRAME_ATOMIC)) != NULL);
	while (__atomic_load_n(&ended->state, __ATOMIC_ACQUIRE) != THREAD_EXITED)
		thread_yield();
	other = test_thread_start("other", lock_elsewhere, &common);
	state = spinlock_lock(&common.lock);
	/* Interrupts are off here, so the other thread runs on another CPU. */
	while (!__atomic_load_n(&common.off, __ATOMIC_ACQUIRE))
		port_relax();
	thread_detach(ended);
	spinlock_unlock(&common.lock, state);
	test_thread_join(other);
	CHECK(common.entered);
}

#define DETACHED 24

TEST(thread_reaped, "when thread_reap_wait returns, the memory of all detached threads that have ended is free",
	.threads = true, .frames = DETACHED * THREAD_STACK_SIZE / PAGE_SIZE + 64, .inject_runs = 8)
{
	size_t ran = 0, before = thread_count(), made = 0;
	struct km_info km_before, km_after;

	km_get_info(&km_before);
	for (struct thread *thread; made < DETACHED; made++) {
		if ((thread = thread_create("detached", count_one, &ran, FRAME_ATOMIC)) == NULL)
			break;
		thread_detach(thread);
	}
	CHECK(test_wait_for(thread_count() == before, PATIENCE_MS));
	thread_reap_wait();
	km_get_info(&km_after);
	CHECK_EQ(km_after.mappings, km_before.mappings);
	CHECK_EQ(__atomic_load_n(&ran, __ATOMIC_RELAXED), made);
	NEED(made == DETACHED);
}

static bool find_by_name(const struct thread_info *info, void *argument)
{
	struct thread_info *wanted = argument;

	if (strcmp(info->name, wanted->name) != 0)
		return true;
	*wanted = *info;
	return false;
}

static void sleep_long(void *argument)
{
	(void) argument;
	(void) thread_park(0);
}

TEST(thread_each_tells, "thread_each tells of a thread what it is doing", .threads = true)
{
	struct thread_info info = { .name = "sleeper of the case" };
	struct thread *sleeper;

	NEED((sleeper = thread_create("sleeper of the case, cut off", sleep_long, NULL, FRAME_ATOMIC)) != NULL);
	strlcpy(info.name, "sleeper of the case, cut off", sizeof(info.name));
	CHECK(test_wait_for((thread_each(find_by_name, &info), info.state == THREAD_SLEEPING), PATIENCE_MS));
	CHECK_EQ(info.id, sleeper->id);
	CHECK_GE(info.switches, 1);
	CHECK_EQ(info.stack, sleeper->stack);
	thread_unpark(sleeper);
	thread_join(sleeper);
}

/* ---- preemption ---- */

#define SPINNERS 3

struct spinners {
	volatile size_t rounds[SPINNERS];
	volatile bool stop;
};

struct spinner {
	struct spinners *common;
	unsigned number;
	struct test_thread *thread;
};

static void spin(void *argument)
{
	struct spinner *self = argument;

	while (!self->common->stop)
		self->common->rounds[self->number]++;
}

TEST(thread_preempted, "threads that spin and never yield share the CPU, and let others run", .threads = true)
{
	struct spinners common = { .stop = false };
	struct spinner spinners[SPINNERS];
	size_t before[SPINNERS];

	for (unsigned i = 0; i < SPINNERS; i++) {
		spinners[i] = (struct spinner){ &common, i, NULL };
		spinners[i].thread = test_thread_start("spinner", spin, &spinners[i]);
	}
	thread_sleep_ms(100);
	for (unsigned i = 0; i < SPINNERS; i++)
		before[i] = common.rounds[i];
	for (unsigned i = 0; i < SPINNERS; i++)
		CHECK(test_wait_for(common.rounds[i] > before[i], PATIENCE_MS));
	common.stop = true;
	for (unsigned i = 0; i < SPINNERS; i++)
		test_thread_join(spinners[i].thread);
}

/* ---- sleeping ---- */

#define SLEEPERS 3

struct sleepers {
	uint32_t woken;
	unsigned order[SLEEPERS];
};

struct sleeper {
	struct sleepers *common;
	unsigned milliseconds;
	struct test_thread *thread;
};

static void sleep_once(void *argument)
{
	struct sleeper *self = argument;
	uint64_t before = time_ticks();

	thread_sleep_ms(self->milliseconds);
	CHECK_GE((time_ticks() - before) * 1000, (uint64_t) self->milliseconds * arch_timer_hz);
	self->common->order[__atomic_fetch_add(&self->common->woken, 1, __ATOMIC_RELAXED)] = self->milliseconds;
}

TEST(thread_sleep_order, "who sleeps shorter wakes earlier, and nobody too early", .threads = true)
{
	static const unsigned naps[SLEEPERS] = { 150, 50, 100 };
	struct sleepers common = { 0 };
	struct sleeper sleepers[SLEEPERS];

	for (unsigned i = 0; i < SLEEPERS; i++) {
		sleepers[i] = (struct sleeper){ &common, naps[i], NULL };
		sleepers[i].thread = test_thread_start("sleeper", sleep_once, &sleepers[i]);
	}
	for (unsigned i = 0; i < SLEEPERS; i++)
		test_thread_join(sleepers[i].thread);
	if (cpu_count() > 1)
		return; /* each may run on a CPU of its own, one of which the emulator may not let run for a while */
	CHECK_EQ(common.order[0], 50);
	CHECK_EQ(common.order[1], 100);
	CHECK_EQ(common.order[2], 150);
}

/* ---- parking ---- */

TEST(thread_park_remembers, "an unpark that comes first is remembered, once")
{
	CHECK_EQ(thread_park(10), ETIMEDOUT);
	thread_unpark(thread_current());
	thread_unpark(thread_current());
	CHECK_EQ(thread_park(0), EOK);
	CHECK_EQ(thread_park(10), ETIMEDOUT);
}

#define THROWS 200

struct ball {
	struct thread *players[2];
	uint32_t throws;
};

/* Parks till it is thrown the ball, and throws it back. */
static void play(void *argument)
{
	struct ball *ball = argument;

	for (unsigned i = 0; i < THROWS; i++) {
		while (__atomic_load_n(&ball->throws, __ATOMIC_ACQUIRE) % 2 == 0)
			(void) thread_park(0);
		__atomic_fetch_add(&ball->throws, 1, __ATOMIC_ACQ_REL);
		thread_unpark(ball->players[0]);
	}
}

TEST(thread_park_ping_pong, "no unpark is lost between two threads that wake each other", .threads = true)
{
	struct ball ball = { .players = { thread_current(), NULL } };

	NEED((ball.players[1] = thread_create("player", play, &ball, FRAME_ATOMIC)) != NULL);
	for (unsigned i = 0; i < THROWS; i++) {
		__atomic_fetch_add(&ball.throws, 1, __ATOMIC_ACQ_REL);
		thread_unpark(ball.players[1]);
		while (__atomic_load_n(&ball.throws, __ATOMIC_ACQUIRE) % 2 == 1)
			CHECK_EQ(thread_park(1000), EOK);
	}
	thread_join(ball.players[1]);
	CHECK_EQ(ball.throws, 2 * THROWS);
}

/* ---- check ---- */

TEST(thread_check_canary, "thread_check finds a stack that was overrun", .logs = "threads: invariant")
{
	uintptr_t *end = (uintptr_t *) thread_current()->stack;
	uintptr_t flags = interrupts_disable(), canary = *end;
	size_t whole = thread_check();

	*end = 0;

	size_t overrun = thread_check();

	*end = canary;
	interrupts_restore(flags);
	CHECK_EQ(whole, 0);
	CHECK_EQ(overrun, 1);
}
