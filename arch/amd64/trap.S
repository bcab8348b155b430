/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Into the kernel and out again: every trap builds a struct trap_frame
 * (arch/kernel.h) and calls trap_dispatch with it.
 *
 * Out of user mode the CPU takes the stack from the TSS, and SWAPGS exchanges
 * the user's GS base for the kernel's, and back on the way out. Gates turn
 * interrupts off (SDM vol. 3A, 6.14.1), so no interrupt comes in between; but
 * NMI, debug exception, machine check and double fault may. They come on
 * stacks of their own (IST), and see by the GS base itself whose it is: the
 * kernel's is negative, and user mode cannot set a negative one (CR4.FSGSBASE is
 * off). Out of user mode, though, their CS cannot lie: they move to the thread's
 * stack and take the way of all others, for the thread may be preempted then, and
 * the next may come on the interrupt stack.
 *
 * DS, ES, FS and GS mean nothing in 64-bit mode, so no frame has them: a trap out
 * of user mode empties them, lest one thread sees what another has loaded.
 */

#include <offsets.h>
#include <x86/vectors.h>

/* What C code begins with: neither the direction flag nor the one that lets the kernel touch the user's pages. */
#define FLAGS_KERNEL 0x2

#define MSR_GS_BASE 0xc0000101

	.text

/*
 * One entry a vector, all of one size. The low half of the word below ip
 * receives the vector, the high half the error code, which is 0 where the CPU
 * has pushed none.
 */
	.globl trap_entries
	.balign TRAP_ENTRY_SIZE
trap_entries:
	.set vector, 0
	.rept VECTORS
	.balign TRAP_ENTRY_SIZE
	.if vector >= 32
	pushq $vector
	.elseif !(VECTORS_WITH_ERROR >> vector & 1)
	pushq $vector
	.else
	shlq $32, (%rsp)
	movb $vector, (%rsp)
	.endif
	.if vector == VECTOR_PAGE_FAULT
	jmp trap_page_fault
	.elseif vector == VECTOR_DOUBLE_FAULT
	jmp trap_double_fault
	.elseif vector == VECTOR_NMI || vector == VECTOR_DEBUG || vector == VECTOR_MACHINE_CHECK
	jmp trap_anywhere
	.else
	jmp trap
	.endif
	.set vector, vector + 1
	.endr

/* The lower part of the frame; the CPU and the entry have made the upper one. Leaves %rsp and %rbp at the frame. */
.macro save_registers fault
	push %rax
	push %rcx
	push %rdx
	push %rbx
	push %rbp
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	push %r12
	push %r13
	push %r14
	push %r15
	pushq $FLAGS_KERNEL
	popfq
	.if \fault
	mov %cr2, %rax
	push %rax
	.else
	push $0
	.endif
	pushq FRAME_IP - 16(%rsp) /* the stack pointer is 16 above the frame's begin */
	push %rbp
	mov %rsp, %rbp
.endm

.macro dispatch
	mov %rsp, %rdi
	call trap_dispatch
	add $FRAME_REGISTERS, %rsp
.endm

.macro restore_registers
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rbp
	pop %rbx
	pop %rdx
	pop %rcx
	pop %rax
.endm

trap_page_fault:
	save_registers fault=1
	jmp 1f
trap:
	save_registers fault=0
1:	testb $3, FRAME_CS(%rbp)
	jz 2f
	xor %eax, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	mov %eax, %gs /* the user's base, which is 0 */
	swapgs
2:	dispatch
leave:
	restore_registers
	testb $3, FRAME_CS - FRAME_VECTOR(%rsp)
	jz 3f
	swapgs
3:	add $(FRAME_IP - FRAME_VECTOR), %rsp
	iretq

trap_double_fault:
	save_registers fault=1
	jmp 1f
trap_anywhere:
	testb $3, FRAME_CS - FRAME_VECTOR(%rsp)
	jnz trap_anywhere_user
	save_registers fault=0
1:	mov $MSR_GS_BASE, %ecx
	rdmsr
	mov %edx, %ebx /* kept by what is called */
	test %ebx, %ebx
	js 2f
	swapgs
2:	dispatch
	test %ebx, %ebx
	js 3f
	swapgs
3:	restore_registers
	add $(FRAME_IP - FRAME_VECTOR), %rsp
	iretq

/* Copies what the CPU and the entry have pushed (vector, ip, cs, flags, sp, ss) to the thread's stack. */
trap_anywhere_user:
	push %rax
	mov %rsp, %rax
	swapgs
	mov %gs:CPU_STACK, %rsp
	swapgs
	.rept 6
	push 6 * 8(%rax)
	sub $8, %rax
	.endr
	mov 6 * 8(%rax), %rax
	jmp trap

/* void user_enter(struct trap_frame *frame) */
	.globl user_enter
user_enter:
	lea FRAME_REGISTERS(%rdi), %rsp
	jmp leave

	.section .note.GNU-stack, "", %progbits
