/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A program that calls itself deeper than there are windows, over and over, and looks whether each of its calls finds
 * its registers as it has left them (window_test.c). Position-independent, of at most a page.
 */

#include <arch/sparc.h>

	.register %g2, #scratch
	.register %g3, #scratch

	.section .rodata

	.globl window_program, window_program_end
	.balign 16
/* o0 = a number of its own, o1 = depth, o2 = rounds. @return o0 = registers that were wrong; a system call */
window_program:
	mov %o0, %l0
	mov %o1, %l1
	mov %o2, %l2
	clr %l3
1:	mov %l1, %o0
	call descend
	mov %l0, %o1
	add %l3, %o0, %l3
	subcc %l2, 1, %l2
	bne,pt %xcc, 1b
	nop
	mov %l3, %o0
	ta SOFTWARE_SYSTEM_CALL
2:	ba,a 2b

/* o0 = how deep, o1 = the number. @return o0 = wrong registers */
descend:
	save %sp, -(STACK_LEAST + 512), %sp
	clr %i2
	/* No register of a window has what is the kernel's: all its addresses are below 0, nothing here is. */
	.irp register, l0, l1, l2, l3, l4, l5, l6, l7, o0, o1, o2, o3, o4, o5, o7
	srlx %\register, 63, %i3
	add %i2, %i3, %i2
	.endr
	sllx %i0, 16, %i4
	add %i4, %i1, %i4
	.irp number, 0, 1, 2, 3, 4, 5, 6, 7
	add %i4, \number, %l\number
	.endr
	brz,pn %i0, 1f
	nop
	sub %i0, 1, %o0
	call descend
	mov %i1, %o1
	add %i2, %o0, %i2
1:	sllx %i0, 16, %i4
	add %i4, %i1, %i4
	.irp number, 0, 1, 2, 3, 4, 5, 6, 7
	sub %l\number, \number, %i3
	xor %i3, %i4, %i3
	movrnz %i3, 1, %i3
	add %i2, %i3, %i2
	.endr
	mov %i2, %i0
	ret
	restore
window_program_end:

	.section .note.GNU-stack, "", %progbits
