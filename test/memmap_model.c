/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The memory map against a flat model, fed with what a hostile or broken
 * firmware might say: overlaps, holes, odd bounds, empty ranges, ranges up to the last
 * address and beyond it, in any order, into an array that is often too small.
 *
 * The model is an array of cells. The cells' borders, few enough that they
 * coincide and touch all the time, are drawn once for each run: the first and the
 * last address, page borders, and odd bytes around them. What is added has its bounds on these borders only, so that
 * a cell is of one type throughout.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/mm.h>
#include <mm/memmap.h>
#include <test.h>

#include "model.h"

#define RUNS 500
#define STEPS 60 /* in each run */
#define CELLS_MOST 64
#define CAPACITY_MOST 96
#define NOTHING MEMMAP_TYPES

struct world {
	struct memmap map;
	struct memmap_range ranges[CAPACITY_MOST];
	uint64_t first[CELLS_MOST]; /* first byte of each cell; the last cell ends at the last address */
	enum memmap_type type[CELLS_MOST];
	size_t cells;
	size_t refused;
	char *done, *wrong;
};

#define DONE(...) snprintf(world->done, MODEL_ROOM, __VA_ARGS__)
#define WRONG(...) snprintf(world->wrong, MODEL_ROOM, __VA_ARGS__)
#define HEX(value) ((unsigned long long) (value))

static uint64_t cell_last(const struct world *world, size_t cell)
{
	return (cell + 1 < world->cells) ? world->first[cell + 1] - 1 : UINT64_MAX;
}

/* Ranges that the cells make. */
static size_t model_ranges(const struct world *world)
{
	size_t count = 0;

	for (size_t i = 0; i < world->cells; i++)
		if (world->type[i] != NOTHING && (i == 0 || world->type[i] != world->type[i - 1]))
			count++;
	return count;
}

static void model_set(struct world *world, size_t from, size_t to, enum memmap_type type)
{
	for (size_t i = from; i <= to; i++)
		if (world->type[i] == NOTHING || world->type[i] < type)
			world->type[i] = type;
}

/* Cells that are to be forbidden are free no longer; of a free run around them the longer part stays free. */
static void model_forbid(struct world *world, size_t from, size_t to)
{
	for (size_t first = 0, end; first < world->cells; first = end + 1) {
		uint64_t before, behind;

		for (end = first; end < world->cells && world->type[end] == MEMMAP_FREE; end++)
			;
		if (end == first || end <= from || first > to)
			continue;
		before = first < from ? world->first[from] - world->first[first] : 0;
		behind = end - 1 > to ? cell_last(world, end - 1) - cell_last(world, to) : 0;
		for (size_t i = first; i < end; i++)
			if ((i >= from && i <= to) || (i < from && before < behind) || (i > to && before >= behind))
				world->type[i] = NOTHING;
	}
}

/* ---- steps ---- */

/* Adds cells. One that wraps goes on beyond the last address, by so many bytes. */
static void add(struct world *world, size_t from, size_t to, enum memmap_type type, uint64_t beyond)
{
	uint64_t base = world->first[from], size = cell_last(world, to) - base + 1 + beyond;
	enum memmap_type before[CELLS_MOST];
	size_t count = model_ranges(world);
	errno_t error, expected = EOK;

	memcpy(before, world->type, sizeof(before));
	model_set(world, from, to, type);
	if (size == 0)
		expected = EINVAL;
	else if (model_ranges(world) > count && model_ranges(world) + 2 > world->map.capacity)
		expected = ENOMEM;
	error = memmap_add(&world->map, base, size, type);
	DONE("add 0x%llx to 0x%llx, %s -> %d", HEX(base), HEX(cell_last(world, to)), memmap_type_name(type), error);
	if (expected != EOK) {
		memcpy(world->type, before, sizeof(before));
		world->refused++;
	}
	if (expected == ENOMEM && type != MEMMAP_FREE)
		model_forbid(world, from, to);
	if (error != expected)
		WRONG("expected was %d", expected);
}

/* What comes to nothing: no bytes, or free memory that wraps. */
static void add_nonsense(struct world *world, uint64_t base, uint32_t raw)
{
	uint64_t size = (raw % 3 == 0) ? 0 : UINT64_MAX - raw % 1000;
	errno_t error;

	if (base < 5000 && size != 0)
		base = 5000;
	error = memmap_add(&world->map, base, size, size == 0 ? raw % MEMMAP_TYPES : MEMMAP_FREE);
	DONE("add 0x%llx bytes at 0x%llx -> %d", HEX(size), HEX(base), error);
	world->refused++;
	if (error != EINVAL)
		WRONG("expected was %d", EINVAL);
}

/* A range that wraps, of what is not free memory: it is cut. */
static void add_wrapping(struct world *world, size_t from, uint32_t raw)
{
	if (world->first[from] < 5000)
		return;
	add(world, from, world->cells - 1, 1 + raw % (MEMMAP_TYPES - 1), 1 + raw % 4000);
}

/* What memmap_carve is to find: tried page by page, downwards, from the end of each run of free cells. */
static uint64_t expected_place(const struct world *world, uint64_t bytes, uint64_t align, uint64_t limit)
{
	for (size_t end = world->cells; end-- > 0;) {
		uint64_t last = (cell_last(world, end) < limit) ? cell_last(world, end) : limit;
		uint64_t place = ALIGN_DOWN(last - (bytes - 1), align);
		size_t begin = end;

		if (world->type[end] != MEMMAP_FREE || world->first[end] > limit || last < bytes)
			continue;
		if (end + 1 < world->cells && world->type[end + 1] == MEMMAP_FREE && cell_last(world, end) < limit)
			continue;
		while (begin > 0 && world->type[begin - 1] == MEMMAP_FREE)
			begin--;
		if (place >= world->first[begin] && place != 0)
			return place;
	}
	return 0;
}

/* A border more: cells may be cut at any place that a carved range begins or ends at. */
static void cut_cell(struct world *world, uint64_t at)
{
	size_t i = 0;

	while (i < world->cells && world->first[i] < at)
		i++;
	if (i < world->cells && world->first[i] == at)
		return;
	memmove(&world->first[i + 1], &world->first[i], (world->cells - i) * sizeof(world->first[0]));
	memmove(&world->type[i + 1], &world->type[i], (world->cells - i) * sizeof(world->type[0]));
	world->first[i] = at;
	world->type[i] = world->type[i - 1];
	world->cells++;
}

static void carve(struct world *world, size_t size, size_t align, uint64_t limit)
{
	uint64_t bytes = ALIGN_UP((uint64_t) size, (uint64_t) PAGE_SIZE);
	uint64_t expected, place;

	if (world->cells + 2 > CELLS_MOST || world->map.count + 2 > world->map.capacity) {
		DONE("carve: no room in the model, or only for some places in the map");
		return;
	}
	expected = expected_place(world, bytes, align, limit);
	place = memmap_carve(&world->map, size, align, limit);
	DONE("carve 0x%zx bytes, align 0x%zx, up to 0x%llx -> 0x%llx", size, align, HEX(limit), HEX(place));
	if (place != expected) {
		WRONG("expected was 0x%llx", HEX(expected));
	} else if (place != 0) {
		cut_cell(world, place);
		if (place + bytes != 0)
			cut_cell(world, place + bytes);
		for (size_t i = 0; i < world->cells; i++)
			if (world->first[i] >= place && world->first[i] <= place + (bytes - 1))
				world->type[i] = MEMMAP_IMAGE;
	}
}

/* ---- comparing ---- */

static void compare_cell(struct world *world, uint64_t address, enum memmap_type type)
{
	const struct memmap_range *range = memmap_find(&world->map, address);
	enum memmap_type found = (range != NULL) ? range->type : NOTHING;

	if (found != type)
		WRONG("0x%llx is %s, not %s", HEX(address), memmap_type_name(type), memmap_type_name(found));
	else if (range != NULL && (address < range->first || address > range->last))
		WRONG("0x%llx is found where it is not", HEX(address));
}

static void compare(struct world *world)
{
	uint64_t totals[MEMMAP_TYPES + 1] = { 0 };

	for (size_t i = 0; i < world->cells; i++) {
		compare_cell(world, world->first[i], world->type[i]);
		compare_cell(world, cell_last(world, i), world->type[i]);
		totals[world->type[i]] += cell_last(world, i) - world->first[i] + 1;
	}
	for (enum memmap_type type = 0; type < MEMMAP_TYPES; type++)
		if (memmap_total(&world->map, type) != totals[type])
			WRONG("%s: 0x%llx bytes, not 0x%llx", memmap_type_name(type), HEX(totals[type]),
				HEX(memmap_total(&world->map, type)));
	if (world->map.count != model_ranges(world))
		WRONG("%zu ranges, not %zu", model_ranges(world), world->map.count);
	if (world->map.refused != world->refused)
		WRONG("%zu were refused, not %zu", world->refused, world->map.refused);
	if (memmap_check(&world->map) != NULL)
		WRONG("broken is \"%s\"", memmap_check(&world->map));
}

/* ---- the model's interface ---- */

static int by_value(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *) a, right = *(const uint64_t *) b;

	return (left > right) - (left < right);
}

/* An address: by page or odd, low, around 4 GiB, or near the last. */
static uint64_t border(struct test_random *random)
{
	static const uint64_t bases[] = { 0, 0x9fc00, 0x100000, 0xfffe0000, 0x100000000, UINT64_MAX - 0x1ffff };
	uint64_t address = bases[test_random_below(random, 6)] + test_random_below(random, 32) * 0x1000;

	return (test_random_below(random, 3) == 0) ? address + test_random_below(random, 5) - 2 : address;
}

static void *begin(uint64_t seed)
{
	static const size_t capacities[] = { 3, 8, 20, CAPACITY_MOST };
	struct test_random random = TEST_RANDOM(seed ^ 0x6d6d6170);
	struct world *world = calloc(1, sizeof(*world));
	size_t borders = 2 + test_random_below(&random, 40), kept = 1;

	for (size_t i = 1; i < borders; i++)
		world->first[i] = border(&random);
	qsort(world->first, borders, sizeof(world->first[0]), by_value);
	for (size_t i = 1; i < borders; i++)
		if (world->first[i] != world->first[kept - 1])
			world->first[kept++] = world->first[i];
	world->cells = kept;
	for (size_t i = 0; i < CELLS_MOST; i++)
		world->type[i] = NOTHING;
	memmap_init(&world->map, world->ranges, capacities[test_random_below(&random, 4)]);
	return world;
}

static void step(void *opaque, const struct model_step *step, char *done, char *wrong)
{
	struct world *world = opaque;
	const uint32_t *raw = step->raw;
	size_t from = raw[0] % world->cells, to = from + raw[1] % (raw[2] % 2 ? 4 : world->cells);

	world->done = done;
	world->wrong = wrong;
	if (to >= world->cells)
		to = world->cells - 1;
	if (step->kind % 16 == 0)
		add_nonsense(world, world->first[from], raw[1]);
	else if (step->kind % 16 == 3)
		add_wrapping(world, from, raw[1]);
	else if (step->kind % 16 < 3)
		carve(world, 1 + raw[0] % 0x8000, (size_t) PAGE_SIZE << (raw[1] % 4),
			(raw[2] % 4 == 0) ? UINT64_MAX : cell_last(world, raw[3] % world->cells));
	else
		add(world, from, to, raw[3] % 2 ? MEMMAP_FREE : (enum memmap_type)(raw[4] % MEMMAP_TYPES), 0);
	if (wrong[0] == '\0')
		compare(world);
}

TEST(memmap_model, "hostile memory maps by the thousand agree with a flat model",
	.host_only = "it is a program of the host", .plain_only = "nothing in it asks the core for memory")
{
	static const struct model model = { .name = "memory map", .begin = begin, .step = step, .end = free };

	for (uint64_t i = 0; i < RUNS; i++)
		if (!CHECK(model_run(&model, test_seed() + i, STEPS)))
			return;
}
