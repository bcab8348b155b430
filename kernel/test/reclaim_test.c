/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Reclaim does not nest: what a reclaimer, or a destructor that it calls,
 * allocates is allocated without reclaim, and may not wait.
 *
 * Reclaimers are never taken out: the one here does nothing while no case runs.
 */

#include <test.h>

#define CALLS_MOST 1000

static struct {
	bool active;
	frame_flags_t flags; /* what it allocates with */
	size_t depth, deepest, calls;
} reclaims;

static void depth_enter(void)
{
	reclaims.calls++;
	if (++reclaims.depth > reclaims.deepest)
		reclaims.deepest = reclaims.depth;
}

/* Allocates from the slabs and from the zones, as a cache that writes its pages out might. */
static void note_write(void)
{
	void *note = mm_malloc(KiB(16), FRAME_ATOMIC);
	phys_t base = frame_alloc(3, reclaims.flags, 0);

	if (note != NULL)
		mm_free(note);
	if (base != 0)
		frame_free(base, 3);
}

static size_t reclaim_and_allocate(enum reclaim_strength strength, bool may_wait)
{
	(void) strength, (void) may_wait;
	if (!reclaims.active)
		return 0;
	depth_enter();
	if (reclaims.depth < 10 && reclaims.calls < CALLS_MOST) { /* or a case that fails does not end */
		note_write();
		(void) frame_reclaim(RECLAIM_LIGHT, false);
	}
	reclaims.depth--;
	return 0;
}

static void reclaimer_start(frame_flags_t flags)
{
	static struct reclaimer reclaimer = { .name = "allocating", .reclaim = reclaim_and_allocate };
	static bool registered;

	if (!registered)
		frame_reclaimer_register(&reclaimer);
	registered = true;
	reclaims.depth = reclaims.deepest = reclaims.calls = 0;
	reclaims.flags = flags;
	reclaims.active = true;
}

TEST(reclaim_does_not_nest, "a reclaimer that allocates, or asks for a reclaim, is not called from within itself")
{
	(void) test_take_all_frames(FRAME_HIGHMEM);
	reclaimer_start(FRAME_ATOMIC);
	CHECK_EQ(test_frame_alloc(4, FRAME_ATOMIC, 0), 0);
	if (!test_injecting())
		CHECK_EQ(reclaims.calls, 2); /* a light one and a full one */
	CHECK_LE(reclaims.deepest, 1);
	reclaims.calls = 0;
	frame_reclaim(RECLAIM_FULL, true); /* the mark is gone */
	CHECK_EQ(reclaims.calls, 1);
	CHECK_LE(reclaims.deepest, 1);
	reclaims.active = false;
}

TEST(reclaim_ends, "a refused allocation ends, though a reclaimer frees, each time, what it has allocated itself")
{
	(void) test_leave_frames(16, FRAME_HIGHMEM);
	reclaimer_start(FRAME_ATOMIC);
	CHECK_EQ(test_frame_alloc(64, FRAME_ATOMIC, 0), 0);
	CHECK_LE(reclaims.calls, 10);
	reclaims.active = false;
}

TEST(reclaim_may_not_wait, "a reclaimer that may sleep for memory is stopped, though memory is there",
	.panics = "this thread runs reclaimer allocating")
{
	reclaimer_start(0);
	frame_reclaim(RECLAIM_LIGHT, true);
}

static size_t destructor(void *object)
{
	(void) object;
	depth_enter();
	if (reclaims.depth < 100)
		note_write();
	reclaims.depth--;
	return 0;
}

#define MANY 2000
#define BOUND 300 /* objects: some frames' worth, and magazines */

static size_t destroyed;

static size_t cached_in(struct slab_cache *cache)
{
	struct slab_info info;

	slab_get_info(cache, &info);
	return info.cached;
}

static size_t destructor_count(void *object)
{
	(void) object;
	destroyed++;
	return 0;
}

/*
 * Many objects in a depot, and no frame free: freeing the first has freed some, before there was a magazine, and a
 * light reclaim frees what is empty by then. Then this. @return objects destroyed by it
 */
static size_t reclaimed_by(phys_t (*allocate)(void))
{
	static const struct slab_cache_options options = { .destructor = destructor_count };
	static void *objects[MANY];
	struct slab_cache *cache = test_slab_cache_create("test-many", 500, &options, FRAME_ATOMIC);
	phys_t base;

	reclaims.active = false;
	NEED_OR(cache != NULL, 0);
	for (size_t i = 0; i < MANY; i++)
		NEED_OR((objects[i] = test_slab_alloc(cache, FRAME_ATOMIC)) != NULL, 0);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	for (size_t i = 0; i < MANY; i++)
		test_slab_free(cache, objects[i]);
	(void) frame_reclaim(RECLAIM_LIGHT, false);
	while (test_frame_alloc(1, FRAME_ATOMIC | FRAME_NO_RECLAIM, 0) != 0)
		;
	CHECK_GT(cached_in(cache), MANY / 2);
	destroyed = 0;
	base = allocate();
	CHECK_GT(destroyed, 0);
	if (CHECK_NE(base, 0))
		frame_free(base, 1);
	return destroyed;
}

static phys_t allocate_atomic(void)
{
	return frame_alloc(1, FRAME_ATOMIC, 0);
}

static phys_t allocate_interrupts_off(void)
{
	port_irq_t irq = port_irq_save();
	phys_t base = frame_alloc(1, FRAME_ATOMIC, 0);

	port_irq_restore(irq);
	return base;
}

TEST(reclaim_atomic_bounded, "FRAME_ATOMIC frees some of what caches keep, as much as is needed, not all of it",
	.frames = 700, .plain_only = "it counts objects")
{
	CHECK_LT(reclaimed_by(allocate_atomic), BOUND);
	test_free_all_frames();
	CHECK_LT(reclaimed_by(allocate_interrupts_off), BOUND);
	test_free_all_frames();
}

/* Of each slab one object stays in use, so that the others free no frame. */
TEST(reclaim_interrupts_off_bounded, "with interrupts off a reclaim that finds no frame ends after some objects",
	.frames = 700, .plain_only = "it counts objects")
{
	static void *objects[MANY];
	struct slab_cache *cache = test_slab_cache_create("test-many", 500, NULL, FRAME_ATOMIC);
	size_t cached, left;
	port_irq_t irq;

	reclaims.active = false;
	NEED(cache != NULL);
	for (size_t i = 0; i < MANY; i++)
		NEED((objects[i] = test_slab_alloc(cache, FRAME_ATOMIC)) != NULL);
	for (size_t i = 0; i < MANY; i++)
		if (i % 4 != 0)
			test_slab_free(cache, objects[i]);
	cached = cached_in(cache);
	CHECK_GT(cached, 1000);
	irq = port_irq_save();
	frame_reclaim(RECLAIM_FULL, false);
	port_irq_restore(irq);
	left = cached_in(cache);
	CHECK_LT(left, cached);
	CHECK_LT(cached - left, 800);
	frame_reclaim(RECLAIM_FULL, true); /* goes on where that has ended */
	CHECK_EQ(cached_in(cache), 0);
	for (size_t i = 0; i < MANY; i += 4)
		test_slab_free(cache, objects[i]);
}

#define POOL 256 /* frames */
#define RUN (POOL / 4)

TEST(reclaim_atomic_repeated, "FRAME_ATOMIC with interrupts on goes on as long as frames come, if it wants a long run",
	.frames = 700, .plain_only = "it is about how far it goes")
{
	static const struct slab_cache_options options = { .destructor = destructor_count };
	struct slab_cache *cache = test_slab_cache_create("test-pool", 496, &options, FRAME_ATOMIC);
	phys_t pool = test_frame_alloc(POOL, FRAME_ATOMIC | FRAME_LOWMEM, POOL * PAGE_SIZE - 1), base;
	struct test_chain chain = TEST_CHAIN(cache);
	void *object;

	reclaims.active = false;
	NEED(cache != NULL && pool != 0);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	test_frame_free(pool, POOL);
	while ((object = slab_alloc(cache, FRAME_ATOMIC)) != NULL)
		test_chain_push(&chain, object);
	test_chain_free(&chain);
	base = frame_alloc(RUN, FRAME_ATOMIC, 0);
	if (CHECK_NE(base, 0))
		frame_free(base, RUN);
	test_free_all_frames();
}

TEST(reclaim_destructor, "a destructor that allocates in a reclaim does not begin another")
{
	static const struct slab_cache_options options = { .destructor = destructor };
	static void *objects[200];
	struct slab_cache *cache = test_slab_cache_create("test-destructor", 1000, &options, FRAME_ATOMIC);

	reclaims.active = false;
	reclaims.depth = reclaims.deepest = 0;
	reclaims.flags = FRAME_ATOMIC;
	NEED(cache != NULL);
	for (size_t i = 0; i < ARRAY_COUNT(objects); i++)
		NEED((objects[i] = test_slab_alloc(cache, FRAME_ATOMIC)) != NULL);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	for (size_t i = 0; i < ARRAY_COUNT(objects); i++)
		test_slab_free(cache, objects[i]);
	(void) !test_frame_alloc(16, FRAME_ATOMIC, 0);
	CHECK_LE(reclaims.deepest, 4);
	test_free_all_frames();
}
