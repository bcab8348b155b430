/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * How drivers reach the registers of devices: at physical addresses, past the TLB and the caches, so that the console
 * works whatever is mapped (UltraSPARC-IIi User's Manual, 805-0087, 8.3.3; V9, 8.4.3).
 */

#ifndef ARCH_IO_H
#define ARCH_IO_H

#include <arch/sparc.h>
#include <mm/types.h>

typedef uint64_t io_t;

static inline uint8_t io_read8(io_t at)
{
	uint8_t value;

	__asm__ volatile("lduba [%1] %2, %0" : "=r"(value) : "r"(at), "i"(ASI_DEVICE) : "memory");
	return value;
}

static inline void io_write8(io_t at, uint8_t value)
{
	__asm__ volatile("stba %0, [%1] %2" : : "r"(value), "r"(at), "i"(ASI_DEVICE) : "memory");
}

static inline void io_write32(io_t at, uint32_t value)
{
	__asm__ volatile("stwa %0, [%1] %2" : : "r"(value), "r"(at), "i"(ASI_DEVICE) : "memory");
}

/* Little-endian, as PCI's registers are. */
static inline void io_write16_le(io_t at, uint16_t value)
{
	__asm__ volatile("stha %0, [%1] %2" : : "r"(value), "r"(at), "i"(ASI_DEVICE_LE) : "memory");
}

static inline uint16_t io_read16_le(io_t at)
{
	uint16_t value;

	__asm__ volatile("lduha [%1] %2, %0" : "=r"(value) : "r"(at), "i"(ASI_DEVICE_LE) : "memory");
	return value;
}

static inline uint32_t io_read32_le(io_t at)
{
	uint32_t value;

	__asm__ volatile("lduwa [%1] %2, %0" : "=r"(value) : "r"(at), "i"(ASI_DEVICE_LE) : "memory");
	return value;
}

static inline void io_write32_le(io_t at, uint32_t value)
{
	__asm__ volatile("stwa %0, [%1] %2" : : "r"(value), "r"(at), "i"(ASI_DEVICE_LE) : "memory");
}

#endif
