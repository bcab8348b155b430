/* SPDX-License-Identifier: BSD-2-Clause */

/* A channel of a serial communications controller: Zilog's 8530 and its kin, as Apple's machines and Sun's have it. */

#ifndef DRIVERS_ESCC_H
#define DRIVERS_ESCC_H

#include <arch/io.h>

struct escc {
	io_t control, data; /* the channel's two registers */
};

/** Sends one byte; waits till there is room for it, but not for ever. Any context. */
void escc_write(const struct escc *channel, uint8_t byte);

/** Waits till all bytes have been sent, but not for ever. Any context. */
void escc_flush(const struct escc *channel);

/**
 * From here on the channel interrupts for each byte that comes in, until escc_receive has taken it. A byte that waits
 * already does not interrupt: escc_receive is called once, behind this.
 */
void escc_receive_start(const struct escc *channel);

/** Hands every byte that has come in to receive. The interrupt handler's. */
void escc_receive(const struct escc *channel, void (*receive)(char byte));

#endif
