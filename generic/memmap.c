/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The memory map: what firmware and loaders say about physical addresses, made
 * into a list without contradictions.
 *
 * STRUCTURE. An array of ranges, first and last byte inclusive, so that the
 * last address of all needs no special case. Bounds are kept to the byte:
 * rounding to frames is for those who use the ranges (free memory inwards, all
 * else outwards), who know what they need.
 *
 * ADDING. A new range meets those that are there in one of three ways, by type:
 *
 *     weaker    loses what the new range covers; one that goes on at both ends of it becomes two
 *     the same  is taken out and becomes part of the new range, also if it only touches it
 *     stronger  stays; the new range is entered in the gaps that it leaves
 *
 *         free  |-----------------------|            |--------|
 *         image                 |---|
 *     + reserved         |---------------------|
 *     = free    |-------|                            |--------|
 *       image                   |---|
 *       reserved         |-----|     |---------|
 *
 * So one addition may make any number of ranges more or fewer. How many is counted first; an addition is carried out
 * as a whole or refused as a whole.
 *
 * WHAT FORBIDS IS NEVER LOST. Free memory that cannot be entered costs memory; a
 * range of another type that cannot would have its memory given out. So one that
 * wraps is cut off at the last address, and when there is no room for one, it is
 * taken out of what is free without making ranges more: of a free range that goes on
 * at both ends the longer part stays.
 *
 * A FULL MAP must still give way to a larger one, in memory that is cut from it. Cutting needs two ranges at most, so
 * memmap_add leaves that many in hand, and only memmap_carve uses them.
 *
 * INVARIANTS, by the names that memmap_check returns:
 *   room     no more ranges than the array holds
 *   bounds   no range ends before it begins; its type is one
 *   sorted   each begins behind the end of the one before
 *   merged   two that touch are of different types
 *
 * LOCKS, CONTEXTS. None: used at boot, by one CPU. COSTS: linear, an addition quadratic in the pieces it makes;
 * memmap_find is a binary search.
 */

#include <arch/mm.h>
#include <mm/assert.h>
#include <mm/memmap.h>

/* Ranges that memmap_add leaves in hand for memmap_carve. */
#define CARVE_RANGES 2

const char *memmap_type_name(enum memmap_type type)
{
	static const char *const names[MEMMAP_TYPES] = {
		[MEMMAP_FREE] = "free",
		[MEMMAP_RESERVED] = "reserved",
		[MEMMAP_FIRMWARE] = "firmware",
		[MEMMAP_DEVICE] = "device",
		[MEMMAP_IMAGE] = "image",
	};

	return (type < MEMMAP_TYPES) ? names[type] : "unknown";
}

void memmap_init(struct memmap *map, struct memmap_range *ranges, size_t capacity)
{
	*map = (struct memmap){ .ranges = ranges, .capacity = capacity };
}

static bool overlap(const struct memmap_range *a, const struct memmap_range *b)
{
	return a->first <= b->last && b->first <= a->last;
}

static bool overlap_or_touch(const struct memmap_range *a, const struct memmap_range *b)
{
	return overlap(a, b) || (a->last < b->first && a->last + 1 == b->first) ||
		(b->last < a->first && b->last + 1 == a->first);
}

static void insert_at(struct memmap *map, size_t index, struct memmap_range range)
{
	for (size_t i = map->count; i > index; i--)
		map->ranges[i] = map->ranges[i - 1];
	map->ranges[index] = range;
	map->count++;
}

static void remove_at(struct memmap *map, size_t index)
{
	map->count--;
	for (size_t i = index; i < map->count; i++)
		map->ranges[i] = map->ranges[i + 1];
}

/* Makes the range as long as it is together with those of its type that overlap or touch it. */
static void extend(const struct memmap *map, struct memmap_range *range)
{
	struct memmap_range whole = *range;

	for (size_t i = 0; i < map->count; i++) {
		const struct memmap_range *there = &map->ranges[i];

		if (there->type != range->type || !overlap_or_touch(there, range))
			continue;
		whole.first = (there->first < whole.first) ? there->first : whole.first;
		whole.last = (there->last > whole.last) ? there->last : whole.last;
	}
	*range = whole;
}

/*
 * The gaps that stronger ranges leave in this one, which overlaps no other ranges of its type that it does not cover.
 * With enter, it is entered in each; the weaker ones must be out of the way.
 *
 * @return how many there are
 */
static size_t gaps(struct memmap *map, const struct memmap_range *range, bool enter)
{
	struct memmap_range gap = *range;
	size_t count = 0;

	for (size_t i = 0; i < map->count; i++) {
		const struct memmap_range there = map->ranges[i];

		if (there.type <= range->type || !overlap(&there, &gap))
			continue;
		if (there.first > gap.first) {
			count++;
			gap.last = there.first - 1;
			if (enter)
				insert_at(map, i++, gap);
		}
		if (there.last >= range->last)
			return count;
		gap = (struct memmap_range){ there.last + 1, range->last, range->type };
	}
	if (enter) {
		size_t i = 0;

		while (i < map->count && map->ranges[i].first < gap.first)
			i++;
		insert_at(map, i, gap);
	}
	return count + 1;
}

/*
 * Takes ranges of the same type and what is weaker out of this one's way; only counts if commit is false.
 * @return ranges that the map has more, or fewer (negative)
 */
static int make_way(struct memmap *map, const struct memmap_range *range, bool commit)
{
	int more = 0;

	for (size_t i = map->count; i-- > 0;) {
		struct memmap_range *there = &map->ranges[i];
		bool left = there->first < range->first;
		bool right = there->last > range->last;
		struct memmap_range rest = { range->last + 1, there->last, there->type };

		if (there->type > range->type || !overlap(there, range))
			continue;
		more += (int) left + (int) right - 1;
		if (!commit)
			continue;
		if (left)
			there->last = range->first - 1;
		if (left && right)
			insert_at(map, i + 1, rest);
		else if (right)
			*there = rest;
		else if (!left)
			remove_at(map, i);
	}
	return more;
}

/* Enters a range if that leaves so many ranges in hand. */
static errno_t enter(struct memmap *map, struct memmap_range range, size_t in_hand)
{
	size_t needed;

	extend(map, &range);
	needed = map->count + (size_t) make_way(map, &range, false) + gaps(map, &range, false);
	if (needed > map->count && needed + in_hand > map->capacity)
		return ENOMEM;
	make_way(map, &range, true);
	gaps(map, &range, true);
	return EOK;
}

static COLD errno_t refuse(
	struct memmap *map, uint64_t base, uint64_t size, enum memmap_type type, errno_t error, const char *why)
{
	map->refused++;
	port_log("memory map: %s range of 0x%llx bytes at 0x%llx left out: %s", memmap_type_name(type),
		(unsigned long long) size, (unsigned long long) base, why);
	return error;
}

/* Leaves of a free range the longer of the two parts that lie outside this one. @return false if there is none */
static bool keep_longer_part(struct memmap_range *there, const struct memmap_range *range)
{
	uint64_t before = there->first < range->first ? range->first - there->first : 0;
	uint64_t behind = there->last > range->last ? there->last - range->last : 0;

	if (before == 0 && behind == 0)
		return false;
	if (before >= behind)
		there->last = range->first - 1;
	else
		there->first = range->last + 1;
	return true;
}

/* There is no place for a range that forbids something: what it forbids, and what is then too much, is not free. */
static void forbid(struct memmap *map, const struct memmap_range *range)
{
	for (size_t i = map->count; i-- > 0;) {
		struct memmap_range *there = &map->ranges[i];

		if (there->type == MEMMAP_FREE && overlap(there, range) && !keep_longer_part(there, range))
			remove_at(map, i);
	}
}

errno_t memmap_add(struct memmap *map, uint64_t base, uint64_t size, enum memmap_type type)
{
	struct memmap_range range = { base, base + (size - 1), type };

	mm_assert(type < MEMMAP_TYPES, "type %d", (int) type);
	if (size == 0)
		return refuse(map, base, size, type, EINVAL, "it is empty");
	if (range.last < base && type == MEMMAP_FREE)
		return refuse(map, base, size, type, EINVAL, "it goes beyond the last address");
	if (range.last < base) {
		range.last = UINT64_MAX;
		port_log("memory map: %s range of 0x%llx bytes at 0x%llx cut off at the last address, which it goes beyond",
			memmap_type_name(type), (unsigned long long) size, (unsigned long long) base);
	}
	if (enter(map, range, CARVE_RANGES) == EOK)
		return EOK;
	if (type == MEMMAP_FREE)
		return refuse(map, base, size, type, ENOMEM, "the map is full");
	forbid(map, &range);
	return refuse(map, base, size, type, ENOMEM, "the map is full; what was free of it is not used");
}

void memmap_move(struct memmap *map, struct memmap_range *ranges, size_t capacity)
{
	mm_assert(capacity >= map->count, "%zu ranges into room for %zu", map->count, capacity);
	for (size_t i = 0; i < map->count; i++)
		ranges[i] = map->ranges[i];
	map->ranges = ranges;
	map->capacity = capacity;
}

/* The highest place in this range, or 0. */
static uint64_t place_in(const struct memmap_range *range, uint64_t bytes, uint64_t align, uint64_t limit)
{
	uint64_t last = (range->last < limit) ? range->last : limit;
	uint64_t place;

	if (range->type != MEMMAP_FREE || last < bytes - 1)
		return 0;
	place = ALIGN_DOWN(last - (bytes - 1), align);
	return (place >= range->first) ? place : 0;
}

phys_t memmap_carve(struct memmap *map, size_t size, size_t align, uint64_t limit)
{
	uint64_t bytes = ALIGN_UP((uint64_t) size, (uint64_t) PAGE_SIZE);

	mm_assert(IS_POWER_OF_TWO(align) && align >= PAGE_SIZE, "alignment 0x%zx", align);
	if (bytes == 0)
		return 0;
	if (limit > (phys_t) -1)
		limit = (phys_t) -1;
	for (size_t i = map->count; i-- > 0;) {
		uint64_t place = place_in(&map->ranges[i], bytes, align, limit);

		if (place != 0 && enter(map, (struct memmap_range){ place, place + (bytes - 1), MEMMAP_IMAGE }, 0) == EOK)
			return (phys_t) place;
	}
	return 0;
}

const struct memmap_range *memmap_find(const struct memmap *map, uint64_t address)
{
	size_t low = 0, high = map->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (map->ranges[middle].last < address)
			low = middle + 1;
		else
			high = middle;
	}
	return (low < map->count && map->ranges[low].first <= address) ? &map->ranges[low] : NULL;
}

uint64_t memmap_total(const struct memmap *map, enum memmap_type type)
{
	uint64_t total = 0;

	for (size_t i = 0; i < map->count; i++)
		if (map->ranges[i].type == type)
			total += map->ranges[i].last - map->ranges[i].first + 1;
	return total;
}

const char *memmap_check(const struct memmap *map)
{
	if (map->count > map->capacity)
		return "room";
	for (size_t i = 0; i < map->count; i++) {
		const struct memmap_range *here = &map->ranges[i];

		if (here->last < here->first || here->type >= MEMMAP_TYPES)
			return "bounds";
		if (i > 0 && here[-1].last >= here->first)
			return "sorted";
		if (i > 0 && here[-1].last + 1 == here->first && here[-1].type == here->type)
			return "merged";
	}
	return NULL;
}
