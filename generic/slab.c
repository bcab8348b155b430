/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Object caches, after Bonwick: "The Slab Allocator" (USENIX 1994) and, for
 * the CPUs' part, Bonwick and Adams, "Magazines and Vmem" (USENIX 2001).
 *
 *   slab_alloc                                             slab_free
 *       |                                                      |
 *   CPU's magazine  <── hot: interrupts off, no lock ──>  CPU's magazine
 *       |                                                      |
 *   depot: magazines with objects         depot: magazines without     } cache
 *       |                                                      |       } lock
 *   slabs: partial, empty, full  <─────────────────────────────┘       }
 *       |
 *   frame_alloc, called without the lock
 *
 * A SLAB is 2^order frames, aligned to its own size, so that the slab of an
 * object is its address with the low bits off:
 *
 *   +--------+----------+--------+----------+----------+-----+----------+------+
 *   | header | free map | colour | object 0 | object 1 | ... | object n | rest |
 *   +--------+----------+--------+----------+----------+-----+----------+------+
 *
 * Nothing is kept in a free object, so one that was constructed stays as it is.
 * The free map (1 = free) finds one by two bit scans, and tells a double free.
 * An object's number is its offset times the reciprocal of the stride. The
 * smallest order is taken that wastes at most an eighth, or else the one that
 * wastes the smallest part. Colours put the first objects of successive slabs on
 * different cache lines.
 *
 * A BLOCK is an object that fills whole pages, or is larger than 8 KiB: it is
 * just so many frames, without a header; its first frame is marked. `objects`
 * is 0 in such a cache. Without a constructor it has no magazines: the frame
 * allocator is no slower.
 *
 * INVARIANTS, held to by slab_check (slab_info.c):
 *   list-of-slab     free == 0: in `full`; == objects: in `empty`; else in `partial`
 *   map-agrees       bits set in the free map == free; bit w of words == (free_map[w] != 0)
 *   taken-agrees     objects - free, over all slabs == taken == in use + in magazines
 *   frames-marked    every frame of a slab is marked SLAB with the slab's order
 *   magazine-whole   round[0] is NULL; round[1..rounds] are objects that no slab holds free
 *   depot-counts     a depot's count is that of its magazines, and `least` is no larger
 *   one-empty        at most one slab is in `empty`
 *
 * WAITING. slab_alloc without FRAME_ATOMIC that finds no object asks
 * frame_alloc_or for frames, with "this cache has an object" as alternative.
 * No wake-up is lost, because
 *   (1) a sleeper is counted (frame_sleepers) before frame_reclaim empties all
 *       CPUs' magazines, by a cross-call, and then all depots;
 *   (2) magazines are filled or loaded only in the slow paths, which look at
 *       frame_sleepers under the cache lock with interrupts off. One that
 *       looked too early to see the sleeper has its CPU's magazine emptied by
 *       the cross-call, which comes after, and its depot drained, since the
 *       reclaimer takes the lock after it. One that takes the lock later than
 *       the reclaimer sees the count. So while anyone sleeps, no object stays
 *       in a magazine;
 *   (3) an object that goes back to its slab is followed by
 *       frame_sleepers_kick. The sleeper asks its alternative, under the cache
 *       lock, after it was counted: either it finds the object, or the object
 *       came after and the kick sees it counted. A slab that becomes empty is
 *       freed at once, and frame_free wakes who wants frames;
 *   (4) who gets frames while others wait for the same cache kicks them: the
 *       kick it may have used up was theirs, and its slab has more objects.
 * Who comes new and may sleep does not take an object before those who wait:
 * it gets in line behind them.
 *
 * CONTEXTS. As frames: with FRAME_ATOMIC, and slab_free, anywhere. Constructors
 * are called without locks, in the caller's context; destructors without locks
 * in any, since a reclaim may come from anywhere. Neither may sleep for memory:
 * the frames of the slab are in hand, which another thread may wait for.
 *
 * LOCKS. slab_registry_lock, then one cache's lock, then what frames take. No
 * memory is asked for under either.
 *
 * COST, on amd64, in instructions. Hot: 16 to take, 14 to give. By way of the
 * depot: some 100 more, once in up to 125 objects. From a slab: 130. A new
 * slab: the frame allocator's cost, a few for each word of the map, and the
 * constructors.
 */

#include "slab_internal.h"

/* ---- lists of slabs ---- */

static struct slab_list *list_of(struct slab_cache *cache, const struct slab *slab)
{
	if (slab->free == 0)
		return &cache->full;
	return slab->free == cache->objects ? &cache->empty : &cache->partial;
}

static void list_remove(struct slab_list *list, struct slab *slab)
{
	*(slab->previous != NULL ? &slab->previous->next : &list->first) = slab->next;
	*(slab->next != NULL ? &slab->next->previous : &list->last) = slab->previous;
	list->count--;
}

static void list_append(struct slab_list *list, struct slab *slab)
{
	slab->next = NULL;
	slab->previous = list->last;
	*(list->last != NULL ? &list->last->next : &list->first) = slab;
	list->last = slab;
	list->count++;
}

/* Changes the number of free objects, and the list with it. */
static void set_free_locked(struct slab_cache *cache, struct slab *slab, unsigned free)
{
	struct slab_list *from = list_of(cache, slab), *to;

	slab->free = (uint16_t) free;
	to = list_of(cache, slab);
	if (from != to) {
		list_remove(from, slab);
		list_append(to, slab);
		if (to == &cache->empty)
			slab_stock();
	}
}

/* ---- slabs and blocks, made and unmade; no lock is held ---- */

static pfn_t frame_number(const void *address)
{
	return KA2PA((uintptr_t) address) >> PAGE_WIDTH;
}

static void fill_map(struct slab *slab, size_t objects)
{
	for (size_t word = 0; word * SLAB_WORD_BITS < objects; word++) {
		size_t rest = objects - word * SLAB_WORD_BITS;

		slab->free_map[word] = rest >= SLAB_WORD_BITS ? SIZE_MAX : ((size_t) 1 << rest) - 1;
		slab->words |= 1u << word;
	}
}

/* Makes an object ready. The frames it lies in are in hand meanwhile, so a constructor does not wait for more. */
static bool construct(struct slab_cache *cache, void *object, frame_flags_t flags)
{
	errno_t error;

	if (cache->constructor == NULL)
		return true;
	held_add(HELD_FRAMES, cache->frames);
	error = cache->constructor(object, flags | FRAME_ATOMIC);
	held_sub(HELD_FRAMES, cache->frames);
	return error == EOK;
}

/* Undoes it. @return frames that the destructor has freed */
static size_t destruct(struct slab_cache *cache, void *object)
{
	size_t frames;

	if (cache->destructor == NULL)
		return 0;
	held_add(HELD_FRAMES, cache->frames);
	frames = cache->destructor(object);
	held_sub(HELD_FRAMES, cache->frames);
	return frames;
}

static size_t destroy_objects(struct slab_cache *cache, struct slab *slab, size_t objects)
{
	size_t frames = 0;

	for (size_t i = 0; i < objects && cache->destructor != NULL; i++)
		frames += destruct(cache, slab_objects(slab) + i * cache->stride);
	return frames;
}

static void give_frames(struct slab_cache *cache, void *memory)
{
	if (cache->objects != 0)
		frame_unmark_run(frame_number(memory), cache->order);
	else
		frame_mark_first(frame_number(memory), FRAME_KIND_PLAIN, 0);
	frame_free(KA2PA((uintptr_t) memory), cache->frames);
}

/* Makes a slab, all its objects constructed and free. @return NULL if a constructor fails: then the frames are gone */
static struct slab *slab_build(struct slab_cache *cache, void *memory, frame_flags_t flags)
{
	struct slab *slab = memory;
	uint32_t colour = __atomic_fetch_add(&cache->colour_next, 1, __ATOMIC_RELAXED) % cache->colours;

	frame_mark(frame_number(slab), cache->frames, FRAME_KIND_SLAB,
		cache->order + (cache->flags & SLAB_MALLOC ? SLAB_DETAIL_MALLOC : 0));
	*slab = (struct slab){
		.cache = cache, .free = (uint16_t) cache->objects, .colour = (uint16_t) (colour * cache->colour_step)
	};
	fill_map(slab, cache->objects);
	for (size_t i = 0; i < cache->objects; i++) {
		void *object = slab_objects(slab) + i * cache->stride;

		if (!construct(cache, object, flags)) {
			destroy_objects(cache, slab, i);
			give_frames(cache, slab);
			return NULL;
		}
		slab_debug_made(cache, object);
	}
	return slab;
}

/* @return frames given back */
static size_t slab_unbuild(struct slab_cache *cache, struct slab *slab)
{
	size_t frames = destroy_objects(cache, slab, cache->objects);

	give_frames(cache, slab);
	return frames + cache->frames;
}

static void *block_build(struct slab_cache *cache, void *memory, frame_flags_t flags)
{
	frame_mark_first(frame_number(memory), FRAME_KIND_BLOCK, SLAB_DETAIL_BLOCK);
	if (!construct(cache, memory, flags)) {
		give_frames(cache, memory);
		return NULL;
	}
	slab_debug_made(cache, memory);
	return memory;
}

static size_t block_unbuild(struct slab_cache *cache, void *block)
{
	size_t frames = destruct(cache, block);

	give_frames(cache, block);
	return frames + cache->frames;
}

/* ---- taking ---- */

static void *take_from_locked(struct slab_cache *cache, struct slab *slab)
{
	unsigned word = (unsigned) __builtin_ctz(slab->words);
	unsigned bit = (unsigned) __builtin_ctzl(slab->free_map[word]);

	slab->free_map[word] &= slab->free_map[word] - 1;
	if (slab->free_map[word] == 0)
		slab->words &= slab->words - 1;
	set_free_locked(cache, slab, slab->free - 1u);
	cache->taken++;
	return slab_objects(slab) + (word * SLAB_WORD_BITS + bit) * cache->stride;
}

void *slab_layer_take_locked(struct slab_cache *cache)
{
	struct slab *slab = cache->partial.first != NULL ? cache->partial.first : cache->empty.first;

	return slab != NULL ? take_from_locked(cache, slab) : NULL;
}

static void *take(struct slab_cache *cache)
{
	port_irq_t irq = spinlock_lock(&cache->lock);
	void *object = slab_layer_take_locked(cache);

	spinlock_unlock(&cache->lock, irq);
	return object;
}

/* ---- waiting ---- */

/* The alternative to frames: an object of the cache, which is the thread's that asks, from then on. */
static bool object_came_back(void *argument)
{
	struct slab_cache *cache = argument;
	void *thread = port_self();
	port_irq_t irq = spinlock_lock(&cache->lock);
	struct slab_waiter *waiter = cache->waiters;

	while (waiter->thread != thread)
		waiter = waiter->next;
	if (waiter->object == NULL)
		waiter->object = slab_layer_take_locked(cache);
	spinlock_unlock(&cache->lock, irq);
	return waiter->object != NULL;
}

static void waiter_enter(struct slab_cache *cache, struct slab_waiter *waiter)
{
	port_irq_t irq = spinlock_lock(&cache->lock);

	waiter->next = cache->waiters;
	cache->waiters = waiter;
	spinlock_unlock(&cache->lock, irq);
}

static void waiter_leave(struct slab_cache *cache, struct slab_waiter *waiter)
{
	port_irq_t irq = spinlock_lock(&cache->lock);
	struct slab_waiter **link = &cache->waiters;

	while (*link != waiter)
		link = &(*link)->next;
	*link = waiter->next;
	spinlock_unlock(&cache->lock, irq);
}

/* Frames for a slab. May sleep, and then an object may come instead of them. @return 0 if it did */
static phys_t frames_or_object(struct slab_cache *cache, frame_flags_t flags, void **object)
{
	struct frame_request request = FRAME_REQUEST(cache->frames, flags);
	struct slab_waiter waiter = { .thread = port_self() };
	size_t taken;
	phys_t base;

	request.align = cache->frames;
	waiter_enter(cache, &waiter);
	base = frame_alloc_or(&request, &taken, object_came_back, cache);
	waiter_leave(cache, &waiter);
	mm_assert(base != 0 || waiter.object != NULL, "%s: no zone could ever give a slab", cache->name);
	mm_debug(base == 0 || waiter.object == NULL, "%s: frames, though an object came back", cache->name);
	*object = waiter.object;
	return base;
}

/* ---- growing ---- */

/* Counts a slab or a block that was just built; from a slab, takes its first object. */
static void *memory_add(struct slab_cache *cache, void *memory)
{
	port_irq_t irq = spinlock_lock(&cache->lock);
	void *object = memory;

	cache->slabs++;
	cache->grown++;
	if (cache->objects == 0) {
		cache->taken++;
	} else {
		list_append(&cache->empty, memory);
		object = take_from_locked(cache, memory);
	}
	spinlock_unlock(&cache->lock, irq);
	return object;
}

static void *grow(struct slab_cache *cache, phys_t base, frame_flags_t flags)
{
	void *memory = (void *) PA2KA(base);

	memory = cache->objects != 0 ? slab_build(cache, memory, flags) : block_build(cache, memory, flags);
	return memory != NULL ? memory_add(cache, memory) : NULL;
}

static void *make_slab(struct slab_cache *cache, frame_flags_t flags)
{
	void *object = NULL;
	phys_t base;

	if (flags & FRAME_ATOMIC)
		base = frame_alloc(cache->frames, flags, 0); /* aligned to its size, as that is a power of two */
	else
		base = frames_or_object(cache, flags, &object);
	if (base != 0)
		object = grow(cache, base, flags);
	else if (object == NULL)
		object = take(cache); /* the reclaimers may have emptied magazines of this very cache */
	frame_sleepers_kick(cache);
	return object;
}

static void *make_block(struct slab_cache *cache, frame_flags_t flags)
{
	phys_t base = frame_alloc(cache->frames, flags, 0);

	return base != 0 ? grow(cache, base, flags) : NULL;
}

/* An allocation that was counted comes to nothing. */
COLD static void refused(struct slab_cache *cache)
{
	port_irq_t irq = spinlock_lock(&cache->lock);

	__atomic_add_fetch(&cache->failed, 1, __ATOMIC_RELAXED); /* slab_alloc_injected holds no lock */
	cache->allocs--;
	spinlock_unlock(&cache->lock, irq);
}

void *slab_layer_make(struct slab_cache *cache, frame_flags_t flags)
{
	void *object;

	flags &= ~(FRAME_ZERO | FRAME_HIGHMEM);
	object = cache->objects != 0 ? make_slab(cache, flags) : make_block(cache, flags);
	if (object == NULL)
		refused(cache);
	return object;
}

void slab_alloc_from(struct slab_cache *cache, phys_t frame, void **objects, size_t count)
{
	struct slab *slab;
	port_irq_t irq;

	mm_assert(cache->frames == 1 && cache->objects >= count && cache->constructor == NULL,
		"%s: a frame does not make a slab of %zu objects", cache->name, count);
	slab = slab_build(cache, (void *) PA2KA(frame), 0);
	irq = spinlock_lock(&cache->lock);
	cache->slabs++;
	cache->grown++;
	cache->allocs += count;
	list_append(&cache->empty, slab);
	for (size_t i = 0; i < count; i++)
		objects[i] = take_from_locked(cache, slab);
	spinlock_unlock(&cache->lock, irq);
	for (size_t i = 0; i < count; i++)
		slab_debug_taken(cache, objects[i], __builtin_return_address(0));
	frame_sleepers_kick(cache); /* the slab has more, for those that wait for one */
}

/* ---- giving back ---- */

static void give_locked(struct slab_cache *cache, struct slab *slab, const void *object)
{
	size_t index = slab_index(slab, object);

	if (unlikely(slab_is_free(slab, index)))
		slab_panic(cache, object, SLAB_FAULT_FREE, "slab_free");
	slab->free_map[index / SLAB_WORD_BITS] |= (size_t) 1 << index % SLAB_WORD_BITS;
	slab->words |= 1u << index / SLAB_WORD_BITS;
	set_free_locked(cache, slab, slab->free + 1u);
	cache->taken--;
}

/* Takes a slab off the books if it is empty and not to be kept. One is kept, but not while anyone sleeps for memory. */
static bool remove_surplus_locked(struct slab_cache *cache, struct slab *slab)
{
	if (slab->free < cache->objects || (cache->empty.count == 1 && frame_sleepers() == 0))
		return false;
	list_remove(&cache->empty, slab);
	cache->slabs--;
	cache->reaped++;
	return true;
}

static size_t return_to_slab(struct slab_cache *cache, void *object)
{
	struct slab *slab = slab_of_order(object, cache->order);
	port_irq_t irq = spinlock_lock(&cache->lock);
	bool surplus;

	give_locked(cache, slab, object);
	surplus = remove_surplus_locked(cache, slab);
	spinlock_unlock(&cache->lock, irq);
	frame_sleepers_kick(cache);
	return surplus ? slab_unbuild(cache, slab) : 0;
}

static size_t return_block(struct slab_cache *cache, void *object)
{
	port_irq_t irq = spinlock_lock(&cache->lock);

	cache->taken--;
	cache->slabs--;
	cache->reaped++;
	spinlock_unlock(&cache->lock, irq);
	return block_unbuild(cache, object);
}

size_t slab_layer_return(struct slab_cache *cache, void *object)
{
	enum slab_fault fault = slab_judge(cache, object);

	if (unlikely(fault != SLAB_FAULT_NONE))
		slab_panic(cache, object, fault, "slab_free");
	return cache->objects != 0 ? return_to_slab(cache, object) : return_block(cache, object);
}

size_t slab_layer_reclaim(struct slab_cache *cache)
{
	port_irq_t irq = spinlock_lock(&cache->lock);
	struct slab_list empty = cache->empty;
	size_t frames = 0;

	cache->empty = (struct slab_list){ 0 };
	cache->slabs -= empty.count;
	cache->reaped += empty.count;
	spinlock_unlock(&cache->lock, irq);
	for (struct slab *slab = empty.first, *next; slab != NULL; slab = next) {
		next = slab->next;
		frames += slab_unbuild(cache, slab);
	}
	return frames;
}
