/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Spares: address spaces that are kept when their last holder lets go (generic/as.c).
 */

#include <mm/slab.h>
#include <test.h>

/* More than are kept. */
#define SPACES 7
#define SPARES_MOST 4

/* Address spaces that there are, spares included. */
static size_t spaces_count(void)
{
	struct slab_cache *cache = slab_cache_find("as");
	struct slab_info info;

	slab_get_info(cache, &info);
	slab_cache_release(cache);
	return info.in_use;
}

/* Makes some, and lets go of all of them. @return whether there was memory */
MUST_USE static bool create_and_release(size_t count)
{
	struct as *made[SPACES];

	for (size_t i = 0; i < count; i++)
		NEED_OR((made[i] = test_as_create(FRAME_ATOMIC)) != NULL, false);
	for (size_t i = 0; i < count; i++)
		test_as_release(made[i]);
	return true;
}

TEST(as_spare_count, "of address spaces that nobody holds four are kept, however often, and a reclaim frees them all")
{
	size_t before;

	(void) frame_reclaim(RECLAIM_FULL, true);
	before = spaces_count();
	for (unsigned round = 0; round < 3; round++) {
		if (!create_and_release(SPACES))
			return;
		CHECK_EQ(spaces_count(), before + SPARES_MOST);
	}
	/* One frame each at least: the root. */
	CHECK_GE(frame_reclaim(RECLAIM_LIGHT, true), SPARES_MOST);
	CHECK_EQ(spaces_count(), before);
	if (create_and_release(SPACES))
		CHECK_EQ(spaces_count(), before + SPARES_MOST);
}

TEST(as_spare_anew, "a spare is an address space like a new one: of a number of its own, held once, without areas")
{
	struct as_info info;
	unsigned number;
	struct as *as;

	NEED((as = test_as_create(FRAME_ATOMIC)) != NULL);
	number = as_number(as);
	test_as_release(as);
	NEED((as = test_as_create(FRAME_ATOMIC)) != NULL);
	as_get_info(as, &info);
	CHECK(info.number != number && info.holders == 1 && info.areas == 0 && info.resident == 0);
}

/* As many frames in a row as there are not. */
static void run_main(void *argument)
{
	size_t count = *(const size_t *) argument;
	phys_t base = frame_alloc(count, 0, 0);

	frame_free(base, count);
}

TEST(as_spare_pressed, "while a thread waits for memory none is kept", .threads = true, .plain_only = "it waits")
{
	struct as *made[SPARES_MOST];
	struct test_thread *thread;
	size_t run = 64, before;
	bool waits;

	(void) frame_reclaim(RECLAIM_FULL, true);
	before = spaces_count();
	for (size_t i = 0; i < SPARES_MOST; i++)
		NEED((made[i] = test_as_create(FRAME_ATOMIC)) != NULL);
	(void) test_leave_frames(16, 0);
	thread = test_thread_start("run", run_main, &run);
	waits = CHECK(test_wait_for(frame_sleepers() == 1, PATIENCE_MS));
	for (size_t i = 0; i < SPARES_MOST; i++)
		test_as_release(made[i]);
	if (waits)
		CHECK_EQ(spaces_count(), before);
	test_free_all_frames();
	test_thread_join(thread);
}
