/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Zones: the physical memory, cut up by what it is good for.
 *
 *   ZONE_DMA    every device reaches it        addresses below ARCH_DMA_LIMIT
 *   ZONE_LOW    it has a permanent address     up to the end of the identity window
 *   ZONE_HIGH   it has none                    the rest
 *
 * A zone is a range of frames, small holes included, under one buddy. A large
 * hole, which costs no metadata, divides it into two zones of the
 * same kind (zone_init.c). Unit 0 of a zone's buddy is a frame whose number is a multiple of
 * ZONE_ALIGN, or of the power of two that is no smaller than the zone: so a block of
 * up to ZONE_ALIGN frames that is aligned in the buddy is so in memory. A request
 * that wants more than that tries the frames so aligned one by one, of which a zone
 * has few (take_aligned_locked).
 *
 * WHERE A REQUEST LOOKS. Each class of request has its list of kinds, the least
 * precious first (zone_order); within a kind, zones in rising order of address.
 *
 * ACCOUNTS. What is free, and what of it is spoken for by promises, is counted
 * by number (reserve.c): nobody takes more than his allowance. Frames in the
 * per-CPU caches are not free in this sense, so a promise never rests on them.
 *
 * LOCKS. Everything here is under frame_lock; frame_init runs before there is
 * anyone else. Read without it are a zone's `managed`, which only grows and is a
 * number by itself (relaxed: the caller allocates frames under the lock), and,
 * in debug builds and by zone_free_run, frames' bytes: under the lock, too, relaxed since the lock orders
 * them, but for the one that makes a shared frame PLAIN (frame_state.c).
 *
 * INVARIANTS (frame_check): each zone's buddy holds to its own; what is free in
 * a buddy has a byte of 0; RAM is what is managed; the sums of the buddies are
 * what the accounts say; no more is promised of either class than can be kept; as
 * many frames are marked as cached as the caches hold (so it is to be called when
 * no CPU is in the midst of an allocation).
 */

#include "frame_internal.h"

struct zone zones[ZONE_MAX];
size_t zones_used;
struct mm_spinlock frame_lock = SPINLOCK_INIT;

/* ---- where a request looks ---- */

enum request_class { CLASS_LOW, CLASS_HIGH, CLASS_DMA, REQUEST_CLASSES };

static const struct {
	uint8_t count;
	uint8_t kinds[ZONE_KINDS];
} zone_order[REQUEST_CLASSES] = {
	[CLASS_LOW] = { 2, { ZONE_LOW, ZONE_DMA } },
	[CLASS_HIGH] = { 3, { ZONE_HIGH, ZONE_LOW, ZONE_DMA } },
	[CLASS_DMA] = { 1, { ZONE_DMA } },
};

/* The zones of each class, in the order in which they are looked at; NULL at the end. */
static struct zone *zone_lists[REQUEST_CLASSES][ZONE_MAX + 1];

static enum request_class class_of(frame_flags_t flags)
{
	if (flags & FRAME_DMA)
		return CLASS_DMA;
	return frame_may_be_high(flags) ? CLASS_HIGH : CLASS_LOW;
}

void zone_lists_build(void)
{
	for (unsigned request_class = 0; request_class < REQUEST_CLASSES; request_class++) {
		struct zone **end = zone_lists[request_class];

		for (unsigned k = 0; k < zone_order[request_class].count; k++)
			for (size_t i = 0; i < zones_used; i++)
				if (zones[i].kind == zone_order[request_class].kinds[k])
					*end++ = &zones[i];
		*end = NULL;
	}
}

/* ---- taking ---- */

static void check_promise_locked(const struct frame_request *request)
{
	size_t promised = accounts_promised_locked(request->flags);

	if (promised < request->min)
		port_panic("frame_alloc: FRAME_NO_RESERVE for %zu frames, but only %zu of their class are promised",
			request->min, promised);
}

static inline phys_t taken_locked(const struct zone *zone, size_t unit, size_t count)
{
	if (likely(IS_POWER_OF_TWO(count) && count <= RUN_FRAMES_MAX))
		frame_state_set(zone->base + unit, RUN_HEAD(__builtin_ctzl(count)));
	return (phys_t) (zone->base + unit) << PAGE_WIDTH;
}

/* A block of 2^order frames from the first zone of the kernel's that has one. @return 0 if none has */
static inline phys_t take_block_locked(unsigned order)
{
	for (struct zone **zone = zone_lists[CLASS_LOW]; *zone != NULL; zone++) {
		size_t unit = buddy_alloc(&(*zone)->buddy, order);

		if (likely(unit != BUDDY_NONE)) {
			frame_accounts.spare -= (size_t) 1 << order;
			return taken_locked(*zone, unit, (size_t) 1 << order);
		}
	}
	return 0;
}

phys_t zone_alloc_run(size_t count, frame_flags_t flags)
{
	port_irq_t irq = port_irq_save();
	phys_t base = 0;

	if (likely(IS_POWER_OF_TWO(count)) && likely(may_serve(flags, irq)) &&
		(likely(!sleepers_any()) || flags & FRAME_ATOMIC)) {
		spinlock_lock_raw(&frame_lock);
		if (likely(frame_accounts.spare >= count))
			base = take_block_locked((unsigned) __builtin_ctzl(count));
		spinlock_unlock_raw(&frame_lock);
	}
	port_irq_restore(irq);
	return base;
}

/* Whether what is aligned so in memory is so in the buddy of the zone. */
static bool align_is_plain(const struct zone *zone, size_t align)
{
	return (zone->base & (align - 1)) == 0;
}

/* Whether there is a frame that is aligned so, and as many as these behind it, between two. */
static bool align_fits(size_t align, pfn_t lower, pfn_t end, size_t count)
{
	pfn_t first = ALIGN_UP(lower, align);

	return first >= lower && first < end && end - first >= count;
}

/* The request in the units of one zone. @return false if the zone has nothing to do with it */
static bool zone_request(const struct zone *zone, const struct frame_request *request, struct buddy_request *units)
{
	/* Numbers of frames, as wide as addresses: "no bound" is beyond what a pfn_t counts where it is narrower. */
	phys_t lower = (request->lower >> PAGE_WIDTH) + ((request->lower & (PAGE_SIZE - 1)) != 0);
	phys_t last = request->upper >> PAGE_WIDTH; /* the last frame that may be part of it, if it is allowed whole */
	phys_t end = (request->upper & (PAGE_SIZE - 1)) == PAGE_SIZE - 1 ? last + 1 : last;

	if (lower < zone->first)
		lower = zone->first;
	if (end > zone->end)
		end = zone->end;
	if (end <= lower || !align_fits(request->align, (pfn_t) lower, (pfn_t) end, request->min))
		return false;
	*units = (struct buddy_request){ .min = request->min,
		.max = request->max,
		.align = request->align,
		.lower = (pfn_t) lower - zone->base,
		.upper = (pfn_t) end - zone->base };
	if (request->lower <= (phys_t) zone->first << PAGE_WIDTH)
		units->lower = 0;
	if (end == zone->end)
		units->upper = SIZE_MAX;
	return true;
}

/*
 * As buddy_alloc_request, aligned in memory as its buddy is not: at most (zone's frames) / ZONE_ALIGN places are tried.
 */
static size_t take_aligned_locked(struct zone *zone, const struct buddy_request *units, size_t *taken)
{
	size_t end = units->upper < zone->end - zone->base ? units->upper : zone->end - zone->base;
	pfn_t lower = zone->base + units->lower < zone->first ? zone->first : zone->base + units->lower;

	for (size_t count = units->max;; count = count / 2 > units->min ? count / 2 : units->min) {
		for (pfn_t pfn = ALIGN_UP(lower, units->align); pfn < zone->base + end && zone->base + end - pfn >= count;
			 pfn += units->align) {
			if (buddy_take(&zone->buddy, pfn - zone->base, count)) {
				*taken = count;
				return pfn - zone->base;
			}
		}
		if (count == units->min)
			return BUDDY_NONE;
	}
}

/* Takes what the request says from one zone, but no more than allowed. @return 0 if it cannot be had there now */
static phys_t take_from_locked(struct zone *zone, const struct frame_request *request, size_t allowed, size_t *taken)
{
	struct buddy_request units;
	size_t unit;

	if (allowed < request->min || !zone_request(zone, request, &units))
		return 0;
	if (units.max > allowed)
		units.max = allowed;
	if (align_is_plain(zone, request->align))
		unit = buddy_alloc_request(&zone->buddy, &units, taken);
	else
		unit = take_aligned_locked(zone, &units, taken);
	if (unit == BUDDY_NONE)
		return 0;
	accounts_taken_locked(zone->kind, *taken, request->flags);
	return taken_locked(zone, unit, *taken);
}

phys_t zone_take_locked(const struct frame_request *request, size_t *taken)
{
	phys_t base = 0;

	*taken = 0;
	if (request->flags & FRAME_NO_RESERVE)
		check_promise_locked(request);
	for (struct zone **at = zone_lists[class_of(request->flags)]; base == 0 && *at != NULL; at++)
		base = take_from_locked(*at, request, accounts_allowance_locked((*at)->kind, request->flags), taken);
	return base;
}

phys_t zone_take_high_locked(const struct frame_request *request, size_t *taken)
{
	phys_t base = 0;

	*taken = 0;
	for (struct zone **at = zone_lists[CLASS_HIGH]; base == 0 && *at != NULL && (*at)->kind == ZONE_HIGH; at++)
		base = take_from_locked(*at, request, accounts_spare_high_locked(), taken);
	return base;
}

size_t frame_total(frame_flags_t flags)
{
	size_t frames = 0;

	for (struct zone **zone = zone_lists[class_of(flags)]; *zone != NULL; zone++)
		frames += __atomic_load_n(&(*zone)->managed, __ATOMIC_RELAXED); /* a number by itself, which only grows */
	return frames;
}

bool zone_could_satisfy(const struct frame_request *request)
{
	struct buddy_request units;

	for (struct zone **zone = zone_lists[class_of(request->flags)]; *zone != NULL; zone++)
		if (zone_request(*zone, request, &units) &&
			__atomic_load_n(&(*zone)->managed, __ATOMIC_RELAXED) >= request->min)
			return true;
	return false;
}

/* The first hole among these frames, or the frame behind them if there is none. */
static pfn_t first_hole(pfn_t first, pfn_t end)
{
	while (first < end && (frame_state(first) & 7) != FRAME_KIND_HOLE)
		first++;
	return first;
}

/* Whether take_aligned_locked would find a place if all frames were free. */
static bool has_aligned_place(
	const struct zone *zone, const struct frame_request *request, const struct buddy_request *units)
{
	pfn_t end = units->upper == SIZE_MAX ? zone->end : zone->base + units->upper;
	pfn_t lower = zone->base + units->lower < zone->first ? zone->first : zone->base + units->lower;

	for (pfn_t pfn = ALIGN_UP(lower, request->align); pfn < end && end - pfn >= request->min; pfn += request->align)
		if (first_hole(pfn, pfn + request->min) == pfn + request->min)
			return true;
	return false;
}

/* Whether a zone has a place for the request, a block of its buddy cut off behind what is wanted, without a hole. */
static bool zone_has_place(const struct zone *zone, const struct frame_request *request)
{
	struct buddy_request units;
	size_t block = 1, step, first_unit = zone->first - zone->base;
	pfn_t end;

	if (!zone_request(zone, request, &units))
		return false;
	if (!align_is_plain(zone, request->align))
		return has_aligned_place(zone, request, &units);
	while (block < request->min)
		block *= 2;
	step = request->align > block ? request->align : block;
	end = units.upper == SIZE_MAX ? zone->end : zone->base + units.upper;
	if (units.lower > first_unit)
		first_unit = units.lower;
	for (size_t unit = ALIGN_UP(first_unit, step);
		 zone->base + unit + request->min <= end && zone->base + unit + block <= zone->end;) {
		pfn_t first = zone->base + unit;
		pfn_t hole = first_hole(first, first + block);

		if (hole == first + block)
			return true;
		unit = ALIGN_UP(hole + 1 - zone->base, step);
	}
	return false;
}

bool zone_ever_satisfies(const struct frame_request *request)
{
	for (struct zone **zone = zone_lists[class_of(request->flags)]; *zone != NULL; zone++)
		if (zone_has_place(*zone, request))
			return true;
	return false;
}

/* ---- giving back ---- */

/* The zone of a frame, or NULL. */
static inline struct zone *zone_of(pfn_t pfn)
{
	for (struct zone *zone = zones; zone < zones + zones_used; zone++)
		if (pfn < zone->end && pfn >= zone->first)
			return zone;
	return NULL;
}

bool zone_has_free_locked(pfn_t pfn)
{
	struct zone *zone = zone_of(pfn);

	return zone != NULL && buddy_is_free(&zone->buddy, pfn - zone->base);
}

/* The part of a run that lies in a zone with its first frame. */
static inline size_t part_in(const struct zone *zone, pfn_t first, size_t count)
{
	return likely(count <= zone->end - first) ? count : zone->end - first;
}

void zone_give_locked(pfn_t first, size_t count)
{
	frame_run_set(first, count, FRAME_KIND_FREE);
	while (count > 0) {
		struct zone *zone = zone_of(first);
		size_t part = part_in(zone, first, count);

		accounts_given_locked(zone->kind, part);
		buddy_free(&zone->buddy, first - zone->base, part);
		first += part;
		count -= part;
	}
}

void zone_give_run_locked(pfn_t first, unsigned order)
{
	struct zone *zone = zone_of(first);

	accounts_given_locked(zone->kind, (size_t) 1 << order);
	buddy_free(&zone->buddy, first - zone->base, (size_t) 1 << order);
}

void panic_bad_free_locked(pfn_t pfn, pfn_t first, size_t count)
{
	static const char *const reasons[] = {
		[FRAME_KIND_FREE] = "it is free already (double free)",
		[FRAME_KIND_PLAIN] = "another freed it meanwhile (double free)",
		[FRAME_KIND_SHARED] = "another freed it meanwhile (double free)",
		[FRAME_KIND_CACHED] = "it is free already (double free)",
		[FRAME_KIND_SLAB] = "it is part of a slab",
		[FRAME_KIND_BLOCK] = "it is malloc's",
		[FRAME_KIND_TABLE] = "it is a page table",
		[FRAME_KIND_HOLE] = "it was never allocated",
	};

	port_panic("frame_free: frame %#zx (of %zu from %#zx): %s", pfn, count, first, reasons[frame_kind_locked(pfn)]);
}

static void run_validate_locked(pfn_t first, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum frame_kind kind = frame_kind_locked(first + i);

		if (kind != FRAME_KIND_PLAIN && kind != FRAME_KIND_SHARED)
			panic_bad_free_locked(first + i, first, count);
	}
}

/*
 * Drops one reference of a frame that has more. What this holder and those before it did with the frame is over when
 * the last one finds it PLAIN.
 */
static inline void share_drop_locked(pfn_t pfn)
{
	if (--*frame_count_at(pfn) == 0)
		frame_state_release(pfn, RUN_HEAD(0));
}

/*
 * Takes the bytes off frames that were found allocated, and neither marked nor shared; looks again as
 * frame_state_change.
 */
static void bytes_remove_locked(pfn_t first, size_t count)
{
	if (!CONFIG_DEBUG) {
		frame_run_set(first, count, FRAME_KIND_FREE);
		return;
	}
	for (pfn_t pfn = first; pfn < first + count; pfn++) {
		uint8_t state = frame_state(pfn);

		if ((state & 7 & ~FRAME_KIND_PLAIN) != 0 || !frame_state_exchange(pfn, state, FRAME_KIND_FREE))
			panic_bad_free_locked(pfn, first, count);
	}
}

/* Frees a run, of whose head this is the state, as it was allocated. @return false if it was not, or is not whole */
static inline bool free_whole_locked(pfn_t first, size_t count, uint8_t *state)
{
	uint8_t head = RUN_HEAD(__builtin_ctzl(count));

	if (unlikely((count & (count - 1)) != 0 || __atomic_load_n(state, __ATOMIC_RELAXED) != head ||
			!state_change(state, head, FRAME_KIND_FREE)))
		return false;
	zone_give_run_locked(first, (unsigned) __builtin_ctzl(count));
	return true;
}

/* Gives frames of one zone back that are taken, none of them marked, shared or in a cache. @return false if not */
static bool free_plain_locked(pfn_t first, size_t count)
{
	struct zone *zone = zone_of(first);
	size_t bytes = frame_run_bytes(first, count);

	if (unlikely((bytes & BYTES_OF(7) & ~BYTES_OF(FRAME_KIND_PLAIN)) != 0 || zone == NULL ||
			count > zone->end - first || !buddy_all_taken(&zone->buddy, first - zone->base, count)))
		return false;
	bytes_remove_locked(first, count);
	accounts_given_locked(zone->kind, count);
	buddy_free(&zone->buddy, first - zone->base, count);
	return true;
}

/* Drops a reference of each frame of a run that is anything else than a plain run in one zone. */
static void free_singly_locked(pfn_t first, size_t count)
{
	run_validate_locked(first, count);
	for (pfn_t pfn = first; pfn < first + count; pfn++)
		if (frame_state(pfn) == FRAME_KIND_SHARED)
			share_drop_locked(pfn);
		else if (!free_plain_locked(pfn, 1))
			panic_bad_free_locked(pfn, first, count); /* it was freed by another meanwhile */
}

/* Gives frames back that are not just one run. */
static NOINLINE void free_part_locked(pfn_t first, size_t count)
{
	if (frame_state(first) == FRAME_KIND_FREE && !frame_run_dissolve(first))
		panic_bad_free_locked(first, first, count);
	if (!free_plain_locked(first, count))
		free_singly_locked(first, count);
}

COLD static void __attribute__((noreturn)) panic_not_frames(pfn_t first, size_t count)
{
	phys_t base = frame_address(first);

	if (base % PAGE_SIZE != 0)
		port_panic("frame_free: %zu frames from %#" PHYS_X ": that is not the address of a frame", count, base);
	port_panic("frame_free: %zu frames from %#zx: not frames of this machine", count, first);
}

void zone_free_run(pfn_t first, size_t count)
{
	uint8_t *state;
	port_irq_t irq;

	if (unlikely(!frame_run_known(first, count)))
		panic_not_frames(first, count);
	state = frame_state_at(first);
	irq = spinlock_lock(&frame_lock);
	if (count == 1 && __atomic_load_n(state, __ATOMIC_RELAXED) == FRAME_KIND_SHARED)
		share_drop_locked(first);
	else if (unlikely(!free_whole_locked(first, count, state)))
		free_part_locked(first, count);
	if (sleepers_any())
		sleepers_serve_locked();
	spinlock_unlock(&frame_lock, irq);
}

/* ---- looking at ---- */

static const char *const kind_names[ZONE_KINDS] = { [ZONE_DMA] = "dma", [ZONE_LOW] = "low", [ZONE_HIGH] = "high" };

const char *zone_kind_name(enum zone_kind kind)
{
	return kind_names[kind];
}

size_t zone_count(void)
{
	return zones_used;
}

bool zone_get(size_t number, struct zone_info *info)
{
	struct zone *zone = &zones[number];
	port_irq_t irq;

	if (number >= zones_used)
		return false;
	irq = spinlock_lock(&frame_lock);
	*info = (struct zone_info){ .kind = zone->kind,
		.first = zone->first,
		.frames = zone->end - zone->first,
		.managed = zone->managed,
		.free = buddy_free_units(&zone->buddy),
		.largest = buddy_largest(&zone->buddy),
		.buddy = &zone->buddy,
		.base = zone->base };
	spinlock_unlock(&frame_lock, irq);
	return true;
}

void frame_get_info(struct frame_info *info)
{
	port_irq_t irq = spinlock_lock(&frame_lock);

	*info = (struct frame_info){ .total = frame_accounts.total,
		.free = accounts_low_locked() + frame_accounts.high,
		.promised = frame_accounts.promised_low + frame_accounts.promised_any,
		.promised_low = frame_accounts.promised_low,
		.books = frame_books,
		.sleepers = sleeper_count };
	spinlock_unlock(&frame_lock, irq);
	info->cached_high = frame_cache_count(true);
	info->cached = frame_cache_count(false) + info->cached_high;
}

/* ---- invariants ---- */

static size_t breach(const char *name, size_t zone, size_t found, size_t expected)
{
	port_log("frame_check: %s: zone %zu: %zu, expected %zu", name, zone, found, expected);
	return 1;
}

/* What the bytes of a zone's frames say, all together. */
struct state_census {
	size_t ram;    /* frames that are no holes */
	size_t cached; /* in caches of CPUs */
	size_t marked; /* free in the buddy, but with a byte that says something else */
};

static void state_census(const struct zone *zone, struct state_census *census)
{
	for (pfn_t pfn = zone->first; pfn < zone->end; pfn++) {
		uint8_t kind = frame_state(pfn) & 7;

		census->ram += kind != FRAME_KIND_HOLE;
		census->cached += kind == FRAME_KIND_CACHED ? (size_t) 1 << frame_detail(pfn) : 0;
		census->marked += kind != FRAME_KIND_FREE && buddy_is_free(&zone->buddy, pfn - zone->base);
	}
}

static size_t zone_check_locked(size_t number, size_t *cached)
{
	struct zone *zone = &zones[number];
	const char *broken = buddy_check(&zone->buddy);
	struct state_census census = { 0 };
	size_t breaches = 0;

	state_census(zone, &census);
	*cached += census.cached;
	if (broken != NULL) {
		port_log("frame_check: zone %zu: buddy: %s", number, broken);
		breaches++;
	}
	if (census.marked != 0)
		breaches += breach("frames that are free and marked", number, census.marked, 0);
	if (census.ram != zone->managed)
		breaches += breach("frames that are no holes", number, census.ram, zone->managed);
	if (buddy_free_units(&zone->buddy) > zone->managed)
		breaches += breach("frames free", number, buddy_free_units(&zone->buddy), zone->managed);
	return breaches;
}

static size_t caches_check(size_t marked)
{
	size_t cached = frame_cache_count(false) + frame_cache_count(true);

	if (marked == cached)
		return 0;
	port_log("frame_check: %zu frames are marked as cached, but the caches hold %zu", marked, cached);
	return 1;
}

size_t frame_check(void)
{
	size_t breaches = 0;
	size_t free[ZONE_KINDS] = { 0 };
	size_t cached = 0;
	port_irq_t irq = spinlock_lock(&frame_lock);

	for (size_t i = 0; i < zones_used; i++) {
		breaches += zone_check_locked(i, &cached);
		free[zones[i].kind] += buddy_free_units(&zones[i].buddy);
	}
	breaches += accounts_check_locked(free[ZONE_DMA] + free[ZONE_LOW], free[ZONE_HIGH]);
	breaches += caches_check(cached);
	spinlock_unlock(&frame_lock, irq);
	return breaches;
}
