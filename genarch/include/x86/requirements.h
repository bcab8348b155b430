/* SPDX-License-Identifier: BSD-2-Clause */

/* For the assembler: the table that genarch/x86/check_cpu.S reads. */

/* This is assembly: */
/* clang-format off */

#ifndef X86_REQUIREMENTS_H
#define X86_REQUIREMENTS_H

/* Offsets in an entry. The table ends with a leaf of 0. */
#define REQUIREMENT_LEAF 0 /* of CPUID; 1 or an extended one */
#define REQUIREMENT_EDX 4  /* the bit of EDX that must be set */
#define REQUIREMENT_NAME 8 /* physical address of its name */
#define REQUIREMENT_SIZE 12

#ifdef __ASSEMBLER__
/* An entry: leaf, bit of EDX, and its name as a C-like string. */
.macro requirement leaf, bit, name
	.pushsection .rodata.str, "aMS", %progbits, 1
8:	.asciz "\name"
	.popsection
	.long \leaf, 1 << \bit, 8b - KERNEL_IMAGE_OFFSET
.endm
#endif

#endif
