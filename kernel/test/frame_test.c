/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Frames: what one thread can see. Alignment and bounds are in
 * frame_bounds_test.c, what several threads see in frame_threads_test.c, mistakes
 * in frame_mistakes_test.c, promises in reserve_test.c.
 */

#include <test.h>

/* Frames that are enough for cases which use all there are: the others are taken out of the way in large pieces. */
#define POOL 4096
#define BLOCK_FRAMES_MOST 1024

static phys_t taken[POOL];

/* ---- sizes ---- */

/* Takes blocks of so many frames till there are none, then gives them back. @return how many there were */
static size_t take_and_give(size_t count, size_t most)
{
	size_t blocks = 0;

	while (blocks < most && (taken[blocks] = test_frame_alloc(count, FRAME_ATOMIC, 0)) != 0)
		blocks++;
	for (size_t i = 0; i < blocks; i++)
		test_frame_free(taken[i], count);
	return blocks;
}

TEST(frame_block_sizes, "blocks of 1 to 1,024 frames, all that fit, twice over: the second time as many as the first",
	.inject_runs = 24)
{
	(void) test_leave_frames(POOL, 0);
	for (size_t count = 1; count <= BLOCK_FRAMES_MOST; count++) {
		size_t first = take_and_give(count, POOL);
		size_t second = take_and_give(count, POOL);

		NEED(first == second);
		if (!CHECK_LE(first * count, POOL))
			return;
	}
}

TEST(frame_all_singly, "every frame that is free can be taken, one by one, and comes back")
{
	size_t frames;

	(void) test_leave_frames(POOL, 0);
	frames = test_free_frames(0);
	for (size_t i = 0; i < frames; i++)
		NEED((taken[i] = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	CHECK_EQ(test_free_frames(0), 0);
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC, 0), 0);
	for (size_t i = 0; i < frames; i++)
		test_frame_free(taken[i], 1);
	CHECK_EQ(test_free_frames(0), frames);
}

/* A zone's figures when no frame is in a cache. */
static struct zone_info zone_at_rest(size_t number)
{
	struct zone_info zone;

	frame_reclaim(RECLAIM_FULL, true);
	(void) zone_get(number, &zone);
	return zone;
}

TEST(frame_all_in_pieces, "all memory can be taken in the largest pieces there are, and is whole again after")
{
	size_t frames = test_free_frames(FRAME_HIGHMEM);

	for (size_t i = 0; i < zone_count(); i++) {
		struct zone_info before = zone_at_rest(i), after;

		(void) test_take_all_frames(FRAME_HIGHMEM);
		CHECK_EQ(test_free_frames(FRAME_HIGHMEM), 0);
		test_free_all_frames();
		after = zone_at_rest(i);
		CHECK_EQ(after.free, before.free);
		CHECK_EQ(after.largest, before.largest);
	}
	CHECK_EQ(test_free_frames(FRAME_HIGHMEM), frames);
}

TEST(frame_exact_count, "an odd count costs what it says: the tail of its block goes back at once")
{
	static const size_t counts[] = { 3, 5, 7, 9, 33, 63, 65, 127, 129, 300, 511 };

	frame_reclaim(RECLAIM_FULL, true);
	for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
		size_t before = test_free_frames(FRAME_HIGHMEM);
		phys_t base;

		NEED((base = test_frame_alloc(counts[i], FRAME_ATOMIC, 0)) != 0);
		CHECK_EQ(test_free_frames(FRAME_HIGHMEM), before - counts[i]);
		test_frame_free(base, counts[i]);
		CHECK_EQ(test_free_frames(FRAME_HIGHMEM), before);
	}
}

TEST(frame_free_in_parts, "any part of a range can be given back, in any order")
{
	static const struct {
		size_t first, count;
	} parts[] = { { 50, 1 }, { 0, 7 }, { 51, 49 }, { 7, 1 }, { 8, 42 } };
	size_t before, given = 0;
	phys_t base;

	frame_reclaim(RECLAIM_FULL, true);
	before = test_free_frames(FRAME_HIGHMEM);
	NEED((base = test_frame_alloc(100, FRAME_ATOMIC, 0)) != 0);
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
		test_frame_free(base + parts[i].first * PAGE_SIZE, parts[i].count);
		given += parts[i].count;
		CHECK_EQ(test_free_frames(FRAME_HIGHMEM), before - 100 + given);
	}
	CHECK_EQ(given, 100);
}

TEST(frame_coalescing, "frames given back one by one, every other one first, are one large block again")
{
	size_t count = 512;
	phys_t base, again;

	NEED((base = test_frame_alloc(count, FRAME_ATOMIC, 0)) != 0);
	(void) test_leave_frames(0, 0);
	for (size_t i = 0; i < count; i += 2)
		test_frame_free(base + i * PAGE_SIZE, 1);
	frame_reclaim(RECLAIM_FULL, true);
	CHECK_EQ(test_frame_alloc(2, FRAME_ATOMIC, 0), 0);
	for (size_t i = 1; i < count; i += 2)
		test_frame_free(base + i * PAGE_SIZE, 1);
	frame_reclaim(RECLAIM_FULL, true);
	NEED((again = test_frame_alloc(count, FRAME_ATOMIC, 0)) != 0);
	CHECK_EQ(again, base);
}

/* ---- flags ---- */

/* Whether all of these frames are filled with this byte. */
static bool filled(phys_t base, size_t count, uint8_t value)
{
	const uint8_t *bytes = (const uint8_t *) PA2KA(base);

	for (size_t i = 0; i < count * PAGE_SIZE; i++)
		if (bytes[i] != value)
			return false;
	return true;
}

TEST(frame_zero, "FRAME_ZERO gives zeros, whatever was there before")
{
	static const size_t counts[] = { 1, 2, 5, 64 };

	for (size_t i = 0; i < ARRAY_COUNT(counts); i++) {
		phys_t base, again;

		NEED((base = test_frame_alloc(counts[i], FRAME_ATOMIC, 0)) != 0);
		__builtin_memset((void *) PA2KA(base), 0xa5, counts[i] * PAGE_SIZE);
		test_frame_free(base, counts[i]);
		NEED((again = test_frame_alloc(counts[i], FRAME_ATOMIC | FRAME_ZERO, 0)) != 0);
		CHECK(filled(again, counts[i], 0));
	}
}

TEST(frame_dma, "FRAME_DMA gives what every device reaches, others get it last, and it can be used up by itself")
{
	size_t dma = test_free_frames(FRAME_DMA), all = test_free_frames(0);
	phys_t base;

	NEED((base = test_frame_alloc(3, FRAME_ATOMIC | FRAME_DMA, 0)) != 0);
	CHECK_LE(base + 3 * PAGE_SIZE, ARCH_DMA_LIMIT);
	test_frame_free(base, 3);
	frame_reclaim(RECLAIM_FULL, true);
	if (all > dma) {
		(void) test_leave_frames(dma + 1, 0);
		CHECK_EQ(test_free_frames(FRAME_DMA), dma);
	}
	(void) test_take_all_frames(FRAME_DMA);
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC | FRAME_DMA, 0), 0);
	CHECK_EQ(test_free_frames(0), all > dma ? 1 : 0);
}

TEST(frame_lowmem, "without a flag, and with FRAME_LOWMEM, a frame has a permanent address")
{
	(void) test_leave_frames(64, 0);
	for (size_t i = 0; i < 64; i++) {
		phys_t base;

		NEED((base = test_frame_alloc(1, FRAME_ATOMIC | (i % 2 ? FRAME_LOWMEM : 0), 0)) != 0);
		CHECK_LT(base - IDENTITY_PHYS, IDENTITY_SIZE);
		*(volatile uintptr_t *) PA2KA(base) = base;
		CHECK_EQ(*(volatile uintptr_t *) PA2KA(base), base);
	}
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC, 0), 0);
}

TEST(frame_highmem, "FRAME_HIGHMEM takes frames without an address first, and others when there are none")
{
	size_t low = test_free_frames(0), high = test_free_frames(FRAME_HIGHMEM) - low;
	phys_t base;

	if (high != 0) {
		NEED((base = test_frame_alloc(2, FRAME_ATOMIC | FRAME_HIGHMEM, 0)) != 0);
		CHECK_GE(base - IDENTITY_PHYS, IDENTITY_SIZE);
		test_frame_free(base, 2);
		(void) test_leave_frames(low, FRAME_HIGHMEM);
		CHECK_EQ(test_free_frames(0), low);
	}
	NEED((base = test_frame_alloc(2, FRAME_ATOMIC | FRAME_HIGHMEM, 0)) != 0);
	CHECK_LT(base - IDENTITY_PHYS, IDENTITY_SIZE);
}

TEST(frame_low_over_high, "FRAME_LOWMEM holds whatever flags came from above")
{
	phys_t base;

	NEED((base = test_frame_alloc(1, FRAME_ATOMIC | FRAME_LOWMEM | FRAME_HIGHMEM | FRAME_ZERO, 0)) != 0);
	CHECK_LT(base - IDENTITY_PHYS, IDENTITY_SIZE);
	NEED((base = test_frame_alloc(4, FRAME_ATOMIC | FRAME_LOWMEM | FRAME_HIGHMEM, 0)) != 0);
	CHECK_LT(base - IDENTITY_PHYS, IDENTITY_SIZE);
}

TEST(frame_cache_high, "a CPU keeps some single frames without an address as well, till they are reclaimed")
{
	phys_t frames[40];
	struct frame_info info;

	if (!test_has_high_memory())
		SKIP("all memory of this machine has permanent addresses");
	for (size_t i = 0; i < ARRAY_COUNT(frames); i++) {
		NEED((frames[i] = test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0)) != 0);
		CHECK_GE(frames[i] - IDENTITY_PHYS, IDENTITY_SIZE);
		CHECK_EQ(frame_reference_count(frames[i]), 1);
	}
	for (size_t i = 0; i < ARRAY_COUNT(frames); i++)
		test_frame_free(frames[i], 1);
	frame_get_info(&info);
	CHECK_GT(info.cached_high, 0);
	CHECK_LT(info.cached_high, ARRAY_COUNT(frames));
	CHECK_EQ(frame_check(), 0);
	frame_reclaim(RECLAIM_FULL, true);
	frame_get_info(&info);
	CHECK_EQ(info.cached_high, 0);
}

/* ---- reclaimers ---- */

static struct {
	size_t calls[2]; /* by strength */
	bool waiting;    /* some call said that it may wait */
	phys_t hoard[2]; /* what the reclaimer gives back, by strength */
	bool watching;
} reclaimed;

static size_t test_reclaim(enum reclaim_strength strength, bool may_wait)
{
	phys_t base = reclaimed.hoard[strength];

	if (!reclaimed.watching)
		return 0;
	reclaimed.calls[strength]++;
	reclaimed.waiting |= may_wait;
	if (base == 0)
		return 0;
	reclaimed.hoard[strength] = 0;
	test_frame_free(base, 1);
	return 1;
}

/* Reclaimers are never taken out: this one stays, and does nothing while nobody watches. */
static void watch(void)
{
	static struct reclaimer reclaimer = { .name = "test", .reclaim = test_reclaim };
	static bool registered;

	if (!registered)
		frame_reclaimer_register(&reclaimer);
	registered = true;
	__builtin_memset(&reclaimed, 0, sizeof reclaimed);
	reclaimed.watching = true;
}

TEST(frame_reclaimers,
	"before it fails an allocation asks the reclaimers, lightly, then fully; FRAME_NO_RECLAIM does not")
{
	(void) test_take_all_frames(0);
	watch();
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC | FRAME_NO_RECLAIM, 0), 0);
	CHECK_EQ(reclaimed.calls[RECLAIM_LIGHT] + reclaimed.calls[RECLAIM_FULL], 0);
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC, 0), 0);
	if (!test_injecting()) {
		CHECK_EQ(reclaimed.calls[RECLAIM_LIGHT], 1);
		CHECK_EQ(reclaimed.calls[RECLAIM_FULL], 1);
		CHECK(!reclaimed.waiting);
	}
	reclaimed.watching = false;
}

TEST(frame_reclaimed, "what a reclaimer gives back is served, and a light one is enough if it is")
{
	phys_t light, full, got;

	NEED((light = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	NEED((full = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	(void) test_take_all_frames(0);
	watch();
	reclaimed.hoard[RECLAIM_LIGHT] = light;
	reclaimed.hoard[RECLAIM_FULL] = full;
	got = test_frame_alloc(1, FRAME_ATOMIC, 0);
	if (got != 0) {
		CHECK_EQ(got, light);
		CHECK_EQ(reclaimed.calls[RECLAIM_FULL], 0);
		got = test_frame_alloc(1, 0, 0);
		CHECK_EQ(got, full);
		CHECK(reclaimed.waiting);
	}
	reclaimed.watching = false;
	NEED(got != 0);
}

/* ---- references ---- */

TEST(frame_references, "a frame is free when its last holder has dropped it, not before")
{
	size_t before;
	phys_t base;

	NEED((base = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	before = test_free_frames(0);
	CHECK_EQ(frame_reference_count(base), 1);
	CHECK_EQ(test_frame_reference_add(base), EOK);
	CHECK_EQ(test_frame_reference_add(base), EOK);
	CHECK_EQ(frame_reference_count(base), 3);
	test_frame_reference_drop(base);
	test_frame_reference_drop(base);
	CHECK_EQ(frame_reference_count(base), 1);
	CHECK_EQ(test_free_frames(0), before);
	test_frame_free(base, 1);
	CHECK_EQ(frame_reference_count(base), 0);
	CHECK_EQ(test_free_frames(0), before + 1);
}

TEST(frame_reference_limit, "65,535 holders are possible, one more is refused, and nothing is changed by that")
{
	phys_t base;

	NEED((base = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	for (size_t holders = 1; holders < 65535; holders++)
		if (!CHECK_EQ(test_frame_reference_add(base), EOK))
			return;
	CHECK_EQ(frame_reference_count(base), 65535);
	CHECK_EQ(test_frame_reference_add(base), EOVERFLOW);
	CHECK_EQ(frame_reference_count(base), 65535);
	for (size_t holders = 65535; holders > 1; holders--)
		test_frame_reference_drop(base);
	CHECK_EQ(frame_reference_count(base), 1);
}

TEST(frame_reference_range, "a range with different counts is given back in one call: each frame loses one holder")
{
	size_t count = 70;
	phys_t base;

	NEED((base = test_frame_alloc(count, FRAME_ATOMIC, 0)) != 0);
	for (size_t i = 0; i < count; i++)
		for (size_t more = 0; more < i % 3; more++)
			CHECK_EQ(test_frame_reference_add(base + i * PAGE_SIZE), EOK);
	test_frame_free(base, count);
	for (size_t i = 0; i < count; i++)
		CHECK_EQ(frame_reference_count(base + i * PAGE_SIZE), i % 3);
	for (size_t i = 0; i < count; i++)
		for (size_t more = 0; more < i % 3; more++)
			test_frame_reference_drop(base + i * PAGE_SIZE);
}

/* ---- failure ---- */

TEST(frame_exhausted, "out of memory leaves everything as it was, however often and for whatever one asks")
{
	static const size_t counts[] = { 1, 2, 3, 64, 1000, 1024 };
	struct frame_info before, after;

	(void) test_take_all_frames(FRAME_HIGHMEM);
	frame_get_info(&before);
	for (size_t i = 0; i < 20 * ARRAY_COUNT(counts); i++) {
		size_t count = counts[i % ARRAY_COUNT(counts)];

		CHECK_EQ(test_frame_alloc(count, FRAME_ATOMIC | (i % 7 == 0 ? FRAME_HIGHMEM : 0), 0), 0);
	}
	frame_get_info(&after);
	CHECK_EQ(after.free, before.free);
	CHECK_EQ(after.cached, before.cached);
	CHECK_EQ(after.promised, before.promised);
	CHECK_EQ(after.sleepers, 0);
}

TEST(frame_last_served, "the last frame is served, the one after it is not, and the first freed is served again")
{
	phys_t last, again;

	(void) test_leave_frames(1, 0);
	NEED((last = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	CHECK_EQ(test_frame_alloc(1, FRAME_ATOMIC, 0), 0);
	test_frame_free(last, 1);
	NEED((again = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	CHECK_EQ(again, last);
}

TEST(frame_interrupts_off, "with FRAME_ATOMIC all of it works with interrupts off")
{
	port_irq_t irq = port_irq_save();
	phys_t one = test_frame_alloc(1, FRAME_ATOMIC, 0);
	phys_t many = test_frame_alloc(33, FRAME_ATOMIC | FRAME_ZERO, 0);

	if (one != 0)
		test_frame_free(one, 1);
	if (many != 0)
		test_frame_free(many, 33);
	port_irq_restore(irq);
	NEED(one != 0 && many != 0);
}

/* ---- the books ---- */

TEST(frame_books, "the zones' figures add up to the whole, and zones do not overlap")
{
	struct zone_info zone;
	struct frame_info info;
	size_t managed = 0, free = 0;
	pfn_t end = 0;

	frame_get_info(&info);
	for (size_t i = 0; zone_get(i, &zone); i++) {
		CHECK_GE(zone.first, end);
		CHECK_LE(zone.free, zone.managed);
		CHECK_LE(zone.managed, zone.frames);
		end = zone.first + zone.frames;
		managed += zone.managed;
		free += zone.free;
	}
	CHECK_EQ(managed, info.total);
	CHECK_EQ(free, info.free);
	CHECK(!zone_get(zone_count(), &zone));
}

TEST(frame_books_broken, "frame_check finds a frame that is marked free and is not",
	.logs = "frame_check: ", .host_only = "it breaks the books")
{
	uint8_t *state;
	phys_t base;

	NEED((base = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	state = frame_state_at(base >> PAGE_WIDTH);
	CHECK_EQ(frame_check(), 0);
	*state = FRAME_KIND_HOLE;
	CHECK_NE(frame_check(), 0);
	*state = FRAME_KIND_PLAIN;
	CHECK_EQ(frame_check(), 0);
}

TEST(frame_release_boot, "frames that were the image's can be given to the allocator, and are served like any others",
	.host_only = "nobody needs the image on the host", .plain_only = "it can be given once")
{
	size_t count = 8, before;
	struct frame_info info;

	frame_get_info(&info);
	before = info.total;
	CHECK_EQ(frame_kind(KERNEL_IMAGE_PHYS >> PAGE_WIDTH), FRAME_KIND_HOLE);
	frame_release_boot(KERNEL_IMAGE_PHYS, count);
	frame_get_info(&info);
	CHECK_EQ(info.total, before + count);
	CHECK_EQ(frame_check(), 0);
	/* Taken for good, so that as many are free as before. */
	for (size_t i = 0; i < count; i++) {
		struct frame_request request = FRAME_REQUEST(1, 0);
		size_t got;

		request.lower = KERNEL_IMAGE_PHYS + i * PAGE_SIZE;
		request.upper = request.lower + PAGE_SIZE - 1;
		CHECK_EQ(frame_alloc_request(&request, &got), request.lower);
	}
}
