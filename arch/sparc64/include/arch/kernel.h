/* SPDX-License-Identifier: BSD-2-Clause */

/* What sparc64 saves: the registers of a trap, and of a thread that does not run. */

#ifndef ARCH_KERNEL_H
#define ARCH_KERNEL_H

#include <arch/sparc.h>
#include <kernel/registers.h>
#include <mm/types.h>

/* A register window as it is in memory: at the stack pointer of its function and STACK_BIAS. */
struct window {
	uintptr_t local[8], in[8];
};

/*
 * The frame that arch/sparc64/entry.S builds. A trap out of user mode saves all of the program's windows, its own
 * first, so that none is left in the CPU; one out of the kernel saves none, since they get to their stacks as windows
 * do. One that has no stack (kernel/trap.c, "overflowed") saves them, too.
 */
struct trap_frame {
	uintptr_t global[8]; /* 0 is none */
	uintptr_t out[8];
	uintptr_t state, pc, next_pc, type; /* TSTATE, TPC, TNPC, TT */
	uintptr_t ccr, asi;                 /* of TSTATE; those in `state` do not count */
	uintptr_t y, fprs;
	uintptr_t address, status; /* of the fault; SFSR */
	uintptr_t windows, unused; /* how many are saved */
	struct window window[WINDOWS - 1];
};

enum { REGISTER_SP = 6, REGISTER_O7 = 7 };

/* Stacks of threads in the kernel, which grow downwards (kernel/machine.h). */
#define THREAD_STACK_SIZE (CONFIG_DEBUG ? KiB(32) : KiB(16))
#define THREAD_STACK_LEAST KiB(2)
#define THREAD_STACK_CANARY 0

/* The stack of the boot code, from its lowest address on. */
extern char boot_stack[], boot_stack_end[];

/* A thread that does not run: the rest of its registers lies on its stack, as windows do. */
struct context {
	uintptr_t stack_pointer, pc; /* of context_switch's caller, with the bias; the call */
};

/* Words that __builtin_setjmp fills in. */
#define SETJMP_WORDS 6

/* Where a backtrace is (arch/sparc64/unwind.c). */
struct unwind {
	uintptr_t pc;                   /* if it is not 0, where the next caller goes on, and */
	uintptr_t stack_pointer;        /* its stack pointer, with the bias; otherwise that of the function before it */
	const struct trap_frame *frame; /* whose windows are the next ones; NULL if they are on the stack */
	unsigned window;
	uintptr_t first, last; /* what may be read */
};

/* In switch.S: puts all windows but the current one onto the stack. @return the caller's stack pointer */
uintptr_t windows_flush(void);

/** In the function that calls this; see kernel/machine.h. */
static inline __attribute__((always_inline)) void unwind_here(struct unwind *unwind, uintptr_t first, uintptr_t last)
{
	*unwind = (struct unwind){ .stack_pointer = windows_flush(), .first = first, .last = last };
}

/* ---- between the parts of the machine ---- */

extern const struct trap_register trap_registers[];

/* What assembly calls for a trap. */
void sparc_trap(struct trap_frame *frame);

#endif
