/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The ledger's part for frames and promises: a bit for each frame the core
 * knows, so a case can hold any number in any pattern, and give back any part;
 * and the number of frames promised to it. Bits are set and cleared by atomic
 * operations, in any context.
 */

#include <mm/inject.h>
#include <mm/reserve.h>

#include "test_internal.h"

#define WORD_BITS 32

static uint32_t *frame_bits;
static size_t promised[2]; /* of any frames, of those with a permanent address */

static size_t words(void)
{
	return ((frame_end - FRAME_FIRST) + WORD_BITS - 1) / WORD_BITS;
}

size_t ledger_frames_size(void)
{
	return words() * sizeof(uint32_t);
}

void ledger_frames_open(uint32_t *bits)
{
	frame_bits = bits;
	promised[0] = promised[1] = 0;
}

/* Calls change for each word that has bits of these frames. */
static void for_bits(phys_t base, size_t count, void (*change)(uint32_t *word, uint32_t bits))
{
	size_t at = (base >> PAGE_WIDTH) - FRAME_FIRST;

	while (count > 0) {
		size_t offset = at % WORD_BITS;
		size_t part = WORD_BITS - offset < count ? WORD_BITS - offset : count;
		uint32_t bits = (part == WORD_BITS ? ~UINT32_C(0) : (UINT32_C(1) << part) - 1) << offset;

		change(&frame_bits[at / WORD_BITS], bits);
		at += part;
		count -= part;
	}
}

static void set_bits(uint32_t *word, uint32_t bits)
{
	if ((__atomic_fetch_or(word, bits, __ATOMIC_ACQ_REL) & bits) != 0 && test_fail())
		test_note("a frame was given out that the case holds already: the ledger has 0x%llx of 0x%llx",
			(unsigned long long) *word, (unsigned long long) bits);
}

static void clear_bits(uint32_t *word, uint32_t bits)
{
	if ((__atomic_fetch_and(word, ~bits, __ATOMIC_ACQ_REL) & bits) != bits && test_fail())
		test_note("the case gives back a frame that it does not hold");
}

phys_t test_frame_alloc(size_t count, frame_flags_t flags, phys_t constraint)
{
	phys_t base = frame_alloc(count, flags, constraint);

	if (base != 0)
		for_bits(base, count, set_bits);
	return base;
}

phys_t test_frame_alloc_request(const struct frame_request *request, size_t *taken)
{
	phys_t base = frame_alloc_request(request, taken);

	if (base != 0)
		for_bits(base, *taken, set_bits);
	return base;
}

void test_frame_free(phys_t base, size_t count)
{
	for_bits(base, count, clear_bits);
	frame_free(base, count);
}

/* Frees the frames of one word of bits, run by run. */
static void free_word(size_t number)
{
	uint32_t bits = __atomic_exchange_n(&frame_bits[number], 0, __ATOMIC_ACQ_REL);
	pfn_t first = FRAME_FIRST + number * WORD_BITS;

	while (bits != 0) {
		unsigned start = (unsigned) __builtin_ctz(bits);
		uint32_t rest = ~(bits >> start);
		unsigned length = rest == 0 ? WORD_BITS : (unsigned) __builtin_ctz(rest);

		frame_free((phys_t) (first + start) << PAGE_WIDTH, length);
		bits &= start + length == WORD_BITS ? 0 : ~UINT32_C(0) << (start + length);
	}
}

void test_free_all_frames(void)
{
	for (size_t i = 0; i < words(); i++)
		if (frame_bits[i] != 0)
			free_word(i);
}

/* ---- promises ---- */

errno_t test_reserve_try(size_t frames, frame_flags_t flags)
{
	errno_t error = reserve_try(frames, flags);

	if (error == EOK)
		__atomic_add_fetch(&promised[!frame_may_be_high(flags)], frames, __ATOMIC_RELAXED);
	return error;
}

void test_reserve_used(size_t frames, frame_flags_t flags)
{
	__atomic_sub_fetch(&promised[!frame_may_be_high(flags)], frames, __ATOMIC_RELAXED);
}

void test_reserve_free(size_t frames, frame_flags_t flags)
{
	test_reserve_used(frames, flags);
	reserve_free(frames, flags);
}

/* ---- all frames ---- */

bool test_has_high_memory(void)
{
	struct zone_info zone;
	bool has = false;

	for (size_t i = 0; zone_get(i, &zone); i++)
		has |= zone.kind == ZONE_HIGH;
	return has;
}

size_t test_free_frames(frame_flags_t flags)
{
	struct zone_info zone;
	struct frame_info info;
	size_t frames = 0;

	for (size_t i = 0; zone_get(i, &zone); i++)
		if (flags & FRAME_DMA ? zone.kind == ZONE_DMA : zone.kind != ZONE_HIGH || (flags & FRAME_HIGHMEM) != 0)
			frames += zone.free;
	frame_get_info(&info);
	return frames + info.cached - (frame_may_be_high(flags) ? 0 : info.cached_high);
}

/* Takes at most so many in one piece. @return 0 if there are none */
static size_t take_piece(size_t most, frame_flags_t flags)
{
	struct frame_request request = FRAME_REQUEST(1, flags | FRAME_ATOMIC | FRAME_NO_RECLAIM);
	size_t taken;

	request.max = most;
	return test_frame_alloc_request(&request, &taken) != 0 ? taken : 0;
}

size_t test_leave_frames(size_t left, frame_flags_t flags)
{
	size_t taken = 0, piece = 1, there;
	bool armed =
		__atomic_exchange_n(&inject_armed, false, __ATOMIC_SEQ_CST); /* what is out of the way is not the case's */

	while (frame_reclaim(RECLAIM_FULL, true) != 0) /* each frees a bounded number */
		;
	while (piece != 0 && (there = test_free_frames(flags)) > left) {
		piece = take_piece(there - left, flags);
		taken += piece;
	}
	__atomic_store_n(&inject_armed, armed, __ATOMIC_SEQ_CST);
	return taken;
}

size_t test_take_all_frames(frame_flags_t flags)
{
	return test_leave_frames(0, flags);
}

void ledger_frames_settle(void)
{
	reserve_free(promised[0], FRAME_HIGHMEM);
	reserve_free(promised[1], FRAME_LOWMEM);
	promised[0] = promised[1] = 0;
	test_free_all_frames();
}
