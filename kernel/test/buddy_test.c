/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The buddy allocator on its own: index ranges, no memory.
 */

#include <mm/buddy.h>
#include <test.h>

/* Three levels of 64-ary words and somewhat more, so that the tree's borders are among the sizes. */
#define UNITS_MOST 9000
#define WORDS_MOST (UNITS_MOST / 4 / sizeof(uint64_t) + 64)

static struct buddy buddy;
static uint64_t books[WORDS_MOST];

/* A universe of so many units, all of them free. */
static void all_free(size_t units)
{
	CHECK_LE(buddy_size(units), sizeof(books));
	buddy_init(&buddy, books, units);
	buddy_free(&buddy, 0, units);
}

static size_t request(size_t min, size_t max, size_t align, size_t lower, size_t upper, size_t *taken)
{
	struct buddy_request asked = { .min = min, .max = max, .align = align, .lower = lower, .upper = upper };

	return buddy_alloc_request(&buddy, &asked, taken);
}

static unsigned order_of(size_t count)
{
	unsigned order = 0;

	while (((size_t) 1 << order) < count)
		order++;
	return order;
}

TEST(buddy_books, "the books are a bit and a quarter for each unit or less, but for the smallest")
{
	CHECK_EQ(buddy_size(0), 0);
	CHECK_EQ(buddy_size(BUDDY_MAX_UNITS + 1), 0);
	CHECK_GT(buddy_size(1), 0);
	for (size_t units = 4096; units != 0 && units <= BUDDY_MAX_UNITS; units *= 2)
		CHECK_LE(buddy_size(units) * 8, units + units / 4 + 512);
}

TEST(buddy_empty, "one in which nothing is free says so")
{
	buddy_init(&buddy, books, 100);
	CHECK_EQ(buddy_free_units(&buddy), 0);
	CHECK_EQ(buddy_largest(&buddy), -1);
	CHECK(buddy_all_taken(&buddy, 0, 100));
	for (unsigned order = 0; order < 80; order++)
		CHECK_EQ(buddy_alloc(&buddy, order), BUDDY_NONE);
	CHECK_NULL(buddy_check(&buddy));
}

TEST(buddy_every_count, "of 1 to 200 units every count that a free block holds is served, and only its units go")
{
	for (size_t units = 1; units <= 200; units++) {
		for (size_t count = 1; count <= units; count++) {
			bool fits = ((size_t) 1 << order_of(count)) <= units;
			size_t taken, first;

			all_free(units);
			first = request(count, count, 1, 0, SIZE_MAX, &taken);
			CHECK_EQ(first != BUDDY_NONE, fits);
			CHECK_EQ(taken, fits ? count : 0);
			CHECK_EQ(buddy_free_units(&buddy), units - taken);
			if (!fits)
				continue;
			CHECK(buddy_all_taken(&buddy, first, count));
			CHECK_EQ(buddy_largest(&buddy) >= 0, count < units);
			buddy_free(&buddy, first, count);
			CHECK_EQ(((size_t) 2 << buddy_largest(&buddy)) > units, true);
		}
		CHECK_NULL(buddy_check(&buddy));
	}
}

TEST(buddy_every_order, "of every order there are as many blocks as fit, all aligned, and they merge again")
{
	static const size_t sizes[] = { 1, 63, 64, 65, 1000, 4095, 4096, 4097, UNITS_MOST };

	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		for (unsigned order = 0; ((size_t) 1 << order) <= sizes[i]; order++) {
			size_t length = (size_t) 1 << order, blocks = 0, first;
			int largest;

			all_free(sizes[i]);
			largest = buddy_largest(&buddy);
			while ((first = buddy_alloc(&buddy, order)) != BUDDY_NONE) {
				CHECK_EQ(first % length, 0);
				blocks++;
			}
			CHECK_EQ(blocks, sizes[i] / length);
			CHECK_EQ(buddy_free_units(&buddy), sizes[i] % length);
			CHECK(buddy_all_taken(&buddy, 0, blocks * length));
			for (size_t block = 0; block < blocks; block++)
				buddy_free(&buddy, (block ^ 1) < blocks ? (block ^ 1) * length : block * length, length);
			CHECK_EQ(buddy_free_units(&buddy), sizes[i]);
			CHECK_EQ(buddy_largest(&buddy), largest);
			CHECK_NULL(buddy_check(&buddy));
		}
	}
}

TEST(buddy_checkerboard, "where every other unit is free there are no pairs; the rest given back, it is one block")
{
	all_free(8192);
	for (size_t unit = 0; unit < 8192; unit += 2)
		CHECK(buddy_take(&buddy, unit, 1));
	CHECK_EQ(buddy_largest(&buddy), 0);
	for (unsigned order = 1; order < 14; order++)
		CHECK_EQ(buddy_alloc(&buddy, order), BUDDY_NONE);
	CHECK_EQ(buddy_alloc(&buddy, 0), 1);
	buddy_free(&buddy, 1, 1);
	for (size_t unit = 0; unit < 8192; unit += 2)
		buddy_free(&buddy, unit, 1);
	CHECK_EQ(buddy_largest(&buddy), 13);
	CHECK_NULL(buddy_check(&buddy));
}

TEST(buddy_smallest_piece, "a block is cut from the smallest free piece that will do")
{
	all_free(8192);
	CHECK(buddy_take(&buddy, 0, 8192));
	buddy_free(&buddy, 4096, 2048);
	buddy_free(&buddy, 1024, 128);
	buddy_free(&buddy, 3000, 8);
	buddy_free(&buddy, 7000, 1);
	CHECK_EQ(buddy_alloc(&buddy, 0), 7000);
	CHECK_EQ(buddy_alloc(&buddy, 3), 3000);
	CHECK_EQ(buddy_alloc(&buddy, 7), 1024);
	CHECK_EQ(buddy_alloc(&buddy, 0), 4096);
	CHECK_EQ(buddy_alloc(&buddy, 10), 5120);
	CHECK_NULL(buddy_check(&buddy));
}

TEST(buddy_smallest_in_word, "so it is in one word, whether it was changed just before or not")
{
	for (unsigned settled = 0; settled < 2; settled++) {
		all_free(64);
		CHECK(buddy_take(&buddy, 32, 32));
		buddy_free(&buddy, 40, 4);
		buddy_free(&buddy, 50, 1);
		if (settled)
			CHECK_EQ(buddy_largest(&buddy), 5);
		CHECK_EQ(buddy_alloc(&buddy, 0), 50);
		if (settled)
			CHECK_EQ(buddy_largest(&buddy), 5);
		CHECK_EQ(buddy_alloc(&buddy, 2), 40);
		CHECK_EQ(buddy_alloc(&buddy, 5), 0);
	}
}

TEST(buddy_min_max, "between min and max as much is given as is there in one block, never less than min")
{
	size_t taken;

	all_free(4096);
	CHECK(buddy_take(&buddy, 0, 4096));
	buddy_free(&buddy, 512, 32);
	buddy_free(&buddy, 1024, 4);
	CHECK_EQ(request(40, 100, 1, 0, SIZE_MAX, &taken), BUDDY_NONE);
	CHECK_EQ(taken, 0);
	CHECK_EQ(request(33, 33, 1, 0, SIZE_MAX, &taken), BUDDY_NONE);
	CHECK_EQ(request(5, 4000, 1, 0, SIZE_MAX, &taken), 512);
	CHECK_EQ(taken, 32);
	CHECK_EQ(request(5, 4000, 1, 0, SIZE_MAX, &taken), BUDDY_NONE);
	CHECK_EQ(request(1, SIZE_MAX, 1, 0, SIZE_MAX, &taken), 1024);
	CHECK_EQ(taken, 4);
	buddy_free(&buddy, 512, 32);
	CHECK_EQ(request(3, 19, 1, 0, SIZE_MAX, &taken), 512);
	CHECK_EQ(taken, 19);
	CHECK_NULL(buddy_check(&buddy));
}

TEST(buddy_bounds, "within bounds at any place, the lowest block is found if there is one, and none outside of them")
{
	const size_t units = 300;
	size_t taken;

	all_free(units);
	CHECK(buddy_take(&buddy, 97, 1));
	for (size_t lower = 0; lower < units; lower += 7) {
		for (size_t upper = lower; upper <= units + 5; upper += 11) {
			size_t expected = ALIGN_UP(lower, (size_t) 8), first;

			if (expected == 96)
				expected = 104;
			if (expected + 8 > upper || expected + 8 > units)
				expected = BUDDY_NONE;
			first = request(8, 8, 1, lower, upper, &taken);
			CHECK_EQ(first, expected);
			if (first != BUDDY_NONE)
				buddy_free(&buddy, first, taken);
		}
	}
	CHECK_EQ(request(1, 1, 1, units, SIZE_MAX, &taken), BUDDY_NONE);
	CHECK_EQ(request(1, 1, 1, 97, 98, &taken), BUDDY_NONE);
	CHECK_EQ(request(1, 1, 1, 97, 99, &taken), 98);
	CHECK_NULL(buddy_check(&buddy));
}

TEST(buddy_bounds_far, "so it is across the borders of the tree, and where the bound is inside a large free block")
{
	size_t taken;

	all_free(8192);
	CHECK_EQ(request(1, 1, 1, 4095, SIZE_MAX, &taken), 4095);
	CHECK_EQ(request(64, 64, 1, 4033, SIZE_MAX, &taken), 4096);
	CHECK_EQ(request(2048, 2048, 1, 1, SIZE_MAX, &taken), 6144);
	CHECK_EQ(request(4096, 4096, 1, 0, SIZE_MAX, &taken), BUDDY_NONE);
	CHECK_EQ(request(2048, 2048, 1, 0, 2048, &taken), 0);
	CHECK_EQ(request(1, 1, 1, 0, 2048, &taken), BUDDY_NONE);
	CHECK_EQ(request(1, 1, 1, 0, 2049, &taken), 2048);
	CHECK_NULL(buddy_check(&buddy));
}

TEST(buddy_alignment, "an alignment coarser than the range is kept, and found wherever it is")
{
	size_t taken;

	all_free(4096);
	CHECK(buddy_take(&buddy, 0, 1));
	CHECK_EQ(request(1, 1, 256, 0, SIZE_MAX, &taken), 256);
	CHECK_EQ(request(3, 3, 1024, 0, SIZE_MAX, &taken), 1024);
	CHECK_EQ(request(1, 1, 1024, 1025, SIZE_MAX, &taken), 2048);
	CHECK_EQ(request(1, 1, 4096, 0, SIZE_MAX, &taken), BUDDY_NONE);
	for (size_t unit = 0; unit < 4096; unit += 512)
		if (buddy_is_free(&buddy, unit) && unit != 3584)
			CHECK(buddy_take(&buddy, unit, 1));
	CHECK_EQ(request(1, 1, 512, 0, SIZE_MAX, &taken), 3584);
	CHECK_EQ(request(1, 1, 512, 0, SIZE_MAX, &taken), BUDDY_NONE);
	CHECK_EQ(request(1, 1, (size_t) 1 << (sizeof(size_t) * 8 - 1), 0, SIZE_MAX, &taken), BUDDY_NONE);
	CHECK_NULL(buddy_check(&buddy));
}

TEST(buddy_take_any, "any free range can be taken, from one unit to all; one that is not wholly free is left alone")
{
	static const size_t firsts[] = { 0, 1, 63, 64, 100, 4095, 4096 };
	static const size_t counts[] = { 1, 2, 63, 64, 65, 129, 1000, 4000 };

	for (size_t i = 0; i < ARRAY_COUNT(firsts) * ARRAY_COUNT(counts); i++) {
		size_t first = firsts[i / ARRAY_COUNT(counts)], count = counts[i % ARRAY_COUNT(counts)];

		all_free(UNITS_MOST);
		CHECK(buddy_take(&buddy, first, count));
		CHECK(buddy_all_taken(&buddy, first, count));
		CHECK(!buddy_take(&buddy, first + count - 1, 2));
		CHECK(!buddy_is_free(&buddy, first) && !buddy_is_free(&buddy, first + count - 1));
		CHECK(buddy_is_free(&buddy, first + count));
		CHECK(!buddy_all_taken(&buddy, first, count + 1));
		CHECK_EQ(buddy_free_units(&buddy), UNITS_MOST - count);
		buddy_free(&buddy, first + count / 2, count - count / 2);
		if (count / 2 != 0)
			buddy_free(&buddy, first, count / 2);
		CHECK_EQ(buddy_largest(&buddy), 13);
		CHECK_NULL(buddy_check(&buddy));
	}
}

TEST(buddy_take_merged, "what was given back in parts a moment ago can be taken as part of a longer range")
{
	for (size_t part = 1; part <= 2048; part *= 2) {
		all_free(UNITS_MOST);
		CHECK(buddy_take(&buddy, 4096, 2 * part));
		buddy_free(&buddy, 4096 + part, part);
		buddy_free(&buddy, 4096, part);
		CHECK(buddy_take(&buddy, 4096 - 64, 64 + 2 * part + 64));
		CHECK(buddy_all_taken(&buddy, 4096 - 64, 64 + 2 * part + 64));
		CHECK_EQ(buddy_free_units(&buddy), UNITS_MOST - 2 * part - 128);
		CHECK_NULL(buddy_check(&buddy));
	}
}

TEST(buddy_census, "free blocks are counted as the largest they are part of")
{
	size_t counts[14];

	all_free(8192);
	CHECK(buddy_take(&buddy, 100, 1));
	(void) buddy_largest(&buddy);
	buddy_census(&buddy, counts, ARRAY_COUNT(counts));
	for (size_t order = 0; order < 13; order++)
		CHECK_EQ(counts[order], 1);
	CHECK_EQ(counts[13], 0);
	buddy_census(&buddy, counts, 3);
	CHECK_EQ(counts[0], 1);
	CHECK_EQ(counts[1], 1);
	CHECK_EQ(counts[2], (8192 - 1 - 1 - 2) / 4);
}

/* Random orders and counts, taken and given back whole, with a mark for each unit. */
static void random_mix(size_t units, uint64_t seed, size_t steps)
{
	static uint16_t owner[UNITS_MOST];
	static struct range {
		size_t first, count;
	} ranges[256];
	struct test_random random = TEST_RANDOM(seed);
	size_t free = units, wrong = 0;

	all_free(units);
	for (size_t i = 0; i < ARRAY_COUNT(ranges); i++)
		ranges[i].count = 0;
	for (size_t unit = 0; unit < units; unit++)
		owner[unit] = 0;
	for (size_t step = 0; step < steps; step++) {
		size_t slot = test_random_below(&random, ARRAY_COUNT(ranges));
		struct range *range = &ranges[slot];

		if (range->count != 0) {
			for (size_t i = 0; i < range->count; i++)
				wrong += owner[range->first + i] != slot + 1;
			for (size_t i = 0; i < range->count; i++)
				owner[range->first + i] = 0;
			buddy_free(&buddy, range->first, range->count);
			free += range->count;
			range->count = 0;
		} else {
			range->first = request(1, 1 + test_random_below(&random, 90), 1, 0, SIZE_MAX, &range->count);
			for (size_t i = 0; i < range->count; i++) {
				wrong += owner[range->first + i] != 0;
				owner[range->first + i] = (uint16_t) (slot + 1);
			}
			free -= range->count;
		}
		wrong += buddy_free_units(&buddy) != free;
		if (step % 256 == 0)
			CHECK_NULL(buddy_check(&buddy));
	}
	CHECK_EQ(wrong, 0);
	for (size_t i = 0; i < ARRAY_COUNT(ranges); i++)
		if (ranges[i].count != 0)
			buddy_free(&buddy, ranges[i].first, ranges[i].count);
	CHECK_EQ(buddy_free_units(&buddy), units);
	CHECK_NULL(buddy_check(&buddy));
}

TEST(buddy_random, "in a random mix of ranges no unit is given twice, and all of them come back")
{
	random_mix(130, test_seed(), 2000);
	random_mix(4096, test_seed() + 1, 4000);
	random_mix(UNITS_MOST, test_seed() + 2, 4000);
}

TEST(buddy_check_names, "books that were tampered with are found, and the invariant is named")
{
	all_free(1000);
	buddy.free++;
	CHECK_STR(buddy_check(&buddy), "count");
	buddy.free--;
	CHECK_NULL(buddy_check(&buddy));
	buddy.orders ^= 2;
	CHECK_STR(buddy_check(&buddy), "orders");
	buddy.orders ^= 2;
	buddy.levels[1].nodes[1] ^= 1;
	CHECK_STR(buddy_check(&buddy), "classes");
	buddy.levels[1].nodes[1] ^= 1;
	buddy.levels[0].nodes[3] ^= 1;
	CHECK_STR(buddy_check(&buddy), "once");
	buddy.levels[0].nodes[3] = ~(buddy_word_t) 0;
	CHECK_STR(buddy_check(&buddy), "folded");
	buddy.levels[0].nodes[3] = 0;
	buddy.levels[0].nodes[999 / BUDDY_WORD_BITS] ^= (buddy_word_t) 1 << (1000 % BUDDY_WORD_BITS);
	CHECK_STR(buddy_check(&buddy), "tail");
}

#if CONFIG_DEBUG
TEST(buddy_double_free, "units freed twice are told as that", .panics = "some are free already")
{
	all_free(100);
	buddy_free(&buddy, 10, 1);
}
#endif
