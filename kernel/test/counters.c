/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where the core's counters stand: taken before a case, compared after it. What
 * the core keeps back for speed (magazines, empty slabs, per-CPU caches of
 * frames) is reclaimed first, so that what is left in use has an owner, and a
 * difference is a leak, or something given back twice.
 *
 * Caches are compared one by one, so that a leak has a name; a cache that is new
 * is one that the case has made and not destroyed.
 */

#include "test_internal.h"

#define CACHES_MOST 128

struct cache_count {
	char name[32];
	const struct slab_cache *cache;
	size_t in_use;
};

/* Of all arenas together. */
struct arena_sums {
	size_t arenas, spans, taken;
};

static struct {
	struct frame_info frames;
	struct page_table_info pages;
	struct km_info km;
	struct arena_sums arenas;
	size_t address_spaces;
	struct cache_count caches[CACHES_MOST];
	size_t cache_count;
} before;

static size_t differences;

static bool take_cache(struct slab_cache *cache, void *argument)
{
	struct cache_count *count = &before.caches[before.cache_count];
	struct slab_info info;

	(void) argument;
	if (before.cache_count == CACHES_MOST)
		return false;
	slab_get_info(cache, &info);
	__builtin_memcpy(count->name, info.name, sizeof count->name);
	count->cache = cache;
	count->in_use = info.in_use;
	before.cache_count++;
	return true;
}

static bool add_arena(struct vmem *arena, void *argument)
{
	struct arena_sums *sums = argument;
	struct vmem_info info;

	vmem_get_info(arena, &info);
	sums->arenas++;
	sums->spans += info.spans;
	sums->taken += info.taken;
	return true;
}

void counters_take(void)
{
	while (frame_reclaim(RECLAIM_FULL, true) != 0) /* each frees a bounded number */
		;
	frame_get_info(&before.frames);
	page_table_get_info(&page_kernel, &before.pages);
	km_get_info(&before.km);
	before.arenas = (struct arena_sums){ 0 };
	vmem_each(add_arena, &before.arenas);
	before.address_spaces = as_count();
	before.cache_count = 0;
	slab_cache_each(take_cache, NULL);
}

static void compare(const char *what, size_t now, size_t then)
{
	if (now == then)
		return;
	differences++;
	test_note("leak: %s: %zu before the case, %zu after it", what, then, now);
}

static const struct cache_count *count_of(const struct slab_cache *cache)
{
	for (size_t i = 0; i < before.cache_count; i++)
		if (before.caches[i].cache == cache)
			return &before.caches[i];
	return NULL;
}

static bool compare_cache(struct slab_cache *cache, void *argument)
{
	const struct cache_count *then = count_of(cache);
	struct slab_info info;
	char what[64];

	(void) argument;
	slab_get_info(cache, &info);
	test_format(what, sizeof what, "objects in use of cache %s", info.name);
	if (then != NULL) {
		compare(what, info.in_use, then->in_use);
	} else if (before.cache_count < CACHES_MOST) {
		differences++;
		test_note("leak: cache %s, with %zu objects in use, was not there before the case", info.name, info.in_use);
	}
	return true;
}

static void compare_pages(void)
{
	struct page_table_info now;
	char what[64];

	page_table_get_info(&page_kernel, &now);
	compare("page tables set aside", now.spares, before.pages.spares);
	for (unsigned level = 0; level < now.levels; level++) {
		test_format(what, sizeof what, "page tables of level %u", level);
		compare(what, now.tables[level], before.pages.tables[level]);
		test_format(what, sizeof what, "entries in use of page tables of level %u", level);
		compare(what, now.entries[level], before.pages.entries[level]);
	}
}

size_t counters_compare(void)
{
	struct frame_info frames;
	struct arena_sums arenas = { 0 };
	struct km_info km;

	differences = 0;
	while (frame_reclaim(RECLAIM_FULL, true) != 0) /* each frees a bounded number */
		;
	frame_get_info(&frames);
	compare("free frames", frames.free + frames.cached, before.frames.free + before.frames.cached);
	compare("frames promised", frames.promised, before.frames.promised);
	compare("frames promised that have a permanent address", frames.promised_low, before.frames.promised_low);
	compare("sleepers", frames.sleepers, before.frames.sleepers);
	compare_pages();
	km_get_info(&km);
	compare("free pages of the kernel's window", km.free, before.km.free);
	compare("kernel mappings", km.mappings, before.km.mappings);
	vmem_each(add_arena, &arenas);
	compare("arenas", arenas.arenas, before.arenas.arenas);
	compare("spans of arenas", arenas.spans, before.arenas.spans);
	compare("ranges taken of arenas", arenas.taken, before.arenas.taken);
	compare("address spaces", as_count(), before.address_spaces);
	slab_cache_each(compare_cache, NULL);
	return differences;
}
