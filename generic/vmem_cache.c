/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Quantum caches: ranges of few quanta that were given back, kept for each CPU
 * and each size, up to CACHE_DEPTH of them, last in first out. An arena with
 * caches of up to `cached` bytes has a struct vmem_cache for each CPU, which
 * has a stack for each size of 1 to cached / quantum quanta.
 *
 * A range in a cache is taken for the segments; nobody joins it with its
 * neighbours. caches_flush gives all of them back, when the arena or its parent
 * has nothing left, and at reclaim. Any CPU may do that, so each cache has a
 * lock, which otherwise only its own CPU takes.
 *
 * A debug build looks at the segment of each range that goes into a cache, and marks
 * it VMEM_CACHED there, so that what is given back twice is told at once. A
 * release build finds it when the cache is flushed.
 *
 * While a thread waits for memory nothing goes in (mm/frame.h, struct reclaimer):
 * a range here keeps its tag. A CPU looks under the cache's lock, which a full
 * reclaim takes.
 *
 * LOCKS. struct vmem_cache.lock; the arena's may be taken with it held.
 */

#include "vmem_internal.h"

#include <mm/malloc.h>

#define CACHE_DEPTH 8

struct vmem_stack {
	size_t count;
	uintptr_t ranges[CACHE_DEPTH];
};

struct vmem_cache {
	struct mm_spinlock lock;
	size_t ranges; /* in all stacks; others glance at it */
	uint64_t hits;
	struct vmem_stack stacks[]; /* of 1 quantum, 2 quanta ... */
};

static size_t stack_count(const struct vmem *arena)
{
	return arena->cached / arena->quantum;
}

static struct vmem_cache *cache_of(const struct vmem *arena, unsigned cpu)
{
	return (struct vmem_cache *) ((char *) arena->cache + cpu * arena->cache_size);
}

/* The stack of ranges of this size, which is a multiple of the quantum. */
static struct vmem_stack *stack_of(const struct vmem *arena, struct vmem_cache *cache, size_t size)
{
	return &cache->stacks[(size >> __builtin_ctzl(arena->quantum)) - 1];
}

errno_t caches_make(struct vmem *arena, frame_flags_t flags)
{
	arena->cache_size =
		ALIGN_UP(sizeof(struct vmem_cache) + stack_count(arena) * sizeof(struct vmem_stack), (size_t) CACHE_LINE);
	arena->cache = mm_memalign(CACHE_LINE, CONFIG_MAX_CPUS * arena->cache_size, flags | FRAME_ZERO);
	return arena->cache != NULL ? EOK : ENOMEM;
}

void caches_end(struct vmem *arena)
{
	mm_free(arena->cache);
}

/* Debug builds: the segment of a range that goes into a cache, or leaves it, says so. */
static void mark(struct vmem *arena, uintptr_t start, size_t size, enum vmem_kind from, enum vmem_kind to)
{
	port_irq_t irq;
	struct vmem_tag *tag;

	if (!CONFIG_DEBUG)
		return;
	irq = spinlock_lock(&arena->lock);
	tag = tag_floor(arena, start);
	mm_assert(tag != NULL && tag_start(tag) == start && tag->size == size && tag->kind == from,
		"%zu bytes at %#zx are not a range taken of arena %s", size, (size_t) start, arena->name);
	tag->kind = to;
	spinlock_unlock(&arena->lock, irq);
}

bool cache_take(struct vmem *arena, size_t size, frame_flags_t flags, uintptr_t *start)
{
	port_irq_t irq = port_irq_save();
	struct vmem_cache *cache = cache_of(arena, port_cpu());
	struct vmem_stack *stack = stack_of(arena, cache, size);
	bool found;

	may_sleep_check(arena, flags, irq);
	spinlock_lock_raw(&cache->lock);
	found = stack->count != 0;
	if (found) {
		*start = stack->ranges[--stack->count];
		__atomic_store_n(&cache->ranges, cache->ranges - 1, __ATOMIC_RELAXED);
		cache->hits++;
		mark(arena, *start, size, VMEM_CACHED, VMEM_TAKEN);
	}
	spinlock_unlock(&cache->lock, irq);
	return found;
}

bool cache_give(struct vmem *arena, uintptr_t start, size_t size)
{
	port_irq_t irq = port_irq_save();
	struct vmem_cache *cache = cache_of(arena, port_cpu());
	struct vmem_stack *stack = stack_of(arena, cache, size);
	bool room;

	spinlock_lock_raw(&cache->lock);
	room = stack->count < CACHE_DEPTH && frame_sleepers() == 0;
	if (room) {
		mark(arena, start, size, VMEM_TAKEN, VMEM_CACHED);
		stack->ranges[stack->count++] = start;
		__atomic_store_n(&cache->ranges, cache->ranges + 1, __ATOMIC_RELAXED);
	}
	spinlock_unlock(&cache->lock, irq);
	return room;
}

/*
 * Frees a range of a cache, of the stacks from *from on, which becomes that of the range. The lock is held until the
 * range is free in its arena: another CPU that is after it waits for that. @return false if there is none
 */
static bool flush_one(struct vmem *arena, struct vmem_cache *cache, size_t *from)
{
	port_irq_t irq = spinlock_lock(&cache->lock);
	struct vmem_stack *stack = &cache->stacks[*from], *end = &cache->stacks[stack_count(arena)];
	bool found;

	while (stack < end && stack->count == 0)
		stack++;
	*from = (size_t) (stack - cache->stacks);
	found = stack < end;
	if (found) {
		uintptr_t start = stack->ranges[--stack->count];
		size_t size = (*from + 1) * arena->quantum;

		mark(arena, start, size, VMEM_CACHED, VMEM_TAKEN);
		segment_free(arena, start, size);
		__atomic_store_n(&cache->ranges, cache->ranges - 1, __ATOMIC_RELAXED);
	}
	spinlock_unlock(&cache->lock, irq);
	return found;
}

/* A glance is enough but for a reclaim: what a CPU is about to keep it misses. */
void caches_flush(struct vmem *arena, bool exact, size_t *budget)
{
	for (unsigned cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++) {
		struct vmem_cache *cache = cache_of(arena, cpu);
		size_t from = 0, left = stack_count(arena) * CACHE_DEPTH; /* what its CPU frees meanwhile may stay */

		if (!exact && __atomic_load_n(&cache->ranges, __ATOMIC_RELAXED) == 0)
			continue;
		for (; left != 0 && *budget != 0 && flush_one(arena, cache, &from); left--)
			--*budget;
	}
}

void caches_count(struct vmem *arena, size_t *ranges, size_t *bytes, uint64_t *hits)
{
	for (unsigned cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++) {
		struct vmem_cache *cache = cache_of(arena, cpu);
		port_irq_t irq = spinlock_lock(&cache->lock);

		*hits += cache->hits;
		for (size_t i = 0; i < stack_count(arena); i++) {
			*ranges += cache->stacks[i].count;
			*bytes += cache->stacks[i].count * (i + 1) * arena->quantum;
		}
		spinlock_unlock(&cache->lock, irq);
	}
}
