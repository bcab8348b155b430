/* SPDX-License-Identifier: BSD-2-Clause */

/* Formats of descriptors on amd64 (SDM vol. 3A, 3.4.5, 6.14.1 and 7.7). */

#ifndef ARCH_DESCRIPTORS_H
#define ARCH_DESCRIPTORS_H

#include <mm/types.h>
#include <x86/selectors.h>

/* Interrupt stacks: slots of tss.ist, counted from 1 as a gate does. */
enum {
	IST_DOUBLE_FAULT = 1,
	IST_ANYWHERE = 2, /* what may come at any instruction: NMI, #DB, #MC. They end in a report, so they may share it */
	IST_STACKS = 2
};

#define IST_STACK 4096

/* The 64-bit task-state segment, figure 7-11. */
struct tss {
	uint32_t reserved0;
	uint64_t sp0; /* the stack taken on entry from user mode */
	uint64_t sp1, sp2;
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3, io_map;
} __attribute__((packed));

/* An entry of the IDT, figure 6-8. */
struct idt_gate {
	uint16_t offset_low, selector;
	uint16_t type; /* bits 0 to 2: number of an interrupt stack, 0 = none */
	uint16_t offset_middle;
	uint32_t offset_high, reserved;
};

/* Code segment: 64 bits. */
#define CODE_SEGMENT 0x00af9b000000ffffull

/* What of a CPU's data only this machine has. */
struct cpu_machine {
	uint8_t ist_stacks[IST_STACKS][IST_STACK] __attribute__((aligned(16)));
};

#endif
