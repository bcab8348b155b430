/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The control registers (SDM vol. 3A, 2.5). Nothing that a loader or the firmware has left in them is kept: they are
 * set as a whole, to the same on every CPU (genarch/x86/cpu.c). The numbers are read by C and by the assembler.
 */

#ifndef X86_CONTROL_H
#define X86_CONTROL_H

#define CR0_PE 0x1  /* protected mode */
#define CR0_EM 0x4  /* floating-point instructions fault, MMX's and SSE's too: no trap saves their registers */
#define CR0_ET 0x10 /* always 1 */
#define CR0_NE 0x20 /* floating-point errors are exceptions, not interrupts */
#define CR0_WP 0x10000
#define CR0_PG 0x80000000

/* Protected mode with the caches on, before paging and with it; write protection holds for the kernel too. */
#define CR0_PROTECTED (CR0_PE | CR0_EM | CR0_ET | CR0_NE)
#define CR0_KERNEL (CR0_PROTECTED | CR0_WP | CR0_PG)

#define CR4_PSE 0x10
#define CR4_PAE 0x20
#define CR4_PGE 0x80
#define CR4_UMIP 0x800    /* user mode cannot read where the kernel's tables lie */
#define CR4_SMEP 0x100000 /* the kernel cannot execute the user's pages */
#define CR4_SMAP 0x200000 /* the kernel cannot touch the user's pages but between STAC and CLAC */

#ifndef __ASSEMBLER__

#include <mm/types.h>

/* Defines NAME_read and NAME_write. No access to memory moves across them: they change what it means. */
#define CONTROL_REGISTER(name)                                              \
	static inline uintptr_t name##_read(void)                               \
	{                                                                       \
		uintptr_t value;                                                    \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory"); \
		return value;                                                       \
	}                                                                       \
	static inline void name##_write(uintptr_t value)                        \
	{                                                                       \
		__asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");     \
	}

CONTROL_REGISTER(cr0)
CONTROL_REGISTER(cr4)

#endif

#endif
