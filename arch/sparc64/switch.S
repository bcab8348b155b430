/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Threads: giving the CPU from one to another. All windows go onto the thread's own stack, and come back from the
 * other's, one by one, as its functions return to them (V9, H.1.1.3).
 */

#include <arch/sparc.h>
#include <offsets.h>

	.register %g2, #scratch
	.register %g3, #scratch

	.text

/* void context_switch(struct context *from, struct context *to) */
	.globl context_switch
context_switch:
	save %sp, -STACK_LEAST, %sp
	flushw
	stx %fp, [%i0 + CONTEXT_SP]
	stx %i7, [%i0 + CONTEXT_PC]
	ldx [%i1 + CONTEXT_PC], %i7
	ldx [%i1 + CONTEXT_SP], %fp
	/* No window can be restored, so that of the other is filled from its stack, which the frame pointer leads to. */
	ret
	restore

/* A new thread's context_switch returns here: l0 = its function, l1 = the argument. */
	.globl context_begin
context_begin:
	call %l0
	mov %l1, %o0
	ta SOFTWARE_BREAKPOINT

/* uintptr_t windows_flush(void) */
	.globl windows_flush
windows_flush:
	save %sp, -STACK_LEAST, %sp
	flushw
	mov %fp, %i0
	ret
	restore

	.section .note.GNU-stack, "", %progbits
