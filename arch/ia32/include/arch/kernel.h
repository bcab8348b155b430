/* SPDX-License-Identifier: BSD-2-Clause */

/* What ia32 saves: the registers of a trap, and of a thread that does not run. */

#ifndef ARCH_KERNEL_H
#define ARCH_KERNEL_H

#include <mm/types.h>

/*
 * The frame that arch/ia32/trap.S builds, lowest address first. The CPU pushes
 * from ip on (SDM vol. 3A, 6.12.1); sp and ss only if the trap came out of user
 * mode (or, made up, in the report of a double fault).
 */
struct trap_frame {
	uintptr_t link_frame, link_pc; /* a stack frame for backtraces: as if the code interrupted had called */
	uintptr_t fault_address;       /* CR2 of a page fault */
	uintptr_t di, si, bp, ignored_sp, bx, dx, cx, ax; /* as PUSHA has it */
	uintptr_t gs, fs, es, ds;
	uint32_t vector, error;
	uintptr_t ip, cs, flags;
	uintptr_t sp, ss;
};

/* STACKS=direct: as a machine has them that fills its TLB by software (kernel/machine.h). */
#define THREAD_STACK_DIRECT CONFIG_STACKS_DIRECT

#include <x86/kernel.h>

/** The stack pointer of the code interrupted. */
static inline uintptr_t trap_stack_pointer(const struct trap_frame *frame)
{
	bool pushed = (frame->cs & 3) != 0 || frame->vector == VECTOR_DOUBLE_FAULT;

	return pushed ? frame->sp : (uintptr_t) &frame->sp;
}

#endif
