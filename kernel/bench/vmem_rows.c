/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Rows of virtual ranges: an arena without caches, of its own. The last two are
 * what an address space would pay for keeping its free ranges in an arena
 * (doc/mm.md, "Address spaces", says why it does not).
 */

#include <kernel/bench.h>
#include <mm/port.h>
#include <mm/vmem.h>

#define ROUNDS 1000
#define START ((uintptr_t) 1 << 28)
#define SPAN_PAGES 1024
#define TAKEN 100

static struct vmem arena, made;
static bool is_there; /* the arena is */
static size_t taken;

static bool arena_set_up(void)
{
	is_there = vmem_init(&arena, "bench", NULL, FRAME_ATOMIC) == EOK;
	return is_there && vmem_add(&arena, START, SPAN_PAGES * PAGE_SIZE, FRAME_ATOMIC) == EOK;
}

/* Takes every other of the first pages, so that there are so many holes of one page. */
static bool holes_set_up(void)
{
	bool done = arena_set_up();

	while (done && taken < TAKEN) {
		done = vmem_take(&arena, START + 2 * taken * PAGE_SIZE, PAGE_SIZE, FRAME_ATOMIC) == EOK;
		taken += done;
	}
	return done;
}

static void arena_tear_down(void)
{
	for (; taken > 0; taken--)
		vmem_free(&arena, START + 2 * (taken - 1) * PAGE_SIZE, PAGE_SIZE);
	if (is_there && vmem_destroy(&arena) != EOK)
		port_panic("the arena of the bench is in use");
	is_there = false;
}

static void pair(void)
{
	uintptr_t start;

	for (unsigned i = 0; i < ROUNDS; i++)
		if (vmem_alloc(&arena, PAGE_SIZE, 0, &start) == EOK)
			vmem_free(&arena, start, PAGE_SIZE);
}

static void pair_above(void)
{
	struct vmem_request request = VMEM_REQUEST(2 * PAGE_SIZE);
	uintptr_t start;

	request.lower = START;
	for (unsigned i = 0; i < ROUNDS; i++)
		if (vmem_alloc_request(&arena, &request, 0, &start) == EOK)
			vmem_free(&arena, start, 2 * PAGE_SIZE);
}

static void make(void)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		if (vmem_init(&made, "made", NULL, 0) != EOK || vmem_add(&made, START, SPAN_PAGES * PAGE_SIZE, 0) != EOK ||
			vmem_destroy(&made) != EOK)
			port_panic("an arena cannot be made");
}

static const struct bench_row rows[] = {
	{ .name = "vmem-pair",
		.what = "a page of an arena without caches, pair",
		.set_up = arena_set_up,
		.batch = pair,
		.tear_down = arena_tear_down,
		.operations = ROUNDS },
	{ .name = "vmem-above",
		.what = "the lowest two pages above a bound, behind 100 holes",
		.set_up = holes_set_up,
		.batch = pair_above,
		.tear_down = arena_tear_down,
		.operations = ROUNDS },
	{ .name = "vmem-make", .what = "make + destroy an arena of one span", .batch = make, .operations = ROUNDS },
};

const struct bench_group bench_vmem_rows = { rows, ARRAY_COUNT(rows) };
