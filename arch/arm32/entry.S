/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From the loader to C: SVC mode, MMU and caches off, interrupts masked, running at
 * physical addresses. r2 may hold the address of the device tree.
 *
 * The boot code's table serves as both roots. It maps, with sections of 1 MiB:
 *
 *   the image at its physical address, for the moment in which the MMU is turned on
 *   RAM from its beginning to the image's end, at IDENTITY_VIRT: the device tree lies there, too
 *   the UART and the interrupt controller, where KERNEL_FIXED has them
 *
 * What else of RAM is wanted before page_init, C maps when it knows where RAM is (machine.c). Other CPUs come the
 * same way, and go over to the kernel's root before they touch a stack.
 */

#include <arch/layout.h>

#define PHYS(symbol) ((symbol) - KERNEL_IMAGE_OFFSET)

/* Sections (arch/page_format.h): accessed, the kernel's, domain 0; normal memory, shareable; or a device, XN. */
#define SECTION_NORMAL 0x1140e
#define SECTION_DEVICE 0x10416
#define SECTION_SHIFT 20
#define ENTRY_SHIFT 2

/* SCTLR (B4.1.130): AFE, I, Z, C, M on; TRE, V, A, EE, TE off. */
#define SCTLR_SET 0x20001805
#define SCTLR_CLEAR 0x52082002

	.arch_extension virt

	.section .text.start, "ax", %progbits
	.globl start
start:
	cpsid aif, #0x13
	mov r9, r2

	/* The table. */
	ldr r4, =PHYS(boot_table)
	mov r0, #0
	add r1, r4, #0x4000
	mov r3, r4
1:	str r0, [r3], #4
	cmp r3, r1
	bne 1b
	ldr r0, =(IDENTITY_PHYS | SECTION_NORMAL)
	ldr r1, =PHYS(image_end)
	add r3, r4, #(IDENTITY_VIRT >> SECTION_SHIFT << ENTRY_SHIFT)
2:	str r0, [r3], #4
	add r0, r0, #(1 << SECTION_SHIFT)
	cmp r0, r1
	blo 2b
	ldr r0, =(KERNEL_IMAGE_PHYS | SECTION_NORMAL)
	ldr r3, =(KERNEL_IMAGE_PHYS >> SECTION_SHIFT << ENTRY_SHIFT)
	str r0, [r4, r3]
	ldr r0, =(UART_PHYS | SECTION_DEVICE)
	ldr r3, =(UART_VIRT >> SECTION_SHIFT << ENTRY_SHIFT)
	str r0, [r4, r3]
	ldr r0, =(GIC_PHYS | SECTION_DEVICE)
	ldr r3, =(GIC_VIRT >> SECTION_SHIFT << ENTRY_SHIFT)
	str r0, [r4, r3]
	dsb

	ldr lr, =high
	b mmu_on

/* Turns the MMU on, and goes on at lr, at the kernel's addresses. */
mmu_on:
	/* ACTLR.SMP: this CPU takes part in coherency, before its caches are on (Cortex-A15 TRM, 4.3.28). */
	mrc p15, 0, r0, c1, c0, 1
	tst r0, #0x40
	orreq r0, r0, #0x40
	mcreq p15, 0, r0, c1, c0, 1
	mov r0, #0
	mcr p15, 0, r0, c8, c7, 0   /* TLBIALL */
	mcr p15, 0, r0, c7, c5, 0   /* ICIALLU */
	mcr p15, 0, r0, c7, c5, 6   /* BPIALL */
	mcr p15, 0, r0, c13, c0, 1  /* CONTEXTIDR: identifier 0 */
	mov r0, #1
	mcr p15, 0, r0, c3, c0, 0   /* DACR: domain 0, client */
	mcr p15, 0, r0, c2, c0, 2   /* TTBCR: N = 1 */
	ldr r0, =PHYS(boot_table)
	orr r0, r0, #0x6a           /* TTBR_ATTRIBUTES */
	mcr p15, 0, r0, c2, c0, 0
	mcr p15, 0, r0, c2, c0, 1
	dsb
	isb
	mrc p15, 0, r0, c1, c0, 0
	ldr r1, =SCTLR_CLEAR
	bic r0, r0, r1
	ldr r1, =SCTLR_SET
	orr r0, r0, r1
	mcr p15, 0, r0, c1, c0, 0
	isb
	bx lr

high:
	ldr sp, =boot_stack_end
	mov r0, r9
	mov r11, #0 /* ends backtraces */
	mov lr, #0
	b arm_start

	.globl start_other
start_other:
	cpsid aif, #0x13
	ldr lr, =other_high
	b mmu_on
other_high:
	ldr r0, =other_root
	ldr r0, [r0]
	mcr p15, 0, r0, c2, c0, 1
	mcr p15, 0, r0, c2, c0, 0
	isb
	mov r0, #0
	mcr p15, 0, r0, c8, c7, 0
	mcr p15, 0, r0, c7, c5, 6
	dsb
	isb
	ldr r0, =other_stack
	ldr sp, [r0]
	mov r11, #0
	mov lr, #0
	b arm_start_other

	.ltorg

	.bss

	.balign 16384
	.globl boot_table
boot_table:
	.skip 16384

	.balign 4096
	.globl boot_stack, boot_stack_end
boot_stack:
	.skip BOOT_STACK_SIZE
boot_stack_end:

	.section .note.GNU-stack, "", %progbits
