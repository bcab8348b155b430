// SPDX-License-Identifier: BSD-2-Clause
// Loads, stores, semaphores, speculation (3:2, ld, st, cmpxchg, xchg, fetchadd, chk; encodings M1 to M5, M16, M17, M20 to M23).
	.text
	.global _start
_start:
	alloc r2 = ar.pfs, 0, 60, 0, 0
	movl r3 = 0x200000
	movl r4 = 0x8877665544332211
	;;
	mov r5 = r3
	st8 [r3] = r4, 8
	;;
	mov r6 = r3			//= r6 0x200008
	st4 [r3] = r4, 4
	;;
	st2.rel [r3] = r4, 2
	;;
	st1 [r3] = r4, -15
	;;
	mov r7 = r3			//= r7 0x1fffff
	ld8.acq r32 = [r5], 8		//= r32 0x8877665544332211
	;;
	ld8 r33 = [r5]			//= r33 0x11221144332211
	;;
	adds r5 = -8, r5
	mov r8 = 5
	;;
	ld1 r34 = [r5], r8		//= r34 0x11
	;;
	mov r9 = r5			//= r9 0x200005
	adds r5 = -1, r5
	;;
	ld4 r35 = [r5], 4		//= r35 0x88776655
	;;
	ld2 r36 = [r5]			//= r36 0x2211
	;;
	// semaphores
	movl r10 = 0x200100
	mov r11 = 100
	;;
	st8 [r10] = r11
	mov ar.ccv = r11
	mov r12 = 7
	;;
	cmpxchg8.acq r37 = [r10], r12, ar.ccv	//= r37 100
	;;
	cmpxchg8.rel r38 = [r10], r11, ar.ccv	//= r38 7
	;;
	xchg4 r39 = [r10], r11		//= r39 7
	;;
	fetchadd8.acq r40 = [r10], 16	//= r40 100
	;;
	fetchadd4.rel r41 = [r10], -1	//= r41 116
	;;
	ld8 r42 = [r10]			//= r42 115
	mov r13 = 0x80
	;;
	st1 [r10] = r13
	mov ar.ccv = r13
	;;
	cmpxchg1.acq r43 = [r10], r0, ar.ccv	//= r43 0x80
	;;
	ld1 r44 = [r10]			//= r44 0
	// speculation: in physical mode a speculative load of a bad address gives NaT
	movl r14 = 0x200101
	;;
	ld8.s r45 = [r14]		//= nat45 1
	;;
	add r46 = r45, r0		
	cmp.eq p6, p7 = r45, r0		//= p6 0 p7 0
	chk.s r45, recovery
	mov r47 = 1
	;;
recovery:
	mov r48 = 2			//= r48 2 r47 0
	tnat.nz p8, p9 = r46		//= p8 1 p9 0
	// the NaT bit by spill and fill
	movl r15 = 0x200208
	;;
	st8.spill [r15] = r46
	;;
	mov r49 = ar.unat		//= r49 2
	ld8.fill r50 = [r15]		//= nat50 1
	add r57 = r46, r46		//= nat57 1
	;;
	mov ar.unat = r0
	;;
	ld8.fill r51 = [r15]		//= nat51 0
	;;
	// data speculation: the check misses, and loads
	movl r16 = 0x200300
	;;
	ld8.a r52 = [r16]
	st8 [r16] = r4
	;;
	ld8.c.clr r52 = [r16]		//= r52 0x8877665544332211
	ld8.a r53 = [r16]
	;;
	chk.a.clr r53, again
	mov r54 = 1
	;;
again:
	mov r55 = 3			//= r55 3 r54 0
	lfetch [r16], 64
	;;
	mov r56 = r16			//= r56 0x200340
	break.m 0
