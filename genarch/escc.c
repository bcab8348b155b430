/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The 8530 (Zilog, "SCC/ESCC User Manual", UM010903; sections are those of its
 * register descriptions): sends by polling, receives by interrupt. Speed and
 * format stay as the firmware has set them.
 *
 * A register is written in two steps: its number to the control register, which is
 * register 0, then the value. So a channel's control register is written with interrupts off,
 * before its interrupts are on; sending reads register 0 alone, which takes one step.
 *
 * Every wait has an end, so a channel that never becomes ready costs text, not
 * the machine. No lock: the caller that prints keeps others out (kernel/print.c), and
 * nothing but the interrupt handler receives.
 */

#include <drivers/escc.h>

/* Write registers. */
#define WR1 1 /* 5.3.2: interrupts of the channel */
#define WR9 9 /* 5.3.10: master interrupt control */
#define WR1_RECEIVE_ALL 0x10
#define WR9_MASTER_ENABLE 0x08

/* Read register 0, 5.4.1. */
#define RR0_RECEIVED 0x01
#define RR0_ROOM 0x04

/* Looks at the status before giving up. */
#define LOOKS_MAX 1000000u

static void register_write(const struct escc *channel, uint8_t number, uint8_t value)
{
	io_write8(channel->control, number);
	io_write8(channel->control, value);
}

static void wait_for(const struct escc *channel, uint8_t status)
{
	for (unsigned looks = 0; looks < LOOKS_MAX && (io_read8(channel->control) & status) == 0; looks++)
		;
}

void escc_write(const struct escc *channel, uint8_t byte)
{
	wait_for(channel, RR0_ROOM);
	io_write8(channel->data, byte);
}

void escc_flush(const struct escc *channel)
{
	wait_for(channel, RR0_ROOM);
}

void escc_receive_start(const struct escc *channel)
{
	register_write(channel, WR1, WR1_RECEIVE_ALL);
	register_write(channel, WR9, WR9_MASTER_ENABLE);
}

void escc_receive(const struct escc *channel, void (*receive)(char byte))
{
	while ((io_read8(channel->control) & RR0_RECEIVED) != 0)
		receive((char) io_read8(channel->data));
}
