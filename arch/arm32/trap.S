/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Into the kernel and out again: every trap builds a struct trap_frame
 * (arch/kernel.h) on the stack of SVC mode and calls trap_dispatch with it.
 *
 * An exception is taken in a mode of its own, with a stack pointer of its own. SRS puts
 * where it came from on the stack of SVC mode, and all that follows happens there. In user
 * mode that stack is empty: its top is where arch_stack_set says, since the way out puts
 * it there. In the kernel it may be at 4 modulo 8, and is aligned here (AAPCS, 5.2.1.2).
 *
 *   CPU, mode of the exception      SRS: pc, cpsr  |  kernel's stack
 *   SVC mode                        struct trap_frame, whose pc and cpsr are those, or a copy of them 4 below
 *
 * A DATA ABORT may be the stack's own, at its end: then to save there would abort again,
 * for ever. So before it touches the stack it asks the CPU for the lowest word of the frame
 * (ATS1CPW, B3.12.7), with what it needs saved in the CPU's data, to which sp of abort mode
 * points. If that word cannot be written the stack becomes the CPU's emergency stack. That is
 * not empty only if the CPU is stopping for good already.
 *
 * RESTART. An interrupt between the two instructions of thread_current (arch/cpu.h) begins
 * with the first again.
 *
 * FIQ is never masked once a CPU is set up: it stops a CPU (smp.c), which does not come back.
 */

#include <offsets.h>
#include <arch/vectors.h>

#define MODE_USER 0x10
#define MODE_ABORT 0x17
#define MODE_SVC 0x13

	.text

	.balign 32
	.globl trap_vectors
trap_vectors:
	b unexpected
	b undefined
	b system_call
	b prefetch_abort
	b data_abort
	b unexpected
	b interrupt
	b fast_interrupt

/* Saves the registers. lr: where the exception came from. Leaves sp at the frame, r0 and r1 free, r3 = cpsr. */
.macro save_registers
	srsdb sp!, #MODE_SVC
	cps #MODE_SVC
	sub sp, sp, #(FRAME_PC - FRAME_R0)
	tst sp, #4
	/* The extra words below make FRAME_R0 of them: 4 modulo 8. */
	subeq sp, sp, #4
	stmia sp, {r0-r12}
	addne r1, sp, #(FRAME_PC - FRAME_R0)
	addeq r1, sp, #(FRAME_PC - FRAME_R0 + 4)
	sub sp, sp, #FRAME_R0
	ldmia r1!, {r2, r3}
	str r1, [sp, #FRAME_SP]
	str lr, [sp, #FRAME_LR]
	str r2, [sp, #FRAME_PC]
	str r3, [sp, #FRAME_CPSR]
	and r0, r3, #0x1f
	cmp r0, #MODE_USER
	bne 9f
	add r1, sp, #FRAME_SP
	stmia r1, {sp, lr}^
	mrc p15, 0, r0, c13, c0, 2
	str r0, [sp, #FRAME_USER_TLS]
9:
.endm

/* The stack pointer must be right when registers are saved a second time, so SVC's own lr is saved before. */

unexpected:
	b unexpected

undefined:
	/* The instruction itself; it has 2 bytes in Thumb state. */
	str lr, [sp]
	mrs lr, spsr
	tst lr, #0x20
	ldr lr, [sp]
	subeq lr, lr, #4
	subne lr, lr, #2
	save_registers
	mov r4, #VECTOR_UNDEFINED
	b trap

system_call:
	save_registers
	mov r4, #VECTOR_SYSTEM_CALL
	b trap

prefetch_abort:
	sub lr, lr, #4
	save_registers
	mrc p15, 0, r1, c5, c0, 1   /* IFSR */
	mrc p15, 0, r2, c6, c0, 2   /* IFAR */
	str r1, [sp, #FRAME_STATUS]
	str r2, [sp, #FRAME_ADDRESS]
	/* A breakpoint goes on behind its instruction. */
	ldr r0, =0x40f
	and r1, r1, r0
	cmp r1, #FAULT_DEBUG
	bne 1f
	ldr r1, [sp, #FRAME_PC]
	tst r3, #0x20
	addeq r1, r1, #4
	addne r1, r1, #2
	str r1, [sp, #FRAME_PC]
1:	mov r4, #VECTOR_PREFETCH_ABORT
	b trap

data_abort:
	sub lr, lr, #8
	strd r0, r1, [sp]
	mrs r0, spsr
	and r0, r0, #0x1f
	cmp r0, #MODE_USER
	beq 1f
	mov r0, sp
	cps #MODE_SVC
	sub r1, sp, #(FRAME_SIZE + 16)
	mcr p15, 0, r1, c7, c8, 1   /* ATS1CPW */
	isb
	mrc p15, 0, r1, c7, c4, 0   /* PAR: bit 0 says that it cannot be written */
	tst r1, #1
	bne emergency
	cps #MODE_ABORT
1:	ldrd r0, r1, [sp]
	save_registers
2:	mrc p15, 0, r1, c5, c0, 0   /* DFSR */
	mrc p15, 0, r2, c6, c0, 0   /* DFAR */
	str r1, [sp, #FRAME_STATUS]
	str r2, [sp, #FRAME_ADDRESS]
	mov r4, #VECTOR_DATA_ABORT
	b trap

emergency:
	str sp, [r0, #8]
	sub sp, r0, #CPU_ABORT_SAVE
	add sp, sp, #(CPU_EMERGENCY & 0xff)
	add sp, sp, #(CPU_EMERGENCY & 0xff00)
	add sp, sp, #EMERGENCY_SIZE
	cps #MODE_ABORT
	ldrd r0, r1, [sp]
	save_registers
	/* The stack pointer that was no good, for the report. */
	mrc p15, 0, r1, c13, c0, 4
	ldr r1, [r1, #(CPU_ABORT_SAVE + 8)]
	str r1, [sp, #FRAME_SP]
	b 2b

interrupt:
	sub lr, lr, #4
	save_registers
	/* Restart. r2 = pc: mrc p15, 0, rX, c13, c0, 4; ldr rX, [rX, #CPU_THREAD], and pc at the second? */
	cmp r0, #MODE_USER
	beq 1f
	ldr r5, [r2, #-4]
	ldr r6, =0xee1d0f90
	bic r7, r5, #0xf000
	cmp r7, r6
	bne 1f
	and r5, r5, #0xf000         /* Rt */
	ldr r6, =(0xe5900000 | CPU_THREAD)
	orr r6, r6, r5
	orr r6, r6, r5, lsl #4
	ldr r7, [r2]
	cmp r7, r6
	subeq r2, r2, #4
	streq r2, [sp, #FRAME_PC]
1:	mov r4, #VECTOR_IRQ
	b trap

fast_interrupt:
	sub lr, lr, #4
	save_registers
	mov r4, #VECTOR_FIQ

trap:
	str r4, [sp, #FRAME_VECTOR]
	mov r0, sp
	mov r11, sp                 /* for the unwinder, which knows trap_dispatched */
	bl trap_dispatch
	.globl trap_dispatched
trap_dispatched:
	/* Interrupts are off; sp is the frame, as a call leaves it where it was. */
	cpsid i

/* sp: a frame. */
trap_return:
	clrex
	ldr r3, [sp, #FRAME_CPSR]
	and r0, r3, #0x1f
	cmp r0, #MODE_USER
	ldrne r1, [sp, #FRAME_SP]
	bne 1f
	ldr r0, [sp, #FRAME_USER_TLS]
	mcr p15, 0, r0, c13, c0, 2
	add r0, sp, #FRAME_SP
	ldmia r0, {sp, lr}^
	mrc p15, 0, r1, c13, c0, 4
	ldr r1, [r1, #CPU_STACK_TOP]
1:	ldr r2, [sp, #FRAME_PC]
	stmdb r1!, {r2, r3}
	ldr lr, [sp, #FRAME_LR]
	add r12, sp, #FRAME_R0
	str r1, [sp, #FRAME_STATUS]
	ldmia r12, {r0-r12}
	ldr sp, [sp, #FRAME_STATUS]
	rfeia sp!

/* void user_enter(struct trap_frame *frame) */
	.globl user_enter
	.type user_enter, %function
user_enter:
	mov sp, r0
	b trap_return

	.ltorg

	.section .note.GNU-stack, "", %progbits
