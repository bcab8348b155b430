/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Frames that are to be somewhere: alignment, bounds, and what can never be given.
 */

#include <test.h>

TEST(frame_alignment, "low bits of the constraint are zero in the address, for any count")
{
	static const size_t counts[] = { 1, 2, 3, 16, 100 };

	for (unsigned width = PAGE_WIDTH; width <= 20; width++) {
		phys_t mask = ((phys_t) 1 << width) - 1;

		for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
			phys_t base;

			NEED((base = test_frame_alloc(counts[i], FRAME_ATOMIC, mask)) != 0);
			CHECK_EQ(base & mask, 0);
			if (i % 2 == 0)
				test_frame_free(base, counts[i]);
		}
		test_free_all_frames();
	}
}

TEST(frame_high_bits, "high bits of the constraint bound the address from above")
{
	phys_t below = MiB(8);
	phys_t base;

	while (below < IDENTITY_PHYS + MiB(8)) /* RAM may begin far above 0 */
		below <<= 1;
	for (size_t i = 0; i < 40; i++) {
		NEED((base = test_frame_alloc(4, FRAME_ATOMIC, ~(below - 1))) != 0);
		CHECK_LT(base, below);
	}
}

TEST(frame_large_alignment, "a request can ask for an alignment far beyond its size")
{
	struct frame_request request = FRAME_REQUEST(1, FRAME_ATOMIC);
	size_t count;
	phys_t base;

	request.align = MiB(1) >> PAGE_WIDTH;
	for (size_t i = 0; i < 3; i++) {
		NEED((base = test_frame_alloc_request(&request, &count)) != 0);
		CHECK_EQ(count, 1);
		CHECK_EQ(base % MiB(1), 0);
	}
}

/* Asks for count frames between the first and the last byte. */
static phys_t between(phys_t lower, phys_t upper, size_t count)
{
	struct frame_request request = FRAME_REQUEST(count, FRAME_ATOMIC | FRAME_HIGHMEM);
	size_t got;

	request.lower = lower;
	request.upper = upper;
	return test_frame_alloc_request(&request, &got);
}

TEST(frame_bounds, "bounds are kept to the byte: the only place that fits is found, and no other",
	.logs = "frame_alloc: no zone")
{
	size_t count = 16, bytes = count * PAGE_SIZE;
	phys_t base;

	NEED((base = test_frame_alloc(count, FRAME_ATOMIC, 0)) != 0);
	test_frame_free(base, count);
	frame_reclaim(RECLAIM_FULL, true);
	NEED(between(base, base + bytes - 1, count) == base);
	test_frame_free(base, count);
	CHECK_EQ(between(base, base + bytes - 2, count), 0);
	CHECK_EQ(between(base + 1, base + bytes - 1, count), 0);
	NEED(between(base + 1, base + 2 * PAGE_SIZE - 1, 1) == base + PAGE_SIZE);
	CHECK_EQ(between(base + PAGE_SIZE, base + 2 * PAGE_SIZE - 1, 1), 0);
}

TEST(frame_bounds_every_offset, "single frames at each place of a run are found by their bounds alone")
{
	size_t count = 130;
	phys_t base;

	NEED((base = test_frame_alloc(count, FRAME_ATOMIC, 0)) != 0);
	test_frame_free(base, count);
	frame_reclaim(RECLAIM_FULL, true);
	for (size_t i = 0; i < count; i++) {
		phys_t at = base + (i * 37 % count) * PAGE_SIZE;

		NEED(between(at, at + PAGE_SIZE - 1, 1) == at);
	}
}

TEST(frame_impossible, "what no zone could ever give is refused and told, even to who could sleep",
	.logs = "frame_alloc: no zone")
{
	struct frame_request request = FRAME_REQUEST(1, 0);
	size_t count = 1;

	request.lower = PHYS_LAST - PAGE_SIZE + 1; /* no machine has RAM there */
	CHECK_EQ(frame_alloc_request(&request, &count), 0);
	CHECK_EQ(count, 0);
	CHECK(test_logged("could ever"));
	request = FRAME_REQUEST((frame_end - FRAME_FIRST) + 1, 0);
	CHECK_EQ(frame_alloc_request(&request, &count), 0);
}

/* The first frame below `end` that is no RAM; 0 if there is none. */
static pfn_t find_hole(pfn_t end)
{
	for (pfn_t pfn = FRAME_FIRST + 1; pfn < end; pfn++)
		if (frame_kind(pfn) == FRAME_KIND_HOLE)
			return pfn;
	return 0;
}

TEST(frame_hole, "a request for what is a hole in the memory does not sleep for it", .logs = "frame_alloc: no zone")
{
	struct frame_request request = FRAME_REQUEST(1, 0);
	pfn_t hole = find_hole(frame_end);
	size_t count;

	if (hole == 0)
		SKIP("this machine's memory has no hole");
	request.lower = (phys_t) hole << PAGE_WIDTH;
	request.upper = request.lower + PAGE_SIZE - 1;
	CHECK_EQ(frame_alloc_request(&request, &count), 0);
}

static bool has_hole(pfn_t first, pfn_t end)
{
	while (first < end && frame_kind(first) != FRAME_KIND_HOLE)
		first++;
	return first < end;
}

/*
 * A run of RAM that fills more than half of a block of buddies, the rest of which is none: so it can never be given in
 * one piece. @return its frames; 0 = the zone has no such run
 */
static size_t cut_off(const struct zone_info *zone, pfn_t *first)
{
	pfn_t zone_end = zone->first + zone->frames;

	for (pfn_t end = zone->first + 1; end <= zone_end; end++) {
		if (end < zone_end && frame_kind(end) != FRAME_KIND_HOLE)
			continue;
		for (size_t block = 4; block <= KiB(4); block *= 2) {
			*first = zone->base + ALIGN_DOWN(end - zone->base, block);
			if (*first < zone->first || has_hole(*first, end))
				break;
			if (end - *first > block / 2)
				return end - *first;
		}
	}
	return 0;
}

TEST(frame_cut_off, "where no whole block of buddies is, a request that needs one does not sleep for it",
	.logs = "frame_alloc: no zone")
{
	struct frame_request request;
	struct zone_info zone;
	size_t count, frames = 0;
	pfn_t first;

	for (size_t i = 0; frames == 0 && zone_get(i, &zone); i++)
		frames = cut_off(&zone, &first);
	if (frames == 0)
		SKIP("every hole begins where a block of buddies does");
	request = FRAME_REQUEST(frames, FRAME_HIGHMEM);
	request.lower = (phys_t) first << PAGE_WIDTH;
	request.upper = request.lower + (phys_t) (frames << PAGE_WIDTH) - 1;
	CHECK_EQ(frame_alloc_request(&request, &count), 0);
	CHECK(test_logged("could ever"));
}

TEST(frame_min_max, "as near to max as can be had, never fewer than min")
{
	struct frame_request request = FRAME_REQUEST(1, FRAME_ATOMIC);
	size_t count = 0;
	phys_t base;

	NEED((base = test_frame_alloc(64, FRAME_ATOMIC, 64 * PAGE_SIZE - 1)) != 0);
	(void) test_leave_frames(0, 0);
	test_frame_free(base + 3 * PAGE_SIZE, 29); /* free blocks of 1 4 8 16 */
	frame_reclaim(RECLAIM_FULL, true);
	request.min = 17;
	request.max = 64;
	CHECK_EQ(test_frame_alloc_request(&request, &count), 0);
	CHECK_EQ(count, 0);
	request.min = 2;
	NEED(test_frame_alloc_request(&request, &count) != 0);
	CHECK_EQ(count, 16);
	NEED(test_frame_alloc_request(&request, &count) != 0);
	CHECK_EQ(count, 8);
	request.max = 3;
	NEED(test_frame_alloc_request(&request, &count) != 0);
	CHECK_EQ(count, 3);
	CHECK_EQ(test_free_frames(0), 2);
}
