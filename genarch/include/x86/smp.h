/* SPDX-License-Identifier: BSD-2-Clause */

/* What the rest of the machine needs of genarch/x86/smp.c. */

#ifndef X86_SMP_H
#define X86_SMP_H

#include <mm/types.h>

/** Passes a tick of the timer, which interrupts the first CPU only, on to the others. Interrupts are off. */
void cpus_tick(void);

/** Whether an NMI means that this CPU is to stop. */
bool cpus_stopping(void);

#endif
