/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From a start-up interrupt to C, on every CPU but the first (SDM vol. 3A,
 * 8.4.4): real mode, CS the page it was started at, IP 0, interrupts off.
 *
 * The code up to trampoline_end is copied to that page, wherever it is below 1
 * MiB, so it reaches its data relative to the page, %ebx. The page table it
 * begins with maps the page at its physical address, beside the kernel.
 *
 * Who comes too late, when the stack has been taken back, sleeps for ever.
 */

#include <arch/layout.h>
#include <arch/trampoline.h>
#include <x86/selectors.h>

#define OFFSET(symbol) ((symbol) - trampoline_start)

/* INIT leaves the caches off (SDM vol. 3A, table 9-1). */
#define CR0_CACHES_OFF 0x60000000
#define CR0_PE 1
#define CR0_WP_PG 0x80010000

/* A selector of 32-bit code in the GDT below, on both machines. */
#define CODE32_SELECTOR (3 << 3)

	.text

	.code16
	.balign 16
	.globl trampoline_start
trampoline_start:
	cli
	cld
	mov %cs, %ax
	mov %ax, %ds
	movzwl %ax, %ebx
	shl $4, %ebx
	leal OFFSET(protected)(%ebx), %eax
	movl %eax, OFFSET(protected_address)
	leal OFFSET(gdt)(%ebx), %eax
	movl %eax, OFFSET(gdtr) + 2
	lgdtl OFFSET(gdtr)
	mov %cr0, %eax
	and $~CR0_CACHES_OFF, %eax
	or $CR0_PE, %eax
	mov %eax, %cr0
	ljmpl *OFFSET(protected_address)

	.code32
protected:
	mov $KERNEL_DATA_SELECTOR, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %cr4, %eax
	or $TRAMPOLINE_CR4, %eax
	mov %eax, %cr4
	mov OFFSET(trampoline_root)(%ebx), %eax
	mov %eax, %cr3
	prepare_paging
	lea OFFSET(paged)(%ebx), %eax
	mov %eax, OFFSET(paged_address)(%ebx)
	mov %cr0, %eax
	or $CR0_WP_PG, %eax
	mov %eax, %cr0
	ljmp *OFFSET(paged_address)(%ebx)

	native_code
paged:
	mov $high, %native_ax
	jmp *%native_ax

	.balign 8
gdt:
	.quad 0
	.quad TRAMPOLINE_CODE_SEGMENT
	.quad 0x00cf93000000ffff
	.quad 0x00cf9b000000ffff
gdtr:
	.word . - gdt - 1
	.long 0
	.balign 4
protected_address:
	.long 0
	.word CODE32_SELECTOR
	.balign 4
paged_address:
	.long 0
	.word KERNEL_CODE_SELECTOR
	.balign 4
	.globl trampoline_root
trampoline_root:
	.long 0
	.globl trampoline_end
trampoline_end:

high:
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	xchg %native_ax, trampoline_stack
	test %native_ax, %native_ax
	jz 1f
	mov %native_ax, %native_sp
	xor %ebp, %ebp /* backtraces end here */
	call x86_start_other
1:	cli
	hlt
	jmp 1b

	.bss

	.balign 8
	.globl trampoline_stack
trampoline_stack:
	.skip 8

	.section .note.GNU-stack, "", %progbits
