/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The program with which user mode is probed (kernel/machine.h, enum user_step). It
 * is copied to a page of its own, and jumps within itself only. The words at the
 * stack pointer: r0 to r12, lr, the flags, TPIDRURW.
 */

#include <arch/user.h>

#define FLAGS_WORD (14 * 4)
#define TLS_WORD (15 * 4)

	.arch_extension virt
	.arch_extension sec

	.section .rodata

	.globl user_program_start, user_program_end
	.globl user_store, user_load, user_spin, user_read, user_write, user_breakpoint, user_litter
	.globl user_privileged_start, user_privileged_end
	.balign 16
user_program_start:

user_litter:
	setend be
	mvn r0, #0
	msr APSR_nzcvqg, r0
	mcr p15, 0, r0, c13, c0, 2
	svc #0

user_load:
	ldr r0, [sp, #FLAGS_WORD]
	msr APSR_nzcvqg, r0
	ldr r0, [sp, #TLS_WORD]
	mcr p15, 0, r0, c13, c0, 2
	ldmia sp, {r0-r12, lr}
	svc #0
user_store:
	stmia sp, {r0-r12, lr}
	mrs r0, APSR
	str r0, [sp, #FLAGS_WORD]
	mrc p15, 0, r0, c13, c0, 2
	str r0, [sp, #TLS_WORD]
	ldr r0, [sp]
	svc #0

user_spin:
	b user_spin

user_read:
	ldr r0, [r0]
	svc #0

user_write:
	str r0, [r0]
	svc #0

user_breakpoint:
	bkpt #0
	svc #0

/* One instruction each. */
user_privileged_start:
	udf #0
	mrc p15, 0, r0, c1, c0, 0   /* SCTLR */
	mcr p15, 0, r0, c2, c0, 0   /* TTBR0 */
	mcr p15, 0, r0, c8, c7, 0   /* TLBIALL */
	mcr p15, 0, r0, c7, c5, 0   /* ICIALLU */
	mcr p15, 0, r0, c13, c0, 4  /* TPIDRPRW */
	mcr p15, 0, r0, c13, c0, 3  /* TPIDRURO, which can be read */
	mrc p15, 0, r0, c9, c13, 0  /* PMCCNTR */
	mrrc p15, 1, r0, r1, c14    /* CNTVCT */
	mcr p15, 0, r0, c14, c3, 1  /* CNTV_CTL */
	.inst 0xeeb00a40            /* vmov.f32 s0, s0 */
	.inst 0xf2200110            /* vorr d0, d0, d0 */
	hvc #0
	smc #0
user_privileged_end:

user_program_end:

	.section .note.GNU-stack, "", %progbits
