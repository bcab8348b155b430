/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From Open Firmware to C. OpenBIOS enters the first byte of the image, which lies at KERNEL_IMAGE_PHYS,
 * under its own translation, which maps each address to itself; r5 leads to its client interface (IEEE 1275, 6.3).
 * While that works the properties are read that the memory map is made of (boot/openfirmware). Then
 * translation goes off, and the firmware with it.
 *
 * The boot has these blocks (BATs), until mmu_start sets those that stay:
 *
 *   instructions 0   the image          data 0  the first 256 MiB, where the direct map has them
 *                                       data 1  the image
 *                                       data 2  PCI's configuration registers
 *                                       data 3  the mac-io chip
 */

#include <arch/layout.h>
#include <arch/msr.h>
#include <offsets.h>

#define PHYS(symbol) ((symbol) - KERNEL_IMAGE_OFFSET)

.macro load register, value
	lis \register, (\value)@h
	ori \register, \register, (\value)@l
.endm

.macro bat spr, upper, lower
	load r3, (\upper)
	load r4, (\lower)
	mtspr (\spr) + 1, r4
	mtspr \spr, r3
.endm

	.section .image_first, "ax"
	.globl start
start:
	load r1, PHYS(boot_stack_end - 64)
	mr r31, r5
	load r30, PHYS(client_arguments)
	load r29, PHYS(openfirmware)

	load r4, PHYS(name_memory)
	bl find_device
	load r5, PHYS(name_reg)
	addi r6, r29, OF_MEMORY
	li r7, OF_MEMORY_MOST
	bl get_property
	stw r3, OF_MEMORY_BYTES(r29)

	load r4, PHYS(name_root)
	bl find_device
	load r5, PHYS(name_address_cells)
	addi r6, r29, OF_ADDRESS_CELLS
	li r7, 4
	bl get_property
	load r5, PHYS(name_size_cells)
	addi r6, r29, OF_SIZE_CELLS
	li r7, 4
	bl get_property

	load r4, PHYS(name_chosen)
	bl find_device
	load r5, PHYS(name_arguments)
	addi r6, r29, OF_ARGUMENTS
	li r7, OF_ARGUMENTS_MOST
	bl get_property
	stw r3, OF_ARGUMENTS_BYTES(r29)

	load r4, PHYS(name_cpus)
	bl find_device
	load r3, PHYS(service_child)
	bl call_one
	mr r28, r3
	load r5, PHYS(name_timebase)
	addi r6, r29, OF_TIMEBASE
	li r7, 4
	bl get_property

	/* Translation off (PEM, 6.2.4: RFI synchronizes). */
	load r3, PHYS(real)
	mtsrr0 r3
	li r3, MSR_ME
	mtsrr1 r3
	rfi
real:
	li r3, 0
	.irp number, 0, 2, 4, 6
	mtspr SPR_IBAT0U + \number, r3
	mtspr SPR_DBAT0U + \number, r3
	.endr
	isync
	bat SPR_IBAT0U, BAT_UPPER(KERNEL_IMAGE_VIRT, KERNEL_IMAGE_MOST), KERNEL_IMAGE_PHYS | BAT_MEMORY
	bat SPR_DBAT0U, BAT_UPPER(IDENTITY_VIRT, 0x10000000), IDENTITY_PHYS | BAT_MEMORY
	bat SPR_DBAT0U + 2, BAT_UPPER(KERNEL_IMAGE_VIRT, KERNEL_IMAGE_MOST), KERNEL_IMAGE_PHYS | BAT_MEMORY
	bat SPR_DBAT0U + 4, BAT_UPPER(PCI_VIRT, 0x1000000), PCI_PHYS | BAT_DEVICE
	bat SPR_DBAT0U + 6, BAT_UPPER(MACIO_VIRT, MACIO_SIZE), MACIO_PHYS | BAT_DEVICE
	isync
	load r3, PHYS(cpus)
	mtsprg 0, r3
	load r1, PHYS(boot_stack_end - 64) + IDENTITY_VIRT
	load r3, PHYS(boot_stack_end - 64)
	li r4, 0
	stw r4, 0(r3) /* a backtrace ends */
	load r3, ppc_start
	mtsrr0 r3
	li r3, MSR_KERNEL
	mtsrr1 r3
	rfi

/* r3 = the node that has the path at r4, or -1 */
find_device:
	load r3, PHYS(service_find)
	mflr r27
	bl call_one
	mr r28, r3
	mtlr r27
	blr

/* A service, r3, that takes one argument, r4, and returns one. */
call_one:
	stw r3, 0(r30)
	li r5, 1
	stw r5, 4(r30)
	stw r5, 8(r30)
	stw r4, 12(r30)
	li r5, -1
	stw r5, 16(r30)
	mflr r26
	mr r3, r30
	mtctr r31
	bctrl
	lwz r3, 16(r30)
	mr r4, r3
	mtlr r26
	blr

/* r3 = bytes of the property of node r28 with the name at r5, or -1; as many as r7 are put at r6. */
get_property:
	load r3, PHYS(service_property)
	stw r3, 0(r30)
	li r3, 4
	stw r3, 4(r30)
	li r3, 1
	stw r3, 8(r30)
	stw r28, 12(r30)
	stw r5, 16(r30)
	stw r6, 20(r30)
	stw r7, 24(r30)
	li r3, -1
	stw r3, 28(r30)
	mflr r26
	mr r3, r30
	mtctr r31
	bctrl
	lwz r3, 28(r30)
	mtlr r26
	blr

	.text

/*
 * void mmu_start(const uint32_t values[17]): SDR1, and the eight halves of the instruction BATs and of the data BATs,
 * upper ones first, at a physical address. They may be changed with translation off only (PEM, 7.4.1 and 7.6.1.1).
 */
	.globl mmu_start
mmu_start:
	mflr r11
	load r4, PHYS(1f)
	mtsrr0 r4
	li r4, MSR_ME
	mtsrr1 r4
	rfi
1:	lwz r4, 0(r3)
	sync
	mtsdr1 r4
	li r4, 0
	.irp number, 0, 2, 4, 6
	mtspr SPR_IBAT0U + \number, r4
	mtspr SPR_DBAT0U + \number, r4
	.endr
	isync
	.irp number, 0, 2, 4, 6
	lwz r4, 4 + 4 * \number(r3)
	lwz r5, 8 + 4 * \number(r3)
	mtspr SPR_IBAT0U + 1 + \number, r5
	mtspr SPR_IBAT0U + \number, r4
	lwz r4, 36 + 4 * \number(r3)
	lwz r5, 40 + 4 * \number(r3)
	mtspr SPR_DBAT0U + 1 + \number, r5
	mtspr SPR_DBAT0U + \number, r4
	.endr
	isync
	mtsrr0 r11
	li r4, MSR_KERNEL
	mtsrr1 r4
	rfi

	.section .rodata

service_find:
	.asciz "finddevice"
service_property:
	.asciz "getprop"
service_child:
	.asciz "child"
name_root:
	.asciz "/"
name_memory:
	.asciz "/memory"
name_chosen:
	.asciz "/chosen"
name_cpus:
	.asciz "/cpus"
name_reg:
	.asciz "reg"
name_address_cells:
	.asciz "#address-cells"
name_size_cells:
	.asciz "#size-cells"
name_arguments:
	.asciz "bootargs"
name_timebase:
	.asciz "timebase-frequency"

	.bss

	.balign 4
client_arguments:
	.skip 32

	.balign 16
	.globl boot_stack, boot_stack_end
boot_stack:
	.skip BOOT_STACK_SIZE
boot_stack_end:
	.globl overflow_stack, overflow_stack_end
overflow_stack:
	.skip OVERFLOW_STACK_SIZE
overflow_stack_end:

	.section .note.GNU-stack, "", %progbits
