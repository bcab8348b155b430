/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Looks, before anything depends on it, whether the CPU has what this kernel is
 * built for. What is missing is written to the serial port, and the machine stops.
 *
 * 32-bit code for both machines: protected mode, flat segments, paging off. It
 * runs where it was loaded, so it reaches data by physical addresses.
 */

#include <arch/layout.h>
#include <x86/requirements.h>

#define COM1 0x3f8
#define DEBUG_EXIT 0xf4
#define DEBUG_EXIT_FAILURE 0x11 /* as genarch/isa_debug_exit.c for status 1 */
#define FLAGS_ID 0x200000

	.code32
	.text

/*
 * check_cpu: %esi = physical address of a table of requirements.
 * Returns if all are met. Changes all registers but %esp and %ebp.
 *
 * There is CPUID at all if FLAGS.ID can be changed (SDM vol. 1, 20.1.1).
 */
	.globl check_cpu
check_cpu:
	pushfl
	pop %eax
	mov %eax, %ecx
	xor $FLAGS_ID, %eax
	push %eax
	popfl
	pushfl
	pop %eax
	push %ecx /* as it was */
	popfl
	cmp %eax, %ecx
	mov $(no_cpuid - KERNEL_IMAGE_OFFSET), %edi
	je refuse

	/* Each requirement: that the leaf is there (leaf 0 or 0x80000000 gives the last one), and the bit in its EDX. */
next_requirement:
	mov REQUIREMENT_LEAF(%esi), %eax
	test %eax, %eax
	jz all_met
	mov REQUIREMENT_NAME(%esi), %edi
	and $0x80000000, %eax
	cpuid
	cmp REQUIREMENT_LEAF(%esi), %eax
	jb refuse
	mov REQUIREMENT_LEAF(%esi), %eax
	cpuid
	test REQUIREMENT_EDX(%esi), %edx
	jz refuse
	add $REQUIREMENT_SIZE, %esi
	jmp next_requirement
all_met:
	ret

/* %edi = physical address of the name of what is missing. */
refuse:
	mov $(uart_setup - KERNEL_IMAGE_OFFSET), %esi
	mov $UART_SETUP_STEPS, %ecx
1:	movzbl (%esi), %edx
	add $COM1, %edx
	mov 1(%esi), %al
	outb %al, %dx
	add $2, %esi
	loop 1b
	mov $(cannot_run - KERNEL_IMAGE_OFFSET), %esi
	call print
	mov %edi, %esi
	call print
	mov $(end_of_line - KERNEL_IMAGE_OFFSET), %esi
	call print
	mov $DEBUG_EXIT_FAILURE, %eax
	outl %eax, $DEBUG_EXIT
1:	cli
	hlt
	jmp 1b

/* Sends the text at %esi, up to a 0. Changes %eax, %ecx, %edx, %esi. */
print:
	lodsb
	test %al, %al
	jz 3f
	mov %al, %ah
	mov $(COM1 + 5), %edx
	mov $100000, %ecx
1:	inb %dx, %al
	test $0x20, %al
	jnz 2f
	loop 1b
2:	mov %ah, %al
	mov $COM1, %edx
	outb %al, %dx
	jmp print
3:	ret

	.section .rodata

/* Register and value: as ns16550_init sets the port up, 115,200 baud, 8N1. */
uart_setup:
	.byte 1, 0x00, 3, 0x83, 0, 0x01, 1, 0x00, 3, 0x03, 2, 0x07
	.set UART_SETUP_STEPS, (. - uart_setup) / 2

cannot_run:
	.asciz "Hoplite cannot run here: this CPU has no "
no_cpuid:
	.asciz "CPUID instruction"
end_of_line:
	.asciz ".\r\n"

	.section .note.GNU-stack, "", %progbits
