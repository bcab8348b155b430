// SPDX-License-Identifier: BSD-2-Clause
// Sums, logic, shifts, fields (3:2; encodings A1 to A5, I5 to I15, I28 to I29).
	.text
	.global _start
_start:
	movl r1 = 0x0123456789abcdef
	movl r2 = 0xfedcba9876543210
	mov r3 = 5
	;;
	add r10 = r1, r2		//= r10 0xffffffffffffffff
	add r11 = r1, r2, 1		//= r11 0
	sub r12 = r3, r1		//= r12 0xfedcba9876543216
	sub r13 = r3, r1, 1		//= r13 0xfedcba9876543215
	sub r14 = 10, r3		//= r14 5
	adds r15 = -8192, r3		//= r15 0xffffffffffffe005
	addl r16 = 0x1fffff, r3		//= r16 0x200004
	;;
	and r17 = r1, r2		//= r17 0
	or r18 = r1, r2			//= r18 0xffffffffffffffff
	xor r19 = r1, r10		//= r19 0xfedcba9876543210
	andcm r20 = r1, r3		//= r20 0x0123456789abcdea
	and r21 = -16, r1		//= r21 0x0123456789abcde0
	or r22 = 0x10, r1		//= r22 0x0123456789abcdff
	xor r23 = -1, r1		//= r23 0xfedcba9876543210
	andcm r24 = -1, r1		//= r24 0xfedcba9876543210
	shladd r25 = r1, 4, r3		//= r25 0x123456789abcdef5
	shladd r26 = r3, 1, r3		//= r26 15
	movl r27 = 0x40000000
	movl r28 = 0xc0000000
	;;
	addp4 r27 = r3, r27		//= r27 0x2000000040000005
	addp4 r28 = 16, r28		//= r28 0x60000000c0000010
	shladdp4 r29 = r3, 3, r1	//= r29 0x4000000089abce17
	;;
	mov r30 = ip
	;;
	alloc r31 = ar.pfs, 0, 48, 0, 0
	mov r4 = 64
	mov r5 = -1
	mov r6 = 12
	;;
	shl r32 = r1, r6		//= r32 0x3456789abcdef000
	shl r33 = r1, r4		//= r33 0
	shr r34 = r2, r6		//= r34 0xffffedcba9876543
	shr r35 = r2, r4		//= r35 0xffffffffffffffff
	shr.u r36 = r2, r6		//= r36 0x000fedcba9876543
	shr.u r37 = r2, r5		//= r37 0
	shrp r38 = r1, r2, 16		//= r38 0xcdeffedcba987654
	shrp r39 = r1, r2, 0		//= r39 0xfedcba9876543210
	extr r40 = r2, 52, 12		//= r40 0xffffffffffffffed
	extr.u r41 = r2, 52, 12		//= r41 0xfed
	extr.u r42 = r2, 60, 16		//= r42 0xf
	extr r43 = r1, 0, 64		//= r43 0x0123456789abcdef
	dep.z r44 = r1, 8, 16		//= r44 0xcdef00
	dep.z r45 = -1, 60, 8		//= r45 0xf000000000000000
	dep r46 = -1, r0, 4, 8		//= r46 0xff0
	dep r47 = 0, r1, 0, 32		//= r47 0x0123456700000000
	dep r48 = r3, r1, 8, 4		//= r48 0x0123456789abc5ef
	sxt1 r49 = r1			//= r49 0xffffffffffffffef
	sxt2 r50 = r1			//= r50 0xffffffffffffcdef
	sxt4 r51 = r1			//= r51 0xffffffff89abcdef
	zxt1 r52 = r1			//= r52 0xef
	zxt2 r53 = r1			//= r53 0xcdef
	zxt4 r54 = r1			//= r54 0x89abcdef
	popcnt r55 = r1			//= r55 32
	movl r56 = 0x1100220033004400
	movl r57 = 0x0011110000220000
	;;
	czx1.r r58 = r56		//= r58 0
	czx1.l r59 = r56		//= r59 1
	czx2.r r60 = r57		//= r60 0
	czx2.l r61 = r57		//= r61 3
	czx1.l r62 = r2			//= r62 8
	movl r63 = -2			//= r63 0xfffffffffffffffe
	// Multimedia
	movl r64 = 0x01ff7f8000102030
	movl r65 = 0x0101018000204060
	;;
	padd1 r66 = r64, r65		//= r66 0x0200800000306090
	padd2 r67 = r64, r65		//= r67 0x0300810000306090
	psub4 r68 = r64, r65		//= r68 0x00fe7e00ffefdfd0
	pcmp1.eq r69 = r64, r65		//= r69 0xff0000ffff000000
	pcmp1.gt r70 = r64, r65		//= r70 0x0000ff0000000000
	unpack1.h r71 = r64, r65	//= r71 0x0101ff017f018080
	unpack2.l r72 = r64, r65	//= r72 0x0010002020304060
	mix1.l r73 = r64, r65		//= r73 0x01017f0100002040
	mix2.r r74 = r64, r65		//= r74 0x7f80018020304060
	mux1 r75 = r64, @rev		//= r75 0x30201000807fff01
	mux1 r76 = r64, @brcst		//= r76 0x3030303030303030
	mux2 r77 = r64, 0x1b		//= r77 0x203000107f8001ff
	pshl2 r78 = r64, 4		//= r78 0x1ff0f80001000300
	pshr2 r79 = r64, 4		//= r79 0x001f07f800010203
	break.m 0
