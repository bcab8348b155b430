/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Rows of kernel pages, and of page mapping, in a piece of the kernel's window that nobody else
 * uses: it is taken by km_map, unmapped behind its back, and mapped again
 * before it is given up. The columns of others are amd64's.
 */

#include <kernel/bench.h>
#include <mm/assert.h>
#include <mm/frame.h>
#include <mm/km.h>
#include <mm/page.h>
#include <mm/port.h>
#include <mm/tlb_cache.h>

#define ROUNDS 1000
#define RANGE_PAGES 1024
/* Fewer than any TLB has entries. */
#define REFILLS 8

/* Room to begin at a multiple of WINDOW_ALIGN. */
#define WINDOW_ALIGN (RANGE_PAGES * PAGE_SIZE)
#define WINDOW_SIZE (3 * WINDOW_ALIGN)

/* Physical addresses that the rows map, behind most machines' images; nothing is ever written through them. */
#define MAPPED_PA ((phys_t) MiB(8))

static uintptr_t window; /* 0 = there is none */
static uintptr_t range;

static void must(errno_t error)
{
	mm_assert(error == EOK, "error %d", error);
}

/* Takes the window and empties it. */
static bool window_set_up(void)
{
	if (km_map(MAPPED_PA, WINDOW_SIZE, PAGE_WRITE | PAGE_NO_LARGE, FRAME_ATOMIC, &window) != EOK)
		return false;
	page_mapping_remove(&page_kernel, window, WINDOW_SIZE / PAGE_SIZE);
	range = ALIGN_UP(window, WINDOW_ALIGN);
	return true;
}

static void window_tear_down(void)
{
	if (window == 0)
		return;
	page_mapping_remove(&page_kernel, window, WINDOW_SIZE / PAGE_SIZE);
	must(page_mapping_insert(&page_kernel, window, MAPPED_PA, WINDOW_SIZE / PAGE_SIZE, PAGE_WRITE | PAGE_NO_LARGE, 0));
	km_unmap(window, WINDOW_SIZE);
	window = 0;
}

static errno_t map(uintptr_t va, size_t pages)
{
	return page_mapping_insert(&page_kernel, va, MAPPED_PA, pages, PAGE_WRITE | PAGE_NO_LARGE, FRAME_ATOMIC);
}

static bool page_set_up(void)
{
	return window_set_up() && map(range, 1) == EOK;
}

static void find(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		phys_t pa;

		if (!page_translate(&page_kernel, range, &pa))
			break;
	}
}

static void insert_remove(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		must(map(range + PAGE_SIZE, 1));
		page_mapping_remove(&page_kernel, range + PAGE_SIZE, 1);
	}
}

static void map_range(void)
{
	must(map(range, RANGE_PAGES));
}

static void unmap_range(void)
{
	page_mapping_remove(&page_kernel, range, RANGE_PAGES);
}

static bool range_set_up(void)
{
	return window_set_up() && map(range, RANGE_PAGES) == EOK;
}

static void protect_range(void)
{
	must(page_mapping_update(&page_kernel, range, RANGE_PAGES, PAGE_READ, FRAME_ATOMIC));
}

static void unprotect_range(void)
{
	must(page_mapping_update(&page_kernel, range, RANGE_PAGES, PAGE_WRITE, FRAME_ATOMIC));
}

static bool refill_set_up(void)
{
	return range_set_up() && frame_is_ram(MAPPED_PA >> PAGE_WIDTH) &&
		frame_is_ram((MAPPED_PA >> PAGE_WIDTH) + REFILLS * 2 - 1);
}

/* What the machine keeps of the pages that refill reads: they are in the page tables alone. */
static void refill_forget(void)
{
	port_irq_t irq = port_irq_save();

	if (TLB_CACHE)
		tlb_cache_invalidate(0, range, REFILLS * 2);
	tlb_invalidate_all();
	port_irq_restore(irq);
}

/* One of each pair of pages, as some TLBs look two up at once. */
static void refill(void)
{
	for (uintptr_t va = range; va < range + REFILLS * 2 * PAGE_SIZE; va += 2 * PAGE_SIZE)
		(void) *(volatile uintptr_t *) va;
}

static void km_pair(void)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		uintptr_t va;

		must(km_alloc(KiB(64), 0, &va));
		km_free(va, KiB(64));
	}
}

static const struct bench_row rows[] = {
	{ .name = "km-pair",
		.what = "64 KiB of kernel pages (km_alloc), pair",
		.batch = km_pair,
		.operations = ROUNDS,
		.goal = 12000,
		.linux = 61290 },
	{ .name = "page-find",
		.what = "find a mapping, hot",
		.set_up = page_set_up,
		.batch = find,
		.tear_down = window_tear_down,
		.operations = ROUNDS,
		.goal = 250,
		.helenos = 750,
		.linux = 720 },
	{ .name = "page-pair",
		.what = "insert + remove one page, tables there",
		.set_up = page_set_up,
		.batch = insert_remove,
		.tear_down = window_tear_down,
		.operations = ROUNDS,
		.goal = 1200,
		.helenos = 2660,
		.linux = 5260 },
	{ .name = "page-map",
		.what = "map 1,024 base pages, contiguous frames, each page",
		.set_up = window_set_up,
		.batch = map_range,
		.between = unmap_range,
		.tear_down = window_tear_down,
		.operations = RANGE_PAGES,
		.once = true,
		.goal = 60,
		.helenos = 1290,
		.linux = 190 },
	{ .name = "page-unmap",
		.what = "unmap that range, each page",
		.set_up = range_set_up,
		.batch = unmap_range,
		.between = map_range,
		.tear_down = window_tear_down,
		.operations = RANGE_PAGES,
		.once = true,
		.goal = 40,
		.helenos = 1580,
		.linux = 100 },
	{ .name = "page-protect",
		.what = "change protection of that range (RW to RO), each page",
		.set_up = range_set_up,
		.batch = protect_range,
		.between = unprotect_range,
		.tear_down = window_tear_down,
		.operations = RANGE_PAGES,
		.once = true,
		.goal = 80,
		.linux = 740 },
	{ .name = "page-refill",
		.what = "read a word of a page that the TLB does not hold",
		.set_up = refill_set_up,
		.batch = refill,
		.between = refill_forget,
		.tear_down = window_tear_down,
		.operations = REFILLS },
};

const struct bench_group bench_page_rows = { rows, ARRAY_COUNT(rows) };
