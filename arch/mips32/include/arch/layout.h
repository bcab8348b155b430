/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where things lie in the address space of mips32: numbers only, so that C, the
 * assembler and the linker script read the same ones (MD00090, 4.3 "Virtual
 * Address Spaces").
 *
 *   00000000   useg: user space, through the TLB
 *   80000000   kseg0: the direct map, physical memory from 0 on, made by hardware; the image lies in it, at 1 MiB
 *   a0000000   kseg1: the same, not cached: registers of devices
 *   c0000000   kseg2 and kseg3, through the TLB: km_map's window; behind it nothing
 *
 * Physical memory of a Malta (MIPS Malta User's Manual MD00048, 3 "Memory Map"; QEMU 7.2, hw/mips/malta.c)
 *
 *   00000000   RAM, up to 256 MiB
 *   10000000   PCI, ISA, the system controller's registers, flash
 *   80000000   all of the RAM once more: what does not fit below is used here, from 90000000 on
 */

#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#include <config.h>

/* The TLB has pages of 4 KiB and of 16 KiB, and none in between. */
#ifdef CONFIG_PAGE_WIDTH
#define PAGE_WIDTH CONFIG_PAGE_WIDTH
#else
#define PAGE_WIDTH 12
#endif

#define KERNEL_START 0x80000000
#define KERNEL_LAST 0xffffffff

#define USER_START 0x00000000
#define USER_LAST 0x7fffffff

#define IDENTITY_PHYS 0
#define IDENTITY_VIRT 0x80000000
#define IDENTITY_SIZE 0x20000000
#define BOOT_MAPPED IDENTITY_SIZE

/* The same physical memory, past the caches. */
#define KSEG1_VIRT 0xa0000000

#define KM_START 0xc0000000
#define KM_END 0xf0000000

/* The image: an address in it less this is its physical address. */
#define KERNEL_IMAGE_OFFSET 0x80000000
#define KERNEL_IMAGE_PHYS 0x100000

/* The tables by which calls are found (unwind.c). */
/* clang-format off */
#define IMAGE_RODATA         \
	image_frames = ALIGN(4); \
	KEEP(*(.eh_frame))       \
	image_frames_end = .;
#define IMAGE_DISCARD .reginfo .MIPS.abiflags .pdr .mdebug.*
/* clang-format on */

/* Where exceptions are taken, in kseg0 (MD00090, table 6.5): a TLB miss, and all others. */
#define VECTOR_REFILL 0x80000000
#define VECTOR_GENERAL 0x80000180

/* RAM that can be below the hole, and where the rest is seen. */
#define RAM_LOW_SIZE 0x10000000
#define RAM_HIGH_PHYS 0x90000000

/* ISA ports; the console's is the first serial port of the Super I/O chip. */
#define PORTS_VIRT 0xb8000000
#define CONSOLE_PORT 0x3f8

/* The GT-64120's register by a read of which the CPU acknowledges an interrupt of the i8259. */
#define INTERRUPT_ACKNOWLEDGE_VIRT 0xbbe00c34

/* The stack kernel_main runs on. */
#define BOOT_STACK_SIZE 16384

#endif
