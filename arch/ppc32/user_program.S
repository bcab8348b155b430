/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The program with which user mode is probed (kernel/machine.h, enum user_step). It is copied to a page of its own.
 * The order of the words is that of arch/ppc32/user.c.
 */

	.section .rodata

	.globl user_program_start, user_program_end
	.globl user_store, user_load, user_spin, user_read, user_write, user_breakpoint, user_litter
	.globl user_privileged_start, user_privileged_end
	.balign 16
user_program_start:

user_litter:
	lis r3, 0xffff
	mtcr r3
	mtxer r3
	mtctr r3
	mtlr r3
	mtspr 256, r3
	lwarx r3, 0, r1 /* a reservation that is left */
	sc

user_load:
	lwz r0, 31 * 4(r1)
	mtcr r0
	lwz r0, 32 * 4(r1)
	mtlr r0
	lwz r0, 33 * 4(r1)
	mtctr r0
	lwz r0, 34 * 4(r1)
	mtxer r0
	lwz r0, 35 * 4(r1)
	mtspr 256, r0
	lwz r3, 0(r1)
	lwz r0, 4(r1)
	lwz r2, 8(r1)
	.irp n, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	lwz r\n, 4 * (\n - 1)(r1)
	.endr
	sc
user_store:
	stw r3, 0(r1)
	stw r0, 4(r1)
	stw r2, 8(r1)
	.irp n, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	stw r\n, 4 * (\n - 1)(r1)
	.endr
	mfcr r0
	stw r0, 31 * 4(r1)
	mflr r0
	stw r0, 32 * 4(r1)
	mfctr r0
	stw r0, 33 * 4(r1)
	mfxer r0
	stw r0, 34 * 4(r1)
	mfspr r0, 256
	stw r0, 35 * 4(r1)
	lwz r0, 4(r1)
	sc

user_spin:
	b user_spin

user_read:
	lwz r3, 0(r3)
	sc

user_write:
	stw r3, 0(r3)
	sc

user_breakpoint:
	trap
	sc

/* One instruction each. */
user_privileged_start:
	mfmsr r3
	mtmsr r3
	mfsr r3, 0
	mtsr 15, r3
	mtsrin r3, r4
	mfsrin r3, r4
	tlbie r3
	tlbsync
	rfi
	mtsprg 0, r3
	mfsprg r3, 0
	mtdec r3
	mfspr r3, 22
	mfspr r3, 1008
	mtspr 536, r3
	mtspr 25, r3
	dcbi 0, r1
	lfd f0, 0(r1)
	fmr f0, f1
	.long 0x10000000 /* vaddubm v0, v0, v0 */
	.long 0
user_privileged_end:

user_program_end:

	.section .note.GNU-stack, "", %progbits
