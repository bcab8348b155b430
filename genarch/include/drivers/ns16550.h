/* SPDX-License-Identifier: BSD-2-Clause */

/* The serial port of a PC and of many other machines: National Semiconductor's 16550 and what behaves like it. */

#ifndef DRIVERS_NS16550_H
#define DRIVERS_NS16550_H

#include <arch/io.h>

struct ns16550 {
	io_t base;        /* of its eight registers */
	unsigned divisor; /* of its clock, for the speed wanted */
};

/**
 * Sets the speed, 8 bits, no parity, 1 stop bit; no interrupts yet. A byte that has come in before is not lost. Once a
 * port.
 */
void ns16550_init(const struct ns16550 *port);

/** Sends one byte; waits till there is room for it, but not for ever. Any context. */
void ns16550_write(const struct ns16550 *port, uint8_t byte);

/** Waits till all bytes have left the port, but not for ever. Any context. */
void ns16550_flush(const struct ns16550 *port);

/** From here on the port raises an interrupt for each byte that comes in. */
void ns16550_receive_start(const struct ns16550 *port);

/** The next byte that has come in to a struct ns16550, not NULL; -1 if there is none. The interrupt handler's. */
int ns16550_read(const void *port);

#endif
