/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Magazines: the CPUs' share of an object cache, and the depot behind it. The
 * whole picture, and why no wake-up is lost, is in slab.c.
 *
 *   cpu.loaded            cpu.previous        depot
 *   +-------------+       full or empty       filled:  [m] -> [m] -> [m]
 *   | capacity    |                           drained: [m] -> [m]
 *   | ...         |
 *   | round[2]    | <- cpu.top
 *   | round[1]    |
 *   | NULL        | round[0]
 *   +-------------+
 *
 * The hot paths move cpu.top. The NULL below the first object is how taking
 * finds the magazine empty; cpu.limit is how giving finds it full. A CPU with
 * no magazine has top and limit at a NULL of its own, so that the one test of
 * each hot path says "go the slow way" here too. That is also how a NULL that
 * was given to slab_free is found: it is met above the bottom.
 *
 * With two magazines a CPU that goes up and down by one at a bound does not go
 * to the depot each time: one magazine's worth of objects lies between two
 * visits (Bonwick 2001, 3.1).
 *
 * SIZE. A cache's magazines begin small and grow a class after every so many
 * exchanges with the depot, as far as the size of the objects allows. Those of
 * the old class are discarded when they come back empty. A full reclaim begins
 * anew.
 *
 * DEPOT. It keeps what comes in, until a reclaim. A light one takes the
 * magazines that nobody needed since the last (the least the depot ever held
 * in between, 3.5 there); a full one takes all, those of the CPUs too.
 *
 * A RECLAIM THAT FINDS NOTHING costs little. CPUs and depots note when they come
 * to have something (cpu_stocked, slab_stocked); a full reclaim takes the notes
 * back before it looks, so that one after which nothing came asks no cache at
 * all. Who notes does so in the same critical section in which he puts something
 * there, so either the look finds it, or the note stands.
 *
 * A reclaim is BOUNDED where its caller may not wait: it ends as soon as some
 * frames are free (BATCH_FRAMES), and the next goes on from there. With interrupts
 * off it ends after a number of objects, too, whatever that has brought
 * (BATCH_OBJECTS). Between two objects interrupts are on if the caller's are.
 *
 * METADATA. A magazine is asked for with FRAME_ATOMIC and FRAME_NO_RECLAIM,
 * from caches that have none themselves. If there is none, the object goes to
 * its slab: giving back works when all memory is gone.
 *
 * LOCKS. A CPU's part belongs to that CPU, with interrupts off. The depot is
 * under the cache's lock.
 */

#include "slab_internal.h"

/* Exchanges with the depot after which magazines grow. */
#define PATIENCE 32

/* Most bytes of objects in one magazine. */
#define MAGAZINE_BYTES KiB(32)

/* Objects up to this size begin with the second class. */
#define SMALL_OBJECT 256

/* What destructors give back lands in other caches: a full reclaim goes round while it gives, but so often at most. */
#define RECLAIM_ROUNDS 4

/*
 * A reclaim for a caller that may not wait ends once so many frames are free; with interrupts off, also after so many
 * objects, or up to a magazine more.
 */
#define BATCH_FRAMES 4
#define BATCH_OBJECTS 512

/* What a reclaim may still do. */
struct budget {
	size_t frames, objects;
};

struct slab_cache magazine_caches[MAGAZINE_CLASSES];

bool slab_stocked;

/* Whether a CPU may have magazines; written by that CPU only. */
static bool cpu_stocked[CONFIG_MAX_CPUS];

static struct slab_cpu *cpu_here(struct slab_cache *cache)
{
	return &cache->cpu[port_cpu()];
}

/* ---- a CPU's magazines ---- */

static void load(struct slab_cpu *cpu, struct magazine *magazine)
{
	cpu->loaded = magazine;
	cpu->top = &magazine->round[magazine->rounds];
	cpu->limit = &magazine->round[magazine->capacity];
	cpu_stocked[port_cpu()] = true;
}

/* @return what was loaded, or NULL */
static struct magazine *unload(struct slab_cpu *cpu)
{
	struct magazine *magazine = cpu->loaded;

	if (magazine != NULL)
		magazine->rounds = (uint16_t) (cpu->top - magazine->round);
	cpu->loaded = NULL;
	cpu->top = cpu->limit = &cpu->none;
	return magazine;
}

static void swap(struct slab_cpu *cpu)
{
	struct magazine *magazine = unload(cpu);

	load(cpu, cpu->previous);
	cpu->previous = magazine;
}

/* ---- the depot ---- */

static void depot_put_locked(struct slab_cache *cache, struct magazine *magazine)
{
	struct slab_depot *depot = magazine->rounds != 0 ? &cache->filled : &cache->drained;

	magazine->next = depot->first;
	depot->first = magazine;
	depot->count++;
	slab_stock();
}

/* @return NULL if there is none */
static struct magazine *depot_take_locked(struct slab_depot *depot)
{
	struct magazine *magazine = depot->first;

	if (magazine == NULL)
		return NULL;
	depot->first = magazine->next;
	if (--depot->count < depot->least)
		depot->least = depot->count;
	return magazine;
}

/* Told of each exchange: magazines of a busy cache grow. */
static void adapt_locked(struct slab_cache *cache)
{
	if (cache->magazine_class == cache->magazine_class_max || ++cache->exchanges < PATIENCE)
		return;
	cache->exchanges = 0;
	cache->magazine_class++;
}

/* ---- magazines, made and unmade; no lock is held ---- */

static struct magazine *magazine_make(unsigned size_class, unsigned rounds)
{
	struct magazine *magazine = slab_alloc(&magazine_caches[size_class], FRAME_ATOMIC | FRAME_NO_RECLAIM);

	if (magazine == NULL)
		return NULL;
	*magazine = (struct magazine){ .capacity = (uint8_t) rounds, .size_class = (uint8_t) size_class };
	magazine->round[0] = NULL;
	return magazine;
}

/* Gives a magazine back, its objects first. @return frames given back */
static size_t magazine_discard(struct slab_cache *cache, struct magazine *magazine)
{
	struct slab_cache *home = &magazine_caches[magazine->size_class];
	size_t frames = 0;

	for (size_t i = magazine->rounds; i > 0; i--)
		frames += slab_layer_return(cache, magazine->round[i]);
	slab_debug_freed(home, magazine, __builtin_return_address(0));
	return frames + slab_layer_return(home, magazine);
}

/* ---- taking, the slow way ---- */

/* Loads a magazine with objects. *discard receives one that is not needed any more. @return false if there is none */
static bool refill_locked(struct slab_cache *cache, struct slab_cpu *cpu, struct magazine **discard)
{
	struct magazine *filled;

	if (cpu->previous != NULL && cpu->previous->rounds != 0) {
		swap(cpu);
		return true;
	}
	filled = depot_take_locked(&cache->filled);
	if (filled == NULL)
		return false;
	cache->allocs += filled->rounds;
	if (cpu->previous != NULL && cpu->previous->size_class != cache->magazine_class)
		*discard = cpu->previous;
	else if (cpu->previous != NULL)
		depot_put_locked(cache, cpu->previous);
	cpu->previous = unload(cpu);
	load(cpu, filled);
	adapt_locked(cache);
	return true;
}

/* The newest object of a magazine that has some. */
static void *pop(struct slab_cache *cache, struct slab_cpu *cpu)
{
	void *object = *cpu->top;

	if (unlikely(object == NULL))
		slab_panic(cache, NULL, SLAB_FAULT_NULL, "slab_free");
	cpu->top--;
	return object;
}

/* An object from a magazine or a slab; none for who has to get in line behind those that sleep for one. */
static void *take_locked(struct slab_cache *cache, struct slab_cpu *cpu, frame_flags_t flags, struct magazine **discard)
{
	bool pressed = frame_sleepers() != 0;

	if (!pressed && refill_locked(cache, cpu, discard))
		return pop(cache, cpu);
	cache->allocs++;
	if (pressed && !(flags & FRAME_ATOMIC) && cache->waiters != NULL)
		return NULL;
	return slab_layer_take_locked(cache);
}

void *slab_alloc_slow(struct slab_cache *cache, frame_flags_t flags, port_irq_t state)
{
	struct slab_cpu *cpu = cpu_here(cache);
	struct magazine *discard = NULL;
	void *object;

	cpu->top++;
	if (unlikely(cpu->loaded != NULL && cpu->top != cpu->loaded->round))
		slab_panic(cache, NULL, SLAB_FAULT_NULL, "slab_free");
	spinlock_lock_raw(&cache->lock);
	object = take_locked(cache, cpu, flags, &discard);
	spinlock_unlock(&cache->lock, state);
	if (discard != NULL)
		magazine_discard(cache, discard);
	return object != NULL ? object : slab_layer_make(cache, flags);
}

void *slab_alloc_injected(struct slab_cache *cache, frame_flags_t flags, port_irq_t state)
{
	void *object;

	if (!(flags & FRAME_NO_WAIT) && inject_now()) {
		port_irq_restore(state);
		__atomic_add_fetch(&cache->failed, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	object = *cpu_here(cache)->top--;
	if (object == NULL)
		return slab_alloc_slow(cache, flags, state);
	port_irq_restore(state);
	return object;
}

void *slab_alloc_forbidden(struct slab_cache *cache, frame_flags_t flags, port_irq_t state)
{
	(void) flags, (void) state;
	port_panic("slab_alloc(%s): may sleep, but interrupts are off or a spinlock is held; give FRAME_ATOMIC, or let go "
			   "first",
		cache->name);
}

void *slab_alloc_flags(struct slab_cache *cache, frame_flags_t flags)
{
	mm_debug(!(flags & (FRAME_DMA | FRAME_ZERO)),
		"slab_alloc(%s) with flags %#x: an object is as and where it is; malloc "
		"serves FRAME_DMA and FRAME_ZERO",
		cache->name, flags);
	return slab_alloc_for(cache, flags, __builtin_return_address(0));
}

void *slab_alloc_plain(struct slab_cache *cache)
{
	return slab_alloc_for(cache, 0, __builtin_return_address(0));
}

/* ---- giving back, the slow way ---- */

/* Whether objects may go into magazines: not while anyone sleeps for memory. */
static bool may_fill_locked(const struct slab_cache *cache)
{
	return cache->magazine_limit != 0 && frame_sleepers() == 0;
}

/* Loads a magazine with room. @return false if there is none */
static bool make_room_locked(struct slab_cache *cache, struct slab_cpu *cpu)
{
	struct magazine *drained;

	if (cpu->previous != NULL && cpu->previous->rounds == 0) {
		swap(cpu);
		return true;
	}
	drained = depot_take_locked(&cache->drained);
	if (drained == NULL)
		return false;
	if (cpu->previous != NULL) {
		cache->frees += cpu->previous->rounds;
		depot_put_locked(cache, cpu->previous);
	}
	cpu->previous = unload(cpu);
	load(cpu, drained);
	adapt_locked(cache);
	return true;
}

/*
 * The same with a new magazine. Lets go of the lock in between, but not of the CPU, so another look at frame_sleepers
 * is not needed: the cross-call of a thread that has begun to wait meanwhile comes when interrupts are on again.
 */
static bool make_room_anew_locked(struct slab_cache *cache, struct slab_cpu *cpu)
{
	unsigned size_class = cache->magazine_class, rounds = slab_magazine_rounds(cache);
	struct magazine *magazine;

	spinlock_unlock_raw(&cache->lock);
	magazine = magazine_make(size_class, rounds);
	spinlock_lock_raw(&cache->lock);
	if (magazine == NULL)
		return false;
	depot_put_locked(cache, magazine);
	return make_room_locked(cache, cpu);
}

void slab_free_slow(struct slab_cache *cache, void *object, port_irq_t state)
{
	struct slab_cpu *cpu = cpu_here(cache);
	bool room;

	spinlock_lock_raw(&cache->lock);
	room = may_fill_locked(cache) && (make_room_locked(cache, cpu) || make_room_anew_locked(cache, cpu));
	if (room)
		*++cpu->top = object;
	else
		cache->frees++;
	spinlock_unlock(&cache->lock, state);
	if (!room)
		slab_layer_return(cache, object);
}

void slab_free(struct slab_cache *cache, void *object)
{
	slab_debug_freed(cache, object, __builtin_return_address(0));
	slab_free_hot(cache, object);
}

/* ---- emptying ---- */

/* Moves this CPU's magazines into the depot. */
static void strip_here(void *argument)
{
	struct slab_cache *cache = argument;
	struct slab_cpu *cpu = cpu_here(cache);
	struct magazine *loaded = unload(cpu), *previous = cpu->previous;

	if (loaded == NULL)
		return;
	cpu->previous = NULL;
	spinlock_lock_raw(&cache->lock);
	cache->frees += loaded->rounds + (previous != NULL ? previous->rounds : 0u);
	depot_put_locked(cache, loaded);
	if (previous != NULL)
		depot_put_locked(cache, previous);
	spinlock_unlock_raw(&cache->lock);
}

static void strip_all_here(void *argument)
{
	(void) argument;
	if (!cpu_stocked[port_cpu()])
		return;
	cpu_stocked[port_cpu()] = false;
	for (struct slab_cache *cache = slab_registry_next(NULL); cache != NULL; cache = slab_registry_next(cache))
		strip_here(cache);
}

static void strip_all(bool may_wait)
{
	port_irq_t irq;

	if (may_wait) {
		port_cross_call(strip_all_here, NULL);
		return;
	}
	irq = port_irq_save();
	strip_all_here(NULL);
	port_irq_restore(irq);
}

/* ---- reclaim ---- */

static struct budget budget_for(bool may_wait)
{
	port_irq_t irq = port_irq_save();
	bool interrupts_on = port_irq_were_on(irq);

	port_irq_restore(irq);
	return (struct budget){ .frames = may_wait ? SIZE_MAX : BATCH_FRAMES,
		.objects = interrupts_on ? SIZE_MAX : BATCH_OBJECTS };
}

static bool is_spent(const struct budget *budget)
{
	return budget->frames == 0 || budget->objects == 0;
}

static size_t less(size_t left, size_t by)
{
	return left > by ? left - by : 0;
}

/* Gives back at most count magazines, as far as the budget goes. @return frames given back */
static size_t depot_trim(struct slab_cache *cache, struct slab_depot *depot, size_t count, struct budget *budget)
{
	size_t frames = 0;

	while (count-- > 0 && !is_spent(budget)) {
		size_t freed;
		port_irq_t irq = spinlock_lock(&cache->lock);
		struct magazine *magazine = depot_take_locked(depot);

		spinlock_unlock(&cache->lock, irq);
		if (magazine == NULL)
			break;
		budget->objects = less(budget->objects, magazine->rounds + 1u);
		freed = magazine_discard(cache, magazine);
		budget->frames = less(budget->frames, freed);
		frames += freed;
	}
	return frames;
}

/* @return magazines of the depot that a reclaim of this strength takes; what is needed is counted anew from here on */
static size_t depot_surplus_locked(struct slab_depot *depot, enum reclaim_strength strength)
{
	size_t count = strength == RECLAIM_LIGHT ? depot->least : depot->count;

	depot->least = depot->count;
	return count;
}

/* The last reclaim that works on a cache wakes the thread that is to destroy it. */
static void reclaim_end(struct slab_cache *cache)
{
	port_irq_t irq = spinlock_lock(&cache->lock);

	if (--cache->reclaims == 0 && cache->destroyer != NULL) {
		port_unpark(cache->destroyer); /* under the lock: it cannot be gone */
		cache->destroyer = NULL;
	}
	spinlock_unlock(&cache->lock, irq);
}

/* One look, under the lock, tells a cache that has nothing to give: most have. */
static size_t cache_reclaim(struct slab_cache *cache, enum reclaim_strength strength, struct budget *budget)
{
	port_irq_t irq = spinlock_lock(&cache->lock);
	size_t filled = depot_surplus_locked(&cache->filled, strength);
	size_t drained = depot_surplus_locked(&cache->drained, strength);
	bool some = filled != 0 || drained != 0 || cache->empty.count != 0;
	size_t frames, rest;

	if (strength == RECLAIM_FULL)
		cache->magazine_class = cache->magazine_class_min;
	cache->exchanges = 0;
	cache->reclaims += some;
	spinlock_unlock(&cache->lock, irq);
	if (!some)
		return 0;
	frames = depot_trim(cache, &cache->filled, filled, budget);
	frames += depot_trim(cache, &cache->drained, drained, budget);
	rest = slab_layer_reclaim(cache); /* last: it finds what the others leave */
	budget->frames = less(budget->frames, rest);
	reclaim_end(cache);
	return frames + rest;
}

/* Whether any cache may have something to give; a full reclaim takes all there is, so the note goes. */
static bool is_stocked(enum reclaim_strength strength)
{
	if (!__atomic_load_n(&slab_stocked, __ATOMIC_RELAXED))
		return false;
	return strength == RECLAIM_LIGHT || __atomic_exchange_n(&slab_stocked, false, __ATOMIC_SEQ_CST);
}

/* A reclaim ends that has taken the note, and left something: a thread that waits may have missed it. */
static void leave_rest(void)
{
	__atomic_store_n(&slab_stocked, true, __ATOMIC_SEQ_CST);
	frame_reclaim_offer();
}

static size_t reclaim_once(enum reclaim_strength strength, bool may_wait, struct budget *budget)
{
	struct slab_cache *cache;
	size_t frames = 0;

	if (strength == RECLAIM_FULL)
		strip_all(may_wait);
	if (!is_stocked(strength))
		return 0;
	for (cache = slab_registry_next(NULL); cache != NULL && !is_spent(budget); cache = slab_registry_next(cache))
		frames += cache_reclaim(cache, strength, budget);
	if (cache != NULL)
		slab_cache_release(cache);
	if (is_spent(budget))
		leave_rest();
	for (size_t size_class = 0; size_class < MAGAZINE_CLASSES;
		 size_class++) /* theirs were the first, and have got more since */
		frames += slab_layer_reclaim(&magazine_caches[size_class]);
	return frames;
}

size_t slab_reclaim(enum reclaim_strength strength, bool may_wait)
{
	unsigned rounds = strength == RECLAIM_FULL ? RECLAIM_ROUNDS : 1;
	struct budget budget = budget_for(may_wait);
	size_t frames = 0, given;

	do {
		given = reclaim_once(strength, may_wait, &budget);
		frames += given;
	} while (given != 0 && --rounds > 0 && !is_spent(&budget));
	return frames;
}

size_t slab_magazines_flush(struct slab_cache *cache)
{
	struct budget unlimited = { .frames = SIZE_MAX, .objects = SIZE_MAX };

	port_cross_call(strip_here, cache);
	return cache_reclaim(cache, RECLAIM_FULL, &unlimited);
}

/* ---- counting ---- */

struct rounds_count {
	struct slab_cache *cache;
	size_t rounds;
};

static void count_here(void *argument)
{
	struct rounds_count *count = argument;
	const struct slab_cpu *cpu = cpu_here(count->cache);
	size_t rounds = cpu->previous != NULL ? cpu->previous->rounds : 0;

	if (cpu->loaded != NULL)
		rounds += (size_t) (cpu->top - cpu->loaded->round);
	__atomic_add_fetch(&count->rounds, rounds, __ATOMIC_RELAXED);
}

static size_t depot_rounds(struct slab_cache *cache)
{
	port_irq_t irq = spinlock_lock(&cache->lock);
	size_t rounds = 0;

	for (const struct magazine *magazine = cache->filled.first; magazine != NULL; magazine = magazine->next)
		rounds += magazine->rounds;
	spinlock_unlock(&cache->lock, irq);
	return rounds;
}

size_t slab_magazines_rounds(struct slab_cache *cache)
{
	struct rounds_count count = { .cache = cache };
	port_irq_t irq = port_irq_save();

	count_here(&count);
	port_irq_restore(irq);
	if (port_irq_were_on(irq)) {
		count.rounds = 0;
		port_cross_call(count_here, &count);
	}
	return count.rounds + depot_rounds(cache);
}

/* ---- setting up ---- */

static size_t rounds_allowed(const struct slab_cache *cache)
{
	size_t most = MAGAZINE_ROUNDS(MAGAZINE_CLASSES - 1), rounds = MAGAZINE_BYTES / cache->stride;

	if (cache->flags & SLAB_NO_MAGAZINES || (cache->objects == 0 && cache->constructor == NULL))
		return 0;
	if (rounds == 0)
		return 1;
	return rounds < most ? rounds : most;
}

void slab_magazines_init(struct slab_cache *cache)
{
	unsigned size_class = 0;

	cache->magazine_limit = (uint16_t) rounds_allowed(cache);
	while (size_class < MAGAZINE_CLASSES - 1 && MAGAZINE_ROUNDS(size_class) < cache->magazine_limit)
		size_class++;
	cache->magazine_class_max = (uint8_t) size_class;
	cache->magazine_class_min = cache->stride <= SMALL_OBJECT && size_class > 0 ? 1 : 0;
	cache->magazine_class = cache->magazine_class_min;
	for (size_t i = 0; i < CONFIG_MAX_CPUS; i++)
		unload(&cache->cpu[i]);
}
