/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The hash table as a cache of the page tables: a table that is too small, identifiers that are given again, what the
 * CPU writes into it; and backtraces through what a trap has interrupted.
 */

#include <arch/cpu.h>
#include <arch/hash.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/machine.h>
#include <kernel/trap.h>
#include <mm/tlb.h>
#include <test.h>

#define PLACE ((uintptr_t) USER_START + MiB(256))
#define OTHER (PLACE + MiB(64))
#define FRAMES 8

#define RW (PAGE_READ | PAGE_WRITE)

/* The core's entry of a page. */
static pte_t entry_of(struct page_table *table, uintptr_t va)
{
	struct page_level levels[PTL_LEVELS];

	return page_describe(table, va, levels, PTL_LEVELS) == PTL_LEVELS ? (pte_t) levels[PTL_LEVELS - 1].entry : 0;
}

static struct page_table *use(struct page_table *table)
{
	struct page_table *before = tlb_table();

	tlb_switch(table, page_table_root(table));
	return before;
}

/* ---- more pages than the table holds ---- */

/* Pages that lead to the frames in turn. */
static bool pages_map(struct page_table *table, phys_t frames, size_t pages)
{
	for (size_t i = 0; i < pages; i += FRAMES)
		if (page_mapping_insert(table, PLACE + i * PAGE_SIZE, frames, FRAMES, RW, FRAME_ATOMIC) != EOK)
			return false;
	return true;
}

/* Reads each page, in an order that goes up and down, and writes every third. @return those that are another frame */
static size_t pages_touch(size_t pages)
{
	size_t wrong = 0;

	for (size_t i = 0; i < pages; i++) {
		size_t page = i % 2 == 0 ? i : pages - i;
		volatile uint32_t *word = (volatile uint32_t *) (PLACE + page * PAGE_SIZE);

		wrong += *word != page % FRAMES;
		if (page % 3 == 0)
			word[1] = 1;
	}
	return wrong;
}

/* Pages whose entries are not as the CPU has touched them: all were read, every third written. */
static size_t pages_differ(struct page_table *table, size_t pages)
{
	size_t wrong = 0;

	for (size_t i = 0; i < pages; i++) {
		pte_t pte = entry_of(table, PLACE + i * PAGE_SIZE);

		wrong += (pte & PTE_REFERENCED) == 0 || ((pte & PTE_CHANGED) != 0) != (i % 3 == 0);
	}
	return wrong;
}

static void check_full(struct page_table *table, phys_t frames)
{
	struct hash_info before, after;
	struct page_table *used;
	port_irq_t irq;
	size_t pages, wrong, again;

	hash_get_info(&before);
	pages = 2 * before.entries;
	for (size_t i = 0; i < FRAMES; i++)
		*(volatile uint32_t *) PA2KA(frames + i * PAGE_SIZE) = i;
	NEED(pages_map(table, frames, pages));
	irq = port_irq_save();
	used = use(table);
	wrong = pages_touch(pages);
	again = pages_touch(pages);
	(void) use(used);
	port_irq_restore(irq);
	hash_get_info(&after);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(again, 0);
	CHECK_GE(after.evictions - before.evictions, pages - before.entries);
	CHECK_GT(after.in_use, before.entries * 3 / 4);
	/* What is still there is carried back as it goes. */
	irq = port_irq_save();
	tlb_cache_invalidate(asid_of_all(page_table_asids(table)), PLACE, pages);
	port_irq_restore(irq);
	CHECK_EQ(pages_differ(table, pages), 0);
	hash_get_info(&after);
	CHECK_LT(after.in_use, before.entries / 2);
}

TEST(hash_full, "twice as many pages as the hash table holds are read and written, and it is known which",
	.frames = 256, .inject_runs = 4)
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	phys_t frames = test_frame_alloc(FRAMES, FRAME_ATOMIC, 0);

	if (table != NULL && frames != 0)
		check_full(table, frames);
	if (table != NULL)
		page_table_destroy(table);
	NEED(table != NULL && frames != 0);
}

/* Pages whose first group is that of PLACE. */
static uintptr_t sibling(size_t number, uint32_t groups)
{
	return PLACE + number * groups * PAGE_SIZE;
}

/* The entries of a full group go in turn: what was put in last stays for seven more. */
static void check_turns(struct page_table *table, phys_t frame, uint32_t groups)
{
	const size_t many = 3 * HASH_GROUP_ENTRIES;
	size_t gone = 0;
	uint32_t word;
	struct page_table *used;
	port_irq_t irq;
	unsigned asid;

	for (size_t i = 0; i < many; i++)
		NEED(page_mapping_insert(table, sibling(i, groups), frame, 1, RW, FRAME_ATOMIC) == EOK);
	irq = port_irq_save();
	used = use(table);
	asid = asid_of_all(page_table_asids(table));
	for (size_t i = 0; i < many; i++) {
		(void) *(volatile uint32_t *) sibling(i, groups);
		for (size_t recent = 1; recent < HASH_GROUP_ENTRIES && recent < i; recent++)
			gone += !hash_find(asid, sibling(i - recent, groups), &word);
	}
	(void) use(used);
	port_irq_restore(irq);
	CHECK_EQ(gone, 0);
}

TEST(hash_turns, "the entries of a full group go in turn")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	phys_t frame = test_frame_alloc(1, FRAME_ATOMIC, 0);
	struct hash_info info;

	hash_get_info(&info);
	if (table != NULL && frame != 0 && info.entries / HASH_GROUP_ENTRIES * PAGE_SIZE <= MiB(16))
		check_turns(table, frame, (uint32_t) (info.entries / HASH_GROUP_ENTRIES));
	else if (table != NULL && frame != 0)
		test_skip("the table is large: its groups have few pages of a segment");
	if (table != NULL)
		page_table_destroy(table);
	NEED(table != NULL && frame != 0);
}

/* ---- identifiers that are given again ---- */

/* The first page table's pages are in the hash table when its identifier is another's. @return what is seen wrongly */
static size_t zombies(struct page_table *first, phys_t frames)
{
	size_t wrong = 0;

	(void) use(first);
	(void) *(volatile uint32_t *) PLACE;
	(void) *(volatile uint32_t *) OTHER;
	for (unsigned i = 0; i < asid_count() + 2; i++) {
		struct page_table *table = page_table_create(FRAME_ATOMIC);

		if (table == NULL)
			continue;
		if (page_mapping_insert(table, PLACE, frames + PAGE_SIZE, 1, RW, FRAME_ATOMIC) == EOK) {
			(void) use(table);
			wrong += *(volatile uint32_t *) PLACE != 2;
			wrong += probe_read(OTHER);
			(void) use(&page_kernel);
		}
		page_table_destroy(table);
	}
	(void) use(first);
	wrong += *(volatile uint32_t *) PLACE != 1;
	return wrong;
}

TEST(hash_no_zombies, "an identifier that is given again leads to nothing of its owner before", .inject_runs = 2)
{
	struct page_table *first = page_table_create(FRAME_ATOMIC);
	phys_t frames = test_frame_alloc(2, FRAME_ATOMIC, 0);
	size_t wrong = 0;
	bool done = false;

	if (first != NULL && frames != 0 && page_mapping_insert(first, PLACE, frames, 1, RW, FRAME_ATOMIC) == EOK &&
		page_mapping_insert(first, OTHER, frames, 1, RW, FRAME_ATOMIC) == EOK) {
		port_irq_t irq = port_irq_save();
		struct page_table *used = tlb_table();

		*(volatile uint32_t *) PA2KA(frames) = 1;
		*(volatile uint32_t *) PA2KA(frames + PAGE_SIZE) = 2;
		wrong = zombies(first, frames);
		(void) use(used);
		port_irq_restore(irq);
		done = true;
	}
	if (first != NULL)
		page_table_destroy(first);
	CHECK_EQ(wrong, 0);
	NEED(done);
}

/* ---- what the CPU writes ---- */

TEST(hash_carries_back, "a page that was read is referenced in the core's entry, and one that was written changed")
{
	uintptr_t va;
	port_irq_t irq;
	pte_t fresh, after_read, after_write;
	uint32_t word = 0;
	bool found;

	NEED(test_km_map(0, 1, PAGE_READ | PAGE_WRITE, FRAME_ATOMIC, &va) == EOK);
	irq = port_irq_save();
	fresh = *page_local_entry(va);
	(void) *(volatile uint32_t *) va;
	found = hash_find(0, va, &word);
	tlb_cache_invalidate(0, va, 1);
	after_read = *page_local_entry(va);
	*(volatile uint32_t *) va = *(volatile uint32_t *) va;
	tlb_cache_invalidate(0, va, 1);
	after_write = *page_local_entry(va);
	port_irq_restore(irq);
	CHECK(found);
	CHECK_EQ(word & 0xfffff000u, 0);
	CHECK_EQ(fresh & (PTE_REFERENCED | PTE_CHANGED), 0);
	CHECK_EQ(after_read & (PTE_REFERENCED | PTE_CHANGED), PTE_REFERENCED);
	CHECK_EQ(after_write & (PTE_REFERENCED | PTE_CHANGED), PTE_REFERENCED | PTE_CHANGED);
}

TEST(hash_kernel_reads, "a page of the user part that only the kernel may read leaves the table before user mode runs")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	phys_t frame = test_frame_alloc(1, FRAME_ATOMIC, 0);
	bool before = false, after = true, done = false;
	uint32_t word;

	if (table != NULL && frame != 0 && page_mapping_insert(table, PLACE, frame, 1, PAGE_READ, FRAME_ATOMIC) == EOK) {
		port_irq_t irq = port_irq_save();
		struct page_table *used = use(table);
		unsigned asid = asid_of_all(page_table_asids(table));

		(void) *(volatile uint32_t *) PLACE;
		before = hash_find(asid, PLACE, &word);
		hash_user_begins();
		after = hash_find(asid, PLACE, &word);
		(void) use(used);
		port_irq_restore(irq);
		done = true;
	}
	if (table != NULL)
		page_table_destroy(table);
	NEED(done);
	CHECK(before);
	CHECK(!after);
}

/* ---- what a trap has interrupted ---- */

extern const char unwind_sample[], unwind_sample_frame[], unwind_sample_saved[], unwind_sample_linked[],
	unwind_sample_popped[], unwind_sample_second[];

/* As compilers make functions: one with a frame, which ends twice. It is not executed. */
__asm__(".text\n"
		"	.globl unwind_sample, unwind_sample_frame, unwind_sample_saved, unwind_sample_linked\n"
		"	.globl unwind_sample_popped, unwind_sample_second\n"
		"	.type unwind_sample, @function\n"
		"unwind_sample: mflr r0; stwu r1, -32(r1)\n"
		".Lframe: stw r0, 36(r1)\n"
		".Lsaved: bl unwind_sample; addi r11, r1, 32; lwz r0, 4(r11); mtlr r0\n"
		".Llinked: mr r1, r11\n"
		".Lpopped: blr\n"
		".Lsecond: bl unwind_sample; lwz r0, 36(r1); addi r1, r1, 32; mtlr r0; blr\n"
		"	.section .rodata\n"
		"unwind_sample_frame: .long .Lframe\nunwind_sample_saved: .long .Lsaved\nunwind_sample_linked: .long .Llinked\n"
		"unwind_sample_popped: .long .Lpopped\nunwind_sample_second: .long .Lsecond\n"
		"	.text\n");

/* The function's frame, that of its caller, and of that one's: the last. */
static uint32_t stack[32] __attribute__((aligned(16)));

#define CALLER 0x1000u
#define CALLERS_CALLER 0x2000u

/* At a place in the sample: r1 is the frame of the function or of its caller; the link register is saved, or not. */
static void check_sample(const char *place, bool has_frame, bool has_saved)
{
	struct trap_frame frame = { .pc = place == unwind_sample ? (uint32_t) place : *(const uint32_t *) place };
	struct unwind unwind;
	uintptr_t pc = 0, next = 0;

	stack[0] = (uint32_t) &stack[8];
	stack[8] = (uint32_t) &stack[16];
	stack[9] = has_saved ? CALLER : 0xdead;
	stack[16] = 0;
	stack[17] = CALLERS_CALLER;
	frame.registers[1] = (uint32_t) (has_frame ? &stack[0] : &stack[8]);
	frame.lr = has_saved ? 0xdead : CALLER;
	unwind_trap(&unwind, &frame, (uintptr_t) stack, (uintptr_t) stack + sizeof(stack) - 1);
	CHECK(unwind_next(&unwind, &pc) && unwind_next(&unwind, &next));
	if (!CHECK(pc == CALLER && next == CALLERS_CALLER))
		test_note("at %lx: %lx, %lx", (unsigned long) frame.pc, (unsigned long) pc, (unsigned long) next);
	CHECK(!unwind_next(&unwind, &pc));
}

TEST(
	unwind_interrupted, "a trap anywhere in a function, at its beginning, its ends or in a leaf, has the right callers")
{
	check_sample(unwind_sample, false, false);
	check_sample(unwind_sample_frame, true, false);
	check_sample(unwind_sample_saved, true, true);
	check_sample(unwind_sample_linked, true, false);
	check_sample(unwind_sample_popped, false, false);
	check_sample(unwind_sample_second, true, true);
}
