/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Ranges found in runs, held against page_translate page by page.
 */

#include <test.h>

/* The page above the base page, in bytes and in base pages. */
#define LARGE PTL_COVERS(PTL_LEVELS - 2)
#define LARGE_PAGES (LARGE >> PAGE_WIDTH)
/* Where the large pages of the case are, in pages. */
#define AT (LARGE_PAGES < 16 ? 16 : LARGE_PAGES)

#define RW (PAGE_READ | PAGE_WRITE)

/* A place in user space that is aligned to large pages, and frames that are. */
static const uintptr_t PLACE = ALIGN_UP((uintptr_t) USER_START + MiB(512), LARGE);
static const phys_t FRAMES = (phys_t) LARGE;

/* Runs a body with a page table, which may leave by NEED: what it mapped goes with the table. */
static void with_table(void (*body)(struct page_table *table))
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);

	NEED(table != NULL);
	body(table);
	page_table_destroy(table);
}

#define TABLE_TEST(name, what, ...)                    \
	static void body_##name(struct page_table *table); \
	TEST(name, what, __VA_ARGS__)                      \
	{                                                  \
		with_table(body_##name);                       \
	}                                                  \
	static void body_##name(struct page_table *table)

static bool is_mapped(struct page_table *table, uintptr_t va)
{
	phys_t pa;

	return page_translate(table, va, &pa);
}

/* Pages of the range that do not translate to pa and on. */
static size_t count_astray(struct page_table *table, uintptr_t va, phys_t pa, size_t pages)
{
	size_t astray = 0;

	for (size_t i = 0; i < pages; i++) {
		phys_t found;

		astray += !page_translate(table, va + i * PAGE_SIZE, &found) || found != pa + i * PAGE_SIZE;
	}
	return astray;
}

/* Pages of the range for which the runs, asked for `room` at a time, say something else than page_translate. */
static size_t count_runs_wrong(struct page_table *table, uintptr_t va, size_t pages, size_t room)
{
	struct page_run runs[8];
	uintptr_t end = va + pages * PAGE_SIZE;
	phys_t follows = (phys_t) -1;
	size_t wrong = 0, count;

	do {
		count = page_mapping_runs(table, va, (end - va) >> PAGE_WIDTH, runs, room);
		for (size_t i = 0; i < count; i++) {
			wrong += runs[i].pages == 0 || runs[i].va < va || (runs[i].va == va && runs[i].pa == follows);
			for (; va < runs[i].va; va += PAGE_SIZE)
				wrong += is_mapped(table, va);
			wrong += count_astray(table, va, runs[i].pa, runs[i].pages);
			va += runs[i].pages * PAGE_SIZE;
			follows = runs[i].pa + runs[i].pages * PAGE_SIZE;
		}
	} while (count == room && va != end);
	for (; va < end; va += PAGE_SIZE)
		wrong += is_mapped(table, va);
	return wrong;
}

/* The frames' pieces, in pages from PLACE: some follow each other, some do not, and some leave a hole. */
static const struct piece {
	size_t page, pages, frame;
} pieces[] = {
	{ 0, 3, 0 }, { 3, 1, 7 },                              /* frames do not follow */
	{ 4, 2, 8 },                                           /* these do, from two insertions */
	{ 9, 1, 13 },                                          /* a hole, with frames as if there were none */
	{ AT - 2, 2, 3 * AT - 2 },                             /* up to the end of a table */
	{ AT, 2 * LARGE_PAGES, 3 * AT },                       /* on in two large pages */
	{ AT + 2 * LARGE_PAGES, 5, 3 * AT + 2 * LARGE_PAGES }, /* and in a table again */
	{ 9 * AT + 1, 1, 1 },                                  /* far off */
};

TABLE_TEST(
	page_runs, "a range is found in runs as page_translate finds it page by page; large pages, tables' ends, holes")
{
	struct page_run runs[8];
	size_t pages = 10 * AT;
	uintptr_t large = PLACE + AT * PAGE_SIZE;

	for (size_t i = 0; i < ARRAY_COUNT(pieces); i++)
		NEED(page_mapping_insert(table, PLACE + pieces[i].page * PAGE_SIZE, FRAMES + pieces[i].frame * PAGE_SIZE,
				 pieces[i].pages, RW, FRAME_ATOMIC) == EOK);
	NEED(page_mapping_runs(table, PLACE, pages, runs, 8) == 5);
	CHECK_EQ(runs[0].pages, 3);
	CHECK_EQ(runs[1].pages, 3);
	CHECK_EQ(runs[2].pages, 1);
	CHECK_EQ(runs[3].va, large - 2 * PAGE_SIZE);
	CHECK_EQ(runs[3].pages, 2 + 2 * LARGE_PAGES + 5);
	CHECK_EQ(runs[4].pa, FRAMES + PAGE_SIZE);
	CHECK_EQ(page_mapping_runs(table, PLACE, pages, runs, 5), 5);
	for (size_t room = 1; room <= 6; room++) {
		CHECK_EQ(count_runs_wrong(table, PLACE - PAGE_SIZE, pages, room), 0);
		CHECK_EQ(count_runs_wrong(table, large + 5 * PAGE_SIZE, LARGE_PAGES + 1, room), 0);
	}
	CHECK_EQ(page_mapping_runs(table, large + 5 * PAGE_SIZE, 7, runs, 8), 1);
	CHECK_EQ(runs[0].pages, 7);
	CHECK_EQ(page_mapping_runs(table, PLACE + 6 * PAGE_SIZE, 3, runs, 8), 0);
	page_mapping_remove(table, large + PAGE_SIZE, 1);
	CHECK_EQ(count_runs_wrong(table, PLACE, pages, 8), 0);
}

TABLE_TEST(page_runs_far, "runs are found in a whole user part; a range that is not the page table's has none")
{
	struct page_run runs[4];
	size_t pages = (USER_LAST - USER_START) / PAGE_SIZE + 1;
	uintptr_t last = USER_LAST - (PAGE_SIZE - 1);

	CHECK_EQ(page_mapping_runs(table, USER_START, pages, runs, 4), 0);
	NEED(page_mapping_insert(table, USER_START, FRAMES, 1, RW, FRAME_ATOMIC) == EOK);
	NEED(page_mapping_insert(table, PLACE, FRAMES, LARGE_PAGES, RW, FRAME_ATOMIC) == EOK);
	NEED(page_mapping_insert(table, last, FRAMES, 1, RW, FRAME_ATOMIC) == EOK);
	NEED(page_mapping_runs(table, USER_START, pages, runs, 4) == 3);
	CHECK_EQ(runs[0].va, USER_START);
	CHECK_EQ(runs[1].va, PLACE);
	CHECK_EQ(runs[1].pages, LARGE_PAGES);
	CHECK_EQ(runs[2].va, last);
	CHECK_EQ(page_mapping_runs(table, last, 2, runs, 4), 0);
	CHECK_EQ(page_mapping_runs(table, PLACE + 1, 1, runs, 4), 0);
	CHECK_EQ(page_mapping_runs(table, PLACE, 0, runs, 4), 0);
	CHECK_EQ(page_mapping_runs(&page_kernel, PLACE, 1, runs, 4), 0);
}

TABLE_TEST(page_runs_kernel, "the kernel part's runs are found from any page table")
{
	struct page_run run;
	uintptr_t frame = ALIGN_DOWN((uintptr_t) table, PAGE_SIZE);

	NEED(page_mapping_runs(table, frame, 1, &run, 1) == 1);
	CHECK_EQ(run.va, frame);
	CHECK_EQ(run.pa, KA2PA(frame));
	CHECK_EQ(count_runs_wrong(table, KERNEL_START, 64, 8), 0);
	CHECK_EQ(count_runs_wrong(table, KM_START, 64, 8), 0);
}
