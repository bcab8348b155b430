/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Threads: giving the CPU from one to another. Only what a C function must
 * preserve is saved (MIPS ABI supplement, "CPU Registers"): the call itself has
 * saved the rest.
 */

#include <offsets.h>

	.set noreorder
	.set noat

	.text

.macro saved_registers instruction
	\instruction $s0, SAVED_S0($sp)
	\instruction $s1, SAVED_S0 + 4($sp)
	\instruction $s2, SAVED_S0 + 8($sp)
	\instruction $s3, SAVED_S0 + 12($sp)
	\instruction $s4, SAVED_S0 + 16($sp)
	\instruction $s5, SAVED_S0 + 20($sp)
	\instruction $s6, SAVED_S0 + 24($sp)
	\instruction $s7, SAVED_S0 + 28($sp)
	\instruction $fp, SAVED_FP($sp)
	\instruction $ra, SAVED_RA($sp)
.endm

/* void context_switch(struct context *from, struct context *to) */
	.globl context_switch
	.ent context_switch
context_switch:
	addiu $sp, $sp, -SAVED_SIZE
	saved_registers sw
	sw $sp, CONTEXT_SP($a0)
	lw $sp, CONTEXT_SP($a1)
	saved_registers lw
	jr $ra
	addiu $sp, $sp, SAVED_SIZE
	.end context_switch

/* A new thread's context_switch returns here: s0 = its function, s1 = the argument. */
	.globl context_begin
	.ent context_begin
context_begin:
	move $t9, $s0
	jalr $t9
	move $a0, $s1
	break
	.end context_begin

	.section .note.GNU-stack, "", %progbits
