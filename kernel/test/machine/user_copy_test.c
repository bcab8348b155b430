/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Kernel threads in borrowed address spaces: copies by the CPU's own
 * translation, under real page faults.
 */

#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/thread.h>
#include <kernel/trap.h>
#include <test.h>

#define FIRST ((uintptr_t) USER_START + MiB(4))
#define PAGES(count) ((count) *PAGE_SIZE)

static errno_t make(struct as *as, size_t pages, unsigned flags)
{
	struct as_area_request request = { .backend = AS_ANONYMOUS, .va = FIRST, .size = PAGES(pages), .flags = flags };
	uintptr_t at;

	return as_area_create(as, &request, FRAME_ATOMIC, &at);
}

TEST(user_copy_pages, "copies over many pages that nobody has touched bring them in, and arrive whole")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	static uint8_t out[5 * PAGE_SIZE], in[5 * PAGE_SIZE];

	NEED(as != NULL && make(as, 8, AS_WRITE) == EOK);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t) (i * 7 + i / 251);
	test_as_borrow(as);
	NEED(user_copy_out(FIRST + 123, out, sizeof(out)) == EOK);
	NEED(user_copy_in(in, FIRST + 123, sizeof(in)) == EOK);
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
	NEED(as_copy_in(as, in, FIRST + 123, sizeof(in), FRAME_ATOMIC) == EOK);
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
}

TEST(user_copy_bad, "a copy that meets an address it may not touch ends with EFAULT, and the kernel goes on")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	uint8_t bytes[64] = { 1 };

	NEED(as != NULL && make(as, 2, AS_WRITE) == EOK);
	CHECK_EQ(user_copy_in(bytes, FIRST, 1), EFAULT); /* nothing is borrowed */
	test_as_borrow(as);
	CHECK_EQ(user_copy_in(bytes, FIRST - 32, 64), EFAULT);
	CHECK_EQ(user_copy_out(FIRST + PAGES(2) - 32, bytes, 64), EFAULT);
	CHECK_EQ(user_copy_in(bytes, 0, 1), EFAULT);
	CHECK_EQ(user_copy_in(bytes, KERNEL_START, 1), EFAULT);
	CHECK_EQ(user_copy_in(bytes, USER_LAST - 3, 64), EFAULT);
	CHECK_EQ(user_copy_in(bytes, FIRST, SIZE_MAX), EFAULT);
	CHECK_EQ(as_area_change_flags(as, FIRST, 0), EOK);
	CHECK_EQ(user_copy_out(FIRST, bytes, 1), EFAULT);
	NEED(user_copy_in(bytes, FIRST, 1) == EOK);
	CHECK_EQ(bytes[0], 0);
	CHECK(!probe_read(FIRST - 1));
	CHECK(interrupts_are_on());
}

TEST(user_copy_bounds, "a copy never reads or writes the kernel's memory, nor begins one that would come to it")
{
	static uint8_t secret = 5;
	struct as *as = test_as_create(FRAME_ATOMIC);
	struct as_area_request request = {
		.backend = AS_ANONYMOUS, .va = USER_LAST - PAGE_SIZE + 1, .size = PAGE_SIZE, .flags = AS_WRITE
	};
	uint8_t bytes[64];
	uintptr_t at;

	memset(bytes, 7, sizeof(bytes));
	NEED(as != NULL && as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	test_as_borrow(as);
	CHECK_EQ(user_copy_out((uintptr_t) &secret, bytes, 1), EFAULT);
	CHECK_EQ(secret, 5);
	CHECK_EQ(user_copy_in(bytes, (uintptr_t) &secret, 1), EFAULT);
	NEED(user_copy_out(USER_LAST - 31, bytes, 32) == EOK);
	memset(bytes, 9, sizeof(bytes));
	CHECK_EQ(user_copy_in(bytes, USER_LAST - 31, 64), EFAULT);
	CHECK_EQ(bytes[0], 9);
	CHECK_EQ(user_copy_out(USER_LAST - 31, bytes, 64), EFAULT);
	NEED(user_copy_in(bytes, USER_LAST, 1) == EOK);
	CHECK_EQ(bytes[0], 7);
}

TEST(user_copy_no_memory, "where memory is gone a copy ends with EFAULT, and succeeds when there is some again")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	uint8_t byte = 9;

	NEED(as != NULL && make(as, 2, AS_WRITE) == EOK);
	test_as_borrow(as);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	CHECK_EQ(user_copy_out(FIRST, &byte, 1), EFAULT);
	test_free_all_frames();
	NEED(user_copy_out(FIRST, &byte, 1) == EOK);
}

/* ---- threads, each in an address space of its own, all at the same addresses ---- */

#define THREADS 4
#define ROUNDS 40

static struct as *spaces[THREADS];

static void fill_and_look(void *argument)
{
	size_t number = (uintptr_t) argument;
	uintptr_t seen;

	test_as_borrow(spaces[number]);
	for (size_t round = 0; round < ROUNDS; round++) {
		user_access_begin();
		for (size_t i = 0; i < 8; i++)
			*(volatile uintptr_t *) (FIRST + PAGES(i)) = number * 1000 + round * 8 + i;
		user_access_end();
		if (round % 4 == number)
			test_sleep_ms(1);
		else
			test_yield();
		for (size_t i = 0; i < 8; i++) {
			user_access_begin();
			seen = *(volatile uintptr_t *) (FIRST + PAGES(i));
			user_access_end();
			CHECK_EQ(seen, number * 1000 + round * 8 + i);
		}
	}
	test_as_borrow(NULL);
}

TEST(user_threads, "threads that take turns each see the address space they have borrowed, at the same addresses",
	.threads = true, .plain_only = "its threads may not be refused")
{
	struct test_thread *threads[THREADS];

	for (size_t i = 0; i < THREADS; i++) {
		spaces[i] = test_as_create(0);
		CHECK_EQ(make(spaces[i], 8, AS_WRITE), EOK);
	}
	for (size_t i = 0; i < THREADS; i++)
		threads[i] = test_thread_start("user", fill_and_look, (void *) i);
	for (size_t i = 0; i < THREADS; i++)
		test_thread_join(threads[i]);
	CHECK_EQ(as_check(), 0);
}

/* ---- one address space, several threads ---- */

static struct {
	struct as *as;
	struct test_barrier start;
	bool stop;
	size_t copied, refused;
} race;

static void copy_loop(void *argument)
{
	struct test_random random = TEST_RANDOM(1 + (uintptr_t) argument);
	uint8_t bytes[32] = { 0 };

	test_as_borrow(race.as);
	test_barrier_wait(&race.start);
	while (!__atomic_load_n(&race.stop, __ATOMIC_ACQUIRE)) {
		uintptr_t va = FIRST + test_random_below(&random, PAGES(8));
		errno_t error = (test_random_below(&random, 2) != 0) ? user_copy_in(bytes, va, sizeof(bytes))
															 : user_copy_out(va, bytes, sizeof(bytes));

		__atomic_fetch_add((error == EOK) ? &race.copied : &race.refused, 1, __ATOMIC_RELAXED);
		test_yield();
	}
	test_as_borrow(NULL);
}

TEST(user_copy_and_destroy,
	"copies in an area while it is made, changed and destroyed succeed or fail, and touch no other memory",
	.threads = true, .plain_only = "its threads may not be refused")
{
	struct test_thread *threads[THREADS];

	race.stop = false;
	race.copied = race.refused = 0;
	race.as = test_as_create(0);
	test_barrier_init(&race.start, THREADS + 1);
	for (size_t i = 0; i < THREADS; i++)
		threads[i] = test_thread_start("copy", copy_loop, (void *) i);
	test_barrier_wait(&race.start);
	for (size_t i = 0; i < 200; i++) {
		CHECK_EQ(make(race.as, 8, AS_WRITE), EOK);
		test_yield();
		CHECK_EQ(as_area_change_flags(race.as, FIRST, 0), EOK);
		test_yield();
		CHECK_EQ(as_area_destroy(race.as, FIRST), EOK);
	}
	__atomic_store_n(&race.stop, true, __ATOMIC_RELEASE);
	for (size_t i = 0; i < THREADS; i++)
		test_thread_join(threads[i]);
	CHECK_GT(race.copied + race.refused, 0);
	CHECK_EQ(as_check(), 0);
}
