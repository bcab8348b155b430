// SPDX-License-Identifier: BSD-2-Clause
// Misses of the register stack engine: spills in alloc, fills in br.ret and in rfi, each page faulted in by a handler,
// with `cover` and without (2:6.8). r11 counts the misses, r12 those of fills (ISR.ir), r13 those of spills.
	.text
	.global _start
_start:
	movl r1 = vectors
	movl r2 = 1 << 61
	movl r3 = (5 << 8) | (12 << 2)		// region 1: 4 KiB
	movl r4 = (1 << 27) | (1 << 13)		// rt, ic
	mov r11 = 0
	mov r12 = 0
	mov r13 = 0
	;;
	mov cr.iva = r1
	mov rr[r2] = r3
	mov ar.bspstore = r2
	;;
	mov ar.rnat = r0
	srlz.d
	ssm 1 << 13
	;;
	srlz.d
	mov r5 = psr
	;;
	or r5 = r4, r5
	;;
	mov psr.l = r5
	;;
	srlz.d
	mov ar.rsc = 3
	alloc r6 = ar.pfs, 0, 1, 1, 0
	mov r33 = 700
	br.call.sptk b0 = sum
	;;
	mov r7 = r8				//= r7 245350
	alloc r9 = ar.pfs, 0, 0, 0, 0
	;;
	mov r10 = ar.bsp			//= r10 0x2000000000000000
	mov ar.rsc = 0
	;;
	mov r14 = ar.bspstore
	nop.m 0					//= r11 12 r12 6 r13 6
	break.m 0

	// r8 = 1 + ... + in0; at the bottom all translations go
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
	br.sptk 3f
	;;
2:	flushrs
	;;
	ptc.e r0
	;;
	srlz.d
	;;
3:	mov ar.pfs = r34
	mov b0 = r33
	;;
	br.ret.sptk b0

	.align 32
	// Alternate data TLB: the page at the same offset from 0x400000. Every second time by way of cover.
miss:
	mov r31 = pr
	mov r16 = cr.ifa
	mov r17 = cr.isr
	adds r11 = 1, r11
	;;
	tbit.nz p6, p7 = r17, 38
	tbit.nz p8, p9 = r17, 33
	tbit.nz p10, p11 = r11, 0
	;;
(p6)	adds r12 = 1, r12
(p8)	adds r13 = 1, r13
(p10)	br.cond.sptk 4f
	;;
	cover
	;;
4:	dep r16 = 0, r16, 0, 12
	movl r18 = 0x400000 | 1 | (1 << 5) | (1 << 6) | (2 << 9)
	mov r19 = 12 << 2
	;;
	dep r16 = 0, r16, 61, 3
	;;
	add r18 = r16, r18
	mov cr.itir = r19
	;;
	itc.d r18
	;;
	srlz.d
	mov pr = r31, -1
	;;
	rfi
	;;

	.balign 32768, 0
vectors:
	.org vectors + 0x1000
	br.sptk miss
	;;
	.org vectors + 0x1010
