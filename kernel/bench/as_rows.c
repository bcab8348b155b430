/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Rows of address spaces: by real page faults, in an address space that the
 * console's thread has borrowed. The columns of others are amd64's.
 */

#include <kernel/bench.h>
#include <kernel/machine.h>
#include <kernel/thread.h>
#include <mm/as.h>
#include <mm/assert.h>

#define ROUNDS 200
#define PAGES 200

#define FIRST ((uintptr_t) USER_START + MiB(4))
#define NEIGHBOUR (FIRST + PAGES * PAGE_SIZE + PAGE_SIZE)

static struct as *space, *other;

static void must(errno_t error)
{
	mm_assert(error == EOK, "error %d", error);
}

static void area_make(struct as *as, uintptr_t va, size_t pages)
{
	struct as_area_request request = {
		.backend = AS_ANONYMOUS, .va = va, .size = pages * PAGE_SIZE, .flags = AS_WRITE
	};
	uintptr_t at;

	must(as_area_create(as, &request, 0, &at));
}

static void touch(uintptr_t va)
{
	*(volatile uint8_t *) va = 1;
}

/* As a user's program would: by an access, which the kernel must be allowed. */
static void touch_pages(void)
{
	user_access_begin();
	for (size_t i = 0; i < PAGES; i++)
		touch(FIRST + i * PAGE_SIZE);
	user_access_end();
}

/*
 * Gives pages their frames, in a set-up: as an access would, but short of memory, or where a failure is injected, that
 * is an error, which the set-up returns. An access that finds no memory is a fault that nothing can cure: it stops the
 * kernel.
 */
static bool fill(uintptr_t va, size_t pages)
{
	static const uint8_t byte = 1;
	errno_t error = EOK;

	for (; error == EOK && pages > 0; pages--, va += PAGE_SIZE)
		error = as_copy_out(space, va, &byte, 1, FRAME_ATOMIC);
	return error == EOK;
}

/* An address space, borrowed, with a page touched beside the area of the rows, so that their page table stays. */
static bool space_set_up(void)
{
	struct frame_info info;

	frame_get_info(&info);
	if (info.free < 4 * PAGES)
		return false;
	space = as_create(0);
	other = as_create(0);
	thread_borrow(space);
	area_make(space, NEIGHBOUR, 1);
	return fill(NEIGHBOUR, 1);
}

static void space_tear_down(void)
{
	if (space == NULL)
		return;
	thread_borrow(NULL);
	as_release(space);
	as_release(other);
	space = other = NULL;
}

static void create_destroy(void)
{
	for (unsigned i = 0; i < ROUNDS; i++)
		as_release(as_create(0));
}

static void area_pair(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		area_make(space, FIRST, 1);
		must(as_area_destroy(space, FIRST));
	}
}

static bool area_set_up(void)
{
	if (!space_set_up())
		return false;
	area_make(space, FIRST, PAGES);
	return true;
}

static bool touched_set_up(void)
{
	return area_set_up() && fill(FIRST, PAGES);
}

static void destroy(void)
{
	must(as_area_destroy(space, FIRST));
}

static void touch_again(void)
{
	area_make(space, FIRST, PAGES);
	touch_pages();
}

static void untouch(void)
{
	destroy();
	area_make(space, FIRST, PAGES);
}

static void copy(void)
{
	uintptr_t at;

	must(as_area_share(space, FIRST, AS_COPY, other, FIRST, AS_WRITE, 0, &at));
}

static bool copied_set_up(void)
{
	if (!touched_set_up())
		return false;
	copy();
	return true;
}

static void copy_again(void)
{
	must(as_area_destroy(other, FIRST));
	copy();
}

static void switch_there_and_back(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		as_switch(other);
		as_switch(space);
	}
}

static const struct bench_row rows[] = {
	{ .name = "as-pair",
		.what = "create + destroy an empty address space",
		.set_up = space_set_up,
		.batch = create_destroy,
		.tear_down = space_tear_down,
		.operations = ROUNDS,
		.goal = 7000,
		.helenos = 30010 },
	{ .name = "as-area",
		.what = "create + destroy an area of one page, untouched",
		.set_up = space_set_up,
		.batch = area_pair,
		.tear_down = space_tear_down,
		.operations = ROUNDS,
		.goal = 5000,
		.helenos = 27280,
		.linux = 66550 },
	{ .name = "as-destroy",
		.what = "destroy a touched area, each page",
		.set_up = touched_set_up,
		.batch = destroy,
		.between = touch_again,
		.tear_down = space_tear_down,
		.operations = PAGES,
		.once = true,
		.goal = 600,
		.helenos = 17610,
		.linux = 5400 },
	{ .name = "as-fault",
		.what = "anonymous page fault, page zeroed",
		.set_up = area_set_up,
		.batch = touch_pages,
		.between = untouch,
		.tear_down = space_tear_down,
		.operations = PAGES,
		.goal = 10000,
		.helenos = 32100,
		.linux = 15660 },
	{ .name = "as-cow",
		.what = "copy-on-write fault, page copied",
		.set_up = copied_set_up,
		.batch = touch_pages,
		.between = copy_again,
		.tear_down = space_tear_down,
		.operations = PAGES,
		.goal = 11000,
		.linux = 18260 },
	{ .name = "as-switch",
		.what = "switch address space there and back",
		.set_up = space_set_up,
		.batch = switch_there_and_back,
		.tear_down = space_tear_down,
		.operations = ROUNDS,
		.goal = 600,
		.helenos = 1210 },
};

const struct bench_group bench_as_rows = { rows, ARRAY_COUNT(rows) };
