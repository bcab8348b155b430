/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The calls, by register windows (V9, H.1.1): each function that is no leaf has one, whose i6 is its caller's stack
 * pointer and whose i7 is the address of the call. Flushed, it lies at the function's own stack pointer, where the
 * calling convention has room for it; so a stack is a chain, whatever the compiler does with its frames.
 *
 *      sp ->  | locals, ins ... i6 --+->  | locals, ins of the caller ...
 *             | ...    i7 = the call |
 *
 * A function that has not executed its `save` yet, or is a leaf and has none, works in its caller's window, and goes on
 * in o7. Where a trap has interrupted it that is read off its instructions: `save` is among the first ones
 * (-fno-shrink-wrap), and what follows `return` or `restore` is in the caller's window again.
 *
 * The windows of a frame that has saved some (kernel/trap.c reports a stack that is used up) come from there.
 *
 * Nothing is believed: stack pointers lie within the bounds, each above the one before, and are read by probes. Any
 * context.
 */

#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/machine.h>
#include <kernel/symbols.h>
#include <kernel/trap.h>
#include <mm/port.h>

#define INSTRUCTION 4u
/* From a call to where it returns to, behind the delay slot. */
#define CALL_BYTES 8u

/* Instructions: `save`, `restore` and `return`, without their operands (V9, A.46, A.45). */
#define OPERATION 0xc1f80000u
#define SAVE 0x81e00000u
#define RESTORE 0x81e80000u
#define RETURN 0x81c80000u

/* A `save` is no farther behind the beginning of its function. */
#define INSTRUCTIONS_MOST 64u

extern const char trap_return[];

static uint32_t instruction_at(uintptr_t at)
{
	uintptr_t word;

	if (!probe_load(ALIGN_DOWN(at, sizeof(word)), &word))
		return 0;
	return (uint32_t) (at % sizeof(word) == 0 ? word >> 32 : word);
}

/* Whether the function that pc is in has a window of its own there. */
static bool has_window(const struct trap_frame *frame)
{
	uintptr_t pc = frame->pc, at;
	size_t offset;

	if (symbol_name(pc, &offset) == NULL)
		return false;
	if (offset >= INSTRUCTION) {
		uint32_t before = instruction_at(pc - INSTRUCTION) & OPERATION;

		if (before == RETURN || before == RESTORE)
			return false;
	}
	for (at = pc - offset; at < pc && at < pc - offset + INSTRUCTIONS_MOST * INSTRUCTION; at += INSTRUCTION)
		if ((instruction_at(at) & OPERATION) == SAVE)
			return true;
	return false;
}

static bool load(const struct unwind *unwind, uintptr_t at, uintptr_t *value)
{
	return at % sizeof(*value) == 0 && at >= unwind->first && at <= unwind->last &&
		unwind->last - at >= sizeof(*value) - 1 && probe_load(at, value);
}

/* i6 and i7 of the next window. */
static bool window_next(struct unwind *unwind, uintptr_t *stack_pointer, uintptr_t *call)
{
	const struct window *window = (const struct window *) (unwind->stack_pointer + STACK_BIAS);

	if (unwind->frame != NULL) {
		const struct window *saved = &unwind->frame->window[unwind->window++];

		if (unwind->window >= unwind->frame->windows || unwind->window >= WINDOWS - 1)
			unwind->frame = NULL; /* older ones are on the stack */
		*stack_pointer = saved->in[6];
		*call = saved->in[7];
		return true;
	}
	return load(unwind, (uintptr_t) &window->in[6], stack_pointer) && load(unwind, (uintptr_t) &window->in[7], call);
}

/* Goes on in the code that a trap has interrupted: at the caller of the function that pc is in. */
static void enter_trap(struct unwind *unwind, const struct trap_frame *frame)
{
	unwind->stack_pointer = frame->out[REGISTER_SP];
	unwind->frame = frame->windows != 0 ? frame : NULL;
	unwind->window = 0;
	unwind->pc = 0;
	if (has_window(frame))
		return;
	/* In the delay slot of a return the next instruction is the caller's. */
	unwind->pc = frame->out[REGISTER_O7] + CALL_BYTES;
	if ((instruction_at(frame->pc - INSTRUCTION) & OPERATION) == RETURN)
		unwind->pc = frame->next_pc;
}

void unwind_trap(struct unwind *unwind, const struct trap_frame *frame, uintptr_t first, uintptr_t last)
{
	(void) windows_flush();
	*unwind = (struct unwind){ .first = first, .last = last };
	if ((frame->state & TSTATE_PRIV) != 0)
		enter_trap(unwind, frame);
}

void unwind_context(struct unwind *unwind, const struct context *context, uintptr_t first, uintptr_t last)
{
	*unwind = (struct unwind){
		.pc = context->pc + CALL_BYTES, .stack_pointer = context->stack_pointer, .first = first, .last = last
	};
}

/* Whether a return address is the kernel's way out of a trap, whose frame then lies at the window's. */
static bool through_trap(struct unwind *unwind, uintptr_t *pc)
{
	const struct trap_frame *frame = (const struct trap_frame *) (unwind->stack_pointer + STACK_BIAS + STACK_LEAST);
	uintptr_t word;

	if (*pc != (uintptr_t) trap_return || !load(unwind, (uintptr_t) &frame->state, &word) ||
		!load(unwind, (uintptr_t) &frame->windows, &word) || (frame->state & TSTATE_PRIV) == 0)
		return false;
	*pc = frame->pc;
	enter_trap(unwind, frame);
	return true;
}

bool unwind_next(struct unwind *unwind, uintptr_t *pc)
{
	uintptr_t stack_pointer, call;

	if (unwind->pc != 0) {
		*pc = unwind->pc;
		unwind->pc = 0;
		return true;
	}
	if (!window_next(unwind, &stack_pointer, &call) || stack_pointer <= unwind->stack_pointer || call == 0)
		return false;
	unwind->stack_pointer = stack_pointer;
	*pc = call + CALL_BYTES;
	(void) through_trap(unwind, pc);
	return true;
}
