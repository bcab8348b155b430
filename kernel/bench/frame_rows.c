/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Rows of the frame allocator. The columns of others are amd64's.
 */

#include <kernel/bench.h>
#include <mm/frame.h>

#define ROUNDS 1000

/* Frames on the checkerboard: every other one is given back. */
#define BOARD_FRAMES 4000

static void pairs(size_t frames)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		frame_free(frame_alloc(frames, 0, 0), frames);
}

static void pair_1(void)
{
	pairs(1);
}

static void pair_16(void)
{
	pairs(16);
}

static void pair_512(void)
{
	pairs(512);
}

static bool have_512(void)
{
	phys_t base = frame_alloc(512, FRAME_ATOMIC, 0);

	if (base == 0)
		return false;
	frame_free(base, 512);
	return true;
}

/* ---- a request that cannot be had: no two free frames are neighbours ---- */

/* All frames taken, each pointing to the next by its first word. */
static phys_t taken;

static void push(phys_t *list, phys_t frame)
{
	*(phys_t *) PA2KA(frame) = *list;
	*list = frame;
}

static phys_t pop(phys_t *list)
{
	phys_t frame = *list;

	*list = *(phys_t *) PA2KA(frame);
	return frame;
}

static void board_clear(void)
{
	while (taken != 0)
		frame_free(pop(&taken), 1);
}

/* Takes every frame there is, then gives every other one of BOARD_FRAMES back. */
static bool board_set_up(void)
{
	phys_t kept = 0;
	unsigned given = 0;
	phys_t frame;

	taken = 0;
	while ((frame = frame_alloc(1, FRAME_ATOMIC, 0)) != 0)
		push(&taken, frame);
	while (taken != 0) {
		frame = pop(&taken);
		if ((frame >> PAGE_WIDTH) % 2 == 0 && given < BOARD_FRAMES / 2) {
			frame_free(frame, 1);
			given++;
		} else {
			push(&kept, frame);
		}
	}
	taken = kept;
	frame_reclaim(RECLAIM_FULL, true);
	return given == BOARD_FRAMES / 2;
}

static void fail_16(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		phys_t base = frame_alloc(16, FRAME_ATOMIC | FRAME_NO_RECLAIM, 0);

		if (base != 0)
			frame_free(base, 16);
	}
}

static void fail_16_reclaim(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		phys_t base = frame_alloc(16, FRAME_ATOMIC, 0);

		if (base != 0)
			frame_free(base, 16);
	}
}

static const struct bench_row rows[] = {
	{ .name = "frame-1",
		.what = "one frame, pair",
		.batch = pair_1,
		.operations = ROUNDS,
		.goal = 600,
		.helenos = 7490,
		.linux = 3870 },
	{ .name = "frame-16",
		.what = "16 frames, contiguous, pair",
		.batch = pair_16,
		.operations = ROUNDS,
		.goal = 1200,
		.helenos = 24350,
		.linux = 8580 },
	{ .name = "frame-512",
		.what = "512 frames (2 MiB), pair",
		.set_up = have_512,
		.batch = pair_512,
		.operations = ROUNDS,
		.goal = 1500,
		.linux = 62980 },
	{ .name = "frame-none",
		.what = "16 frames where none is to be had (checkerboard)",
		.set_up = board_set_up,
		.batch = fail_16,
		.tear_down = board_clear,
		.operations = ROUNDS,
		.goal = 3000,
		.helenos = 2342340 },
	{ .name = "frame-none-rec",
		.what = "the same, the reclaimers asked each time",
		.set_up = board_set_up,
		.batch = fail_16_reclaim,
		.tear_down = board_clear,
		.operations = ROUNDS },
};

const struct bench_group bench_frame_rows = { rows, ARRAY_COUNT(rows) };
