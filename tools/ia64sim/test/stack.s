// SPDX-License-Identifier: BSD-2-Clause
// The register stack: calls deeper than the file, NaT bits in the backing store, cover, flushrs, loadrs (1:4.1, 2:6).
	.text
	.global _start
_start:
	movl r2 = 0x300000
	;;
	mov ar.bspstore = r2
	;;
	mov ar.rnat = r0
	mov ar.rsc = 3
	alloc r3 = ar.pfs, 0, 2, 1, 0
	;;
	mov r4 = ar.bsp			//= r4 0x300000
	mov r34 = 100
	br.call.sptk b0 = sum
	;;
	mov r5 = r8			//= r5 5050
	mov r6 = ar.bsp			//= r6 0x300000
	// a NaT bit travels through memory with its register
	movl r9 = 0x200001
	mov r34 = 60
	;;
	ld8.s r32 = [r9]
	br.call.sptk b0 = sum
	;;
	tnat.nz p6, p7 = r32		//= p6 1 p7 0
	mov r10 = r8			//= r10 1830
	;;
	mov r32 = 1
	mov r33 = 2
	;;
	// cover, flushrs: the frame's registers in memory
	cover
	;;
	flushrs
	;;
	mov ar.rsc = 0
	;;
	mov r11 = ar.bspstore		//= r11 0x300018
	mov r12 = ar.bsp		//= r12 0x300018
	movl r13 = 0x300000
	;;
	ld8 r14 = [r13], 8		//= r14 1
	;;
	ld8 r15 = [r13]			//= r15 2
	mov r16 = 77
	;;
	st8 [r13] = r16
	// loadrs of the three
	movl r17 = 0x18 << 16
	;;
	mov ar.rsc = r17
	;;
	loadrs
	;;
	mov r18 = ar.bspstore		//= r18 0x300000
	// what rfi does with IFS: the frame back
	movl r19 = 1f
	movl r20 = (1 << 63) | (2 << 7) | 3
	mov r21 = psr
	;;
	mov cr.iip = r19
	mov cr.ifs = r20
	mov cr.ipsr = r21
	;;
	rfi
	;;
1:	mov r22 = r32			//= r22 1
	mov r23 = r33			//= r23 77
	mov r24 = ar.bsp		//= r24 0x300000
	// new bspstore: dirty registers get addresses there, over a word of NaT bits
	alloc r25 = ar.pfs, 0, 4, 0, 0
	mov r35 = 5
	;;
	cover
	;;
	movl r26 = 0x3001e0
	;;
	mov ar.bspstore = r26
	;;
	mov r27 = ar.bsp		//= r27 0x300208
	;;
	flushrs
	;;
	movl r28 = 0x300200
	;;
	ld8 r29 = [r28]			//= r29 5
	break.m 0

	// r8 = 1 + ... + in0, by recursion
sum:
	alloc r34 = ar.pfs, 1, 3, 1, 0
	mov r33 = b0
	cmp.eq p6, p7 = 0, r32
	;;
(p6)	mov r8 = 0
(p6)	br.cond.spnt 2f
	adds r36 = -1, r32
	br.call.sptk b0 = sum
	;;
	add r8 = r8, r32
2:	mov ar.pfs = r34
	mov b0 = r33
	;;
	br.ret.sptk b0
