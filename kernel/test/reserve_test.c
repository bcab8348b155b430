/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Reservations of frames: mm/reserve.h; and what a thread that waits may hold: mm/held.h.
 */

#include <mm/held.h>
#include <mm/reserve.h>
#include <test.h>

#define PROMISED 20

/* Takes one of the frames promised. */
static phys_t take_promised(frame_flags_t flags)
{
	phys_t base = test_frame_alloc(1, FRAME_ATOMIC | FRAME_NO_RESERVE | flags, 0);

	if (base != 0)
		test_reserve_used(1, flags);
	return base;
}

TEST(reserve_kept, "what is promised is there, though everybody else takes all there is")
{
	struct frame_info info;

	NEED(test_reserve_try(PROMISED, FRAME_HIGHMEM) == EOK);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0), 0);
	frame_get_info(&info);
	CHECK_EQ(info.promised, PROMISED);
	CHECK_EQ(info.free, PROMISED);
	for (size_t i = 0; i < PROMISED; i++)
		NEED(take_promised(FRAME_HIGHMEM) != 0);
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
	NEED(test_reserve_try(PROMISED, FRAME_HIGHMEM) == EOK);
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0), 0);
	for (size_t i = 0; i < PROMISED; i++)
		NEED(take_promised(FRAME_HIGHMEM) != 0);
}

TEST(reserve_refused, "more than there is is not promised, and then nothing is")
{
	struct frame_info info;
	size_t free;

	frame_reclaim(RECLAIM_FULL, true);
	frame_get_info(&info);
	free = info.free;
	CHECK_EQ(test_reserve_try(free + 1, FRAME_HIGHMEM), ENOMEM);
	frame_get_info(&info);
	CHECK_EQ(info.promised, 0);
	CHECK_EQ(test_reserve_try(free, FRAME_HIGHMEM), EOK);
	CHECK_EQ(test_reserve_try(1, FRAME_HIGHMEM), ENOMEM);
	test_reserve_free(1, FRAME_HIGHMEM);
	CHECK_EQ(test_reserve_try(1, FRAME_HIGHMEM), EOK);
}

TEST(reserve_in_parts, "a promise can be used, given back and renewed in parts")
{
	struct frame_info info;

	NEED(test_reserve_try(PROMISED, FRAME_HIGHMEM) == EOK);
	for (size_t i = 0; i < PROMISED / 2; i++)
		NEED(take_promised(FRAME_HIGHMEM) != 0);
	test_reserve_free(PROMISED / 4, FRAME_HIGHMEM);
	NEED(test_reserve_try(PROMISED, FRAME_HIGHMEM) == EOK);
	frame_get_info(&info);
	CHECK_EQ(info.promised, PROMISED + PROMISED / 2 - PROMISED / 4);
}

TEST(reserve_run, "a promise serves runs of frames as well")
{
	phys_t base;

	NEED(test_reserve_try(PROMISED, FRAME_LOWMEM) == EOK);
	NEED((base = test_frame_alloc(8, FRAME_ATOMIC | FRAME_NO_RESERVE, 0)) != 0);
	test_reserve_used(8, FRAME_LOWMEM);
	test_frame_free(base, 8);
}

TEST(reserve_min_max, "a request between min and max leaves what is promised alone")
{
	struct frame_request request = FRAME_REQUEST(1, FRAME_ATOMIC | FRAME_HIGHMEM);
	size_t count;

	(void) test_leave_frames(2 * PROMISED, FRAME_HIGHMEM);
	NEED(test_reserve_try(PROMISED, FRAME_HIGHMEM) == EOK);
	request.max = 2 * PROMISED;
	while (test_frame_alloc_request(&request, &count) != 0)
		CHECK_LE(count, PROMISED);
	CHECK_EQ(count, 0);
	for (size_t i = 0; i < PROMISED; i++)
		NEED(take_promised(FRAME_HIGHMEM) != 0);
}

TEST(reserve_too_much_back, "giving back more than is promised is told", .panics = "promised")
{
	(void) !reserve_try(3, FRAME_LOWMEM);
	reserve_free(4, FRAME_LOWMEM);
}

TEST(reserve_unpromised, "FRAME_NO_RESERVE without a promise is told", .panics = "promised")
{
	(void) !frame_alloc(1, FRAME_ATOMIC | FRAME_NO_RESERVE, 0);
}

TEST(reserve_other_class_back, "a promise given back as one of another class is told", .panics = "promised")
{
	(void) !reserve_try(3, FRAME_LOWMEM);
	reserve_free(3, FRAME_HIGHMEM);
}

TEST(reserve_other_class, "a frame of another class than was promised is told", .panics = "promised")
{
	(void) !reserve_try(3, FRAME_HIGHMEM);
	(void) !frame_alloc(1, FRAME_ATOMIC | FRAME_NO_RESERVE, 0);
}

/* ---- two classes ---- */

/* Leaves so many frames with a permanent address, and so many without. @return false if there are none without */
static bool leave_both(size_t low, size_t high)
{
	size_t all;

	(void) test_leave_frames(low, FRAME_LOWMEM);
	all = test_free_frames(FRAME_HIGHMEM);
	if (all < low + high)
		return false;
	(void) test_leave_frames(low + high, FRAME_HIGHMEM); /* which takes those without as long as there are any */
	return test_free_frames(FRAME_LOWMEM) == low && test_free_frames(FRAME_HIGHMEM) == low + high;
}

#define SKIP_WITHOUT_HIGH(low, high)                                 \
	do {                                                             \
		if (!leave_both(low, high))                                  \
			SKIP("there are no frames without a permanent address"); \
	} while (0)

/* Takes frames one by one for as long as there are any. @return how many */
static size_t take_singly(frame_flags_t flags)
{
	size_t count = 0;

	while (test_frame_alloc(1, FRAME_ATOMIC | flags, 0) != 0)
		count++;
	return count;
}

static size_t take_all_promised(size_t count, frame_flags_t flags)
{
	size_t taken = 0;

	while (taken < count && take_promised(flags) != 0)
		taken++;
	return taken;
}

TEST(reserve_low_not_of_high, "frames with a permanent address are not promised where only others are free")
{
	SKIP_WITHOUT_HIGH(PROMISED, 3 * PROMISED);
	CHECK_EQ(test_reserve_try(PROMISED + 1, FRAME_LOWMEM), ENOMEM);
	CHECK_EQ(test_reserve_try(PROMISED + 1, FRAME_DMA), ENOMEM);
	NEED(test_reserve_try(PROMISED, FRAME_LOWMEM) == EOK);
	CHECK_EQ(test_reserve_try(1, FRAME_LOWMEM), ENOMEM);
	CHECK_EQ(frame_check(), 0);
}

TEST(reserve_low_kept, "a promise of frames with a permanent address is kept, whatever others take")
{
	SKIP_WITHOUT_HIGH(2 * PROMISED, 3 * PROMISED);
	NEED(test_reserve_try(PROMISED, FRAME_LOWMEM) == EOK);
	if (!test_injecting()) {
		CHECK_EQ(take_singly(FRAME_LOWMEM), PROMISED);
		CHECK_EQ(take_singly(FRAME_HIGHMEM), 3 * PROMISED);
	}
	CHECK_EQ(frame_check(), 0);
	NEED(take_all_promised(PROMISED, FRAME_LOWMEM) == PROMISED);
}

TEST(reserve_low_kept_by_reserved, "so is it whatever those take that have a reservation of any frames")
{
	phys_t pair = test_frame_alloc(2, FRAME_ATOMIC | FRAME_LOWMEM, 2 * PAGE_SIZE - 1), high[8];

	NEED(pair != 0);
	for (size_t i = 0; i < ARRAY_COUNT(high); i++)
		NEED((high[i] = test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0)) != 0);
	if (high[0] - IDENTITY_PHYS < IDENTITY_SIZE)
		SKIP("there are no frames without a permanent address");
	(void) test_take_all_frames(FRAME_HIGHMEM);
	for (size_t i = 0; i < ARRAY_COUNT(high); i++)
		if ((high[i] >> PAGE_WIDTH & 1) == 0) /* no two of them are a run */
			test_frame_free(high[i], 1);
	test_frame_free(pair, 2);
	NEED(test_reserve_try(2, FRAME_LOWMEM) == EOK && test_reserve_try(2, FRAME_HIGHMEM) == EOK);
	CHECK_EQ(test_frame_alloc(2, FRAME_ATOMIC | FRAME_HIGHMEM | FRAME_NO_RESERVE, 0), 0);
	NEED(test_frame_alloc(2, FRAME_ATOMIC | FRAME_LOWMEM | FRAME_NO_RESERVE, 0) != 0);
	test_reserve_used(2, FRAME_LOWMEM);
	CHECK_EQ(frame_check(), 0);
}

TEST(reserve_low_kept_by_any, "who may have any frame leaves those that are promised with a permanent address")
{
	SKIP_WITHOUT_HIGH(2 * PROMISED, 3 * PROMISED);
	NEED(test_reserve_try(PROMISED, FRAME_LOWMEM) == EOK);
	if (!test_injecting())
		CHECK_EQ(take_singly(FRAME_HIGHMEM), 4 * PROMISED);
	NEED(take_all_promised(PROMISED, FRAME_LOWMEM) == PROMISED);
}

TEST(reserve_any_rests_on_high, "a promise of any frames keeps none with a permanent address as long as others will do")
{
	SKIP_WITHOUT_HIGH(PROMISED, 3 * PROMISED);
	NEED(test_reserve_try(3 * PROMISED, FRAME_HIGHMEM) == EOK);
	if (!test_injecting()) {
		CHECK_EQ(take_singly(FRAME_LOWMEM), PROMISED);
		CHECK_EQ(take_singly(FRAME_HIGHMEM), 0);
	}
	CHECK_EQ(frame_check(), 0);
	NEED(take_all_promised(3 * PROMISED, FRAME_HIGHMEM) == 3 * PROMISED);
}

TEST(reserve_any_rests_on_both,
	"a promise of more than there is without a permanent address keeps the rest of the others")
{
	SKIP_WITHOUT_HIGH(2 * PROMISED, 3 * PROMISED);
	NEED(test_reserve_try(4 * PROMISED, FRAME_HIGHMEM) == EOK);
	CHECK_EQ(test_reserve_try(PROMISED + 1, FRAME_LOWMEM), ENOMEM);
	NEED(test_reserve_try(PROMISED, FRAME_LOWMEM) == EOK);
	CHECK_EQ(test_reserve_try(1, FRAME_HIGHMEM), ENOMEM);
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC, 0), 0);
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0), 0);
	NEED(take_all_promised(4 * PROMISED, FRAME_HIGHMEM) == 4 * PROMISED);
	CHECK_EQ(frame_check(), 0);
	NEED(take_all_promised(PROMISED, FRAME_LOWMEM) == PROMISED);
}

TEST(reserve_any_moves, "frames without a permanent address that come back take over what promises rest on")
{
	phys_t high[PROMISED];

	SKIP_WITHOUT_HIGH(2 * PROMISED, PROMISED);
	for (size_t i = 0; i < PROMISED; i++)
		NEED((high[i] = test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0)) != 0);
	NEED(test_reserve_try(2 * PROMISED, FRAME_HIGHMEM) == EOK);
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC, 0), 0);
	for (size_t i = 0; i < PROMISED; i++)
		test_frame_free(high[i], 1);
	if (!test_injecting())
		CHECK_EQ(take_singly(FRAME_LOWMEM), PROMISED);
	NEED(take_all_promised(2 * PROMISED, FRAME_HIGHMEM) == 2 * PROMISED);
}

TEST(reserve_run_leaves_low, "a run that is promised of any frames is not taken of those promised with an address")
{
	struct frame_request request = FRAME_REQUEST(1, FRAME_ATOMIC | FRAME_NO_RESERVE | FRAME_HIGHMEM);
	size_t left = 3 * PROMISED, count;

	SKIP_WITHOUT_HIGH(2 * PROMISED, 2 * PROMISED);
	NEED(test_reserve_try(PROMISED, FRAME_LOWMEM) == EOK);
	NEED(test_reserve_try(left, FRAME_HIGHMEM) == EOK);
	while (left > 0) {
		request.max = left;
		NEED(test_frame_alloc_request(&request, &count) != 0);
		test_reserve_used(count, FRAME_HIGHMEM);
		left -= count;
		CHECK_EQ(frame_check(), 0);
	}
	NEED(take_all_promised(PROMISED, FRAME_LOWMEM) == PROMISED);
}

/* ---- reservations with an owner ---- */

TEST(reservation_counts, "frames come off the class that they are asked of, and the rest is freed at the end")
{
	struct reservation r;
	struct frame_info info;
	phys_t low, any, more;

	NEED(reservation_try(&r, 2, 1) == EOK);
	frame_get_info(&info);
	CHECK_EQ(info.promised, 3);
	CHECK_EQ(info.promised_low, 2);
	low = reservation_take(&r, 1, FRAME_ZERO);
	CHECK_NE(low, 0);
	CHECK_EQ(r.low, 1);
	CHECK_EQ(*(const uint8_t *) PA2KA(low), 0);
	any = reservation_take(&r, 1, FRAME_HIGHMEM);
	CHECK_NE(any, 0);
	CHECK_EQ(r.any, 0);
	more = reservation_take(&r, 1, FRAME_HIGHMEM);
	CHECK_NE(more, 0);
	CHECK_EQ(r.low, 0);
	CHECK_EQ(reservation_take(&r, 1, 0), 0);
	reservation_end(&r);
	frame_free(low, 1);
	frame_free(any, 1);
	frame_free(more, 1);
	NEED(reservation_try(&r, 3, 2) == EOK);
	reservation_end(&r);
	reservation_end(&r);
	CHECK_EQ(r.low + r.any, 0);
	frame_get_info(&info);
	CHECK_EQ(info.promised, 0);
}

TEST(reservation_kept, "the frames of a reservation are there for its owner alone")
{
	struct reservation r;
	size_t taken = 0;
	phys_t frames[PROMISED];

	NEED(reservation_try(&r, PROMISED / 2, PROMISED / 2) == EOK);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	while (taken < PROMISED && (frames[taken] = reservation_take(&r, 1, FRAME_HIGHMEM)) != 0)
		taken++;
	CHECK_EQ(taken, PROMISED);
	while (taken > 0)
		frame_free(frames[--taken], 1);
	reservation_end(&r);
}

TEST(reservation_too_much, "what the machine never has is refused, of either class and of both together")
{
	struct reservation r;
	size_t low = frame_total(FRAME_LOWMEM), all = frame_total(FRAME_HIGHMEM);

	CHECK_EQ(reservation_wait(&r, low + 1, 0), ENOMEM);
	CHECK_EQ(r.low + r.any, 0);
	CHECK_EQ(reservation_wait(&r, 0, all + 1), ENOMEM);
	CHECK_EQ(reservation_wait(&r, low, all - low + 1), ENOMEM);
	CHECK_EQ(reservation_wait(&r, low, SIZE_MAX), ENOMEM);
	CHECK_EQ(reservation_try(&r, low, all - low + 1), ENOMEM);
	CHECK_EQ(r.low + r.any, 0);
}

TEST(reservation_both_or_none, "if only one of the two classes can be had, none is reserved")
{
	struct reservation r;
	struct frame_info info;

	(void) test_leave_frames(PROMISED, FRAME_HIGHMEM);
	CHECK_EQ(reservation_try(&r, PROMISED / 2, PROMISED / 2 + 1), ENOMEM);
	frame_get_info(&info);
	CHECK_EQ(info.promised, 0);
	CHECK_EQ(frame_check(), 0);
}

TEST(reservation_two_wait, "two that wait for both classes at once do not hold a part that the other needs",
	.threads = true)
{
	struct test_reserver reservers[2] = { { .low = 2, .any = 2 }, { .low = 2, .any = 2 } };
	phys_t frames;

	NEED((frames = test_frame_alloc(4, FRAME_ATOMIC, 0)) != 0);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	for (size_t i = 0; i < 2; i++)
		test_reserver_start(&reservers[i], i + 1);
	test_frame_free(frames, 2);
	test_frame_free(frames + 2 * PAGE_SIZE, 1);
	test_sleep_ms(5);
	CHECK(!test_reserver_served(&reservers[0]));
	test_frame_free(frames + 3 * PAGE_SIZE, 1);
	CHECK(test_wait_for(test_reserver_served(&reservers[0]), PATIENCE_MS));
	CHECK(!test_reserver_served(&reservers[1]));
	test_reserver_end(&reservers[0]);
	CHECK(test_wait_for(test_reserver_served(&reservers[1]), PATIENCE_MS));
	test_reserver_end(&reservers[1]);
}

TEST(reserve_nothing, "a reservation of nothing is there at once, behind one that waits too", .threads = true)
{
	struct test_reserver head = { .any = 4 }; /* so that nothing of any class passes it */
	struct reservation r;
	phys_t frames;

	NEED((frames = test_frame_alloc(4, FRAME_ATOMIC, 0)) != 0);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	test_reserver_start(&head, 1);
	CHECK_EQ(reserve_wait(0, FRAME_LOWMEM), EOK); /* it would never come back */
	CHECK_EQ(reserve_wait(0, FRAME_HIGHMEM), EOK);
	CHECK_EQ(reservation_wait(&r, 0, 0), EOK);
	reservation_end(&r);
	test_frame_free(frames, 4);
	test_reserver_end(&head);
}

/* Every way to frames, with what is reserved as all that is free. */
static size_t take_in_every_way(void)
{
	static const frame_flags_t ways[] = { 0, FRAME_HIGHMEM, FRAME_DMA, FRAME_NO_RECLAIM, FRAME_ZERO };
	size_t served = 0;

	for (size_t i = 0; i < ARRAY_COUNT(ways); i++)
		for (size_t count = 1; count <= 4; count++) {
			struct frame_request request = FRAME_REQUEST(count, ways[i] | FRAME_ATOMIC);
			size_t taken;

			served += test_frame_alloc(count, ways[i] | FRAME_ATOMIC, 0) != 0;
			served += test_frame_alloc(count, ways[i] | FRAME_ATOMIC, 4 * PAGE_SIZE - 1) != 0;
			request.max = 2 * count;
			served += test_frame_alloc_request(&request, &taken) != 0;
		}
	return served;
}

TEST(reserve_no_way, "frames that are reserved come by no way to others")
{
	(void) test_leave_frames(PROMISED, FRAME_HIGHMEM);
	NEED(test_reserve_try(test_free_frames(FRAME_HIGHMEM), FRAME_HIGHMEM) == EOK);
	CHECK_EQ(take_in_every_way(), 0);
	CHECK_EQ(frame_check(), 0);
}

/* ---- a thread that waits holds nothing ---- */

/* Only debug builds count. */
#if CONFIG_DEBUG
TEST(held_reserved, "a thread that holds a reservation and may wait for memory is stopped, though memory is there",
	.panics = "this thread holds 3 reserved frames")
{
	struct reservation r;

	if (reservation_try(&r, 2, 1) == EOK)
		frame_free(frame_alloc(1, 0, 0), 1);
}

TEST(held_lock, "so is one that holds a lock and waits for a reservation", .panics = "this thread holds 1 locks")
{
	struct reservation r;

	held_add(HELD_LOCK, 1);
	(void) !reservation_wait(&r, 1, 0);
}

TEST(held_frames, "so is one that holds frames and allocates a run", .panics = "this thread holds 5 frames")
{
	held_add(HELD_FRAMES, 7);
	held_sub(HELD_FRAMES, 2);
	frame_free(frame_alloc(8, FRAME_ZERO, 0), 8);
}

TEST(held_too_few, "handing over more than is held is told", .panics = "no longer held")
{
	held_add(HELD_TAGS, 1);
	held_sub(HELD_TAGS, 2);
}

TEST(held_atomic, "what does not wait is not asked")
{
	phys_t base;

	held_add(HELD_OBJECTS, 1);
	base = test_frame_alloc(1, FRAME_ATOMIC, 0);
	held_sub(HELD_OBJECTS, 1);
	NEED(base != 0);
	test_frame_free(base, 1);
}
#endif

TEST(reserve_wait_interrupts_off, "waiting for a reservation with interrupts off is told, though memory is there",
	.panics = "may sleep")
{
	port_irq_t irq = port_irq_save();
	struct reservation r;

	if (reservation_wait(&r, 1, 0) == EOK)
		reservation_end(&r);
	port_irq_restore(irq);
}
