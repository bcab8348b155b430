/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Rows of slab caches and malloc. The columns of others are amd64's.
 */

#include <kernel/bench.h>
#include <mm/assert.h>
#include <mm/malloc.h>
#include <mm/slab.h>

#define ROUNDS 1000

static struct slab_cache *cache;
static void *objects[ROUNDS];
static unsigned short order[ROUNDS];

static bool cache_set_up(void)
{
	cache = slab_cache_create("bench-64", 64, NULL, FRAME_ATOMIC);
	return cache != NULL;
}

static void cache_tear_down(void)
{
	errno_t error = cache != NULL ? slab_cache_destroy(cache) : EOK;

	mm_assert(error == EOK, "the cache of the bench has objects in use");
	cache = NULL;
}

/* A fixed shuffle: Fisher and Yates, with the generator of Knuth's MMIX. */
static void shuffle(void)
{
	uint64_t state = 1;

	for (unsigned i = 0; i < ROUNDS; i++)
		order[i] = (unsigned short) i;
	for (unsigned i = ROUNDS - 1; i > 0; i--) {
		unsigned other;
		unsigned short swap = order[i];

		state = state * 6364136223846793005u + 1442695040888963407u;
		other = (unsigned) ((state >> 33) % (i + 1));
		order[i] = order[other];
		order[other] = swap;
	}
}

static bool shuffled_set_up(void)
{
	shuffle();
	return cache_set_up();
}

static void slab_pairs(void)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		slab_free(cache, slab_alloc(cache, 0));
}

static void slab_in_order(void)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		objects[i] = slab_alloc(cache, 0);
	for (unsigned i = 0; i < ROUNDS; i++)
		slab_free(cache, objects[i]);
}

static void slab_shuffled(void)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		objects[i] = slab_alloc(cache, 0);
	for (unsigned i = 0; i < ROUNDS; i++)
		slab_free(cache, objects[order[i]]);
}

static void malloc_100(void)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		free(malloc(100, 0));
}

static void malloc_max(void)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		free(malloc(MALLOC_MAX, 0));
}

static bool have_max(void)
{
	void *block = malloc(MALLOC_MAX, FRAME_ATOMIC);

	if (block == NULL)
		return false;
	free(block);
	return true;
}

static const struct bench_row rows[] = {
	{ .name = "slab-pair",
		.what = "slab, 64 B, pair",
		.set_up = cache_set_up,
		.batch = slab_pairs,
		.tear_down = cache_tear_down,
		.operations = ROUNDS,
		.goal = 360,
		.helenos = 2010,
		.linux = 1180 },
	{ .name = "slab-1000",
		.what = "slab, 64 B, 1,000 taken, given back in order, pair",
		.set_up = cache_set_up,
		.batch = slab_in_order,
		.tear_down = cache_tear_down,
		.operations = ROUNDS,
		.goal = 600,
		.helenos = 3600,
		.linux = 1410 },
	{ .name = "slab-shuffled",
		.what = "slab, 64 B, 1,000 taken, given back shuffled, pair",
		.set_up = shuffled_set_up,
		.batch = slab_shuffled,
		.tear_down = cache_tear_down,
		.operations = ROUNDS,
		.goal = 700,
		.helenos = 3600,
		.linux = 1700 },
	{ .name = "malloc-100",
		.what = "malloc(100), pair",
		.batch = malloc_100,
		.operations = ROUNDS,
		.goal = 500,
		.helenos = 3140,
		.linux = 1190 },
	{ .name = "malloc-256k",
		.what = "malloc(256 KiB), pair",
		.set_up = have_max,
		.batch = malloc_max,
		.operations = ROUNDS,
		.goal = 2500,
		.linux = 28770 },
};

const struct bench_group bench_slab_rows = { rows, ARRAY_COUNT(rows) };
