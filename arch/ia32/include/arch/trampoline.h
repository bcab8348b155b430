/* SPDX-License-Identifier: BSD-2-Clause */

/* For the assembler: how ia32 gets from protected mode to the kernel's addresses, for genarch/x86/trampoline.S. */

/* This is assembly: */
/* clang-format off */

#ifndef ARCH_TRAMPOLINE_H
#define ARCH_TRAMPOLINE_H

#include <x86/control.h>

#define TRAMPOLINE_CR4 CR4_PSE
#define TRAMPOLINE_CODE_SEGMENT 0x00cf9b000000ffff

#define native_code .code32
#define native_ax eax
#define native_si esi
#define native_sp esp

/* What must be set before paging is turned on: nothing more. */
.macro prepare_paging
.endm

#endif
