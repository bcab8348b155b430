/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What other CPUs begin with: genarch/x86/trampoline.S, copied to a page below 1 MiB. The numbers are read by C and by
 * the assembler.
 */

#ifndef X86_TRAMPOLINE_H
#define X86_TRAMPOLINE_H

/* States of a start record. The CPU that is started and the first CPU both change it by compare and exchange. */
#define START_NONE 0    /* this CPU is not being started, or was given up: it halts if it comes */
#define START_OFFERED 1 /* it may come */
#define START_CLAIMED 2 /* it has come: its number and its stack are its own */

/* Layout of struct start. */
#define START_SHIFT 4
#define START_STACK 8

#ifndef __ASSEMBLER__

#include <mm/types.h>

/* What a CPU needs to start. One for each number that a LAPIC may have, so that none is ever another CPU's. */
struct start {
	uint32_t state;
	uint32_t number; /* of the CPU in the kernel */
	uintptr_t stack; /* its top */
} __attribute__((aligned(1 << START_SHIFT)));

/* By number of the LAPIC. */
extern struct start starts[];

/* The code, and in it the words that take the physical address of the page table to begin with, and of the LAPICs. */
extern char trampoline_start[], trampoline_root[], trampoline_lapic[], trampoline_end[];

/* A word that keeps a CPU from its start record as long as it is not 0: a CPU that is slow, for tests. Debug builds. */
extern char trampoline_hold[];

/** Where assembly arrives in C on another CPU than the first: on its stack, interrupts off. */
void x86_start_other(void) __attribute__((noreturn));

#endif

#endif
