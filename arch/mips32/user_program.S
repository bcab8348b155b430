/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The program with which user mode is probed (kernel/machine.h, enum user_step).
 * It is copied to a page of its own, and jumps within itself only.
 */

#include <arch/cp0.h>

#include "user.h"

#define WORD_LO (4 * (USER_REGISTERS - 2))
#define WORD_HI (4 * (USER_REGISTERS - 1))

	.set noreorder
	.set noat
	.set hardfloat

/* In the order of user.c. */
.macro each_register instruction
	.set word, 0
	.irp number, 2, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 28, 30, 31
	\instruction $\number, word($sp)
	.set word, word + 4
	.endr
.endm

	.section .rodata

	.globl user_program_start, user_program_end
	.globl user_store, user_load, user_spin, user_read, user_write, user_breakpoint, user_litter
	.globl user_privileged_start, user_privileged_end
	.balign 16
user_program_start:

/* k0 and k1, and a link that is broken by each return from a trap. */
user_litter:
	li $k0, -1
	li $k1, -1
	ll $t0, 0($sp)
	syscall

user_load:
	lw $t0, WORD_LO($sp)
	lw $t1, WORD_HI($sp)
	mtlo $t0
	mthi $t1
	each_register lw
	syscall
user_store:
	each_register sw
	mflo $t0
	mfhi $t1
	sw $t0, WORD_LO($sp)
	sw $t1, WORD_HI($sp)
	lw $t0, 4 * 7($sp)
	lw $t1, 4 * 8($sp)
	syscall

user_spin:
	b user_spin
	nop

user_read:
	lw $v0, 0($v0)
	syscall

user_write:
	sw $v0, 0($v0)
	syscall

user_breakpoint:
	break
	syscall

/* One instruction each. */
user_privileged_start:
	mfc0 $v0, CP0_STATUS
	mtc0 $v0, CP0_STATUS
	di
	ei
	tlbwr
	tlbp
	eret
	wait
	cache 0, 0($sp)
	rdhwr $v0, $2 /* Count */
	mtc1 $v0, $f0
	add.s $f0, $f2, $f4
	teq $sp, $sp
user_privileged_end:

user_program_end:

	.section .note.GNU-stack, "", %progbits
