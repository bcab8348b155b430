/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Slots of the GDT and the selectors they give: numbers only, read by C and by
 * the assembler. Every CPU has a GDT of its own with the same layout.
 *
 * User data comes before user code, as SYSRET wants it (SDM vol. 3A, 5.8.8).
 */

#ifndef X86_SELECTORS_H
#define X86_SELECTORS_H

#define GDT_KERNEL_CODE 1
#define GDT_KERNEL_DATA 2
#define GDT_USER_DATA 3
#define GDT_USER_CODE 4
#define GDT_CPU 5 /* ia32: a data segment whose base is this CPU's struct cpu; amd64: empty, there is MSR GS_BASE */
#define GDT_TSS 6
#define GDT_DOUBLE_FAULT_TSS 7 /* ia32; on amd64 the second half of the TSS descriptor */
#define GDT_SLOTS 8

#define KERNEL_CODE_SELECTOR (GDT_KERNEL_CODE << 3)
#define KERNEL_DATA_SELECTOR (GDT_KERNEL_DATA << 3)
#define USER_DATA_SELECTOR (GDT_USER_DATA << 3 | 3)
#define USER_CODE_SELECTOR (GDT_USER_CODE << 3 | 3)
#define CPU_SELECTOR (GDT_CPU << 3)
#define TSS_SELECTOR (GDT_TSS << 3)
#define DOUBLE_FAULT_TSS_SELECTOR (GDT_DOUBLE_FAULT_TSS << 3)

#endif
