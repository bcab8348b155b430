/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where things lie in the address space of ia32: numbers only, so that C, the
 * assembler and the linker script read the same ones.
 *
 *   00000000                       user space
 *   KERNEL_START                   CONFIG_KERNEL_SPLIT GiB
 *     IDENTITY_VIRT .. KM_START    the identity window: physical memory from 0 on; the image lies in it, at 1 MiB
 *     KM_START .. KM_END           km_map's window
 *   LAPIC_VIRT                     a page: the registers of the LAPIC; behind it nothing
 */

#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#include <config.h>

#define PAGE_WIDTH 12

#if CONFIG_KERNEL_SPLIT == 3
#define KERNEL_START 0xc0000000
#elif CONFIG_KERNEL_SPLIT == 2
#define KERNEL_START 0x80000000
#elif CONFIG_KERNEL_SPLIT == 1
#define KERNEL_START 0x40000000
#else
#error "CONFIG_KERNEL_SPLIT is the size of user space in GiB: 1, 2 or 3"
#endif
#define KERNEL_LAST 0xffffffff

#define USER_START 0x00000000
#define USER_LAST (KERNEL_START - 1)

#define IDENTITY_PHYS 0
#define IDENTITY_VIRT KERNEL_START
#define IDENTITY_SIZE (KM_START - IDENTITY_VIRT)

#define KM_START 0xf8000000
#define KM_END 0xffc00000

#define LAPIC_VIRT KM_END

/* The image: an address in it less this is its physical address. */
#define KERNEL_IMAGE_OFFSET KERNEL_START
#define KERNEL_IMAGE_PHYS 0x100000

/* How much of the identity window the boot code maps; config.h of another kernel may say less, or more. */
#ifndef BOOT_MAPPED
#define BOOT_MAPPED IDENTITY_SIZE
#endif

/* The stack kernel_main runs on. */
#if CONFIG_DEBUG
#define BOOT_STACK_SIZE 16384
#else
#define BOOT_STACK_SIZE 8192
#endif

#endif
