/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Object caches: laying them out, making and destroying them, and the list of
 * all of them. What a cache is, is told in slab.c.
 *
 * THE REGISTRY is a list in order of creation. A walk over it holds a
 * reference to the cache where it is, and no lock, so that what it does there
 * may take any lock, sleep, and destroy that very cache; so does a caller of
 * slab_cache_find. The last reference to a destroyed cache, released, frees it.
 *
 * DESTROYING waits for the reclaims that work on the cache: they run its
 * destructor without a lock, which may be code that is to go next. A reference
 * alone keeps none from it: a reclaim that comes later finds nothing there.
 *
 * BOOTSTRAP. The cache of caches and those of magazines are static. They have
 * no magazines, so the first object of any cache can be made with nothing but
 * frames.
 *
 * LOCKS. slab_registry_lock: the list, references, destroyed.
 */

#include "slab_internal.h"

/* Objects that destroying names when they are still in use. */
#define NAMES_TOLD 4

static struct slab_cache cache_of_caches;
static struct slab_cache *registry;
static struct mm_spinlock slab_registry_lock = SPINLOCK_INIT;
static struct reclaimer reclaimer = { .name = "slab", .reclaim = slab_reclaim };

/* ---- the registry ---- */

static void registry_add(struct slab_cache *cache)
{
	port_irq_t irq = spinlock_lock(&slab_registry_lock);
	struct slab_cache **end = &registry;

	while (*end != NULL)
		end = &(*end)->next;
	*end = cache;
	spinlock_unlock(&slab_registry_lock, irq);
}

/* @return whether that was the last reference: then it is off the list, and the caller's to free */
static bool drop_reference_locked(struct slab_cache *cache)
{
	struct slab_cache **link = &registry;

	if (--cache->references > 0)
		return false;
	while (*link != cache)
		link = &(*link)->next;
	*link = cache->next;
	return true;
}

struct slab_cache *slab_registry_next(struct slab_cache *cache)
{
	port_irq_t irq = spinlock_lock(&slab_registry_lock);
	struct slab_cache *next = cache != NULL ? cache->next : registry;
	bool last;

	while (next != NULL && next->destroyed)
		next = next->next;
	if (next != NULL)
		next->references++;
	last = cache != NULL && drop_reference_locked(cache);
	spinlock_unlock(&slab_registry_lock, irq);
	if (last)
		slab_free(&cache_of_caches, cache);
	return next;
}

void slab_cache_release(struct slab_cache *cache)
{
	port_irq_t irq = spinlock_lock(&slab_registry_lock);
	bool last = drop_reference_locked(cache);

	spinlock_unlock(&slab_registry_lock, irq);
	if (last)
		slab_free(&cache_of_caches, cache);
}

void slab_cache_each(bool (*visit)(struct slab_cache *cache, void *argument), void *argument)
{
	struct slab_cache *cache = slab_registry_next(NULL);

	while (cache != NULL && visit(cache, argument))
		cache = slab_registry_next(cache);
	if (cache != NULL)
		slab_cache_release(cache);
}

static bool same_name(const char *left, const char *right)
{
	while (*left != 0 && *left == *right)
		left++, right++;
	return *left == *right;
}

struct slab_cache *slab_cache_find(const char *name)
{
	port_irq_t irq = spinlock_lock(&slab_registry_lock);
	struct slab_cache *cache = registry;

	while (cache != NULL && (cache->destroyed || !same_name(cache->name, name)))
		cache = cache->next;
	if (cache != NULL)
		cache->references++;
	spinlock_unlock(&slab_registry_lock, irq);
	return cache;
}

/* ---- layout ---- */

/* Offset of the first object in a slab of so many. */
static size_t first_offset(const struct slab_cache *cache, size_t objects)
{
	size_t words = (objects + SLAB_WORD_BITS - 1) / SLAB_WORD_BITS;

	return ALIGN_UP(sizeof(struct slab) + words * sizeof(size_t) + SLAB_DEBUG_BEFORE, (size_t) cache->align);
}

/* Objects that go into so many bytes of slab. */
static size_t objects_in(const struct slab_cache *cache, size_t bytes)
{
	size_t most = 32 * SLAB_WORD_BITS; /* slab.words has a bit for each word of the map */
	size_t objects = bytes / cache->stride < most ? bytes / cache->stride : most;

	while (objects > 0 && first_offset(cache, objects) + objects * cache->stride > bytes)
		objects--;
	return objects;
}

/* Bytes of a slab of this order that no object has, header and all. */
static size_t waste_of(const struct slab_cache *cache, unsigned order)
{
	size_t bytes = PAGE_SIZE << order;

	return bytes - objects_in(cache, bytes) * cache->stride;
}

/*
 * Chooses the smallest slab that wastes at most an eighth; if there is none, the one that wastes the smallest part, the
 * largest of several. The map has an end, so small objects in large pages fill no larger slab better.
 */
static unsigned order_for(const struct slab_cache *cache)
{
	unsigned best = 0;

	for (unsigned order = 0; order <= SLAB_MAX_ORDER; order++) {
		size_t waste = waste_of(cache, order);

		if (waste <= (PAGE_SIZE << order) / 8)
			return order;
		if (waste <= waste_of(cache, best) << (order - best))
			best = order;
	}
	return best;
}

static void lay_out_slab(struct slab_cache *cache)
{
	size_t bytes, objects, rest;

	cache->order = (uint8_t) order_for(cache);
	bytes = PAGE_SIZE << cache->order;
	objects = objects_in(cache, bytes);
	cache->frames = 1u << cache->order;
	cache->objects = (uint32_t) objects;
	cache->first = (uint32_t) first_offset(cache, objects);
	rest = bytes - cache->first - objects * cache->stride;
	cache->colour_step = cache->align > CACHE_LINE ? cache->align : CACHE_LINE;
	cache->colours = (uint32_t) (rest / cache->colour_step + 1);
}

static void lay_out(struct slab_cache *cache)
{
	size_t stride = ALIGN_UP((size_t) cache->size, (size_t) cache->align);

	if (stride % PAGE_SIZE == 0 || stride > SLAB_MAX_OBJECT) {
		cache->frames = (uint32_t) (ALIGN_UP(stride, PAGE_SIZE) >> PAGE_WIDTH);
		cache->stride = (uint32_t) (cache->frames * PAGE_SIZE);
		return;
	}
	cache->stride = (uint32_t) ALIGN_UP(SLAB_DEBUG_AFTER(cache->size), (size_t) cache->align);
	/* 2^32 divided by it, rounded up, in a word: 64 bits are divided by a library on a machine of 32. */
	cache->reciprocal = UINT32_MAX / cache->stride + 1;
	lay_out_slab(cache);
}

/* ---- making ---- */

static size_t default_align(size_t size)
{
	size_t align = size & -size;

	return align < 16 ? align : 16;
}

static bool makes_sense(const char *name, size_t size, size_t align)
{
	if (size <= SLAB_MAX_SIZE && IS_POWER_OF_TWO(align) && align <= PAGE_SIZE)
		return true;
	port_log("slab_cache_create(%s): %zu bytes at multiples of %zu: at most %zu bytes, at a power of two up to %zu",
		name, size, align, (size_t) SLAB_MAX_SIZE, (size_t) PAGE_SIZE);
	return false;
}

static bool cache_init(
	struct slab_cache *cache, const char *name, size_t size, const struct slab_cache_options *options)
{
	size_t align;

	size = size < SLAB_MIN_SIZE ? SLAB_MIN_SIZE : size;
	align = options->align != 0 ? options->align : default_align(size);
	if (!makes_sense(name, size, align))
		return false;
	*cache = (struct slab_cache){ .size = (uint32_t) size,
		.align = (uint32_t) SLAB_DEBUG_ALIGN(align),
		.flags = options->flags,
		.constructor = options->constructor,
		.destructor = options->destructor,
		.references = 1 };
	for (size_t i = 0; i < sizeof cache->name - 1 && name[i] != 0; i++)
		cache->name[i] = name[i];
	lay_out(cache);
	slab_magazines_init(cache);
	return true;
}

struct slab_cache *slab_cache_create(
	const char *name, size_t size, const struct slab_cache_options *options, frame_flags_t flags)
{
	static const struct slab_cache_options defaults;
	struct slab_cache *cache = slab_alloc(&cache_of_caches, flags & FRAME_ATOMIC);

	if (cache == NULL)
		return NULL;
	if (!cache_init(cache, name, size, options != NULL ? options : &defaults)) {
		slab_free(&cache_of_caches, cache);
		return NULL;
	}
	registry_add(cache);
	return cache;
}

/* ---- destroying ---- */

static void tell_object(struct slab_cache *cache, void *object)
{
	void *caller = NULL, *thread = NULL;

	slab_debug_owner(cache, object, &caller, &thread);
	if (caller != NULL)
		port_log("  %p is in use, taken at %p by thread %p", object, caller, thread);
	else
		port_log("  %p is in use", object);
}

/* Names the first few objects in use on a list of slabs. @return how many are still to be named */
static size_t tell_list_locked(struct slab_cache *cache, const struct slab_list *list, size_t left)
{
	for (struct slab *slab = list->first; slab != NULL && left > 0; slab = slab->next)
		for (size_t i = 0; i < cache->objects && left > 0; i++)
			if (!slab_is_free(slab, i)) {
				tell_object(cache, slab_objects(slab) + i * cache->stride);
				left--;
			}
	return left;
}

/* Waits until no reclaim works on the cache; one that comes later finds nothing. The last one wakes this thread. */
static void reclaims_wait(struct slab_cache *cache)
{
	port_irq_t irq = spinlock_lock(&cache->lock);

	if (cache->reclaims != 0)
		cache->destroyer = port_self();
	while (cache->destroyer != NULL) {
		spinlock_unlock(&cache->lock, irq);
		port_park(0);
		irq = spinlock_lock(&cache->lock);
	}
	spinlock_unlock(&cache->lock, irq);
}

/* @return whether there is any object in use */
static bool tell_in_use(struct slab_cache *cache)
{
	port_irq_t irq = spinlock_lock(&cache->lock);
	size_t in_use = cache->taken, left;

	if (in_use != 0) {
		port_log("slab_cache_destroy(%s): %zu objects of %u bytes are in use", cache->name, in_use, cache->size);
		left = tell_list_locked(cache, &cache->partial, NAMES_TOLD);
		tell_list_locked(cache, &cache->full, left);
	}
	spinlock_unlock(&cache->lock, irq);
	return in_use != 0;
}

errno_t slab_cache_destroy(struct slab_cache *cache)
{
	port_irq_t irq;

	slab_magazines_flush(cache);
	reclaims_wait(cache);
	if (tell_in_use(cache))
		return EBUSY;
	irq = spinlock_lock(&slab_registry_lock);
	mm_assert(!cache->destroyed, "%s is destroyed already", cache->name);
	cache->destroyed = true;
	spinlock_unlock(&slab_registry_lock, irq);
	slab_cache_release(cache);
	return EOK;
}

/* ---- setting up ---- */

static void boot_cache(struct slab_cache *cache, const char *name, size_t size)
{
	const struct slab_cache_options options = { .align = CACHE_LINE, .flags = SLAB_NO_MAGAZINES };
	bool made = cache_init(cache, name, size, &options);

	mm_assert(made, "%s: %zu bytes", name, size);
	registry_add(cache);
}

errno_t slab_init(void)
{
	static const char *const names[MAGAZINE_CLASSES] = { "magazine-8", "magazine-16", "magazine-32", "magazine-64",
		"magazine-128" };

	boot_cache(&cache_of_caches, "slab_cache", sizeof(struct slab_cache));
	for (unsigned size_class = 0; size_class < MAGAZINE_CLASSES; size_class++)
		boot_cache(&magazine_caches[size_class], names[size_class], MAGAZINE_WORDS(size_class) * sizeof(void *));
	frame_reclaimer_register(&reclaimer);
	return EOK;
}
