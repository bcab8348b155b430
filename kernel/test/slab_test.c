/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Object caches: what one thread can see. What several see is in
 * slab_threads_test.c, constructors in slab_constructor_test.c, mistakes in
 * slab_mistakes_test.c.
 */

#include <test.h>

/* Most objects that a case of this file holds at a time. */
#define OBJECTS 600

static void *objects[OBJECTS];

static struct slab_info info_of(struct slab_cache *cache)
{
	struct slab_info info;

	slab_get_info(cache, &info);
	return info;
}

/* Objects of a size that a case takes: many of small ones, few of large ones. */
static size_t many_of(size_t size)
{
	return size >= KiB(16) ? 16 : size >= 512 ? 100 : OBJECTS;
}

/* Takes objects until there are so many. @return false if one was refused */
static bool take(struct slab_cache *cache, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if ((objects[i] = test_slab_alloc(cache, FRAME_ATOMIC)) == NULL)
			return false;
	return true;
}

static void give(struct slab_cache *cache, size_t first, size_t count, size_t step)
{
	for (size_t i = first; i < count; i += step)
		test_slab_free(cache, objects[i]);
}

/* Fills an object with bytes that only this one has. */
static void fill(void *object, size_t size, size_t number)
{
	uint8_t *bytes = object;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t) (number * 31 + i);
}

static bool is_filled(const void *object, size_t size, size_t number)
{
	const uint8_t *bytes = object;

	for (size_t i = 0; i < size; i++)
		if (bytes[i] != (uint8_t) (number * 31 + i))
			return false;
	return true;
}

/* ---- sizes ---- */

static const size_t sizes[] = { 8, 9, 16, 24, 40, 64, 100, 128, 200, 256, 500, 512, 1000, 1024, 1500, 2048, 3000, 4000,
	KiB(4), 5000, KiB(8), 9000, KiB(12), KiB(16), 20000, KiB(32), KiB(64) };

/* Fills a cache, gives half of it back, reclaims, takes it again: nothing of what is held changes. */
static void fill_and_halve(size_t size)
{
	struct slab_cache *cache = test_slab_cache_create("test-sizes", size, NULL, FRAME_ATOMIC);
	size_t count = many_of(size), slabs;

	NEED(cache != NULL);
	NEED(take(cache, count));
	for (size_t i = 0; i < count; i++)
		fill(objects[i], size, i);
	CHECK_EQ(info_of(cache).in_use, count);
	slabs = info_of(cache).slabs;
	give(cache, 0, count, 2);
	frame_reclaim(RECLAIM_FULL, true);
	CHECK_EQ(info_of(cache).in_use, count / 2);
	CHECK_EQ(info_of(cache).cached, 0);
	CHECK_LE(info_of(cache).slabs, slabs);
	for (size_t i = 1; i < count; i += 2)
		CHECK(is_filled(objects[i], size, i));
	for (size_t i = 0; i < count; i += 2) {
		NEED((objects[i] = test_slab_alloc(cache, FRAME_ATOMIC)) != NULL);
		fill(objects[i], size, i);
	}
	for (size_t i = 0; i < count; i++)
		CHECK(is_filled(objects[i], size, i));
	give(cache, 0, count, 1);
	frame_reclaim(RECLAIM_FULL, true);
	CHECK_EQ(info_of(cache).slabs, 0);
	CHECK_EQ(test_slab_cache_destroy(cache), EOK);
}

TEST(slab_sizes, "caches of 8 bytes to 64 KiB are filled, half given back, reclaimed and filled again",
	.inject_runs = 24)
{
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++)
		fill_and_halve(sizes[i]);
}

TEST(slab_largest, "a cache of the largest objects works, one of larger ones is refused with a sentence",
	.logs = "slab_cache_create(")
{
	struct slab_cache *cache = test_slab_cache_create("test-largest", SLAB_MAX_SIZE, NULL, FRAME_ATOMIC);

	NEED(cache != NULL);
	NEED(take(cache, 2));
	fill(objects[0], SLAB_MAX_SIZE, 1);
	CHECK(is_filled(objects[0], SLAB_MAX_SIZE, 1));
	CHECK_NULL(test_slab_cache_create("test-larger", SLAB_MAX_SIZE + 1, NULL, FRAME_ATOMIC));
	NEED(test_logged("slab_cache_create(test-larger)"));
}

TEST(slab_smallest, "objects smaller than the smallest are rounded up")
{
	struct slab_cache *cache = test_slab_cache_create("test-smallest", 1, NULL, FRAME_ATOMIC);

	NEED(cache != NULL);
	NEED(take(cache, 2));
	CHECK_EQ(info_of(cache).size, SLAB_MIN_SIZE);
	CHECK_NE((uintptr_t) objects[0], (uintptr_t) objects[1]);
}

TEST(slab_waste, "a slab wastes no more than an eighth, where the objects have no red zones")
{
	if (CONFIG_DEBUG)
		SKIP("objects of debug builds have red zones");
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		struct slab_cache *cache = test_slab_cache_create("test-waste", sizes[i], NULL, FRAME_ATOMIC);
		struct slab_info info;
		size_t bytes;

		NEED(cache != NULL);
		info = info_of(cache);
		bytes = info.slab_frames * PAGE_SIZE;
		if (sizes[i] <= KiB(8))
			CHECK_LE(bytes - info.objects_per_slab * info.stride, bytes / 8);
		else
			CHECK_LT(bytes - info.size, PAGE_SIZE);
		CHECK_EQ(test_slab_cache_destroy(cache), EOK);
	}
}

/* ---- alignment, colours ---- */

static bool aligned(size_t size, size_t align)
{
	const struct slab_cache_options options = { .align = align };
	struct slab_cache *cache = test_slab_cache_create("test-align", size, &options, FRAME_ATOMIC);

	NEED_OR(cache != NULL, false);
	NEED_OR(take(cache, 20), false);
	for (size_t i = 0; i < 20; i++)
		CHECK_EQ((uintptr_t) objects[i] % align, 0);
	give(cache, 0, 20, 1);
	return test_slab_cache_destroy(cache) == EOK;
}

TEST(slab_alignment, "objects lie at multiples of the alignment asked for, from 1 to a page")
{
	static const size_t some[] = { 8, 24, 100, 1000, 5000, 20000 };

	for (size_t align = 1; align <= PAGE_SIZE; align *= 2)
		for (size_t i = 0; i < ARRAY_COUNT(some); i++)
			if (!aligned(some[i], align))
				return;
}

TEST(slab_alignment_refused, "an alignment that is no power of two, or beyond a page, is refused with a sentence",
	.logs = "slab_cache_create(")
{
	const struct slab_cache_options odd = { .align = 24 }, large = { .align = 2 * PAGE_SIZE };

	CHECK_NULL(test_slab_cache_create("test-odd", 64, &odd, FRAME_ATOMIC));
	NEED(test_logged("slab_cache_create(test-odd)"));
	CHECK_NULL(test_slab_cache_create("test-wide", 64, &large, FRAME_ATOMIC));
	NEED(test_logged("slab_cache_create(test-wide)"));
}

TEST(slab_alignment_default, "without a word on alignment, objects lie as their size allows, up to 16")
{
	struct slab_cache *cache = test_slab_cache_create("test-default", 48, NULL, FRAME_ATOMIC);

	NEED(cache != NULL);
	NEED(take(cache, 10));
	for (size_t i = 0; i < 10; i++)
		CHECK_EQ((uintptr_t) objects[i] % 16, 0);
}

TEST(slab_colours, "the first objects of slabs lie on different cache lines, as far as there is room")
{
	const struct slab_cache_options options = { .align = 8, .flags = SLAB_NO_MAGAZINES };
	struct slab_cache *cache = test_slab_cache_create("test-colours", 700, &options, FRAME_ATOMIC);
	struct slab_info info;
	size_t lines = 0, colours, per_slab;

	NEED(cache != NULL);
	info = info_of(cache);
	per_slab = info.objects_per_slab;
	colours = (info.slab_frames * PAGE_SIZE - per_slab * info.stride - 128) / CACHE_LINE;
	NEED(take(cache, per_slab * colours));
	for (size_t i = 0; i < colours; i++) {
		size_t offset = (uintptr_t) objects[i * per_slab] % (info.slab_frames * PAGE_SIZE);

		lines |= (size_t) 1 << offset / CACHE_LINE;
	}
	CHECK_GE(test_bits(lines), colours);
}

/* ---- destroying ---- */

TEST(slab_destroy_in_use, "a cache with objects in use is not destroyed, and the log names cache, count and objects",
	.logs = "slab_cache_destroy(")
{
	struct slab_cache *cache = test_slab_cache_create("test-busy", 80, NULL, FRAME_ATOMIC);
	char address[32];

	NEED(cache != NULL);
	NEED(take(cache, 3));
	test_slab_free(cache, objects[1]);
	CHECK_EQ(test_slab_cache_destroy(cache), EBUSY);
	CHECK(test_logged("slab_cache_destroy(test-busy): 2 objects of 80 bytes are in use"));
	test_format(address, sizeof address, "  %p is in use", objects[0]);
	CHECK(test_logged(address));
	NEED((objects[1] = test_slab_alloc(cache, FRAME_ATOMIC)) != NULL);
	give(cache, 0, 3, 1);
	CHECK_EQ(test_slab_cache_destroy(cache), EOK);
}

TEST(slab_destroy_in_use_blocks, "so it is where objects are blocks of frames", .logs = "slab_cache_destroy(")
{
	struct slab_cache *cache = test_slab_cache_create("test-busy", KiB(12), NULL, FRAME_ATOMIC);

	NEED(cache != NULL);
	NEED(take(cache, 2));
	CHECK_EQ(test_slab_cache_destroy(cache), EBUSY);
	CHECK(test_logged("slab_cache_destroy(test-busy): 2 objects"));
	give(cache, 0, 2, 1);
	CHECK_EQ(test_slab_cache_destroy(cache), EOK);
}

/* ---- the registry ---- */

static bool count_visits(struct slab_cache *cache, void *argument)
{
	(void) cache;
	return ++*(size_t *) argument < 3;
}

static bool destroy_named(struct slab_cache *cache, void *argument)
{
	struct slab_info info = info_of(cache);

	if (__builtin_strcmp(info.name, "test-visited") == 0) {
		CHECK_EQ(test_slab_cache_destroy(cache), EOK);
		++*(size_t *) argument;
	}
	return true;
}

TEST(slab_registry, "caches are found by name and visited in order; a visit may destroy what it visits, and may stop")
{
	struct slab_cache *first = test_slab_cache_create("test-visited", 16, NULL, FRAME_ATOMIC);
	struct slab_cache *second = test_slab_cache_create("test-visited", 32, NULL, FRAME_ATOMIC);
	struct slab_cache *found_first;
	size_t visits = 0, found = 0;

	NEED(first != NULL && second != NULL);
	CHECK_PTR(found_first = slab_cache_find("test-visited"), first);
	if (found_first != NULL)
		slab_cache_release(found_first);
	CHECK_NULL(slab_cache_find("test-visite"));
	slab_cache_each(count_visits, &visits);
	CHECK_EQ(visits, 3);
	slab_cache_each(destroy_named, &found);
	CHECK_EQ(found, 2);
	CHECK_NULL(slab_cache_find("test-visited"));
}

/* Stops at the cache. */
static bool differs(struct slab_cache *cache, void *argument)
{
	struct slab_cache **wanted = argument;

	if (cache != *wanted)
		return true;
	*wanted = NULL;
	return false;
}

TEST(slab_find_holds, "a cache that was found stays where it is though it is destroyed, until it is released")
{
	struct slab_cache *cache = test_slab_cache_create("test-found", 48, NULL, FRAME_ATOMIC), *found, *other, *visited;

	NEED(cache != NULL);
	NEED((found = slab_cache_find("test-found")) != NULL);
	CHECK_EQ(test_slab_cache_destroy(cache), EOK);
	other = test_slab_cache_create("test-other", 4000, NULL, FRAME_ATOMIC);
	CHECK(other != found);
	CHECK_STR(info_of(found).name, "test-found");
	CHECK_EQ(info_of(found).size, 48);
	visited = found;
	slab_cache_each(differs, &visited);
	CHECK_PTR(visited, found); /* a walk does not come by it */
	slab_cache_release(found);
	NEED(other != NULL);
}

TEST(slab_name, "of a long name 31 characters are kept")
{
	struct slab_cache *cache = test_slab_cache_create("abcdefghijklmnopqrstuvwxyz0123456789", 16, NULL, FRAME_ATOMIC);

	NEED(cache != NULL);
	CHECK_STR(info_of(cache).name, "abcdefghijklmnopqrstuvwxyz01234");
}

/* ---- magazines, reclaim ---- */

TEST(slab_magazines, "objects given back stay with the CPU and come again, the newest first",
	.plain_only = "an object that finds no magazine goes to its slab")
{
	struct slab_cache *cache = test_slab_cache_create("test-magazines", 64, NULL, FRAME_ATOMIC);

	NEED(cache != NULL);
	NEED(take(cache, 4));
	give(cache, 0, 4, 1);
	CHECK_EQ(info_of(cache).cached, 4);
	CHECK_EQ(info_of(cache).in_use, 0);
	for (size_t i = 4; i > 0; i--)
		CHECK_PTR(test_slab_alloc(cache, FRAME_ATOMIC), objects[i - 1]);
	CHECK_EQ(info_of(cache).in_use, 4);
}

TEST(slab_magazines_grow, "magazines of a busy cache grow; a full reclaim begins anew",
	.plain_only = "an object that finds no magazine goes to its slab")
{
	struct slab_cache *cache = test_slab_cache_create("test-grow", 32, NULL, FRAME_ATOMIC);
	size_t least;

	NEED(cache != NULL);
	least = info_of(cache).magazine_size;
	for (size_t round = 0; round < 20; round++) {
		NEED(take(cache, OBJECTS));
		give(cache, 0, OBJECTS, 1);
	}
	CHECK_GT(info_of(cache).magazine_size, 2 * least);
	CHECK_EQ(info_of(cache).cached, OBJECTS);
	frame_reclaim(RECLAIM_FULL, true);
	CHECK_EQ(info_of(cache).magazine_size, least);
	CHECK_EQ(info_of(cache).cached, 0);
}

TEST(slab_reclaim_light, "a light reclaim takes the magazines that nobody needed since the last, and no other",
	.plain_only = "an object that finds no magazine goes to its slab")
{
	struct slab_cache *cache = test_slab_cache_create("test-light", 32, NULL, FRAME_ATOMIC);
	size_t cached;

	NEED(cache != NULL);
	for (size_t round = 0; round < 2; round++) {
		NEED(take(cache, OBJECTS));
		give(cache, 0, OBJECTS, 1);
		frame_reclaim(RECLAIM_LIGHT, true);
		CHECK_EQ(info_of(cache).cached, OBJECTS);
	}
	frame_reclaim(RECLAIM_LIGHT, true);
	cached = info_of(cache).cached;
	CHECK_LT(cached, OBJECTS / 2);
	frame_reclaim(RECLAIM_FULL, true);
	CHECK_EQ(info_of(cache).cached, 0);
	CHECK_EQ(info_of(cache).slabs, 0);
}

TEST(slab_reclaim_atomic, "a reclaim that may not wait empties this CPU's magazines")
{
	struct slab_cache *cache = test_slab_cache_create("test-atomic", 128, NULL, FRAME_ATOMIC);
	port_irq_t irq;
	size_t frames;

	NEED(cache != NULL);
	NEED(take(cache, 100));
	give(cache, 0, 100, 1);
	irq = port_irq_save();
	frames = slab_reclaim(RECLAIM_FULL, false);
	port_irq_restore(irq);
	CHECK_GE(frames, 0);
	CHECK_EQ(info_of(cache).cached, 0);
	CHECK_EQ(info_of(cache).slabs, 0);
}

TEST(slab_statistics, "slabs made and given back, objects taken and refused are counted")
{
	struct slab_cache *cache = test_slab_cache_create("test-statistics", KiB(1), NULL, FRAME_ATOMIC);
	struct slab_info info;

	NEED(cache != NULL);
	NEED(take(cache, 50));
	give(cache, 0, 50, 1);
	frame_reclaim(RECLAIM_FULL, true);
	info = info_of(cache);
	CHECK_EQ(info.size, KiB(1));
	CHECK_GE(info.stride, KiB(1));
	CHECK_EQ(info.grown, (50 + info.objects_per_slab - 1) / info.objects_per_slab);
	CHECK_EQ(info.reaped, info.grown);
	CHECK_EQ(info.allocs, info.frees);
	CHECK_GE(info.allocs, 50);
	(void) test_take_all_frames(0);
	CHECK_NULL(test_slab_alloc(cache, FRAME_ATOMIC));
	CHECK_EQ(info_of(cache).failed, 1);
	CHECK_EQ(info_of(cache).allocs, info.allocs); /* what was refused was not taken */
}

/* ---- want of memory ---- */

TEST(slab_last_frame, "two caches fight for the last frame: what one gives back the other gets")
{
	const struct slab_cache_options options = { .align = CACHE_LINE };
	struct slab_cache *left = test_slab_cache_create("test-left", 256, &options, FRAME_ATOMIC);
	struct slab_cache *right = test_slab_cache_create("test-right", 256, &options, FRAME_ATOMIC);

	NEED(left != NULL && right != NULL);
	(void) test_leave_frames(1, 0);
	for (size_t round = 0; round < 10; round++) {
		struct slab_cache *winner = round % 2 == 0 ? left : right, *loser = round % 2 == 0 ? right : left;

		NEED((objects[0] = test_slab_alloc(winner, FRAME_ATOMIC)) != NULL);
		CHECK_NULL(test_slab_alloc(loser, FRAME_ATOMIC));
		test_slab_free(winner, objects[0]);
	}
}

TEST(slab_all_memory, "all memory can go into one cache; giving it back works with no frame left")
{
	struct slab_cache *cache = test_slab_cache_create("test-all", KiB(2), NULL, FRAME_ATOMIC);
	static struct test_chain chain;
	size_t count = 0, frames;
	void *object;

	NEED(cache != NULL);
	chain = TEST_CHAIN(cache);
	(void) test_leave_frames(2048, 0);
	frames = test_free_frames(0);
	while ((object = slab_alloc(cache, FRAME_ATOMIC)) != NULL) {
		test_chain_push(&chain, object);
		count++;
	}
	NEED(count >= frames * PAGE_SIZE / (CONFIG_DEBUG ? KiB(5) : KiB(5) / 2));
	CHECK_EQ(info_of(cache).in_use, count);
	test_chain_free(&chain);
	CHECK_EQ(info_of(cache).in_use, 0);
}
