/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * When a change is seen (mm/page_seen.h): the barriers that the core calls for,
 * as the host counts them, and that it stops what relies on a change too early.
 * (All other cases of debug builds run under the same watch.)
 */

#include <arch/host.h>
#include <mm/km_local.h>
#include <mm/tlb.h>
#include <test.h>

#if CONFIG_DEBUG

#define RW (PAGE_READ | PAGE_WRITE)
#define PAGES 20

static const uintptr_t PLACE = ALIGN_UP((uintptr_t) USER_START + MiB(512), PTL_COVERS(PTL_LEVELS - 2));

/* Calls since the last one. */
static struct host_barriers barriers_since(void)
{
	static struct host_barriers last;
	struct host_barriers now, before = last;

	host_barriers_get(&now);
	last = now;
	return (struct host_barriers){
		.published = now.published - before.published,
		.begun = now.begun - before.begun,
		.finished = now.finished - before.finished,
	};
}

static bool is_tree(void)
{
	return page_design_name()[0] == 'p';
}

TEST(seen_barriers, "what is mapped is published once, however much it is; a range is invalidated with one barrier",
	.host_only = "it counts barriers")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	static const size_t pages[] = { 1, PAGES, 1, 3 * PTL_ENTRIES(PTL_LEVELS - 1) };
	struct host_barriers some;
	uintptr_t va = PLACE;

	NEED(table != NULL);
	barriers_since();
	for (size_t i = 0; i < ARRAY_COUNT(pages); va += pages[i++] * PAGE_SIZE) {
		CHECK_EQ(page_mapping_insert(table, va, 0, pages[i], RW, FRAME_ATOMIC), EOK);
		CHECK_EQ(barriers_since().published, is_tree());
	}
	host_tlb_use(table);
	barriers_since();
	CHECK_EQ(page_mapping_update(table, PLACE, PAGES, PAGE_READ, FRAME_ATOMIC), EOK);
	some = barriers_since();
	CHECK(some.begun == 1 && some.finished == 1);
	page_mapping_remove(table, PLACE, PAGES);
	some = barriers_since();
	CHECK(some.begun == 1 && some.finished == 1);
	host_tlb_use(&page_kernel);
	page_table_destroy(table);
}

TEST(seen_unpublished, "a CPU that goes on without publishing an entry that it has stored is stopped",
	.panics = "is not published")
{
	port_irq_t irq = port_irq_save();
	pte_t entry = 0;

	pte_store(&entry, pte_leaf(0, RW, PTL_LEVELS - 1));
	port_irq_restore(irq);
}

TEST(seen_unpublished_used, "so is one that looks something up", .panics = "is not published")
{
	port_irq_t irq = port_irq_save();
	pte_t entry = 0;
	uint8_t value;

	pte_store(&entry, pte_leaf(0, RW, PTL_LEVELS - 1));
	(void) host_load((uintptr_t) PA2KA(0), &value);
	port_irq_restore(irq);
}

TEST(
	seen_unfinished, "a CPU that goes on before its invalidations are complete is stopped", .panics = "is not finished")
{
	port_irq_t irq = port_irq_save();

	tlb_invalidate_begin();
	tlb_invalidate_page(PLACE);
	port_irq_restore(irq);
}

TEST(seen_not_begun, "a CPU that invalidates a page before what it has stored is seen is stopped",
	.panics = "has not begun to invalidate")
{
	tlb_invalidate_page(PLACE);
}

#endif
