/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Page sizes with a gap: a CPU that has pages of 1 GiB and of 4 KiB, and none
 * between. A split makes pages of sizes that there are, with what was set aside
 * for it.
 */

#include <arch/host.h>
#include <test.h>

#define RW (PAGE_READ | PAGE_WRITE)
#define HUGE_LEVEL 1
#define HUGE PTL_COVERS(HUGE_LEVEL)
#define HUGE_PAGES (HUGE >> PAGE_WIDTH)

static const uintptr_t PLACE = ALIGN_UP((uintptr_t) USER_START + MiB(512), HUGE);
static const phys_t FRAMES = (phys_t) HUGE;

/* Pages of the range that are not base pages which map what they should with these flags. */
static size_t count_wrong(struct page_table *table, size_t first, size_t count, page_flags_t write)
{
	size_t wrong = 0;

	for (size_t i = first; i < first + count; i++) {
		struct page_mapping found = page_mapping_find(table, PLACE + i * PAGE_SIZE);

		wrong += found.size != PAGE_SIZE || found.pa != FRAMES + i * PAGE_SIZE || (found.flags & PAGE_WRITE) != write;
	}
	return wrong;
}

static void split(struct page_table *table)
{
	struct page_table_info info;

	if (page_mapping_insert(table, PLACE, FRAMES, HUGE_PAGES, RW, FRAME_ATOMIC) != EOK)
		return;
	CHECK_EQ(page_mapping_find(table, PLACE).size, HUGE);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	CHECK_EQ(page_mapping_update(table, PLACE + 7 * PAGE_SIZE, 600, PAGE_READ, FRAME_ATOMIC), EOK);
	CHECK_EQ(count_wrong(table, 0, 7, PAGE_WRITE), 0);
	CHECK_EQ(count_wrong(table, 7, 600, 0), 0);
	CHECK_EQ(count_wrong(table, 607, HUGE_PAGES - 607, PAGE_WRITE), 0);
	page_table_get_info(table, &info);
	CHECK_EQ(info.spares, 0);
	CHECK_EQ(info.leaves[PTL_LEVELS - 2], 0);
	page_mapping_remove(table, PLACE + 1000 * PAGE_SIZE, 1);
	CHECK_EQ(page_mapping_count(table, PLACE, HUGE_PAGES), HUGE_PAGES - 1);
}

TEST(page_size_gap, "where there are pages of 1 GiB and none of 2 MiB, a split makes base pages, with no frame free",
	.host_only = "it has a CPU that lacks a size", .frames = 2000)
{
	struct page_table *table;
	bool large = host_large_pages;

	if (PTL_LEVELS < 4)
		SKIP("there are no pages of 1 GiB");
	table = page_table_create(FRAME_ATOMIC);
	NEED(table != NULL);
	host_large_pages = false;
	host_gigabyte_pages = true;
	split(table);
	host_large_pages = host_gigabyte_pages = large;
	CHECK_EQ(page_check(), 0);
	page_table_destroy(table);
	CHECK_EQ(page_check(), 0);
}
