// SPDX-License-Identifier: BSD-2-Clause
// Comparisons, tests, predicates (3:2, cmp, tbit, tnat; encodings A6 to A8, I16, I17, I23 to I25).
	.text
	.global _start
_start:
	mov r1 = -1
	mov r2 = 1
	movl r3 = 0x100000001
	;;
	cmp.lt p6, p7 = r1, r2		//= p6 1 p7 0
	cmp.ltu p8, p9 = r1, r2		//= p8 0 p9 1
	cmp.eq p10, p11 = r2, r3	//= p10 0 p11 1
	cmp4.eq p12, p13 = r2, r3	//= p12 1 p13 0
	cmp.gt p14, p15 = 5, r2		//= p14 1 p15 0
	cmp.leu p16, p17 = r2, r1	//= p16 1 p17 0
	cmp4.lt p18, p19 = -128, r1	//= p18 1 p19 0
	cmp4.ltu p20, p21 = r3, r1	//= p20 1 p21 0
	cmp.ge p22, p23 = 127, r3	//= p22 0 p23 1
	;;
	// unc: a false predicate clears both
	cmp.eq p24, p25 = r0, r0
	cmp.eq p26, p27 = r0, r0
	;;
(p25)	cmp.eq.unc p24, p0 = r0, r0	//= p24 0
(p27)	cmp.eq p26, p28 = r0, r2	//= p26 1
	;;
	// and, or, or.andcm against values and r0
	cmp.eq p29, p30 = r0, r0
	cmp.ne p31, p32 = r0, r0
	cmp.eq p33, p34 = r0, r0
	cmp.ne p35, p0 = r0, r0
	cmp.eq p36, p37 = r0, r0
	;;
	cmp.eq.and p29, p30 = r1, r2	//= p29 0 p30 0
	cmp.gt.or p31, p0 = r0, r1	//= p31 1
	cmp.ge.or.andcm p35, p33 = r0, r1	//= p35 1 p33 0
	cmp.lt.and p36, p0 = r0, r2	//= p36 1
	cmp4.ne.and p37, p0 = 1, r3	//= p37 0
	;;
	tbit.z p38, p39 = r3, 32	//= p38 0 p39 1
	tbit.nz p40, p41 = r3, 0	//= p40 1 p41 0
	tbit.z.unc p42, p43 = r3, 1	//= p42 1 p43 0
	cmp.eq p44, p45 = r0, r0
	cmp.ne p46, p0 = r0, r0
	;;
	tbit.z.and p44, p0 = r3, 32	//= p44 0
	tbit.nz.or p46, p0 = r3, 32	//= p46 1
	tnat.z p47, p48 = r3		//= p47 1 p48 0
	tnat.nz p49, p50 = r3		//= p49 0 p50 1
	;;
	mov r10 = pr		
	;;
	movl r11 = 0xffff000000000000
	;;
	mov pr = r11, 0x1fffe		// p1 to p16, which become 0
	;;
	mov r12 = pr
	;;
	extr.u r13 = r12, 0, 17		//= r13 1
	mov pr.rot = 0x5550000
	;;
	mov r14 = pr			//= r14 0x5550001
	mov r15 = -1
	;;
	mov pr = r15, 0x81
	;;
	mov r16 = pr			//= r16 0x5550081
	;;
	mov pr = r10, -1		// all of it, and so what is expected above
	break.m 0
