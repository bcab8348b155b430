/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The buddy against a flat model: one byte a unit and no structure at all.
 *
 * Compared exactly: whether a request is served; with bounds or a coarse
 * alignment also by which address; the state of every unit; the counts of
 * free blocks. Where the buddy may choose, the choice is held to what
 * it promises: no smaller piece would have done. Between the steps nobody looks
 * into the books in a way that settles them, except in steps that are there
 * for that.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mm/buddy.h>
#include <test.h>

#include "model.h"

#define RUNS 150
#define STEPS 300 /* in each run */
#define ORDERS_MOST 32

enum kind {
	ALLOC,
	ALLOC_AGAIN, /* of the order taken last: what keeps a word hot */
	ALLOC_COUNT, /* any count, no bounds */
	REQUEST,     /* everything that a request can say */
	TAKE,
	FREE,
	FREE_LAST, /* what was taken last */
	FREE_ALL,  /* a range, as far as it is taken */
	LOOK,      /* at a range, at the census */
	SETTLE,    /* what settles the books: check, largest */
	KINDS
};

/* How often a step is of which kind. */
static const uint8_t weights[KINDS] = { 20, 10, 10, 15, 10, 25, 10, 1, 4, 6 };

struct world {
	struct buddy buddy;
	void *books;
	bool *free;
	size_t units;
	size_t count;            /* units free */
	size_t last, last_count; /* the range taken last; a count of 0 = given back */
	unsigned order;          /* the order asked for last */
	char *done, *wrong;
};

#define DONE(...) snprintf(world->done, MODEL_ROOM, __VA_ARGS__)
#define WRONG(...) snprintf(world->wrong, MODEL_ROOM, __VA_ARGS__)

/* ---- the model ---- */

static bool range_free(const struct world *world, size_t first, size_t count)
{
	if (first >= world->units || count > world->units - first)
		return false;
	for (size_t i = first; i < first + count; i++)
		if (!world->free[i])
			return false;
	return true;
}

static bool range_taken(const struct world *world, size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++)
		if (world->free[i])
			return false;
	return true;
}

static unsigned order_of(size_t count)
{
	unsigned order = 0;

	while (((size_t) 1 << order) < count)
		order++;
	return order;
}

/* The lowest block that a request can have, or BUDDY_NONE. */
static size_t lowest_block(const struct world *world, const struct buddy_request *request, unsigned order, size_t count)
{
	size_t length = (size_t) 1 << order;

	for (size_t first = 0; first + length <= world->units; first += length)
		if (first >= request->lower && first + count <= request->upper && first % request->align == 0 &&
			range_free(world, first, length))
			return first;
	return BUDDY_NONE;
}

static bool block_exists(const struct world *world, unsigned order)
{
	return lowest_block(world, &BUDDY_REQUEST(1), order, (size_t) 1 << order) != BUDDY_NONE;
}

/* Order of the largest free block that this free unit is part of. */
static unsigned piece_around(const struct world *world, size_t unit)
{
	unsigned order = 0;

	while (range_free(world, unit >> (order + 1) << (order + 1), (size_t) 2 << order))
		order++;
	return order;
}

/*
 * Whether the piece that a block is to be cut from is small enough: of all words of this order's level that are not
 * wholly free, and whose largest run will do, none has a largest run that is smaller.
 */
static bool piece_small_enough(const struct world *world, size_t first, unsigned order)
{
	unsigned piece = piece_around(world, first);
	unsigned level = order / BUDDY_WORD_ORDERS;
	size_t word_units = (size_t) 1 << ((level + 1) * BUDDY_WORD_ORDERS);
	unsigned beyond = (level + 1) * BUDDY_WORD_ORDERS;

	for (size_t word = 0; word < world->units; word += word_units) {
		unsigned largest = 0;
		bool some = false;

		for (size_t unit = word; unit < word + word_units && unit < world->units; unit++) {
			if (world->free[unit]) {
				unsigned around = piece_around(world, unit);

				some = true;
				largest = (around > largest) ? around : largest;
				unit |= ((size_t) 1 << around) - 1;
			}
		}
		if (some && largest < beyond && largest >= order && largest < piece)
			return false;
	}
	return true;
}

static void mark(struct world *world, size_t first, size_t count, bool free)
{
	for (size_t i = first; i < first + count; i++)
		world->free[i] = free;
	world->count = free ? world->count + count : world->count - count;
	if (!free) {
		world->last = first;
		world->last_count = count;
	}
}

/* A place: anywhere, or near the last one, or at a word's border. */
static size_t place(const struct world *world, uint32_t raw)
{
	size_t near = world->last / 64 * 64 + raw / 4 % 80;

	if (raw % 4 == 0 && near < world->units)
		return near;
	if (raw % 4 == 1)
		return raw / 4 % world->units / 64 * 64;
	return raw / 4 % world->units;
}

/* A count: few units as a rule, sometimes many, or whole words. */
static size_t amount(const struct world *world, uint32_t raw)
{
	static const size_t bounds[] = { 2, 5, 40, 70, 300, SIZE_MAX };
	size_t bound = bounds[raw % 6];

	if (bound > world->units)
		bound = world->units;
	return (raw / 8 % 4 == 0 && bound > 64) ? raw / 32 % (bound / 64) * 64 + 64 : 1 + raw / 32 % bound;
}

/* ---- steps ---- */

static void alloc(struct world *world, unsigned order)
{
	bool exists = block_exists(world, order);
	size_t length = (size_t) 1 << order;
	size_t first = buddy_alloc(&world->buddy, order);

	world->order = order;
	DONE("alloc order %u -> %zd", order, (ssize_t) first);
	if ((first != BUDDY_NONE) != exists) {
		WRONG("there is %s such block", exists ? "a" : "no");
	} else if (exists && (first % length != 0 || !range_free(world, first, length))) {
		WRONG("this is no free block");
	} else if (exists) {
		if (!piece_small_enough(world, first, order))
			WRONG("a smaller piece than one of order %u would have done", piece_around(world, first));
		mark(world, first, length, false);
	}
}

static void request(struct world *world, const struct buddy_request *asked)
{
	size_t max = (asked->max < world->units) ? asked->max : world->units;
	size_t expected = BUDDY_NONE, count = 0, first, taken = 12345;
	unsigned order = 0;
	bool exact;

	for (unsigned try = order_of(max) + 1; try-- > order_of(asked->min) && expected == BUDDY_NONE;) {
		order = try;
		count = ((size_t) 1 << order < max) ? (size_t) 1 << order : max;
		if (count >= asked->min)
			expected = lowest_block(world, asked, order, count);
	}
	exact = asked->lower > 0 || asked->upper < world->units || asked->align > (size_t) 1 << order;
	first = buddy_alloc_request(&world->buddy, asked, &taken);
	DONE("request min %zu max %zu align %zu lower %zu upper %zd -> %zd, %zu", asked->min, asked->max, asked->align,
		asked->lower, (ssize_t) asked->upper, (ssize_t) first, taken);
	if ((first == BUDDY_NONE) != (expected == BUDDY_NONE) || (exact && first != expected))
		WRONG("expected was %zd", (ssize_t) expected);
	else if (taken != (first == BUDDY_NONE ? 0 : count))
		WRONG("expected were %zu units", count);
	else if (first != BUDDY_NONE && (first % asked->align != 0 || first & (((size_t) 1 << order) - 1)))
		WRONG("it is not aligned");
	else if (first != BUDDY_NONE && !range_free(world, first, (size_t) 1 << order))
		WRONG("this is no free block");
	else if (first != BUDDY_NONE)
		mark(world, first, count, false);
}

static void request_anything(struct world *world, const uint32_t *raw)
{
	struct buddy_request asked = BUDDY_REQUEST(amount(world, raw[0]));

	if (raw[1] & 1)
		asked.max += amount(world, raw[1] / 2);
	if (raw[2] & 1)
		asked.align = (size_t) 1 << (raw[2] / 2 % 14);
	if (raw[3] & 1)
		asked.lower = place(world, raw[3] / 2);
	if (raw[4] & 1)
		asked.upper = asked.lower + raw[4] / 2 % (world->units + 10);
	request(world, &asked);
}

static void take(struct world *world, size_t first, size_t count)
{
	bool expected, got;

	if (count > world->units - first)
		count = world->units - first;
	expected = range_free(world, first, count);
	got = buddy_take(&world->buddy, first, count);
	DONE("take %zu units from %zu -> %d", count, first, got);
	if (got != expected)
		WRONG("expected was %d", expected);
	else if (got)
		mark(world, first, count, false);
}

static void give(struct world *world, size_t first, size_t count)
{
	DONE("free %zu units from %zu", count, first);
	buddy_free(&world->buddy, first, count);
	mark(world, first, count, true);
}

/* Gives back up to so many units of what is taken at this place or above. */
static void free_at(struct world *world, size_t first, size_t most)
{
	size_t count = 0;

	while (first < world->units && world->free[first])
		first++;
	while (first + count < world->units && !world->free[first + count] && count < most)
		count++;
	if (count != 0)
		give(world, first, count);
	else
		DONE("free: nothing is taken there");
}

static void free_last(struct world *world)
{
	if (world->last_count != 0 && range_taken(world, world->last, world->last_count))
		give(world, world->last, world->last_count);
	else
		DONE("free last: it is not as it was");
	world->last_count = 0;
}

static void look(struct world *world, size_t first, size_t count)
{
	size_t counts[ORDERS_MOST], units = 0;

	if (count > world->units - first)
		count = world->units - first;
	DONE("look at %zu units from %zu, and take the census", count, first);
	if (buddy_all_taken(&world->buddy, first, count) != range_taken(world, first, count))
		WRONG("all_taken says %d", buddy_all_taken(&world->buddy, first, count));
	(void) buddy_largest(&world->buddy);
	buddy_census(&world->buddy, counts, ORDERS_MOST);
	for (size_t unit = 0; unit < world->units; unit++) {
		if (world->free[unit]) {
			unsigned order = piece_around(world, unit);

			counts[order]--;
			unit |= ((size_t) 1 << order) - 1;
		}
	}
	for (unsigned order = 0; order < ORDERS_MOST; order++)
		if (counts[order] != 0)
			WRONG("census: %zd blocks of order %u too many", (ssize_t) counts[order], order);
	buddy_census(&world->buddy, counts, 3);
	units = counts[0] + 2 * counts[1] + 4 * counts[2];
	if (units != world->count)
		WRONG("a census of three orders has %zu units of %zu", units, world->count);
}

static void settle(struct world *world, bool check)
{
	int expected = -1, largest;
	const char *broken;

	for (unsigned order = 0; order < ORDERS_MOST && block_exists(world, order); order++)
		expected = (int) order;
	largest = buddy_largest(&world->buddy);
	DONE("%s: largest order %d", check ? "check" : "settle", largest);
	broken = check ? buddy_check(&world->buddy) : NULL;
	if (largest != expected)
		WRONG("expected was %d", expected);
	else if (broken != NULL)
		WRONG("broken is \"%s\"", broken);
}

/* ---- the model's interface ---- */

/* Sizes around the borders of words and levels more often than others. */
static size_t universe(struct test_random *random)
{
	static const size_t bounds[] = { 3, 70, 140, 700, 5000, 20000 };

	if (test_random_below(random, 4) == 0)
		return ((size_t) 1 << (1 + test_random_below(random, 14))) - 1 + test_random_below(random, 3);
	return 1 + test_random_below(random, bounds[test_random_below(random, 6)]);
}

static void *begin(uint64_t seed)
{
	struct test_random random = TEST_RANDOM(seed ^ 0x62756464);
	struct world *world = calloc(1, sizeof(*world));

	world->units = universe(&random);
	world->free = calloc(world->units, sizeof(bool));
	world->books = malloc(buddy_size(world->units));
	memset(world->books, 0xa5, buddy_size(world->units));
	buddy_init(&world->buddy, world->books, world->units);
	if (test_random_below(&random, 4) != 0) {
		buddy_free(&world->buddy, 0, world->units);
		mark(world, 0, world->units, true);
	}
	return world;
}

static void end(void *opaque)
{
	struct world *world = opaque;

	free(world->free);
	free(world->books);
	free(world);
}

static enum kind kind_of(uint32_t raw)
{
	unsigned sum = 0;

	for (enum kind kind = 0; kind < KINDS; kind++)
		sum += weights[kind];
	raw %= sum;
	for (enum kind kind = 0;; kind++) {
		if (raw < weights[kind])
			return kind;
		raw -= weights[kind];
	}
}

static void carry_out(struct world *world, const struct model_step *step)
{
	const uint32_t *raw = step->raw;

	switch (kind_of(step->kind)) {
	case ALLOC:
		return alloc(world, (raw[0] % 4 == 0) ? raw[1] % 16 : raw[1] % 5);
	case ALLOC_AGAIN:
		return alloc(world, world->order);
	case ALLOC_COUNT:
		return request(world, &BUDDY_REQUEST(amount(world, raw[0])));
	case REQUEST:
		return request_anything(world, raw);
	case TAKE:
		return take(world, place(world, raw[0]), amount(world, raw[1]));
	case FREE:
		return free_at(world, place(world, raw[0]), amount(world, raw[1]));
	case FREE_LAST:
		return free_last(world);
	case FREE_ALL:
		return free_at(world, place(world, raw[0]), SIZE_MAX);
	case LOOK:
		return look(world, place(world, raw[0]), amount(world, raw[1]));
	default:
		return settle(world, raw[0] & 1);
	}
}

static void step(void *opaque, const struct model_step *step, char *done, char *wrong)
{
	struct world *world = opaque;

	world->done = done;
	world->wrong = wrong;
	carry_out(world, step);
	if (wrong[0] != '\0')
		return;
	if (buddy_free_units(&world->buddy) != world->count)
		WRONG("%zu units are free, not %zu", world->count, buddy_free_units(&world->buddy));
	for (size_t unit = 0; unit < world->units; unit++)
		if (buddy_is_free(&world->buddy, unit) != world->free[unit])
			WRONG("unit %zu is said to be %s", unit, world->free[unit] ? "taken" : "free");
}

TEST(buddy_model, "random sequences agree with a flat model, in universes of 1 to 20,000 units",
	.host_only = "it is a program of the host", .plain_only = "nothing in it asks the core for memory")
{
	static const struct model model = { .name = "buddy", .begin = begin, .step = step, .end = end };

	for (uint64_t i = 0; i < RUNS; i++)
		if (!CHECK(model_run(&model, test_seed() + i, STEPS)))
			return;
}
