/* SPDX-License-Identifier: BSD-2-Clause */

/* What amd64 saves: the registers of a trap, and of a thread that does not run. */

#ifndef ARCH_KERNEL_H
#define ARCH_KERNEL_H

#include <mm/types.h>

/*
 * The frame that arch/amd64/trap.S builds, lowest address first. The CPU pushes
 * from ip on, always all five, from a stack pointer that it aligns to 16 (SDM
 * vol. 3A, 6.14.2). The size is a multiple of 16, so calls from here are
 * aligned too.
 */
struct trap_frame {
	uintptr_t link_frame, link_pc; /* a stack frame for backtraces: as if the code interrupted had called */
	uintptr_t fault_address;       /* CR2 of a page fault */
	uintptr_t r15, r14, r13, r12, r11, r10, r9, r8;
	uintptr_t di, si, bp, bx, dx, cx, ax;
	uint32_t vector, error; /* one word: the error code is pushed by the CPU and moved up */
	uintptr_t ip, cs, flags;
	uintptr_t sp, ss;
};

_Static_assert(sizeof(struct trap_frame) % 16 == 0, "the stack is aligned to 16 where C is called");

#include <x86/kernel.h>

/** The stack pointer of the code interrupted. */
static inline uintptr_t trap_stack_pointer(const struct trap_frame *frame)
{
	return frame->sp;
}

#endif
