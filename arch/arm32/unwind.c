/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The calls, by frames of the ARM Procedure Call Standard, which all functions in C have
 * (-mapcs-frame -fno-omit-frame-pointer; of leaf functions, too): a function begins with
 *
 *     mov ip, sp                           fp ->       pc: an address in the function
 *     push {..., fp, ip, lr, pc}           fp - 4      lr: where the caller goes on
 *     sub fp, ip, #4                       fp - 8      sp of the caller
 *                                          fp - 12     fp of the caller; 0 at the end
 *
 * A TRAP may come within these three, when fp is still the caller's and lr not saved, or at an
 * address that is no code at all, after a jump there: then the caller is where lr leads. Where a
 * trace meets the return address of trap_dispatch, fp is the address of the trap's frame (trap.S).
 *
 * Nothing is believed: a frame is a multiple of a word, within the bounds, and above the one
 * before, and its words are read by probes. Any context.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <kernel/machine.h>
#include <kernel/trap.h>

#define WORD sizeof(uintptr_t)

/* The three instructions; of the second, the bits that say push, and that fp, ip, lr and pc are among them. */
#define MOVE_IP 0xe1a0c00du
#define PUSH 0xe92dd800u
#define PUSH_BITS 0xffffd800u
#define SET_FP 0xe24cb004u

extern const char trap_dispatched[];

/* Whether the function that pc is in has not got its frame yet. */
static bool is_frameless(uintptr_t pc)
{
	uint32_t instruction;

	if (pc - (uintptr_t) image_start >= (size_t) (image_text_end - image_start) || pc % WORD != 0)
		return true;
	instruction = *(const uint32_t *) pc;
	return instruction == MOVE_IP || (instruction & PUSH_BITS) == PUSH || instruction == SET_FP;
}

void unwind_trap(struct unwind *unwind, const struct trap_frame *frame, uintptr_t first, uintptr_t last)
{
	*unwind = (struct unwind){
		.next = is_frameless(frame->pc) ? frame->lr : 0, .fp = frame->r[11], .first = first, .last = last
	};
}

/* As context_switch pushes them: r4 to r11, ip, lr. */
void unwind_context(struct unwind *unwind, const struct context *context, uintptr_t first, uintptr_t last)
{
	const uintptr_t *saved = (const uintptr_t *) context->stack_pointer;

	*unwind = (struct unwind){ .next = saved[9], .fp = saved[7], .first = first, .last = last };
}

static bool is_within(const struct unwind *unwind, uintptr_t at, size_t bytes)
{
	return at != 0 && at % WORD == 0 && at >= unwind->first && at <= unwind->last && unwind->last - at >= bytes - 1;
}

/* Goes on with what a trap has interrupted. */
static void pass_trap(struct unwind *unwind)
{
	struct trap_frame *frame = (struct trap_frame *) unwind->fp;
	uintptr_t pc, fp;

	unwind->fp = 0;
	if (!is_within(unwind, (uintptr_t) frame, sizeof(*frame)) || !probe_load((uintptr_t) &frame->pc, &pc) ||
		!probe_load((uintptr_t) &frame->r[11], &fp))
		return;
	unwind->next = pc;
	unwind->fp = fp;
}

bool unwind_next(struct unwind *unwind, uintptr_t *pc)
{
	uintptr_t fp = unwind->fp, caller, goes_on = unwind->next;

	if (goes_on != 0) {
		unwind->next = 0;
	} else {
		if (fp < 4 * WORD || !is_within(unwind, fp - 3 * WORD, 4 * WORD) || !probe_load(fp - 3 * WORD, &caller) ||
			!probe_load(fp - WORD, &goes_on) || goes_on == 0)
			return false;
		unwind->fp = caller > fp ? caller : 0;
	}
	*pc = goes_on;
	if (goes_on == (uintptr_t) trap_dispatched)
		pass_trap(unwind);
	return true;
}
