/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Threads: giving the CPU from one to another. Only what a C function must preserve
 * is saved (AAPCS, 5.1.1); ip keeps the stack aligned to 8. CLREX: a store-exclusive of
 * the next thread must not end what the last one has begun (A3.4.4).
 */

#include <offsets.h>

	.text

/* void context_switch(struct context *from, struct context *to) */
	.globl context_switch
	.type context_switch, %function
context_switch:
	push {r4-r11, ip, lr}
	clrex
	str sp, [r0, #CONTEXT_SP]
	ldr sp, [r1, #CONTEXT_SP]
	pop {r4-r11, ip, pc}

/* A new thread's context_switch returns here: r4 = its function, r5 = the argument. fp is 0: backtraces end. */
	.globl context_begin
	.type context_begin, %function
context_begin:
	mov r0, r5
	blx r4
	udf #0

	.section .note.GNU-stack, "", %progbits
