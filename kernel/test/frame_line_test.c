/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The line of those who sleep for memory, where one stands in it who cannot be
 * served: who passes, who does not, how fast, and what is asked for again.
 *
 * Each case leaves a pool of frames and holds all others.
 */

#include <mm/inject.h>
#include <mm/reserve.h>
#include <test.h>

/* A thread that asks for memory as one that may sleep, holds it, and gives it back when told. */
struct sleeper {
	struct test_thread *thread;
	struct frame_request request;
	bool for_promise;
	bool served, let_go;
};

static void promise_hold(struct sleeper *sleeper)
{
	bool promised = reserve_wait(sleeper->request.min, sleeper->request.flags) == EOK;

	__atomic_store_n(&sleeper->served, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&sleeper->let_go, __ATOMIC_ACQUIRE))
		test_sleep_ms(1);
	if (promised)
		reserve_free(sleeper->request.min, sleeper->request.flags);
}

static void frames_hold(struct sleeper *sleeper)
{
	size_t taken;
	phys_t base = frame_alloc_request(&sleeper->request, &taken);

	__atomic_store_n(&sleeper->served, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&sleeper->let_go, __ATOMIC_ACQUIRE))
		test_sleep_ms(1);
	if (base != 0)
		frame_free(base, taken);
}

static void sleeper_main(void *argument)
{
	struct sleeper *sleeper = argument;

	if (sleeper->for_promise)
		promise_hold(sleeper);
	else
		frames_hold(sleeper);
}

static bool is_served(const struct sleeper *sleeper)
{
	return __atomic_load_n(&sleeper->served, __ATOMIC_ACQUIRE);
}

static void start(struct sleeper *sleeper)
{
	sleeper->thread = test_thread_start("sleeper", sleeper_main, sleeper);
}

/* Starts a sleeper, and waits till it is in line behind those before it. */
static void start_in_line(struct sleeper *sleeper, size_t before)
{
	start(sleeper);
	CHECK(test_wait_for(frame_sleepers() == before + 1, PATIENCE_MS));
}

static void end(struct sleeper *sleeper)
{
	__atomic_store_n(&sleeper->let_go, true, __ATOMIC_RELEASE);
	test_thread_join(sleeper->thread);
}

#define SLEEPER(count, flags) ((struct sleeper){ .request = FRAME_REQUEST(count, flags) })

/* Frees a run of low and one of high frames (none, where there are no such), aligned to their size; holds the rest. */
static bool leave_pool(size_t low, size_t high, phys_t *base)
{
	phys_t base_low = test_frame_alloc(low, FRAME_ATOMIC, low * PAGE_SIZE - 1);
	phys_t base_high = high != 0 ? test_frame_alloc(high, FRAME_ATOMIC | FRAME_HIGHMEM, high * PAGE_SIZE - 1) : 0;
	bool has_high = base_high - IDENTITY_PHYS >= IDENTITY_SIZE;

	if (base_low == 0 || (high != 0 && base_high == 0))
		return false;
	(void) test_take_all_frames(FRAME_HIGHMEM);
	if (low != 0)
		test_frame_free(base_low, low);
	if (high != 0 && has_high)
		test_frame_free(base_high, high);
	if (base != NULL)
		*base = base_low;
	return true;
}

static bool machine_has_high(void)
{
	return test_free_frames(FRAME_HIGHMEM) > test_free_frames(FRAME_LOWMEM);
}

/* ---- behind one who cannot be served ---- */

#define PASSING 3000

static struct {
	size_t calls;
	pfn_t kept; /* a frame (test_frame_word) that the reclaimer would give back if it were asked */
	bool watching;
} reclaimed;

static size_t test_reclaim(enum reclaim_strength strength, bool may_wait)
{
	phys_t base;

	(void) may_wait;
	if (!__atomic_load_n(&reclaimed.watching, __ATOMIC_ACQUIRE) || strength != RECLAIM_FULL)
		return 0;
	__atomic_fetch_add(&reclaimed.calls, 1, __ATOMIC_RELAXED);
	base = test_frame_of(__atomic_exchange_n(&reclaimed.kept, 0, __ATOMIC_ACQ_REL));
	if (base == 0)
		return 0;
	test_frame_free(base, 1);
	return 1;
}

/* Reclaimers are never taken out: this one stays, and does nothing while nobody watches. */
static void watch(void)
{
	static struct reclaimer reclaimer = { .name = "line", .reclaim = test_reclaim };
	static bool registered;

	if (!registered)
		frame_reclaimer_register(&reclaimer);
	registered = true;
	__atomic_store_n(&reclaimed.calls, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&reclaimed.watching, true, __ATOMIC_RELEASE);
}

static size_t watched(void)
{
	__atomic_store_n(&reclaimed.watching, false, __ATOMIC_RELEASE);
	return __atomic_load_n(&reclaimed.calls, __ATOMIC_RELAXED);
}

struct passer {
	struct test_thread *thread;
	frame_flags_t flags;
	size_t passed;
};

static void passer_main(void *argument)
{
	struct passer *passer = argument;

	for (size_t i = 0; i < PASSING; i++) {
		frame_free(frame_alloc(1, passer->flags, 0), 1);
		__atomic_store_n(&passer->passed, i + 1, __ATOMIC_RELEASE);
	}
}

/* Lets one thread take and free frames behind a head. @return whether all that came to its end in time */
static bool pass(frame_flags_t flags, unsigned milliseconds)
{
	struct passer passer = { .flags = flags };
	bool passed;

	passer.thread = test_thread_start("passer", passer_main, &passer);
	passed = test_wait_for(__atomic_load_n(&passer.passed, __ATOMIC_ACQUIRE) == PASSING, milliseconds);
	if (!passed)
		test_note("%zu of %u have passed", __atomic_load_n(&passer.passed, __ATOMIC_ACQUIRE), PASSING);
	test_free_all_frames();
	test_thread_join(passer.thread);
	return passed;
}

TEST(frame_line_goes_on, "behind one who wants more than there is, others go on at a tolerable pace", .threads = true,
	.patience = true)
{
	struct sleeper large = SLEEPER(32, 0);

	NEED(leave_pool(16, 0, NULL));
	start_in_line(&large, 0);
	CHECK(pass(0, 4000));
	end(&large);
}

TEST(frame_line_no_reclaim, "who is served as soon as it stands in line does not ask the reclaimers", .threads = true,
	.patience = true)
{
	struct sleeper large = SLEEPER(32, 0);

	NEED(leave_pool(16, 0, NULL));
	start_in_line(&large, 0);
	watch();
	CHECK(pass(0, PATIENCE_MS));
	if (inject_waited() == 0)
		CHECK_LE(watched(), 1); /* the one of the large request may come late */
	(void) watched();
	end(&large);
}

TEST(frame_line_reclaim_once, "while a thread waits, those that are refused do not ask the reclaimers each time",
	.threads = true)
{
	struct sleeper large = SLEEPER(32, 0);

	NEED(leave_pool(16, 0, NULL));
	watch();
	start_in_line(&large, 0);
	CHECK(test_wait_for(__atomic_load_n(&reclaimed.calls, __ATOMIC_RELAXED) != 0, PATIENCE_MS));
	test_sleep_ms(5); /* till it is through with that, if not before */
	for (size_t i = 0; i < 500; i++) {
		CHECK_EQ(test_frame_alloc(32, FRAME_ATOMIC, 0), 0);
		CHECK_EQ(test_reserve_try(32, 0), ENOMEM);
	}
	CHECK_LT(watched(), 100);
	test_free_all_frames();
	end(&large);
}

#define OVERLAPPING 5000 /* frames allocated behind a head, many times as many as may pass it at a stretch */

static struct {
	pfn_t held; /* a frame (test_frame_word); or 0 */
	size_t passed;
	bool go, stop;
} overlap;

static void overlap_free(void)
{
	pfn_t held = __atomic_exchange_n(&overlap.held, 0, __ATOMIC_ACQ_REL);

	if (held != 0)
		frame_free(test_frame_of(held), 1);
}

/* Frees a frame when it has the next one: a head that wants all finds one missing at any time. */
static void overlap_main(void *argument)
{
	(void) argument;
	__atomic_store_n(&overlap.held, test_frame_word(frame_alloc(1, FRAME_LOWMEM, 0)), __ATOMIC_RELEASE);
	while (!__atomic_load_n(&overlap.go, __ATOMIC_ACQUIRE))
		test_sleep_ms(1);
	for (size_t i = 0; i < OVERLAPPING && !__atomic_load_n(&overlap.stop, __ATOMIC_ACQUIRE); i++) {
		phys_t next = frame_alloc(1, FRAME_LOWMEM, 0);

		overlap_free();
		__atomic_store_n(&overlap.held, test_frame_word(next), __ATOMIC_RELEASE);
		__atomic_store_n(&overlap.passed, i + 1, __ATOMIC_RELEASE);
	}
}

static size_t overlap_passed(void)
{
	return __atomic_load_n(&overlap.passed, __ATOMIC_ACQUIRE);
}

TEST(frame_line_head_has_turns,
	"after some have passed it the head has its turn, if those that hold its frames free them", .threads = true,
	.patience = true, .plain_only = "it is about what those do that wait")
{
	struct sleeper large = SLEEPER(16, 0);
	struct test_thread *thread;
	uint64_t until = test_now_ms() + PATIENCE_MS;

	large.request.align = 16;
	NEED(leave_pool(16, 0, NULL));
	__builtin_memset(&overlap, 0, sizeof overlap);
	thread = test_thread_start("overlap", overlap_main, NULL);
	CHECK(test_wait_for(__atomic_load_n(&overlap.held, __ATOMIC_ACQUIRE) != 0, PATIENCE_MS));
	start_in_line(&large, 0);
	__atomic_store_n(&overlap.go, true, __ATOMIC_RELEASE);
	while (!is_served(&large) && overlap_passed() != OVERLAPPING && test_now_ms() < until) {
		size_t passed = overlap_passed();

		test_sleep_ms(FRAME_PATIENCE / 5);
		if (passed != 0 && passed == overlap_passed() && frame_sleepers() == 2)
			overlap_free(); /* it waits as well */
	}
	CHECK(is_served(&large));
	CHECK_GT(overlap_passed(), 0);
	__atomic_store_n(&overlap.stop, true, __ATOMIC_RELEASE);
	test_free_all_frames();
	test_thread_join(thread);
	overlap_free();
	end(&large);
}

/* ---- what comes back to who keeps it ---- */

TEST(frame_line_offered, "what a reclaimer comes to have, and offers, is given to who sleeps", .threads = true)
{
	struct sleeper sleeper = SLEEPER(1, 0);
	phys_t base = test_frame_alloc(1, FRAME_ATOMIC, 0);

	NEED(base != 0);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	watch();
	start_in_line(&sleeper, 0);
	CHECK(test_wait_for(__atomic_load_n(&reclaimed.calls, __ATOMIC_RELAXED) != 0, PATIENCE_MS));
	test_sleep_ms(5);
	__atomic_store_n(&reclaimed.kept, test_frame_word(base), __ATOMIC_RELEASE);
	frame_reclaim_offer();
	CHECK(test_wait_for(is_served(&sleeper), PATIENCE_MS));
	(void) watched();
	__atomic_store_n(&reclaimed.kept, 0, __ATOMIC_RELAXED);
	test_free_all_frames();
	end(&sleeper);
}

/* ---- every wake-up ---- */

/* A thread that waits for frames, or for an object: one more than there are takes it for its alternative. */
struct chooser {
	struct test_thread *thread;
	void *self;
	struct frame_request request;
	size_t asked;   /* how often it has asked for its alternative */
	bool held_back; /* it does not come back from asking while this is set */
	bool done;
	phys_t base;
	size_t taken;
};

static size_t objects;
static struct chooser *choosers[2];
static size_t chooser_count; /* of those that have started */

static bool object_take(struct chooser *self)
{
	size_t there = __atomic_load_n(&objects, __ATOMIC_SEQ_CST);

	while (there != 0 &&
		!__atomic_compare_exchange_n(&objects, &there, there - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		continue;
	__atomic_fetch_add(&self->asked, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&self->held_back, __ATOMIC_ACQUIRE))
		test_sleep_ms(1);
	return there != 0;
}

/* All that wait for objects have the same argument: they are known by their threads. */
static bool chooser_ask(void *argument)
{
	size_t which = 0, count = __atomic_load_n(&chooser_count, __ATOMIC_ACQUIRE);

	(void) argument;
	while (which + 1 < count && choosers[which]->self != port_self())
		which++;
	return object_take(choosers[which]);
}

static void chooser_main(void *argument)
{
	struct chooser *self = argument;

	self->self = port_self();
	choosers[chooser_count] = self;
	__atomic_store_n(&chooser_count, chooser_count + 1, __ATOMIC_RELEASE);
	self->base = frame_alloc_or(&self->request, &self->taken, chooser_ask, &objects);
	__atomic_store_n(&self->done, true, __ATOMIC_RELEASE);
}

static bool is_done(const struct chooser *chooser)
{
	return __atomic_load_n(&chooser->done, __ATOMIC_ACQUIRE);
}

/* Starts the choosers; the first is in the queue and asks, while there are so many objects, till it is let go on. */
static void choosers_start(struct chooser *first, struct chooser *second, size_t there)
{
	objects = chooser_count = 0;
	first->thread = test_thread_start("chooser", chooser_main, first);
	CHECK(test_wait_for(frame_sleepers() == 1, PATIENCE_MS));
	CHECK(test_wait_for(__atomic_load_n(&first->asked, __ATOMIC_SEQ_CST) != 0, PATIENCE_MS));
	test_sleep_ms(20);
	__atomic_store_n(&first->held_back, true, __ATOMIC_RELEASE);
	first->asked = 0;
	__atomic_store_n(&objects, there, __ATOMIC_SEQ_CST);
	frame_sleepers_kick(&objects);
	CHECK(test_wait_for(__atomic_load_n(&first->asked, __ATOMIC_SEQ_CST) != 0, PATIENCE_MS));
	if (second == NULL)
		return;
	second->thread = test_thread_start("chooser", chooser_main, second);
	CHECK(test_wait_for(frame_sleepers() == 2, PATIENCE_MS));
	test_sleep_ms(20);
}

static void chooser_end(struct chooser *chooser)
{
	__atomic_store_n(&chooser->held_back, false, __ATOMIC_RELEASE);
	test_thread_join(chooser->thread);
	if (chooser->base != 0)
		frame_free(chooser->base, chooser->taken);
}

#define CHOOSER(count, flags) ((struct chooser){ .request = FRAME_REQUEST(count, flags) })

TEST(frame_line_kick_passed_on, "an object goes to the next that waits for it if the first was served otherwise",
	.threads = true)
{
	struct chooser first = CHOOSER(1, 0), second = CHOOSER(1, 0);
	phys_t base;

	NEED((base = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	choosers_start(&first, &second, 0);
	__atomic_store_n(&objects, 1, __ATOMIC_SEQ_CST);
	frame_sleepers_kick(&objects); /* the first is to ask once more */
	test_frame_free(base, 1);      /* but it is served, and leaves */
	CHECK(test_wait_for(is_done(&second), PATIENCE_MS));
	CHECK_EQ(second.base, 0);
	test_free_all_frames();
	chooser_end(&first);
	chooser_end(&second);
	CHECK_NE(first.base, 0);
}

TEST(frame_line_kick_once, "of objects that come together, of which one wake-up is made, each that waits gets one",
	.threads = true)
{
	struct chooser first = CHOOSER(1, 0), second = CHOOSER(1, 0);

	(void) test_take_all_frames(FRAME_HIGHMEM);
	choosers_start(&first, &second, 2); /* the first has got one, and is not back with it */
	CHECK(!is_done(&second));
	__atomic_store_n(&first.held_back, false, __ATOMIC_RELEASE);
	CHECK(test_wait_for(is_done(&first) && is_done(&second), PATIENCE_MS));
	CHECK_EQ(first.base, 0);
	CHECK_EQ(second.base, 0);
	test_free_all_frames();
	chooser_end(&first);
	chooser_end(&second);
}

TEST(frame_line_offer_passed_on, "an offer goes to the next head if the head leaves before it has taken it up",
	.threads = true)
{
	struct chooser first = CHOOSER(1, 0);
	struct sleeper second = SLEEPER(1, 0);
	phys_t base[2];

	for (size_t i = 0; i < 2; i++)
		NEED((base[i] = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	choosers_start(&first, NULL, 0);
	start_in_line(&second, 1);
	test_sleep_ms(20);
	watch();
	__atomic_store_n(&reclaimed.kept, test_frame_word(base[1]), __ATOMIC_RELEASE);
	frame_reclaim_offer();
	test_frame_free(base[0], 1);
	CHECK(test_wait_for(is_served(&second), PATIENCE_MS));
	(void) watched();
	__atomic_store_n(&reclaimed.kept, 0, __ATOMIC_RELAXED);
	test_free_all_frames();
	chooser_end(&first);
	end(&second);
}

TEST(frame_line_reservation_back, "a thread that takes the alternative instead of reserved frames has them reserved",
	.threads = true)
{
	struct chooser chooser = CHOOSER(2, FRAME_NO_RESERVE);
	struct frame_info info;
	phys_t base;

	NEED((base = test_frame_alloc(4, FRAME_ATOMIC, 4 * PAGE_SIZE - 1)) != 0);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	test_frame_free(base, 1);
	test_frame_free(base + 2 * PAGE_SIZE, 1);
	NEED(reserve_try(2, 0) == EOK); /* of frames that are no run; not for the ledger */
	choosers_start(&chooser, NULL, 1);
	test_frame_free(base + PAGE_SIZE, 1); /* now there is a run, which it is served with */
	CHECK(test_wait_for(frame_sleepers() == 0, PATIENCE_MS));
	__atomic_store_n(&chooser.held_back, false, __ATOMIC_RELEASE);
	CHECK(test_wait_for(is_done(&chooser), PATIENCE_MS));
	frame_get_info(&info);
	CHECK_EQ(chooser.base, 0);
	CHECK_EQ(info.promised, 2);
	reserve_free(info.promised, 0);
	chooser_end(&chooser);
}

TEST(frame_line_head_leaves, "when the head leaves for its alternative, those behind it are served", .threads = true)
{
	struct chooser first = CHOOSER(32, 0);
	struct sleeper second = SLEEPER(1, 0);

	NEED(leave_pool(16, 0, NULL));
	choosers_start(&first, NULL, 1);
	start_in_line(&second, 1);
	test_sleep_ms(20);
	CHECK(!is_served(&second));
	__atomic_store_n(&first.held_back, false, __ATOMIC_RELEASE);
	CHECK(test_wait_for(is_done(&first), PATIENCE_MS));
	CHECK(test_wait_for(is_served(&second), PATIENCE_MS));
	test_free_all_frames();
	chooser_end(&first);
	CHECK_EQ(first.base, 0);
	end(&second);
}

/* Frees a frame on the CPU that it runs on, which has just come up if no thread was there before. */
static void new_cpu_main(void *argument)
{
	frame_free(*(phys_t *) argument, 1);
}

TEST(frame_line_new_cpu, "a CPU that comes up while a thread waits keeps nothing of what is freed there",
	.threads = true)
{
	struct sleeper sleeper = SLEEPER(1, 0);
	struct test_thread *thread;
	phys_t base = frame_alloc(1, FRAME_ATOMIC, 0);

	NEED(base != 0);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	start_in_line(&sleeper, 0);
	test_sleep_ms(20);
	test_leave_frames(0, 0);
	thread = test_thread_start("new cpu", new_cpu_main, &base);
	test_thread_join(thread);
	CHECK(test_wait_for(is_served(&sleeper), PATIENCE_MS));
	test_free_all_frames();
	end(&sleeper);
}

/* ---- the time ---- */

static bool take_from(phys_t base, size_t number)
{
	struct frame_request request = FRAME_REQUEST(1, FRAME_ATOMIC);
	size_t taken;

	request.lower = base + number * PAGE_SIZE;
	request.upper = request.lower + PAGE_SIZE - 1;
	return test_frame_alloc_request(&request, &taken) != 0;
}

/* Behind a large request that finds enough frames, but no run. @return milliseconds that one frame took */
static size_t wait_behind_large(bool with_unpark)
{
	struct sleeper large = SLEEPER(8, 0);
	uint64_t before;
	size_t waited;
	phys_t base;

	NEED_OR(leave_pool(16, 0, &base) && take_from(base, 7) && take_from(base, 12), FRAME_PATIENCE);
	start_in_line(&large, 0);
	test_sleep_ms(20);
	if (with_unpark)
		port_unpark(port_self());
	before = test_now_ms();
	frame_free(frame_alloc(1, 0, 0), 1);
	waited = (size_t) (test_now_ms() - before);
	test_free_all_frames();
	end(&large);
	return waited;
}

TEST(frame_line_stale_wake, "a wake-up that was left over is no patience lost", .threads = true, .patience = true)
{
	CHECK_GE(wait_behind_large(true) + 1, FRAME_PATIENCE - 10);
	CHECK_GE(wait_behind_large(false) + 1, FRAME_PATIENCE - 10);
}

TEST(frame_line_kicks_move_no_time, "wake-ups do not keep the first behind the head from losing its patience",
	.threads = true, .patience = true)
{
	struct sleeper large = SLEEPER(32, 0);
	struct chooser behind = CHOOSER(1, 0);
	uint64_t until;

	NEED(leave_pool(16, 0, NULL));
	start_in_line(&large, 0);
	objects = chooser_count = 0;
	behind.thread = test_thread_start("chooser", chooser_main, &behind);
	for (until = test_now_ms() + PATIENCE_MS / 2; !is_done(&behind) && test_now_ms() < until; test_sleep_ms(2))
		frame_sleepers_kick(&objects);
	CHECK(is_done(&behind));
	test_free_all_frames();
	chooser_end(&behind);
	end(&large);
}

TEST(frame_line_time_is_kept, "the time is kept when the thread that kept it leaves", .threads = true, .patience = true)
{
	struct sleeper large = SLEEPER(32, 0), last = SLEEPER(1, 0);
	struct chooser middle = CHOOSER(32, 0);

	NEED(leave_pool(16, 0, NULL));
	start_in_line(&large, 0);
	test_sleep_ms(20); /* it parks, with nobody behind it */
	objects = chooser_count = 0;
	middle.thread = test_thread_start("chooser", chooser_main, &middle);
	CHECK(test_wait_for(frame_sleepers() == 2, PATIENCE_MS));
	start_in_line(&last, 2);
	test_sleep_ms(5);
	__atomic_store_n(&objects, 1, __ATOMIC_SEQ_CST);
	frame_sleepers_kick(&objects);
	CHECK(test_wait_for(is_done(&middle), PATIENCE_MS));
	CHECK(test_wait_for(is_served(&last), PATIENCE_MS));
	test_free_all_frames();
	chooser_end(&middle);
	end(&large);
	end(&last);
}

TEST(frame_line_fifo, "without an end of patience nobody passes the head, whatever is free", .threads = true)
{
	struct sleeper large = SLEEPER(32, 0), small = SLEEPER(1, 0), reserved = SLEEPER(2, 0);

	reserved.for_promise = true;
	NEED(leave_pool(16, 0, NULL));
	start_in_line(&large, 0);
	start_in_line(&small, 1);
	start_in_line(&reserved, 2);
	test_sleep_ms(3 * FRAME_PATIENCE);
	CHECK(!is_served(&small));
	CHECK(!is_served(&reserved));
	test_free_all_frames();
	CHECK(test_wait_for(is_served(&large) && is_served(&small) && is_served(&reserved), PATIENCE_MS));
	end(&large);
	end(&small);
	end(&reserved);
}

/* A thread that calls frame_alloc, whose short ways are others than a request's. */
struct caller {
	struct test_thread *thread;
	size_t count;
	frame_flags_t flags;
	pfn_t frame;
};

static void caller_main(void *argument)
{
	struct caller *caller = argument;
	phys_t base = frame_alloc(caller->count, caller->flags, 0);

	__atomic_store_n(&caller->frame, test_frame_word(base), __ATOMIC_RELEASE);
}

TEST(frame_line_fifo_short_ways, "nor does a single frame or a run, by the short ways that frame_alloc has for them",
	.threads = true)
{
	struct caller callers[] = { { .count = 1 }, { .count = 2 }, { .count = 4 }, { .count = 1, .flags = FRAME_HIGHMEM },
		{ .count = 2, .flags = FRAME_HIGHMEM } };
	struct sleeper large = SLEEPER(32, FRAME_HIGHMEM);

	NEED(leave_pool(16, 0, NULL));
	start_in_line(&large, 0);
	test_sleep_ms(20);
	for (size_t i = 0; i < ARRAY_COUNT(callers); i++) {
		callers[i].thread = test_thread_start("caller", caller_main, &callers[i]);
		CHECK(test_wait_for(frame_sleepers() == i + 2, PATIENCE_MS));
	}
	test_sleep_ms(20);
	for (size_t i = 0; i < ARRAY_COUNT(callers); i++)
		CHECK_EQ(__atomic_load_n(&callers[i].frame, __ATOMIC_ACQUIRE), 0);
	test_free_all_frames();
	for (size_t i = 0; i < ARRAY_COUNT(callers); i++) {
		test_thread_join(callers[i].thread);
		frame_free(test_frame_of(callers[i].frame), callers[i].count);
	}
	end(&large);
}

/* ---- two kinds of frames ---- */

TEST(frame_line_high_passes,
	"who may have any frame does not wait behind one whom those without an address do not serve", .threads = true)
{
	struct sleeper low = SLEEPER(8, FRAME_LOWMEM);

	if (!machine_has_high())
		SKIP("there are no frames without a permanent address");
	NEED(leave_pool(4, 8, NULL));
	start_in_line(&low, 0);
	CHECK(pass(FRAME_HIGHMEM, 1500));
	end(&low);
}

TEST(frame_line_high_promise,
	"a promise of any frames does not wait there either, and takes nothing from the one ahead", .threads = true)
{
	struct sleeper low = SLEEPER(8, FRAME_LOWMEM), any = SLEEPER(8, FRAME_HIGHMEM), more = SLEEPER(1, FRAME_HIGHMEM);
	phys_t base;

	any.for_promise = more.for_promise = true;
	if (!machine_has_high())
		SKIP("there are no frames without a permanent address");
	NEED(leave_pool(8, 8, &base));
	NEED((base = test_frame_alloc(4, FRAME_ATOMIC, 0)) != 0);
	start_in_line(&low, 0);
	start(&any);
	CHECK(test_wait_for(is_served(&any), PATIENCE_MS));
	start_in_line(&more, 1); /* this one would rest on a frame that the head wants */
	CHECK(!is_served(&low));
	test_frame_free(base, 4);
	CHECK(test_wait_for(is_served(&low), PATIENCE_MS));
	CHECK(!is_served(&more));
	end(&any);
	CHECK(test_wait_for(is_served(&more), PATIENCE_MS));
	end(&low);
	end(&more);
}

TEST(frame_line_high_in_order, "those who may have any frame are served in order of arrival", .threads = true)
{
	struct sleeper low = SLEEPER(8, FRAME_LOWMEM), large = SLEEPER(8, FRAME_HIGHMEM), small = SLEEPER(1, FRAME_HIGHMEM);
	phys_t base;

	if (!machine_has_high())
		SKIP("there are no frames without a permanent address");
	NEED(leave_pool(1, 8, NULL));
	NEED((base = test_frame_alloc(4, FRAME_ATOMIC | FRAME_HIGHMEM, 0)) != 0);
	start_in_line(&low, 0);
	start_in_line(&large, 1);
	start(&small);
	test_sleep_ms(20);
	CHECK(!is_served(&large));
	CHECK(!is_served(&small));
	test_frame_free(base, 4);
	CHECK(test_wait_for(is_served(&large), PATIENCE_MS));
	test_free_all_frames();
	CHECK(test_wait_for(is_served(&low) && is_served(&small), PATIENCE_MS));
	end(&low);
	end(&large);
	end(&small);
}

/* ---- promises and the line ---- */

static bool stop_small;

/* Holds a promise while it takes frames off it, one by one. */
static void promised_main(void *argument)
{
	phys_t frames[3];

	(void) argument;
	while (!__atomic_load_n(&stop_small, __ATOMIC_RELAXED)) {
		bool promised = reserve_wait(ARRAY_COUNT(frames), FRAME_LOWMEM) == EOK;

		for (size_t i = 0; i < ARRAY_COUNT(frames) && promised; i++) {
			frames[i] = frame_alloc(1, FRAME_NO_RESERVE, 0);
			test_yield();
		}
		for (size_t i = 0; i < ARRAY_COUNT(frames) && promised; i++)
			frame_free(frames[i], 1);
	}
}

TEST(frame_line_promises_wait, "a large request comes to its turn while others have small promises made",
	.threads = true)
{
	struct test_thread *threads[4];
	size_t turns = 0;

	NEED(leave_pool(64, 0, NULL));
	stop_small = false;
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		threads[i] = test_thread_start("promised", promised_main, NULL);
	for (; turns < 10; turns++) {
		struct sleeper large = SLEEPER(32, 0);

		large.request.align = 32;
		start(&large);
		if (!CHECK(test_wait_for(is_served(&large), PATIENCE_MS)))
			__atomic_store_n(&stop_small, true, __ATOMIC_RELAXED);
		end(&large);
	}
	__atomic_store_n(&stop_small, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
		test_thread_join(threads[i]);
}

/* ---- everything at once ---- */

#define RANDOM_THREADS 6
#define RANDOM_ROUNDS ((size_t) (test_on_host ? 300 : 60))
#define RANDOM_LOW 32
#define RANDOM_HIGH 16

struct random_thread {
	struct test_thread *thread;
	struct test_random random;
	phys_t pool;
	bool high;
	size_t rounds, wrong;
};

static frame_flags_t some_class(struct random_thread *self)
{
	return self->high && test_random_below(&self->random, 2) ? FRAME_HIGHMEM : FRAME_LOWMEM;
}

static void hold_and_free(phys_t base, size_t count)
{
	test_yield();
	frame_free(base, count);
}

/* A run that every pool has once all of it is free, perhaps within bounds or aligned. */
static void random_run(struct random_thread *self)
{
	size_t order = test_random_below(&self->random, 4);
	struct frame_request request = FRAME_REQUEST((size_t) 1 << order, some_class(self));
	size_t taken;
	phys_t base;

	request.max += test_random_below(&self->random, 3);
	if (test_random_below(&self->random, 3) == 0)
		request.align = request.min;
	if (test_random_below(&self->random, 3) == 0) {
		request.flags = FRAME_LOWMEM;
		request.lower = self->pool + RANDOM_LOW / 2 * PAGE_SIZE;
		request.upper = self->pool + RANDOM_LOW * PAGE_SIZE - 1;
	}
	base = frame_alloc_request(&request, &taken);
	self->wrong += base == 0 || taken < request.min || taken > request.max || base < request.lower ||
		base + taken * PAGE_SIZE - 1 > request.upper || base % (request.align * PAGE_SIZE) != 0;
	if (base != 0)
		hold_and_free(base, taken);
}

static void random_promise(struct random_thread *self)
{
	size_t frames = 1 + test_random_below(&self->random, 6), used = test_random_below(&self->random, frames + 1);
	frame_flags_t flags = some_class(self);
	phys_t held[8];

	if (test_random_below(&self->random, 4) == 0) {
		if (reserve_try(frames, flags) != EOK)
			return;
	} else if (reserve_wait(frames, flags) != EOK) {
		self->wrong++;
		return;
	}
	for (size_t i = 0; i < used; i++) {
		held[i] = frame_alloc(1, flags | FRAME_NO_RESERVE | (i % 2 ? FRAME_ATOMIC : 0), 0);
		self->wrong += held[i] == 0;
	}
	test_yield();
	reserve_free(frames - used, flags);
	for (size_t i = 0; i < used; i++)
		if (held[i] != 0)
			frame_free(held[i], 1);
}

static bool give_up(void *argument)
{
	struct test_random *random = argument;

	return test_random_below(random, 3) == 0;
}

static void random_other(struct random_thread *self)
{
	size_t count = 1 + test_random_below(&self->random, 8);
	struct frame_request request = FRAME_REQUEST(count, some_class(self));
	size_t taken;
	phys_t base;

	if (test_random_below(&self->random, 2)) {
		request.flags |= FRAME_ATOMIC;
		base = frame_alloc_request(&request, &taken);
	} else {
		base = frame_alloc_or(&request, &taken, give_up, &self->random);
	}
	if (base != 0)
		hold_and_free(base, taken);
}

static void random_main(void *argument)
{
	static void (*const steps[])(
		struct random_thread *) = { random_run, random_run, random_promise, random_promise, random_other };
	struct random_thread *self = argument;

	for (size_t round = 0; round < RANDOM_ROUNDS; round++) {
		steps[test_random_below(&self->random, ARRAY_COUNT(steps))](self);
		__atomic_store_n(&self->rounds, round + 1, __ATOMIC_RELEASE);
	}
}

TEST(frame_line_random, "requests and promises of all kinds, for too few frames, all come to an end", .threads = true,
	.plain_only = "what may not fail is told from what may")
{
	struct random_thread threads[RANDOM_THREADS];
	bool high = machine_has_high();
	phys_t pool;

	NEED(leave_pool(RANDOM_LOW, RANDOM_HIGH, &pool));
	for (size_t i = 0; i < RANDOM_THREADS; i++) {
		threads[i] = (struct random_thread){ .random = TEST_RANDOM(test_seed() + i), .pool = pool, .high = high };
		threads[i].thread = test_thread_start("random", random_main, &threads[i]);
	}
	for (size_t i = 0; i < RANDOM_THREADS; i++)
		CHECK(test_wait_for(__atomic_load_n(&threads[i].rounds, __ATOMIC_ACQUIRE) == RANDOM_ROUNDS, 3 * PATIENCE_MS));
	test_free_all_frames();
	for (size_t i = 0; i < RANDOM_THREADS; i++) {
		test_thread_join(threads[i].thread);
		CHECK_EQ(threads[i].wrong, 0);
	}
	CHECK_EQ(frame_sleepers(), 0);
	CHECK_EQ(frame_check(), 0);
}
