/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The PL011 (ARM DDI 0183, chapter 3): sends by polling, receives by interrupt. Every
 * wait has an end, so a port that never becomes ready costs time and text, not the
 * machine.
 *
 * The receive interrupt comes when the FIFO is filled to its level, the time-out when less
 * has waited for 32 bits' time: both are wanted. They end when the FIFO is empty. No lock:
 * whoever prints keeps others out (kernel/print.c).
 */

#include <drivers/pl011.h>

/* Registers, 3.3. */
enum { DATA = 0x00, FLAGS = 0x18, LINE_CONTROL = 0x2c, CONTROL = 0x30, MASK = 0x38, CLEAR = 0x44 };

#define DATA_BYTE 0xff
#define FLAGS_BUSY 0x08
#define FLAGS_EMPTY 0x10
#define FLAGS_FULL 0x20
#define LINE_8_FIFO 0x70
#define CONTROL_ON 0x301 /* the UART, sending, receiving */
#define INTERRUPT_RECEIVED 0x10
#define INTERRUPT_TIMEOUT 0x40
#define INTERRUPTS 0x7ff

/* Looks at the flags before giving up. */
#define PATIENCE 1000000u

static void wait_while(const struct pl011 *port, uint32_t flag)
{
	for (unsigned looks = 0; looks < PATIENCE && (io_read32(port->base + FLAGS) & flag) != 0; looks++)
		;
}

void pl011_init(const struct pl011 *port)
{
	io_write32(port->base + MASK, 0);
	io_write32(port->base + CLEAR, INTERRUPTS);
	io_write32(port->base + LINE_CONTROL, LINE_8_FIFO);
	io_write32(port->base + CONTROL, CONTROL_ON);
}

void pl011_write(const struct pl011 *port, uint8_t byte)
{
	wait_while(port, FLAGS_FULL);
	io_write32(port->base + DATA, byte);
}

void pl011_flush(const struct pl011 *port)
{
	wait_while(port, FLAGS_BUSY);
}

void pl011_receive_start(const struct pl011 *port)
{
	io_write32(port->base + MASK, INTERRUPT_RECEIVED | INTERRUPT_TIMEOUT);
}

int pl011_read(const void *device)
{
	const struct pl011 *port = device;

	if ((io_read32(port->base + FLAGS) & FLAGS_EMPTY) == 0)
		return (int) (io_read32(port->base + DATA) & DATA_BYTE);
	io_write32(port->base + CLEAR, INTERRUPT_RECEIVED | INTERRUPT_TIMEOUT);
	/* What has come in between is not announced any more. */
	return (io_read32(port->base + FLAGS) & FLAGS_EMPTY) == 0 ? (int) (io_read32(port->base + DATA) & DATA_BYTE) : -1;
}
