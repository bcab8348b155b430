/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where things lie in the address space of ppc32: numbers only, so that C, the
 * assembler and the linker script read the same ones.
 *
 *   00000000  user space
 *   c0000000  the direct map: 768 MiB of physical memory from 0 on, by three data BATs; not executable
 *   f0000000  the image, which the loader puts at 16 MiB; by page tables, its text by instruction BATs, too
 *   f1000000  km_map's window
 *   ff000000  registers of the mac-io chip, by a data BAT and by page tables; those of pvpanic
 */

#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#include <config.h>

#define PAGE_WIDTH 12

#define KERNEL_START 0xc0000000
#define KERNEL_LAST 0xffffffff

#define USER_START 0x00000000
#define USER_LAST (KERNEL_START - 1)

#define IDENTITY_PHYS 0
#define IDENTITY_VIRT KERNEL_START
#define IDENTITY_SIZE 0x30000000
#define BOOT_MAPPED IDENTITY_SIZE

#define KERNEL_IMAGE_VIRT 0xf0000000
#define KERNEL_IMAGE_PHYS 0x01000000
/* An address in the image less this is its physical address. */
#define KERNEL_IMAGE_OFFSET (KERNEL_IMAGE_VIRT - KERNEL_IMAGE_PHYS)
/* QEMU loads what the file has at 0 to KERNEL_IMAGE_PHYS. */
#define IMAGE_LOAD_OFFSET KERNEL_IMAGE_VIRT
/* The image is no larger: what a table of the last level maps. */
#define KERNEL_IMAGE_MOST 0x400000

#define KM_START 0xf1000000
#define KM_END 0xff000000

/* Registers of the mac-io chip. */
#define MACIO_VIRT 0xff000000
#define MACIO_PHYS 0x80000000
#define MACIO_SIZE 0x80000
/* A page: the register by which a panic is reported to the emulator. */
#define PVPANIC_VIRT (MACIO_VIRT + MACIO_SIZE)

/* PCI's configuration registers; mapped while the machine boots. */
#define PCI_VIRT 0xe2000000
#define PCI_PHYS 0xf2000000

/* Vectors are at physical address 0; no frame there is free. */
#define VECTORS_SIZE 0x3000

/* The stack kernel_main runs on, and the one on which a trap is reported whose stack is used up. */
#define BOOT_STACK_SIZE 16384
#define OVERFLOW_STACK_SIZE 16384

#endif
