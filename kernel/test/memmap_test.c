/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The memory map: sorted out or refused with a sentence, never silently lost.
 */

#include <mm/memmap.h>
#include <test.h>

#define ROOM 32
#define LAST UINT64_MAX

static struct memmap map;
static struct memmap_range ranges[ROOM];

static void start(size_t capacity)
{
	memmap_init(&map, ranges, capacity);
}

/* Adds first to last, inclusive. */
static errno_t add(uint64_t first, uint64_t last, enum memmap_type type)
{
	errno_t error = memmap_add(&map, first, last - first + 1, type);

	CHECK_NULL(memmap_check(&map));
	return error;
}

/* That the i-th range is this one. */
static void expect(size_t i, uint64_t first, uint64_t last, enum memmap_type type)
{
	CHECK_LT(i, map.count);
	CHECK_EQ(map.ranges[i].first, first);
	CHECK_EQ(map.ranges[i].last, last);
	CHECK_EQ(map.ranges[i].type, type);
}

TEST(memmap_sorted, "ranges in any order come out sorted; what touches and is of one type becomes one")
{
	start(ROOM);
	CHECK_EQ(add(0x5000, 0x5fff, MEMMAP_FREE), EOK);
	CHECK_EQ(add(0x1000, 0x1fff, MEMMAP_FREE), EOK);
	CHECK_EQ(add(0x3000, 0x3fff, MEMMAP_DEVICE), EOK);
	CHECK_EQ(map.count, 3);
	CHECK_EQ(add(0x2000, 0x2fff, MEMMAP_FREE), EOK);
	CHECK_EQ(add(0x4000, 0x4fff, MEMMAP_FREE), EOK);
	CHECK_EQ(map.count, 3);
	expect(0, 0x1000, 0x2fff, MEMMAP_FREE);
	expect(1, 0x3000, 0x3fff, MEMMAP_DEVICE);
	expect(2, 0x4000, 0x5fff, MEMMAP_FREE);
}

TEST(memmap_precedence, "where ranges overlap, the type that forbids more wins, whichever came first")
{
	for (enum memmap_type weak = 0; weak < MEMMAP_TYPES; weak++) {
		for (enum memmap_type strong = weak + 1; strong < MEMMAP_TYPES; strong++) {
			for (unsigned order = 0; order < 2; order++) {
				start(ROOM);
				CHECK_EQ(order == 0 ? add(100, 299, weak) : add(200, 399, strong), EOK);
				CHECK_EQ(order == 0 ? add(200, 399, strong) : add(100, 299, weak), EOK);
				CHECK_EQ(map.count, 2);
				expect(0, 100, 199, weak);
				expect(1, 200, 399, strong);
			}
		}
	}
}

TEST(memmap_split, "a stronger range splits a weaker one; a weaker one fills the gaps between stronger ones")
{
	start(ROOM);
	CHECK_EQ(add(0, 999, MEMMAP_FREE), EOK);
	CHECK_EQ(add(300, 399, MEMMAP_IMAGE), EOK);
	CHECK_EQ(add(600, 699, MEMMAP_IMAGE), EOK);
	CHECK_EQ(map.count, 5);
	CHECK_EQ(add(100, 1500, MEMMAP_RESERVED), EOK);
	CHECK_EQ(map.count, 6);
	expect(0, 0, 99, MEMMAP_FREE);
	expect(1, 100, 299, MEMMAP_RESERVED);
	expect(2, 300, 399, MEMMAP_IMAGE);
	expect(3, 400, 599, MEMMAP_RESERVED);
	expect(5, 700, 1500, MEMMAP_RESERVED);
	CHECK_EQ(add(0, 2000, MEMMAP_IMAGE), EOK);
	CHECK_EQ(map.count, 1);
	expect(0, 0, 2000, MEMMAP_IMAGE);
}

TEST(memmap_any_order, "the map is the same in whatever order its ranges are added")
{
	static const struct memmap_range given[] = {
		{ 0, 0x9fbff, MEMMAP_FREE },
		{ 0x9fc00, 0xfffff, MEMMAP_RESERVED },
		{ 0x80000, 0x9ffff, MEMMAP_FIRMWARE },
		{ 0x100000, 0x3ffffff, MEMMAP_FREE },
		{ 0x100000, 0x2ffffff, MEMMAP_IMAGE },
	};

	for (size_t permutation = 0; permutation < 120; permutation++) {
		size_t order[] = { 0, 1, 2, 3, 4 };

		start(ROOM);
		for (size_t i = 0, rest = permutation; i < 5; rest /= 5 - i, i++) {
			size_t pick = i + rest % (5 - i), kept = order[pick];

			order[pick] = order[i];
			order[i] = kept;
			CHECK_EQ(add(given[kept].first, given[kept].last, given[kept].type), EOK);
		}
		CHECK_EQ(map.count, 5);
		expect(0, 0, 0x7ffff, MEMMAP_FREE);
		expect(1, 0x80000, 0x9ffff, MEMMAP_FIRMWARE);
		expect(2, 0xa0000, 0xfffff, MEMMAP_RESERVED);
		expect(3, 0x100000, 0x2ffffff, MEMMAP_IMAGE);
		expect(4, 0x3000000, 0x3ffffff, MEMMAP_FREE);
	}
}

TEST(memmap_last_address, "a range may end on the last address there is, and touch another there")
{
	start(ROOM);
	CHECK_EQ(add(LAST - 0xffff, LAST, MEMMAP_DEVICE), EOK);
	CHECK_EQ(add(LAST, LAST, MEMMAP_IMAGE), EOK);
	CHECK_EQ(add(LAST - 0x1ffff, LAST, MEMMAP_FREE), EOK);
	CHECK_EQ(add(0, 0, MEMMAP_FREE), EOK);
	CHECK_EQ(map.count, 4);
	expect(1, LAST - 0x1ffff, LAST - 0x10000, MEMMAP_FREE);
	expect(2, LAST - 0xffff, LAST - 1, MEMMAP_DEVICE);
	expect(3, LAST, LAST, MEMMAP_IMAGE);
	CHECK_PTR(memmap_find(&map, LAST), &map.ranges[3]);
	CHECK_EQ(add(1, LAST, MEMMAP_IMAGE), EOK);
	CHECK_EQ(map.count, 2);
	CHECK_EQ(memmap_total(&map, MEMMAP_IMAGE), LAST);
}

TEST(memmap_refused, "an empty range and one beyond the last address are refused with a sentence, and counted",
	.logs = "memory map: ")
{
	start(ROOM);
	CHECK_EQ(memmap_add(&map, 0x1000, 0, MEMMAP_FREE), EINVAL);
	CHECK(test_logged("it is empty"));
	CHECK_EQ(memmap_add(&map, LAST - 10, 12, MEMMAP_FREE), EINVAL);
	CHECK(test_logged("beyond the last address"));
	CHECK_EQ(memmap_add(&map, LAST - 10, 11, MEMMAP_FREE), EOK);
	CHECK_EQ(map.refused, 2);
	CHECK_EQ(map.count, 1);
}

TEST(memmap_full, "a full map refuses what needs more room and stays as it was; it can be moved to memory cut from it",
	.logs = "memory map: ")
{
	static struct memmap_range more[ROOM];
	phys_t place;

	start(6);
	for (uint64_t i = 0; i < 4; i++)
		CHECK_EQ(add(i * 0x100000, i * 0x100000 + 0x7ffff, MEMMAP_FREE), EOK);
	CHECK_EQ(add(0x900000, 0x9fffff, MEMMAP_FREE), ENOMEM);
	CHECK(test_logged("the map is full"));
	CHECK_EQ(map.refused, 1);
	CHECK_EQ(map.count, 4);
	CHECK_EQ(add(0x80000, 0xfffff, MEMMAP_FREE), EOK);
	expect(0, 0, 0x17ffff, MEMMAP_FREE);
	CHECK_EQ(add(0x900000, 0x9fffff, MEMMAP_FREE), EOK);
	place = memmap_carve(&map, 3 * PAGE_SIZE, PAGE_SIZE, 0x23ffff);
	CHECK_EQ(place, 0x240000 - 3 * PAGE_SIZE);
	CHECK_EQ(map.count, 6);
	CHECK_NULL(memmap_check(&map));
	memmap_move(&map, more, ROOM);
	CHECK_EQ(add(0xa00001, 0xa00001, MEMMAP_DEVICE), EOK);
	CHECK_EQ(map.count, 7);
	CHECK_PTR(map.ranges, more);
}

/* A physical address of pages of 4 KiB, as one of the same number of pages of this machine. */
#define SCALED(address) ((uint64_t) (address) << (PAGE_WIDTH - 12))

TEST(memmap_carve, "what is carved is whole frames, aligned, within free memory, the highest below the limit")
{
	start(ROOM);
	CHECK_EQ(add(SCALED(0x100), SCALED(0x10000), MEMMAP_FREE), EOK);
	CHECK_EQ(add(SCALED(0x20abc), SCALED(0x30000) - 1, MEMMAP_FREE), EOK);
	CHECK_EQ(add(SCALED(0x30000), SCALED(0x40000) - 1, MEMMAP_RESERVED), EOK);
	CHECK_EQ(memmap_carve(&map, 1, PAGE_SIZE, LAST), SCALED(0x2f000));
	CHECK_EQ(memmap_carve(&map, PAGE_SIZE + 1, PAGE_SIZE, LAST), SCALED(0x2d000));
	CHECK_EQ(memmap_carve(&map, 13 * PAGE_SIZE, PAGE_SIZE, LAST), SCALED(0x3000));
	CHECK_EQ(memmap_carve(&map, 13 * PAGE_SIZE, PAGE_SIZE, LAST), 0);
	CHECK_EQ(memmap_carve(&map, PAGE_SIZE, 4 * PAGE_SIZE, SCALED(0x2c000) - 1), SCALED(0x28000));
	CHECK_EQ(memmap_carve(&map, PAGE_SIZE, PAGE_SIZE, SCALED(0x3000) - 2), SCALED(0x1000));
	CHECK_EQ(memmap_carve(&map, PAGE_SIZE, PAGE_SIZE, SCALED(0x2000) - 1), 0);
	CHECK_EQ(memmap_carve(&map, PAGE_SIZE, PAGE_SIZE, SCALED(0x1000) - 2), 0);
	CHECK_NULL(memmap_check(&map));
	CHECK_EQ(memmap_total(&map, MEMMAP_RESERVED), SCALED(0x10000));
}

TEST(memmap_carve_high, "memory beyond phys_t is kept in the map, and nothing is carved there; nor is frame 0")
{
	start(ROOM);
	CHECK_EQ(add(0, PAGE_SIZE - 1, MEMMAP_FREE), EOK);
	CHECK_EQ(memmap_carve(&map, 1, PAGE_SIZE, LAST), 0);
	CHECK_EQ(add(0x1000000000, 0x1ffffffff0, MEMMAP_FREE), EOK);
	if (sizeof(phys_t) > 4)
		CHECK_EQ(memmap_carve(&map, 1, PAGE_SIZE, LAST), 0x2000000000 - 2 * PAGE_SIZE);
	else
		CHECK_EQ(memmap_carve(&map, 1, PAGE_SIZE, LAST), 0);
	CHECK_NOT_NULL(memmap_find(&map, 0x1ffffffff0));
	CHECK_NULL(memmap_find(&map, 0x1ffffffff1));
}

TEST(memmap_find, "an address is found in its range, and in none if it is in a hole")
{
	start(ROOM);
	CHECK_NULL(memmap_find(&map, 5));
	CHECK_EQ(add(10, 19, MEMMAP_FREE), EOK);
	CHECK_EQ(add(30, 39, MEMMAP_DEVICE), EOK);
	CHECK_NULL(memmap_find(&map, 9));
	CHECK_PTR(memmap_find(&map, 10), &map.ranges[0]);
	CHECK_PTR(memmap_find(&map, 19), &map.ranges[0]);
	CHECK_NULL(memmap_find(&map, 20));
	CHECK_PTR(memmap_find(&map, 35), &map.ranges[1]);
	CHECK_NULL(memmap_find(&map, 40));
	CHECK_STR(memmap_type_name(memmap_find(&map, 35)->type), "device");
}

TEST(memmap_wraps, "a range that wraps and is not free memory is cut off at the last address, not lost")
{
	start(ROOM);
	CHECK_EQ(add(LAST - 0xffff, LAST, MEMMAP_FREE), EOK);
	CHECK_EQ(memmap_add(&map, LAST - 0xfff, 0x100001, MEMMAP_RESERVED), EOK);
	CHECK(test_logged("cut off at the last address"));
	CHECK_EQ(map.refused, 0);
	CHECK_EQ(map.count, 2);
	expect(0, LAST - 0xffff, LAST - 0x1000, MEMMAP_FREE);
	expect(1, LAST - 0xfff, LAST, MEMMAP_RESERVED);
	CHECK_EQ(memmap_add(&map, 1, LAST, MEMMAP_DEVICE), EOK);
	CHECK_EQ(memmap_total(&map, MEMMAP_FREE), 0);
}

TEST(memmap_full_forbids, "what a full map has no room for, but forbids, is not free in it")
{
	start(5);
	CHECK_EQ(add(0x1000, 0x8fff, MEMMAP_FREE), EOK);
	CHECK_EQ(add(0x10000, 0x1ffff, MEMMAP_FREE), EOK);
	CHECK_EQ(add(0x20000, 0x2ffff, MEMMAP_DEVICE), EOK);
	CHECK_EQ(add(0x2000, 0x2fff, MEMMAP_RESERVED), ENOMEM);
	CHECK(test_logged("the map is full"));
	CHECK_EQ(map.count, 3);
	expect(0, 0x3000, 0x8fff, MEMMAP_FREE);
	CHECK_EQ(add(0x18000, 0x18000, MEMMAP_FIRMWARE), ENOMEM);
	expect(1, 0x10000, 0x17fff, MEMMAP_FREE);
	start(2);
	CHECK_EQ(add(0x1000, 0x8fff, MEMMAP_FREE), ENOMEM);
	CHECK_EQ(map.count, 0);
	start(3);
	CHECK_EQ(add(0x1000, 0x8fff, MEMMAP_FREE), EOK);
	CHECK_EQ(add(0x3000, 0xffff, MEMMAP_IMAGE), ENOMEM);
	CHECK_EQ(map.count, 1);
	expect(0, 0x1000, 0x2fff, MEMMAP_FREE);
	CHECK_EQ(add(0, 0x3fff, MEMMAP_DEVICE), EOK);
	CHECK_EQ(memmap_total(&map, MEMMAP_FREE), 0);
}
