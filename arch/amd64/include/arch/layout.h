/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where things lie in the address space of amd64: numbers only, so that C, the
 * assembler and the linker script read the same ones.
 *
 *   0000000000000000   user space, less its last page: `syscall` there would return to a non-canonical address
 *   ffff800000000000   the identity window: physical memory from 0 on, 64 TiB at most
 *   ffffc00000000000   km_map's window, 1 GiB
 *   ffffffff80000000   a page: the registers of the LAPIC
 *                      the image, linked at 1 MiB above this (code model "kernel"); not part of the identity window
 */

#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#include <config.h>

#define PAGE_WIDTH 12

#define KERNEL_START 0xffff800000000000
#define KERNEL_LAST 0xffffffffffffffff

#define USER_START 0x0000000000000000
#define USER_LAST 0x00007fffffffefff

#define IDENTITY_PHYS 0
#define IDENTITY_VIRT KERNEL_START
#define IDENTITY_SIZE (KM_START - IDENTITY_VIRT)

#define KM_START 0xffffc00000000000
#define KM_END 0xffffc00040000000

/* The image: an address in it less this is its physical address. */
#define KERNEL_IMAGE_OFFSET 0xffffffff80000000
#define KERNEL_IMAGE_PHYS 0x100000

/* In the page table that the image has anyway. */
#define LAPIC_VIRT KERNEL_IMAGE_OFFSET

/* How much of the identity window the boot code maps; config.h of another kernel may say less, or more. */
#ifndef BOOT_MAPPED
#define BOOT_MAPPED 0x40000000
#endif

/* The stack kernel_main runs on. */
#if CONFIG_DEBUG
#define BOOT_STACK_SIZE 16384
#else
#define BOOT_STACK_SIZE 8192
#endif

#endif
