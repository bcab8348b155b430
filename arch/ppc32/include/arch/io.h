/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * How drivers reach the registers of devices: an io_t is an address. They are in guarded, caching-inhibited memory, so
 * accesses keep their order among themselves but for EIEIO between stores and loads of others (PEM, 8.2, "eieio").
 */

#ifndef ARCH_IO_H
#define ARCH_IO_H

#include <mm/types.h>

typedef uintptr_t io_t;

static inline uint8_t io_read8(io_t at)
{
	uint8_t value = *(volatile uint8_t *) at;

	__asm__ volatile("eieio" : : : "memory");
	return value;
}

static inline void io_write8(io_t at, uint8_t value)
{
	*(volatile uint8_t *) at = value;
	__asm__ volatile("eieio" : : : "memory");
}

/** A register of 32 bits, little-endian, whatever the CPU is. */
static inline uint32_t io_read32_le(io_t at)
{
	uint32_t value;

	__asm__ volatile("lwbrx %0, 0, %1; eieio" : "=r"(value) : "r"(at) : "memory");
	return value;
}

static inline void io_write32_le(io_t at, uint32_t value)
{
	__asm__ volatile("stwbrx %0, 0, %1; eieio" : : "r"(value), "r"(at) : "memory");
}

#endif
