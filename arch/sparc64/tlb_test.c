/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The miss handlers, with nothing in between: pages are read by the CPU's own translation, and what it finds is
 * compared.
 *
 * The TLBs as they are: two entries that match one address are not noticed by the emulator, but by a CPU.
 */

#include <kernel/machine.h>
#include <kernel/trap.h>
#include <mm/page_miss.h>
#include <mm/tlb.h>
#include <test.h>

#include "tlb.h"

#define RW (PAGE_READ | PAGE_WRITE)
#define PLACE ((uintptr_t) USER_START + MiB(512))

struct entry {
	uint64_t first, last, context; /* addresses; context 0 and global = all */
	bool valid, global;
};

static struct entry entry_of(uint64_t tag, pte_t pte)
{
	uint64_t size = (uint64_t) PAGE_SIZE << 3 * (pte >> PTE_SIZE_SHIFT & 3), first = tag & ~(size - 1);

	return (struct entry){ .first = first,
		.last = first + size - 1,
		.context = tag & (PAGE_SIZE - 1),
		.valid = (pte & PTE_VALID) != 0,
		.global = (pte & PTE_GLOBAL) != 0 };
}

static struct entry data_entry(uint64_t i)
{
	return entry_of(ASI_READ(ASI_DTLB_TAG, i << TLB_ENTRY_SHIFT), ASI_READ(ASI_DTLB_ENTRY, i << TLB_ENTRY_SHIFT));
}

static struct entry code_entry(uint64_t i)
{
	return entry_of(ASI_READ(ASI_ITLB_TAG, i << TLB_ENTRY_SHIFT), ASI_READ(ASI_ITLB_ENTRY, i << TLB_ENTRY_SHIFT));
}

static size_t doubles(struct entry (*read)(uint64_t i))
{
	port_irq_t irq = port_irq_save();
	size_t count = 0;

	for (uint64_t i = 0; i < TLB_ENTRIES; i++)
		for (uint64_t k = 0; k < i; k++) {
			struct entry left = read(i), right = read(k);

			count += left.valid && right.valid && left.first <= right.last && right.first <= left.last &&
				(left.global || right.global || left.context == right.context);
		}
	port_irq_restore(irq);
	return count;
}

/* Bytes of the data TLB's entry for an address of the page table in use; 0 = none. */
static uint64_t entry_size(uintptr_t va)
{
	for (uint64_t i = 0; i < TLB_ENTRIES; i++) {
		struct entry entry = data_entry(i);

		if (entry.valid && va >= entry.first && va <= entry.last &&
			(entry.global || entry.context == ASI_READ(ASI_DMMU, MMU_PRIMARY)))
			return entry.last - entry.first + 1;
	}
	return 0;
}

static bool tsb_has(uintptr_t va)
{
	uint64_t tag = va | ASI_READ(ASI_DMMU, MMU_PRIMARY);

	return tsb[tsb_index(tag)].tag == tag;
}

/* ---- with a page table in use ---- */

static void with_table(struct page_table *table, void (*check)(struct page_table *table))
{
	port_irq_t irq = port_irq_save();
	struct page_table *before = tlb_table();

	tlb_switch(table, page_table_root(table));
	check(table);
	tlb_switch(before, page_table_root(before));
	port_irq_restore(irq);
}

static phys_t frame;

static void check_tsb(struct page_table *table)
{
	NEED(page_mapping_insert(table, PLACE, frame, 1, PAGE_READ, FRAME_ATOMIC) == EOK);
	NEED(page_mapping_insert(table, PLACE + PAGE_SIZE, frame, 1, RW, FRAME_ATOMIC) == EOK);
	CHECK(!tsb_has(PLACE) && entry_size(PLACE) == 0);
	CHECK(probe_read(PLACE) && probe_read(PLACE + PAGE_SIZE));
	CHECK(tsb_has(PLACE) && tsb_has(PLACE + PAGE_SIZE));
	CHECK_EQ(entry_size(PLACE), PAGE_SIZE);
	CHECK(!probe_write(PLACE) && probe_write(PLACE + PAGE_SIZE));

	/* Out of the TLB alone: the TSB has it. */
	ASI_WRITE(ASI_DMMU_DEMAP, PLACE, 0);
	CHECK_EQ(entry_size(PLACE), 0);
	CHECK(probe_read(PLACE));
	CHECK_EQ(entry_size(PLACE), PAGE_SIZE);

	/* A right that is given is seen, whatever TLB and TSB have. */
	CHECK_EQ(page_mapping_update(table, PLACE, 1, RW, FRAME_ATOMIC), EOK);
	CHECK(probe_write(PLACE));
	CHECK_EQ(page_mapping_update(table, PLACE, 1, PAGE_READ, FRAME_ATOMIC), EOK);
	CHECK(!probe_write(PLACE) && probe_read(PLACE));

	/* One page goes, and no other. */
	page_mapping_remove(table, PLACE, 1);
	CHECK(!tsb_has(PLACE) && entry_size(PLACE) == 0 && !probe_read(PLACE));
	CHECK(tsb_has(PLACE + PAGE_SIZE) && entry_size(PLACE + PAGE_SIZE) == PAGE_SIZE);
	tlb_invalidate_asids();
	CHECK(!tsb_has(PLACE + PAGE_SIZE) && entry_size(PLACE + PAGE_SIZE) == 0 && probe_read(PLACE + PAGE_SIZE));
	page_mapping_remove(table, PLACE + PAGE_SIZE, 1);
	CHECK_EQ(doubles(data_entry) + doubles(code_entry), 0);
}

/* A page of each size is one entry, whose parts are right when it is split. */
static void check_sizes(struct page_table *table)
{
	const uintptr_t at = PLACE + MiB(64);
	const phys_t ram = MiB(8);

	for (unsigned level = 0; level < PTL_LEVELS - 1; level++) {
		size_t size = PTL_COVERS(level), pages = size >> PAGE_WIDTH;

		NEED(page_mapping_insert(table, at, ram, pages, PAGE_READ, FRAME_ATOMIC) == EOK);
		for (size_t offset = 0; offset < size; offset += size / 8) {
			uintptr_t seen = 0;

			CHECK(probe_load(at + offset, &seen));
			CHECK_EQ(seen, *(const uintptr_t *) PA2KA(ram + offset));
			CHECK_EQ(entry_size(at + offset), size);
		}
		CHECK(!probe_read(at + size) && !probe_read(at - 1) && !tsb_has(at));
		CHECK_EQ(page_mapping_update(table, at + PAGE_SIZE, 1, RW, FRAME_ATOMIC), EOK);
		CHECK_EQ(entry_size(at), 0);
		CHECK(probe_read(at) && probe_write(at + PAGE_SIZE) && !probe_write(at) && probe_read(at + size / 2));
		CHECK_EQ(entry_size(at + PAGE_SIZE), PAGE_SIZE);
		CHECK_EQ(doubles(data_entry), 0);
		page_mapping_remove(table, at, pages);
		CHECK(!probe_read(at) && !probe_read(at + PAGE_SIZE) && !probe_read(at + size / 2));
	}
}

static void with_new_table(void (*check)(struct page_table *table))
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);

	frame = test_frame_alloc(1, FRAME_ATOMIC, 0);
	if (table != NULL && frame != 0)
		with_table(table, check);
	if (table != NULL)
		page_table_destroy(table);
	NEED(table != NULL && frame != 0);
}

TEST(sparc_tsb, "a page gets into TSB and TLB by a miss, and leaves both alone when it goes",
	.plain_only = "what it maps it needs")
{
	with_new_table(check_tsb);
}

TEST(sparc_sizes,
	"a page of each size is one entry of the TLB, its parts are right when it is split, and none is double",
	.plain_only = "what it maps it needs")
{
	with_new_table(check_sizes);
}

static void check_hole(struct page_table *table)
{
	/* What differs from an address that is mapped in bits only that no address has. */
	NEED(page_mapping_insert(table, PLACE, frame, 1, RW, FRAME_ATOMIC) == EOK);
	CHECK(probe_read(PLACE));
	for (unsigned bit = 43; bit < 64; bit++) {
		CHECK(!probe_read(PLACE ^ (uintptr_t) 1 << bit));
		if (bit < 63)
			CHECK(!probe_read((PLACE ^ (uintptr_t) 1 << bit) | (uintptr_t) 1 << 63));
	}
	page_mapping_remove(table, PLACE, 1);
}

TEST(sparc_hole, "no address in the hole between the two parts is taken for one outside of it",
	.plain_only = "what it maps it needs")
{
	with_new_table(check_hole);
}

#if CONFIG_DEBUG

/* ---- a miss in the midst of a change ---- */

#define PAGES ((size_t) 400)
#define CHANGING SIZE_MAX

static struct {
	const void *thread;
	size_t mapped, changing; /* pages below `mapped` are; `changing` may be or not */
	size_t steps, wrong;
	uintptr_t stack_word;
} world;

static uintptr_t place(size_t i)
{
	return PLACE + i * 9 * PAGE_SIZE;
}

/* The TLBs and the TSB have nothing: the kernel's text, its stack and each page are looked up again. */
static void drop_and_read(void)
{
	if (port_self() != world.thread)
		return;
	world.steps++;
	tlb_invalidate_all();
	/* A few a step, or it takes for ever; in the end all were read at many steps. */
	for (size_t i = world.steps % 16; i < world.mapped + 16 && i < PAGES; i += 16) {
		uintptr_t seen = 0;
		bool is_there = probe_load(place(i), &seen);

		if (i == world.changing)
			continue;
		world.wrong += is_there != (i < world.mapped) || (is_there && seen != world.stack_word);
	}
}

static void check_steps(struct page_table *table)
{
	world.stack_word = *(const uintptr_t *) PA2KA(frame);
	__atomic_store_n(&page_step_hook, drop_and_read, __ATOMIC_RELAXED);
	for (size_t i = 0; i < PAGES; i++) {
		world.changing = i;
		if (!CHECK_EQ(page_mapping_insert(table, place(i), frame, 1, PAGE_READ, FRAME_ATOMIC), EOK))
			break;
		world.mapped = i + 1;
	}
	while (world.mapped != 0) {
		world.changing = --world.mapped;
		page_mapping_remove(table, place(world.mapped), 1);
	}
	__atomic_store_n(&page_step_hook, NULL, __ATOMIC_RELAXED);
}

TEST(sparc_steps, "a miss between any two steps of a change, of the stack and text in use too, finds what is mapped",
	.plain_only = "what it maps it needs")
{
	__builtin_memset(&world, 0, sizeof(world));
	world.thread = port_self();
	with_new_table(check_steps);
	CHECK_EQ(page_check(), 0);
	CHECK_EQ(world.wrong, 0);
	CHECK_GT(world.steps, 2 * PAGES);
}

#endif
