/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Mappings as the machine's own walk sees them: a page table of a case's own is
 * put in use, with interrupts off, and memory is read through it.
 */

#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/trap.h>
#include <mm/tlb.h>
#include <test.h>
#include <x86/physical.h>

#define LARGE PTL_COVERS(PTL_LEVELS - 2)
#define LARGE_PAGES (LARGE >> PAGE_WIDTH)

/* A large page of user space, and one of RAM, which is only read. */
#define PLACE ALIGN_UP((uintptr_t) USER_START + MiB(256), LARGE)
#define RAM (IDENTITY_PHYS + (phys_t) LARGE)

/* Words of a page that are not the same through va as through the identity window. */
static size_t page_differs(uintptr_t va, phys_t pa)
{
	const volatile uintptr_t *seen = (const volatile uintptr_t *) va;
	const volatile uintptr_t *there = (const volatile uintptr_t *) PA2KA(pa);
	size_t words = 0;

	for (size_t i = 0; i < PAGE_SIZE / sizeof *seen; i++)
		words += seen[i] != there[i];
	return words;
}

/* The same for all of the large page but one page that is not mapped, with the page table in use. */
static size_t large_differs(struct page_table *table, size_t hole)
{
	port_irq_t irq = port_irq_save();
	struct page_table *before = tlb_table();
	size_t words = 0;

	tlb_switch(table, page_table_root(table));
	user_access_begin(); /* some of it is the user's */
	for (size_t i = 0; i < LARGE_PAGES; i++)
		if (i != hole)
			words += page_differs(PLACE + i * PAGE_SIZE, RAM + i * PAGE_SIZE);
	user_access_end();
	tlb_switch(before, page_table_root(before));
	port_irq_restore(irq);
	return words;
}

static void check_split(struct page_table *table)
{
	size_t hole = LARGE_PAGES / 3;

	NEED(page_mapping_insert(table, PLACE, RAM, LARGE_PAGES, PAGE_READ, FRAME_ATOMIC) == EOK);
	CHECK_EQ(page_mapping_find(table, PLACE).size, LARGE);
	CHECK_EQ(large_differs(table, LARGE_PAGES), 0);
	CHECK_EQ(page_mapping_update(table, PLACE + (LARGE_PAGES / 2 + 1) * PAGE_SIZE, LARGE_PAGES / 4,
				 PAGE_READ | PAGE_USER, FRAME_ATOMIC),
		EOK);
	CHECK_EQ(page_mapping_find(table, PLACE).size, PAGE_SIZE);
	CHECK_EQ(large_differs(table, LARGE_PAGES), 0);
	page_mapping_remove(table, PLACE + hole * PAGE_SIZE, 1);
	CHECK_EQ(large_differs(table, hole), 0);
}

TEST(mapping_split, "through a large page, whole and split, every address reads the memory it should")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);

	NEED(table != NULL);
	if (TEST_HAS_LARGE_PAGES)
		check_split(table);
	else
		test_skip("there are no large pages");
	page_table_destroy(table);
}

static void check_remap(struct page_table *table, phys_t frames)
{
	port_irq_t irq = port_irq_save();
	struct page_table *before = tlb_table();

	tlb_switch(table, page_table_root(table));
	for (size_t i = 0; i < 2; i++) {
		*(volatile uint32_t *) PA2KA(frames + i * PAGE_SIZE) = 0x1000 + (uint32_t) i;
		if (page_mapping_insert(table, PLACE, frames + i * PAGE_SIZE, 1, PAGE_READ, FRAME_ATOMIC) != EOK)
			break;
		CHECK_EQ(*(volatile uint32_t *) PLACE, 0x1000 + i);
		page_mapping_remove(table, PLACE, 1);
	}
	tlb_switch(before, page_table_root(before));
	port_irq_restore(irq);
}

TEST(mapping_remap, "an address that is mapped to another frame at once reads that one: the TLB has dropped the first")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	phys_t frames = test_frame_alloc(2, FRAME_ATOMIC, 0);

	if (table != NULL && frames != 0)
		check_remap(table, frames);
	if (table != NULL)
		page_table_destroy(table);
	NEED(table != NULL && frames != 0);
}

/* ---- invalidating everything ---- */

/* Drops all that is between an access and the entry of a page: first the cache behind the TLB, if there is one. */
static void invalidate_all(uintptr_t va)
{
	if (TLB_CACHE)
		tlb_cache_invalidate(0, va, 1);
	tlb_invalidate_all();
}

/* Whether a page whose entry is changed behind the TLB's back is read anew after tlb_invalidate_all. */
static bool invalidates(uintptr_t va)
{
	volatile uint32_t *page = (volatile uint32_t *) va, *next = (volatile uint32_t *) (va + PAGE_SIZE);
	pte_t *entry = page_local_entry(va), before = *entry;
	bool fresh;

	*page = 1;
	*next = 2;
	fresh = *page == 1;
	*(volatile pte_t *) entry = *page_local_entry(va + PAGE_SIZE);
	invalidate_all(va);
	fresh = fresh && *page == 2;
	*(volatile pte_t *) entry = before;
	invalidate_all(va);
	return fresh && *page == 1;
}

TEST(mapping_invalidate_all, "tlb_invalidate_all leaves no translation, with global pages and without")
{
	uintptr_t va;
	port_irq_t irq;
	bool global, local = true;

	NEED(test_km_alloc(2 * PAGE_SIZE, FRAME_ATOMIC, &va) == EOK);
	NEED(page_local_entry(va) != NULL && page_local_entry(va + PAGE_SIZE) != NULL);
	irq = port_irq_save();
	global = invalidates(va);
#if defined(__i386__) || defined(__x86_64__)
	cr4_write(cr4_read() & ~(uintptr_t) CR4_PGE);
	local = invalidates(va);
	cr4_write(cr4_read() | CR4_PGE);
#endif
	port_irq_restore(irq);
	CHECK(global);
	CHECK(local);
}

/* Where nothing answers at that address, the bus may say so: that is no page fault. */
TEST(mapping_last_address, "what may be mapped may be touched: no CPU decodes fewer bits than physical_last says")
{
	enum trap_kind kind = TRAP_ERROR;
	uintptr_t va;

	NEED(test_km_map(phys_last(), 1, PAGE_READ, FRAME_ATOMIC, &va) == EOK);
	CHECK(probe_read_kind(va, &kind) || kind != TRAP_PAGE_FAULT);
	kind = TRAP_ERROR;
	CHECK(!probe_read_kind(KM_END - PAGE_SIZE, &kind) && kind == TRAP_PAGE_FAULT);
}

#if defined(__i386__) || defined(__x86_64__)

TEST(mapping_physical_reader,
	"the reader of the firmware's tables reads across pages, and nothing beyond the last address")
{
	phys_t frames = test_frame_alloc(2, FRAME_ATOMIC | FRAME_LOWMEM, 0);
	uint8_t bytes[8] = { 0 }, there[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	port_irq_t irq;
	bool reads, beyond, across;

	NEED(frames != 0);
	memcpy((void *) (PA2KA(frames) + PAGE_SIZE - 3), there, sizeof(there));
	irq = port_irq_save();
	reads = physical_reader.read(&physical_reader, frames + PAGE_SIZE - 3, bytes, sizeof(bytes));
	beyond = physical_reader.read(&physical_reader, (uint64_t) phys_last() + 1, there, 1);
	across = physical_reader.read(&physical_reader, phys_last(), there, 2);
	port_irq_restore(irq);
	CHECK(reads);
	for (size_t i = 0; i < sizeof(bytes); i++)
		CHECK_EQ(bytes[i], i + 1);
	CHECK(!beyond);
	CHECK(!across);
}

#endif
