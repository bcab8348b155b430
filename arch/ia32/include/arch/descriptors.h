/* SPDX-License-Identifier: BSD-2-Clause */

/* Formats of descriptors on ia32 (SDM vol. 3A, 3.4.5, 6.11 and 7.2). */

#ifndef ARCH_DESCRIPTORS_H
#define ARCH_DESCRIPTORS_H

#include <mm/types.h>
#include <x86/selectors.h>

/* The 32-bit task-state segment, figure 7-2. */
struct tss {
	uint32_t previous;
	uint32_t sp0, ss0; /* the stack taken on entry from user mode */
	uint32_t sp1, ss1, sp2, ss2;
	uint32_t cr3, ip, flags;
	uint32_t ax, cx, dx, bx, sp, bp, si, di;
	uint32_t es, cs, ss, ds, fs, gs;
	uint32_t ldt;
	uint16_t trap, io_map;
};

/* An entry of the IDT, figure 6-2. */
struct idt_gate {
	uint16_t offset_low, selector, type, offset_high;
};

/* Code segment: 4 GiB, 32 bits. */
#define CODE_SEGMENT 0x00cf9b000000ffffull

#define DOUBLE_FAULT_STACK 4096

/* What of a CPU's data only this machine has. */
struct cpu_machine {
	struct tss double_fault_tss;
	uintptr_t stack_limit; /* THREAD_STACK_DIRECT: no stack pointer in the kernel is below it; 0 = none is looked at */
	uint8_t double_fault_stack[DOUBLE_FAULT_STACK] __attribute__((aligned(16)));
};

#endif
