/* SPDX-License-Identifier: BSD-2-Clause */

/* The pair of interrupt controllers of a PC: Intel's 8259A, the second chained to line 2 of the first. */

#ifndef DRIVERS_I8259_H
#define DRIVERS_I8259_H

#include <mm/types.h>

#define I8259_LINES 16

/**
 * Resets both; all lines masked.
 * @param vector  the trap that line 0 raises, a multiple of 8; line n raises vector + n
 */
void i8259_init(unsigned vector);

/** Lets a line's interrupts through. */
void i8259_unmask(unsigned line);

/** An interrupt of a line has come. Interrupts off. @return false if it was spurious; otherwise i8259_end follows */
bool i8259_acknowledge(unsigned line);

/** The interrupt of a line is served: lines of no more priority interrupt again. Interrupts off. */
void i8259_end(unsigned line);

#endif
