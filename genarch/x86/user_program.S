/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The program with which user mode is probed (kernel/machine.h, enum user_step).
 * It is copied to a page of its own, and jumps within itself only. Neither PUSH, POP,
 * MOV nor LEA changes a flag. The stack segment stands in for DS, which may be empty.
 */

#include <arch/user.h>
#include <x86/selectors.h>
#include <x86/user.h>
#include <x86/vectors.h>

.macro system_call
	int $VECTOR_SYSTEM_CALL
.endm

	.section .rodata

	.globl user_program_start, user_program_end
	.globl user_store, user_load, user_spin, user_read, user_write, user_breakpoint, user_litter
	.globl user_privileged_start, user_privileged_umip, user_privileged_end
	.balign 16
user_program_start:

user_litter:
	mov $USER_DATA_SELECTOR, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %fs
	mov %eax, %gs
	push $FLAGS_FREE
	popf
	system_call

user_load:
	pop_registers
	popf
	lea -USER_REGISTERS_SIZE(%native_sp), %native_sp
	system_call
user_store:
	lea USER_REGISTERS_SIZE(%native_sp), %native_sp
	pushf
	push_registers
	system_call

user_spin:
	jmp user_spin

user_read:
	mov %ss:(%native_ax), %native_ax
	system_call

user_write:
	mov %native_ax, %ss:(%native_ax)
	system_call

user_breakpoint:
	int3
	system_call

/* One instruction each. */
	.balign PRIVILEGED_SIZE
user_privileged_start:
	hlt
	.balign PRIVILEGED_SIZE
	cli
	.balign PRIVILEGED_SIZE
	in $0x80, %al
	.balign PRIVILEGED_SIZE
	mov %cr0, %native_ax
	.balign PRIVILEGED_SIZE
	mov %native_ax, %cr3
	.balign PRIVILEGED_SIZE
	wrmsr
	.balign PRIVILEGED_SIZE
	ltr %ax
	.balign PRIVILEGED_SIZE
	mov %native_ax, %dr7
	.balign PRIVILEGED_SIZE
	int $VECTOR_IRQ /* as if a device had interrupted */
	.balign PRIVILEGED_SIZE
	int $VECTOR_PAGE_FAULT /* as if a page were missing: without an error code */
	.balign PRIVILEGED_SIZE
	fninit
	.balign PRIVILEGED_SIZE
	xorps %xmm0, %xmm0
	.balign PRIVILEGED_SIZE
#ifdef __x86_64__
	swapgs
	.balign PRIVILEGED_SIZE
	rdgsbase %rax
	.balign PRIVILEGED_SIZE
	syscall
	.balign PRIVILEGED_SIZE
#endif
/* From here on, if the CPU has UMIP. */
user_privileged_umip:
	sgdt -64(%native_sp)
	.balign PRIVILEGED_SIZE
	smsw %ax
	.balign PRIVILEGED_SIZE
user_privileged_end:

user_program_end:

	.section .note.GNU-stack, "", %progbits
