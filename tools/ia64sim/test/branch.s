// SPDX-License-Identifier: BSD-2-Clause
// Branches, counted and modulo-scheduled loops, rotation (3:2, br, clrrrb; encodings B1 to B5, X3, X4).
	.text
	.global _start
_start:
	mov r2 = 0
	mov r3 = 9
	;;
	mov ar.lc = r3
	;;
1:	add r2 = 3, r2			//= r2 30
	br.cloop.sptk 1b
	;;
	mov r4 = ar.lc			//= r4 0
	cmp.eq p6, p7 = r0, r0
	;;
(p7)	br.cond.spnt wrong
(p6)	br.cond.sptk 2f
	;;
wrong:	mov r5 = 1			//= r5 0
2:	br.call.sptk b0 = leaf
	;;
	movl r6 = leaf
	;;
	mov b6 = r6
	;;
	br.call.sptk b0 = b6
	;;
	movl r8 = leaf
	;;
	brl.call.sptk b0 = leaf
	;;
	brl.sptk 3f
	;;
	br.sptk wrong
	;;
3:	// a pipelined copy of a[i] + 1, three stages, 5 elements
	alloc r9 = ar.pfs, 0, 24, 0, 24
	movl r10 = 0x200000
	movl r11 = 0x200100
	mov r12 = 0
	mov r13 = 4
	;;
4:	add r14 = 40, r12
	;;
	st8 [r10] = r14, 8
	add r12 = 1, r12
	;;
	cmp.ne p8, p9 = 5, r12
	;;
(p8)	br.cond.sptk 4b
	;;
	adds r10 = -40, r10
	mov ar.lc = r13
	mov ar.ec = 3
	mov pr.rot = 1 << 16
	;;
5:
{ .mmi
(p16)	ld8 r32 = [r10], 8
(p18)	st8 [r11] = r36, 8
(p17)	adds r35 = 1, r33
}
{ .mib
	nop.m 0
	nop.i 0
	br.ctop.sptk 5b
}
	;;
	mov r15 = ar.ec			//= r15 0
	mov r16 = ar.lc			//= r16 0
	adds r11 = -40, r11
	;;
	ld8 r17 = [r11], 32		//= r17 41
	;;
	ld8 r18 = [r11]			//= r18 45
	clrrrb
	;;
	// br.wtop: while the predicate holds
	mov ar.ec = 2
	mov r19 = 0
	;;
6:	add r19 = 1, r19		//= r19 5
	;;
	cmp.gt p6, p7 = 4, r19
	;;
(p6)	br.wtop.sptk 6b
	;;
	mov r21 = ar.ec			//= r21 0
	br.sptk done
	;;
leaf:	add r20 = 1, r20		//= r20 3
	br.ret.sptk b0
	;;
done:	break.m 0
