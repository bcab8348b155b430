/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The 16550 (National Semiconductor, "PC16550D", 1995; sections are those of
 * its register description): sends by polling, receives by interrupt.
 *
 * Sending is polled, so that it works in any context: in the first line of the
 * boot as well as in a panic. Every wait has an end, so a port that is not
 * there, or one that never becomes ready, costs time and text, not the machine.
 *
 * No lock: whoever prints keeps others out (kernel/print.c), and nothing but
 * the interrupt handler receives.
 */

#include <drivers/ns16550.h>

/* Registers. */
enum {
	DATA = 0,             /* divisor, low byte, while DLAB is set */
	INTERRUPT_ENABLE = 1, /* divisor, high byte, while DLAB is set */
	FIFO_CONTROL = 2,
	LINE_CONTROL = 3,
	MODEM_CONTROL = 4,
	LINE_STATUS = 5
};

#define INTERRUPT_RECEIVED 0x01
#define FIFO_ENABLE_AND_CLEAR 0x07 /* an interrupt at each byte */
#define LINE_8N1 0x03
#define LINE_DLAB 0x80
#define MODEM_DTR_RTS_OUT2 0x0b /* OUT2 lets the interrupt through on a PC */
#define STATUS_RECEIVED 0x01
#define STATUS_ROOM 0x20
#define STATUS_EMPTY 0x40
#define STATUS_ABSENT 0xff /* what nobody answers reads as */

/* Looks at the status before giving up: at 9,600 baud a byte takes about 1,000 reads of a real port. */
#define PATIENCE 1000000u

static uint8_t read_register(const struct ns16550 *port, unsigned number)
{
	return io_read8((io_t) (port->base + number));
}

static void write_register(const struct ns16550 *port, unsigned number, unsigned value)
{
	io_write8((io_t) (port->base + number), (uint8_t) value);
}

void ns16550_init(const struct ns16550 *port)
{
	write_register(port, INTERRUPT_ENABLE, 0);
	write_register(port, LINE_CONTROL, LINE_8N1 | LINE_DLAB);
	write_register(port, DATA, port->divisor);
	write_register(port, INTERRUPT_ENABLE, port->divisor >> 8);
	write_register(port, LINE_CONTROL, LINE_8N1);
	write_register(port, FIFO_CONTROL, FIFO_ENABLE_AND_CLEAR);
	write_register(port, MODEM_CONTROL, MODEM_DTR_RTS_OUT2);
}

static void wait_for(const struct ns16550 *port, uint8_t status)
{
	for (unsigned looks = 0; looks < PATIENCE && (read_register(port, LINE_STATUS) & status) == 0; looks++)
		;
}

void ns16550_write(const struct ns16550 *port, uint8_t byte)
{
	wait_for(port, STATUS_ROOM);
	write_register(port, DATA, byte);
}

void ns16550_flush(const struct ns16550 *port)
{
	wait_for(port, STATUS_EMPTY);
}

void ns16550_receive_start(const struct ns16550 *port)
{
	write_register(port, INTERRUPT_ENABLE, INTERRUPT_RECEIVED);
}

int ns16550_read(const void *port)
{
	uint8_t status = read_register(port, LINE_STATUS);

	return status == STATUS_ABSENT || (status & STATUS_RECEIVED) == 0 ? -1 : read_register(port, DATA);
}
