/* SPDX-License-Identifier: BSD-2-Clause */

/* I/O ports. An io_t is the number of a port. */

#ifndef X86_IO_H
#define X86_IO_H

#include <mm/types.h>

typedef uint16_t io_t;

static inline uint8_t io_read8(io_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline void io_write8(io_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void io_write32(io_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

#endif
