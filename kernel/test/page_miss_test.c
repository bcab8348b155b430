/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a TLB that software fills needs: entries as they are in the page table,
 * and the rule of what is touched under a page table's lock.
 */

#include <mm/direct_map.h>
#include <mm/page_leaf.h>
#include <mm/page_miss.h>
#include <test.h>

#include "layout.h"

#define RW (PAGE_READ | PAGE_WRITE)
#define LARGE PTL_COVERS(PTL_LEVELS - 2)
#define LARGE_PAGES (LARGE >> PAGE_WIDTH)

static const uintptr_t PLACE = ALIGN_UP((uintptr_t) USER_START + MiB(512), 2 * LARGE);
static const phys_t FRAMES = (phys_t) LARGE * 8;

static bool entry_of(struct page_table *table, uintptr_t va, struct page_entry *found)
{
	port_irq_t irq = port_irq_save();
	bool is_found = page_entry_find(table, va, found);

	port_irq_restore(irq);
	return is_found;
}

/* Whether a look-up by the published numbers finds the same. */
static bool layout_agrees(struct page_table *table, uintptr_t va, const struct page_entry *entry)
{
	port_irq_t irq = port_irq_save();
	unsigned level;
	pte_t pte = layout_find(table, va, &level);

	port_irq_restore(irq);
	return entry == NULL ? pte == 0 : pte == entry->pte && level == entry->level;
}

/* Whether a look-up finds the entry by which an address is mapped, and its other half. */
static bool agrees(struct page_table *table, uintptr_t va)
{
	struct page_mapping mapping = page_mapping_find(table, va), other;
	struct page_entry found;

	if (!entry_of(table, va, &found))
		return (mapping.size == 0 || direct_map_has(va)) && layout_agrees(table, va, NULL);
	if (!layout_agrees(table, va, &found))
		return false;
	other = page_mapping_find(table, va ^ mapping.size);
	if (mapping.size != leaf_bytes(found.pte, found.level) || mapping.flags != pte_leaf_flags(found.pte, found.level) ||
		ALIGN_DOWN(mapping.pa, (phys_t) mapping.size) != pte_leaf_pa(found.pte, found.level))
		return false;
	if (other.size != mapping.size)
		return found.other == 0;
	return found.other != 0 && other.flags == pte_leaf_flags(found.other, found.level) &&
		ALIGN_DOWN(other.pa, (phys_t) other.size) == pte_leaf_pa(found.other, found.level);
}

static size_t count_wrong(struct page_table *table, uintptr_t va, size_t pages)
{
	size_t wrong = 0;

	for (size_t i = 0; i < pages; i++)
		wrong += !agrees(table, va + i * PAGE_SIZE + i % PAGE_SIZE);
	return wrong;
}

TEST(page_miss_entries, "the entry of a page of any size is found as it is, with that of the other page of its pair")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	struct test_random random = TEST_RANDOM(test_seed());
	errno_t error;

	NEED(table != NULL);
	error = page_mapping_insert(table, PLACE, FRAMES, 2 * LARGE_PAGES, RW, FRAME_ATOMIC);
	CHECK_EQ(count_wrong(table, PLACE, 2 * LARGE_PAGES), 0);
	if (error == EOK)
		error = page_mapping_update(table, PLACE + 5 * PAGE_SIZE, 2, PAGE_READ, FRAME_ATOMIC);
	for (size_t i = 0; i < 20; i++)
		page_mapping_remove(table, PLACE + test_random_below(&random, LARGE_PAGES) * PAGE_SIZE, 1);
	for (size_t i = 0; i < 20 && error == EOK; i++)
		error = page_mapping_insert(table, PLACE + 2 * LARGE + test_random_below(&random, 1000) * 16 * PAGE_SIZE,
			FRAMES + i * PAGE_SIZE, 1 + i % 7, RW, FRAME_ATOMIC);
	CHECK_EQ(count_wrong(table, PLACE, 2 * LARGE_PAGES + 1007 * 16), 0);
	CHECK_EQ(count_wrong(table, (uintptr_t) USER_START, 3), 0);
	page_table_destroy(table);
	NEED(error == EOK || error == EEXIST);
}

TEST(page_miss_kernel, "an address of the kernel part is found whatever the page table, one of neither part nowhere")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	uintptr_t text = (uintptr_t) image_start;
	struct page_entry own, other;
	bool found_own, found_other;

	NEED(table != NULL);
	CHECK_NE(page_table_root(&page_kernel), 0);
	CHECK_NE(page_table_root(table), 0);
	CHECK(agrees(&page_kernel, text) && agrees(table, text));
	found_own = entry_of(&page_kernel, text, &own);
	found_other = entry_of(table, text, &other);
	if (direct_map_has(text)) {
		CHECK(!found_own && !found_other);
	} else if (CHECK(found_own && found_other)) {
		CHECK_EQ(own.pte, other.pte);
		CHECK_EQ(own.level, other.level);
		CHECK_EQ(leaf_translate(own.pte, own.level, text), IMAGE2PA(image_start));
	}
	CHECK(!entry_of(&page_kernel, PLACE, &own));
	CHECK(!entry_of(table, (uintptr_t) USER_LAST, &own));
	if (KERNEL_LAST != UINTPTR_MAX && USER_LAST != UINTPTR_MAX)
		CHECK(!entry_of(table, UINTPTR_MAX, &own));
	page_table_destroy(table);
}

#if CONFIG_DEBUG

TEST(page_reach, "results that are to be written under a page table's lock may not lie in km_map's window",
	.panics = "may not be touched under a page table's lock")
{
	uintptr_t va;

	if (km_alloc(PAGE_SIZE, 0, &va) == EOK)
		CHECK_EQ(page_mapping_runs(&page_kernel, KM_START, 2, (struct page_run *) va, 2), 0);
}

#endif
