/* SPDX-License-Identifier: BSD-2-Clause */

/* What other CPUs begin with: genarch/x86/trampoline.S, copied to a page below 1 MiB. */

#ifndef X86_TRAMPOLINE_H
#define X86_TRAMPOLINE_H

#include <mm/types.h>

/* The code, and in it the word that takes the physical address of the page table to begin with. */
extern char trampoline_start[], trampoline_root[], trampoline_end[];

/* Top of the stack of the CPU that is being started; it takes the word and leaves 0. */
extern uintptr_t trampoline_stack;

/** Where assembly arrives in C on another CPU than the first: on its stack, interrupts off. */
void x86_start_other(void) __attribute__((noreturn));

#endif
