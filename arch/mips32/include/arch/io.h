/* SPDX-License-Identifier: BSD-2-Clause */

/* How drivers reach the registers of devices: the ISA ports of the south bridge, bytes in kseg1. */

#ifndef ARCH_IO_H
#define ARCH_IO_H

#include <arch/layout.h>
#include <mm/types.h>

typedef uint16_t io_t;

static inline uint8_t io_read8(io_t port)
{
	return *(const volatile uint8_t *) (PORTS_VIRT + port);
}

static inline void io_write8(io_t port, uint8_t value)
{
	*(volatile uint8_t *) (PORTS_VIRT + port) = value;
}

#endif
