/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Constructors and destructors of object caches.
 */

#include <mm/held.h>
#include <test.h>

#define OBJECTS 100

static void *objects[OBJECTS];

static size_t per_slab(struct slab_cache *cache)
{
	struct slab_info info;

	slab_get_info(cache, &info);
	return info.objects_per_slab;
}

static size_t slabs(struct slab_cache *cache)
{
	struct slab_info info;

	slab_get_info(cache, &info);
	return info.slabs;
}

/* Takes objects until there are so many. @return false if one was refused */
static bool take(struct slab_cache *cache, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if ((objects[i] = test_slab_alloc(cache, FRAME_ATOMIC)) == NULL)
			return false;
	return true;
}

static void give(struct slab_cache *cache, size_t count)
{
	for (size_t i = 0; i < count; i++)
		test_slab_free(cache, objects[i]);
}

static size_t constructed, destroyed, refuse_after;

static errno_t constructor(void *object, frame_flags_t flags)
{
	(void) flags;
	if (refuse_after != 0 && constructed - destroyed >= refuse_after)
		return ENOMEM;
	constructed++;
	*(size_t *) object = 4711;
	return EOK;
}

static size_t destructor(void *object)
{
	CHECK_EQ(*(size_t *) object, 4711);
	*(size_t *) object = 0;
	destroyed++;
	return 0;
}

static struct slab_cache *constructing_cache(size_t size)
{
	const struct slab_cache_options options = { .constructor = constructor, .destructor = destructor };

	constructed = destroyed = refuse_after = 0;
	return test_slab_cache_create("test-constructor", size, &options, FRAME_ATOMIC);
}

/* Objects are ready when they come, stay so while they are cached, and are undone once. */
static bool stay_constructed(size_t size)
{
	struct slab_cache *cache = constructing_cache(size);
	size_t made;

	NEED_OR(cache != NULL, false);
	for (size_t round = 0; round < 3; round++) {
		NEED_OR(take(cache, 20), false);
		for (size_t i = 0; i < 20; i++)
			CHECK_EQ(*(size_t *) objects[i], 4711);
		give(cache, 20);
	}
	made = constructed;
	CHECK_LE(made, 20 + per_slab(cache));
	CHECK_EQ(test_slab_cache_destroy(cache), EOK);
	CHECK_EQ(constructed, made);
	CHECK_EQ(destroyed, made);
	return true;
}

TEST(slab_constructor, "constructors run when memory becomes objects, destructors when it ceases to be",
	.plain_only = "an object that finds no magazine is destroyed early")
{
	if (stay_constructed(64))
		stay_constructed(3000);
}

TEST(slab_constructor_block, "so it is with objects that are blocks of frames",
	.plain_only = "an object that finds no magazine is destroyed early")
{
	const struct slab_cache_options options = { .constructor = constructor, .destructor = destructor };
	struct slab_cache *cache;

	constructed = destroyed = refuse_after = 0;
	cache = test_slab_cache_create("test-constructor", KiB(16), &options, FRAME_ATOMIC);
	NEED(cache != NULL);
	for (size_t round = 0; round < 10; round++) {
		NEED((objects[0] = test_slab_alloc(cache, FRAME_ATOMIC)) != NULL);
		CHECK_EQ(*(size_t *) objects[0], 4711);
		test_slab_free(cache, objects[0]);
	}
	CHECK_EQ(constructed, 1);
	CHECK_EQ(test_slab_cache_destroy(cache), EOK);
	CHECK_EQ(destroyed, 1);
}

/* Lets the constructor fail for every object of a slab in turn. */
static bool constructor_fails(size_t size)
{
	struct slab_cache *cache = constructing_cache(size);

	NEED_OR(cache != NULL, false);
	for (refuse_after = 1; refuse_after < per_slab(cache); refuse_after++) {
		CHECK_NULL(test_slab_alloc(cache, FRAME_ATOMIC));
		CHECK_NULL(test_slab_alloc(cache, 0));
		CHECK_EQ(constructed, destroyed);
		CHECK_EQ(slabs(cache), 0);
	}
	return true;
}

TEST(slab_constructor_fails, "where a constructor fails there is no object, and nothing is left behind")
{
	struct slab_cache *cache;

	if (!constructor_fails(200) || !constructor_fails(3000))
		return;
	cache = constructing_cache(KiB(16));
	NEED(cache != NULL);
	NEED((objects[0] = test_slab_alloc(cache, FRAME_ATOMIC)) != NULL);
	refuse_after = 1;
	CHECK_NULL(test_slab_alloc(cache, FRAME_ATOMIC));
}

static errno_t constructor_with_memory(void *object, frame_flags_t flags)
{
	return (*(void **) object = mm_malloc(40, flags)) != NULL ? EOK : ENOMEM;
}

static size_t destructor_with_memory(void *object)
{
	mm_free(*(void **) object);
	return 0;
}

TEST(slab_constructor_memory, "constructors may take memory; what they took is given back by a full reclaim")
{
	const struct slab_cache_options options = { .constructor = constructor_with_memory,
		.destructor = destructor_with_memory };
	struct slab_cache *cache = test_slab_cache_create("test-memory", 304, &options, FRAME_ATOMIC);

	NEED(cache != NULL);
	NEED(take(cache, 100));
	give(cache, 100);
	frame_reclaim(RECLAIM_FULL, true);
	CHECK_EQ(slabs(cache), 0);
}

/* ---- neither waits for memory ---- */

static frame_flags_t flags_seen;

static errno_t constructor_that_looks(void *object, frame_flags_t flags)
{
	(void) object;
	flags_seen = flags;
	return EOK;
}

TEST(slab_constructor_atomic, "a constructor is not let sleep for memory, though the allocation may")
{
	const struct slab_cache_options options = { .constructor = constructor_that_looks };
	struct slab_cache *cache = test_slab_cache_create("test-flags", 300, &options, FRAME_ATOMIC);

	NEED(cache != NULL);
	flags_seen = 0;
	test_slab_free(cache, test_slab_alloc(cache, 0));
	CHECK_EQ(flags_seen, FRAME_ATOMIC);
}

#if CONFIG_DEBUG
static errno_t constructor_that_waits(void *object, frame_flags_t flags)
{
	(void) flags;
	return (*(void **) object = mm_malloc(40, 0)) != NULL ? EOK : ENOMEM;
}

TEST(slab_constructor_waits, "one that may sleep for memory all the same is told, though there is memory",
	.panics = "holds 1 frames")
{
	const struct slab_cache_options options = { .constructor = constructor_that_waits };
	struct slab_cache *cache = test_slab_cache_create("test-waits", 300, &options, 0);

	(void) !test_slab_alloc(cache, 0);
}

static size_t destructor_that_waits(void *object)
{
	(void) object;
	mm_free(mm_malloc(40, 0));
	return 0;
}

TEST(slab_destructor_waits, "so is a destructor", .panics = "holds 1 frames")
{
	const struct slab_cache_options options = { .destructor = destructor_that_waits };
	struct slab_cache *cache = test_slab_cache_create("test-waits", 300, &options, 0);

	test_slab_free(cache, test_slab_alloc(cache, 0));
	(void) !test_slab_cache_destroy(cache);
}

TEST(slab_alloc_holding, "slab_alloc that may sleep while the thread holds frames is told, though it has an object",
	.panics = "slab_alloc: may sleep for memory, but this thread holds 3 frames")
{
	struct slab_cache *cache = test_slab_cache_create("test-holding", 300, NULL, 0);

	test_slab_free(cache, test_slab_alloc(cache, 0));
	held_add(HELD_FRAMES, 3);
	(void) !test_slab_alloc(cache, 0);
}

TEST(malloc_holding, "so is malloc", .panics = "may sleep for memory, but this thread holds 1 objects")
{
	mm_free(mm_malloc(100, 0));
	held_add(HELD_OBJECTS, 1);
	mm_free(mm_malloc(100, 0));
}
#endif

/* ---- destroying waits for destructors ---- */

static bool in_destructor, let_go, destroyed_yet, late;

static size_t destructor_that_stays(void *object)
{
	(void) object;
	__atomic_store_n(&in_destructor, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&let_go, __ATOMIC_ACQUIRE))
		test_yield();
	if (__atomic_load_n(&destroyed_yet, __ATOMIC_ACQUIRE))
		__atomic_store_n(&late, true, __ATOMIC_RELAXED);
	return 0;
}

static void reclaim(void *argument)
{
	(void) argument;
	(void) slab_reclaim(RECLAIM_FULL, true);
}

static void destroy(void *argument)
{
	CHECK_EQ(slab_cache_destroy(argument), EOK);
	__atomic_store_n(&destroyed_yet, true, __ATOMIC_RELEASE);
}

TEST(slab_destroy_destructor, "slab_cache_destroy does not return while a reclaim runs the cache's destructor",
	.threads = true, .plain_only = "what it allocates it has to have")
{
	const struct slab_cache_options options = { .destructor = destructor_that_stays, .flags = SLAB_NO_MAGAZINES };
	struct slab_cache *cache = slab_cache_create("test-destroy", 512, &options, FRAME_ATOMIC);
	struct test_thread *reclaimer, *destroyer;
	void *object;

	NEED(cache != NULL);
	in_destructor = let_go = destroyed_yet = late = false;
	NEED((object = slab_alloc(cache, FRAME_ATOMIC)) != NULL);
	slab_free(cache, object); /* the slab, empty, is kept */
	reclaimer = test_thread_start("reclaimer", reclaim, NULL);
	CHECK(test_wait_for(__atomic_load_n(&in_destructor, __ATOMIC_ACQUIRE), PATIENCE_MS));
	destroyer = test_thread_start("destroyer", destroy, cache);
	CHECK(!test_wait_for(__atomic_load_n(&destroyed_yet, __ATOMIC_ACQUIRE), 100));
	__atomic_store_n(&let_go, true, __ATOMIC_RELEASE);
	test_thread_join(destroyer);
	test_thread_join(reclaimer);
	CHECK(!late);
}
