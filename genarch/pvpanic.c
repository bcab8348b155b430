/* SPDX-License-Identifier: BSD-2-Clause */

/* QEMU's pvpanic (docs/specs/pvpanic.rst of QEMU 7.2): one register of 8 bits, bit 0 of which says panicked. */

#include <drivers/pvpanic.h>

#define PANICKED 0x01

void pvpanic_report(io_t at)
{
	io_write8(at, PANICKED);
}
