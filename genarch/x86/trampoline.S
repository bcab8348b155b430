/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From a start-up interrupt to C, on every CPU but the first (SDM vol. 3A,
 * 8.4.4): real mode, CS the page it was started at, IP 0, interrupts off.
 *
 * The code up to trampoline_end is copied to that page, wherever it is below 1
 * MiB, so it reaches its data relative to the page, %ebx. The page table it
 * begins with maps the page at its physical address, beside the kernel.
 *
 * The LAPIC's number, by which the first CPU has called this one, leads to its
 * start record. It claims that while paging is off still, so a CPU that comes
 * when it has been given up halts here, and has touched nothing but this page
 * and its record, which stay where they are for that.
 */

#include <arch/layout.h>
#include <arch/trampoline.h>
#include <x86/control.h>
#include <x86/selectors.h>
#include <x86/trampoline.h>

#define OFFSET(symbol) ((symbol) - trampoline_start)

#define LAPIC_ID 0x20 /* offset of the register */
#define LAPIC_ID_SHIFT 24

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
	mov $CR0_PROTECTED, %eax /* the caches on, which INIT leaves off (SDM vol. 3A, table 9-1) */
	mov %eax, %cr0
	ljmpl *OFFSET(protected_address)

	.code32
protected:
	mov $KERNEL_DATA_SELECTOR, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
#if CONFIG_DEBUG
1:	pause
	cmpl $0, OFFSET(trampoline_hold)(%ebx)
	jne 1b
#endif
	mov OFFSET(trampoline_lapic)(%ebx), %eax
	mov LAPIC_ID(%eax), %esi
	shr $LAPIC_ID_SHIFT, %esi
	shl $START_SHIFT, %esi /* kept up to x86_start_other */
	mov $START_OFFERED, %eax
	mov $START_CLAIMED, %ecx
	lock cmpxchg %ecx, (starts - KERNEL_IMAGE_OFFSET)(%esi)
	je claimed
halted:
	cli
	hlt
	jmp halted

claimed:
	mov $TRAMPOLINE_CR4, %eax
	mov %eax, %cr4
	mov OFFSET(trampoline_root)(%ebx), %eax
	mov %eax, %cr3
	prepare_paging
	lea OFFSET(paged)(%ebx), %eax
	mov %eax, OFFSET(paged_address)(%ebx)
	mov $CR0_KERNEL, %eax
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
	.globl trampoline_root, trampoline_lapic
trampoline_root:
	.long 0
trampoline_lapic:
	.long 0
#if CONFIG_DEBUG
	.globl trampoline_hold
trampoline_hold:
	.long 0
#endif
	.globl trampoline_end
trampoline_end:

high:
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov %esi, %esi /* amd64: the upper half is undefined after the change of mode */
	mov starts + START_STACK(%native_si), %native_sp
	xor %ebp, %ebp /* backtraces end here */
	call x86_start_other

	.section .note.GNU-stack, "", %progbits
