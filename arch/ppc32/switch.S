/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Threads: giving the CPU from one to another. Only what a C function must preserve is saved (System V ABI, PowerPC
 * supplement, figure 3-22): r13 to r31 and CR; the frame is one that backtraces go through.
 */

#include <offsets.h>

#define SIZE 96 /* the back chain, the link register of whom it calls, r13 to r31, CR; a multiple of 16 */

	.text

/* void context_switch(struct context *from, struct context *to) */
	.globl context_switch
context_switch:
	mflr r0
	stw r0, 4(r1)
	stwu r1, -SIZE(r1)
	stmw r13, 8(r1)
	mfcr r0
	stw r0, 84(r1)
	stw r1, CONTEXT_SP(r3)
	lwz r1, CONTEXT_SP(r4)
	lwz r0, 84(r1)
	mtcr r0
	lmw r13, 8(r1)
	lwz r0, SIZE + 4(r1)
	mtlr r0
	addi r1, r1, SIZE
	blr

/* A new thread's context_switch returns here: r31 = its function, r30 = the argument. Its back chain is 0. */
	.globl context_begin
context_begin:
	mr r3, r30
	mtctr r31
	bctrl
	trap

	.section .note.GNU-stack, "", %progbits
