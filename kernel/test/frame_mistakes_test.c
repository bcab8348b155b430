/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Mistakes of whoever uses frames: each stops the kernel and is told as what it is.
 */

#include <test.h>

TEST(frame_double_free, "a frame freed twice is told as that", .panics = "double free")
{
	phys_t base = frame_alloc(1, 0, 0);

	frame_free(base, 1);
	frame_free(base, 1);
}

TEST(frame_double_free_run, "a run freed twice is told as that", .panics = "double free")
{
	phys_t base = frame_alloc(100, 0, 0);

	frame_free(base, 100);
	frame_free(base, 100);
}

TEST(frame_double_free_part, "a run of which one frame was freed already is told as that", .panics = "double free")
{
	phys_t base = frame_alloc(64, 0, 0);

	frame_free(base + 17 * PAGE_SIZE, 1);
	frame_free(base, 64);
}

TEST(
	frame_double_free_zone, "a frame freed twice is told when its cache has passed it on, too", .panics = "double free")
{
	phys_t base = frame_alloc(1, 0, 0);

	frame_free(base, 1);
	frame_reclaim(RECLAIM_FULL, true);
	frame_free(base, 1);
}

TEST(frame_double_free_kept, "a run freed twice that a CPU has kept is told as that", .panics = "double free")
{
	phys_t base = frame_alloc(2, 0, 0);

	frame_free(base, 2);
	frame_free(base, 2);
}

TEST(frame_double_free_in_kept, "so is a frame in the midst of it", .panics = "double free")
{
	phys_t base = frame_alloc(8, 0, 0);

	frame_free(base, 8);
	frame_free(base + 5 * PAGE_SIZE, 1);
}

TEST(frame_double_free_tail_of_kept, "and the second half of it", .panics = "double free")
{
	phys_t base = frame_alloc(4, 0, 0);

	frame_free(base, 4);
	frame_free(base + 2 * PAGE_SIZE, 2);
}

TEST(frame_double_free_over_kept, "and a range that begins before it", .panics = "double free")
{
	phys_t run = frame_alloc(4, 0, 0), next = frame_alloc(4, 0, 0);

	while (next != run + 4 * PAGE_SIZE) {
		run = next;
		next = frame_alloc(4, 0, 0);
	}
	frame_free(next, 4);
	frame_free(run, 8);
}

TEST(frame_free_too_many, "a count beyond what is still taken is told", .panics = "double free")
{
	phys_t base = frame_alloc(64, 0, 0);

	frame_free(base + 32 * PAGE_SIZE, 32);
	frame_free(base, 33);
}

TEST(frame_free_hole, "freeing what was never the allocator's is told", .panics = "never allocated")
{
	frame_free(KERNEL_IMAGE_PHYS, 1);
}

TEST(frame_free_beyond, "freeing what is no memory at all is told", .panics = "not frames of this machine")
{
	frame_free(ALIGN_DOWN(PHYS_LAST, PAGE_SIZE), 1);
}

TEST(frame_free_beyond_end, "a run that leaves the machine's memory is told", .panics = "not frames of this machine")
{
	phys_t base = frame_alloc(1, 0, 0);

	frame_free(base, (frame_end - FRAME_FIRST) + 1);
}

TEST(frame_sleep_interrupts_off, "an allocation that may sleep, with interrupts off, is told though there is memory",
	.panics = "may sleep")
{
	phys_t base = frame_alloc(1, 0, 0);

	frame_free(base, 1);
	(void) port_irq_save();
	(void) !frame_alloc(1, 0, 0);
}

TEST(frame_sleep_interrupts_off_run, "so is one of several frames", .panics = "may sleep")
{
	(void) port_irq_save();
	(void) !frame_alloc(4, 0, 0);
}

TEST(frame_reference_free_frame, "a reference to a frame that is free is told", .panics = "not taken")
{
	phys_t base = frame_alloc(1, 0, 0);

	frame_free(base, 1);
	(void) !frame_reference_add(base);
}

TEST(frame_high_twice, "a frame without an address that is given back twice is told", .panics = "double free")
{
	phys_t base = frame_alloc(1, FRAME_HIGHMEM, 0);

	frame_free(base, 1);
	frame_free(base, 1);
}

TEST(frame_reference_kept_run, "so is one to a frame of a run that a CPU has kept", .panics = "not taken")
{
	phys_t base = frame_alloc(4, 0, 0);

	frame_free(base, 4);
	(void) !frame_reference_add(base + 3 * PAGE_SIZE);
}

TEST(frame_none_asked, "asking for no frames is told", .panics = "min 0")
{
	static volatile size_t none;

	(void) !frame_alloc(none, FRAME_ATOMIC, 0);
}

/* ---- addresses within a frame ---- */

TEST(
	frame_free_inside, "an address within a frame is not taken for the frame's", .panics = "not the address of a frame")
{
	frame_free(frame_alloc(1, 0, 0) + 8, 1);
}

TEST(frame_free_inside_run, "nor is one within the first frame of a run", .panics = "not the address of a frame")
{
	frame_free(frame_alloc(4, 0, 0) + PAGE_SIZE - 1, 4);
}

TEST(frame_free_inside_high, "nor one in a frame without a permanent address", .panics = "not the address of a frame")
{
	frame_free(frame_alloc(1, FRAME_HIGHMEM, 0) + 1, 1);
}

TEST(frame_reference_inside, "a reference is to a frame, not to an address within", .panics = "not its address")
{
	(void) !frame_reference_add(frame_alloc(1, 0, 0) + 16);
}

TEST(frame_count_inside, "so is a question for its holders", .panics = "not the address of a frame")
{
	(void) frame_reference_count(frame_alloc(1, 0, 0) + 16);
}

TEST(frame_release_inside, "frames of the boot code's are whole frames", .panics = "not the address of a frame")
{
	frame_release_boot(KERNEL_IMAGE_PHYS + PAGE_SIZE / 2, 1);
}

/* ---- two that free the same at once: both find it taken, and both go on ---- */

static phys_t twice;
static size_t twice_count;

static void free_it_too(void)
{
	(void) test_preempt(NULL);
	frame_free(twice, twice_count);
}

/* Frees frames, and again, as soon as the first call could be interrupted; before it has got far. */
static void free_at_once(size_t count, frame_flags_t flags)
{
	twice = frame_alloc(count, flags, 0);
	twice_count = count;
	if (!test_preempt(free_it_too)) /* a release build does not look for it */
		frame_free(twice, count);
	frame_free(twice, count);
}

TEST(frame_double_free_at_once, "a frame freed twice at once is told", .panics = "double free")
{
	free_at_once(1, 0);
}

TEST(frame_double_free_at_once_high, "so is one without a permanent address", .panics = "double free")
{
	free_at_once(1, FRAME_HIGHMEM);
}

TEST(frame_double_free_at_once_run, "and a run", .panics = "double free")
{
	free_at_once(4, 0);
}

TEST(frame_double_free_at_once_full, "and a frame for which a cache has to make room", .panics = "double free")
{
	phys_t frames[40];

	for (size_t i = 0; i < ARRAY_COUNT(frames); i++)
		frames[i] = frame_alloc(1, 0, 0);
	for (size_t i = 0; i < ARRAY_COUNT(frames); i++)
		frame_free(frames[i], 1);
	free_at_once(1, 0);
}
