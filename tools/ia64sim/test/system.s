// SPDX-License-Identifier: BSD-2-Clause
// Moves to and from all kinds of registers, masks, the VHPT walker, what is reserved (2:3, 2:4, 3:2).
	.text
	.global _start
_start:
	alloc r2 = ar.pfs, 0, 40, 0, 0
	movl r1 = vectors
	movl r3 = 0x123456789
	movl r4 = 0x200000
	;;
	mov cr.iva = r1
	mov ar.k7 = r3
	mov ar.unat = r3
	mov ar.ccv = r3
	mov ar.lc = 77
	mov ar.ec = 5
	mov b3 = r3
	;;
	mov r5 = ar.k7				//= r5 0x123456789
	mov r6 = ar.unat			//= r6 0x123456789
	mov r7 = ar.ccv				//= r7 0x123456789
	mov r8 = ar.lc				//= r8 77
	mov r9 = ar.ec				//= r9 5
	mov r10 = b3				//= r10 0x123456789
	mov r11 = cr.iva			//= r11 0x108000
	mov r12 = cpuid[r0]
	mov r13 = 3
	;;
	mov r13 = cpuid[r13]			//= r13 0x1f030004
	mov cr.dcr = r0
	mov r14 = 0x3c
	;;
	mov cr.pta = r14
	mov r14 = 5
	;;
	mov pkr[r14] = r0
	mov pmc[r14] = r3
	mov ibr[r14] = r3
	mov dbr[r14] = r3
	;;
	mov r15 = pmc[r14]			//= r15 0x123456789
	mov r32 = ibr[r14]			//= r32 0x123456789
	mov r33 = dbr[r14]			//= r33 0x123456789
	ssm 1 << 4				// mfl
	;;
	mov r34 = psr				//= r34 0x10
	sum 1 << 5				// mfh
	;;
	mov r35 = psr.um			//= r35 0x30
	rum 0x30
	;;
	mov r36 = psr.um			//= r36 0
	mov psr.um = r35
	;;
	mov r37 = psr.um			//= r37 0x30
	rsm 0x30
	;;
	// the walker, short format: region 2, 4 KiB pages, a table of 32 KiB of the region's own at 0x4000000000108000
	movl r20 = (2 << 61)
	movl r21 = (9 << 8) | (12 << 2) | 1
	movl r22 = 0x108000 | (15 << 2) | 1	// base in every region, size, ve
	movl r23 = (2 << 61) + 0x100000
	movl r24 = 0x210000 | 1 | (1 << 5) | (1 << 6) | (2 << 9)
	mov r25 = 16 << 2
	;;
	mov rr[r20] = r21
	mov cr.pta = r22
	mov cr.ifa = r23
	mov cr.itir = r25
	;;
	srlz.d
	itr.d dtr[r14] = r24			// 64 KiB at 0x210000, the table in it
	movl r24 = (2 << 61) + 0x5010
	;;
	thash r38 = r24				//= r38 0x4000000000108028
	movl r25 = 0x230000 | 1 | (1 << 5) | (1 << 6) | (2 << 9) | (3 << 7)
	movl r26 = 0x218028
	;;
	st8 [r26] = r25
	movl r27 = 0x230010
	movl r28 = 0x5555
	;;
	st8 [r27] = r28
	ssm (1 << 13)
	;;
	srlz.d
	ssm (1 << 17)
	;;
	srlz.d
	ld8 r39 = [r24]				//= r39 0x5555
	;;
	// the next page has no entry that is present: Page Not Present
	movl r24 = (2 << 61) + 0x6010
	;;
	ld8 r40 = [r24]				// the handler skips it
	;;
	rsm (1 << 17)
	;;
	srlz.d
	mov r41 = r16				//= r41 0x5000
	// illegal: a template, a major opcode
	.align 16
	data8 6, 0
	;;
	mov r42 = r16				//= r42 0x5400
	mov r16 = 0
	.align 16
	data8 0x0000000100000008 | (2 << 42), 0x0004000000000200
	;;
	mov r43 = r16				//= r43 0x5400
	rsm 1 << 13
	;;
	srlz.d
	ptr.d r23, r25
	;;
	break.m 0

	.align 32
skip:	// the next bundle, without dt
	mov r17 = cr.iip
	mov r18 = cr.ipsr
	;;
	adds r17 = 16, r17
	dep r18 = 0, r18, 17, 1
	dep r18 = 0, r18, 41, 2
	;;
	mov cr.iip = r17
	mov cr.ipsr = r18
	;;
	rfi
	;;
	.macro vector number
	.org vectors + \number
	mov r16 = \number
	br.sptk skip
	;;
	.endm

	.balign 32768, 0
vectors:
	vector 0x5000
	vector 0x5400
	.org vectors + 0x5410
