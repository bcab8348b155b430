/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Roots, as the walker of the host sees them (mm/page_roots.h): it begins at what
 * page_table_root gives, and at the kernel's own root where there is one.
 */

#include <arch/host.h>
#include <mm/page_roots.h>
#include <mm/tlb.h>
#include <test.h>

#define RW (PAGE_READ | PAGE_WRITE)
#define LARGE PTL_COVERS(PTL_LEVELS - 2)

static const uintptr_t PLACE = ALIGN_UP((uintptr_t) USER_START + MiB(512), LARGE);

/* Whether the walker finds at an address what the core says of it. */
static bool is_found(uintptr_t va)
{
	struct page_mapping core = page_mapping_find(tlb_table(), va), walked;
	port_irq_t irq = port_irq_save();

	walked = host_look_up(page_root_current(), va);
	port_irq_restore(irq);
	return walked.size == core.size && (core.size == 0 || walked.pa == core.pa);
}

static size_t count_found(uintptr_t va, size_t bytes)
{
	size_t found = 0;

	for (size_t at = 0; at < bytes; at += bytes / 32)
		found += is_found(va + at);
	return found;
}

TEST(roots_walked, "what hardware finds from a root is what is mapped, in both parts, whole and in part",
	.host_only = "its walker is asked", .plain_only = "it looks at what its own mappings have written")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	uintptr_t va = 0;

	NEED(table != NULL);
	host_tlb_use(table);
	CHECK_EQ(page_mapping_insert(table, PLACE, 0, LARGE >> PAGE_WIDTH, RW, FRAME_ATOMIC), EOK);
	CHECK_EQ(count_found(PLACE, LARGE), 32);
	CHECK_EQ(page_mapping_update(table, PLACE + 3 * PAGE_SIZE, 2, PAGE_READ, FRAME_ATOMIC), EOK);
	page_mapping_remove(table, PLACE + LARGE / 2, LARGE / 2 >> PAGE_WIDTH);
	CHECK_EQ(count_found(PLACE, LARGE), 32);
	if (test_km_map(0, 3 * PAGE_SIZE, RW, FRAME_ATOMIC, &va) == EOK) {
		CHECK(is_found(va) && is_found(va + 2 * PAGE_SIZE) && is_found(va + 3 * PAGE_SIZE));
		test_km_unmap(va, 3 * PAGE_SIZE);
		CHECK(is_found(va));
	}
	CHECK(is_found(PA2KA(PAGE_SIZE)) && is_found((uintptr_t) image_start));
	host_tlb_use(&page_kernel);
	CHECK(is_found(PLACE) && is_found(PA2KA(PAGE_SIZE)));
	page_table_destroy(table);
}

TEST(roots_apart, "where the kernel part has a root of its own, no other root has an entry of it",
	.host_only = "its walker's root is looked into", .plain_only = "it looks at what its own mappings have written")
{
	struct page_table *table = KERNEL_ROOT_SEPARATE ? page_table_create(FRAME_ATOMIC) : NULL;
	size_t bytes = ROOT_MIRROR_FRAMES != 0 ? ROOT_MIRROR_FRAMES * PAGE_SIZE : PTL_ENTRIES(0) * sizeof(pte_t);
	size_t used = 0;

	if (!KERNEL_ROOT_SEPARATE || page_design_name()[0] != 'p') {
		if (table != NULL)
			page_table_destroy(table);
		SKIP("there is one root for both parts, or none");
	}
	NEED(table != NULL);
	for (size_t i = 0; i < bytes / sizeof(pte_t); i++)
		used += ((const pte_t *) PA2KA(page_table_root(table)))[i] != 0;
	page_table_destroy(table);
	CHECK_EQ(used, 0);
}
