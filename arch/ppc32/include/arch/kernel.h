/* SPDX-License-Identifier: BSD-2-Clause */

/* What ppc32 saves: the registers of a trap, and of a thread that does not run. */

#ifndef ARCH_KERNEL_H
#define ARCH_KERNEL_H

#include <mm/types.h>

/* The frame that arch/ppc32/trap.S builds. */
struct trap_frame {
	uint32_t link_frame, link_register, unused[2]; /* a stack frame: the back chain leads to the code interrupted */
	uint32_t registers[32];
	uint32_t pc, msr; /* SRR0 and SRR1 */
	uint32_t cr, lr, ctr, xer;
	uint32_t fault_address, fault_status; /* DAR and DSISR */
	uint32_t vector;
	uint32_t line; /* of an interrupt */
	uint32_t vrsave, unused_too;
};

/* Stacks of threads in the kernel, which grow downwards (kernel/machine.h). */
#define THREAD_STACK_SIZE (CONFIG_DEBUG ? KiB(16) : KiB(8))
#define THREAD_STACK_LEAST (CONFIG_DEBUG ? KiB(4) : KiB(2))
#define THREAD_STACK_DIRECT 1
#define THREAD_STACK_CANARY 0

/* The stack that the first CPU has from the boot code. */
extern char boot_stack[], boot_stack_end[];

/* A thread that does not run: its registers are on its stack, as context_switch saves them. */
struct context {
	uintptr_t stack_pointer;
};

/* Words that __builtin_setjmp fills in. */
#define SETJMP_WORDS 6

/* Where a backtrace is (arch/ppc32/unwind.c). */
struct unwind {
	uintptr_t pc;          /* if it is not 0, where the next caller goes on, and */
	uintptr_t frame;       /* its stack frame; otherwise the frame of the function before it */
	uintptr_t first, last; /* what may be read */
};

/** In the function that calls this; see kernel/machine.h. */
static inline __attribute__((always_inline)) void unwind_here(struct unwind *unwind, uintptr_t first, uintptr_t last)
{
	*unwind = (struct unwind){ .frame = (uintptr_t) __builtin_frame_address(0), .first = first, .last = last };
}

#endif
