/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The direct map, whoever makes it: no more than RAM is mapped of it by page
 * tables, and where hardware makes it there are none (mm/direct_map.h).
 */

#include <mm/direct_map.h>
#include <test.h>

#define RW (PAGE_READ | PAGE_WRITE)
#define LARGE PTL_COVERS(PTL_LEVELS - 2)
#define WINDOW_PAGES ((size_t) IDENTITY_SIZE >> PAGE_WIDTH)

static const uintptr_t WINDOW = IDENTITY_VIRT;

TEST(direct_map_ram,
	"page tables map no more of the direct map than up to the end of RAM, but for the rest of a large page")
{
	uintptr_t end = (uintptr_t) PA2KA(frame_ram_last() | (LARGE - 1)) + 1;

	if (IDENTITY_RIGHTS != 0)
		SKIP("hardware makes it");
	CHECK_GT(frame_ram_last() - IDENTITY_PHYS, MiB(1));
	CHECK_NE(page_mapping_find(&page_kernel, PA2KA(ALIGN_DOWN(frame_ram_last(), PAGE_SIZE))).size, 0);
	if (end - WINDOW < IDENTITY_SIZE)
		CHECK_EQ(page_mapping_count(&page_kernel, end, (IDENTITY_SIZE - (end - WINDOW)) >> PAGE_WIDTH), 0);
}

static void is_by_arithmetic(struct page_table *table, uintptr_t va)
{
	struct page_mapping found = page_mapping_find(table, va);
	struct page_level levels[8];
	phys_t pa;

	CHECK_EQ(found.pa, KA2PA(va));
	CHECK_EQ(found.flags, IDENTITY_RIGHTS);
	CHECK_EQ(found.size, PAGE_SIZE);
	CHECK(page_translate(table, va, &pa) && pa == KA2PA(va));
	CHECK_EQ(page_describe(table, va, levels, ARRAY_COUNT(levels)), 0);
}

TEST(direct_map_found,
	"where hardware makes the direct map all of it is found, with its rights, and is in no page table")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	struct page_table_info info;

	NEED(table != NULL);
	for (size_t i = 0; i < 3 && IDENTITY_RIGHTS != 0; i++) {
		static const uintptr_t offsets[] = { 0, IDENTITY_SIZE / 2 + 5, IDENTITY_SIZE - 1 };

		is_by_arithmetic(&page_kernel, WINDOW + offsets[i]);
		is_by_arithmetic(table, WINDOW + offsets[i]);
	}
	page_table_destroy(table);
	if (IDENTITY_RIGHTS == 0)
		SKIP("page tables make it");
	page_table_get_info(&page_kernel, &info);
	for (unsigned level = 0; level + 1 < info.levels; level++)
		CHECK_EQ(info.leaves[level], 0);
	CHECK_EQ(page_check(), 0);
}

TEST(direct_map_ranges, "runs and counts have the direct map as one run, by itself and as part of a range")
{
	bool has_pages_before = WINDOW - KERNEL_START >= PAGE_SIZE;
	uintptr_t first = has_pages_before ? WINDOW - PAGE_SIZE : WINDOW;
	size_t pages = ((KERNEL_LAST - first) >> PAGE_WIDTH) + 1;
	struct page_run runs[2];

	if (IDENTITY_RIGHTS == 0)
		SKIP("page tables make it");
	CHECK_EQ(page_mapping_count(&page_kernel, WINDOW, WINDOW_PAGES), WINDOW_PAGES);
	CHECK_EQ(page_mapping_count(&page_kernel, WINDOW + 3 * PAGE_SIZE, 7), 7);
	CHECK_GE(page_mapping_count(&page_kernel, first, pages), WINDOW_PAGES);
	CHECK_EQ(page_mapping_runs(&page_kernel, WINDOW + PAGE_SIZE, 9, runs, 2), 1);
	CHECK(runs[0].va == WINDOW + PAGE_SIZE && runs[0].pa == IDENTITY_PHYS + PAGE_SIZE && runs[0].pages == 9);
	CHECK_GE(page_mapping_runs(&page_kernel, first, pages, runs, 2), 1);
	CHECK(runs[0].va == WINDOW && runs[0].pages == WINDOW_PAGES);
}

TEST(direct_map_changes, "what hardware maps is not mapped again, not changed, not replaced and not unmapped")
{
	uintptr_t places[] = { WINDOW + MiB(8), WINDOW + IDENTITY_SIZE - PAGE_SIZE };
	phys_t frame = test_frame_alloc(1, FRAME_ATOMIC, 0);

	NEED(frame != 0);
	if (IDENTITY_RIGHTS == 0)
		SKIP("page tables make it");
	for (size_t i = 0; i < ARRAY_COUNT(places); i++) {
		size_t pages = WINDOW + IDENTITY_SIZE - places[i] >= LARGE ? LARGE >> PAGE_WIDTH : 1;

		CHECK_EQ(page_mapping_insert(&page_kernel, places[i], frame, 1, RW, FRAME_ATOMIC), EEXIST);
		CHECK_EQ(page_mapping_insert(&page_kernel, places[i], frame, pages, RW, FRAME_ATOMIC), EEXIST);
		CHECK_EQ(page_mapping_update(&page_kernel, places[i], 1, PAGE_READ, FRAME_ATOMIC), EINVAL);
		CHECK_EQ(page_mapping_update(&page_kernel, places[i], pages, PAGE_READ, FRAME_ATOMIC), EINVAL);
		CHECK_EQ(page_mapping_replace(&page_kernel, places[i], frame, RW), ENOENT);
		CHECK_NULL(page_local_entry(places[i]));
		page_mapping_remove(&page_kernel, places[i], 1);
		page_mapping_remove(&page_kernel, places[i], pages);
		is_by_arithmetic(&page_kernel, places[i]);
	}
	if (WINDOW - KERNEL_START >= PAGE_SIZE)
		CHECK_EQ(page_mapping_insert(&page_kernel, WINDOW - PAGE_SIZE, frame, 2, RW, FRAME_ATOMIC), EEXIST);
	if (KERNEL_LAST - WINDOW > IDENTITY_SIZE)
		CHECK_EQ(page_mapping_insert(&page_kernel, places[1], frame, 2, RW | PAGE_NO_LARGE, FRAME_ATOMIC), EEXIST);
	CHECK_EQ(page_check(), 0);
}
