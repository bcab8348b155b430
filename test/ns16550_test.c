/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The driver of the 16550 (genarch/ns16550.c) on a port that is played: as the real one,
 * it has room for one byte until its FIFO is turned on, and is emptied by that; and
 * with a FIFO that a loader has left on.
 */

#include <string.h>

#include <test.h>

#include "../genarch/ns16550.c"

#define FIFO_SIZE 16
#define BASE 0x3f8

static struct {
	uint8_t received[FIFO_SIZE];
	size_t count;
	uint8_t line, fifo;
} part;

/* A byte comes in. */
static void byte_come(char byte)
{
	if (part.count < (part.fifo & 1 ? FIFO_SIZE : 1))
		part.received[part.count++] = (uint8_t) byte;
}

uint8_t io_read8(io_t at)
{
	uint8_t byte = part.received[0];

	if (at == BASE + LINE_STATUS)
		return (uint8_t) (STATUS_ROOM | STATUS_EMPTY | (part.count > 0 ? STATUS_RECEIVED : 0));
	if (at != BASE + DATA || (part.line & LINE_DLAB) != 0 || part.count == 0)
		return 0;
	memmove(part.received, part.received + 1, --part.count);
	return byte;
}

void io_write8(io_t at, uint8_t value)
{
	if (at == BASE + LINE_CONTROL)
		part.line = value;
	if (at != BASE + FIFO_CONTROL)
		return;
	if (((value ^ part.fifo) & 1) != 0 || (value & 2) != 0)
		part.count = 0;
	part.fifo = value;
}

static void check_read(const char *wanted, bool fifo_is_on)
{
	static const struct ns16550 port = { .base = BASE, .divisor = 1 };

	memset(&part, 0, sizeof(part));
	part.fifo = fifo_is_on;
	part.line = LINE_DLAB; /* as a loader may leave it */
	for (const char *at = wanted; *at != 0; at++)
		byte_come(*at);
	ns16550_init(&port);
	for (const char *at = wanted; *at != 0; at++)
		CHECK_EQ(ns16550_read(&port), *at);
	CHECK_EQ(ns16550_read(&port), -1);
	for (const char *at = "later"; *at != 0; at++)
		byte_come(*at);
	for (const char *at = "later"; *at != 0; at++)
		CHECK_EQ(ns16550_read(&port), *at);
	CHECK_EQ(ns16550_read(&port), -1);
}

TEST(input_before_boot, "what was typed before the serial port was set up is not lost", .host_only = "a port is played",
	.plain_only = "nothing is allocated")
{
	check_read("", false);
	check_read("v", false);
	check_read("version", true);
}
