// SPDX-License-Identifier: BSD-2-Clause
// Floating point as far as integers need it (3:2, setf, getf, xma, fma, frcpa, fcvt, fcmp, ldf, stf; encodings F1 to F15).
	.text
	.global _start
_start:
	movl r1 = 0x9804c0270033f
	;;
	mov ar.fpsr = r1
	movl r2 = 0x123456789abcdef0
	movl r3 = 0xfffffffffffffff5
	;;
	setf.sig f6 = r2
	setf.sig f7 = r3
	;;
	xmpy.l f8 = f6, f7
	xmpy.hu f9 = f6, f7
	xmpy.h f10 = f6, f7
	xma.l f11 = f6, f7, f6
	xma.hu f12 = f7, f7, f7
	;;
	getf.sig r4 = f8		//= r4 0x37c048d159e26bb0
	getf.sig r5 = f9		//= r5 0x123456789abcdeef
	getf.sig r6 = f10		//= r6 0xffffffffffffffff
	getf.sig r7 = f11		//= r7 0x49f49f49f49f4aa0
	getf.sig r8 = f12		//= r8 0xffffffffffffffeb
	fcvt.xf f13 = f7		//= f13.sig 0xb000000000000000 f13.exp 0x30002
	fcvt.xf f14 = f6
	;;
	getf.exp r9 = f13		//= r9 0x30002
	fcvt.fx.trunc.s1 f15 = f13
	;;
	getf.sig r10 = f15		//= r10 0xfffffffffffffff5
	// 1000003 / 37 by frcpa and iterations, as libgcc's division has them
	movl r11 = 1000003
	mov r12 = 37
	;;
	setf.sig f6 = r11
	setf.sig f7 = r12
	;;
	fcvt.xf f6 = f6
	fcvt.xf f7 = f7
	;;
	frcpa.s1 f8, p6 = f6, f7	//= p6 1
	;;
(p6)	fnma.s1 f9 = f7, f8, f1
(p6)	fma.s1 f10 = f6, f8, f0
	;;
(p6)	fma.s1 f11 = f9, f9, f0
(p6)	fma.s1 f10 = f9, f10, f10
(p6)	fma.s1 f8 = f9, f8, f8
	;;
(p6)	fma.s1 f10 = f11, f10, f10
(p6)	fma.s1 f8 = f11, f8, f8
	;;
(p6)	fnma.s1 f9 = f7, f10, f6
	;;
(p6)	fma.s1 f8 = f9, f8, f10
	;;
	fcvt.fx.trunc.s1 f8 = f8
	;;
	getf.sig r13 = f8		//= r13 27027
	// the approximation itself: 2 / (1 + 40.5/256), to ten bits
	frcpa.s1 f16, p7 = f1, f7	//= f16.exp 0xfff9 f16.sig 0xdd00000000000000
	frcpa.s1 f17, p8 = f1, f1	//= f17.exp 0xfffe f17.sig 0xff80000000000000
	;;
	// by zero: the predicate is false, the quotient infinite
	frcpa.s1 f18, p9 = f1, f0	//= p9 0 f18.exp 0x1ffff f18.sig 0x8000000000000000
	// memory formats
	movl r14 = 0x3ff8000000000000
	movl r15 = 0x40400000
	movl r16 = 0x200000
	;;
	setf.d f19 = r14		//= f19.exp 0xffff f19.sig 0xc000000000000000
	setf.s f20 = r15		//= f20.exp 0x10000 f20.sig 0xc000000000000000
	;;
	fma.d.s0 f21 = f19, f20, f1	// 1.5 * 3 + 1
	fms.d.s0 f22 = f19, f20, f1
	fnma.d.s0 f23 = f19, f20, f1
	;;
	getf.d r17 = f21		//= r17 0x4016000000000000
	getf.s r18 = f22		//= r18 0x40600000
	getf.d r19 = f23		//= r19 0xc00c000000000000
	stfd [r16] = f21, 8
	;;
	stfs [r16] = f22, 8
	;;
	stf.spill [r16] = f23, 16
	;;
	stf8 [r16] = f7
	movl r20 = 0x200000
	;;
	ld8 r21 = [r20]			//= r21 0x4016000000000000
	ldfd f24 = [r20], 8		//= f24.exp 0x10001 f24.sig 0xb000000000000000
	;;
	ldfs f25 = [r20], 8		//= f25.exp 0x10000 f25.sig 0xe000000000000000
	;;
	ldf.fill f26 = [r20], 16	//= f26.exp 0x30000 f26.sig 0xe000000000000000
	;;
	ldf8 f27 = [r20]		//= f27.exp 0x1003e f27.sig 0x9400000000000000
	fcmp.lt.s0 p10, p11 = f19, f20	//= p10 1 p11 0
	fcmp.eq.s0 p12, p13 = f19, f20	//= p12 0 p13 1
	fclass.m p14, p15 = f18, @pos|@inf	//= p14 1 p15 0
	;;
	// a third, to 53 bits and to 64, to the nearest
	fma.d.s0 f28 = f1, f1, f0
	movl r22 = 0x4008000000000000
	;;
	setf.d f29 = r22
	;;
	frcpa.s1 f30, p16 = f1, f29
	;;
(p16)	fnma.s1 f31 = f29, f30, f1
	;;
(p16)	fma.s1 f30 = f31, f30, f30
(p16)	fma.s1 f31 = f31, f31, f0
	;;
(p16)	fma.s1 f30 = f31, f30, f30
(p16)	fma.s1 f31 = f31, f31, f0
	;;
(p16)	fma.s1 f30 = f31, f30, f30
	;;
	fma.d.s0 f2 = f30, f1, f0
	fma.s.s0 f3 = f30, f1, f0
	;;
	getf.d r23 = f2			//= r23 0x3fd5555555555555
	getf.s r24 = f3			//= r24 0x3eaaaaab
	fmerge.ns f4 = f1, f1
	fabs f5 = f23
	;;
	getf.d r25 = f4			//= r25 0xbff0000000000000
	getf.d r26 = f5			//= r26 0x400c000000000000
	mov r27 = ar.fpsr
	break.m 0
