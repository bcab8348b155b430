/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What debug builds know of an object: its state, who had it last, and whether
 * anyone wrote where he should not.
 *
 *   <- red zone ->                                             <- red zone ->
 *   ...+----------+------------------+----------+-----------------+-------+...
 *      | red word | object           | red zone | tag             | red   |
 *   ...+----------+------------------+----------+-----------------+-------+...
 *                 <- size ->          >= a word  state, caller,     up to the
 *                                                thread             next object
 *
 * Red zones are bytes of a fixed value. What one object's owner writes below
 * his object lands in the red end of the one before, or in the word that the
 * slab keeps before its first.
 *
 * A free object of a cache without a constructor is full of poison, so that a
 * write after it was freed is found when it is handed out again, or by
 * slab_check; one handed out is full of another value, so that reading what
 * nobody wrote shows. A constructed object stays as it is.
 *
 * A block (slab.c) has neither red zones nor poison: its state is in the mark
 * of its first frame.
 *
 * LOCKS. None: an object's tag belongs to who takes it or gives it back. Two
 * who give it back at once meet in the exchange of the state.
 */

#include "slab_internal.h"

#if CONFIG_DEBUG

#define RED 0xbb    /* red zones */
#define POISON 0x5a /* free */
#define FRESH 0xa5  /* handed out, not yet written */

/* A word of such bytes. */
#define WORD_OF(byte) (SIZE_MAX / 0xff * (byte))

#define STATE_FREE WORD_OF(0xf4)
#define STATE_IN_USE WORD_OF(0x1d)

struct tag {
	size_t state;
	void *caller;
	void *thread;
};

static struct tag *tag_of(const struct slab_cache *cache, void *object)
{
	return (struct tag *) (void *) ((char *) object + ALIGN_UP((size_t) cache->size, sizeof(size_t)) + sizeof(size_t));
}

static bool is_poisoned(const struct slab_cache *cache)
{
	return cache->constructor == NULL;
}

/* @return offset of the first byte that has another value, or count */
static size_t differs_at(const void *bytes, size_t count, uint8_t value)
{
	const uint8_t *byte = bytes;
	size_t i = 0;

	while (i < count && byte[i] == value)
		i++;
	return i;
}

static void *red_before(void *object)
{
	return (size_t *) object - 1;
}

static size_t red_after_size(const struct slab_cache *cache, void *object)
{
	return (size_t) ((char *) tag_of(cache, object) - (char *) object) - cache->size;
}

void slab_debug_made(struct slab_cache *cache, void *object)
{
	struct tag *tag = tag_of(cache, object);

	if (cache->objects == 0)
		return;
	__builtin_memset(red_before(object), RED, sizeof(size_t));
	__builtin_memset((char *) object + cache->size, RED, cache->stride - cache->size);
	*tag = (struct tag){ .state = STATE_FREE };
	if (is_poisoned(cache))
		__builtin_memset(object, POISON, cache->size);
}

static const char *check_red_zones(struct slab_cache *cache, void *object)
{
	size_t after = red_after_size(cache, object);

	if (differs_at(red_before(object), sizeof(size_t), RED) != sizeof(size_t))
		return "something wrote before its start (red zone)";
	if (differs_at((char *) object + cache->size, after, RED) != after)
		return "something wrote beyond its end (red zone)";
	return NULL;
}

const char *slab_debug_check(struct slab_cache *cache, void *object, bool free)
{
	const char *wrong = check_red_zones(cache, object);
	size_t state = __atomic_load_n(&tag_of(cache, object)->state, __ATOMIC_RELAXED);

	if (wrong != NULL)
		return wrong;
	if (state != STATE_FREE && (free || state != STATE_IN_USE))
		return "its tag is overwritten";
	if (free && is_poisoned(cache) && differs_at(object, cache->size, POISON) != cache->size)
		return "something wrote to it after it was freed (use after free)";
	return NULL;
}

COLD static void __attribute__((noreturn))
panic(struct slab_cache *cache, void *object, const char *function, const char *wrong)
{
	const struct tag *tag = tag_of(cache, object);

	if (cache->objects == 0)
		port_panic("%s(%s, %p): %s", function, cache->name, object, wrong);
	port_panic("%s(%s, %p): %s; last %s at %p by thread %p", function, cache->name, object, wrong,
		tag->state == STATE_IN_USE ? "taken" : "given back", tag->caller, tag->thread);
}

static void note(struct tag *tag, void *caller)
{
	tag->caller = caller;
	tag->thread = port_self();
}

/* Changes a block's state. @return false if it had that state already */
static bool mark_block(const void *block, unsigned detail)
{
	pfn_t pfn = KA2PA((uintptr_t) block) >> PAGE_WIDTH;
	bool differs = frame_detail(pfn) != detail;

	frame_mark(pfn, 1, FRAME_KIND_BLOCK, detail);
	return differs;
}

void slab_debug_taken(struct slab_cache *cache, void *object, void *caller)
{
	struct tag *tag = tag_of(cache, object);
	const char *wrong;

	if (cache->objects == 0) {
		mark_block(object, SLAB_DETAIL_BLOCK);
		return;
	}
	wrong = slab_debug_check(cache, object, true);
	if (wrong != NULL)
		panic(cache, object, "slab_alloc", wrong);
	__atomic_store_n(&tag->state, STATE_IN_USE, __ATOMIC_RELAXED);
	note(tag, caller);
	if (is_poisoned(cache))
		__builtin_memset(object, FRESH, cache->size);
}

void slab_debug_freed(struct slab_cache *cache, void *object, void *caller)
{
	static const char double_free[] = "it is free already (double free)";
	enum slab_fault fault = slab_judge(cache, object);
	const char *wrong;
	struct tag *tag;

	if (fault != SLAB_FAULT_NONE)
		slab_panic(cache, object, fault, "slab_free");
	if (cache->objects == 0) {
		if (!mark_block(object, SLAB_DETAIL_BLOCK_FREE))
			panic(cache, object, "slab_free", double_free);
		return;
	}
	tag = tag_of(cache, object);
	wrong = slab_debug_check(cache, object, false);
	if (wrong == NULL && __atomic_exchange_n(&tag->state, STATE_FREE, __ATOMIC_RELAXED) == STATE_FREE)
		wrong = double_free;
	if (wrong != NULL)
		panic(cache, object, "slab_free", wrong);
	note(tag, caller);
	if (is_poisoned(cache))
		__builtin_memset(object, POISON, cache->size);
}

void slab_debug_owner(struct slab_cache *cache, void *object, void **caller, void **thread)
{
	const struct tag *tag = tag_of(cache, object);

	if (cache->objects == 0)
		return;
	*caller = tag->caller;
	*thread = tag->thread;
}

#endif
