/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The calls, by frame pointers, which all of the kernel is compiled with:
 * a stack frame begins with the address of its caller's, and the word above it is
 * where the caller goes on.
 *
 *      frame ->  | frame of the caller  --+->  | its caller's, or 0
 *                | return address       |      | return address
 *
 * The frame of a trap begins with such a pair, as if the code interrupted had
 * called (arch/<machine>/trap.S). A saved frame pointer of 0 is the end.
 *
 * Nothing is believed: a frame is a multiple of a word, within the bounds, and
 * above the one before, and its words are read by probes. Any context.
 */

#include <arch/kernel.h>
#include <kernel/machine.h>
#include <kernel/trap.h>

#define WORD sizeof(uintptr_t)

void unwind_trap(struct unwind *unwind, const struct trap_frame *frame, uintptr_t first, uintptr_t last)
{
	*unwind = (struct unwind){ .frame = frame->bp, .first = first, .last = last };
}

void unwind_context(struct unwind *unwind, const struct context *context, uintptr_t first, uintptr_t last)
{
	*unwind = (struct unwind){ .frame = machine_context_frame(context), .first = first, .last = last };
}

static bool is_within(const struct unwind *unwind)
{
	uintptr_t frame = unwind->frame;

	return frame != 0 && frame % WORD == 0 && frame >= unwind->first && frame <= unwind->last &&
		unwind->last - frame >= 2 * WORD - 1;
}

bool unwind_next(struct unwind *unwind, uintptr_t *pc)
{
	uintptr_t frame = unwind->frame, caller, goes_on;

	if (!is_within(unwind) || !probe_load(frame, &caller) || !probe_load(frame + WORD, &goes_on) || goes_on == 0)
		return false;
	unwind->frame = caller > frame ? caller : 0;
	*pc = goes_on;
	return true;
}
