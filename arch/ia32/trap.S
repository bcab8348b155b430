/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Into the kernel and out again: every trap builds a struct trap_frame
 * (arch/kernel.h) and calls trap_dispatch with it.
 *
 * Out of user mode the CPU takes the stack from the TSS, and the segment
 * registers are the user's till they are loaded here (the kernel does not use
 * %fs: it is empty then); out of the kernel they are the kernel's already. NMI,
 * debug exception and machine check may hit the very instructions in between, so
 * for them CS says nothing, and they always load and restore all. Gates turn
 * interrupts off (SDM vol. 3A, 6.12.1.3), so nothing else can.
 *
 * A double fault comes by a task gate, on a stack of its own: nothing is
 * assumed of the old one.
 */

#include <config.h>
#include <offsets.h>
#include <x86/selectors.h>
#include <x86/vectors.h>

/* What C code begins with: neither the direction flag nor the one that lets the kernel touch the user's pages. */
#define FLAGS_KERNEL 0x2

	.text

/* One entry a vector, all of one size; what the CPU has not pushed as an error code is pushed as 0. */
	.globl trap_entries
	.balign TRAP_ENTRY_SIZE
trap_entries:
	.set vector, 0
	.rept VECTORS
	.balign TRAP_ENTRY_SIZE
	.if vector >= 32
	push $0
	.elseif !(VECTORS_WITH_ERROR >> vector & 1)
	push $0
	.endif
	push $vector
	.if vector == VECTOR_PAGE_FAULT
	jmp trap_page_fault
	.elseif vector == VECTOR_NMI || vector == VECTOR_DEBUG || vector == VECTOR_MACHINE_CHECK
	jmp trap_anywhere
	.else
	jmp trap
	.endif
	.set vector, vector + 1
	.endr

.macro load_kernel_segments
	mov $KERNEL_DATA_SELECTOR, %eax
	mov %eax, %ds
	mov %eax, %es
	mov $CPU_SELECTOR, %eax
	mov %eax, %gs
	xor %eax, %eax
	mov %eax, %fs
.endm

/* The lower part of the frame; the CPU and the entry have made the upper one. Leaves %esp and %ebp at the frame. */
.macro save_registers fault
	push %ds
	push %es
	push %fs
	push %gs
	pusha
	pushl $FLAGS_KERNEL
	popf
	.if \fault
	mov %cr2, %eax
	push %eax
	.else
	push $0
	.endif
	pushl FRAME_IP - 8(%esp) /* the stack pointer is 8 above the frame's begin */
	push %ebp
	mov %esp, %ebp
.endm

.macro dispatch
	push %esp
	call trap_dispatch
	lea FRAME_REGISTERS(%ebp), %esp
.endm

trap_page_fault:
	save_registers fault=1
	jmp 1f
trap:
	save_registers fault=0
1:	testb $3, FRAME_CS(%ebp)
	jz 2f
	load_kernel_segments
#if CONFIG_STACKS_DIRECT
	jmp 3f
2:	cmp %gs:CPU_STACK_LIMIT, %esp
	jb overflow
3:
#else
2:
#endif
	dispatch
	testb $3, FRAME_CS - FRAME_REGISTERS(%esp)
	jnz restore_all
	popa
	add $(FRAME_IP - FRAME_SEGMENTS), %esp
	iret

#if CONFIG_STACKS_DIRECT
/* The kernel's stack is used up: go on with that of the double fault, and never look again (kernel/machine.h). */
overflow:
	movl $0, %gs:CPU_STACK_LIMIT
	mov %gs:CPU_SELF, %esp
	add $CPU_OVERFLOW_STACK, %esp
	push %ebp
	call trap_overflow
#endif

trap_anywhere:
	save_registers fault=0
	load_kernel_segments
	dispatch
restore_all:
	popa
	pop %gs
	pop %fs
	pop %es
	pop %ds
	add $(FRAME_IP - FRAME_VECTOR), %esp
	iret

/* void user_enter(struct trap_frame *frame) */
	.globl user_enter
user_enter:
	mov 4(%esp), %esp
	add $FRAME_REGISTERS, %esp
	jmp restore_all

/* The double fault's task begins here, with the error code (0) pushed. Its registers are those of its TSS. */
	.globl double_fault_entry
double_fault_entry:
	call double_fault

	.section .note.GNU-stack, "", %progbits
