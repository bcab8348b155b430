/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Temporary mappings of frames without a permanent address, and lasting ones.
 */

#include <mm/km_local.h>
#include <test.h>

#include "test_internal.h"

#define WORDS (PAGE_SIZE / sizeof(uintptr_t))

/* Leaves the case if there are no frames to map. */
#define NEED_HIGH_MEMORY()                                              \
	do {                                                                \
		if (!test_has_high_memory())                                    \
			SKIP("all memory of this machine has permanent addresses"); \
	} while (0)

/* A frame without a permanent address. */
static phys_t high_frame(void)
{
	phys_t frame = test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0);

	if (frame != 0)
		CHECK(!has_permanent_address(frame));
	return frame;
}

/* Takes so many. @return whether there were */
static bool high_frames(phys_t *frames, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if ((frames[i] = high_frame()) == 0)
			return false;
	return true;
}

static struct km_local_info info_now(void)
{
	struct km_local_info info;

	km_local_get_info(&info);
	return info;
}

/* Every word of a page says where it is and whose. */
static void mark(uintptr_t *page, uintptr_t whose)
{
	for (size_t i = 0; i < WORDS; i++)
		page[i] = whose * WORDS + i;
}

static size_t count_unmarked(const uintptr_t *page, uintptr_t whose)
{
	size_t wrong = 0;

	for (size_t i = 0; i < WORDS; i++)
		wrong += page[i] != whose * WORDS + i;
	return wrong;
}

static void mark_frame(phys_t frame, uintptr_t whose)
{
	uintptr_t *page = km_local_map(frame);

	mark(page, whose);
	km_local_unmap(page);
}

/* Words of the frame that are not its owner's mark. */
static size_t frame_unmarked(phys_t frame, uintptr_t whose)
{
	const uintptr_t *page = km_local_map(frame);
	size_t wrong = count_unmarked(page, whose);

	km_local_unmap(page);
	return wrong;
}

static bool may_sleep(void)
{
	port_irq_t irq = port_irq_save();

	port_irq_restore(irq);
	return port_irq_were_on(irq);
}

/* ---- what they show ---- */

TEST(km_local_keeps, "what is written through a temporary mapping is read through the next one, of each frame its own")
{
	phys_t frames[9];

	NEED_HIGH_MEMORY();
	NEED(high_frames(frames, ARRAY_COUNT(frames)));
	for (size_t i = 0; i < ARRAY_COUNT(frames); i++)
		mark_frame(frames[i], i + 1);
	for (size_t i = 0; i < ARRAY_COUNT(frames); i++)
		CHECK_EQ(frame_unmarked(frames[i], i + 1), 0);
}

TEST(km_local_offset, "an address in a frame is mapped with its offset, and any address of its page undoes that")
{
	phys_t frame;
	char *at;

	NEED_HIGH_MEMORY();
	NEED((frame = high_frame()) != 0);
	mark_frame(frame, 0);
	at = km_local_map(frame + 5 * sizeof(uintptr_t));
	CHECK_EQ((uintptr_t) at & (PAGE_SIZE - 1), 5 * sizeof(uintptr_t));
	CHECK_EQ(*(uintptr_t *) at, 5);
	km_local_unmap(at + 100);
	CHECK_EQ(info_now().held, 0);
}

TEST(km_local_two, "two frames are seen at once: one is copied to the other, and cleared")
{
	phys_t frames[2];

	NEED_HIGH_MEMORY();
	NEED(high_frames(frames, 2));
	mark_frame(frames[0], 3);
	km_local_copy(frames[1], frames[0]);
	km_local_clear(frames[0]);
	CHECK_EQ(frame_unmarked(frames[1], 3), 0);
	CHECK_EQ(frame_unmarked(frames[0], 0), WORDS - 1); /* all but word 0, whose mark is 0 */
}

TEST(km_local_between, "frames with and without a permanent address are copied to each other")
{
	phys_t high, low;

	NEED_HIGH_MEMORY();
	NEED((high = high_frame()) != 0 && (low = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	mark((uintptr_t *) PA2KA(low), 5);
	km_local_copy(high, low);
	CHECK_EQ(frame_unmarked(high, 5), 0);
	mark_frame(high, 6);
	km_local_copy(low, high);
	CHECK_EQ(count_unmarked((const uintptr_t *) PA2KA(low), 6), 0);
}

TEST(km_local_alias, "one frame in two slots, and mapped by km_map, is one frame")
{
	phys_t frame;
	uintptr_t *one, *two, lasting;

	NEED_HIGH_MEMORY();
	NEED((frame = high_frame()) != 0);
	NEED(test_km_map(frame, PAGE_SIZE, PAGE_READ | PAGE_WRITE, FRAME_ATOMIC, &lasting) == EOK);
	one = km_local_map(frame);
	two = km_local_map(frame);
	CHECK_NE((uintptr_t) one, (uintptr_t) two);
	mark(one, 7);
	CHECK_EQ(count_unmarked(two, 7), 0);
	two[9] = 1;
	CHECK_EQ(one[9], 1);
	CHECK_EQ(((uintptr_t *) lasting)[9], 1);
	((uintptr_t *) lasting)[9] = 2;
	CHECK_EQ(one[9] + two[9], 4);
	km_local_unmap(two);
	km_local_unmap(one);
}

TEST(km_local_window, "a frame that has a permanent address is seen there: no slot is taken, and interrupts stay on")
{
	phys_t frame;
	size_t made = info_now().made;
	void *page;

	NEED((frame = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	page = km_local_map(frame);
	CHECK_PTR(page, PA2KA(frame));
	CHECK(may_sleep());
	km_local_unmap(page);
	CHECK_EQ(info_now().made, made);
	CHECK_EQ(info_now().held, 0);
}

/* ---- how many, and in what order ---- */

/* Maps this frame and those after it, one within the other; all are seen at the bottom. */
static void nest(const phys_t *frames, size_t count, size_t depth)
{
	uintptr_t *page = km_local_map(frames[depth]);

	mark(page, depth + 1);
	CHECK(!may_sleep());
	if (depth + 1 < count)
		nest(frames, count, depth + 1);
	CHECK_EQ(count_unmarked(page, depth + 1), 0);
	km_local_unmap(page);
}

TEST(km_local_nested, "temporary mappings nest as deep as is promised; interrupts are off till the first is undone")
{
	phys_t frames[KM_LOCAL_DEPTH] = { 0 };

	NEED_HIGH_MEMORY();
	NEED(high_frames(frames, KM_LOCAL_DEPTH));
	for (size_t count = 1; count <= KM_LOCAL_DEPTH; count++) {
		size_t made = info_now().made;

		nest(frames, count, 0);
		CHECK(may_sleep());
		if (!test_injecting()) /* other CPUs may map as well, but the console is quiet */
			CHECK_EQ(info_now().made - made, count);
	}
	CHECK_EQ(info_now().deepest, KM_LOCAL_DEPTH);
	CHECK_EQ(info_now().held, 0);
	for (size_t i = 0; i < KM_LOCAL_DEPTH; i++)
		CHECK_EQ(frame_unmarked(frames[i], i + 1), 0);
}

TEST(km_local_too_deep, "one more than that is told", .panics = "temporary mappings already")
{
	phys_t frame = test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0);

	for (size_t i = 0; i <= KM_LOCAL_DEPTH; i++)
		(void) km_local_map(frame);
}

TEST(km_local_wrong_order, "undoing one that is not the last is told", .panics = "the last of its 2")
{
	phys_t frame = test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0);
	const void *first = km_local_map(frame);

	(void) km_local_map(frame);
	km_local_unmap(first);
}

TEST(km_local_twice, "undoing one that was undone is told", .panics = "has no temporary mapping")
{
	const void *page = km_local_map(test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0));

	km_local_unmap(page);
	km_local_unmap(page);
}

TEST(km_local_sleep, "sleeping for memory with one in hand is told, even if memory is there", .panics = "may sleep")
{
	(void) km_local_map(test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0));
	(void) !frame_alloc(1, 0, 0);
}

TEST(km_local_park, "going to sleep with one in hand is told", .panics = "interrupts off")
{
	(void) km_local_map(test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0));
	port_park(1);
}

/* ---- when they are undone ---- */

TEST(km_local_given_back, "a slot that was given back leads to another frame, which cannot be written")
{
	struct page_mapping mapping;
	const volatile uintptr_t *page;
	phys_t frame;

	NEED_HIGH_MEMORY();
	NEED((frame = high_frame()) != 0);
	mark_frame(frame, 8);
	page = km_local_map(frame);
	mapping = page_mapping_find(&page_kernel, (uintptr_t) page);
	CHECK_EQ(mapping.pa, frame);
	CHECK_EQ(mapping.flags & (PAGE_WRITE | PAGE_USER), PAGE_WRITE);
	km_local_unmap((const void *) page);
	mapping = page_mapping_find(&page_kernel, (uintptr_t) page);
	CHECK_EQ(mapping.size, PAGE_SIZE);
	CHECK_NE(mapping.pa, frame);
	CHECK_EQ(mapping.flags & PAGE_WRITE, 0);
	CHECK_NE(page[3], 8 * WORDS + 3);
	CHECK_EQ(km_check(), 0);
}

TEST(km_local_written_late, "writing through one that was undone faults", .panics = "page fault: writing")
{
	volatile char *page = km_local_map(test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0));

	km_local_unmap((const void *) page);
	*page = 1;
}

TEST(km_local_overrun, "writing beyond the end of one meets its guard page", .panics = "page fault: writing")
{
	volatile char *page = km_local_map(test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0));

	page[PAGE_SIZE] = 1;
}

TEST(km_used_late, "memory of km_alloc that is used after km_free faults", .panics = "page fault: reading")
{
	uintptr_t va;

	if (km_alloc(2 * PAGE_SIZE, FRAME_HIGHMEM, &va) != EOK)
		return;
	*(volatile char *) va = 1;
	km_free(va, 2 * PAGE_SIZE);
	(void) *(volatile char *) va;
}

/* ---- several CPUs at once ---- */

#define THREADS 4
#define OWN 3
#define ROUNDS 200

static struct mapper {
	struct test_thread *thread;
	uintptr_t number;
	phys_t common; /* which nobody writes */
	phys_t frames[OWN];
	size_t wrong, rounds;
} mappers[THREADS];

/* Copies the common frame, and its own marks from frame to frame, one mapping within the other. */
static void mapper_main(void *argument)
{
	struct mapper *self = argument;

	for (; self->rounds < ROUNDS; self->rounds++) {
		uintptr_t whose = self->number * ROUNDS + self->rounds + 1;
		phys_t frame = self->frames[self->rounds % OWN], next = self->frames[(self->rounds + 1) % OWN];
		uintptr_t *page = km_local_map(frame);

		mark(page, whose);
		km_local_copy(next, frame);
		self->wrong += count_unmarked(page, whose);
		km_local_unmap(page);
		self->wrong += frame_unmarked(next, whose);
		km_local_copy(frame, self->common);
		self->wrong += frame_unmarked(frame, 1);
		if (self->rounds % 16 == 0)
			test_yield();
	}
}

TEST(km_local_cpus, "CPUs that map at once see each their own frames", .threads = true)
{
	phys_t common;

	NEED_HIGH_MEMORY();
	NEED((common = high_frame()) != 0);
	mark_frame(common, 1);
	for (size_t i = 0; i < THREADS; i++) {
		mappers[i] = (struct mapper){ .number = i, .common = common };
		NEED(high_frames(mappers[i].frames, OWN));
	}
	for (size_t i = 0; i < THREADS; i++)
		mappers[i].thread = test_thread_start("maps", mapper_main, &mappers[i]);
	for (size_t i = 0; i < THREADS; i++)
		test_thread_join(mappers[i].thread);
	for (size_t i = 0; i < THREADS; i++) {
		CHECK_EQ(mappers[i].wrong, 0);
		CHECK_EQ(mappers[i].rounds, ROUNDS);
	}
	CHECK_EQ(frame_unmarked(common, 1), 0);
	CHECK_EQ(info_now().held, 0);
}

/* ---- lasting mappings ---- */

TEST(km_map_high, "frames without a permanent address are mapped to stay, and keep what is written in them")
{
	struct frame_request request = FRAME_REQUEST(3, FRAME_ATOMIC | FRAME_HIGHMEM);
	size_t taken;
	phys_t frames;
	uintptr_t va;

	NEED_HIGH_MEMORY();
	NEED((frames = test_frame_alloc_request(&request, &taken)) != 0);
	CHECK(!has_permanent_address(frames));
	NEED(test_km_map(frames, 3 * PAGE_SIZE, PAGE_READ | PAGE_WRITE, FRAME_ATOMIC, &va) == EOK);
	for (size_t i = 0; i < 3; i++)
		mark((uintptr_t *) (va + i * PAGE_SIZE), i + 1);
	for (size_t i = 0; i < 3; i++)
		CHECK_EQ(frame_unmarked(frames + i * PAGE_SIZE, i + 1), 0);
	test_km_unmap(va, 3 * PAGE_SIZE);
	for (size_t i = 0; i < 3; i++)
		CHECK_EQ(frame_unmarked(frames + i * PAGE_SIZE, i + 1), 0);
}

TEST(
	km_alloc_high, "km_alloc with FRAME_HIGHMEM has frames without permanent addresses; with FRAME_ZERO they are zeros")
{
	const size_t pages = 9;
	uintptr_t va;

	NEED_HIGH_MEMORY();
	for (unsigned round = 0; round < 2; round++) {
		size_t wrong = 0;
		phys_t pa;

		NEED(test_km_alloc(pages * PAGE_SIZE, FRAME_ATOMIC | FRAME_ZERO | FRAME_HIGHMEM, &va) == EOK);
		CHECK(page_translate(&page_kernel, va, &pa) && !has_permanent_address(pa));
		for (size_t i = 0; i < pages * WORDS; i++) {
			wrong += ((uintptr_t *) va)[i] != 0;
			((uintptr_t *) va)[i] = 0x5eed;
		}
		CHECK_EQ(wrong, 0);
		test_km_free(va, pages * PAGE_SIZE);
	}
}

TEST(km_frame_zero_high, "FRAME_ZERO with FRAME_HIGHMEM gives zeros, one frame or many, after they were something else")
{
	static const size_t counts[] = { 1, 1, 7, 16 };

	NEED_HIGH_MEMORY();
	for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
		phys_t base = test_frame_alloc(counts[i], FRAME_ATOMIC | FRAME_HIGHMEM, 0);

		NEED(base != 0);
		for (size_t j = 0; j < counts[i]; j++)
			mark_frame(base + j * PAGE_SIZE, 11);
		test_frame_free(base, counts[i]);
		NEED((base = test_frame_alloc(counts[i], FRAME_ATOMIC | FRAME_HIGHMEM | FRAME_ZERO, 0)) != 0);
		CHECK(!has_permanent_address(base));
		for (size_t j = 0; j < counts[i]; j++)
			CHECK_EQ(frame_unmarked(base + j * PAGE_SIZE, 0), WORDS - 1);
		test_frame_free(base, counts[i]);
	}
}
