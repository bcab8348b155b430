/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where things lie in the address space of arm32: numbers only, so that C, the
 * assembler and the linker script read the same ones.
 *
 *   00000000                       user space, which TTBR0 translates
 *   KERNEL_START                   the kernel part, which TTBR1 translates (TTBCR.N = 1)
 *     IDENTITY_VIRT .. KM_START    the direct map: physical memory from IDENTITY_PHYS on; the image lies in it
 *     KM_START .. KM_END           km_map's window
 *     UART_VIRT, GIC_VIRT          registers, at the same place in a MiB as their physical addresses
 *
 * RAM of `virt` begins at 1 GiB; below it are devices. The device tree is at its beginning, where QEMU puts it.
 */

#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#include <config.h>

#define PAGE_WIDTH 12

#define KERNEL_START 0x80000000
#define KERNEL_LAST 0xffffffff

#define USER_START 0x00000000
#define USER_LAST (KERNEL_START - 1)

#define IDENTITY_PHYS 0x40000000
#define IDENTITY_VIRT KERNEL_START
#define IDENTITY_SIZE (KM_START - IDENTITY_VIRT)

#define KM_START 0xf8000000
#define KM_END 0xffc00000

#define UART_PHYS 0x09000000
#define UART_VIRT 0xffd00000

/* The distributor, and behind it the interface to the CPUs. */
#define GIC_PHYS 0x08000000
#define GIC_VIRT 0xffe00000
#define GIC_CPU_OFFSET 0x10000

/* The image: an address in it less this is its physical address. */
#define KERNEL_IMAGE_OFFSET (IDENTITY_VIRT - IDENTITY_PHYS)
#define KERNEL_IMAGE_PHYS 0x40200000

/* How much of the direct map the boot code maps, as far as there is RAM. */
#define BOOT_MAPPED 0x08000000

/* The stack kernel_main runs on. */
#if CONFIG_DEBUG
#define BOOT_STACK_SIZE 16384
#else
#define BOOT_STACK_SIZE 8192
#endif

#endif
