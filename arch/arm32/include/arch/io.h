/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * How drivers reach the registers of devices: an io_t is the virtual address of one.
 * They are device memory, so accesses are neither merged nor reordered among
 * themselves (A3.5.5). One instruction without write-back each, which a hypervisor
 * can emulate.
 */

#ifndef ARCH_IO_H
#define ARCH_IO_H

#include <mm/types.h>

typedef uintptr_t io_t;

static inline uint8_t io_read8(io_t at)
{
	uint32_t value;

	__asm__ volatile("ldrb %0, [%1]" : "=r"(value) : "r"(at) : "memory");
	return (uint8_t) value;
}

static inline void io_write8(io_t at, uint8_t value)
{
	__asm__ volatile("strb %0, [%1]" : : "r"(value), "r"(at) : "memory");
}

static inline uint32_t io_read32(io_t at)
{
	uint32_t value;

	__asm__ volatile("ldr %0, [%1]" : "=r"(value) : "r"(at) : "memory");
	return value;
}

static inline void io_write32(io_t at, uint32_t value)
{
	__asm__ volatile("str %0, [%1]" : : "r"(value), "r"(at) : "memory");
}

#endif
