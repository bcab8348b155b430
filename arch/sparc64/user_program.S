/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The program with which user mode is probed (kernel/machine.h, enum user_step). It is copied to a page of its own, and
 * jumps within itself only. Stack pointers have no bias here: words lie at the register itself.
 */

#include <arch/sparc.h>

#include "user.h"

	.register %g2, #scratch
	.register %g3, #scratch
	.register %g6, #scratch
	.register %g7, #scratch

#define WORD(number) (8 * (number))

	.section .rodata

	.globl user_program_start, user_program_end
	.globl user_store, user_load, user_spin, user_read, user_write, user_breakpoint, user_litter
	.globl user_privileged_start, user_privileged_end
	.balign 16
user_program_start:

/* What has no place in a frame: all windows, with page faults on the stack, and the floating-point state. */
user_litter:
	wr %g0, 7, %fprs
	wr %g0, 0x80, %asi
	mov 12, %l0
	mov %sp, %l1
	sub %sp, STACK_BIAS, %sp /* the windows' own stack pointers have it */
1:	save %sp, -STACK_LEAST, %sp
	mov -1, %l0
	mov -1, %o0
	sub %i0, 0, %l3
	flushw
	restore
	subcc %l0, 1, %l0
	bne 1b
	nop
	mov %l1, %sp
	ta SOFTWARE_SYSTEM_CALL

/* In the order of trap_registers. */
.macro each_register
	.set number, 0
	.irp name, o0, o1, o2, o3, o4, o5, o7, g1, g2, g3, g4, g5, g6, g7
	one_register \name
	.endr
	.set number, 18
	.irp name, l0, l1, l2, l3, l4, l5, l6, l7, i0, i1, i2, i3, i4, i5, i6, i7
	one_register \name
	.endr
.endm

user_load:
	ldx [%sp + WORD(14)], %g1
	wr %g1, 0, %y
	ldx [%sp + WORD(15)], %g1
	wr %g1, 0, %ccr
	ldx [%sp + WORD(16)], %g1
	wr %g1, 0, %asi
	ldx [%sp + WORD(17)], %g1
	wr %g1, 0, %fprs
	.macro one_register name
	ldx [%sp + 8 * number], %\name
	.set number, number + 1
	.endm
	each_register
	.purgem one_register
	ta SOFTWARE_SYSTEM_CALL
user_store:
	.macro one_register name
	stx %\name, [%sp + 8 * number]
	.set number, number + 1
	.endm
	each_register
	.purgem one_register
	rd %y, %o0
	stx %o0, [%sp + WORD(14)]
	rd %ccr, %o0
	stx %o0, [%sp + WORD(15)]
	rd %asi, %o0
	stx %o0, [%sp + WORD(16)]
	rd %fprs, %o0
	stx %o0, [%sp + WORD(17)]
	ldx [%sp], %o0
	ta SOFTWARE_SYSTEM_CALL

user_spin:
	ba,pt %xcc, user_spin
	nop

user_read:
	ldx [%o0], %o0
	ta SOFTWARE_SYSTEM_CALL

user_write:
	stx %o0, [%o0]
	ta SOFTWARE_SYSTEM_CALL

user_breakpoint:
	ta SOFTWARE_BREAKPOINT
	ta SOFTWARE_SYSTEM_CALL

/* One instruction each. */
user_privileged_start:
	rdpr %pstate, %o0
	wrpr %g0, 0, %pstate
	wrpr %g0, 0, %tl
	rdpr %tick, %o0
	rd %tick, %o0
	wr %g0, 1, %set_softint
	wr %g0, 0, %asr23
	done
	retry
	saved
	restored
	ldxa [%g0] ASI_LSU, %o0
	stxa %g0, [%g0] ASI_PHYS
	fadds %f0, %f1, %f2
	illtrap 0
	ta 0x7f
user_privileged_end:

user_program_end:

	.section .note.GNU-stack, "", %progbits
