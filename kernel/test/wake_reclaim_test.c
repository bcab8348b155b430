/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A thread that runs a reclaim for the wait queue may be served, and leave, in
 * the midst of it: what the reclaim frees after that, or leaves for another one,
 * is there for those that wait behind. So is what a reclaim leaves that may free
 * only some.
 *
 * Two threads wait. The first one's reclaim is held up in a reclaimer of this file
 * while the case frees what serves it, and more.
 */

#include <mm/reserve.h>
#include <test.h>

#define FIRST 48 /* frames that the first waits for: no size that CPUs keep in their caches */
#define SECOND 4 /* frames that the second waits for */

static struct {
	bool active;      /* the next reclaim for the queue is held up */
	bool is_held;     /* it is */
	bool go;          /* and may go on */
	size_t freed;     /* what the reclaimer says then */
	phys_t *leavings; /* SECOND frames that it frees when it is asked once more */
} hold;

static void leavings_free(void)
{
	for (size_t i = 0; i < SECOND; i++)
		test_frame_free(hold.leavings[i], 1);
	hold.leavings = NULL;
}

static size_t reclaim(enum reclaim_strength strength, bool may_wait)
{
	(void) may_wait;
	if (strength != RECLAIM_FULL || frame_sleepers() == 0)
		return 0;
	if (__atomic_exchange_n(&hold.active, false, __ATOMIC_ACQ_REL)) {
		__atomic_store_n(&hold.is_held, true, __ATOMIC_RELEASE);
		CHECK(test_wait_for(__atomic_load_n(&hold.go, __ATOMIC_ACQUIRE), PATIENCE_MS));
		return hold.freed;
	}
	if (!__atomic_load_n(&hold.go, __ATOMIC_ACQUIRE) || hold.leavings == NULL)
		return 0;
	leavings_free();
	return SECOND;
}

static struct test_reserver first, second;

/* Both wait, and the first one's reclaim is held up, before the caches of the CPUs are emptied. */
static void both_wait(void)
{
	static struct reclaimer reclaimer = { .name = "held up", .reclaim = reclaim };
	static bool is_registered;

	if (!is_registered)
		frame_reclaimer_register(&reclaimer);
	is_registered = true;
	first = (struct test_reserver){ .low = FIRST };
	second = (struct test_reserver){ .low = SECOND };
	hold.is_held = hold.go = false;
	__atomic_store_n(&hold.active, true, __ATOMIC_RELEASE);
	test_reserver_start(&first, 1);
	CHECK(test_wait_for(__atomic_load_n(&hold.is_held, __ATOMIC_ACQUIRE), PATIENCE_MS));
	test_reserver_start(&second, 2);
	test_sleep_ms(20); /* till it parks */
}

/* The first is served, and the reclaim goes on; the second must be. */
static void go_on(phys_t run)
{
	test_frame_free(run, FIRST);
	CHECK(test_wait_for(frame_sleepers() <= 1, PATIENCE_MS));
	__atomic_store_n(&hold.go, true, __ATOMIC_RELEASE);
	CHECK(test_wait_for(test_reserver_served(&second), PATIENCE_MS));
	hold.leavings = NULL;
	test_free_all_frames();
	test_reserver_end(&first);
	test_reserver_end(&second);
}

static bool take_singles(phys_t *frames)
{
	for (size_t i = 0; i < SECOND; i++)
		if ((frames[i] = test_frame_alloc(1, FRAME_ATOMIC | FRAME_LOWMEM, 0)) == 0)
			return false;
	return true;
}

TEST(wake_reclaim_cache, "what a reclaim frees of a CPU's cache is there for those behind the one that has run it",
	.threads = true, .plain_only = "the machine is emptied")
{
	phys_t run = test_frame_alloc(FIRST, FRAME_ATOMIC | FRAME_LOWMEM, 0), singles[SECOND] = { 0 };

	NEED(run != 0 && take_singles(singles));
	(void) test_take_all_frames(FRAME_HIGHMEM);
	both_wait();
	for (size_t i = 0; i < SECOND; i++)
		test_frame_free(singles[i], 1);
	CHECK(!test_reserver_served(&second));
	hold.freed = 0;
	go_on(run);
}

TEST(wake_reclaim_run_cache, "the same of the runs in a CPU's cache", .threads = true,
	.plain_only = "the machine is emptied")
{
	phys_t run = test_frame_alloc(FIRST, FRAME_ATOMIC | FRAME_LOWMEM, 0);
	phys_t block = test_frame_alloc(SECOND, FRAME_ATOMIC | FRAME_LOWMEM, 0);

	NEED(run != 0 && block != 0);
	test_frame_free(block, SECOND); /* now this CPU has a cache for runs of this size */
	NEED((block = test_frame_alloc(SECOND, FRAME_ATOMIC | FRAME_LOWMEM, 0)) != 0);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	both_wait();
	test_frame_free(block, SECOND);
	CHECK(!test_reserver_served(&second));
	hold.freed = 0;
	go_on(run);
}

TEST(wake_reclaim_rest, "what a reclaim leaves for another one is asked for when the one that has run it has left",
	.threads = true, .plain_only = "the machine is emptied")
{
	phys_t run = test_frame_alloc(FIRST, FRAME_ATOMIC | FRAME_LOWMEM, 0), singles[SECOND] = { 0 };

	NEED(run != 0 && take_singles(singles));
	(void) test_take_all_frames(FRAME_HIGHMEM);
	both_wait();
	hold.leavings = singles;
	hold.freed = 1;
	go_on(run);
}

/* ---- a reclaim that ends early ---- */

#define BLOCK_FRAMES 4
#define BLOCKS 64
#define MANY (BLOCKS / 4 * BLOCK_FRAMES) /* frames that the thread waits for: more than such a reclaim frees */

static struct {
	bool is_armed; /* the next block that is freed lets the thread go on */
	bool go, served;
} late;

static void late_main(void *argument)
{
	struct reservation reservation;

	(void) argument;
	while (!__atomic_load_n(&late.go, __ATOMIC_ACQUIRE))
		test_sleep_ms(1);
	if (reservation_wait(&reservation, MANY, 0) == EOK)
		reservation_end(&reservation);
	__atomic_store_n(&late.served, true, __ATOMIC_RELEASE);
}

static errno_t block_construct(void *block, frame_flags_t flags)
{
	(void) block, (void) flags;
	return EOK;
}

/* The first block's: a thread comes to wait, and to find that the reclaimers have nothing. */
static size_t late_starts(void *block)
{
	(void) block;
	if (!late.is_armed)
		return 0;
	late.is_armed = false;
	__atomic_store_n(&late.go, true, __ATOMIC_RELEASE);
	CHECK(test_wait_for(frame_sleepers() == 1, PATIENCE_MS));
	test_sleep_ms(20); /* till its reclaim is over, and it parks */
	return 0;
}

TEST(wake_reclaim_bounded, "what a reclaim leaves that may free only some is there for one that came meanwhile",
	.threads = true, .frames = 700, .plain_only = "the machine is emptied")
{
	static const struct slab_cache_options options = { .constructor = block_construct, .destructor = late_starts };
	struct slab_cache *cache = test_slab_cache_create("test-late", BLOCK_FRAMES * PAGE_SIZE, &options, FRAME_ATOMIC);
	void *blocks[BLOCKS];
	struct slab_info info;
	struct test_thread *thread;

	NEED(cache != NULL);
	__builtin_memset(&late, 0, sizeof late);
	for (size_t i = 0; i < BLOCKS; i++)
		NEED((blocks[i] = test_slab_alloc(cache, FRAME_ATOMIC)) != NULL);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	thread = test_thread_start("late", late_main, NULL);
	for (size_t i = 0; i < BLOCKS; i++)
		test_slab_free(cache, blocks[i]);
	while (
		test_frame_alloc(1, FRAME_ATOMIC | FRAME_NO_RECLAIM, 0) != 0) /* what was freed before there were magazines */
		;
	slab_get_info(cache, &info);
	CHECK_GT(info.cached, BLOCKS / 3);
	late.is_armed = true;
	(void) frame_reclaim(RECLAIM_FULL, false);
	CHECK(!late.is_armed);
	CHECK(test_wait_for(__atomic_load_n(&late.served, __ATOMIC_ACQUIRE), PATIENCE_MS));
	__atomic_store_n(&late.go, true, __ATOMIC_RELEASE);
	test_free_all_frames();
	test_thread_join(thread);
}
