/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Frames that go from hand to hand, without a lock that the holders share.
 *
 * Here the threads touch what is IN the frames, and agree by flags that carry no
 * order (relaxed): so what the core forgets to order is a race that
 * ThreadSanitizer reports (SANITIZE=thread), even on a machine that forgives it.
 */

#include <test.h>

/* ---- a mark on one's own frame ---- */

#define PAIRS 64
#define MARK_ROUNDS ((unsigned) (test_on_host ? 12000 : 40))

static phys_t pairs[PAIRS];
static unsigned turn, turn_done;

/* Frees the second frame of each pair, each turn. */
static void halves_main(void *argument)
{
	(void) argument;
	for (unsigned round = 1; round <= MARK_ROUNDS; round++) {
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != round)
			port_relax();
		for (size_t i = 0; i < PAIRS; i++)
			frame_free(pairs[i] + PAGE_SIZE, 1);
		__atomic_store_n(&turn_done, round, __ATOMIC_RELEASE);
	}
}

TEST(frame_mark_stays, "a mark on a frame stays, while another thread frees the rest of the run that it came with",
	.plain_only = "it is about threads", .threads = true)
{
	struct test_thread *thread;
	size_t lost = 0;

	__atomic_store_n(&turn, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&turn_done, 0, __ATOMIC_RELAXED);
	thread = test_thread_start("halves", halves_main, NULL);
	for (unsigned round = 1; round <= MARK_ROUNDS; round++) {
		for (size_t i = 0; i < PAIRS; i++)
			pairs[i] = frame_alloc(2, 0, 0);
		__atomic_store_n(&turn, round, __ATOMIC_RELEASE);
		for (unsigned spin = round * 7919u % 400; spin > 0; spin--)
			__asm__ volatile("" ::: "memory");
		for (size_t i = 0; i < PAIRS; i++)
			frame_mark(pairs[i] >> PAGE_WIDTH, 1, FRAME_KIND_TABLE, 0);
		while (__atomic_load_n(&turn_done, __ATOMIC_ACQUIRE) != round)
			port_relax();
		for (size_t i = 0; i < PAIRS; i++) {
			lost += !frame_is(pairs[i] >> PAGE_WIDTH, FRAME_KIND_TABLE);
			frame_mark(pairs[i] >> PAGE_WIDTH, 1, FRAME_KIND_PLAIN, 0);
			frame_free(pairs[i], 1);
		}
	}
	test_thread_join(thread);
	CHECK_EQ(lost, 0);
}

/* ---- what the other holder did is over ---- */

#define HAND_ROUNDS ((unsigned) (test_on_host ? 300 : 30))

static phys_t shared;
static unsigned freed, offered;

/* Relaxed: it says when, and orders nothing. */
static bool is_freed(unsigned round)
{
	return __atomic_load_n(&freed, __ATOMIC_RELAXED) == round;
}

static unsigned *word_of(phys_t frame)
{
	return (unsigned *) PA2KA(frame) + 5;
}

/* Writes into the frame it holds with another, and lets go of it, each time that it is offered one. */
static void holder_main(void *argument)
{
	(void) argument;
	for (unsigned round = 1; round <= HAND_ROUNDS; round++) {
		while (__atomic_load_n(&offered, __ATOMIC_ACQUIRE) != round)
			port_relax();
		*word_of(shared) = round;
		frame_free(shared, 1);
		__atomic_store_n(&freed, round, __ATOMIC_RELAXED);
	}
}

/* With a second holder that is gone at each turn, but has synchronized by nothing else than the frame. */
static void with_second_holder(bool (*then)(unsigned round))
{
	struct test_thread *thread;
	size_t wrong = 0, refused = 0;

	__atomic_store_n(&freed, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&offered, 0, __ATOMIC_RELAXED);
	thread = test_thread_start("holder", holder_main, NULL);
	for (unsigned round = 1; round <= HAND_ROUNDS; round++) {
		shared = frame_alloc(1, 0, 0);
		refused += frame_reference_add(shared) != EOK;
		__atomic_store_n(&offered, round, __ATOMIC_RELEASE);
		while (!is_freed(round))
			port_relax();
		wrong += !then(round);
	}
	test_thread_join(thread);
	CHECK_EQ(wrong, 0);
	CHECK_EQ(refused, 0);
}

/* Frees the frame, too, and is its next owner. */
static bool free_and_allocate(unsigned round)
{
	phys_t again;
	bool kept;

	frame_free(shared, 1);
	again = frame_alloc(1, 0, 0);
	*word_of(again) = ~round;
	kept = *word_of(again) == ~round;
	frame_free(again, 1);
	return kept;
}

TEST(frame_last_holder, "what one holder of a frame wrote is there before another, the last one, frees it",
	.plain_only = "it is about threads", .threads = true)
{
	with_second_holder(free_and_allocate);
}

/* Finds itself the only holder, and writes into the frame. */
static bool write_alone(unsigned round)
{
	bool seen;

	while (frame_is(shared >> PAGE_WIDTH, FRAME_KIND_SHARED))
		port_relax();
	seen = *word_of(shared) == round;
	*word_of(shared) = ~round;
	frame_free(shared, 1);
	return seen;
}

TEST(frame_only_holder, "who finds that a frame is shared no longer sees what the other holder wrote",
	.plain_only = "it is about threads", .threads = true)
{
	with_second_holder(write_alone);
}
