/* SPDX-License-Identifier: BSD-2-Clause */

/* For the assembler: the registers of amd64, for genarch/x86/user_program.S. */

/* This is assembly: */
/* clang-format off */

#ifndef ARCH_USER_H
#define ARCH_USER_H

#define native_ax rax
#define native_sp rsp

/* Bytes of the registers below, and of the flags. */
#define USER_REGISTERS_SIZE (16 * 8)

/* In the order of trap_registers, the first lowest. */
.macro push_registers
	push %r15
	push %r14
	push %r13
	push %r12
	push %r11
	push %r10
	push %r9
	push %r8
	push %rbp
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %rbx
	push %rax
.endm

.macro pop_registers
	pop %rax
	pop %rbx
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	pop %rbp
	pop %r8
	pop %r9
	pop %r10
	pop %r11
	pop %r12
	pop %r13
	pop %r14
	pop %r15
.endm

#endif
