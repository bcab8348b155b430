/* SPDX-License-Identifier: BSD-2-Clause */

/* For the assembler: the registers of ia32, for genarch/x86/user_program.S. */

/* This is assembly: */
/* clang-format off */

#ifndef ARCH_USER_H
#define ARCH_USER_H

#define native_ax eax
#define native_sp esp

/* Bytes of the registers below, and of the flags. */
#define USER_REGISTERS_SIZE (12 * 4)

/* In the order of trap_registers, the first lowest. */
.macro push_registers
	push %gs
	push %fs
	push %es
	push %ds
	push %ebp
	push %edi
	push %esi
	push %edx
	push %ecx
	push %ebx
	push %eax
.endm

.macro pop_registers
	pop %eax
	pop %ebx
	pop %ecx
	pop %edx
	pop %esi
	pop %edi
	pop %ebp
	pop %ds
	pop %es
	pop %fs
	pop %gs
.endm

#endif
