/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The 16550 (National Semiconductor, "PC16550D", 1995; sections are those of
 * its register description): sends by polling, receives by interrupt.
 *
 * Sending is polled, so that it works in any context: in the first line of the
 * boot as well as in a panic. Every wait has an end, so a port that is not
 * there, or one that never becomes ready, costs time and text, not the machine.
 *
 * A BYTE THAT IS THERE BEFORE. Typing does not wait for the kernel. Until ns16550_init there is
 * room for one byte, unless a loader has turned the FIFO on; and turning it on throws that byte
 * away (8.4, FCR bit 0). So it is read first, and ns16550_read gives it before all others. A FIFO
 * that is on already stays as it is. The next byte comes 87 us later at the least, at 115,200
 * baud. Of one port such a byte is kept: the console's.
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
#define FIFO_ENABLE 0x01 /* an interrupt at each byte */
#define LINE_8N1 0x03
#define LINE_DLAB 0x80
#define MODEM_DTR_RTS_OUT2 0x0b /* OUT2 lets the interrupt through on a PC */
#define STATUS_RECEIVED 0x01
#define STATUS_ROOM 0x20
#define STATUS_EMPTY 0x40
#define STATUS_ABSENT 0xff /* what nobody answers reads as */

/* Looks at the status before giving up: at 9,600 baud a byte takes about 1,000 reads of a real port. */
#define PATIENCE 1000000u

/* The byte that came before, and of which port; NULL: there is none. */
static const struct ns16550 *kept_of;
static uint8_t kept;

static uint8_t read_register(const struct ns16550 *port, unsigned number)
{
	return io_read8((io_t) (port->base + number));
}

static void write_register(const struct ns16550 *port, unsigned number, unsigned value)
{
	io_write8((io_t) (port->base + number), (uint8_t) value);
}

static bool has_received(uint8_t status)
{
	return status != STATUS_ABSENT && (status & STATUS_RECEIVED) != 0;
}

/*
 * The byte that is there is read, and the FIFO is turned on by the very next access, in which no other can come: also
 * under an emulator, which may bring the next one as soon as the first was read, if these were far apart.
 */
static void fifo_enable(const struct ns16550 *port)
{
	io_t data = (io_t) (port->base + DATA), control = (io_t) (port->base + FIFO_CONTROL);
	uint8_t status = read_register(port, LINE_STATUS), byte = io_read8(data);

	io_write8(control, FIFO_ENABLE);
	if (has_received(status)) {
		kept = byte;
		kept_of = port;
	}
}

void ns16550_init(const struct ns16550 *port)
{
	write_register(port, INTERRUPT_ENABLE, 0);
	write_register(port, LINE_CONTROL, LINE_8N1 | LINE_DLAB);
	write_register(port, DATA, port->divisor);
	write_register(port, INTERRUPT_ENABLE, port->divisor >> 8);
	write_register(port, LINE_CONTROL, LINE_8N1);
	fifo_enable(port);
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
	if (kept_of == port) {
		kept_of = NULL;
		return kept;
	}
	return has_received(read_register(port, LINE_STATUS)) ? read_register(port, DATA) : -1;
}
