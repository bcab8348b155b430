/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Identifiers of address spaces, few and many, far past their end; and who is
 * asked to drop translations, with threads as CPUs. With a TLB that drops
 * nothing the same loads must show what is stale.
 *
 * With two and three levels of page tables the host has no identifiers: then the
 * same is shown without them.
 */

#include <arch/host.h>
#include <mm/tlb.h>

#include "../kernel/test/shootdown.h"
#include "../kernel/test/test_internal.h"

#define SPACES 1000
#define SWITCHES 100000

/* Few, some and many. If CPUs share them there are more than CPUs. */
static const unsigned counts[] = { ASIDS_SHARED ? CONFIG_MAX_CPUS + 2 : 2, ASIDS_SHARED ? 128 : 16, 256 };

/* Cases for each number of identifiers, or one without any. */
#define ROUNDS (ASIDS_MOST == 1 ? 1 : ARRAY_COUNT(counts))

static void identifiers(size_t round)
{
	if (ASIDS_MOST > 1)
		host_asids_set(counts[round]);
}

static size_t generations(void)
{
	struct asid_info info = { 0 };

	if (ASIDS_MOST > 1)
		asid_get_info(&info);
	return info.generations;
}

TEST(asid_exhausted, "1,000 address spaces and 100,000 switches with few and many identifiers: each reads its own",
	.host_only = "its TLB has as many identifiers as it is told", .frames = 6000, .plain_only = "it would take long")
{
	for (size_t round = 0; round < ROUNDS; round++) {
		size_t before = generations();
		size_t wrong;

		identifiers(round);
		wrong = shootdown_switch(SPACES, SWITCHES / ROUNDS);
		NEED(wrong != SIZE_MAX);
		CHECK_EQ(wrong, 0);
		if (ASIDS_MOST > 1)
			CHECK_GT(generations() - before, SWITCHES / ROUNDS / counts[round] / 2);
		ledger_settle();
	}
}

TEST(asid_exhausted_deaf, "with a TLB that does not drop a generation the same reads what is another's",
	.host_only = "its TLB can be deaf", .plain_only = "what it reads is wrong anyway")
{
	for (size_t round = 0; round < ROUNDS; round++) {
		size_t wrong;

		identifiers(round);
		host_tlb_deafen(true);
		wrong = shootdown_switch(300, 1000);
		host_tlb_deafen(false);
		NEED(wrong != SIZE_MAX);
		CHECK_GT(wrong, 0);
		ledger_settle();
	}
}

TEST(asid_storm, "with few and many identifiers nothing stale is seen while pages are unmapped, protected and replaced",
	.host_only = "its TLB has as many identifiers as it is told", .threads = true,
	.plain_only = "its threads may not be refused")
{
	for (size_t round = 0; round < ROUNDS; round++) {
		struct storm_result result;

		identifiers(round);
		result = shootdown_storm(200, false);
		CHECK_GT(result.reads, 0);
		CHECK_EQ(result.stale, 0);
		CHECK_EQ(result.written_through, 0);
		ledger_settle();
	}
}

#define STAY_AT ((uintptr_t) USER_START + MiB(4))

/* Makes two address spaces, with a page each at the same address. @return whether there was memory */
static bool two_spaces(struct page_table *tables[2], phys_t frames[2])
{
	for (size_t i = 0; i < 2; i++) {
		frames[i] = test_frame_alloc(1, FRAME_ATOMIC, 0);
		tables[i] = frames[i] != 0 ? page_table_create(FRAME_ATOMIC) : NULL;
		if (tables[i] == NULL ||
			page_mapping_insert(tables[i], STAY_AT, frames[i], 1, PAGE_READ | PAGE_USER, FRAME_ATOMIC) != EOK)
			return false;
		*(uint8_t *) PA2KA(frames[i]) = (uint8_t) (i + 1);
	}
	return true;
}

static void spaces_end(struct page_table *tables[2])
{
	host_tlb_use(&page_kernel);
	for (size_t i = 0; i < 2; i++)
		if (tables[i] != NULL)
			page_table_destroy(tables[i]);
	tlb_invalidate_all(); /* before the frames are freed */
}

TEST(asid_kept, "an address space that has an identifier goes on under it, and takes no other",
	.host_only = "its TLB has as many identifiers as it is told")
{
	struct page_table *tables[2] = { NULL, NULL };
	struct asid_info before = { 0 }, after = { 0 };
	phys_t frames[2];
	bool there;

	if (ASIDS_MOST == 1)
		SKIP("there are no identifiers");
	identifiers(2);
	there = two_spaces(tables, frames);
	for (size_t i = 0; there && i < 200; i++) {
		if (i == 2)
			asid_get_info(&before);
		host_tlb_use(tables[i % 2]);
	}
	asid_get_info(&after);
	spaces_end(tables);
	NEED(there);
	CHECK_LE(after.generations - before.generations, 1); /* it may have been near its end */
	CHECK_LE(after.in_use, before.in_use + 2);
}

static size_t looked_ahead;

/* What code has not come to yet is looked up already. */
static void look_ahead(void)
{
	uint8_t byte;

	looked_ahead++;
	(void) host_load(STAY_AT, &byte);
}

TEST(asid_look_ahead, "what a CPU looks up ahead of a switch does not come to be under another's identifier",
	.host_only = "it looks ahead where it is told to")
{
	struct page_table *tables[2] = { NULL, NULL };
	size_t wrong = 0;
	phys_t frames[2];
	bool there;

	if (ASIDS_MOST == 1)
		SKIP("there are no identifiers");
	identifiers(0);
	there = two_spaces(tables, frames);
	looked_ahead = 0;
	__atomic_store_n(&host_asids_hook, look_ahead, __ATOMIC_RELAXED);
	for (size_t i = 0; there && i < 100; i++) {
		uint8_t byte = 0;

		host_tlb_use(tables[i % 2]);
		wrong += !host_load(STAY_AT, &byte) || byte != i % 2 + 1;
	}
	__atomic_store_n(&host_asids_hook, NULL, __ATOMIC_RELAXED);
	spaces_end(tables);
	NEED(there);
	CHECK_EQ(wrong, 0);
	if (!ASIDS_SHARED) /* of these there are always enough for two */
		CHECK_GT(looked_ahead, 10);
}

/* ---- an identifier that was in use when a generation began (genarch/asid_shared, "In use") ---- */

/* More page tables than there are identifiers; and two for the CPU that goes on when a generation begins. */
#define LEFT_TABLES (CONFIG_MAX_CPUS + 4)
#define LEFT_ALL (LEFT_TABLES + 2)

static struct left {
	struct page_table *tables[LEFT_ALL];
	phys_t frames[LEFT_ALL];
	uintptr_t step; /* what was done last */
} left;

enum { LEFT_NOTHING, LEFT_RUNS, LEFT_BEGUN, LEFT_LEFT, LEFT_OVER };

static void left_step(uintptr_t step)
{
	__atomic_store_n(&left.step, step, __ATOMIC_RELEASE);
}

static void left_wait(uintptr_t step)
{
	while (__atomic_load_n(&left.step, __ATOMIC_ACQUIRE) != step)
		port_relax();
}

/* Whether the CPU, in this page table, reads what stands in its own frame. */
static bool left_reads(size_t number, uintptr_t va)
{
	uint8_t byte = 0;

	host_tlb_use(left.tables[number]);
	return host_load(va, &byte) && byte == (uint8_t) (number + 1);
}

static void left_main(void *argument)
{
	size_t *wrong = argument;

	*wrong += !left_reads(LEFT_TABLES, STAY_AT);
	left_step(LEFT_RUNS);
	left_wait(LEFT_BEGUN);
	*wrong += !left_reads(LEFT_TABLES, STAY_AT + PAGE_SIZE); /* it fills the cache, under what it has still */
	*wrong += !left_reads(LEFT_TABLES + 1, STAY_AT);
	left_step(LEFT_LEFT);
	left_wait(LEFT_OVER);
	host_tlb_use(&page_kernel);
}

static bool left_prepare(void)
{
	for (size_t i = 0; i < LEFT_ALL; i++) {
		left.frames[i] = test_frame_alloc(1, FRAME_ATOMIC, 0);
		left.tables[i] = left.frames[i] != 0 ? page_table_create(FRAME_ATOMIC) : NULL;
		if (left.tables[i] == NULL)
			return false;
		*(uint8_t *) PA2KA(left.frames[i]) = (uint8_t) (i + 1);
		for (uintptr_t va = STAY_AT; va <= STAY_AT + PAGE_SIZE; va += PAGE_SIZE)
			if (page_mapping_insert(left.tables[i], va, left.frames[i], 1, PAGE_READ | PAGE_USER, FRAME_ATOMIC) != EOK)
				return false;
	}
	return true;
}

static size_t in_use(void)
{
	struct asid_info info;

	asid_get_info(&info);
	return info.in_use;
}

static size_t left_run(void)
{
	struct test_thread *thread;
	size_t wrong = 0, wrong_there = 0, number = 0, before;

	/* The other CPU's identifier is not one of the first. */
	while (in_use() < 8 || in_use() > 30)
		wrong += !left_reads(number++ % LEFT_TABLES, STAY_AT);
	thread = test_thread_start("left", left_main, &wrong_there);
	left_wait(LEFT_RUNS);
	for (before = generations(); generations() == before;)
		wrong += !left_reads(number++ % LEFT_TABLES, STAY_AT);
	left_step(LEFT_BEGUN);
	left_wait(LEFT_LEFT);
	for (size_t i = 0; i < LEFT_TABLES; i++)
		wrong += !left_reads(number++ % LEFT_TABLES, STAY_AT + PAGE_SIZE);
	left_step(LEFT_OVER);
	test_thread_join(thread);
	return wrong + wrong_there;
}

TEST(asid_left, "what a CPU looks up under an identifier that it keeps in a new generation is found by no other owner",
	.host_only = "its CPUs share a cache", .threads = true, .frames = 2000,
	.plain_only = "its thread may not be refused")
{
	size_t wrong = 0;
	bool there;

	if (!TLB_CACHE)
		SKIP("CPUs share no cache");
	identifiers(0);
	left = (struct left){ .step = LEFT_NOTHING };
	there = left_prepare();
	if (there)
		wrong = left_run();
	host_tlb_use(&page_kernel);
	for (size_t i = 0; i < LEFT_ALL; i++)
		if (left.tables[i] != NULL)
			page_table_destroy(left.tables[i]);
	tlb_invalidate_all(); /* before the frames are freed */
	NEED(there);
	CHECK_EQ(wrong, 0);
}

/* A thread that stays in an address space, and reads a page before and after its area goes. */
static struct stay {
	struct as *as;
	uintptr_t step; /* what was done last */
	bool read_before, read_after;
} stay;

enum { STAY_NOTHING, STAY_READ, STAY_GONE };

static bool stay_is(uintptr_t step)
{
	return __atomic_load_n(&stay.step, __ATOMIC_ACQUIRE) == step;
}

static void stay_main(void *argument)
{
	uint8_t byte;

	(void) argument;
	test_as_borrow(stay.as);
	stay.read_before = test_user_load(STAY_AT, &byte);
	__atomic_store_n(&stay.step, STAY_READ, __ATOMIC_RELEASE);
	while (!stay_is(STAY_GONE))
		port_relax();
	stay.read_after = test_user_load(STAY_AT, &byte);
	test_as_borrow(NULL);
}

/* Lets a thread read a page, and destroys its area meanwhile. @return whether it could be read after */
static bool read_after_end(bool deaf)
{
	struct as_area_request request = { .backend = AS_ANONYMOUS, .va = STAY_AT, .size = PAGE_SIZE, .flags = AS_WRITE };
	struct test_thread *thread;
	uintptr_t at;

	stay = (struct stay){ .as = test_as_create(0) };
	CHECK_EQ(as_area_create(stay.as, &request, 0, &at), EOK);
	thread = test_thread_start("stay", stay_main, NULL);
	CHECK(test_wait_for(stay_is(STAY_READ), PATIENCE_MS));
	host_tlb_deafen(deaf);
	CHECK_EQ(as_area_destroy(stay.as, STAY_AT), EOK);
	__atomic_store_n(&stay.step, STAY_GONE, __ATOMIC_RELEASE);
	test_thread_join(thread);
	host_tlb_deafen(false);
	CHECK(stay.read_before);
	ledger_settle();
	return stay.read_after;
}

TEST(asid_stay, "who stays in an address space cannot read an area that is gone; with a TLB that drops nothing, he can",
	.host_only = "its TLBs can be deaf", .threads = true, .plain_only = "its thread may not be refused")
{
	CHECK(!read_after_end(false));
	CHECK(read_after_end(true));
}

TEST(asid_users, "only CPUs that run an address space are asked when an area goes, not those that ran it, nor others",
	.host_only = "a machine's CPUs are in machine/cpus_test.c", .threads = true,
	.plain_only = "its threads may not be refused")
{
	shootdown_users(0, 2);
	ledger_settle();
	shootdown_users(1, 1);
	ledger_settle();
	shootdown_users(5, 6);
}
