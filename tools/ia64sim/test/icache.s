// SPDX-License-Identifier: BSD-2-Clause
// Code that is written: the old runs until fc, sync.i and srlz.i (2:4.4.6.2).
	.text
	.global _start
_start:
	movl r1 = target
	movl r2 = other
	;;
	ld8 r3 = [r2], 8
	br.call.sptk b0 = target
	;;
	mov r10 = r8				//= r10 1
	ld8 r4 = [r2]
	mov r5 = r1
	;;
	st8 [r5] = r3, 8
	;;
	st8 [r5] = r4
	br.call.sptk b0 = target
	;;
	mov r11 = r8				//= r11 1
	;;
	srlz.i
	;;
	br.call.sptk b0 = target
	;;
	mov r12 = r8				//= r12 1
	fc r1
	;;
	srlz.i
	;;
	br.call.sptk b0 = target
	;;
	mov r13 = r8				//= r13 1
	;;
	sync.i
	;;
	srlz.i
	;;
	br.call.sptk b0 = target
	;;
	mov r14 = r8				//= r14 2
	break.m 0
	.align 32
target:	mov r8 = 1
	br.ret.sptk b0
	.align 32
other:	mov r8 = 2
	br.ret.sptk b0
