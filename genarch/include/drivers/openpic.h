/* SPDX-License-Identifier: BSD-2-Clause */

/* The interrupt controller of PowerPC machines: an OpenPIC, for one CPU. */

#ifndef DRIVERS_OPENPIC_H
#define DRIVERS_OPENPIC_H

#include <arch/io.h>

/* What openpic_acknowledge gives if there is no interrupt. */
#define OPENPIC_SPURIOUS 0xffu

/** Resets it: all sources masked, and CPU 0 takes all priorities. @param base  of its registers */
void openpic_init(io_t base);

/** Lets a source's interrupts through, which are served by their level, high. Interrupts off. */
void openpic_unmask(unsigned source);

/** Takes the interrupt that is pending. @return its source, or OPENPIC_SPURIOUS */
unsigned openpic_acknowledge(void);

/** The interrupt taken last is served: others come again. Interrupts off. */
void openpic_end(void);

#endif
