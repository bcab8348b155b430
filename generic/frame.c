/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Frames: the ways in, and the per-CPU caches in front of the zones.
 *
 *   frame_alloc ──> this CPU's caches ──> zones ──> reclaimers ──> sleep
 *                   one frame, runs      (zone.c)  (reclaim.c)    (sleepers.c)
 *
 * CACHES. Each CPU has a stack of single frames with a permanent address, one of
 * such without, for who prefers those, and some runs with one (frame_runs.c, by the
 * same rules). A stack is refilled, and emptied by half, under frame_lock; between that, taking and
 * giving a frame touches this CPU's data only, with interrupts off. A frame in a
 * cache is no longer free in the zone's sense: it is paid for, so that no
 * promise (mm/reserve.h) rests on it, and it costs no look at the accounts.
 *
 * While somebody sleeps for memory, caches have capacity 0: everything goes
 * through to the zones, where the sleeper is told. frame_reclaim does that on
 * every CPU before a sleeper looks for the last time; the slow paths here put
 * it right again when nobody sleeps any more.
 *
 * What a path has read of its CPU's data holds while interrupts stay off, and no
 * longer: once they have been on, it is read anew (kernel/test/preempt_test.c has
 * threads preempted at each such point).
 *
 * CONTEXTS. Anything here may be called with interrupts off if FRAME_ATOMIC is
 * given; frame_free always.
 *
 * COST. One frame and back: about 60 instructions; a run that the CPU has kept:
 * 95; another: the buddy's cost and about 150, whatever its length.
 */

#include <mm/held.h>
#include <mm/inject.h>
#include <mm/km_local.h>

#include "frame_internal.h"

/* Frames a cache may hold (so many that it fills its cache lines), and frames it takes or gives at a time. */
#define CACHE_FRAMES 29
#define CACHE_BATCH 16

struct frame_cache {
	pfn_t *top;                     /* the frame that goes first; NO_FRAME in frames[0] if there is none */
	pfn_t *limit;                   /* where top is at most: frames, while somebody sleeps for memory */
	pfn_t frames[1 + CACHE_FRAMES]; /* NO_FRAME, and those that are here */
} __attribute__((aligned(CACHE_LINE)));

static struct frame_cache caches[CONFIG_MAX_CPUS];
static struct frame_cache high_caches[KM_LOCAL_NEEDED ? CONFIG_MAX_CPUS : 1]; /* without permanent addresses */

/* What a cache is refilled with: a batch, or, while somebody sleeps for memory, what is wanted at once. */
struct refill {
	struct frame_request batch, single;
};

#define REFILL(frames, first, class)                                                                    \
	{                                                                                                   \
		.min = 1, .max = (frames), .align = 1, .lower = (first), .upper = (phys_t) -1, .flags = (class) \
	}
#define HIGH_FIRST (IDENTITY_PHYS + (phys_t) IDENTITY_SIZE)

static const struct refill low_refill = { REFILL(CACHE_BATCH, 0, 0), REFILL(1, 0, 0) };
static const struct refill high_refill = { REFILL(CACHE_BATCH, HIGH_FIRST, FRAME_HIGHMEM),
	REFILL(1, HIGH_FIRST, FRAME_HIGHMEM) };

frame_flags_t frame_slow_flags;

/* A CPU that comes up later may do so while threads wait: its caches are closed till it has looked. */
static void cache_init(struct frame_cache *cache)
{
	cache->frames[0] = NO_FRAME;
	cache->top = cache->limit = cache->frames;
}

/* Gives a cache its room, or none while somebody sleeps for memory. @return whether it has some */
static bool cache_open(struct frame_cache *cache)
{
	bool open = !sleepers_any();

	cache->limit = open ? &cache->frames[CACHE_FRAMES] : cache->frames;
	return open;
}

void frame_caches_init(void)
{
	bool high = false;

	for (size_t i = 0; i < zones_used; i++)
		high |= zones[i].kind == ZONE_HIGH;
	frame_slow_flags = FRAME_DMA | FRAME_ZERO | FRAME_NO_RESERVE | (high ? FRAME_HIGHMEM : 0);
	for (size_t i = 0; i < CONFIG_MAX_CPUS; i++)
		cache_init(&caches[i]);
	for (size_t i = 0; i < ARRAY_COUNT(high_caches); i++)
		cache_init(&high_caches[i]);
	run_caches_init();
}

/*
 * The top is written by its own CPU only, with interrupts off, and glanced at by others. Relaxed: the frames below it
 * are its own CPU's to read, and what others make of the number is exact only when no CPU allocates.
 */
static inline void cache_set_top(struct frame_cache *cache, pfn_t *top)
{
	__atomic_store_n(&cache->top, top, __ATOMIC_RELAXED);
}

static inline size_t cache_count(const struct frame_cache *cache)
{
	return (size_t) (__atomic_load_n(&cache->top, __ATOMIC_RELAXED) - cache->frames);
}

static size_t caches_count(const struct frame_cache *cache, size_t caches_there)
{
	size_t count = 0;

	for (; caches_there > 0; caches_there--, cache++)
		count += cache_count(cache);
	return count;
}

size_t frame_cache_count(bool high)
{
	return high ? caches_count(high_caches, ARRAY_COUNT(high_caches))
				: caches_count(caches, ARRAY_COUNT(caches)) + run_cache_count();
}

/* ---- taking ---- */

/* Takes the frame that top, the cache's, points to, and of which this is the state. */
static inline phys_t cache_pop(struct frame_cache *cache, pfn_t *top, uint8_t *state)
{
	pfn_t pfn = *top;

	cache_set_top(cache, top - 1);
	__atomic_store_n(state, RUN_HEAD(0), __ATOMIC_RELAXED); /* this CPU's alone: see frame_state.c, "Order" */
	return (phys_t) pfn << PAGE_WIDTH;
}

/* Fills an empty cache from the zones and takes one frame. Interrupts off. @return 0 if there is none */
COLD static phys_t cache_refill(struct frame_cache *cache, const struct refill *refill)
{
	size_t taken;
	phys_t base;

	mm_debug(cache_count(cache) == 0, "CPU %u's cache has %zu frames", port_cpu(), cache_count(cache));
	spinlock_lock_raw(&frame_lock);
	base = zone_take_locked(cache_open(cache) ? &refill->batch : &refill->single, &taken);
	if (taken > 0) {
		pfn_t pfn = base >> PAGE_WIDTH;

		for (size_t i = taken - 1; i > 0; i--) {
			frame_state_set(pfn + i, FRAME_KIND_CACHED);
			cache->frames[taken - i] = pfn + i;
		}
		frame_state_set(pfn, RUN_HEAD(0));
		cache_set_top(cache, &cache->frames[taken - 1]);
	}
	spinlock_unlock_raw(&frame_lock);
	return base;
}

/* One frame from a cache, which is filled first if it is empty. Interrupts off. @return 0 if there is none */
static inline phys_t cache_alloc(struct frame_cache *cache, const struct refill *refill)
{
	pfn_t *top = cache->top;

	return likely(*top != NO_FRAME) ? cache_pop(cache, top, frame_state_at(*top)) : cache_refill(cache, refill);
}

/* What a constraint on address bits comes to: an alignment from the low bits, an upper bound from the high ones. */
static void constrain(struct frame_request *request, phys_t constraint)
{
	phys_t low = constraint | (PAGE_SIZE - 1);
	phys_t align = ~low & -~low; /* the lowest bit that may be set */
	phys_t high = constraint & ~(align - 1);

	if (align == 0) { /* no bit at all may be set: only frame 0 would do */
		request->upper = 0;
		return;
	}
	request->align = align >> PAGE_WIDTH;
	if (high != 0)
		request->upper = (high & -high) - 1;
	mm_assert(high == 0 || (high | request->upper) == (phys_t) -1,
		"constraint %#" PHYS_X " is neither low bits (alignment) nor high bits (a bound)", constraint);
}

COLD static phys_t frame_alloc_slow(size_t count, frame_flags_t flags, phys_t constraint)
{
	struct frame_request request = FRAME_REQUEST(count, flags);
	size_t taken;

	if (constraint != 0)
		constrain(&request, constraint);
	return frame_alloc_request(&request, &taken);
}

void frames_clear(phys_t base, size_t count)
{
	for (size_t i = 0; i < count; i++)
		km_local_clear(base + (i << PAGE_WIDTH));
}

static NOINLINE phys_t frame_alloc_cleared(size_t count, frame_flags_t flags, phys_t constraint)
{
	phys_t base = frame_alloc(count, flags & ~FRAME_ZERO, constraint);

	if (base != 0)
		frames_clear(base, count);
	return base;
}

/*
 * One frame through this CPU's cache. The caller found one empty; but interrupts were on since, so this may be another
 * CPU's, and others may have filled it. @return 0 if it takes more than that
 */
static phys_t single_alloc(frame_flags_t flags)
{
	port_irq_t irq = port_irq_save();
	phys_t base = 0;

	if (may_serve(flags, irq) && (flags & FRAME_ATOMIC || !sleepers_any()))
		base = cache_alloc(&caches[port_cpu()], &low_refill);
	port_irq_restore(irq);
	return base;
}

/* One frame that this CPU's cache cannot serve at once, or only by one that is not near. */
static NOINLINE phys_t frame_alloc_single(frame_flags_t flags)
{
	phys_t base = single_alloc(flags);

	return base != 0 ? base : frame_alloc_slow(1, flags, 0);
}

/* Whether nothing else is said than that frames without a permanent address are preferred. */
static inline bool prefers_high(frame_flags_t flags)
{
	return KM_LOCAL_NEEDED && (flags & (frame_slow_flags | FRAME_LOWMEM)) == FRAME_HIGHMEM;
}

/* One frame, without a permanent address if there is any, through this CPU's caches. */
static NOINLINE phys_t frame_alloc_high(frame_flags_t flags)
{
	port_irq_t irq = port_irq_save();
	struct frame_cache *high = &high_caches[port_cpu()], *low = &caches[port_cpu()];
	phys_t base = 0;

	if (likely(may_serve(flags, irq)) && likely(flags & FRAME_ATOMIC || !sleepers_any())) {
		base = cache_alloc(high, &high_refill);
		if (unlikely(base == 0))
			base = cache_alloc(low, &low_refill);
	}
	port_irq_restore(irq);
	return likely(base != 0) ? base : frame_alloc_slow(1, flags, 0);
}

/*
 * Whether a run that could not be had at once is not to be had at all: no reclaimer is called. Relaxed: the total
 * only grows, and the injector is armed by the thread whose calls it is to reach.
 */
static bool final(size_t count, frame_flags_t flags)
{
	return (flags & FRAME_ATOMIC) && (flags & FRAME_NO_RECLAIM) && IS_POWER_OF_TWO(count) &&
		count <= __atomic_load_n(&frame_accounts.total, __ATOMIC_RELAXED) &&
		!__atomic_load_n(&inject_armed, __ATOMIC_RELAXED);
}

phys_t frame_alloc_run(size_t count, frame_flags_t flags)
{
	phys_t base = zone_alloc_run(count, flags);

	return likely(base != 0) || final(count, flags) ? base : frame_alloc_slow(count, flags, 0);
}

phys_t frame_alloc(size_t count, frame_flags_t flags, phys_t constraint)
{
	if (CONFIG_DEBUG && !(flags & (FRAME_ATOMIC | FRAME_NO_WAIT))) /* else the flags are kept at hand */
		may_wait_debug("frame_alloc");
	if (likely(((count - 1) | constraint | (flags & frame_slow_flags)) == 0)) {
		port_irq_t irq = port_irq_save();
		struct frame_cache *cache = &caches[port_cpu()];
		pfn_t *top = cache->top;

		if (frame_is_near(*top) && likely(may_serve(flags, irq))) { /* so it is not NO_FRAME */
			phys_t base = cache_pop(cache, top, frame_near_state(*top));

			port_irq_restore(irq);
			return base;
		}
		port_irq_restore(irq);
		return frame_alloc_single(flags);
	}
	if ((constraint | (flags & frame_slow_flags)) == 0)
		return run_alloc(count, flags);
	if (((count - 1) | constraint) == 0 && prefers_high(flags))
		return frame_alloc_high(flags);
	if (flags & FRAME_ZERO)
		return frame_alloc_cleared(count, flags, constraint);
	return frame_alloc_slow(count, flags, constraint);
}

/* ---- asking for more ---- */

static phys_t take(const struct frame_request *request, size_t *taken)
{
	port_irq_t irq = spinlock_lock(&frame_lock);
	phys_t base = zone_take_locked(request, taken);

	/* A low frame off a reservation of any leaves a high one for those that wait. */
	if (request->flags & FRAME_NO_RESERVE && sleepers_any())
		sleepers_serve_locked();
	spinlock_unlock(&frame_lock, irq);
	return base;
}

/*
 * Asks the reclaimers, lightly, then fully; looks after each. Not if those that wait have asked them. Where the caller
 * may not wait a reclaim frees some frames at a time: with interrupts on it is repeated as long as it frees any.
 */
static phys_t take_reclaimed(
	const struct frame_request *request, size_t *taken, bool (*alternative)(void *argument), void *argument)
{
	bool may_wait = !(request->flags & FRAME_ATOMIC);
	phys_t base = 0;

	for (unsigned strength = RECLAIM_LIGHT; strength <= RECLAIM_FULL && base == 0 && !reclaim_is_useless();) {
		size_t freed = frame_reclaim(strength, may_wait);

		if (alternative != NULL && alternative(argument))
			break;
		base = take(request, taken);
		if (freed == 0 || may_wait || !interrupts_on())
			strength++;
	}
	return base;
}

static void request_validate(const struct frame_request *request)
{
	mm_assert(
		request->min >= 1 && request->min <= request->max, "frames: min %zu, max %zu", request->min, request->max);
	mm_assert(IS_POWER_OF_TWO(request->align), "align %zu is not a power of two", request->align);
}

/* @return 0, which is what the caller returns */
COLD static phys_t tell_impossible(const struct frame_request *request)
{
	port_log("frame_alloc: no zone could ever give %zu frames (alignment %zu frames, between %#" PHYS_X " and %#" PHYS_X
			 ", flags %#x)",
		request->min, request->align, request->lower, request->upper, request->flags);
	return 0;
}

static phys_t request_serve(
	const struct frame_request *request, size_t *taken, bool (*alternative)(void *argument), void *argument)
{
	bool atomic = request->flags & FRAME_ATOMIC;
	phys_t base;

	*taken = 0;
	if (atomic && !(request->flags & FRAME_NO_WAIT) && inject_now())
		return 0;
	request_validate(request);
	if (!zone_could_satisfy(request))
		return tell_impossible(request);
	if (atomic || request->flags & FRAME_NO_RESERVE || !sleepers_any()) {
		base = take(request, taken);
		if (base == 0 && !(request->flags & FRAME_NO_RECLAIM))
			base = take_reclaimed(request, taken, alternative, argument);
		if (base != 0 || atomic || (alternative != NULL && alternative(argument)))
			return base;
	}
	if (request->flags & FRAME_NO_WAIT)
		return 0;
	if (!zone_ever_satisfies(request))
		return tell_impossible(request);
	return sleepers_wait(request, taken, alternative, argument);
}

phys_t frame_alloc_or(
	const struct frame_request *request, size_t *taken, bool (*alternative)(void *argument), void *argument)
{
	phys_t base;

	if (!(request->flags & (FRAME_ATOMIC | FRAME_NO_WAIT)))
		may_wait_check("frame_alloc");
	base = run_kept(request);
	if (base != 0)
		*taken = request->min;
	else
		base = request_serve(request, taken, alternative, argument);
	if (base != 0 && (request->flags & FRAME_ZERO))
		frames_clear(base, *taken);
	return base;
}

phys_t frame_alloc_request(const struct frame_request *request, size_t *taken)
{
	return frame_alloc_or(request, taken, NULL, NULL);
}

/* ---- giving back ---- */

/* Gives the frames back that are in the cache longest, all but so many. */
static void cache_give_locked(struct frame_cache *cache, size_t keep)
{
	pfn_t *frames = &cache->frames[1];
	size_t count = cache_count(cache);

	for (size_t i = keep; i < count; i++)
		zone_give_locked(frames[i - keep], 1);
	for (size_t i = 0; i < keep; i++)
		frames[i] = frames[i + count - keep];
	cache_set_top(cache, &cache->frames[keep]);
	if (count > keep && sleepers_any())
		sleepers_serve_locked();
}

/* @return frames given back */
static size_t cache_drain_locked(struct frame_cache *cache)
{
	size_t count = cache_count(cache);

	(void) cache_open(cache);
	cache_give_locked(cache, 0);
	return count;
}

size_t frame_cache_drain(void)
{
	size_t count, in_runs;

	spinlock_lock_raw(&frame_lock);
	count = cache_drain_locked(&caches[port_cpu()]);
	if (KM_LOCAL_NEEDED)
		count += cache_drain_locked(&high_caches[port_cpu()]);
	in_runs = run_cache_drain_locked();
	if (in_runs != 0 && sleepers_any())
		sleepers_serve_locked();
	spinlock_unlock_raw(&frame_lock);
	return count + in_runs;
}

/* A cache that is full makes room, or has none for want of memory. Interrupts off. @return whether it has room now */
COLD static bool cache_make_room(struct frame_cache *cache)
{
	bool open;

	spinlock_lock_raw(&frame_lock);
	open = cache_open(cache);
	if (cache_count(cache) > CACHE_BATCH)
		cache_give_locked(cache, open ? CACHE_BATCH : 0);
	spinlock_unlock_raw(&frame_lock);
	return cache->top < cache->limit;
}

void panic_freed_meanwhile(pfn_t first, size_t count)
{
	spinlock_lock_raw(&frame_lock);
	panic_bad_free_locked(first, first, count);
}

/* Adds a frame, of which this is the state, above top, the cache's. */
static inline void cache_push(struct frame_cache *cache, pfn_t *top, pfn_t pfn, uint8_t *state)
{
	if (unlikely(!state_change(state, RUN_HEAD(0), RUN_CACHED(0))))
		panic_freed_meanwhile(pfn, 1);
	*++top = pfn;
	cache_set_top(cache, top);
}

/*
 * Whether this is a near frame that may go into a CPU's cache: plain, with a permanent address. The caller has it
 * alone, if so: what others did with it while they held it was before.
 */
static inline bool cacheable(pfn_t pfn)
{
	return likely(pfn - FRAME_FIRST < frame_near_low_count) &&
		likely(__atomic_load_n(frame_near_state(pfn), __ATOMIC_ACQUIRE) == RUN_HEAD(0));
}

/* The caches that a single frame may go into which is not cacheable as that says; NULL if there are none. */
static inline struct frame_cache *caches_for(pfn_t pfn)
{
	if (frame_state_acquire(pfn) == RUN_HEAD(0)) {
		if (pfn - FRAME_FIRST < frame_low_count)
			return caches;
		if (KM_LOCAL_NEEDED)
			return high_caches;
	}
	return NULL;
}

/* One frame into this CPU's one of these caches, or, if that has no room and can make none, into its zone. */
static NOINLINE void frame_free_single(struct frame_cache *of_all, pfn_t pfn)
{
	port_irq_t irq = port_irq_save();
	struct frame_cache *cache = &of_all[port_cpu()];
	bool room = cache->top < cache->limit || cache_make_room(cache);

	if (room)
		cache_push(cache, cache->top, pfn, frame_state_at(pfn));
	port_irq_restore(irq);
	if (!room)
		zone_free_run(pfn, 1);
}

/* One frame that is far or high; or not known at all. */
static NOINLINE void frame_free_other(pfn_t pfn, size_t count)
{
	struct frame_cache *of_all = count == 1 ? caches_for(pfn) : NULL;

	if (of_all != NULL)
		frame_free_single(of_all, pfn);
	else
		zone_free_run(pfn, count);
}

void frame_free(phys_t base, size_t count)
{
	pfn_t pfn = frame_number(base);

	if (likely(count == 1) && cacheable(pfn)) {
		port_irq_t irq = port_irq_save();
		struct frame_cache *cache = &caches[port_cpu()];
		pfn_t *top = cache->top;

		if (likely(top < cache->limit)) {
			cache_push(cache, top, pfn, frame_near_state(pfn));
			port_irq_restore(irq);
			return;
		}
		port_irq_restore(irq);
		return frame_free_single(caches, pfn);
	}
	if (likely(count > 1))
		return run_free(pfn, count);
	return pfn - FRAME_FIRST < frame_near_low_count ? zone_free_run(pfn, count) : frame_free_other(pfn, count);
}

/* ---- references ---- */

errno_t frame_reference_add(phys_t frame)
{
	pfn_t pfn = frame_number(frame);
	port_irq_t irq = spinlock_lock(&frame_lock);
	enum frame_kind kind = frame_kind_locked(pfn);
	errno_t error = EOK;

	mm_assert(kind == FRAME_KIND_PLAIN || kind == FRAME_KIND_SHARED,
		"frame at %#" PHYS_X " is not taken, or that is not its address (kind %u)", frame, kind);
	if (kind == FRAME_KIND_PLAIN) {
		(void) frame_run_dissolve(pfn);
		frame_state_set(pfn, FRAME_KIND_SHARED);
		*frame_count_at(pfn) = 1;
	} else if (*frame_count_at(pfn) == UINT16_MAX - 1) {
		error = EOVERFLOW;
	} else {
		++*frame_count_at(pfn);
	}
	spinlock_unlock(&frame_lock, irq);
	return error;
}

size_t frame_reference_count(phys_t frame)
{
	pfn_t pfn = frame >> PAGE_WIDTH;
	port_irq_t irq = spinlock_lock(&frame_lock);
	enum frame_kind kind = frame_kind_locked(pfn);
	size_t count = 1;

	mm_assert(frame % PAGE_SIZE == 0, "%#" PHYS_X " is not the address of a frame", frame);
	if (kind == FRAME_KIND_FREE || kind == FRAME_KIND_CACHED || kind == FRAME_KIND_HOLE)
		count = 0;
	else if (kind == FRAME_KIND_SHARED)
		count = 1 + (size_t) *frame_count_at(pfn);
	spinlock_unlock(&frame_lock, irq);
	return count;
}
