// SPDX-License-Identifier: BSD-2-Clause
// A program at level 3 that recurses, and enters a kernel from every depth, where another recursion runs on a backing
// store of the kernel's: what a kernel's entry and exit do with the register stack (2:6.11).
	.text
	.global _start
_start:
	movl r1 = vectors
	movl r2 = 0x300000
	movl r3 = start
	movl r4 = (3 << 32) | (1 << 44) | (1 << 13)
	movl r5 = 1 << 63
	mov r14 = 0
	mov r13 = 0
	;;
	mov cr.iva = r1
	mov ar.rsc = 0
	;;
	alloc r6 = ar.pfs, 0, 0, 0, 0
	loadrs
	;;
	mov ar.bspstore = r2
	;;
	mov ar.rnat = r0
	mov ar.pfs = r0
	mov cr.iip = r3
	mov cr.ipsr = r4
	mov cr.ifs = r5
	mov ar.rsc = 0xf
	;;
	rfi
	;;
start:
	alloc r6 = ar.pfs, 0, 1, 1, 0
	mov r33 = 150
	br.call.sptk b0 = sum
	;;
	mov r7 = r8				//= r7 11325
	mov r10 = ar.bsp			//= r10 0x300000
	mov r11 = r13				//= r11 301
	mov r12 = r14				//= r12 246820
	nop.m 0					//= rsc 0xf
	break.m 0

	// At each depth: a call of the kernel on the way down, and one on the way up
sum:
	alloc r34 = ar.pfs, 1, 3, 1, 0
	mov r33 = b0
	break.m 0x100000
	cmp.eq p6, p7 = 0, r32
	;;
(p6)	mov r8 = 0
(p6)	br.cond.spnt 2f
	adds r36 = -1, r32
	br.call.sptk b0 = sum
	;;
	break.i 0x100000
	add r8 = r8, r32
2:	mov ar.pfs = r34
	mov b0 = r33
	;;
	br.ret.sptk b0

	// r15 = 1 + ... + in0, in the kernel
kernel_sum:
	alloc r34 = ar.pfs, 1, 3, 1, 0
	mov r33 = b0
	cmp.eq p8, p9 = 0, r32
	;;
(p8)	mov r15 = 0
(p8)	br.cond.spnt 2f
	adds r36 = -1, r32
	br.call.sptk b0 = kernel_sum
	;;
	add r15 = r15, r32
2:	mov ar.pfs = r34
	mov b0 = r33
	;;
	br.ret.sptk b0

	.align 32
entry:
	mov r31 = pr
	mov r16 = cr.ipsr
	mov r17 = cr.iip
	mov r18 = ar.pfs
	mov r19 = ar.rsc
	mov r20 = b0
	;;
	cover
	;;
	mov r21 = cr.ifs
	mov ar.rsc = 0
	;;
	mov r22 = ar.bspstore
	mov r23 = ar.rnat
	movl r24 = 0x380000
	;;
	mov ar.bspstore = r24
	;;
	mov ar.rnat = r0
	mov r25 = ar.bsp
	mov ar.rsc = 3
	;;
	sub r25 = r25, r24
	;;
	shl r25 = r25, 16
	alloc r26 = ar.pfs, 0, 1, 1, 0
	mov r33 = 40
	adds r13 = 1, r13
	br.call.sptk b0 = kernel_sum
	;;
	add r14 = r14, r15
	alloc r26 = ar.pfs, 0, 0, 0, 0
	;;
	mov ar.rsc = r25
	;;
	loadrs
	;;
	mov ar.bspstore = r22
	;;
	mov ar.rnat = r23
	mov ar.rsc = r19
	mov ar.pfs = r18
	mov b0 = r20
	extr.u r27 = r16, 41, 2
	;;
	adds r27 = 1, r27
	;;
	cmp.eq p6, p7 = 3, r27
	;;
(p6)	mov r27 = 0
(p6)	adds r17 = 16, r17
	;;
	dep r16 = r27, r16, 41, 2
	;;
	mov cr.ipsr = r16
	mov cr.iip = r17
	mov cr.ifs = r21
	mov pr = r31, -1
	;;
	rfi
	;;

	.balign 32768, 0
vectors:
	.org vectors + 0x2c00
	br.sptk entry
	;;
	.org vectors + 0x2c10
