/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Address spaces among each other: shared areas, copies on write, the kernel
 * part, and faults while others change what is there.
 */

#include <test.h>

#include "test_internal.h"

#define FIRST ((uintptr_t) USER_START + MiB(4))
#define PAGES(count) ((count) *PAGE_SIZE)

static errno_t make(struct as *as, uintptr_t va, size_t pages, unsigned flags)
{
	struct as_area_request request = { .backend = AS_ANONYMOUS, .va = va, .size = PAGES(pages), .flags = flags };
	uintptr_t at;

	return as_area_create(as, &request, FRAME_ATOMIC, &at);
}

static errno_t give(struct as *from, enum as_share_mode mode, struct as *to, unsigned flags)
{
	uintptr_t at;

	return as_area_share(from, FIRST, mode, to, FIRST, flags, FRAME_ATOMIC, &at);
}

static size_t frames_promised(void)
{
	struct frame_info info;

	frame_get_info(&info);
	return info.promised;
}

static bool store(struct as *as, uintptr_t va, uint8_t byte)
{
	test_as_borrow(as);
	return test_user_store(va, byte);
}

/* What is read there, or -1 if it may not be. */
static int load(struct as *as, uintptr_t va)
{
	uint8_t byte;

	test_as_borrow(as);
	return test_user_load(va, &byte) ? byte : -1;
}

static phys_t frame_at(struct as *as, uintptr_t va)
{
	struct page_mapping mapping = page_mapping_find(as_page_table(as), va);

	return mapping.size != 0 ? mapping.pa : 0;
}

static struct as_area_info info_of(struct as *as)
{
	struct as_area_info info = { 0 };

	CHECK_EQ(as_area_find(as, FIRST, &info), EOK);
	return info;
}

TEST(as_share_memory, "what one sharer writes the others read, touched before or after; the last one gone frees it")
{
	struct as *one = test_as_create(FRAME_ATOMIC), *two = test_as_create(FRAME_ATOMIC);

	NEED(one != NULL && two != NULL && make(one, FIRST, 600, AS_WRITE) == EOK);
	NEED(store(one, FIRST, 1) && store(one, FIRST + PAGES(599), 2));
	NEED(give(one, AS_SHARE, two, AS_WRITE) == EOK);
	CHECK_EQ(info_of(one).sharers, 2);
	NEED(load(two, FIRST) == 1 && load(two, FIRST + PAGES(599)) == 2);
	CHECK_EQ(frame_at(one, FIRST), frame_at(two, FIRST));
	NEED(store(two, FIRST + PAGES(300), 3) && load(one, FIRST + PAGES(300)) == 3);
	NEED(store(one, FIRST, 4) && load(two, FIRST) == 4);
	CHECK_EQ(as_area_resize(one, FIRST, PAGE_SIZE, FRAME_ATOMIC), EBUSY);
	CHECK_EQ(as_check(), 0);
	CHECK_EQ(as_area_destroy(one, FIRST), EOK);
	CHECK_EQ(load(one, FIRST), -1);
	CHECK_EQ(load(two, FIRST + PAGES(300)), 3);
	CHECK_EQ(info_of(two).sharers, 1);
	CHECK_EQ(as_area_destroy(two, FIRST), EOK);
	CHECK_EQ(as_check(), 0);
}

TEST(as_share_rights, "each sharer has its own rights, and what cannot be given is refused")
{
	struct as *one = test_as_create(FRAME_ATOMIC), *two = test_as_create(FRAME_ATOMIC);
	uintptr_t at;

	NEED(one != NULL && two != NULL && make(one, FIRST, 4, AS_WRITE) == EOK);
	NEED(give(two, AS_SHARE, one, 0) == ENOENT);
	NEED(give(one, AS_SHARE, one, 0) == EEXIST);
	NEED(give(one, AS_SHARE, two, AS_WRITE | AS_EXEC) == EINVAL);
	NEED(give(one, AS_SHARE, two, AS_RESERVE) == EINVAL);
	NEED(give(one, AS_SHARE, two, 0) == EOK);
	CHECK(!store(two, FIRST, 1));
	NEED(store(one, FIRST, 1) && load(two, FIRST) == 1);
	CHECK_EQ(as_area_change_flags(two, FIRST, AS_WRITE), EOK);
	NEED(store(two, FIRST, 2) && load(one, FIRST) == 2);
	NEED(as_area_share(one, FIRST, AS_SHARE, one, 0, AS_ANYWHERE, FRAME_ATOMIC, &at) == EOK);
	NEED(load(one, at) == 2);
	CHECK_EQ(info_of(one).sharers, 3);
	CHECK_EQ(as_check(), 0);
}

/* An area that takes more pages than the machine has frames, and more than a node of an index has entries. */
#define HUGE_SIZE ((size_t) 1 << (sizeof(uintptr_t) == 8 && PTL_LEVELS == 4 ? 36 : 29))

TEST(as_share_huge, "a large area that nobody has touched is shared for nothing, and costs what is touched of it")
{
	struct as *as[3] = { test_as_create(FRAME_ATOMIC), test_as_create(FRAME_ATOMIC), test_as_create(FRAME_ATOMIC) };
	uintptr_t end = FIRST + HUGE_SIZE - PAGE_SIZE;
	size_t free;

	NEED(as[0] != NULL && as[1] != NULL && as[2] != NULL);
	NEED(make(as[0], FIRST, HUGE_SIZE >> PAGE_WIDTH, AS_WRITE) == EOK);
	free = test_free_frames(0);
	NEED(give(as[0], AS_SHARE, as[1], AS_WRITE) == EOK);
	CHECK_GE(test_free_frames(0) + 4, free); /* a slab or two */
	NEED(store(as[0], end, 1) && store(as[1], FIRST, 2) && store(as[1], FIRST + HUGE_SIZE / 2 + PAGES(3), 3));
	NEED(load(as[1], end) == 1 && load(as[0], FIRST) == 2 && load(as[0], FIRST + HUGE_SIZE / 2 + PAGES(3)) == 3);
	NEED(load(as[1], end - PAGE_SIZE) == 0);
	NEED(give(as[1], AS_COPY, as[2], AS_WRITE) == EOK);
	NEED(store(as[0], end, 4) && load(as[2], end) == 1 && load(as[2], FIRST) == 2);
	NEED(load(as[2], FIRST + HUGE_SIZE / 2 + PAGES(3)) == 3 && load(as[2], FIRST + PAGES(1)) == 0);
	CHECK_EQ(as_check(), 0);
	for (size_t i = 0; i < 3; i++)
		CHECK_EQ(as_area_destroy(as[i], FIRST), EOK);
	CHECK_GE(test_free_frames(0) + 8, free);
}

TEST(as_share_promise, "the promise of an area goes on when it is shared")
{
	struct as *one = test_as_create(FRAME_ATOMIC), *two = test_as_create(FRAME_ATOMIC);
	size_t promised = frames_promised();

	NEED(one != NULL && two != NULL && make(one, FIRST, 16, AS_WRITE | AS_RESERVE) == EOK);
	NEED(store(one, FIRST, 1) && give(one, AS_SHARE, two, AS_WRITE) == EOK);
	CHECK_EQ(frames_promised(), promised + 15);
	NEED(load(two, FIRST) == 1);
	CHECK_EQ(as_area_destroy(one, FIRST), EOK);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	for (size_t i = 1; i < 16; i++)
		NEED(store(two, FIRST + PAGES(i), 5));
	test_free_all_frames();
	CHECK_EQ(frames_promised(), promised);
}

TEST(as_share_promise_freed, "what is reserved for shared memory and not used is free with the last sharer")
{
	struct as *one = test_as_create(FRAME_ATOMIC), *two = test_as_create(FRAME_ATOMIC);
	size_t promised = frames_promised();

	NEED(one != NULL && two != NULL && make(one, FIRST, 16, AS_WRITE | AS_RESERVE) == EOK);
	NEED(store(one, FIRST, 1) && give(one, AS_SHARE, two, AS_WRITE) == EOK);
	CHECK_EQ(as_area_destroy(one, FIRST), EOK);
	CHECK_EQ(frames_promised(), promised + 15);
	CHECK_EQ(as_area_destroy(two, FIRST), EOK);
	CHECK_EQ(frames_promised(), promised);
}

TEST(as_cow, "copies share frames until one side writes, down to the last reference, which needs no copy")
{
	struct as *as[4] = { NULL };
	struct as_fault_counts before, after;

	for (size_t i = 0; i < 4; i++)
		NEED((as[i] = test_as_create(FRAME_ATOMIC)) != NULL);
	NEED(make(as[0], FIRST, 100, AS_WRITE) == EOK);
	NEED(store(as[0], FIRST, 1) && store(as[0], FIRST + PAGES(99), 2));
	for (size_t i = 1; i < 4; i++)
		NEED(give(as[i - 1], AS_COPY, as[i], AS_WRITE) == EOK);
	for (size_t i = 1; i < 4; i++)
		CHECK_EQ(frame_at(as[i], FIRST), frame_at(as[0], FIRST));
	CHECK_EQ(frame_reference_count(frame_at(as[0], FIRST)), 4);
	CHECK_EQ(as_check(), 0);
	as_fault_get_counts(&before);
	for (size_t i = 0; i < 4; i++) {
		NEED(store(as[i], FIRST, (uint8_t) (10 + i)));
		CHECK_EQ(frame_reference_count(frame_at(as[i], FIRST)), 1);
	}
	as_fault_get_counts(&after);
	CHECK_EQ(after.copied - before.copied, 3);
	for (size_t i = 0; i < 4; i++) {
		CHECK_EQ(load(as[i], FIRST), 10 + i);
		CHECK_EQ(load(as[i], FIRST + PAGES(99)), 2);
		NEED(load(as[i], FIRST + PAGES(50)) == 0);
	}
	CHECK_EQ(as_area_destroy(as[0], FIRST), EOK);
	CHECK_EQ(as_area_resize(as[1], FIRST, PAGES(99), FRAME_ATOMIC), EOK);
	CHECK_EQ(frame_reference_count(frame_at(as[2], FIRST + PAGES(99))), 2);
	CHECK_EQ(load(as[3], FIRST + PAGES(99)), 2);
	CHECK_EQ(as_check(), 0);
}

/* More than twice the frames that are noted on the stack (BATCH of as_pages.c), so that some are noted elsewhere. */
#define BATCHES 200

static uint8_t mark_of(size_t page)
{
	return (uint8_t) (1 + page % 255);
}

static void start_cpu(void *argument)
{
	(void) argument;
}

TEST(as_cow_batches, "a large area that goes leaves its copy as it was: no frame that both have is used for anything",
	.threads = true, .plain_only = "its thread may not be refused", .frames = 3 * BATCHES)
{
	struct as *one = test_as_create(FRAME_ATOMIC), *two = test_as_create(FRAME_ATOMIC);
	size_t changed = 0;

	test_thread_join(test_thread_start("other", start_cpu, NULL)); /* on the host: from now on there are two CPUs */
	NEED(one != NULL && two != NULL && make(one, FIRST, BATCHES, AS_WRITE) == EOK);
	for (size_t i = 0; i < BATCHES; i++)
		NEED(store(one, FIRST + PAGES(i), mark_of(i)));
	NEED(give(one, AS_COPY, two, AS_WRITE) == EOK);
	CHECK_EQ(as_area_destroy(one, FIRST), EOK);
	for (size_t i = 0; i < BATCHES; i++) {
		CHECK_EQ(frame_reference_count(frame_at(two, FIRST + PAGES(i))), 1);
		changed += load(two, FIRST + PAGES(i)) != mark_of(i);
	}
	CHECK_EQ(changed, 0);
	CHECK_EQ(as_check(), 0);
}

TEST(as_cow_rights, "a page that is shared is not written through rights that come later")
{
	struct as *one = test_as_create(FRAME_ATOMIC), *two = test_as_create(FRAME_ATOMIC);

	NEED(one != NULL && two != NULL && make(one, FIRST, 4, AS_WRITE) == EOK);
	NEED(store(one, FIRST, 1) && give(one, AS_COPY, two, 0) == EOK);
	CHECK(!store(two, FIRST, 2));
	CHECK_EQ(as_area_change_flags(one, FIRST, 0), EOK);
	CHECK_EQ(as_area_change_flags(one, FIRST, AS_WRITE), EOK);
	CHECK_EQ(as_area_change_flags(two, FIRST, AS_WRITE), EOK);
	NEED(store(two, FIRST, 3));
	CHECK_EQ(load(one, FIRST), 1);
	NEED(store(one, FIRST, 4));
	CHECK_EQ(load(two, FIRST), 3);
	CHECK_EQ(as_check(), 0);
}

TEST(as_cow_promise, "copies of a promised area are promised, and every page can be written though all memory is gone")
{
	struct as *one = test_as_create(FRAME_ATOMIC), *two = test_as_create(FRAME_ATOMIC);
	size_t promised = frames_promised();

	NEED(one != NULL && two != NULL && make(one, FIRST, 16, AS_WRITE | AS_RESERVE) == EOK);
	for (size_t i = 0; i < 8; i++)
		NEED(store(one, FIRST + PAGES(i), 1));
	NEED(give(one, AS_COPY, two, AS_WRITE | AS_RESERVE) == EOK);
	CHECK_EQ(frames_promised(), promised + 32);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	for (size_t i = 0; i < 16; i++)
		NEED(store(one, FIRST + PAGES(i), 2) && store(two, FIRST + PAGES(i), 3));
	CHECK_EQ(as_check(), 0);
	test_free_all_frames();
	CHECK_EQ(frames_promised(), promised);
	for (size_t i = 0; i < 16; i++)
		CHECK(load(one, FIRST + PAGES(i)) == 2 && load(two, FIRST + PAGES(i)) == 3);
}

TEST(as_cow_and_share, "a copy of shared memory is a copy, and a copy that is then shared parts from its origin")
{
	struct as *as[4] = { NULL };

	for (size_t i = 0; i < 4; i++)
		NEED((as[i] = test_as_create(FRAME_ATOMIC)) != NULL);
	NEED(make(as[0], FIRST, 8, AS_WRITE) == EOK && store(as[0], FIRST, 1) && store(as[0], FIRST + PAGES(7), 7));
	NEED(give(as[0], AS_COPY, as[1], AS_WRITE) == EOK);
	NEED(give(as[1], AS_SHARE, as[2], AS_WRITE) == EOK);
	NEED(give(as[2], AS_COPY, as[3], AS_WRITE) == EOK);
	NEED(store(as[2], FIRST, 2));
	NEED(load(as[1], FIRST) == 2);
	CHECK_EQ(load(as[0], FIRST), 1);
	CHECK_EQ(load(as[3], FIRST), 1);
	NEED(store(as[0], FIRST + PAGES(7), 8));
	for (size_t i = 1; i < 4; i++)
		NEED(load(as[i], FIRST + PAGES(7)) == 7);
	CHECK_EQ(as_check(), 0);
}

TEST(as_share_image, "a file nobody may write is shared in place and stays so; one that is written is one memory")
{
	struct as *one = test_as_create(FRAME_ATOMIC), *two = test_as_create(FRAME_ATOMIC);
	struct as_area_request request = { .backend = AS_IMAGE, .va = FIRST, .size = PAGES(2), .file_size = PAGES(2) };
	uintptr_t at;

	NEED(one != NULL && two != NULL && (request.base = test_frame_alloc(2, FRAME_ATOMIC | FRAME_ZERO, 0)) != 0);
	NEED(as_area_create(one, &request, FRAME_ATOMIC, &at) == EOK && load(one, FIRST) == 0);
	NEED(give(one, AS_SHARE, two, AS_EXEC) == EOK && load(two, FIRST) == 0 && load(two, FIRST + PAGES(1)) == 0);
	CHECK_EQ(frame_at(one, FIRST), request.base);
	CHECK_EQ(frame_at(two, FIRST + PAGES(1)), request.base + PAGES(1));
	CHECK_EQ(as_area_change_flags(two, FIRST, AS_WRITE), EBUSY);
	CHECK_EQ(as_check(), 0);
	CHECK_EQ(as_area_destroy(one, FIRST), EOK);
	CHECK_EQ(as_area_destroy(two, FIRST), EOK);
	request.flags = AS_WRITE;
	NEED(as_area_create(one, &request, FRAME_ATOMIC, &at) == EOK && load(one, FIRST) == 0);
	NEED(store(one, FIRST + PAGES(1), 5));
	NEED(give(one, AS_SHARE, two, AS_WRITE) == EOK);
	NEED(store(two, FIRST, 6) && load(one, FIRST) == 6 && load(two, FIRST + PAGES(1)) == 5);
	CHECK_EQ(*(uint8_t *) PA2KA(request.base), 0);
	CHECK_EQ(as_check(), 0);
	NEED(as_area_share(one, FIRST, AS_COPY, one, 0, AS_WRITE | AS_ANYWHERE, FRAME_ATOMIC, &at) == EOK);
	NEED(store(one, at, 7));
	CHECK_EQ(load(one, FIRST), 6);
}

/* A file of two pages, in an area that may be written; the first page is read, then written. */
static bool write_file(struct as *as, uint8_t byte)
{
	struct as_area_request request = {
		.backend = AS_IMAGE, .va = FIRST, .size = PAGES(3), .flags = AS_WRITE, .file_size = PAGES(2) + 9
	};
	uintptr_t at;

	NEED_OR(as != NULL && (request.base = test_frame_alloc(3, FRAME_ATOMIC | FRAME_ZERO, 0)) != 0, false);
	__builtin_memset((void *) PA2KA(request.base), 1, PAGES(3));
	NEED_OR(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK && load(as, FIRST) == 1, false);
	NEED_OR(store(as, FIRST, byte) && as_area_change_flags(as, FIRST, 0) == EOK, false);
	return true;
}

TEST(as_share_written_file, "a file that was written and is read only by now is shared, and copied, as it was written")
{
	struct as *one = test_as_create(FRAME_ATOMIC), *two = test_as_create(FRAME_ATOMIC);
	struct as *three = test_as_create(FRAME_ATOMIC);

	NEED(one != NULL && two != NULL && three != NULL && write_file(one, 7));
	NEED(give(one, AS_SHARE, two, 0) == EOK);
	NEED(load(one, FIRST) == 7 && load(one, FIRST + PAGES(1)) == 1);
	NEED(load(two, FIRST) == 7 && load(two, FIRST + PAGES(1)) == 1);
	NEED(load(two, FIRST + PAGES(2) + 8) == 1 && load(two, FIRST + PAGES(2) + 9) == 0);
	CHECK_EQ(frame_at(one, FIRST), frame_at(two, FIRST));
	CHECK_EQ(frame_at(one, FIRST + PAGES(1)), frame_at(two, FIRST + PAGES(1)));
	CHECK_EQ(as_check(), 0);
	CHECK_EQ(as_area_destroy(one, FIRST), EOK);
	NEED(load(two, FIRST) == 7);
	NEED(give(two, AS_COPY, three, AS_WRITE) == EOK && load(three, FIRST) == 7 && load(three, FIRST + PAGES(1)) == 1);
	NEED(store(three, FIRST + PAGES(1), 9) && load(two, FIRST + PAGES(1)) == 1);
	CHECK_EQ(as_check(), 0);
}

TEST(as_share_physical, "a physical area and a guard can be shared, not copied")
{
	struct as *one = test_as_create(FRAME_ATOMIC), *two = test_as_create(FRAME_ATOMIC);
	struct as_area_request request = { .backend = AS_PHYSICAL, .va = FIRST, .size = PAGES(1), .flags = AS_WRITE };
	uintptr_t at;

	NEED(one != NULL && two != NULL && (request.base = test_frame_alloc(1, FRAME_ATOMIC | FRAME_ZERO, 0)) != 0);
	NEED(as_area_create(one, &request, FRAME_ATOMIC, &at) == EOK);
	NEED(give(one, AS_COPY, two, 0) == EINVAL);
	NEED(give(one, AS_SHARE, two, 0) == EOK);
	CHECK(store(one, FIRST, 3));
	CHECK_EQ(load(two, FIRST), 3);
	CHECK_EQ(as_area_destroy(one, FIRST), EOK);
	CHECK_EQ(load(two, FIRST), 3);
}

/* ---- the kernel part ---- */

#define SPACES 100

TEST(as_kernel_part, "what the kernel maps is seen in a hundred address spaces at once, and what it unmaps in none",
	.inject_runs = 8)
{
	static struct as *as[SPACES];
	phys_t pa, frame, roots[2];
	uintptr_t va;

	for (size_t i = 0; i < SPACES; i++)
		NEED((as[i] = test_as_create(FRAME_ATOMIC)) != NULL);
	NEED((frame = test_frame_alloc(1, FRAME_ATOMIC | FRAME_ZERO, 0)) != 0);
	NEED(test_km_map(frame, PAGE_SIZE, PAGE_READ | PAGE_WRITE, FRAME_ATOMIC, &va) == EOK);
	*(uint8_t *) PA2KA(frame) = 77;
	roots[0] = page_root_current();
	for (size_t i = 0; i < SPACES; i++) {
		test_as_borrow(as[i]);
		CHECK(page_translate(as_page_table(as[i]), va, &pa) && pa == frame);
		if (!test_on_host)
			CHECK_EQ(*(volatile uint8_t *) va, 77);
		roots[1] = page_root_current();
		CHECK_NE(roots[0], roots[1]);
		roots[0] = roots[1];
	}
	test_as_borrow(NULL);
	test_km_unmap(va, PAGE_SIZE);
	for (size_t i = 0; i < SPACES; i++)
		CHECK(!page_translate(as_page_table(as[i]), va, &pa));
}

/* ---- several threads ---- */

#define THREADS 4

static struct {
	struct as *as;
	struct test_barrier start;
	bool stop;
	size_t faults[AS_FAULT_RESULTS];
} race;

static void fault_loop(void *argument)
{
	struct test_random random = TEST_RANDOM(test_seed() + (uintptr_t) argument);

	test_barrier_wait(&race.start);
	do {
		uintptr_t va = FIRST + PAGES(test_random_below(&random, 8));
		unsigned access = test_random_below(&random, 2) != 0 ? AS_ACCESS_WRITE : AS_ACCESS_READ;
		enum as_fault_result result = as_page_fault(race.as, va, access, 0);
		uint8_t byte = 1;

		__atomic_fetch_add(&race.faults[result], 1, __ATOMIC_RELAXED);
		(void) !as_copy_out(race.as, va, &byte, 1, FRAME_ATOMIC);
		test_yield();
	} while (!__atomic_load_n(&race.stop, __ATOMIC_ACQUIRE));
}

TEST(as_fault_and_destroy,
	"faults in an area while it is made and destroyed are resolved or refused, and nothing leaks", .threads = true,
	.plain_only = "what its threads ask for is not in order")
{
	struct test_thread *threads[THREADS];

	__builtin_memset(&race, 0, sizeof race);
	race.as = test_as_create(0);
	test_barrier_init(&race.start, THREADS + 1);
	for (size_t i = 0; i < THREADS; i++)
		threads[i] = test_thread_start("fault", fault_loop, (void *) i);
	test_barrier_wait(&race.start);
	for (size_t i = 0; i < 300; i++) {
		CHECK_EQ(make(race.as, FIRST, 8, AS_WRITE | (i % 3 == 0 ? AS_RESERVE : 0)), EOK);
		test_yield();
		CHECK_EQ(as_area_change_flags(race.as, FIRST, 0), EOK);
		CHECK_EQ(as_area_resize(race.as, FIRST, PAGES(4), FRAME_ATOMIC), EOK);
		test_yield();
		CHECK_EQ(as_area_destroy(race.as, FIRST), EOK);
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELEASE);
	for (size_t i = 0; i < THREADS; i++)
		test_thread_join(threads[i]);
	CHECK_EQ(race.faults[AS_FAULT_KILLED] + race.faults[AS_FAULT_DEFERRED], 0);
	CHECK_GE(race.faults[AS_FAULT_REFUSED] + race.faults[AS_FAULT_OK], THREADS);
	CHECK_EQ(as_check(), 0);
}

static struct {
	struct as *as[2];
	struct test_barrier start;
} family;

static void copy_loop(void *argument)
{
	size_t side = (uintptr_t) argument;
	struct as *mine = family.as[side], *other = family.as[1 - side];
	uintptr_t at;

	test_barrier_wait(&family.start);
	for (size_t i = 0; i < 100; i++) {
		uint8_t byte = (uint8_t) i;

		CHECK_EQ(as_copy_out(mine, FIRST, &byte, 1, 0), EOK);
		CHECK_EQ(as_area_share(mine, FIRST, AS_COPY, other, 0, AS_WRITE | AS_ANYWHERE, 0, &at), EOK);
		CHECK_EQ(as_copy_in(other, &byte, at, 1, 0), EOK);
		CHECK_EQ(byte, (uint8_t) i);
		CHECK_EQ(as_area_destroy(other, at), EOK);
	}
}

TEST(as_copy_both_ways,
	"two threads copy areas both ways between two address spaces at once, and neither waits for ever", .threads = true,
	.plain_only = "its threads may not be refused")
{
	struct test_thread *threads[2];

	for (size_t i = 0; i < 2; i++) {
		family.as[i] = test_as_create(0);
		CHECK_EQ(make(family.as[i], FIRST, 4, AS_WRITE), EOK);
	}
	test_barrier_init(&family.start, 2);
	for (size_t i = 0; i < 2; i++)
		threads[i] = test_thread_start("copy", copy_loop, (void *) i);
	for (size_t i = 0; i < 2; i++)
		test_thread_join(threads[i]);
	CHECK_EQ(as_check(), 0);
}
