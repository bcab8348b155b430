/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Memory maps as hostile as firmware can make them, all the way through
 * frame_init: ranges that overlap, touch, are empty, odd, upside down, wrap, or
 * end on the last address, in any order.
 *
 * Each step adds a range and starts the frame allocator over the map as it is
 * then. It must start, or say that it cannot for want of memory where its books
 * could be. If it starts, all its frames are taken: each must lie in free memory
 * of the map, none twice; together they are what the map calls free, but for
 * what the log says is not used. Then all is given back, and frame_check looks.
 *
 * Most addresses have no memory behind them here, which does not matter, as
 * nobody writes to a frame.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/host.h>
#include <test.h>

#include "model.h"

#define RUNS 40
#define STEPS 16
#define RANGES 64
#define PIECES 65536

struct piece {
	phys_t base;
	size_t count;
};

struct world {
	struct {
		uint64_t base, size;
		enum memmap_type type;
	} added[STEPS];
	size_t count;
	struct memmap map;
	struct memmap_range ranges[RANGES];
	struct piece pieces[PIECES];
	size_t piece_count;
};

/* ---- ranges ---- */

static uint64_t some_address(uint32_t raw, uint32_t more)
{
	static const uint64_t places[] = { 0, MiB(1), MiB(16), IDENTITY_SIZE, UINT64_C(1) << 32, UINT64_C(1) << 36,
		(uint64_t) PHYS_LAST, UINT64_MAX };
	uint64_t place = places[raw / 8 % ARRAY_COUNT(places)];

	switch (raw % 8) {
	case 0: /* near a place of note, odd */
		return place + more % 0x3000 - 0x1800;
	case 1: /* exactly there */
		return place;
	case 2: /* anywhere at all */
		return (uint64_t) more << (raw / 64 % 33);
	default: /* where memory is, whole pages as a rule */
		return (uint64_t) (more % (raw % 2 ? MiB(64) : IDENTITY_SIZE)) & ~(uint64_t) (raw % 3 ? PAGE_SIZE - 1 : 0);
	}
}

static uint64_t some_size(uint32_t raw, uint32_t more)
{
	static const uint64_t sizes[] = { 0, 1, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, MiB(1), UINT64_MAX,
		1 + UINT64_MAX / 2 };

	switch (raw % 4) {
	case 0:
		return sizes[raw / 4 % ARRAY_COUNT(sizes)];
	case 1:
		return more;
	default:
		return more % MiB(64);
	}
}

static void add(struct world *world, const uint32_t *raw)
{
	enum memmap_type type = raw[4] % 3 != 0 ? MEMMAP_FREE : (enum memmap_type)(raw[4] / 3 % MEMMAP_TYPES);

	world->added[world->count].base = some_address(raw[0], raw[1]);
	world->added[world->count].size = some_size(raw[2], raw[3]);
	world->added[world->count].type = type;
	if (world->count == 0 && raw[4] % 4 != 0) { /* else its books find no place more often than not */
		world->added[0].base = 0;
		world->added[0].size = MiB(24) + raw[3] % MiB(40);
		world->added[0].type = MEMMAP_FREE;
	}
	world->count++;
}

/* ---- holding the allocator to the map ---- */

static bool lies_in_free(const struct world *world, const struct piece *piece)
{
	const struct memmap_range *range = memmap_find(&world->map, piece->base);
	phys_t last = piece->base + piece->count * PAGE_SIZE - 1;

	return range != NULL && range->type == MEMMAP_FREE && range->last >= last;
}

static int by_base(const void *left, const void *right)
{
	const struct piece *one = left, *other = right;

	return one->base < other->base ? -1 : one->base > other->base;
}

/* Takes all frames. @return how many; SIZE_MAX if there are more pieces than there is room for */
static size_t take_all(struct world *world)
{
	struct frame_request request = FRAME_REQUEST(1, FRAME_ATOMIC | FRAME_HIGHMEM | FRAME_NO_RECLAIM);
	size_t frames = 0, count;
	phys_t base;

	request.max = (size_t) 1 << 30;
	while ((base = frame_alloc_request(&request, &count)) != 0) {
		if (world->piece_count == PIECES)
			return SIZE_MAX;
		world->pieces[world->piece_count++] = (struct piece){ base, count };
		frames += count;
	}
	return frames;
}

static void check_pieces(struct world *world, char *wrong)
{
	qsort(world->pieces, world->piece_count, sizeof *world->pieces, by_base);
	for (size_t i = 0; i < world->piece_count; i++) {
		const struct piece *piece = &world->pieces[i];

		if (!lies_in_free(world, piece))
			snprintf(wrong, MODEL_ROOM, "%zu frames at %#lx are not free memory", piece->count, piece->base);
		if (i > 0 && piece[-1].base + piece[-1].count * PAGE_SIZE > piece->base)
			snprintf(wrong, MODEL_ROOM, "frames at %#lx were given twice", piece->base);
	}
}

/* Whether what is free by the map is there, or the log says why it is not. */
static bool all_there(const struct world *world, size_t frames)
{
	return memmap_total(&world->map, MEMMAP_FREE) - frames * PAGE_SIZE < PAGE_SIZE || host_log_has("not used");
}

static void try_all(struct world *world, char *wrong)
{
	struct frame_info info;
	size_t frames;

	frame_get_info(&info);
	world->piece_count = 0;
	frames = take_all(world);
	check_pieces(world, wrong);
	if (frames != info.total || frames != info.free)
		snprintf(
			wrong, MODEL_ROOM, "%zu frames could be taken of %zu, %zu said to be free", frames, info.total, info.free);
	else if (!all_there(world, frames))
		snprintf(wrong, MODEL_ROOM, "%zu frames are not all there is, and the log does not say why", frames);
	for (size_t i = 0; i < world->piece_count; i++)
		frame_free(world->pieces[i].base, world->pieces[i].count);
	if (wrong[0] == '\0' && frame_check() != 0)
		snprintf(wrong, MODEL_ROOM, "frame_check finds a breach");
}

/* ---- the model's interface ---- */

static void *begin(uint64_t seed)
{
	(void) seed;
	return calloc(1, sizeof(struct world));
}

static void build_map(struct world *world)
{
	memmap_init(&world->map, world->ranges, RANGES);
	for (size_t i = 0; i < world->count; i++)
		(void) !memmap_add(&world->map, world->added[i].base, world->added[i].size, world->added[i].type);
}

static void step(void *opaque, const struct model_step *step, char *done, char *wrong)
{
	struct world *world = opaque;
	errno_t error;

	add(world, step->raw);
	snprintf(done, MODEL_ROOM, "%s: %#llx bytes from %#llx", memmap_type_name(world->added[world->count - 1].type),
		(unsigned long long) world->added[world->count - 1].size,
		(unsigned long long) world->added[world->count - 1].base);
	build_map(world);
	if (memmap_check(&world->map) != NULL) {
		snprintf(wrong, MODEL_ROOM, "the map is broken: %s", memmap_check(&world->map));
		return;
	}
	host_log_forget();
	error = frame_init(&world->map);
	if (error == EOK)
		try_all(world, wrong);
	else if (error != ENOMEM || !host_log_has("memory: "))
		snprintf(wrong, MODEL_ROOM, "frame_init says %d, and the log does not say why", error);
}

TEST(boot_map_model, "the frame allocator starts over any memory map, with all of it, or says why not",
	.host_only = "it is a program of the host", .plain_only = "it starts the frame allocator anew")
{
	static const struct model model = { .name = "boot maps", .begin = begin, .step = step, .end = free };

	for (uint64_t i = 0; i < RUNS; i++)
		if (!CHECK(model_run_anew(&model, test_seed() + i, STEPS)))
			return;
}
