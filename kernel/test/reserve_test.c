/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Promises of frames: mm/reserve.h.
 */

#include <mm/reserve.h>
#include <test.h>

#define PROMISED 20

/* Takes one of the frames promised. */
static phys_t take_promised(void)
{
	phys_t base = test_frame_alloc(1, FRAME_ATOMIC | FRAME_NO_RESERVE | FRAME_HIGHMEM, 0);

	if (base != 0)
		test_reserve_used(1);
	return base;
}

TEST(reserve_kept, "what is promised is there, though everybody else takes all there is")
{
	struct frame_info info;

	NEED(test_reserve_try(PROMISED) == EOK);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0), 0);
	frame_get_info(&info);
	CHECK_EQ(info.promised, PROMISED);
	CHECK_EQ(info.free, PROMISED);
	for (size_t i = 0; i < PROMISED; i++)
		NEED(take_promised() != 0);
	frame_get_info(&info);
	CHECK_EQ(info.promised, 0);
	CHECK_EQ(info.free + info.cached, 0);
}

TEST(reserve_not_cached, "a promise rests on no frame that some CPU's cache could give away")
{
	phys_t base;

	(void) test_leave_frames(PROMISED, FRAME_HIGHMEM);
	NEED((base = test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0)) != 0);
	test_frame_free(base, 1);
	NEED(test_reserve_try(PROMISED) == EOK);
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0), 0);
	for (size_t i = 0; i < PROMISED; i++)
		NEED(take_promised() != 0);
}

TEST(reserve_refused, "more than there is is not promised, and then nothing is")
{
	struct frame_info info;
	size_t free;

	frame_reclaim(RECLAIM_FULL, true);
	frame_get_info(&info);
	free = info.free;
	CHECK_EQ(test_reserve_try(free + 1), ENOMEM);
	frame_get_info(&info);
	CHECK_EQ(info.promised, 0);
	CHECK_EQ(test_reserve_try(free), EOK);
	CHECK_EQ(test_reserve_try(1), ENOMEM);
	test_reserve_free(1);
	CHECK_EQ(test_reserve_try(1), EOK);
}

TEST(reserve_in_parts, "a promise can be used, given back and renewed in parts")
{
	struct frame_info info;

	NEED(test_reserve_try(PROMISED) == EOK);
	for (size_t i = 0; i < PROMISED / 2; i++)
		NEED(take_promised() != 0);
	test_reserve_free(PROMISED / 4);
	NEED(test_reserve_try(PROMISED) == EOK);
	frame_get_info(&info);
	CHECK_EQ(info.promised, PROMISED + PROMISED / 2 - PROMISED / 4);
}

TEST(reserve_run, "a promise serves runs of frames as well")
{
	phys_t base;

	NEED(test_reserve_try(PROMISED) == EOK);
	NEED((base = test_frame_alloc(8, FRAME_ATOMIC | FRAME_NO_RESERVE, 0)) != 0);
	test_reserve_used(8);
	test_frame_free(base, 8);
}

TEST(reserve_min_max, "a request between min and max leaves what is promised alone")
{
	struct frame_request request = FRAME_REQUEST(1, FRAME_ATOMIC | FRAME_HIGHMEM);
	size_t count;

	(void) test_leave_frames(2 * PROMISED, FRAME_HIGHMEM);
	NEED(test_reserve_try(PROMISED) == EOK);
	request.max = 2 * PROMISED;
	while (test_frame_alloc_request(&request, &count) != 0)
		CHECK_LE(count, PROMISED);
	CHECK_EQ(count, 0);
	for (size_t i = 0; i < PROMISED; i++)
		NEED(take_promised() != 0);
}

TEST(reserve_too_much_back, "giving back more than is promised is told", .panics = "promised")
{
	(void) !reserve_try(3);
	reserve_free(4);
}

TEST(reserve_unpromised, "FRAME_NO_RESERVE without a promise is told", .panics = "promised")
{
	(void) !frame_alloc(1, FRAME_ATOMIC | FRAME_NO_RESERVE, 0);
}
