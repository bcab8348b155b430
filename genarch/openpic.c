/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The OpenPIC ("Open Programmable Interrupt Controller Register Interface
 * Specification", revision 1.2; sections are its). Registers are little-endian words.
 *
 * All sources have one priority, so an interrupt waits while another is in service; its vector
 * is the number of the source. An interrupt is acknowledged by a read of the CPU's
 * register, and is in service till the end of interrupt is written. A source that is served by its level
 * is asked again then: it is quiet before.
 *
 * One CPU. Callers have interrupts off.
 */

#include <mm/assert.h>

#include <drivers/openpic.h>

/* Global registers, 3.3. */
#define FEATURES 0x1000 /* bits 16 to 26: number of the last source */
#define CONFIGURATION 0x1020
#define CONFIGURATION_RESET 0x80000000u
#define CONFIGURATION_MIXED 0x20000000u /* not passed through to an 8259 */
#define SPURIOUS_VECTOR 0x10e0
/* A source's, 3.5. */
#define SOURCE(number) (0x10000 + (number) *0x20)
#define SOURCE_TARGET 0x10
#define SOURCE_MASKED 0x80000000u
#define SOURCE_LEVEL 0x00400000u
#define SOURCE_HIGH 0x00800000u /* active high */
#define SOURCE_PRIORITY (8u << 16)
/* CPU 0's, 3.6. */
#define TASK_PRIORITY 0x20080
#define ACKNOWLEDGE 0x200a0
#define END 0x200b0

#define LOOKS_MAX 1000000u

static io_t registers;

void openpic_init(io_t base)
{
	unsigned sources;

	registers = base;
	io_write32_le(base + CONFIGURATION, CONFIGURATION_RESET);
	for (unsigned looks = 0; looks < LOOKS_MAX; looks++)
		if ((io_read32_le(base + CONFIGURATION) & CONFIGURATION_RESET) == 0)
			break;
	io_write32_le(base + CONFIGURATION, CONFIGURATION_MIXED);
	io_write32_le(base + SPURIOUS_VECTOR, OPENPIC_SPURIOUS);
	sources = (io_read32_le(base + FEATURES) >> 16 & 0x7ff) + 1;
	for (unsigned i = 0; i < sources; i++)
		io_write32_le(base + SOURCE(i), SOURCE_MASKED);
	io_write32_le(base + TASK_PRIORITY, 0);
}

void openpic_unmask(unsigned source)
{
	mm_assert(source < OPENPIC_SPURIOUS, "there is no interrupt source %u", source);
	io_write32_le(registers + SOURCE(source) + SOURCE_TARGET, 1);
	io_write32_le(registers + SOURCE(source), SOURCE_LEVEL | SOURCE_HIGH | SOURCE_PRIORITY | source);
}

unsigned openpic_acknowledge(void)
{
	return io_read32_le(registers + ACKNOWLEDGE) & 0xff;
}

void openpic_end(void)
{
	io_write32_le(registers + END, 0);
}
