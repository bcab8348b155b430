/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From the loader to C: 32-bit protected mode, flat segments, paging and
 * interrupts off, running where the image was loaded. EAX and EBX hold what the
 * loader reports.
 *
 * The boot page directory maps, with 4 MiB pages:
 *
 *   IDENTITY_VIRT .. KM_START   physical memory from 0, for good
 *   0 .. 4 MiB                  the same, till the jump to the image's addresses has been made
 */

#include <arch/layout.h>
#include <x86/control.h>
#include <x86/requirements.h>
#include <x86/selectors.h>

#define PHYS(symbol) ((symbol) - KERNEL_IMAGE_OFFSET)

#define LARGE_PAGE_SHIFT 22
#define ENTRY_SIZE 4
#define LEAF 0x1e3 /* present, writable, accessed, dirty, 4 MiB, global (x86/page_format.h) */
#define LEAF_NOT_GLOBAL 0x0e3

	.text
	.globl start
start:
	cli
	cld
	mov $PHYS(boot_stack_end), %esp
	push %ebx
	push %eax
	mov $PHYS(cpu_requirements), %esi
	call check_cpu

	/* The directory's entries of the identity window. */
	mov $PHYS(boot_page_directory + (IDENTITY_VIRT >> LARGE_PAGE_SHIFT) * ENTRY_SIZE), %edi
	mov $LEAF, %eax
	mov $(IDENTITY_SIZE >> LARGE_PAGE_SHIFT), %ecx
1:	mov %eax, (%edi)
	add $(1 << LARGE_PAGE_SHIFT), %eax
	add $ENTRY_SIZE, %edi
	loop 1b
	movl $LEAF_NOT_GLOBAL, PHYS(boot_page_directory)

	/* Paging on (SDM vol. 3A, 9.9.1); write protection holds for the kernel too. */
	mov $(CR4_PSE | CR4_PGE), %eax
	mov %eax, %cr4
	mov $PHYS(boot_page_directory), %eax
	mov %eax, %cr3
	mov $CR0_KERNEL, %eax
	mov %eax, %cr0
	mov $high, %eax
	jmp *%eax

high:
	add $KERNEL_IMAGE_OFFSET, %esp
	movl $0, boot_page_directory
	mov %cr3, %eax
	mov %eax, %cr3
	lgdt boot_gdtr
	ljmp $KERNEL_CODE_SELECTOR, $1f
1:	mov $KERNEL_DATA_SELECTOR, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs

	/* What the loader reports is on the stack, as the arguments of x86_start. A frame pointer of 0 ends backtraces. */
	xor %ebp, %ebp
	call x86_start

	.section .rodata

	.balign 4
cpu_requirements:
	requirement 1, 3, "pages of 4 MiB (PSE)"
	requirement 1, 4, "time stamp counter (TSC)"
	requirement 1, 13, "global pages (PGE)"
	.long 0

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
boot_gdtr:
	.word . - boot_gdt - 1
	.long boot_gdt

	.bss

	.balign 4096
boot_page_directory:
	.skip 4096

	.balign 4096
	.globl boot_stack, boot_stack_end
boot_stack:
	.skip BOOT_STACK_SIZE
boot_stack_end:

	.section .note.GNU-stack, "", %progbits
