/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The TLB as it is: what the emulator does not mind, and a CPU would. Two entries
 * that match one address are a machine check there (MD00090, 9.25); here the first is used.
 */

#include <kernel/machine.h>
#include <kernel/trap.h>
#include <mm/tlb.h>
#include <test.h>

#include "tlb.h"

#define LARGE PTL_COVERS(PTL_LEVELS - 2)
#define PLACE ALIGN_UP((uintptr_t) USER_START + MiB(256), 2 * LARGE)
#define RAM (IDENTITY_PHYS + (phys_t) LARGE)

static bool is_of_tlb(const struct tlb_entry *entry)
{
	return entry->hi - IDENTITY_VIRT >= KM_START - IDENTITY_VIRT;
}

/* Whether there is an address that both match; those that are out have addresses of their own. */
static bool match(const struct tlb_entry *left, const struct tlb_entry *right)
{
	uint32_t mask = ~(uint32_t) ((tlb_entry_reach(left) - 1) | (tlb_entry_reach(right) - 1));

	if (!is_of_tlb(left) || !is_of_tlb(right) || ((left->hi ^ right->hi) & mask) != 0)
		return false;
	return tlb_entry_is_global(left) || tlb_entry_is_global(right) || ((left->hi ^ right->hi) & ENTRY_HI_ASID) == 0;
}

static size_t doubles(void)
{
	struct tlb_entry left, right;
	size_t count = 0;

	for (unsigned i = 0; i < tlb_entry_count(); i++)
		for (unsigned k = 0; k < i; k++) {
			tlb_entry_read(i, &left);
			tlb_entry_read(k, &right);
			count += match(&left, &right);
		}
	return count;
}

/* Entries of a size that an address is in. */
static size_t entries_at(uintptr_t va, size_t size)
{
	struct tlb_entry entry;
	size_t count = 0;

	for (unsigned i = 0; i < tlb_entry_count(); i++) {
		tlb_entry_read(i, &entry);
		count += tlb_entry_reach(&entry) == 2 * size && va - tlb_entry_va(&entry) < 2 * size;
	}
	return count;
}

/* As a miss leaves it that comes between a table and its first page: a pair without a valid half. */
static void empty_pair_write(uintptr_t va)
{
	CP0_WRITE(CP0_ENTRY_HI, (va & ~(uintptr_t) (2 * PAGE_SIZE - 1)) | (CP0_READ(CP0_ENTRY_HI) & ENTRY_HI_ASID));
	CP0_WRITE(CP0_ENTRY_LO0, 0);
	CP0_WRITE(CP0_ENTRY_LO1, 0);
	__asm__ volatile("tlbwr; ehb" : : : "memory");
	CP0_WRITE(CP0_ENTRY_HI, CP0_READ(CP0_ENTRY_HI) & ENTRY_HI_ASID);
}

/* The page table is in use. */
static void check_large(struct page_table *table)
{
	NEED(page_mapping_insert(table, PLACE, RAM, LARGE >> PAGE_WIDTH, PAGE_READ, FRAME_ATOMIC) == EOK);
	empty_pair_write(PLACE + 3 * PAGE_SIZE);
	for (uintptr_t at = PLACE; at < PLACE + LARGE; at += LARGE / 8) {
		CHECK(probe_read(at));
		CHECK_EQ(doubles(), 0);
	}
	CHECK_EQ(entries_at(PLACE, LARGE / 4), 1);
	CHECK(!probe_read(PLACE + LARGE)); /* what is beside it is not covered */

	/* Split: what is left of it goes where it is changed. */
	CHECK_EQ(page_mapping_update(table, PLACE + PAGE_SIZE, 1, PAGE_READ | PAGE_WRITE, FRAME_ATOMIC), EOK);
	CHECK(probe_read(PLACE) && probe_read(PLACE + PAGE_SIZE) && probe_read(PLACE + LARGE / 2));
	CHECK_EQ(doubles(), 0);
	CHECK_EQ(entries_at(PLACE, LARGE / 4), 0);
	CHECK_EQ(entries_at(PLACE, PAGE_SIZE), 1);
	page_mapping_remove(table, PLACE, LARGE >> PAGE_WIDTH);
	CHECK(!probe_read(PLACE + LARGE / 2));
}

/* The two halves of a pair, one after the other. */
static void check_pair(struct page_table *table, phys_t frame, bool odd_first)
{
	uintptr_t first = PLACE + (odd_first ? PAGE_SIZE : 0), second = PLACE + (odd_first ? 0 : PAGE_SIZE);

	CHECK(!probe_read(first) && !probe_read(second));
	NEED(page_mapping_insert(table, first, frame, 1, PAGE_READ, FRAME_ATOMIC) == EOK);
	CHECK(probe_read(first) && !probe_read(second));
	CHECK(probe_read(first));
	NEED(page_mapping_insert(table, second, frame, 1, PAGE_READ | PAGE_WRITE, FRAME_ATOMIC) == EOK);
	CHECK(probe_read(second) && probe_write(second) && !probe_write(first) && probe_read(first));
	CHECK_EQ(entries_at(PLACE, PAGE_SIZE), 1);
	CHECK_EQ(doubles(), 0);
	page_mapping_remove(table, first, 1);
	CHECK(!probe_read(first) && probe_write(second));
	page_mapping_remove(table, second, 1);
	CHECK(!probe_read(second));
	CHECK_EQ(entries_at(PLACE, PAGE_SIZE), 0); /* no pair is kept that has no valid half */
}

static void check_all(struct page_table *table, phys_t frame)
{
	port_irq_t irq = port_irq_save();
	struct page_table *before = tlb_table();

	tlb_switch(table, page_table_root(table));
	check_pair(table, frame, false);
	check_pair(table, frame, true);
	if (frame_is_ram(RAM >> PAGE_WIDTH) && frame_is_ram((RAM + LARGE - 1) >> PAGE_WIDTH))
		check_large(table);
	tlb_switch(before, page_table_root(before));
	port_irq_restore(irq);
}

TEST(mips_tlb, "pairs and parts of large pages come and go in the TLB, and no two entries match one address",
	.plain_only = "what it maps it needs")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	phys_t frame = test_frame_alloc(1, FRAME_ATOMIC | FRAME_LOWMEM, 0);

	if (table != NULL && frame != 0)
		check_all(table, frame);
	if (table != NULL)
		page_table_destroy(table);
	NEED(table != NULL && frame != 0);
}

/* Of a page that is mapped, and its neighbour not. */
static void check_global(uintptr_t va)
{
	struct tlb_entry entry;
	size_t found = 0;

	*(volatile uint32_t *) va = 1;
	for (unsigned i = 0; i < tlb_entry_count(); i++) {
		tlb_entry_read(i, &entry);
		if (va - tlb_entry_va(&entry) < tlb_entry_reach(&entry) && is_of_tlb(&entry)) {
			CHECK(tlb_entry_is_global(&entry));
			found++;
		}
	}
	CHECK_EQ(found, 1);
}

/* Ranges of one page and of two, among guards, begin at even pages and at odd ones. */
TEST(mips_tlb_kernel, "kernel translations are global, whichever half of the pair is mapped", .inject_runs = 1)
{
	bool seen[2] = { false, false };

	for (size_t i = 0; i < 8 && !(seen[0] && seen[1]); i++) {
		size_t bytes = (1 + i % 2) * PAGE_SIZE;
		uintptr_t va;

		NEED(test_km_alloc(bytes, FRAME_ATOMIC, &va) == EOK);
		for (uintptr_t at = va; at < va + bytes; at += PAGE_SIZE)
			if ((at ^ PAGE_SIZE) - va >= bytes) {
				check_global(at);
				seen[at / PAGE_SIZE % 2] = true;
			}
	}
	CHECK(seen[0] && seen[1]);
}
