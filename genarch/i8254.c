/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The 8254 counts a clock of 1,193,182 Hz down from a divisor, and raises line 0
 * each time it starts again: mode 2, "rate generator" (data sheet 231164,
 * "Mode 2"). One set-up at boot, nothing after that.
 */

#include <arch/io.h>
#include <drivers/i8254.h>
#include <mm/assert.h>

#define CLOCK_HZ 1193182u

#define CHANNEL0 0x40
#define CONTROL 0x43
#define CONTROL_CHANNEL0_BOTH_BYTES_MODE2 0x34

void i8254_start(unsigned hz)
{
	mm_assert(hz >= 19 && hz <= 10000, "the timer cannot tick %u times a second", hz);

	unsigned divisor = (CLOCK_HZ + hz / 2) / hz;

	io_write8(CONTROL, CONTROL_CHANNEL0_BOTH_BYTES_MODE2);
	io_write8(CHANNEL0, (uint8_t) divisor);
	io_write8(CHANNEL0, (uint8_t) (divisor >> 8));
}
