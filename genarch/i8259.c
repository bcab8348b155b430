/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Two 8259A (data sheet 231468), the second's output on line 2 of the first.
 *
 * Lines are edge-triggered. An interrupt is in service from the time that the CPU
 * takes it till i8259_end: the next edge of the same line is remembered meanwhile,
 * lines of less priority wait, and both are delivered when interrupts are on again.
 * i8259_end comes before the CPU goes to another thread: so that holds up nothing.
 *
 * Spurious interrupts: a line that falls before the CPU has asked which one it
 * was is reported as the lowest priority, line 7 of either chip, without its
 * bit in the in-service register. It must not be ended; but the first
 * chip has really served its line 2 when the second one is at fault.
 *
 * Contexts: i8259_init and i8259_unmask with interrupts off; callers of
 * i8259_unmask keep each other out. Only the first CPU is interrupted.
 */

#include <arch/io.h>
#include <drivers/i8259.h>

#define CASCADE_LINE 2
#define LINES_PER_CHIP 8
#define SPURIOUS_LINE 7

#define ICW1_CASCADE_ICW4 0x11
#define ICW4_8086 0x01
#define OCW2_END 0x20
#define OCW3_READ_IN_SERVICE 0x0b

struct chip {
	io_t command, data;
	uint8_t icw3; /* first: lines that have another chip; second: the line it is on */
};

static const struct chip chips[] = {
	{ .command = 0x20, .data = 0x21, .icw3 = 1 << CASCADE_LINE },
	{ .command = 0xa0, .data = 0xa1, .icw3 = CASCADE_LINE },
};

static const struct chip *chip_of(unsigned line)
{
	return &chips[line / LINES_PER_CHIP];
}

void i8259_init(unsigned vector)
{
	for (size_t i = 0; i < ARRAY_COUNT(chips); i++) {
		io_write8(chips[i].command, ICW1_CASCADE_ICW4);
		io_write8(chips[i].data, (uint8_t) (vector + i * LINES_PER_CHIP));
		io_write8(chips[i].data, chips[i].icw3);
		io_write8(chips[i].data, ICW4_8086);
		io_write8(chips[i].data, 0xff);
	}
	i8259_unmask(CASCADE_LINE);
}

void i8259_unmask(unsigned line)
{
	const struct chip *chip = chip_of(line);

	io_write8(chip->data, io_read8(chip->data) & (uint8_t) ~(1u << line % LINES_PER_CHIP));
}

static bool in_service(unsigned line)
{
	const struct chip *chip = chip_of(line);

	io_write8(chip->command, OCW3_READ_IN_SERVICE);
	return (io_read8(chip->command) >> line % LINES_PER_CHIP & 1) != 0;
}

bool i8259_acknowledge(unsigned line)
{
	bool spurious = line % LINES_PER_CHIP == SPURIOUS_LINE && !in_service(line);

	if (spurious && line >= LINES_PER_CHIP)
		io_write8(chips[0].command, OCW2_END);
	return !spurious;
}

void i8259_end(unsigned line)
{
	io_write8(chip_of(line)->command, OCW2_END);
	if (line >= LINES_PER_CHIP)
		io_write8(chips[0].command, OCW2_END);
}
