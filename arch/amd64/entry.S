/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From the loader to C: 32-bit protected mode, flat segments, paging and
 * interrupts off, running where the image was loaded. EAX and EBX hold what the
 * loader reports.
 *
 * The boot page tables, with pages of 2 MiB:
 *
 *   IDENTITY_VIRT         the first BOOT_MAPPED bytes of physical memory     boot_pdpt_identity, boot_pd_identity
 *   KERNEL_IMAGE_OFFSET   physical memory from 0 to the image's end          boot_pdpt_image, boot_pd_image
 *   0                     as IDENTITY_VIRT, till the jump to the image's addresses has been made
 *
 * Each mapping has tables of its own, so that the rights of one can be changed
 * without the other.
 */

#include <arch/layout.h>
#include <x86/control.h>
#include <x86/requirements.h>
#include <x86/selectors.h>

#define PHYS(symbol) ((symbol) - KERNEL_IMAGE_OFFSET)

#define MSR_EFER 0xc0000080
#define EFER_LME_NXE 0x900
#define LARGE_PAGE_SHIFT 21
#define ENTRY_SIZE 8
#define LEAF 0x1e3 /* present, writable, accessed, dirty, 2 MiB, global (x86/page_format.h) */
#define TABLE 0x27 /* present, writable, user, accessed */

/* Offset of the entry for an address in a table whose entries cover 2^shift bytes each. */
#define ENTRY(address, shift) ((((address) >> (shift)) & 511) * ENTRY_SIZE)

	.code32
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

	movl $(PHYS(boot_pdpt_identity) + TABLE), PHYS(boot_root)
	movl $(PHYS(boot_pdpt_identity) + TABLE), PHYS(boot_root) + ENTRY(IDENTITY_VIRT, 39)
	movl $(PHYS(boot_pdpt_image) + TABLE), PHYS(boot_root) + ENTRY(KERNEL_IMAGE_OFFSET, 39)
	movl $(PHYS(boot_pd_identity) + TABLE), PHYS(boot_pdpt_identity)
	movl $(PHYS(boot_pd_image) + TABLE), PHYS(boot_pdpt_image) + ENTRY(KERNEL_IMAGE_OFFSET, 30)
	mov $PHYS(boot_pd_identity), %edi
	mov $(BOOT_MAPPED >> LARGE_PAGE_SHIFT), %ecx
	call fill_directory
	mov $PHYS(boot_pd_image), %edi
	mov $(PHYS(image_end) + (1 << LARGE_PAGE_SHIFT) - 1), %ecx
	shr $LARGE_PAGE_SHIFT, %ecx
	call fill_directory

	/* Long mode (SDM vol. 3A, 9.8.5); write protection holds for the kernel too. */
	mov $CR4_PAE, %eax
	mov %eax, %cr4
	mov $PHYS(boot_root), %eax
	mov %eax, %cr3
	mov $MSR_EFER, %ecx
	rdmsr
	or $EFER_LME_NXE, %eax
	wrmsr
	mov $CR0_KERNEL, %eax
	mov %eax, %cr0
	lgdt PHYS(boot_gdtr)
	ljmp $KERNEL_CODE_SELECTOR, $PHYS(long_mode)

/* Maps %ecx large pages from physical address 0 on in the page directory at %edi. */
fill_directory:
	mov $LEAF, %eax
1:	mov %eax, (%edi)
	add $(1 << LARGE_PAGE_SHIFT), %eax
	add $ENTRY_SIZE, %edi
	loop 1b
	ret

	.code64
long_mode:
	movabs $high, %rax
	jmp *%rax

high:
	mov $KERNEL_DATA_SELECTOR, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov boot_stack_end - 8, %edi /* EAX and EBX, as pushed */
	mov boot_stack_end - 4, %esi
	mov $boot_stack_end, %rsp
	movq $0, boot_root
	mov %cr3, %rax
	mov %rax, %cr3
	mov $(CR4_PAE | CR4_PGE), %eax /* only now: global pages would have stayed in the TLB at the low addresses */
	mov %rax, %cr4
	xor %ebp, %ebp /* backtraces end here */
	call x86_start

	.section .rodata

	.balign 4
cpu_requirements:
	requirement 0x80000001, 29, "64-bit mode"
	requirement 0x80000001, 20, "execute-disable bit (NX)"
	requirement 1, 4, "time stamp counter (TSC)"
	requirement 1, 13, "global pages (PGE)"
	.long 0

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff
	.quad 0x00cf93000000ffff
boot_gdtr:
	.word . - boot_gdt - 1
	.long PHYS(boot_gdt)

	.bss

	.balign 4096
boot_root:
	.skip 4096
boot_pdpt_identity:
	.skip 4096
boot_pdpt_image:
	.skip 4096
boot_pd_identity:
	.skip 4096
boot_pd_image:
	.skip 4096

	.balign 4096
	.globl boot_stack, boot_stack_end
boot_stack:
	.skip BOOT_STACK_SIZE
boot_stack_end:

	.section .note.GNU-stack, "", %progbits
