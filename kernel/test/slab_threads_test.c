/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Object caches and malloc used by several threads: no object has two owners,
 * who sleeps for one is woken, in order, and nobody is lost.
 *
 * Threads never leave by NEED: they count what they were refused, and the case
 * says afterwards whether that was right.
 */

#include <test.h>

#define THREADS 8

static bool sleepers_are(size_t count)
{
	return test_wait_for(frame_sleepers() == count, PATIENCE_MS);
}

/* ---- owners ---- */

#define ROUNDS 1500
#define HELD 60

struct owner {
	struct test_thread *thread;
	struct slab_cache *cache; /* NULL = malloc */
	unsigned number;
	size_t refused, spoilt;
};

struct holding {
	uint32_t *words;
	size_t count;
};

static void holding_give(struct owner *owner, struct holding *holding)
{
	uint32_t stamp = (uint32_t) (uintptr_t) holding->words + owner->number;

	for (size_t i = 0; i < holding->count; i++)
		owner->spoilt += holding->words[i] != stamp;
	if (owner->cache != NULL)
		slab_free(owner->cache, holding->words);
	else
		mm_free(holding->words);
	holding->words = NULL;
}

static void holding_take(struct owner *owner, struct holding *holding, size_t count)
{
	size_t bytes = count * sizeof *holding->words;

	holding->count = count;
	holding->words = owner->cache != NULL ? slab_alloc(owner->cache, FRAME_ATOMIC) : mm_malloc(bytes, FRAME_ATOMIC);
	owner->refused += holding->words == NULL;
	for (size_t i = 0; i < count && holding->words != NULL; i++)
		holding->words[i] = (uint32_t) (uintptr_t) holding->words + owner->number;
}

static void owner_main(void *argument)
{
	struct owner *owner = argument;
	struct test_random random = TEST_RANDOM(test_seed() + owner->number);
	struct holding held[HELD] = { 0 };

	for (size_t round = 0; round < ROUNDS; round++) {
		struct holding *holding = &held[test_random_below(&random, HELD)];

		if (holding->words != NULL)
			holding_give(owner, holding);
		else
			holding_take(owner, holding, owner->cache != NULL ? 20 : 1 + test_random_below(&random, 300));
		if (round % 128 == 0)
			test_yield();
	}
	for (size_t i = 0; i < HELD; i++)
		if (held[i].words != NULL)
			holding_give(owner, &held[i]);
}

static void eight_owners(struct slab_cache *cache)
{
	struct owner owners[THREADS] = { 0 };
	size_t refused = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		owners[i].number = i;
		owners[i].cache = cache;
		owners[i].thread = test_thread_start("owner", owner_main, &owners[i]);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		test_thread_join(owners[i].thread);
		CHECK_EQ(owners[i].spoilt, 0);
		refused += owners[i].refused;
	}
	NEED(refused == 0);
}

TEST(slab_eight_threads, "eight threads take, fill, verify and give back: no object has two owners", .threads = true,
	.inject_runs = 12)
{
	struct slab_cache *cache = test_slab_cache_create("test-owners", 80, NULL, FRAME_ATOMIC);

	NEED(cache != NULL);
	eight_owners(cache);
}

TEST(malloc_eight_threads, "so with malloc", .threads = true, .inject_runs = 12)
{
	eight_owners(NULL);
}

/* ---- what is given back elsewhere ---- */

#define PASSED 4000

static void *passed[PASSED];
static size_t passed_count;

static void passer_main(void *argument)
{
	struct slab_cache *cache = argument;

	for (size_t i = 0; i < PASSED; i++) {
		while (__atomic_load_n(&passed_count, __ATOMIC_ACQUIRE) <= i)
			test_yield();
		slab_free(cache, passed[i]);
	}
}

TEST(slab_given_elsewhere, "objects taken by one thread and given back by another come round", .threads = true,
	.inject_runs = 8)
{
	struct slab_cache *cache = test_slab_cache_create("test-passed", 48, NULL, FRAME_ATOMIC);
	struct test_thread *thread;
	struct slab_info info;

	NEED(cache != NULL);
	passed_count = 0;
	thread = test_thread_start("passer", passer_main, cache);
	for (size_t i = 0; i < PASSED; i++) {
		passed[i] = slab_alloc(cache, 0);
		__atomic_store_n(&passed_count, i + 1, __ATOMIC_RELEASE);
	}
	test_thread_join(thread);
	slab_get_info(cache, &info);
	CHECK_EQ(info.in_use, 0);
	CHECK_EQ(test_slab_cache_destroy(cache), EOK);
}

/* ---- sleepers ---- */

struct sleeper {
	struct test_thread *thread;
	struct slab_cache *cache; /* NULL = malloc */
	void *got;
	size_t turn;
};

static size_t turns;

static void sleeper_main(void *argument)
{
	struct sleeper *sleeper = argument;
	void *got = sleeper->cache != NULL ? test_slab_alloc(sleeper->cache, 0) : test_malloc(KiB(3), 0);

	__atomic_store_n(&sleeper->turn, __atomic_add_fetch(&turns, 1, __ATOMIC_SEQ_CST), __ATOMIC_RELAXED);
	__atomic_store_n(&sleeper->got, got, __ATOMIC_RELEASE);
}

static void *served(struct sleeper *sleeper)
{
	return __atomic_load_n(&sleeper->got, __ATOMIC_ACQUIRE);
}

static void sleeper_start(struct sleeper *sleeper, struct slab_cache *cache, size_t before)
{
	*sleeper = (struct sleeper){ .cache = cache };
	sleeper->thread = test_thread_start("sleeper", sleeper_main, sleeper);
	CHECK(sleepers_are(before + 1));
}

static void *all[1024];
static size_t all_count;

/* An object if there is any: one refusal may be an injected failure, two are not. */
static void *take_last(struct slab_cache *cache)
{
	void *object = test_slab_alloc(cache, FRAME_ATOMIC);

	return object != NULL ? object : test_slab_alloc(cache, FRAME_ATOMIC);
}

/* A cache all whose objects are taken, and no frame to make more of. */
static struct slab_cache *exhausted_cache(size_t size)
{
	struct slab_cache *cache = test_slab_cache_create("test-exhausted", size, NULL, FRAME_ATOMIC);

	if (cache == NULL || (all[0] = test_slab_alloc(cache, FRAME_ATOMIC)) == NULL)
		return NULL;
	(void) test_take_all_frames(0);
	for (all_count = 1; all_count < ARRAY_COUNT(all); all_count++)
		if ((all[all_count] = take_last(cache)) == NULL)
			break;
	turns = 0;
	return cache;
}

TEST(slab_sleeper_object, "who sleeps for an object gets the one that another thread gives back", .threads = true,
	.plain_only = "each run would sleep")
{
	struct slab_cache *cache = exhausted_cache(200);
	struct sleeper sleeper;

	NEED(cache != NULL);
	sleeper_start(&sleeper, cache, 0);
	test_sleep_ms(20);
	CHECK_NULL(served(&sleeper));
	test_slab_free(cache, all[all_count / 2]);
	test_thread_join(sleeper.thread);
	CHECK_PTR(served(&sleeper), all[all_count / 2]);
	CHECK_EQ(frame_sleepers(), 0);
}

TEST(slab_sleepers_in_order, "those who sleep for objects of a cache are served in the order in which they came",
	.threads = true, .plain_only = "each run would sleep")
{
	struct slab_cache *cache = exhausted_cache(200);
	struct sleeper sleepers[5];

	NEED(cache != NULL);
	NEED(all_count >= ARRAY_COUNT(sleepers));
	for (size_t i = 0; i < ARRAY_COUNT(sleepers); i++)
		sleeper_start(&sleepers[i], cache, i);
	for (size_t i = 0; i < ARRAY_COUNT(sleepers); i++) {
		test_slab_free(cache, all[i]);
		CHECK(test_wait_for(served(&sleepers[i]) != NULL, PATIENCE_MS));
		for (size_t j = i + 1; j < ARRAY_COUNT(sleepers); j++)
			CHECK_NULL(served(&sleepers[j]));
	}
	for (size_t i = 0; i < ARRAY_COUNT(sleepers); i++) {
		test_thread_join(sleepers[i].thread);
		CHECK_EQ(sleepers[i].turn, i + 1);
	}
}

TEST(slab_sleepers_at_once, "objects given back in one go wake all who can be served with them", .threads = true,
	.plain_only = "each run would sleep")
{
	struct slab_cache *cache = exhausted_cache(200);
	struct sleeper sleepers[5];

	NEED(cache != NULL);
	NEED(all_count >= ARRAY_COUNT(sleepers));
	for (size_t i = 0; i < ARRAY_COUNT(sleepers); i++)
		sleeper_start(&sleepers[i], cache, i);
	for (size_t i = 0; i < ARRAY_COUNT(sleepers); i++)
		test_slab_free(cache, all[i]);
	for (size_t i = 0; i < ARRAY_COUNT(sleepers); i++)
		test_thread_join(sleepers[i].thread);
	CHECK_EQ(frame_sleepers(), 0);
}

TEST(slab_sleepers_frame, "a frame freed serves all who sleep for objects that fit into it", .threads = true)
{
	struct slab_cache *cache = test_slab_cache_create("test-frame", 64, NULL, FRAME_ATOMIC);
	struct sleeper sleepers[5];
	phys_t frame = test_frame_alloc(1, FRAME_ATOMIC, 0);

	NEED(cache != NULL && frame != 0);
	turns = 0;
	(void) test_take_all_frames(0);
	for (size_t i = 0; i < ARRAY_COUNT(sleepers); i++)
		sleeper_start(&sleepers[i], cache, i);
	test_frame_free(frame, 1);
	for (size_t i = 0; i < ARRAY_COUNT(sleepers); i++)
		test_thread_join(sleepers[i].thread);
	CHECK_EQ(frame_sleepers(), 0);
}

TEST(slab_sleeper_other_cache, "who sleeps for memory is woken when another cache's last object of a slab comes back",
	.threads = true, .plain_only = "each run would sleep")
{
	struct slab_cache *other = test_slab_cache_create("test-other", 300, NULL, FRAME_ATOMIC);
	struct slab_cache *cache = exhausted_cache(300);
	struct sleeper sleeper;

	NEED(other != NULL && cache != NULL);
	sleeper_start(&sleeper, other, 0);
	for (size_t i = 0; i < all_count; i++)
		test_slab_free(cache, all[i]);
	test_thread_join(sleeper.thread);
	CHECK_NOT_NULL(served(&sleeper));
}

/* Takes an object as one that may sleep, and gives it back. */
static void passing_main(void *argument)
{
	struct sleeper *sleeper = argument;

	sleeper->got = slab_alloc(sleeper->cache, 0);
	sleeper->turn = __atomic_add_fetch(&turns, 1, __ATOMIC_SEQ_CST);
	slab_free(sleeper->cache, sleeper->got);
}

TEST(slab_sleeper_first, "who gives an object back and asks for one again gets in line behind who sleeps for it",
	.threads = true, .plain_only = "each run would sleep")
{
	struct slab_cache *cache = exhausted_cache(200);
	struct sleeper sleeper = { .cache = cache };

	NEED(cache != NULL);
	sleeper.thread = test_thread_start("passing", passing_main, &sleeper);
	CHECK(sleepers_are(1));
	test_slab_free(cache, all[0]);
	all[0] = test_slab_alloc(cache, 0);
	CHECK_EQ(__atomic_add_fetch(&turns, 1, __ATOMIC_SEQ_CST), 2);
	test_thread_join(sleeper.thread);
	CHECK_EQ(sleeper.turn, 1);
}

#define RUN 8

static void run_sleeper_main(void *argument)
{
	__atomic_store_n((pfn_t *) argument, test_frame_word(test_frame_alloc(RUN, 0, 0)), __ATOMIC_RELEASE);
}

/* A slab fills the only run there is; single frames there are for magazines, if anyone should want some. */
TEST(slab_sleeper_magazines, "while anyone sleeps for memory, objects given back do not stay in magazines",
	.threads = true)
{
	struct slab_cache *cache = test_slab_cache_create("test-run", KiB(6), NULL, FRAME_ATOMIC);
	phys_t run = test_frame_alloc(RUN, FRAME_ATOMIC, RUN * PAGE_SIZE - 1);
	phys_t spare = test_frame_alloc(RUN, FRAME_ATOMIC, RUN * PAGE_SIZE - 1);
	struct test_thread *thread;
	void *object;
	pfn_t got = 0;

	NEED(cache != NULL && run != 0 && spare != 0);
	(void) test_take_all_frames(0);
	test_frame_free(run, RUN);
	NEED((object = test_slab_alloc(cache, FRAME_ATOMIC)) != NULL);
	for (size_t i = 0; i < RUN; i += 2)
		test_frame_free(spare + i * PAGE_SIZE, 1);
	thread = test_thread_start("run-sleeper", run_sleeper_main, &got);
	CHECK(sleepers_are(1));
	test_sleep_ms(20);
	test_slab_free(cache, object);
	CHECK(test_wait_for(__atomic_load_n(&got, __ATOMIC_ACQUIRE) != 0, PATIENCE_MS));
	frame_reclaim(RECLAIM_FULL, true);
	test_thread_join(thread);
}

TEST(malloc_sleeper, "malloc that may sleep waits for memory, and gets what another thread frees", .threads = true)
{
	void *block = test_malloc(KiB(32), FRAME_ATOMIC);
	struct sleeper sleeper;

	NEED(block != NULL);
	turns = 0;
	(void) test_take_all_frames(0);
	while (test_malloc(KiB(3), FRAME_ATOMIC) != NULL || test_malloc(KiB(3), FRAME_ATOMIC) != NULL)
		continue;
	sleeper_start(&sleeper, NULL, 0);
	test_free(block);
	test_thread_join(sleeper.thread);
	CHECK_NOT_NULL(served(&sleeper));
}

/* ---- none is lost ---- */

#define LOST_ROUNDS 400

struct churner {
	struct test_thread *thread;
	struct slab_cache *cache;
	size_t rounds;
};

static void churner_main(void *argument)
{
	struct churner *churner = argument;

	for (churner->rounds = 0; churner->rounds < LOST_ROUNDS; churner->rounds++) {
		void *object = slab_alloc(churner->cache, 0);

		if (churner->rounds % 8 == 0)
			test_yield();
		slab_free(churner->cache, object);
	}
}

/* Threads over so many caches that fight for so many frames, fewer than they want. */
static void fight(size_t caches, size_t size, size_t frames)
{
	struct churner churners[6];
	struct slab_cache *cache[3];
	phys_t base;

	for (size_t i = 0; i < caches; i++)
		NEED((cache[i] = test_slab_cache_create("test-fight", size, NULL, FRAME_ATOMIC)) != NULL);
	NEED((base = test_frame_alloc(frames, FRAME_ATOMIC, frames * PAGE_SIZE - 1)) != 0);
	(void) test_take_all_frames(0);
	test_frame_free(base, frames);
	for (size_t i = 0; i < ARRAY_COUNT(churners); i++) {
		churners[i].cache = cache[i % caches];
		churners[i].thread = test_thread_start("churner", churner_main, &churners[i]);
	}
	for (size_t i = 0; i < ARRAY_COUNT(churners); i++) {
		test_thread_join(churners[i].thread);
		CHECK_EQ(churners[i].rounds, LOST_ROUNDS);
	}
	CHECK_EQ(frame_sleepers(), 0);
}

TEST(slab_no_sleeper_lost, "threads of three caches that fight for one frame all come to an end", .threads = true,
	.inject_runs = 12)
{
	fight(3, 128, 1);
}

TEST(slab_no_sleeper_lost_objects, "threads that fight for fewer objects than there are threads all come to an end",
	.threads = true, .inject_runs = 12)
{
	fight(1, 3000, 4);
}

TEST(slab_no_sleeper_lost_blocks, "threads that fight for objects that are blocks all come to an end", .threads = true,
	.inject_runs = 12)
{
	fight(2, KiB(16), 4);
}

/* ---- destroying while others reclaim ---- */

static bool stop_reclaiming;

static void reclaim_main(void *argument)
{
	(void) argument;
	while (!__atomic_load_n(&stop_reclaiming, __ATOMIC_RELAXED)) {
		frame_reclaim(RECLAIM_FULL, true);
		test_yield();
	}
}

TEST(slab_destroy_while_reclaimed, "a cache with nothing in use is destroyed, though another thread is reclaiming",
	.threads = true, .plain_only = "it takes rounds")
{
	static void *objects[200];
	struct test_thread *thread;
	size_t busy = 0;

	__atomic_store_n(&stop_reclaiming, false, __ATOMIC_RELAXED);
	thread = test_thread_start("reclaim", reclaim_main, NULL);
	for (size_t round = 0; round < 100; round++) {
		struct slab_cache *cache = slab_cache_create("passing", 64, NULL, 0);

		for (size_t i = 0; i < ARRAY_COUNT(objects); i++)
			objects[i] = slab_alloc(cache, 0);
		for (size_t i = 0; i < ARRAY_COUNT(objects); i++)
			slab_free(cache, objects[i]);
		while (slab_cache_destroy(cache) != EOK)
			busy++;
	}
	__atomic_store_n(&stop_reclaiming, true, __ATOMIC_RELAXED);
	test_thread_join(thread);
	CHECK_EQ(busy, 0);
}
