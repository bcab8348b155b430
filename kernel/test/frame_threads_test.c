/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Frames taken by several threads: no frame has two owners, who sleeps for
 * memory is woken, in order, and nobody is lost or starved.
 *
 * Threads never leave by NEED: they count what they were refused, and the case
 * says afterwards whether that was right.
 */

#include <mm/reserve.h>
#include <test.h>

#define THREADS 8

/* Whether so many threads sleep for memory, or come to do so in time. */
static bool sleepers_are(size_t count)
{
	return test_wait_for(frame_sleepers() == count, PATIENCE_MS);
}

/* ---- owners ---- */

#define ROUNDS 400
#define HELD 12

struct owner {
	struct test_thread *thread;
	unsigned number;
	size_t served, refused, spoilt;
};

static uintptr_t stamp_of(const struct owner *owner, phys_t base, size_t word)
{
	return base + word + ((uintptr_t) owner->number << 8);
}

/* Writes, or looks at, two words of each frame: enough to see a second owner. */
static void fill(const struct owner *owner, phys_t base, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uintptr_t *words = (uintptr_t *) PA2KA(base + i * PAGE_SIZE);

		words[0] = stamp_of(owner, base, i);
		words[PAGE_SIZE / sizeof *words - 1] = stamp_of(owner, base, i + 1);
	}
}

static bool intact(const struct owner *owner, phys_t base, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const uintptr_t *words = (const uintptr_t *) PA2KA(base + i * PAGE_SIZE);

		if (words[0] != stamp_of(owner, base, i) ||
			words[PAGE_SIZE / sizeof *words - 1] != stamp_of(owner, base, i + 1))
			return false;
	}
	return true;
}

static struct test_barrier meeting;

static void owner_main(void *argument)
{
	struct owner *owner = argument;
	struct test_random random = TEST_RANDOM(test_seed() + owner->number);
	struct {
		phys_t base;
		size_t count;
	} held[HELD] = { 0 };

	test_barrier_wait(&meeting);
	for (size_t round = 0; round < ROUNDS + HELD; round++) {
		size_t slot = round % HELD;
		size_t count = test_random_below(&random, 4) == 0 ? 1 + test_random_below(&random, 16) : 1;

		if (held[slot].base != 0) {
			owner->spoilt += !intact(owner, held[slot].base, held[slot].count);
			test_frame_free(held[slot].base, held[slot].count);
			held[slot].base = 0;
		}
		if (round >= ROUNDS)
			continue;
		held[slot].base = test_frame_alloc(count, FRAME_ATOMIC, 0);
		held[slot].count = count;
		owner->served += held[slot].base != 0;
		owner->refused += held[slot].base == 0;
		if (held[slot].base != 0)
			fill(owner, held[slot].base, count);
		if (round % 64 == 0)
			test_yield();
	}
}

TEST(frame_eight_threads, "eight threads take, fill, verify and give back: no frame has two owners", .threads = true,
	.inject_runs = 12)
{
	struct owner owners[THREADS] = { 0 };
	size_t refused = 0;

	test_barrier_init(&meeting, THREADS);
	for (unsigned i = 0; i < THREADS; i++) {
		owners[i].number = i;
		owners[i].thread = test_thread_start("owner", owner_main, &owners[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		test_thread_join(owners[i].thread);
		CHECK_EQ(owners[i].spoilt, 0);
		CHECK_EQ(owners[i].served + owners[i].refused, ROUNDS);
		refused += owners[i].refused;
	}
	NEED(refused == 0);
}

/* ---- caches hold nothing back ---- */

/* Leaves this CPU's cache as full as it gets, and waits there. */
static void hoarder_main(void *argument)
{
	phys_t frames[48];
	size_t count = 0;

	(void) argument;
	while (count < ARRAY_COUNT(frames) && (frames[count] = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0)
		count++;
	while (count > 0)
		test_frame_free(frames[--count], 1);
	test_barrier_wait(&meeting);
	test_barrier_wait(&meeting);
}

TEST(frame_caches_give, "what the CPUs' caches hold can be taken by any thread that may sleep", .threads = true)
{
	struct test_thread *threads[THREADS];
	size_t frames;

	(void) test_leave_frames(THREADS * 64, 0);
	test_barrier_init(&meeting, THREADS + 1);
	for (size_t i = 0; i < THREADS; i++)
		threads[i] = test_thread_start("hoarder", hoarder_main, NULL);
	test_barrier_wait(&meeting);
	frames = test_free_frames(0);
	CHECK_LE(frames, THREADS * 64);
	for (size_t i = 0; i < frames; i++)
		CHECK_NE(test_frame_alloc(1, 0, 0), 0);
	CHECK_EQ(test_free_frames(0), 0);
	test_barrier_wait(&meeting);
	for (size_t i = 0; i < THREADS; i++)
		test_thread_join(threads[i]);
}

/* ---- sleepers ---- */

/* A thread that asks for memory as one that may sleep. */
struct sleeper {
	struct test_thread *thread;
	size_t count; /* frames it wants */
	frame_flags_t flags;
	pfn_t frame; /* what it got (test_frame_word) */
	size_t turn; /* which of all it was to be served */
};

static size_t turns;

static void sleeper_main(void *argument)
{
	struct sleeper *sleeper = argument;
	phys_t base = test_frame_alloc(sleeper->count, sleeper->flags, 0);

	__atomic_store_n(&sleeper->turn, __atomic_add_fetch(&turns, 1, __ATOMIC_SEQ_CST), __ATOMIC_RELAXED);
	__atomic_store_n(&sleeper->frame, test_frame_word(base), __ATOMIC_RELEASE);
}

static phys_t served(struct sleeper *sleeper)
{
	return test_frame_of(__atomic_load_n(&sleeper->frame, __ATOMIC_ACQUIRE));
}

/* Starts a sleeper, and waits till it is in line behind those before it. */
static void sleeper_start(struct sleeper *sleeper, size_t count, size_t before)
{
	*sleeper = (struct sleeper){ .count = count };
	sleeper->thread = test_thread_start("sleeper", sleeper_main, sleeper);
	CHECK(sleepers_are(before + 1));
}

/* Frames to feed sleepers with: an aligned run (of a power of two) that is held while all others are taken. */
static phys_t ration;

static bool take_ration(size_t count)
{
	ration = test_frame_alloc(count, FRAME_ATOMIC, count * PAGE_SIZE - 1);
	if (ration == 0)
		return false;
	(void) test_take_all_frames(FRAME_HIGHMEM);
	return true;
}

TEST(frame_sleeper_woken, "who sleeps for a frame is woken when another thread frees one", .threads = true)
{
	struct sleeper sleeper;

	turns = 0;
	NEED(take_ration(1));
	sleeper_start(&sleeper, 1, 0);
	test_sleep_ms(20);
	CHECK_EQ(served(&sleeper), 0);
	test_frame_free(ration, 1);
	test_thread_join(sleeper.thread);
	CHECK_EQ(served(&sleeper), ration);
	CHECK_EQ(frame_sleepers(), 0);
}

TEST(frame_sleepers_in_order, "sleepers are served in the order in which they came", .threads = true)
{
	struct sleeper sleepers[6];

	turns = 0;
	NEED(take_ration(8));
	for (size_t i = 0; i < ARRAY_COUNT(sleepers); i++)
		sleeper_start(&sleepers[i], 1, i);
	for (size_t i = 0; i < ARRAY_COUNT(sleepers); i++) {
		test_frame_free(ration + i * PAGE_SIZE, 1);
		CHECK(test_wait_for(served(&sleepers[i]) != 0, PATIENCE_MS));
		for (size_t j = i + 1; j < ARRAY_COUNT(sleepers); j++)
			CHECK_EQ(served(&sleepers[j]), 0);
	}
	for (size_t i = 0; i < ARRAY_COUNT(sleepers); i++) {
		test_thread_join(sleepers[i].thread);
		CHECK_EQ(sleepers[i].turn, i + 1);
	}
}

TEST(frame_sleepers_all_at_once, "frames freed in one call wake all who can be served with them", .threads = true)
{
	struct sleeper sleepers[6];

	turns = 0;
	NEED(take_ration(8));
	for (size_t i = 0; i < ARRAY_COUNT(sleepers); i++)
		sleeper_start(&sleepers[i], 1, i);
	test_frame_free(ration, ARRAY_COUNT(sleepers));
	for (size_t i = 0; i < ARRAY_COUNT(sleepers); i++)
		test_thread_join(sleepers[i].thread);
	CHECK_EQ(frame_sleepers(), 0);
}

TEST(frame_sleeper_by_promise, "a promise given back wakes who sleeps for what was promised", .threads = true)
{
	struct sleeper sleeper;

	turns = 0;
	NEED(take_ration(2));
	test_frame_free(ration, 2);
	NEED(test_reserve_try(2, FRAME_LOWMEM) == EOK);
	sleeper_start(&sleeper, 1, 0);
	test_sleep_ms(20);
	CHECK_EQ(served(&sleeper), 0);
	test_reserve_free(1, FRAME_LOWMEM);
	test_thread_join(sleeper.thread);
	CHECK_NE(served(&sleeper), 0);
}

TEST(frame_atomic_never_sleeps, "FRAME_ATOMIC returns at once, with sleepers in line and without", .threads = true)
{
	struct sleeper sleeper;
	phys_t got;

	turns = 0;
	NEED(take_ration(4));
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC, 0), 0);
	sleeper_start(&sleeper, 4, 0);
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC, 0), 0);
	test_frame_free(ration, 1);
	got = test_frame_alloc(1, FRAME_ATOMIC, 0);
	CHECK_EQ(frame_sleepers(), 1);
	if (got != 0)
		test_frame_free(got, 1);
	test_frame_free(ration + PAGE_SIZE, 3);
	test_thread_join(sleeper.thread);
	CHECK_EQ(served(&sleeper), ration);
	NEED(got == ration);
}

/* ---- none is lost ---- */

#define LOST_ROUNDS 500

static void churner_main(void *argument)
{
	size_t *rounds = argument;

	for (*rounds = 0; *rounds < LOST_ROUNDS; ++*rounds) {
		phys_t base = test_frame_alloc(1 + *rounds % 2, 0, 0);

		if (*rounds % 16 == 0)
			test_yield();
		test_frame_free(base, 1 + *rounds % 2);
	}
}

TEST(frame_no_sleeper_lost, "threads that fight for too few frames all come to an end: no wake-up is lost",
	.threads = true)
{
	struct test_thread *threads[6];
	size_t rounds[6];

	NEED(take_ration(4));
	test_frame_free(ration, 4);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		threads[i] = test_thread_start("churner", churner_main, &rounds[i]);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++) {
		test_thread_join(threads[i]);
		CHECK_EQ(rounds[i], LOST_ROUNDS);
	}
	CHECK_EQ(frame_sleepers(), 0);
}

/* ---- none is starved ---- */

static bool stop_small;

/* Holds one to three frames for a while, and none while it waits. */
static void small_main(void *argument)
{
	size_t *rounds = argument;

	while (!__atomic_load_n(&stop_small, __ATOMIC_RELAXED)) {
		size_t count = 1 + *rounds % 3;
		phys_t base = test_frame_alloc(count, 0, 0);

		for (size_t i = 0; i < 3; i++)
			test_yield();
		test_frame_free(base, count);
		++*rounds;
	}
}

TEST(frame_large_not_starved, "a large request comes to its turn while small ones keep memory busy", .threads = true)
{
	struct test_thread *threads[4];
	size_t rounds[4] = { 0 };
	struct sleeper large = { .count = 32 };

	turns = 0;
	stop_small = false;
	NEED(take_ration(64));
	test_frame_free(ration, 64);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		threads[i] = test_thread_start("small", small_main, &rounds[i]);
	for (size_t i = 0; i < 20; i++) {
		large.thread = test_thread_start("large", sleeper_main, &large);
		test_thread_join(large.thread);
		test_frame_free(served(&large), 32);
		test_yield();
	}
	__atomic_store_n(&stop_small, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		test_thread_join(threads[i]);
	CHECK_EQ(turns, 20);
}

TEST(frame_small_waits, "who comes after a large request does not take from what the large one waits for",
	.threads = true)
{
	struct sleeper large, small;

	turns = 0;
	NEED(take_ration(4));
	sleeper_start(&large, 4, 0);
	sleeper_start(&small, 1, 1);
	for (size_t i = 0; i < 4; i++) {
		test_sleep_ms(30);
		CHECK_EQ(served(&large), 0);
		CHECK_EQ(served(&small), 0);
		test_frame_free(ration + i * PAGE_SIZE, 1);
	}
	if (served(&small) != 0) /* wrong; but the large one is to come to its end */
		test_frame_free(served(&small), 1);
	test_thread_join(large.thread);
	CHECK_EQ(large.turn, 1);
	test_free_all_frames();
	test_thread_join(small.thread);
	CHECK_EQ(small.turn, 2);
}

TEST(frame_small_passes, "behind a large request that finds enough frames but no run of them, others are served",
	.threads = true, .patience = true)
{
	struct sleeper large, small;

	turns = 0;
	NEED(take_ration(8));
	sleeper_start(&large, 4, 0);
	sleeper_start(&small, 1, 1);
	test_frame_free(ration, 3);
	test_frame_free(ration + 4 * PAGE_SIZE, 3);
	test_thread_join(small.thread);
	CHECK_EQ(served(&large), 0);
	test_frame_free(served(&small), 1);
	test_frame_free(ration + 3 * PAGE_SIZE, 1);
	test_thread_join(large.thread);
	CHECK_NE(served(&large), 0);
}

TEST(frame_small_passes_too_large, "behind one who wants more than there is, others are served all the same",
	.threads = true, .patience = true)
{
	struct sleeper large, small;

	turns = 0;
	NEED(take_ration(8));
	sleeper_start(&large, 8, 0);
	sleeper_start(&small, 1, 1);
	test_frame_free(ration, 4);
	test_thread_join(small.thread);
	CHECK_EQ(served(&large), 0);
	test_frame_free(served(&small), 1);
	test_frame_free(ration + 4 * PAGE_SIZE, 4);
	test_thread_join(large.thread);
	CHECK_NE(served(&large), 0);
}

TEST(frame_promise_passes, "who was promised a frame gets it, though others sleep for want of one", .threads = true)
{
	struct sleeper sleeper;
	struct sleeper promised = { .count = 1, .flags = FRAME_NO_RESERVE };

	turns = 0;
	NEED(take_ration(2));
	test_frame_free(ration, 1);
	NEED(reserve_try(1, FRAME_LOWMEM) == EOK); /* not for the ledger: it is turned into a frame */
	sleeper_start(&sleeper, 1, 0);
	promised.thread = test_thread_start("promised", sleeper_main, &promised);
	test_thread_join(promised.thread);
	CHECK_NE(served(&promised), 0);
	CHECK_EQ(served(&sleeper), 0);
	test_frame_free(ration + PAGE_SIZE, 1);
	test_thread_join(sleeper.thread);
}

/* What a thread gets that gets a promise, and no frame. */
#define PROMISED ((phys_t) PAGE_SIZE)

static void promise_main(void *argument)
{
	struct sleeper *sleeper = argument;
	errno_t error = reserve_wait(sleeper->count, sleeper->flags);

	__atomic_store_n(&sleeper->frame, test_frame_word(error == EOK ? PROMISED : 2 * PROMISED), __ATOMIC_RELEASE);
}

TEST(reserve_waits, "who waits for a promise gets it when so many frames are free, and not before", .threads = true)
{
	struct sleeper waiter = { .count = 2 };

	NEED(take_ration(2));
	waiter.thread = test_thread_start("waiter", promise_main, &waiter);
	CHECK(sleepers_are(1));
	test_frame_free(ration, 1);
	test_sleep_ms(20);
	CHECK_EQ(served(&waiter), 0);
	test_frame_free(ration + PAGE_SIZE, 1);
	test_thread_join(waiter.thread);
	CHECK_EQ(served(&waiter), PROMISED);
	reserve_free(2, FRAME_LOWMEM);
	CHECK_EQ(reserve_wait((frame_end - FRAME_FIRST) + 1, FRAME_HIGHMEM), ENOMEM);
}

/* ---- two classes of promises ---- */

#define PROMISE_ROUNDS 100
#define PROMISE_FRAMES 3

/* Takes frames one by one, each of which may be slept for, off a promise of all. */
static void promised_main(void *argument)
{
	size_t *rounds = argument;
	phys_t frames[PROMISE_FRAMES];

	for (size_t round = 0; round < PROMISE_ROUNDS; round++) {
		bool promised = reserve_wait(PROMISE_FRAMES, FRAME_LOWMEM) == EOK;

		for (size_t i = 0; i < PROMISE_FRAMES && promised; i++) {
			frames[i] = frame_alloc(1, FRAME_NO_RESERVE, 0);
			test_yield();
		}
		for (size_t i = 0; i < PROMISE_FRAMES && promised; i++)
			frame_free(frames[i], 1);
		__atomic_store_n(rounds, *rounds + promised, __ATOMIC_RELEASE);
	}
}

TEST(reserve_low_threads, "who was promised frames with a permanent address gets them one by one, and sleeps for none",
	.threads = true)
{
	struct test_thread *threads[3];
	size_t rounds[3] = { 0 };

	if (test_free_frames(FRAME_HIGHMEM) - test_free_frames(FRAME_LOWMEM) < ARRAY_COUNT(threads) * PROMISE_FRAMES)
		SKIP("there are no frames without a permanent address");
	(void) test_leave_frames(2 * PROMISE_FRAMES - 1, FRAME_LOWMEM);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		threads[i] = test_thread_start("promised", promised_main, &rounds[i]);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		CHECK(test_wait_for(__atomic_load_n(&rounds[i], __ATOMIC_ACQUIRE) == PROMISE_ROUNDS, PATIENCE_MS));
	test_free_all_frames(); /* they come to their end even if that was wrong */
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		test_thread_join(threads[i]);
}

TEST(reserve_waits_for_low, "who waits for a promise of frames with a permanent address is not served by others",
	.threads = true)
{
	struct sleeper waiter = { .count = 2 };
	phys_t high;

	NEED((high = test_frame_alloc(4, FRAME_ATOMIC | FRAME_HIGHMEM, 4 * PAGE_SIZE - 1)) != 0);
	if (high - IDENTITY_PHYS < IDENTITY_SIZE)
		SKIP("there are no frames without a permanent address");
	NEED(take_ration(2));
	waiter.thread = test_thread_start("waiter", promise_main, &waiter);
	CHECK(sleepers_are(1));
	test_frame_free(high, 4);
	test_sleep_ms(20);
	CHECK_EQ(served(&waiter), 0);
	test_frame_free(ration, 2);
	test_thread_join(waiter.thread);
	CHECK_EQ(served(&waiter), PROMISED);
	reserve_free(2, FRAME_LOWMEM);
}
