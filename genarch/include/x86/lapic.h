/* SPDX-License-Identifier: BSD-2-Clause */

/* The local interrupt controller of each CPU (SDM vol. 3A, chapter 10), by which CPUs interrupt each other. */

#ifndef X86_LAPIC_H
#define X86_LAPIC_H

#include <mm/types.h>

/**
 * Where the registers are, by the firmware's tables. Called once, before any of the others, if there are other CPUs.
 * @retval EINVAL  the address is none that a page begins at
 */
MUST_USE errno_t lapic_move(phys_t registers);

/** Sets up this CPU's. @param first  whether the old interrupt controllers (i8259) interrupt this CPU */
void lapic_start(bool first);

/** This CPU's, as others address it. */
unsigned lapic_id(void);

/** The interrupt of the LAPIC that came last is served. */
void lapic_end(void);

/* The four functions below interrupt a CPU by the number of its LAPIC. Interrupts are off. */

void lapic_send_vector(unsigned id, unsigned vector);
void lapic_send_nmi(unsigned id);

/** Resets a CPU: it waits for lapic_send_start. */
void lapic_send_reset(unsigned id);

/** Starts a CPU in real mode at a page. @param page  physical address, below 1 MiB */
void lapic_send_start(unsigned id, phys_t page);

#endif
