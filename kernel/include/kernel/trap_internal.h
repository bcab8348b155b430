/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What trap.c, irq.c and probe.c share.
 */

#ifndef KERNEL_TRAP_INTERNAL_H
#define KERNEL_TRAP_INTERNAL_H

#include <kernel/trap.h>

/** Runs the handler of an interrupt line. Interrupts are off. */
void irq_dispatch(unsigned irq);

/** If this CPU is in the middle of a probe, makes the trap end it. @return whether it was */
bool probe_caught(struct trap_frame *frame);

#endif
