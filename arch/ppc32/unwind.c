/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The calls, by the back chain (System V ABI, PowerPC supplement, 3-20): a stack
 * frame begins with the address of the one before it, its caller's; the word behind
 * that is for those that the function calls, to save where they go on.
 *
 *      r1 ->  | caller's frame       --+->  | its caller's, or 0
 *             | (for what it calls)    |    | where the function that r1 is of goes on, in its caller
 *
 * A function makes its frame and saves its link register in some of its first
 * instructions, and undoes that in its last ones; one that calls nothing saves no link
 * register. Where a trap has interrupted it, that is read off its instructions, from its
 * beginning to there (function_state).
 *
 * A trap's frame (struct trap_frame) begins with a stack frame, whose caller is the code
 * interrupted; what ppc_trap has saved in it is trap_return.
 *
 * Nothing is believed: a frame is a multiple of 16 bytes, within the bounds, and above
 * the one before, and its words are read by probes. Any context.
 */

#include <arch/kernel.h>
#include <arch/machine.h>
#include <arch/mm.h>
#include <kernel/machine.h>
#include <kernel/symbols.h>
#include <kernel/trap.h>

#define WORD 4u
#define FRAME_ALIGN 16u

/* Instructions; the fields that vary are 0. */
#define MFLR 0x7c0802a6u /* mflr rD */
#define MTLR 0x7c0803a6u /* mtlr rS */
#define REGISTER_MASK 0x03e00000u
#define STWU 0x94210000u       /* stwu r1, d(r1) */
#define STWUX 0x7c21016eu      /* stwux r1, r1, rB */
#define STORE_LINK 0x90010000u /* stw r0, d(r1) */
#define ADDI 0x38210000u       /* addi r1, r1, d; d is not below 0 */
#define LOAD_CHAIN 0x80210000u /* lwz r1, 0(r1) */
#define MR_R1_R11 0x7d615b78u  /* mr r1, r11 */
#define BLR 0x4e800020u
#define BRANCH 0x48000000u /* b; not bl */
#define BRANCH_MASK 0xfc000001u

/* No function is longer, as far as is looked. */
#define INSTRUCTIONS_MOST 16384u

/* At an instruction of a function: whether r1 is its frame's, and its frame's caller has its link register. */
struct state {
	bool has_frame, has_saved;
};

static bool makes_frame(uint32_t word)
{
	return (word & 0xffff0000u) == STWU || (word & ~(31u << 11)) == STWUX;
}

static bool ends_frame(uint32_t word)
{
	return word == LOAD_CHAIN || word == MR_R1_R11 || ((word & 0xffff8000u) == ADDI);
}

/* What comes behind a return, or a jump out of a function that has ended its frame, is as before its end. */
static struct state function_state(uintptr_t start, uintptr_t pc)
{
	struct state state = { false, false }, within = state;
	bool link_in_r0 = false, ends = false;

	for (uintptr_t at = start; at < pc && at < start + INSTRUCTIONS_MOST * WORD; at += WORD) {
		uintptr_t word;

		if (!probe_load(at, &word))
			break;
		if ((word & ~REGISTER_MASK) == MFLR) {
			link_in_r0 = (word & REGISTER_MASK) == 0;
		} else if (makes_frame(word)) {
			state.has_frame = within.has_frame = true;
		} else if ((word & 0xffff0000u) == STORE_LINK && link_in_r0) {
			state.has_saved = within.has_saved = true;
			link_in_r0 = false;
		} else if ((word & ~REGISTER_MASK) == MTLR) {
			state.has_saved = false;
			ends = true;
		} else if (ends_frame(word)) {
			state.has_frame = false;
			ends = true;
		} else if (word == BLR || ((word & BRANCH_MASK) == BRANCH && ends)) {
			state = within;
			ends = false;
		}
	}
	return state;
}

static bool frame_word(const struct unwind *unwind, uintptr_t frame, uintptr_t offset, uintptr_t *word)
{
	return frame != 0 && frame % FRAME_ALIGN == 0 && frame >= unwind->first && frame <= unwind->last &&
		unwind->last - frame >= 2 * WORD - 1 && probe_load(frame + offset, word);
}

/* Goes on in the code that a trap has interrupted: at the caller of the function that pc is in. */
static void enter_trap(struct unwind *unwind, const struct trap_frame *frame)
{
	uintptr_t saved;
	size_t offset;
	struct state state = { false, false }; /* in no function: a call to nowhere */

	if (symbol_name(frame->pc, &offset) != NULL)
		state = function_state(frame->pc - offset, frame->pc);
	unwind->frame = frame->registers[1];
	unwind->pc = 0;
	if (state.has_frame && !frame_word(unwind, unwind->frame, 0, &unwind->frame))
		return;
	if (!state.has_saved)
		unwind->pc = frame->lr;
	else if (frame_word(unwind, unwind->frame, WORD, &saved))
		unwind->pc = saved;
}

void unwind_trap(struct unwind *unwind, const struct trap_frame *frame, uintptr_t first, uintptr_t last)
{
	*unwind = (struct unwind){ .first = first, .last = last };
	if ((frame->msr & MSR_PR) == 0)
		enter_trap(unwind, frame);
}

void unwind_context(struct unwind *unwind, const struct context *context, uintptr_t first, uintptr_t last)
{
	*unwind = (struct unwind){ .frame = context->stack_pointer, .first = first, .last = last };
}

/* A return address has been found: whether it is the kernel's way out of a trap, whose frame is then at `frame`. */
static bool through_trap(struct unwind *unwind, uintptr_t pc, uintptr_t *interrupted)
{
	const struct trap_frame *frame = (const struct trap_frame *) unwind->frame;
	uintptr_t last;

	if (pc != (uintptr_t) trap_return || !frame_word(unwind, unwind->frame, sizeof(*frame) - WORD, &last) ||
		(frame->msr & MSR_PR) != 0)
		return false;
	*interrupted = frame->pc;
	enter_trap(unwind, frame);
	return true;
}

bool unwind_next(struct unwind *unwind, uintptr_t *pc)
{
	uintptr_t caller, goes_on;

	if (unwind->pc != 0) {
		*pc = unwind->pc;
		unwind->pc = 0;
		return true;
	}
	if (!frame_word(unwind, unwind->frame, 0, &caller) || caller <= unwind->frame ||
		!frame_word(unwind, caller, WORD, &goes_on) || goes_on == 0)
		return false;
	unwind->frame = caller;
	*pc = goes_on;
	(void) through_trap(unwind, goes_on, pc);
	return true;
}
