/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Runs of frames that CPUs keep for the next who asks.
 */

#include <mm/reserve.h>
#include <test.h>

static struct frame_info info(void)
{
	struct frame_info now;

	frame_get_info(&now);
	return now;
}

/* Frames of a run that are of this kind. */
static size_t count_kind(phys_t base, size_t count, enum frame_kind kind)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++)
		found += frame_kind((base >> PAGE_WIDTH) + i) == kind;
	return found;
}

/* Takes a run and gives it back, on one CPU: it is kept there. @return 0 if there is none */
static phys_t keep(size_t count)
{
	port_irq_t irq = port_irq_save();
	phys_t base = frame_alloc(count, FRAME_ATOMIC, 0);

	if (base != 0)
		frame_free(base, count);
	port_irq_restore(irq);
	return base;
}

/* Gives a run of two frames back, and takes as many again. Interrupts are off. */
static void give_and_take(phys_t run)
{
	struct frame_info taken = info(), kept;
	phys_t again;

	frame_free(run, 2);
	kept = info();
	CHECK_EQ(kept.free, taken.free);
	CHECK_EQ(kept.cached, taken.cached + 2);
	CHECK_EQ(count_kind(run, 2, FRAME_KIND_CACHED), 2);
	CHECK_EQ(frame_reference_count(run + PAGE_SIZE), 0);
	again = test_frame_alloc(2, FRAME_ATOMIC, 0);
	if (again == 0)
		return;
	CHECK_EQ(count_kind(again, 2, FRAME_KIND_PLAIN), 2);
	CHECK(again == run || test_injecting()); /* what may fail by injection is not looked for at once */
	test_frame_free(again, 2);
}

TEST(frame_run_kept, "a run that is given back is kept by the CPU, all of it as cached, and is the next one taken")
{
	port_irq_t irq = port_irq_save();
	phys_t run = frame_alloc(2, FRAME_ATOMIC, 0);

	if (run != 0)
		give_and_take(run);
	port_irq_restore(irq);
}

TEST(frame_run_sizes, "runs of all sizes are told as free wherever they go, and reclaim brings them back to the zones")
{
	phys_t base;

	for (size_t count = 2; count <= 512; count *= 2) {
		frame_reclaim(RECLAIM_FULL, true);
		base = keep(count);
		if (base == 0)
			continue;
		CHECK_EQ(count_kind(base, count, FRAME_KIND_PLAIN), 0);
		CHECK_EQ(frame_check(), 0);
	}
	frame_reclaim(RECLAIM_FULL, true);
	CHECK_EQ(info().cached, 0);
}

TEST(frame_run_in_parts, "a run that a CPU has kept can be given back in parts, one of them shared")
{
	phys_t base;

	(void) keep(8);
	base = frame_alloc(8, FRAME_ATOMIC, 0);
	NEED(base != 0);
	frame_free(base + 2 * PAGE_SIZE, 2);
	CHECK_EQ(frame_reference_add(base + 5 * PAGE_SIZE), EOK);
	frame_free(base, 2);
	frame_free(base + 4 * PAGE_SIZE, 4);
	CHECK_EQ(frame_reference_count(base + 5 * PAGE_SIZE), 1);
	CHECK_EQ(frame_reference_count(base + 4 * PAGE_SIZE), 0);
	frame_free(base + 5 * PAGE_SIZE, 1);
	CHECK_EQ(frame_check(), 0);
}

TEST(frame_run_bounded, "CPUs keep no more runs than a small part of the memory")
{
	static phys_t runs[64];
	size_t count = 0;
	struct frame_info now;

	for (; count < ARRAY_COUNT(runs); count++)
		if ((runs[count] = frame_alloc(16, FRAME_ATOMIC, 0)) == 0)
			break;
	frame_reclaim(RECLAIM_FULL, true);
	for (size_t i = 0; i < count; i++)
		frame_free(runs[i], 16);
	now = info();
	CHECK_LE(now.cached, now.total / 8);
}

TEST(frame_run_promise, "runs that CPUs keep are not promised while they keep them, but brought back for it")
{
	size_t frames;

	(void) keep(4);
	frames = info().free + info().cached;
	if (reserve_try(frames, 0) == EOK) {
		CHECK_EQ(info().cached, 0);
		CHECK_EQ(frame_alloc(2, FRAME_ATOMIC, 0), 0);
		reserve_free(frames, 0);
	}
}
