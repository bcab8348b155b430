/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From a Multiboot loader to C, on the first CPU; from a start-up interrupt to
 * C, on the others; from a trap to C and back; and the two routines that may
 * fault.
 */

#include <arch/layout.h>
#include <x86/control.h>

#include "pc.h"

#define PHYS(symbol) ((symbol) - KERNEL_IMAGE_OFFSET)
#define OTHER(symbol) ((symbol) - other_start + OTHER_PAGE)

#define CODE 8
#define DATA 16
#define PAGE_4M 0xe3 /* present, writable, accessed, dirty, large; not global: page_init's tables are to replace it */

	.section .image_first, "a", %progbits
	.balign 4
	.long 0x1badb002
	.long 2 /* report the memory */
	.long -(0x1badb002 + 2)

	.text

/* ---- the first CPU ---- */

	.globl start
start:
	cli
	cld
	mov $PHYS(stacks + STACK_SIZE), %esp
	push %ebx /* what the loader reports */
	mov $PHYS(boot_directory + (IDENTITY_VIRT >> 22) * 4), %edi
	mov $PAGE_4M, %eax
	mov $(IDENTITY_SIZE >> 22), %ecx
1:	mov %eax, (%edi)
	add $(1 << 22), %eax
	add $4, %edi
	loop 1b
	movl $PAGE_4M, PHYS(boot_directory) /* the image where it lies, till the jump is made */
	lgdt PHYS(boot_gdtr)
	mov $first, %ebx
	jmp paging

first:
	add $KERNEL_IMAGE_OFFSET, %esp
	xor %ebp, %ebp
	call pc_main /* the argument is pushed */

/* ---- all CPUs: paging on, then to ebx ---- */

paging:
	ljmp $CODE, $PHYS(1f)
1:	mov $DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov $(CR4_PSE | CR4_PGE), %eax
	mov %eax, %cr4
	mov $PHYS(boot_directory), %eax
	mov %eax, %cr3
	mov $CR0_KERNEL, %eax
	mov %eax, %cr0
	lgdt gdtr
	jmp *%ebx

/* ---- another CPU: copied to OTHER_PAGE, entered there in real mode ---- */

	.code16
	.globl other_start, other_end
other_start:
	cli
	cld
	xor %ax, %ax
	mov %ax, %ds
	lgdtl OTHER(other_gdtr)
	mov $CR0_PROTECTED, %eax
	mov %eax, %cr0
	ljmpl $CODE, $OTHER(2f)
	.code32
2:	mov $other, %ebx
	mov $PHYS(paging), %eax
	jmp *%eax
	.balign 8
other_gdtr:
	.word gdt_end - gdt - 1
	.long PHYS(gdt)
other_end:

other:
	mov other_number, %esp
	inc %esp
	imul $STACK_SIZE, %esp
	add $stacks, %esp
	xor %ebp, %ebp
	call other_main

/* ---- traps: one entry a vector, 16 bytes each ---- */

	.globl trap_entries
	.balign 16
trap_entries:
	.set vector, 0
	.rept VECTORS
	.balign 16
	.if vector >= 32
	push $0
	.elseif !(0x60227d00 >> vector & 1) /* the exceptions that push an error code */
	push $0
	.endif
	push $vector
	jmp trap_entry
	.set vector, vector + 1
	.endr

trap_entry:
	pusha
	cld
	mov %cr2, %eax
	push %eax
	push %esp
	call on_trap
	add $8, %esp
	popa
	add $8, %esp
	iret

/* ---- accesses that may fault ---- */

	.globl user_access, user_access_end, user_access_failed, user_load, user_store
user_access:
user_load:
	mov 4(%esp), %ecx
	movzbl (%ecx), %eax
	ret
user_store:
	mov 4(%esp), %ecx
	mov 8(%esp), %edx
	movb %dl, (%ecx)
	xor %eax, %eax
	ret
user_access_end:
user_access_failed:
	mov $-1, %eax
	ret

	.section .rodata

	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
gdt_end:
gdtr:
	.word gdt_end - gdt - 1
	.long gdt
boot_gdtr:
	.word gdt_end - gdt - 1
	.long PHYS(gdt)

	.data

	.globl other_number
	.balign 4
other_number:
	.long 0

	.bss

	.balign 4096
boot_directory:
	.skip 4096
	.balign 4096
	.globl stacks
stacks:
	.skip STACK_SIZE * CONFIG_MAX_CPUS

	.section .note.GNU-stack, "", %progbits
