// SPDX-License-Identifier: BSD-2-Clause
// Interruptions: what is collected, banks, rfi; translations and their faults; the timer (2:4.1, 2:5, 2:8).
// The handlers keep what they saw at 0x200000, three words for each: vector, ISR, IFA.
	.text
	.global _start
_start:
	alloc r30 = ar.pfs, 0, 4, 0, 0
	movl r1 = vectors
	movl r2 = 0x200000
	;;
	mov cr.iva = r1
	mov ar.k0 = r2
	mov r3 = 0x1234
	movl r4 = (7 << 8) | (14 << 2)		// region 1: identifier 7, 16 KiB
	movl r5 = 1 << 61
	;;
	mov rr[r5] = r4
	;;
	srlz.d
	bsw.1
	;;
	mov r16 = 0x16
	ssm 1 << 13				// ic
	;;
	srlz.d
	// break: IIM, and bank 0 in the handler
	break.m 0x1234
	;;
	mov r6 = r16				//= r6 0x16
	break.i 0x100000
	;;
	// alternate data TLB; its handler maps the page as it is at 0x240000: present, accessed, not dirty, rw at level 0
	ssm 1 << 17				// dt
	;;
	srlz.d
	movl r7 = (1 << 61) + 0x4008
	;;
	ld8 r8 = [r7]				//= r8 0xabcd
	;;
	st8 [r7] = r3				// dirty bit: the handler skips it
	;;
	tpa r9 = r7				//= r9 0x240008
	probe.w r10 = r7, 0			//= r10 1
	probe.r r11 = r7, 3			//= r11 0
	;;
	// unaligned
	adds r12 = 1, r7
	;;
	ld4 r13 = [r12]
	;;
	// no right to execute there: an instruction miss first
	rsm 1 << 17
	;;
	srlz.d
	// register NaT consumption
	movl r14 = 0x200001
	;;
	ld8.s r15 = [r14]
	;;
	st8 [r2] = r15
	;;
	// illegal: a write outside of the frame; privileged: at level 3
	{ .mmi
	nop.m 0
	nop.m 0
	add r40 = r0, r0
	}
	;;
	movl r20 = 1f
	movl r21 = (3 << 32) | (1 << 44) | (1 << 13)
	;;
	rsm 1 << 13
	;;
	srlz.d
	mov cr.iip = r20
	mov cr.ipsr = r21
	mov cr.ifs = r0
	;;
	rfi
	;;
1:	mov r22 = cr.iva			// level 3: privileged operation
	;;
	mov ar.k1 = r0				// privileged register
	;;
	break.m 0x3				// the handler comes back at level 0
	;;
	// external interrupts: the timer
	mov r23 = 0xef
	mov r24 = ar.itc
	;;
	mov cr.itv = r23
	adds r24 = 40, r24
	;;
	mov cr.itm = r24
	srlz.d
	ssm 1 << 14				// i
	;;
	srlz.d
	mov r25 = 0
	;;
2:	adds r25 = 1, r25
	cmp.eq p6, p7 = r31, r0
	;;
(p7)	br.cond.sptk 3f
	br.sptk 2b
	;;
3:	mov r26 = r31				//= r26 0xef
	rsm 1 << 14
	;;
	// masked by tpr: pending, and taken when that opens
	movl r27 = 0x10000
	mov r31 = 0
	;;
	mov cr.tpr = r27
	mov r24 = ar.itc
	;;
	adds r24 = 2, r24
	;;
	mov cr.itm = r24
	ssm 1 << 14
	;;
	mov r28 = 200
	;;
	mov ar.lc = r28
	;;
4:	br.cloop.sptk 4b
	;;
	mov r29 = r31				//= r29 0
	mov r30 = cr.irr3
	;;
	mov cr.tpr = r0
	;;
	srlz.d
	;;
	nop.m 0
	;;
	mov r28 = r31				//= r28 0xef
	shr.u r30 = r30, 47			//= r30 1
	rsm 1 << 14
	;;
	srlz.d
	;;
	// what the handlers saw, in two words for each
	movl r1 = 0x200000
	alloc r32 = ar.pfs, 0, 40, 0, 0
	;;
	ld8 r33 = [r1], 8			//= r33 0x2c00
	;;
	ld8 r34 = [r1], 8
	;;
	ld8 r35 = [r1], 8			//= r35 0x1234
	;;
	ld8 r36 = [r1], 8			//= r36 0x2c00
	;;
	ld8 r37 = [r1], 16			// slot 1 or 2, as it was assembled
	;;
	ld8 r38 = [r1], 8			//= r38 0x1000
	;;
	ld8 r39 = [r1], 8
	;;
	ld8 r40 = [r1], 8			//= r40 0x2000000000004008
	;;
	ld8 r41 = [r1], 8			//= r41 0x2000
	;;
	ld8 r42 = [r1], 8
	;;
	ld8 r43 = [r1], 8			//= r43 0x2000000000004008
	;;
	ld8 r44 = [r1], 8			//= r44 0x5a00
	;;
	ld8 r45 = [r1], 8
	;;
	ld8 r46 = [r1], 8			//= r46 0x2000000000004009
	;;
	ld8 r47 = [r1], 8			//= r47 0x5600
	;;
	ld8 r48 = [r1], 16
	;;
	ld8 r49 = [r1], 8			//= r49 0x5400
	;;
	ld8 r50 = [r1], 16			//= r50 0x0000040000000000
	;;
	ld8 r51 = [r1], 8			//= r51 0x5400
	;;
	ld8 r52 = [r1], 16
	;;
	ld8 r53 = [r1], 8			//= r53 0x5400
	;;
	ld8 r54 = [r1], 16
	;;
	ld8 r55 = [r1], 8			//= r55 0x2c00
	;;
	extr.u r34 = r34, 0, 41			//= r34 0
	extr.u r39 = r39, 32, 4			//= r39 4
	extr.u r42 = r42, 32, 4			//= r42 2
	extr.u r45 = r45, 32, 4			//= r45 4
	extr.u r56 = r48, 0, 8			//= r56 0x10
	extr.u r48 = r48, 32, 4			//= r48 2
	extr.u r52 = r52, 0, 16			//= r52 0x10
	extr.u r54 = r54, 0, 16			//= r54 0x20
	break.m 0

	// Bank 0 is on, ic and i are off. r16 has the vector, r31 of bank 0 the predicates.
	.align 256
common:
	rsm 1 << 17				// the stores are physical
	mov r31 = pr
	;;
	srlz.d
	mov r17 = ar.k0
	mov r18 = cr.isr
	mov r19 = cr.ifa
	movl r20 = 0x3000
	;;
	cmp.eq p6, p7 = r16, r20
	;;
(p6)	br.cond.spnt external
	movl r20 = 0x2c00
	;;
	cmp.eq p6, p7 = r16, r20
	;;
(p6)	mov r19 = cr.iim
	;;
	st8 [r17] = r16, 8
	;;
	st8 [r17] = r18, 8
	;;
	st8 [r17] = r19, 8
	;;
	mov ar.k0 = r17
	movl r20 = 0x1000
	;;
	cmp.eq p6, p7 = r16, r20
	;;
(p6)	br.cond.spnt map
	mov r20 = 3
	;;
	cmp.eq p6, p7 = r19, r20
	;;
	// the next instruction
	mov r21 = cr.ipsr
	mov r22 = cr.iip
	;;
(p6)	dep r21 = 0, r21, 32, 2
	extr.u r23 = r21, 41, 2
	;;
	adds r23 = 1, r23
	;;
	cmp.eq p6, p7 = 3, r23
	;;
(p6)	mov r23 = 0
(p6)	adds r22 = 16, r22
	;;
	dep r21 = r23, r21, 41, 2
	;;
	mov cr.ipsr = r21
	mov cr.iip = r22
back:	mov pr = r31, -1
	;;
	rfi
	;;
map:	movl r20 = 0x240000 | 1 | (1 << 5) | (2 << 9)
	mov r21 = 14 << 2
	movl r22 = 0x240008
	movl r23 = 0xabcd
	;;
	mov cr.itir = r21
	;;
	itc.d r20
	st8 [r22] = r23
	;;
	br.sptk back
	;;
external:
	mov r20 = cr.ivr
	;;
	mov cr.eoi = r0
	;;
	srlz.d
	mov ar.k2 = r20				// bank 1 has another r20
	bsw.1
	;;
	mov r31 = ar.k2				// seen after the return
	bsw.0
	;;
	br.sptk back
	;;

	.macro vector number
	.org vectors + \number
	movl r16 = \number
	br.sptk common
	;;
	.endm

	.balign 32768, 0
vectors:
	vector 0x1000
	vector 0x2000
	vector 0x2c00
	vector 0x3000
	vector 0x5400
	vector 0x5600
	vector 0x5a00
	.org vectors + 0x8000
