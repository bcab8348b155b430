/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Threads: giving the CPU from one to another. Only what a C function must
 * preserve is saved (System V ABI, AMD64 supplement, figure 3.4): the call
 * itself has saved the rest.
 */

#include <offsets.h>

	.text

/* void context_switch(struct context *from, struct context *to) */
	.globl context_switch
context_switch:
	push %rbp
	push %rbx
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, CONTEXT_SP(%rdi)
	mov CONTEXT_SP(%rsi), %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbx
	pop %rbp
	ret

/* A new thread's context_switch returns here: rbx = its function, r12 = the argument. rbp is 0: backtraces end. */
	.globl context_begin
context_begin:
	mov %r12, %rdi
	call *%rbx
	ud2

	.section .note.GNU-stack, "", %progbits
