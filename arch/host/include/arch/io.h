/* SPDX-License-Identifier: BSD-2-Clause */

/* How drivers reach the registers of devices: a test that includes one plays its device (test/ns16550_test.c). */

#ifndef ARCH_IO_H
#define ARCH_IO_H

#include <mm/types.h>

typedef uint16_t io_t;

uint8_t io_read8(io_t at);
void io_write8(io_t at, uint8_t value);

#endif
