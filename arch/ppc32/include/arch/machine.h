/* SPDX-License-Identifier: BSD-2-Clause */

/* What the files of arch/ppc32 share. */

#ifndef ARCH_MACHINE_H
#define ARCH_MACHINE_H

#include <mm/types.h>

struct trap_frame;

#define TIMER_LINE 63
#define SPURIOUS_LINE 64 /* no line: there was no interrupt */

#define TIMEBASE_HZ_DEFAULT 100000000u

/* Ticks of the time base in a second. */
extern uint32_t timebase_hz;

/** Takes the external interrupt that has come. @return its line, or SPURIOUS_LINE */
unsigned interrupt_line(void);

/** Where pvpanic's register is mapped, if there is one. */
uintptr_t pvpanic_register(void);

/** Where every trap arrives in C, interrupts off; when it returns the frame goes on. */
void ppc_trap(struct trap_frame *frame);

/** Where assembly arrives in C: on the boot stack, interrupts off. */
void ppc_start(void) __attribute__((noreturn));

/** Sets SDR1 and the BATs (entry.S). @param values  their physical address */
void mmu_start(phys_t values);

void trap_resume(struct trap_frame *frame) __attribute__((noreturn));

/* In trap.S: where traps go on after ppc_trap; and the end of its text. */
extern const char trap_return[], trap_text_end[];

#endif
