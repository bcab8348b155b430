/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What trap.c, irq.c, probe.c and user_copy.c share.
 */

#ifndef KERNEL_TRAP_INTERNAL_H
#define KERNEL_TRAP_INTERNAL_H

#include <kernel/trap.h>

/** Runs the handler of an interrupt line. Interrupts are off. */
void irq_dispatch(unsigned irq);

/** Makes the trap end the user_copy_in or _out that the running thread is in. */
void user_copy_fail(struct trap_frame *frame);

/** If this CPU is in the middle of a probe, makes the trap, of this kind, end it. @return whether it was */
bool probe_caught(struct trap_frame *frame, enum trap_kind kind);

#endif
