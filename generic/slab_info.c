/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Looking at object caches: statistics, and the invariants that slab.c names.
 *
 * slab_check holds a cache's lock while it looks at its slabs and its depot,
 * and asks each CPU for the magazines it has (a cross-call), as far as the
 * context allows. A breach is logged where it is found; the walk goes on where
 * that is safe.
 */

#include "slab_internal.h"

/* Slabs that slab_cache_show tells one by one, and owners it names of each. */
#define SLABS_TOLD 64
#define OWNERS_TOLD 4

/* ---- statistics ---- */

void slab_get_info(struct slab_cache *cache, struct slab_info *info)
{
	size_t cached = slab_magazines_rounds(cache);
	port_irq_t irq = spinlock_lock(&cache->lock);

	*info = (struct slab_info){
		.size = cache->size,
		.stride = cache->stride,
		.align = cache->align,
		.slab_frames = cache->frames,
		.objects_per_slab = cache->objects != 0 ? cache->objects : 1,
		.slabs = cache->slabs,
		.in_use = cache->taken > cached ? cache->taken - cached : 0,
		.cached = cached,
		.magazine_size = cache->magazine_limit != 0 ? slab_magazine_rounds(cache) : 0,
		.allocs = cache->allocs,
		.frees = cache->frees,
		.grown = cache->grown,
		.reaped = cache->reaped,
		.failed = __atomic_load_n(&cache->failed, __ATOMIC_RELAXED),
	};
	__builtin_memcpy(info->name, cache->name, sizeof info->name);
	spinlock_unlock(&cache->lock, irq);
}

/* ---- showing ---- */

static void show_owners(struct slab_cache *cache, struct slab *slab, slab_owner_show *owner_show)
{
	size_t left = OWNERS_TOLD;

	for (size_t i = 0; i < cache->objects && left > 0; i++) {
		void *object = slab_objects(slab) + i * cache->stride, *caller = NULL, *thread = NULL;

		if (slab_is_free(slab, i))
			continue;
		slab_debug_owner(cache, object, &caller, &thread);
		if (caller == NULL)
			continue;
		owner_show(object, caller, thread);
		left--;
	}
}

/* @return how many slabs may still be told */
static size_t show_list(
	struct slab_cache *cache, const struct slab_list *list, size_t left, slab_owner_show *owner_show)
{
	for (struct slab *slab = list->first; slab != NULL && left > 0; slab = slab->next, left--) {
		port_log("  slab %p: %u of %u taken, colour %u", (void *) slab, cache->objects - slab->free, cache->objects,
			slab->colour);
		show_owners(cache, slab, owner_show);
	}
	return left;
}

static void owner_log(const void *object, const void *caller, const void *thread)
{
	port_log("    %p: last had at %p by thread %p", object, caller, thread);
}

void slab_cache_show(struct slab_cache *cache, slab_owner_show *owner_show)
{
	port_irq_t irq = spinlock_lock(&cache->lock);
	size_t left = SLABS_TOLD;

	if (owner_show == NULL)
		owner_show = owner_log;
	port_log("%s: objects of %u bytes, %u from one to the next; %u frames make a %s; %zu partial, %zu full, %zu empty",
		cache->name, cache->size, cache->stride, cache->frames, cache->objects != 0 ? "slab" : "block",
		cache->partial.count, cache->full.count, cache->empty.count);
	port_log("  depot: %zu magazines with objects, %zu without; new ones hold %u", cache->filled.count,
		cache->drained.count, slab_magazine_rounds(cache));
	left = show_list(cache, &cache->partial, left, owner_show);
	left = show_list(cache, &cache->full, left, owner_show);
	left = show_list(cache, &cache->empty, left, owner_show);
	if (left == 0)
		port_log("  (no more than %d are shown)", SLABS_TOLD);
	spinlock_unlock(&cache->lock, irq);
}

/* ---- invariants ---- */

struct check {
	struct slab_cache *cache;
	size_t breaches;
	size_t taken;  /* objects that slabs say are taken */
	size_t rounds; /* objects in magazines */
};

static void breach(struct check *check, const char *invariant, const void *where)
{
	port_log("slab_check(%s): %s is broken at %p", check->cache->name, invariant, where);
	__atomic_add_fetch(&check->breaches, 1, __ATOMIC_RELAXED);
}

static bool map_agrees(const struct slab_cache *cache, const struct slab *slab)
{
	size_t free = 0;

	for (size_t word = 0; word * SLAB_WORD_BITS < cache->objects; word++) {
		/* Bit by bit: not every CPU counts them, and a library that does is not to be needed. */
		for (size_t bits = slab->free_map[word]; bits != 0; bits &= bits - 1)
			free++;
		if ((slab->words >> word & 1) != (slab->free_map[word] != 0))
			return false;
	}
	return free == slab->free;
}

static bool frames_marked(const struct slab_cache *cache, const struct slab *slab)
{
	pfn_t first = KA2PA((uintptr_t) slab) >> PAGE_WIDTH;

	for (size_t i = 0; i < cache->frames; i++)
		if (!frame_is(first + i, FRAME_KIND_SLAB) || frame_detail(first + i) % SLAB_DETAIL_MALLOC != cache->order)
			return false;
	return true;
}

/* In debug builds: what no one should have written to is as it was. */
static void check_objects(struct check *check, struct slab *slab)
{
	for (size_t i = 0; i < check->cache->objects; i++) {
		void *object = slab_objects(slab) + i * check->cache->stride;
		const char *wrong = slab_debug_check(check->cache, object, slab_is_free(slab, i));

		if (wrong != NULL)
			breach(check, wrong, object);
	}
}

static void check_list(struct check *check, const struct slab_list *list, size_t least_free, size_t most_free)
{
	const struct slab *previous = NULL;
	size_t count = 0;

	for (struct slab *slab = list->first; slab != NULL; previous = slab, slab = slab->next, count++) {
		if (slab->cache != check->cache || slab->previous != previous || !frames_marked(check->cache, slab)) {
			breach(check, "frames-marked", slab);
			return;
		}
		if (slab->free < least_free || slab->free > most_free)
			breach(check, "list-of-slab", slab);
		if (!map_agrees(check->cache, slab))
			breach(check, "map-agrees", slab);
		check->taken += check->cache->objects - slab->free;
		check_objects(check, slab);
	}
	if (count != list->count || list->last != previous)
		breach(check, "list-of-slab", list);
}

static void check_magazine_locked(struct check *check, const struct magazine *magazine, size_t rounds)
{
	struct slab_cache *cache = check->cache;

	if (magazine->round[0] != NULL || rounds > magazine->capacity || magazine->capacity > cache->magazine_limit) {
		breach(check, "magazine-whole", magazine);
		return;
	}
	check->rounds += rounds;
	for (size_t i = 1; i <= rounds; i++) {
		void *object = magazine->round[i];

		if (slab_judge(cache, object) != SLAB_FAULT_NONE)
			breach(check, "magazine-whole", magazine);
		else if (cache->objects != 0 &&
			slab_is_free(slab_of_order(object, cache->order), slab_index(slab_of_order(object, cache->order), object)))
			breach(check, "magazine-whole", magazine);
	}
}

static void check_cpu_here(void *argument)
{
	struct check *check = argument;
	const struct slab_cpu *cpu = &check->cache->cpu[port_cpu()];

	spinlock_lock_raw(&check->cache->lock);
	if (cpu->none != NULL || (cpu->loaded == NULL && cpu->top != &cpu->none))
		breach(check, "magazine-whole", cpu);
	if (cpu->loaded != NULL)
		check_magazine_locked(check, cpu->loaded, (size_t) (cpu->top - cpu->loaded->round));
	if (cpu->previous != NULL)
		check_magazine_locked(check, cpu->previous, cpu->previous->rounds);
	spinlock_unlock_raw(&check->cache->lock);
}

static void check_cpus(struct check *check)
{
	port_irq_t irq = port_irq_save();

	if (!port_irq_were_on(irq))
		check_cpu_here(check);
	port_irq_restore(irq);
	if (port_irq_were_on(irq))
		port_cross_call(check_cpu_here, check);
}

static void check_depot_locked(struct check *check, const struct slab_depot *depot, bool filled)
{
	size_t count = 0;

	for (const struct magazine *magazine = depot->first; magazine != NULL; magazine = magazine->next, count++) {
		if ((magazine->rounds != 0) != filled)
			breach(check, "magazine-whole", magazine);
		check_magazine_locked(check, magazine, magazine->rounds);
	}
	if (count != depot->count || depot->least > count)
		breach(check, "depot-counts", depot);
}

static size_t check_cache(struct slab_cache *cache)
{
	struct check check = { .cache = cache };
	port_irq_t irq = spinlock_lock(&cache->lock);

	check_list(&check, &cache->full, 0, 0);
	check_list(&check, &cache->partial, 1, cache->objects - 1);
	check_list(&check, &cache->empty, cache->objects, cache->objects);
	check_depot_locked(&check, &cache->filled, true);
	check_depot_locked(&check, &cache->drained, false);
	if (cache->objects != 0 && check.taken != cache->taken)
		breach(&check, "taken-agrees", cache);
	if (cache->objects != 0 && cache->full.count + cache->partial.count + cache->empty.count != cache->slabs)
		breach(&check, "taken-agrees", cache);
	if (cache->empty.count > 1)
		breach(&check, "one-empty", cache);
	check.taken = cache->taken;
	spinlock_unlock(&cache->lock, irq);
	check_cpus(&check);
	return check.breaches;
}

size_t slab_check(void)
{
	size_t breaches = 0;

	for (struct slab_cache *cache = slab_registry_next(NULL); cache != NULL; cache = slab_registry_next(cache))
		breaches += check_cache(cache);
	return breaches;
}
