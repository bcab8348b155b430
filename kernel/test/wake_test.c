/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Nothing that a reclaimer could free is kept while a thread waits for memory:
 * what comes to be so after the thread has asked the reclaimers is offered, or
 * goes to the zones.
 */

#include <mm/page.h>
#include <mm/reserve.h>
#include <mm/vmem.h>
#include <test.h>

#define WAIT_MS 5000 /* longest wait for something that must happen */

static size_t reclaims;

/* The reclaimers are asked from the last one registered on: when this one is, none has been yet. */
static size_t count_reclaims(enum reclaim_strength strength, bool may_wait)
{
	(void) may_wait;
	__atomic_add_fetch(&reclaims, strength == RECLAIM_FULL, __ATOMIC_RELAXED);
	return 0;
}

/* Starts it behind this many, and lets it come to park. */
static void wait_start(struct test_reserver *waits, size_t before)
{
	static struct reclaimer reclaimer = { .name = "wake", .reclaim = count_reclaims };
	static bool registered;
	size_t asked;

	if (!registered)
		frame_reclaimer_register(&reclaimer);
	registered = true;
	asked = __atomic_load_n(&reclaims, __ATOMIC_RELAXED);
	test_reserver_start(waits, before + 1);
	if (before == 0)
		CHECK(test_wait_for(__atomic_load_n(&reclaims, __ATOMIC_RELAXED) != asked, WAIT_MS));
	test_sleep_ms(20); /* till it is through with that, and parks */
}

static void wait_end(struct test_reserver *waits)
{
	test_free_all_frames();
	test_reserver_end(waits);
}

/* ---- page tables ---- */

#define FIRST ((uintptr_t) USER_START + MiB(64))
#define APART (32 * PAGE_SIZE) /* in clusters of their own */
#define TABLE_PAGES 256

TEST(wake_page_removed, "memory of page tables is there for a thread that waits when pages were unmapped one by one",
	.threads = true, .plain_only = "the machine is emptied")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	phys_t frame = test_frame_alloc(1, FRAME_ATOMIC, 0);
	struct test_reserver waits = { .low = 2 };

	NEED(table != NULL && frame != 0);
	for (size_t i = 0; i < TABLE_PAGES; i++)
		NEED(page_mapping_insert(table, FIRST + i * APART, frame, 1, PAGE_READ | PAGE_USER, FRAME_ATOMIC) == EOK);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	wait_start(&waits, 0);
	for (size_t i = 0; i < TABLE_PAGES; i++)
		page_mapping_remove(table, FIRST + i * APART, 1);
	CHECK(test_wait_for(test_reserver_served(&waits), WAIT_MS));
	wait_end(&waits);
	page_table_destroy(table);
}

TEST(wake_large_removed, "so is what was set aside to split a large page when that is unmapped", .threads = true,
	.plain_only = "the machine is emptied")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	size_t large = PTL_COVERS(PTL_LEVELS - 2), pages = large >> PAGE_WIDTH;
	uintptr_t first = ALIGN_UP(FIRST, 64 * large);
	struct test_reserver waits = { .low = 1 };

	if (!TEST_HAS_LARGE_PAGES) {
		page_table_destroy(table);
		SKIP("there are no large pages");
	}
	for (size_t i = 0; i < 4; i++)
		NEED(page_mapping_insert(table, first + i * large, i * large, pages, PAGE_READ | PAGE_USER, FRAME_ATOMIC) ==
			EOK);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	wait_start(&waits, 0);
	for (size_t i = 0; i < 3; i++)
		page_mapping_remove(table, first + i * large, pages);
	CHECK(test_wait_for(test_reserver_served(&waits), WAIT_MS));
	wait_end(&waits);
	page_table_destroy(table);
}

#define LEFT 10

TEST(wake_insert_refused, "so is what a mapping has taken that was refused for want of memory", .threads = true,
	.plain_only = "the machine is emptied")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	struct test_reserver waits = { .low = LEFT + 2 };
	phys_t frames[2] = { test_frame_alloc(1, FRAME_ATOMIC, 0), test_frame_alloc(1, FRAME_ATOMIC, 0) };

	NEED(table != NULL && frames[0] != 0 && frames[1] != 0);
	(void) test_leave_frames(LEFT, FRAME_LOWMEM);
	wait_start(&waits, 0);
	CHECK_EQ(
		page_mapping_insert(table, FIRST, 0, 64 * 1024, PAGE_READ | PAGE_USER | PAGE_NO_LARGE, FRAME_ATOMIC), ENOMEM);
	for (size_t i = 0; i < 2; i++)
		test_frame_free(frames[i], 1);
	CHECK(test_wait_for(test_reserver_served(&waits), WAIT_MS));
	wait_end(&waits);
	page_table_destroy(table);
}

/* ---- tags ---- */

#define RANGES 200

TEST(wake_tags, "so are the tags of ranges that were freed, set aside or in a cache of ranges", .threads = true,
	.plain_only = "the machine is emptied")
{
	static struct vmem arena;
	static const struct vmem_options options = { .cached = 4 * PAGE_SIZE };
	struct test_reserver waits = { .low = frame_total(FRAME_LOWMEM) / 4 }; /* more than tags and tables come to */
	uintptr_t va[RANGES];
	size_t free;

	NEED(test_vmem_init(&arena, "wake", &options, FRAME_ATOMIC) == EOK);
	NEED(vmem_add(&arena, PAGE_SIZE, MiB(64), FRAME_ATOMIC) == EOK);
	for (size_t i = 0; i < RANGES; i++)
		NEED(vmem_alloc(&arena, (1 + i % 8) * PAGE_SIZE, FRAME_ATOMIC, &va[i]) == EOK);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	wait_start(&waits, 0);
	for (size_t i = 0; i < RANGES; i++)
		vmem_free(&arena, va[i], (1 + i % 8) * PAGE_SIZE);
	test_sleep_ms(100); /* for the thread that waits to ask, if it is woken */
	free = test_free_frames(FRAME_HIGHMEM);
	(void) frame_reclaim(RECLAIM_FULL, true);
	CHECK_EQ(test_free_frames(FRAME_HIGHMEM), free);
	wait_end(&waits);
}

/* ---- reservations ---- */

TEST(wake_reservation_taken, "a run off a reservation leaves frames of the other class to those that wait for them",
	.threads = true, .plain_only = "the machine is emptied")
{
	struct test_reserver low = { .low = 64 }, any = { .any = 1 };
	struct reservation reservation;
	phys_t base, high[8], pair = test_frame_alloc(2, FRAME_ATOMIC | FRAME_LOWMEM, 2 * PAGE_SIZE - 1);

	NEED(pair != 0);
	for (size_t i = 0; i < ARRAY_COUNT(high); i++)
		NEED((high[i] = test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0)) != 0);
	if (high[0] - IDENTITY_PHYS < IDENTITY_SIZE)
		SKIP("there are no frames without a permanent address");
	(void) test_take_all_frames(FRAME_HIGHMEM);
	for (size_t i = 0; i < ARRAY_COUNT(high); i++)
		if ((high[i] >> PAGE_WIDTH & 1) == 0)
			test_frame_free(high[i], 1);
	test_frame_free(pair, 2);
	NEED(test_free_frames(FRAME_LOWMEM) == 2 && test_free_frames(FRAME_HIGHMEM) == 6);
	NEED(reservation_try(&reservation, 0, 4) == EOK);
	wait_start(&low, 0);
	wait_start(&any, 1);
	CHECK(!test_reserver_served(&any));
	base = reservation_take(&reservation, 2, FRAME_HIGHMEM);
	CHECK_EQ(base, pair);
	CHECK(test_wait_for(test_reserver_served(&any), WAIT_MS));
	reservation_end(&reservation);
	test_free_all_frames();
	wait_end(&any);
	wait_end(&low);
	frame_free(base, 2);
}
