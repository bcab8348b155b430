/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Threads: giving the CPU from one to another. Only what a C function must
 * preserve is saved (System V ABI, i386 supplement): the call itself has saved
 * the rest.
 */

#include <offsets.h>

	.text

/* void context_switch(struct context *from, struct context *to) */
	.globl context_switch
context_switch:
	mov 4(%esp), %eax
	mov 8(%esp), %edx
	push %ebp
	push %ebx
	push %esi
	push %edi
	mov %esp, CONTEXT_SP(%eax)
	mov CONTEXT_SP(%edx), %esp
	pop %edi
	pop %esi
	pop %ebx
	pop %ebp
	ret

/* A new thread's context_switch returns here: ebx = its function, esi = the argument. ebp is 0: backtraces end. */
	.globl context_begin
context_begin:
	push %esi
	call *%ebx
	ud2

	.section .note.GNU-stack, "", %progbits
