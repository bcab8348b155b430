// SPDX-License-Identifier: BSD-2-Clause
// Calls of the simulator.
//< hi
//> hello h
	.text
	.global _start
_start:
	alloc r2 = ar.pfs, 0, 4, 0, 0
	movl r3 = text
	mov r15 = 31
	;;
1:	ld1 r32 = [r3], 1
	;;
	cmp.eq p6, p7 = 0, r32
	;;
(p6)	br.cond.spnt 2f
	break.m 0x80001
	br.sptk 1b
	;;
2:	mov r15 = 21
	;;
	break.m 0x80000
	;;
	mov r4 = r8				//= r4 0x68
	mov r32 = r8
	mov r15 = 31
	;;
	break.m 0x80001
	mov r32 = 10
	;;
	break.m 0x80001
	mov r15 = 21
	;;
	break.m 0x80001
	;;
	break.m 0x80001
	;;
	mov r5 = r8				//= r5 0xa
	break.m 0x80001
	;;
	mov r6 = r8				//= r6 0
	movl r32 = 0x200ffc
	mov r15 = 75
	;;
	break.m 0x80001
	;;
	mov r7 = r8				//= r7 13
	movl r9 = 0x201000
	;;
	ld8 r10 = [r9]				//= r10 0x646e6f6365732074
	// halt light: to the next match of the timer
	mov r11 = ar.itc
	movl r12 = 1000000
	;;
	add r12 = r11, r12
	;;
	mov cr.itm = r12
	mov r13 = 0xd1
	;;
	mov cr.itv = r13
	mov r15 = 19
	;;
	break.m 0x80001
	;;
	mov r14 = ar.itc
	;;
	sub r16 = r14, r12			//= r16 0
	mov r17 = cr.ivr			//= r17 0xd1
	mov r18 = cr.ivr			//= r18 15
	break.m 0
text:	.asciz "hello "
