/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Where things lie in the address space of sparc64: numbers only, so that C, the
 * assembler and the linker script read the same ones. Virtual addresses have 44 bits; between the two
 * parts there is a hole (UltraSPARC-IIi User's Manual, 805-0087, 4.2 "Virtual Address Translation").
 *
 *   00000000 00000000  user space, 8 TiB
 *   fffff800 00000000  the direct map: 1 TiB of physical memory from 0 on, made by the miss handler; not executable
 *   fffffa00 00000000  km_map's window
 *   fffffe00 00000000  the image, at its physical address, by the page hash table
 *
 * The low 41 bits of an address in the direct map or in the image are its physical address: what accesses physical
 * memory (ASI 14) ignores the others (6.10 "MMU Bypass Mode").
 */

#ifndef ARCH_LAYOUT_H
#define ARCH_LAYOUT_H

#include <config.h>

#define PAGE_WIDTH 13

#define KERNEL_START 0xfffff80000000000
#define KERNEL_LAST 0xffffffffffffffff

#define USER_START 0x0000000000000000
#define USER_LAST 0x000007ffffffffff

#define IDENTITY_PHYS 0
#define IDENTITY_VIRT 0xfffff80000000000
#define IDENTITY_SIZE 0x0000010000000000
#define BOOT_MAPPED IDENTITY_SIZE

#define KM_START 0xfffffa0000000000
#define KM_END 0xfffffa0040000000

/*
 * OpenBIOS lies at the end of RAM, and needs what is below 4 MiB. The image begins at a multiple of 64 KiB, so that its
 * first part, with the trap table, is one page (entry.S).
 */
#define KERNEL_IMAGE_OFFSET 0xfffffe0000000000
#define KERNEL_IMAGE_PHYS 0x410000

/* clang-format off */
#define IMAGE_DATA *(.got .got.*)
/* clang-format on */

/* The trap table and the miss handlers: the first bytes of the image, seen in the direct map. */
#define VECTORS_SIZE 0x10000

/* The stack kernel_main runs on, and the one on which a trap is reported that has none. */
#define BOOT_STACK_SIZE 16384
#define LAST_STACK_SIZE 16384

#endif
