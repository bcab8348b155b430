/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The loads of shootdown.h.
 */

#include <mm/tlb.h>

#include "shootdown.h"

#define FIRST ((uintptr_t) USER_START + MiB(4))
#define AT(page) (FIRST + (page) *PAGE_SIZE)

static errno_t make(struct as *as, uintptr_t va, size_t pages)
{
	struct as_area_request request = {
		.backend = AS_ANONYMOUS, .va = va, .size = pages * PAGE_SIZE, .flags = AS_WRITE
	};
	uintptr_t at;

	return as_area_create(as, &request, FRAME_ATOMIC, &at);
}

static bool is_over(const uintptr_t *stop)
{
	return __atomic_load_n(stop, __ATOMIC_ACQUIRE) != 0;
}

/* ---- switching ---- */

#define SPACES_MOST 1000

static struct as *many[SPACES_MOST];

/* A value of two bytes, at the ends of a page. */
static bool value_put(struct as *as, size_t value)
{
	uint8_t low = (uint8_t) value, high = (uint8_t) (value >> 8);

	return as_copy_out(as, FIRST, &low, 1, FRAME_ATOMIC) == EOK &&
		as_copy_out(as, FIRST + PAGE_SIZE - 1, &high, 1, FRAME_ATOMIC) == EOK;
}

static bool value_is(size_t value)
{
	uint8_t low = 0, high = 0;

	return test_user_load(FIRST, &low) && test_user_load(FIRST + PAGE_SIZE - 1, &high) &&
		low + ((size_t) high << 8) == value;
}

size_t shootdown_switch(size_t spaces, size_t switches)
{
	struct test_random random = TEST_RANDOM(test_seed());
	size_t wrong = 0;

	for (size_t i = 0; i < spaces; i++) {
		NEED_OR((many[i] = test_as_create(FRAME_ATOMIC)) != NULL, SIZE_MAX);
		NEED_OR(make(many[i], FIRST, 1) == EOK && value_put(many[i], i), SIZE_MAX);
	}
	for (size_t i = 0; i < switches; i++) {
		size_t chosen = test_random_below(&random, spaces);

		test_as_borrow(many[chosen]);
		wrong += !value_is(chosen);
	}
	test_as_borrow(NULL);
	return wrong;
}

/* ---- the storm ---- */

#define SPACES 6
#define PAGES 16
#define STAY_MOST 500 /* uses of pages from switch to switch */
#define WORKERS 3
#define CHANGERS 2 /* each has the areas of some address spaces to itself */

static struct storm {
	struct as *spaces[SPACES];
	uintptr_t stop;
	size_t rounds;
	bool only_read;
	struct storm_result result;
} storm;

/* What may stand in a page: zero, or its mark in one of two versions. */
static uint8_t mark(size_t space, size_t page, unsigned version)
{
	return (uint8_t) (1 + (space * PAGES + page) * 2 + version);
}

static bool is_mark(uint8_t byte, size_t space, size_t page)
{
	return byte == 0 || byte == mark(space, page, 0) || byte == mark(space, page, 1);
}

static void use_page(struct test_random *random, size_t space)
{
	size_t page = test_random_below(random, PAGES);
	uint8_t byte;

	if (test_user_load(AT(page), &byte)) {
		__atomic_fetch_add(&storm.result.reads, 1, __ATOMIC_RELAXED);
		if (!is_mark(byte, space, page))
			__atomic_fetch_add(&storm.result.stale, 1, __ATOMIC_RELAXED);
	}
	if (!storm.only_read && test_random_below(random, 2) != 0)
		(void) !test_user_store(AT(page), mark(space, page, (unsigned) test_random_below(random, 2)));
}

static void storm_worker(void *argument)
{
	struct test_random random = TEST_RANDOM(test_seed() + (uintptr_t) argument);

	while (!is_over(&storm.stop)) {
		size_t space = test_random_below(&random, SPACES);

		test_as_borrow(storm.spaces[space]);
		for (size_t stay = test_random_below(&random, STAY_MOST); stay > 0; stay--)
			use_page(&random, space);
		test_yield();
	}
	test_as_borrow(NULL);
}

static void area_fill(size_t space)
{
	for (size_t page = 0; page < PAGES; page++) {
		uint8_t byte = mark(space, page, 0);

		if (storm.only_read)
			CHECK_EQ(as_copy_out(storm.spaces[space], AT(page), &byte, 1, 0), EOK);
	}
}

static void area_remake(size_t space)
{
	CHECK_EQ(as_area_destroy(storm.spaces[space], FIRST), EOK);
	CHECK_EQ(make(storm.spaces[space], FIRST, PAGES), EOK);
	area_fill(space);
}

static void area_resize(size_t space)
{
	CHECK_EQ(as_area_resize(storm.spaces[space], FIRST, PAGES / 2 * PAGE_SIZE, 0), EOK);
	test_yield();
	CHECK_EQ(as_area_resize(storm.spaces[space], FIRST, PAGES * PAGE_SIZE, 0), EOK);
	area_fill(space);
}

static uint8_t byte_at(size_t page)
{
	uint8_t byte = 0;

	return test_user_load(AT(page), &byte) ? byte : 0;
}

static void area_protect(size_t space)
{
	uint8_t before[PAGES];

	test_as_borrow(storm.spaces[space]);
	CHECK_EQ(as_area_change_flags(storm.spaces[space], FIRST, 0), EOK);
	for (size_t page = 0; page < PAGES; page++)
		before[page] = byte_at(page);
	test_yield();
	for (size_t page = 0; page < PAGES; page++)
		if (byte_at(page) != before[page])
			__atomic_fetch_add(&storm.result.written_through, 1, __ATOMIC_RELAXED);
	CHECK_EQ(as_area_change_flags(storm.spaces[space], FIRST, AS_WRITE), EOK);
	test_as_borrow(NULL);
}

/* A copy keeps what stood there, whatever is written to the origin after. */
static void area_copy(size_t space, struct as *aside)
{
	uint8_t bytes[2][PAGES];
	uintptr_t at;

	CHECK_EQ(as_area_share(storm.spaces[space], FIRST, AS_COPY, aside, FIRST, AS_WRITE, 0, &at), EOK);
	for (size_t i = 0; i < 2; i++) {
		for (size_t page = 0; page < PAGES; page++)
			CHECK_EQ(as_copy_in(aside, &bytes[i][page], AT(page), 1, 0), EOK);
		test_yield();
	}
	for (size_t page = 0; page < PAGES; page++)
		if (bytes[0][page] != bytes[1][page] || !is_mark(bytes[0][page], space, page))
			__atomic_fetch_add(&storm.result.written_through, 1, __ATOMIC_RELAXED);
	CHECK_EQ(as_area_destroy(aside, FIRST), EOK);
}

static void storm_changer(void *argument)
{
	size_t number = (uintptr_t) argument;
	struct test_random random = TEST_RANDOM(test_seed() + 100 + number);
	struct as *aside = as_create(0);

	for (size_t i = 0; i < storm.rounds; i++) {
		size_t space = number + CHANGERS * test_random_below(&random, SPACES / CHANGERS);

		switch (storm.only_read ? test_random_below(&random, 2) : test_random_below(&random, 4)) {
		case 0:
			area_remake(space);
			break;
		case 1:
			area_resize(space);
			break;
		case 2:
			area_protect(space);
			break;
		default:
			area_copy(space, aside);
			break;
		}
		test_yield();
	}
	as_release(aside);
}

struct storm_result shootdown_storm(size_t rounds, bool only_read)
{
	struct test_thread *threads[WORKERS + CHANGERS];

	storm = (struct storm){ .rounds = rounds, .only_read = only_read };
	for (size_t i = 0; i < SPACES; i++) {
		storm.spaces[i] = test_as_create(0);
		CHECK_EQ(make(storm.spaces[i], FIRST, PAGES), EOK);
		area_fill(i);
	}
	for (size_t i = 0; i < CHANGERS; i++)
		threads[i] = test_thread_start("changer", storm_changer, (void *) i);
	for (size_t i = CHANGERS; i < CHANGERS + WORKERS; i++)
		threads[i] = test_thread_start("worker", storm_worker, (void *) i);
	for (size_t i = 0; i < WORKERS + CHANGERS; i++) {
		if (i == CHANGERS)
			__atomic_store_n(&storm.stop, 1, __ATOMIC_RELEASE);
		test_thread_join(threads[i]);
	}
	CHECK_EQ(as_check(), 0);
	return storm.result;
}

/* ---- who is asked ---- */

#define USERS 16
#define LARGE 200 /* pages: two batches of frames (generic/as_pages.c) */
#define REQUESTS 2

enum user_state { USER_COMING, USER_READY };

static struct user {
	struct as *as;
	bool stays; /* in the address space; otherwise it leaves it */
	unsigned cpu;
	uintptr_t state;
	bool reads; /* after the end of the area */
	struct test_thread *thread;
} users[USERS];

static uintptr_t users_stop;

static unsigned cpu_here(void)
{
	port_irq_t irq = port_irq_save();
	unsigned cpu = port_cpu();

	port_irq_restore(irq);
	return cpu;
}

static void user_main(void *argument)
{
	struct user *self = argument;
	uint8_t byte;

	test_as_borrow(self->as);
	for (size_t page = 0; page < LARGE; page++)
		(void) !test_user_load(AT(page), &byte);
	if (!self->stays)
		test_as_borrow(NULL);
	while (!is_over(&users_stop)) {
		__atomic_store_n(&self->cpu, cpu_here(), __ATOMIC_RELAXED);
		__atomic_store_n(&self->state, USER_READY, __ATOMIC_RELEASE);
		port_relax();
	}
	test_as_borrow(self->as);
	self->reads = test_user_load(AT(0), &byte);
	test_as_borrow(NULL);
}

/* Whether all are there, each on a CPU of its own. */
static bool users_apart(size_t count)
{
	uint64_t seen = (uint64_t) 1 << cpu_here();

	for (size_t i = 0; i < count; i++) {
		if (__atomic_load_n(&users[i].state, __ATOMIC_ACQUIRE) != USER_READY)
			return false;
		seen |= (uint64_t) 1 << __atomic_load_n(&users[i].cpu, __ATOMIC_RELAXED);
	}
	return test_bits(seen) == count + 1;
}

static size_t answers_of(unsigned cpu)
{
	return __atomic_load_n(&tlb_counts[cpu].answers, __ATOMIC_RELAXED);
}

static bool cpu_runs(unsigned cpu, size_t running)
{
	bool runs = false;

	for (size_t i = 0; i < running; i++)
		runs |= __atomic_load_n(&users[i].cpu, __ATOMIC_RELAXED) == cpu;
	return runs;
}

static void destroy_and_look(struct as *as, size_t running)
{
	size_t answers[CONFIG_MAX_CPUS];
	struct tlb_info before, after;

	if (TLB_BROADCAST)
		running = 0; /* nobody is asked */
	for (unsigned cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++)
		answers[cpu] = answers_of(cpu);
	tlb_get_info(&before);
	CHECK_EQ(as_area_destroy(as, FIRST), EOK);
	tlb_get_info(&after);
	CHECK_EQ(after.requests - before.requests, running != 0 ? REQUESTS : 0);
	CHECK_LE(after.interrupts - before.interrupts, running * REQUESTS);
	CHECK_EQ(after.answers - before.answers, running * REQUESTS);
	for (unsigned cpu = 0; cpu < CONFIG_MAX_CPUS; cpu++)
		CHECK_EQ(answers_of(cpu) - answers[cpu], cpu_runs(cpu, running) ? REQUESTS : 0);
}

/* An area of many pages that are touched, and a page beside it, so that no page table goes. */
static struct as *large_make(void)
{
	struct as *as = test_as_create(0);
	uint8_t byte = 1;

	CHECK_EQ(make(as, FIRST, LARGE), EOK);
	CHECK_EQ(make(as, AT(LARGE + 1), 1), EOK);
	CHECK_EQ(as_copy_out(as, AT(LARGE + 1), &byte, 1, 0), EOK);
	for (size_t page = 0; page < LARGE; page++)
		CHECK_EQ(as_copy_out(as, AT(page), &byte, 1, 0), EOK);
	return as;
}

void shootdown_users(size_t running, size_t left)
{
	struct as *as = large_make();

	__atomic_store_n(&users_stop, 0, __ATOMIC_RELEASE);
	for (size_t i = 0; i < running + left; i++) {
		users[i] = (struct user){ .as = as, .stays = i < running };
		users[i].thread = test_thread_start("user", user_main, &users[i]);
	}
	if (CHECK(test_wait_for(users_apart(running + left), PATIENCE_MS)))
		destroy_and_look(as, running);
	__atomic_store_n(&users_stop, 1, __ATOMIC_RELEASE);
	for (size_t i = 0; i < running + left; i++) {
		test_thread_join(users[i].thread);
		CHECK(!users[i].reads);
	}
}
