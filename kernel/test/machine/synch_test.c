/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What threads wait with: order of service, hand-over, time-outs, and that
 * nothing is lost between them.
 */

#include <kernel/synch.h>
#include <kernel/thread.h>
#include <test.h>

#define CROWD 4

/* The order in which the threads of a case got somewhere. */
struct arrivals {
	uint32_t count;
	unsigned who[CROWD * 4];
};

static void arrive(struct arrivals *arrivals, unsigned who)
{
	uint32_t place = __atomic_fetch_add(&arrivals->count, 1, __ATOMIC_ACQ_REL);

	if (place < ARRAY_COUNT(arrivals->who))
		arrivals->who[place] = who;
}

static uint32_t arrived(struct arrivals *arrivals)
{
	return __atomic_load_n(&arrivals->count, __ATOMIC_ACQUIRE);
}

/* ---- semaphore ---- */

struct semaphore_case {
	struct semaphore semaphore;
	struct arrivals arrivals;
};

struct semaphore_thread {
	struct semaphore_case *common;
	unsigned number;
	struct test_thread *thread;
};

static void take_one(void *argument)
{
	struct semaphore_thread *self = argument;

	semaphore_down(&self->common->semaphore);
	arrive(&self->common->arrivals, self->number);
}

/* Starts threads that wait in the order of their numbers. */
static void start_in_order(struct semaphore_thread *threads, struct semaphore_case *common)
{
	for (unsigned i = 0; i < CROWD; i++) {
		threads[i] = (struct semaphore_thread){ common, i, NULL };
		threads[i].thread = test_thread_start("waiter", take_one, &threads[i]);
		CHECK(test_wait_for(wait_queue_length(&common->semaphore.waiters) == i + 1, PATIENCE_MS));
	}
}

TEST(semaphore_hand_over, "what is put there is the first waiter's at once: nobody overtakes", .threads = true)
{
	struct semaphore_case common = { .arrivals = { 0 } };
	struct semaphore_thread threads[CROWD];

	semaphore_init(&common.semaphore, 0);
	start_in_order(threads, &common);
	for (unsigned i = 0; i < CROWD; i++) {
		semaphore_up(&common.semaphore);
		CHECK(!semaphore_trydown(&common.semaphore));
		CHECK(test_wait_for(arrived(&common.arrivals) == i + 1, PATIENCE_MS));
		CHECK_EQ(common.arrivals.who[i], i);
	}
	for (unsigned i = 0; i < CROWD; i++)
		test_thread_join(threads[i].thread);
	CHECK_EQ(common.semaphore.count, 0);
}

TEST(semaphore_counts, "what is put there while nobody waits is there later, no more and no less")
{
	struct semaphore semaphore;

	semaphore_init(&semaphore, 2);
	semaphore_up(&semaphore);
	for (unsigned i = 0; i < 3; i++)
		CHECK(semaphore_trydown(&semaphore));
	CHECK(!semaphore_trydown(&semaphore));
	semaphore_up(&semaphore);
	semaphore_down(&semaphore);
	CHECK_EQ(semaphore.count, 0);
}

TEST(semaphore_timeout, "a wait with a time-out ends with ETIMEDOUT, not early, and takes nothing")
{
	struct semaphore semaphore;
	uint64_t before = test_now_ms();

	semaphore_init(&semaphore, 0);
	CHECK_EQ(semaphore_down_timeout(&semaphore, 30), ETIMEDOUT);
	CHECK_GE(test_now_ms() - before, 20); /* the clock itself counts in ticks of 10 ms */
	CHECK_EQ(wait_queue_length(&semaphore.waiters), 0);
	semaphore_up(&semaphore);
	CHECK_EQ(semaphore.count, 1);
	CHECK_EQ(semaphore_down_timeout(&semaphore, 30), EOK);
}

struct race {
	struct semaphore semaphore;
	size_t taken;
	bool stop;
};

static void take_till_stopped(void *argument)
{
	struct race *race = argument;

	while (!__atomic_load_n(&race->stop, __ATOMIC_ACQUIRE))
		if (semaphore_down_timeout(&race->semaphore, 1) == EOK)
			__atomic_fetch_add(&race->taken, 1, __ATOMIC_ACQ_REL);
}

TEST(semaphore_timeout_race, "time-outs and hand-overs that meet lose nothing and double nothing", .threads = true)
{
	static const size_t puts = 300;
	struct race race = { .taken = 0 };
	struct test_thread *threads[CROWD];

	semaphore_init(&race.semaphore, 0);
	for (unsigned i = 0; i < CROWD; i++)
		threads[i] = test_thread_start("taker", take_till_stopped, &race);
	for (size_t i = 0; i < puts; i++) {
		semaphore_up(&race.semaphore);
		if (i % 16 == 0)
			thread_sleep_ms(10);
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < CROWD; i++)
		test_thread_join(threads[i]);
	CHECK_EQ(race.taken + race.semaphore.count, puts);
}

/* ---- mutex ---- */

struct mutex_case {
	struct mutex mutex;
	struct arrivals arrivals;
	size_t inside; /* threads that have the mutex: 1 at most */
	bool let_go;   /* whoever gets the mutex may give it back */
	size_t counter;
};

struct mutex_thread {
	struct mutex_case *common;
	unsigned number;
	struct test_thread *thread;
};

static void lock_once(void *argument)
{
	struct mutex_thread *self = argument;

	mutex_lock(&self->common->mutex);
	arrive(&self->common->arrivals, self->number);
	while (!__atomic_load_n(&self->common->let_go, __ATOMIC_ACQUIRE))
		thread_yield();
	mutex_unlock(&self->common->mutex);
}

TEST(mutex_fifo, "a mutex goes to those who wait for it in their order", .threads = true)
{
	struct mutex_case common = { .counter = 0 };
	struct mutex_thread threads[CROWD];

	mutex_init(&common.mutex);
	mutex_lock(&common.mutex);
	CHECK(mutex_held(&common.mutex));
	for (unsigned i = 0; i < CROWD; i++) {
		threads[i] = (struct mutex_thread){ &common, i, NULL };
		threads[i].thread = test_thread_start("locker", lock_once, &threads[i]);
		CHECK(test_wait_for(wait_queue_length(&common.mutex.waiters) == i + 1, PATIENCE_MS));
	}
	mutex_unlock(&common.mutex);
	CHECK(!mutex_held(&common.mutex));
	CHECK(!mutex_trylock(&common.mutex));
	__atomic_store_n(&common.let_go, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < CROWD; i++)
		test_thread_join(threads[i].thread);
	for (unsigned i = 0; i < CROWD; i++)
		CHECK_EQ(common.arrivals.who[i], i);
	CHECK(mutex_trylock(&common.mutex));
	mutex_unlock(&common.mutex);
}

static void count_under_mutex(void *argument)
{
	struct mutex_case *common = argument;

	for (unsigned i = 0; i < 50; i++) {
		mutex_lock(&common->mutex);
		CHECK_EQ(__atomic_add_fetch(&common->inside, 1, __ATOMIC_ACQ_REL), 1);

		size_t seen = common->counter;

		thread_yield();
		common->counter = seen + 1;
		__atomic_sub_fetch(&common->inside, 1, __ATOMIC_ACQ_REL);
		mutex_unlock(&common->mutex);
	}
}

TEST(mutex_excludes, "one thread at a time has a mutex, though it yields with it", .threads = true)
{
	struct mutex_case common = { .counter = 0 };
	struct test_thread *threads[CROWD];

	mutex_init(&common.mutex);
	for (unsigned i = 0; i < CROWD; i++)
		threads[i] = test_thread_start("counter", count_under_mutex, &common);
	for (unsigned i = 0; i < CROWD; i++)
		test_thread_join(threads[i]);
	CHECK_EQ(common.counter, CROWD * 50);
}

static void lock_with_timeout(void *argument)
{
	struct mutex_case *common = argument;

	CHECK_EQ(mutex_lock_timeout(&common->mutex, 20), ETIMEDOUT);
	CHECK(!mutex_held(&common->mutex));
}

TEST(mutex_timeout, "who gives up waiting for a mutex does not get it later", .threads = true)
{
	struct mutex_case common = { .counter = 0 };

	mutex_init(&common.mutex);
	mutex_lock(&common.mutex);
	test_thread_join(test_thread_start("impatient", lock_with_timeout, &common));
	CHECK_EQ(wait_queue_length(&common.mutex.waiters), 0);
	mutex_unlock(&common.mutex);
	CHECK_EQ(mutex_lock_timeout(&common.mutex, 20), EOK);
	mutex_unlock(&common.mutex);
}

/* ---- condition variable ---- */

#define SLOTS 3
#define PARCELS 200

/* A bounded buffer, the classic use. */
struct buffer {
	struct mutex mutex;
	struct condvar not_full, not_empty;
	size_t parcels[SLOTS];
	size_t put, taken;
};

static void produce(void *argument)
{
	struct buffer *buffer = argument;

	for (size_t i = 0; i < PARCELS; i++) {
		mutex_lock(&buffer->mutex);
		while (buffer->put - buffer->taken == SLOTS)
			condvar_wait(&buffer->not_full, &buffer->mutex);
		buffer->parcels[buffer->put++ % SLOTS] = i;
		condvar_signal(&buffer->not_empty);
		mutex_unlock(&buffer->mutex);
	}
}

TEST(condvar_bounded_buffer, "a producer and a consumer meet at a small buffer: all arrives, in order", .threads = true)
{
	struct buffer buffer = { .put = 0 };
	struct test_thread *producer;

	mutex_init(&buffer.mutex);
	condvar_init(&buffer.not_full);
	condvar_init(&buffer.not_empty);
	producer = test_thread_start("producer", produce, &buffer);
	for (size_t i = 0; i < PARCELS; i++) {
		mutex_lock(&buffer.mutex);
		while (buffer.put == buffer.taken)
			condvar_wait(&buffer.not_empty, &buffer.mutex);
		CHECK_EQ(buffer.parcels[buffer.taken++ % SLOTS], i);
		condvar_signal(&buffer.not_full);
		mutex_unlock(&buffer.mutex);
	}
	test_thread_join(producer);
}

struct gate {
	struct mutex mutex;
	struct condvar opened;
	bool open;
	size_t passed;
};

static void pass_gate(void *argument)
{
	struct gate *gate = argument;

	mutex_lock(&gate->mutex);
	while (!gate->open)
		condvar_wait(&gate->opened, &gate->mutex);
	gate->passed++;
	mutex_unlock(&gate->mutex);
}

TEST(condvar_broadcast, "a broadcast wakes all that wait, a signal one", .threads = true)
{
	struct gate gate = { .open = false };
	struct test_thread *threads[CROWD];

	mutex_init(&gate.mutex);
	condvar_init(&gate.opened);
	for (unsigned i = 0; i < CROWD; i++)
		threads[i] = test_thread_start("passer", pass_gate, &gate);
	CHECK(test_wait_for(wait_queue_length(&gate.opened.waiters) == CROWD, PATIENCE_MS));

	mutex_lock(&gate.mutex);
	condvar_signal(&gate.opened);
	CHECK_EQ(wait_queue_length(&gate.opened.waiters), CROWD - 1);
	gate.open = true;
	condvar_broadcast(&gate.opened);
	CHECK_EQ(wait_queue_length(&gate.opened.waiters), 0);
	mutex_unlock(&gate.mutex);
	for (unsigned i = 0; i < CROWD; i++)
		test_thread_join(threads[i]);
	CHECK_EQ(gate.passed, CROWD);
}

TEST(condvar_timeout, "a wait that nobody signals times out, and has the mutex again")
{
	struct gate gate = { .open = false };

	mutex_init(&gate.mutex);
	condvar_init(&gate.opened);
	mutex_lock(&gate.mutex);
	CHECK_EQ(condvar_wait_timeout(&gate.opened, &gate.mutex, 20), ETIMEDOUT);
	CHECK(mutex_held(&gate.mutex));
	mutex_unlock(&gate.mutex);
}
