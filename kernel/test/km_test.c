/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Kernel mappings.
 */

#include <mm/kernel_map.h>
#include <mm/reserve.h>
#include <mm/spinlock.h>
#include <mm/tlb.h>
#include <test.h>

#include "test_internal.h"

#define RW (PAGE_READ | PAGE_WRITE)
#define LARGE PTL_COVERS(PTL_LEVELS - 2)
/* Bytes, multiples of LARGE: from which on a range is put where large pages can map it; what has tables of its own. */
#define ALIGNED (LARGE > (VMEM_CACHED_QUANTA) *PAGE_SIZE ? LARGE : (VMEM_CACHED_QUANTA) *PAGE_SIZE)
#define TABLE_COVERS (LARGE > 512 * PAGE_SIZE ? LARGE : 512 * PAGE_SIZE)

static volatile uint8_t *at(uintptr_t va)
{
	return (volatile uint8_t *) va;
}

static bool is_mapped(uintptr_t va)
{
	return page_mapping_find(&page_kernel, va).size != 0;
}

static size_t window_free(void)
{
	struct km_info info;

	km_get_info(&info);
	return info.free;
}

TEST(km_two_views, "one frame mapped twice is seen through both, and through its permanent address")
{
	phys_t frame;
	uintptr_t first, second;
	uint8_t *permanent;

	NEED((frame = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	NEED(test_km_map(frame, PAGE_SIZE, RW, FRAME_ATOMIC, &first) == EOK);
	NEED(test_km_map(frame, PAGE_SIZE, RW, FRAME_ATOMIC, &second) == EOK);
	CHECK_NE(first, second);
	permanent = (uint8_t *) PA2KA(frame);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		*at(first + i) = (uint8_t) (i * 7);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		CHECK(*at(second + i) == (uint8_t) (i * 7) && permanent[i] == (uint8_t) (i * 7));
	*at(second) = 99;
	CHECK_EQ(*at(first), 99);
	test_km_unmap(first, PAGE_SIZE);
	CHECK_EQ(*at(second), 99);
}

/* Whether page_init has mapped the page of a fixed mapping as the list says. */
static bool is_fixed(const struct fixed_mapping *fixed, size_t page)
{
	struct page_mapping mapping = page_mapping_find(&page_kernel, fixed->va + page * PAGE_SIZE);
	page_flags_t flags = pte_leaf_flags(pte_leaf(0, fixed->flags | PAGE_GLOBAL, PTL_LEVELS - 1), PTL_LEVELS - 1);

	return mapping.size != 0 && mapping.pa == fixed->pa + page * PAGE_SIZE && (mapping.flags & flags) == flags &&
		(mapping.flags & PAGE_WRITE) == (flags & PAGE_WRITE);
}

TEST(km_fixed, "the machine's fixed mappings are there, as it lists them, and outside the window")
{
	const struct fixed_mapping fixed[] = { KERNEL_FIXED };

	for (size_t i = 0; i < ARRAY_COUNT(fixed); i++)
		for (size_t page = 0; page < fixed[i].pages; page++) {
			CHECK(is_fixed(&fixed[i], page));
			CHECK(fixed[i].va + page * PAGE_SIZE - KM_START >= (size_t) (KM_END - KM_START));
		}
}

TEST(km_any_bytes, "a range that begins and ends anywhere is mapped with its offset, and no page more than it touches")
{
	static const struct {
		size_t offset, bytes, pages;
	} tries[] = { { 0, 1, 1 }, { 0, PAGE_SIZE, 1 }, { 0, PAGE_SIZE + 1, 2 }, { PAGE_SIZE - 1, 1, 1 },
		{ PAGE_SIZE - 1, 2, 2 }, { 100, 3 * PAGE_SIZE, 4 }, { 0, 17 * PAGE_SIZE, 17 } };
	phys_t frames;

	NEED((frames = test_frame_alloc(17, FRAME_ATOMIC, 0)) != 0);
	for (size_t i = 0; i < ARRAY_COUNT(tries); i++) {
		phys_t pa = frames + tries[i].offset;
		size_t free = window_free();
		uintptr_t va;

		NEED(test_km_map(pa, tries[i].bytes, RW, FRAME_ATOMIC, &va) == EOK);
		CHECK_EQ(va & (PAGE_SIZE - 1), pa & (PAGE_SIZE - 1));
		CHECK_EQ(page_mapping_find(&page_kernel, va).pa, pa);
		CHECK_EQ(page_mapping_find(&page_kernel, va + tries[i].bytes - 1).pa, pa + tries[i].bytes - 1);
		CHECK_EQ(free - window_free(), tries[i].pages + 1);
		CHECK(!is_mapped(ALIGN_DOWN(va, PAGE_SIZE) + tries[i].pages * PAGE_SIZE));
		test_km_unmap(va, tries[i].bytes);
		CHECK_EQ(window_free(), free);
		CHECK(!is_mapped(va));
	}
}

TEST(km_guards, "between neighbouring mappings a page is not mapped")
{
	uintptr_t va[16];
	phys_t frame;

	NEED((frame = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	for (size_t i = 0; i < ARRAY_COUNT(va); i++)
		NEED(test_km_map(frame, PAGE_SIZE, RW, FRAME_ATOMIC, &va[i]) == EOK);
	for (size_t i = 0; i < ARRAY_COUNT(va); i++) {
		CHECK(is_mapped(va[i]));
		CHECK(!is_mapped(va[i] + PAGE_SIZE));
		CHECK(va[i] == KM_START || !is_mapped(va[i] - PAGE_SIZE));
	}
}

/* Whether large pages are used in the window: in a tree by entries below the root, if they can map them. */
#define SEEN_LARGE ((PTL_LEVELS > 2 || page_design_name()[0] != 'p') && TEST_HAS_LARGE_PAGES)

TEST(km_large, "a range that holds large pages is put where they can be used, if the design has them in the window")
{
	phys_t pa = ALIGN_UP((phys_t) IDENTITY_PHYS + 1, (phys_t) LARGE);
	uintptr_t va;

	NEED(test_km_map(pa, 2 * ALIGNED, RW, FRAME_ATOMIC, &va) == EOK);
	if (!test_injecting()) /* then it may be put elsewhere */
		CHECK_EQ(page_mapping_find(&page_kernel, va).size, SEEN_LARGE ? LARGE : PAGE_SIZE);
	CHECK_EQ(page_mapping_find(&page_kernel, va + 2 * ALIGNED - 1).pa, pa + 2 * ALIGNED - 1);
	test_km_unmap(va, 2 * ALIGNED);
	CHECK(!is_mapped(va));
}

TEST(km_large_inside, "a large page in the middle of a range is used, whatever the range begins with")
{
	phys_t pa = ALIGN_UP((phys_t) IDENTITY_PHYS + 1, (phys_t) LARGE) - 3 * PAGE_SIZE;
	size_t bytes = ALIGNED + 5 * PAGE_SIZE;
	uintptr_t va;

	NEED(test_km_map(pa + 7, bytes, RW, FRAME_ATOMIC, &va) == EOK);
	CHECK_EQ(page_mapping_find(&page_kernel, va).size, PAGE_SIZE);
	if (!test_injecting())
		CHECK_EQ(page_mapping_find(&page_kernel, va + 3 * PAGE_SIZE).size, SEEN_LARGE ? LARGE : PAGE_SIZE);
	CHECK_EQ(page_mapping_find(&page_kernel, va + 3 * PAGE_SIZE).pa, pa + 7 + 3 * PAGE_SIZE);
	CHECK_EQ(page_mapping_find(&page_kernel, va + bytes - 1).pa, pa + 7 + bytes - 1);
}

TEST(km_wrong_arguments, "no bytes, or bytes beyond the last physical address, are refused")
{
	uintptr_t va = 1;

	CHECK_EQ(km_map(PAGE_SIZE, 0, RW, FRAME_ATOMIC, &va), EINVAL);
	CHECK_EQ(km_map(phys_last(), 2, RW, FRAME_ATOMIC, &va), EINVAL);
	CHECK_EQ(km_map(PAGE_SIZE, SIZE_MAX, RW, FRAME_ATOMIC, &va), EINVAL);
	CHECK_EQ(va, 1);
}

TEST(km_last_byte, "the last physical address can be mapped")
{
	uintptr_t va;

	NEED(test_km_map(phys_last(), 1, PAGE_READ, FRAME_ATOMIC, &va) == EOK);
	CHECK_EQ(page_mapping_find(&page_kernel, va).pa, phys_last());
}

TEST(km_window_full,
	"when the window has no room a mapping is refused, whatever alloc says, and room that is given back serves")
{
	size_t bytes = (KM_END - KM_START) / 8;
	uintptr_t va[16];
	uintptr_t again;
	size_t count = 0;
	errno_t error;

	while ((error = test_km_map(PAGE_SIZE, bytes, PAGE_READ | PAGE_NO_LARGE, FRAME_ATOMIC, &va[count])) == EOK)
		count++;
	NEED(error == ENOMEM && count > 0);
	NEED(test_km_map(PAGE_SIZE, bytes, PAGE_READ | PAGE_NO_LARGE, FRAME_ATOMIC, &again) == ENOMEM);
	NEED(test_km_map(PAGE_SIZE, bytes, PAGE_READ | PAGE_NO_LARGE, 0, &again) == ENOMEM);
	test_km_unmap(va[0], bytes);
	NEED(test_km_map(PAGE_SIZE, bytes, PAGE_READ | PAGE_NO_LARGE, FRAME_ATOMIC, &again) == EOK);
	CHECK_EQ(again, va[0]);
}

TEST(km_no_memory, "a mapping for whose tables there is no frame is refused, and takes no room")
{
	struct page_table_info before, after;
	size_t bytes = 3 * TABLE_COVERS;
	size_t free = window_free();
	uintptr_t va;

	page_table_get_info(&page_kernel, &before);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	if (PTL_LEVELS > 2)
		CHECK_EQ(km_map(PAGE_SIZE, bytes, PAGE_READ | PAGE_NO_LARGE, FRAME_ATOMIC, &va), ENOMEM);
	else
		NEED(test_km_map(PAGE_SIZE, PAGE_SIZE, PAGE_READ, FRAME_ATOMIC, &va) == EOK);
	if (PTL_LEVELS > 2)
		CHECK_EQ(window_free(), free);
	test_free_all_frames();
	page_table_get_info(&page_kernel, &after);
	if (PTL_LEVELS > 2 || page_design_name()[0] == 'p')
		CHECK_EQ(after.tables[PTL_LEVELS - 1], before.tables[PTL_LEVELS - 1]);
}

TEST(km_unmap_wrong, "undoing a mapping that is not one is told as what it is", .panics = "not what was mapped")
{
	uintptr_t va;

	if (km_map(PAGE_SIZE, 3 * PAGE_SIZE, PAGE_READ, 0, &va) == EOK)
		km_unmap(va, 2 * PAGE_SIZE);
}

TEST(km_unmap_elsewhere, "undoing a mapping outside the window is told as what it is",
	.panics = "not a mapping of km_map")
{
	km_unmap(IDENTITY_VIRT, PAGE_SIZE);
}

/* ---- km_check ---- */

TEST(km_check_mapped, "a page that is mapped where no range is taken is a violation",
	.plain_only = "it is wrong on purpose")
{
	uintptr_t va = KM_END - PAGE_SIZE;
	phys_t frame;

	NEED((frame = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	NEED(!is_mapped(va) && page_mapping_insert(&page_kernel, va, frame, 1, PAGE_READ, FRAME_ATOMIC) == EOK);
	test_log_expect("km_check:");
	CHECK_EQ(km_check(), 1);
	page_mapping_remove(&page_kernel, va, 1);
	CHECK_EQ(km_check(), 0);
}

static struct {
	uintptr_t map, alloc; /* 0 = freed */
	size_t left;          /* points to pass over before */
} unmapped;

#define CHECK_PAGES ((size_t) 50)
#define CHECK_POINTS ((size_t) 400) /* more than there are from the count of pages on */

static void unmap_soon(void)
{
	if (unmapped.left-- != 0 || unmapped.map == 0)
		return;
	km_unmap(unmapped.map, CHECK_PAGES * PAGE_SIZE);
	unmapped.map = 0;
	km_free(unmapped.alloc, CHECK_PAGES * PAGE_SIZE);
	unmapped.alloc = 0;
}

TEST(km_check_preempted, "what is freed while km_check counts, between any two steps, is no violation",
	.host_only = "on purpose", .plain_only = "it is about what happens in between")
{
	size_t points;

	unmapped.map = 0;
	unmapped.left = SIZE_MAX;
	if (!test_preempt(unmap_soon))
		SKIP("only debug builds can be preempted on purpose");
	CHECK_EQ(km_check(), 0);
	(void) test_preempt(NULL);
	points = SIZE_MAX - unmapped.left;
	/* The first of them are of the look at temporary mappings. */
	for (size_t point = points > CHECK_POINTS ? points - CHECK_POINTS : 0; point < points; point++) {
		NEED(km_map(PAGE_SIZE, CHECK_PAGES * PAGE_SIZE, PAGE_READ, FRAME_ATOMIC, &unmapped.map) == EOK);
		NEED(km_alloc(CHECK_PAGES * PAGE_SIZE, FRAME_ATOMIC, &unmapped.alloc) == EOK);
		unmapped.left = point;
		(void) test_preempt(unmap_soon);
		CHECK_EQ(km_check(), 0);
		(void) test_preempt(NULL);
		unmapped.left = 0;
		unmap_soon();
	}
}

/* ---- km_alloc ---- */

TEST(km_alloc_pages, "memory of 1 to 40 pages can be written and read, with a page on either side that is not mapped")
{
	for (size_t pages = 1; pages <= 40; pages += 3) {
		uintptr_t va;

		NEED(test_km_alloc(pages * PAGE_SIZE - 5, FRAME_ATOMIC, &va) == EOK);
		CHECK_EQ(va & (PAGE_SIZE - 1), 0);
		CHECK(!is_mapped(va - 1) && !is_mapped(va + pages * PAGE_SIZE));
		for (size_t i = 0; i < pages; i++)
			*at(va + i * PAGE_SIZE + i) = (uint8_t) (i + 1);
		for (size_t i = 0; i < pages; i++)
			CHECK_EQ(*at(va + i * PAGE_SIZE + i), (uint8_t) (i + 1));
		if (pages % 2 == 0)
			test_km_free(va, pages * PAGE_SIZE - 5);
	}
}

TEST(km_alloc_scattered, "frames that are nowhere two in a row make one piece of kernel space")
{
	static phys_t frames[512];
	size_t count = 0, free = 0;
	uintptr_t va;

	/* Two page tables' worth is left free as well, in a row or not. */
	while (count < ARRAY_COUNT(frames) && (frames[count] = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0)
		count++;
	NEED(count == ARRAY_COUNT(frames));
	(void) test_leave_frames(16, FRAME_LOWMEM);
	for (size_t i = 0; i < count; i++)
		if ((frames[i] >> PAGE_WIDTH & 1) != 0) {
			test_frame_free(frames[i], 1);
			free++;
		}
	NEED(test_km_alloc(free * PAGE_SIZE, FRAME_ATOMIC | FRAME_LOWMEM, &va) == EOK);
	for (size_t i = 0; i < free; i++)
		*at(va + i * PAGE_SIZE) = (uint8_t) i;
	for (size_t i = 0; i < free; i++)
		CHECK_EQ(*at(va + i * PAGE_SIZE), (uint8_t) i);
}

TEST(km_alloc_large, "memory of two large pages and one more is mapped by large pages if there are any below the root",
	.frames = 2 * (ALIGNED >> PAGE_WIDTH) + 64)
{
	size_t bytes = 2 * ALIGNED + PAGE_SIZE;
	uintptr_t va;

	NEED(test_km_alloc(bytes, FRAME_ATOMIC, &va) == EOK);
	if (!test_injecting())
		CHECK_GE(page_mapping_find(&page_kernel, va).size, SEEN_LARGE ? LARGE : PAGE_SIZE);
	CHECK_EQ(page_mapping_find(&page_kernel, va + 2 * ALIGNED).size, PAGE_SIZE);
	CHECK_EQ(page_mapping_count(&page_kernel, va, bytes / PAGE_SIZE + 1), bytes / PAGE_SIZE);
	test_km_free(va, bytes);
	CHECK(!is_mapped(va) && !is_mapped(va + ALIGNED) && !is_mapped(va + 2 * ALIGNED));
}

TEST(km_alloc_zero, "FRAME_ZERO gives zeros, after the same frames had something else")
{
	for (unsigned round = 0; round < 2; round++) {
		size_t bytes = 9 * PAGE_SIZE, wrong = 0;
		uintptr_t va;

		NEED(test_km_alloc(bytes, FRAME_ATOMIC | FRAME_ZERO, &va) == EOK);
		for (size_t i = 0; i < bytes; i += 16) {
			wrong += *at(va + i) != 0;
			*at(va + i) = 0xee;
		}
		CHECK_EQ(wrong, 0);
		test_km_free(va, bytes);
	}
}

TEST(km_alloc_out_of_frames,
	"more than is free is refused with FRAME_ATOMIC, more than there is in any case, and nothing is kept")
{
	struct frame_info frames;
	size_t free;
	uintptr_t va = 1;

	(void) test_leave_frames(64, 0);
	free = window_free();
	frame_get_info(&frames);
	CHECK_EQ(km_alloc((frames.free + frames.cached + 1) * PAGE_SIZE, FRAME_ATOMIC, &va), ENOMEM);
	CHECK_EQ(window_free(), free);
	CHECK_EQ(km_alloc((frames.total + 1) * PAGE_SIZE, 0, &va), ENOMEM);
	CHECK_EQ(km_alloc(SIZE_MAX, 0, &va), ENOMEM);
	CHECK_EQ(km_alloc(0, 0, &va), EINVAL);
	CHECK_EQ(va, 1);
}

TEST(km_alloc_out_of_room, "when the window is full memory is refused, not waited for")
{
	struct km_info info;
	uintptr_t va;
	size_t bytes;

	km_get_info(&info);
	/* All there is in halves of what is left: afterwards no two pages are left in a row. */
	for (bytes = (KM_END - KM_START) / 2; bytes >= PAGE_SIZE;)
		if (test_km_map(PAGE_SIZE, bytes, PAGE_READ | PAGE_NO_LARGE, 0, &va) != EOK)
			bytes = ALIGN_DOWN(bytes / 2, PAGE_SIZE);
	/* More than what km_alloc's arena may have left of a span that stacks lie in. */
	CHECK_EQ(km_alloc(100 * PAGE_SIZE, 0, &va), ENOMEM);
	CHECK_LT(window_free(), info.free);
}

/* Frees the frames that another thread waits for, once it does. */
static void free_for_waiting(void *argument)
{
	(void) test_wait_for(frame_sleepers() == 1, PATIENCE_MS);
	test_frame_free(*(phys_t *) argument, 32);
}

TEST(km_alloc_sleeps, "without FRAME_ATOMIC it waits until there are frames enough, with none in hand", .threads = true,
	.plain_only = "it waits")
{
	struct test_thread *thread;
	uintptr_t va = 0;
	phys_t frames;

	NEED((frames = test_frame_alloc(32, FRAME_ATOMIC, 0)) != 0);
	thread = test_thread_start("frees", free_for_waiting, &frames);
	(void) test_leave_frames(24, 0);
	CHECK_EQ(test_km_alloc(40 * PAGE_SIZE, 0, &va), EOK);
	test_thread_join(thread);
	CHECK_EQ(page_mapping_count(&page_kernel, va, 40), 40);
}

/* ---- waiting for memory ---- */

/* Pages that need more than one table of the last level, and what an allocation of them takes at most. */
#define MANY ((size_t) 600)
#define MANY_MOST (MANY + page_tables_most(MANY))

/* All memory is taken but for runs of one frame. */
static phys_t singles[3 * MANY];

/* Allocates frames, of which no two that singles_free frees are neighbours. @return whether there were as many */
MUST_USE static bool singles_take(void)
{
	size_t count = 0;

	while (count < ARRAY_COUNT(singles)) {
		phys_t frame = test_frame_alloc(1, FRAME_ATOMIC, 0);

		NEED_OR(frame != 0, false);
		singles[count++] = frame;
	}
	return true;
}

/* Frees so many of every other frame, of those from *next on. */
static void singles_free(size_t count, size_t *next)
{
	for (; count > 0 && *next < ARRAY_COUNT(singles); ++*next)
		if ((singles[*next] >> PAGE_WIDTH & 1) != 0) {
			test_frame_free(singles[*next], 1);
			count--;
		}
}

static struct waiter {
	struct test_thread *thread;
	bool done;
} waiters[2];

static void many_main(void *argument)
{
	struct waiter *self = argument;
	uintptr_t va;

	if (km_alloc(MANY * PAGE_SIZE, 0, &va) != EOK)
		return;
	__atomic_store_n(&self->done, true, __ATOMIC_RELEASE);
	km_free(va, MANY * PAGE_SIZE);
}

static void run_main(void *argument)
{
	size_t count = *(const size_t *) argument;
	phys_t base = frame_alloc(count, 0, 0);

	frame_free(base, count);
}

TEST(km_alloc_two_wait,
	"two that wait are both served by what one alone needs: neither waits with a reservation in hand", .threads = true,
	.frames = 4096, .plain_only = "it waits")
{
	size_t next = 0;

	if (!singles_take())
		return;
	(void) test_take_all_frames(0);
	for (size_t i = 0; i < ARRAY_COUNT(waiters); i++) {
		waiters[i].done = false;
		waiters[i].thread = test_thread_start("many", many_main, &waiters[i]);
	}
	CHECK(test_wait_for(frame_sleepers() == ARRAY_COUNT(waiters), PATIENCE_MS));
	/* With a few more than one of them needs: what the first has used may leave a frame in a slab or a cluster. */
	singles_free(MANY_MOST + 16, &next);
	CHECK(test_wait_for(
		__atomic_load_n(&waiters[0].done, __ATOMIC_ACQUIRE) && __atomic_load_n(&waiters[1].done, __ATOMIC_ACQUIRE),
		10000));
	test_free_all_frames();
	for (size_t i = 0; i < ARRAY_COUNT(waiters); i++)
		test_thread_join(waiters[i].thread);
}

#if CONFIG_DEBUG

#define KEPT ((size_t) 300) /* pages, of which each is a run of its own */

static struct {
	struct page_table *table;
	uintptr_t next;
	size_t calls;
} other;

/* Other CPUs map pages, as far as that takes no frame. */
static void use_up_tables(void)
{
	struct reservation none = { 0 };

	other.calls++;
	while (page_mapping_insert_reserved(other.table, other.next, 0, 1, PAGE_READ, &none) == EOK)
		other.next += 16 * PAGE_SIZE; /* in a hash table it shares nothing with the one before */
}

TEST(km_alloc_tables_kept,
	"memory page by page is had at once, though other CPUs use up what its frames for page tables have room for",
	.frames = 4096, .plain_only = "it leaves just what it takes")
{
	size_t next = 0;
	uintptr_t va = 0;

	if (!singles_take())
		return;
	__builtin_memset(&other, 0, sizeof other);
	other.next = USER_START;
	other.table = page_table_create(FRAME_ATOMIC);
	NEED(other.table != NULL);
	(void) test_take_all_frames(0);
	singles_free(KEPT + page_tables_most(KEPT), &next);
	__atomic_store_n(&km_step_hook, use_up_tables, __ATOMIC_RELAXED);
	CHECK_EQ(test_km_alloc(KEPT * PAGE_SIZE, FRAME_ATOMIC | FRAME_LOWMEM, &va), EOK);
	__atomic_store_n(&km_step_hook, NULL, __ATOMIC_RELAXED);
	CHECK_EQ(page_mapping_count(&page_kernel, va, KEPT), KEPT);
	CHECK_EQ(other.calls, KEPT + 1); /* before the first page, and behind each */
	test_free_all_frames();
	page_table_destroy(other.table);
	CHECK_EQ(page_check(), 0);
}

#endif

static size_t reclaims;

static size_t count_reclaims(enum reclaim_strength strength, bool may_wait)
{
	(void) strength, (void) may_wait;
	__atomic_add_fetch(&reclaims, 1, __ATOMIC_RELAXED);
	return 0;
}

TEST(km_alloc_behind,
	"one behind a thread that wants more than is free is served in the end, and asks no reclaimer time and again",
	.threads = true, .patience = true, .frames = 4096, .plain_only = "it waits")
{
	static struct reclaimer reclaimer = { .name = "counts", .reclaim = count_reclaims };
	static bool registered;
	size_t run, next = 0, before;
	struct test_thread *head;

	if (!registered)
		frame_reclaimer_register(&reclaimer);
	registered = true;
	if (!singles_take())
		return;
	(void) test_take_all_frames(0);
	singles_free(MANY_MOST + 64, &next);
	run = test_free_frames(0) + 64;
	head = test_thread_start("head", run_main, &run);
	CHECK(test_wait_for(frame_sleepers() == 1, PATIENCE_MS));
	before = __atomic_load_n(&reclaims, __ATOMIC_RELAXED);
	waiters[0].done = false;
	waiters[0].thread = test_thread_start("many", many_main, &waiters[0]);
	CHECK(test_wait_for(__atomic_load_n(&waiters[0].done, __ATOMIC_ACQUIRE), PATIENCE_MS));
	CHECK_LT(__atomic_load_n(&reclaims, __ATOMIC_RELAXED) - before, 1000);
	test_free_all_frames();
	test_thread_join(waiters[0].thread);
	test_thread_join(head);
}

/* ---- with a spinlock held ---- */

static struct mm_spinlock contended = SPINLOCK_INIT;
static bool held, waits;

static void contender_main(void *argument)
{
	port_irq_t irq;

	(void) argument;
	while (!__atomic_load_n(&held, __ATOMIC_ACQUIRE))
		test_yield();
	irq = port_irq_save();
	__atomic_store_n(&waits, true, __ATOMIC_RELEASE);
	spinlock_lock_raw(&contended);
	spinlock_unlock(&contended, irq);
}

TEST(km_alloc_spinlock,
	"refused with FRAME_ATOMIC and a spinlock held, it waits for no CPU that waits for the spinlock", .threads = true,
	.frames = 4096, .plain_only = "it takes all memory")
{
	static const size_t left[] = { 8, 60, 64, 70 };
	uintptr_t warm, va[ARRAY_COUNT(left)];
	errno_t errors[ARRAY_COUNT(left)];
	struct test_thread *thread;
	size_t next = 0, before, lost = 0;
	port_irq_t irq;

	NEED(test_km_alloc(PAGE_SIZE, FRAME_ATOMIC, &warm) == EOK);
	if (!singles_take())
		return;
	held = waits = false;
	thread = test_thread_start("contends", contender_main, NULL);
	(void) test_take_all_frames(0);
	irq = spinlock_lock(&contended);
	__atomic_store_n(&held, true, __ATOMIC_RELEASE);
	for (size_t spins = 0; tlb_shared() && spins < 200000000 && !__atomic_load_n(&waits, __ATOMIC_ACQUIRE); spins++)
		port_relax(); /* on one CPU it does not come */
	for (size_t i = 0; i < ARRAY_COUNT(left); i++) {
		singles_free(left[i] - (i > 0 ? left[i - 1] : 0), &next);
		before = test_free_frames(0);
		errors[i] = km_alloc(64 * PAGE_SIZE, FRAME_ATOMIC, &va[i]);
		lost += errors[i] != EOK ? before - test_free_frames(0) : 0;
	}
	spinlock_unlock(&contended, irq);
	test_thread_join(thread);
	CHECK_EQ(errors[0], ENOMEM);
	CHECK_EQ(lost, 0);
	for (size_t i = 0; i < ARRAY_COUNT(left); i++)
		if (errors[i] == EOK)
			km_free(va[i], 64 * PAGE_SIZE);
}

TEST(km_alloc_may_sleep, "a call that may sleep with interrupts off is told, even if memory is there",
	.panics = "interrupts are off")
{
	uintptr_t va, keep;
	port_irq_t irq;

	(void) !km_alloc(PAGE_SIZE, 0, &keep);
	(void) !km_alloc(PAGE_SIZE, 0, &va);
	km_free(va, PAGE_SIZE);
	irq = port_irq_save();
	(void) !km_alloc(PAGE_SIZE, 0, &va);
	port_irq_restore(irq);
}

TEST(km_map_may_sleep, "the same of km_map", .panics = "interrupts are off")
{
	uintptr_t va, keep;
	port_irq_t irq;

	(void) !km_map(PAGE_SIZE, PAGE_SIZE, PAGE_READ, 0, &keep);
	(void) !km_map(PAGE_SIZE, PAGE_SIZE, PAGE_READ, 0, &va);
	km_unmap(va, PAGE_SIZE);
	irq = port_irq_save();
	(void) !km_map(PAGE_SIZE, PAGE_SIZE, PAGE_READ, 0, &va);
	port_irq_restore(irq);
}

TEST(km_alloc_dma, "frames for DMA are one run that every device reaches; a call that waits for one has it in the end",
	.threads = true, .plain_only = "it waits")
{
	struct test_thread *thread;
	uintptr_t va = 0;
	phys_t frames, pa;

	NEED((frames = test_frame_alloc(32, FRAME_ATOMIC | FRAME_DMA, 0)) != 0);
	(void) test_leave_frames(64, 0);
	(void) test_take_all_frames(FRAME_DMA);
	CHECK_EQ(km_alloc(32 * PAGE_SIZE, FRAME_ATOMIC | FRAME_DMA, &va), ENOMEM);
	thread = test_thread_start("frees", free_for_waiting, &frames);
	CHECK_EQ(test_km_alloc(20 * PAGE_SIZE, FRAME_DMA | FRAME_ZERO, &va), EOK);
	test_thread_join(thread);
	for (size_t i = 0; i < 20; i++) {
		CHECK(page_translate(&page_kernel, va + i * PAGE_SIZE, &pa) && pa < ARCH_DMA_LIMIT);
		CHECK_EQ(*at(va + i * PAGE_SIZE + i), 0);
	}
}

TEST(km_alloc_again, "what is given back is taken again: the same addresses, and no page of them mapped in between")
{
	uintptr_t first, second;

	NEED(test_km_alloc(16 * PAGE_SIZE, FRAME_ATOMIC, &first) == EOK);
	test_km_free(first, 16 * PAGE_SIZE);
	CHECK_EQ(page_mapping_count(&page_kernel, first, 17), 0);
	NEED(test_km_alloc(16 * PAGE_SIZE, FRAME_ATOMIC, &second) == EOK);
	CHECK_EQ(first, second);
}

#if CONFIG_DEBUG
TEST(km_free_interrupts_off, "freeing with interrupts off is told: other CPUs could not be waited for",
	.panics = "interrupts are off")
{
	uintptr_t va;
	port_irq_t irq;

	if (km_alloc(3 * PAGE_SIZE, 0, &va) != EOK)
		return;
	tlb_has_others = true; /* as if a second CPU had started: this process ends here */
	irq = port_irq_save();
	km_free(va, 3 * PAGE_SIZE);
	port_irq_restore(irq);
}
#endif

TEST(km_free_nothing, "freeing no bytes is told", .panics = "0 bytes at")
{
	uintptr_t va;

	if (km_alloc(PAGE_SIZE, 0, &va) == EOK)
		km_free(va, 0);
}

TEST(km_free_wrapping, "freeing so many bytes that they wrap is told", .panics = "are not a mapping of km_alloc")
{
	uintptr_t va;

	if (km_alloc(PAGE_SIZE, 0, &va) == EOK)
		km_free(va, SIZE_MAX - 4);
}

TEST(km_free_wrong, "giving back less than was taken is told as what it is", .panics = "not what was mapped")
{
	uintptr_t va;

	if (km_alloc(3 * PAGE_SIZE, 0, &va) == EOK)
		km_free(va, 2 * PAGE_SIZE);
}

/* Allocates a range of more runs of frames than are looked at together (RUNS in generic/km.c). @return its pages */
static size_t scattered_alloc(uintptr_t *va)
{
	size_t next = 0;

	if (!singles_take())
		return 0;
	(void) test_take_all_frames(0);
	singles_free(40 + page_tables_most(40) + 16, &next);
	return km_alloc(40 * PAGE_SIZE, FRAME_ATOMIC, va) == EOK ? 40 : 0;
}

TEST(km_free_wrong_scattered, "so is giving back less of a range of many runs: the page behind it is mapped",
	.panics = "not what was mapped", .frames = 4096)
{
	uintptr_t va;
	size_t pages = scattered_alloc(&va);

	if (pages != 0)
		km_free(va, (pages - 1) * PAGE_SIZE);
}

TEST(km_free_beyond_scattered, "and more of it", .panics = "not what was mapped", .frames = 4096)
{
	uintptr_t va;
	size_t pages = scattered_alloc(&va);

	if (pages != 0)
		km_free(va, (pages + 1) * PAGE_SIZE);
}

TEST(km_free_twice, "giving back twice is told as what it is", .panics = "not what was mapped")
{
	uintptr_t va;

	if (km_alloc(3 * PAGE_SIZE, 0, &va) == EOK) {
		km_free(va, 3 * PAGE_SIZE);
		km_free(va, 3 * PAGE_SIZE);
	}
}
