/* SPDX-License-Identifier: BSD-2-Clause */

/* For the assembler: how amd64 gets from protected mode to the kernel's addresses, for genarch/x86/trampoline.S. */

/* This is assembly: */
/* clang-format off */

#ifndef ARCH_TRAMPOLINE_H
#define ARCH_TRAMPOLINE_H

#include <x86/control.h>

#define TRAMPOLINE_CR4 CR4_PAE
#define TRAMPOLINE_CODE_SEGMENT 0x00af9b000000ffff
#define TRAMPOLINE_EFER 0xc0000080
#define TRAMPOLINE_EFER_LME_NXE 0x900

#define native_code .code64
#define native_ax rax
#define native_si rsi
#define native_sp rsp

/* What must be set before paging is turned on: long mode (SDM vol. 3A, 9.8.5). */
.macro prepare_paging
	mov $TRAMPOLINE_EFER, %ecx
	rdmsr
	or $TRAMPOLINE_EFER_LME_NXE, %eax
	wrmsr
.endm

#endif
