/* SPDX-License-Identifier: BSD-2-Clause */

/* ARM's UART, the PrimeCell PL011. */

#ifndef DRIVERS_PL011_H
#define DRIVERS_PL011_H

#include <arch/io.h>

struct pl011 {
	io_t base; /* of its registers */
};

/** Sends and receives from here on, at the speed that the firmware has set; no interrupts yet. */
void pl011_init(const struct pl011 *port);

/** Sends one byte; waits till there is room for it, but not for ever. Any context. */
void pl011_write(const struct pl011 *port, uint8_t byte);

/** Waits till all bytes have left the port, but not for ever. Any context. */
void pl011_flush(const struct pl011 *port);

/** From here on the port interrupts when bytes have come in. */
void pl011_receive_start(const struct pl011 *port);

/** The next byte that has come in to a struct pl011; -1 if there is none. The interrupt handler's. */
int pl011_read(const void *port);

#endif
