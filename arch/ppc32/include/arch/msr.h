/* SPDX-License-Identifier: BSD-2-Clause */

/* The machine state register and other special registers, for C and the assembler (PEM, 2.3; MPC7400UM, 2.1). */

#ifndef ARCH_MSR_H
#define ARCH_MSR_H

#define MSR_POW 0x40000 /* sleep, as HID0 says */
#define MSR_EE 0x8000   /* external interrupts and the decrementer */
#define MSR_PR 0x4000   /* user mode */
#define MSR_FP 0x2000
#define MSR_ME 0x1000 /* machine checks are traps */
#define MSR_SE 0x400  /* trace: a trap after each instruction */
#define MSR_IR 0x20   /* translation of instructions */
#define MSR_DR 0x10   /* and of data */
#define MSR_RI 2      /* SRR0 and SRR1 hold nothing that is needed */

#define MSR_KERNEL (MSR_ME | MSR_IR | MSR_DR | MSR_RI)
#define MSR_USER (MSR_KERNEL | MSR_EE | MSR_PR)

#define SPR_DSISR 18
#define SPR_DAR 19
#define SPR_DEC 22
#define SPR_SDR1 25
#define SPR_VRSAVE 256
#define SPR_SPRG0 272
#define SPR_SPRG1 273
#define SPR_PVR 287
#define SPR_IBAT0U 528 /* upper and lower half of each, one behind the other */
#define SPR_DBAT0U 536
#define SPR_HID0 1008

#define HID0_DOZE 0x00800000
#define HID0_CACHES 0x0000c000 /* instruction and data cache on */

/* DSISR, and SRR1 of an instruction storage interrupt. */
#define FAULT_NOT_FOUND 0x40000000
#define FAULT_FORBIDDEN 0x08000000
#define FAULT_STORE 0x02000000
#define FAULT_NO_EXECUTE 0x10000000
/* SRR1 of a program interrupt. */
#define PROGRAM_PRIVILEGED 0x00040000
#define PROGRAM_TRAP 0x00020000

/* Vectors. */
#define VECTOR_RESET 0x100
#define VECTOR_MACHINE_CHECK 0x200
#define VECTOR_DATA 0x300
#define VECTOR_CODE 0x400
#define VECTOR_EXTERNAL 0x500
#define VECTOR_ALIGNMENT 0x600
#define VECTOR_PROGRAM 0x700
#define VECTOR_FLOAT 0x800
#define VECTOR_DECREMENTER 0x900
#define VECTOR_SYSTEM_CALL 0xc00
#define VECTOR_TRACE 0xd00
#define VECTOR_PERFORMANCE 0xf00
#define VECTOR_ALTIVEC 0xf20

/* A segment register: its VSID, and the key of user mode, 1; that of the kernel is 0. */
#define SEGMENT_KEY_USER 0x20000000
#define SEGMENT_NO_EXECUTE 0x10000000

/* BATs (PEM, 7.4.3): bytes of a block, for the kernel only; WIMG and PP. */
#define BAT_UPPER(va, bytes) ((va) | ((bytes) / 0x20000 - 1) << 2 | 2)
#define BAT_MEMORY 0x12    /* M, read and write */
#define BAT_DEVICE 0x2a    /* I, G, read and write */
#define BAT_READ_ONLY 0x11 /* M */

#endif
