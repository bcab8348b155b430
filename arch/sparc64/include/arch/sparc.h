/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Registers and address space identifiers of an UltraSPARC IIi, for C and the assembler. V9 is "The SPARC Architecture
 * Manual, Version 9"; UM the "UltraSPARC-IIi User's Manual", 805-0087.
 */

#ifndef ARCH_SPARC_H
#define ARCH_SPARC_H

/* PSTATE (V9, 5.2.1; UM, 14.5.9) */
#define PSTATE_AG 0x001
#define PSTATE_IE 0x002
#define PSTATE_PRIV 0x004
#define PSTATE_MG 0x400

/* TSTATE (V9, 5.2.2): CWP 4:0, PSTATE 19:8, ASI 31:24, CCR 39:32 */
#define TSTATE_CWP 0x1f
#define TSTATE_PSTATE_SHIFT 8
#define TSTATE_ASI_SHIFT 24
#define TSTATE_CCR_SHIFT 32
#define TSTATE_PRIV (PSTATE_PRIV << TSTATE_PSTATE_SHIFT)
#define TSTATE_IE (PSTATE_IE << TSTATE_PSTATE_SHIFT)

/* Register windows: eight, one of which is always free (V9, 5.2.10; UM, 14.2.1). */
#define WINDOWS 8
#define WINDOWS_USED (WINDOWS - 2)
#define WINDOW_BYTES 128
/* A window's own memory is at its stack pointer and this (V9, H.1.3), and below the first argument there is as much. */
#define STACK_BIAS 2047
#define STACK_LEAST 176

/* WSTATE: which of the handlers of normal windows is used (V9, 5.2.11). */
#define WSTATE_KERNEL 0
#define WSTATE_USER 1

/* ASIs (UM, table 8-1; V9, 6.3.1.3) */
#define ASI_AIUP 0x10   /* as if user, primary context */
#define ASI_PHYS 0x14   /* physical memory, in the external cache */
#define ASI_DEVICE 0x15 /* physical, not cached, with side effects */
#define ASI_DEVICE_LE 0x1d
#define ASI_LSU 0x45
#define ASI_IRQ_RECEIVE 0x49
#define ASI_IMMU 0x50
#define ASI_ITLB_IN 0x54
#define ASI_ITLB_ENTRY 0x55
#define ASI_ITLB_TAG 0x56
#define ASI_IMMU_DEMAP 0x57
#define ASI_DMMU 0x58
#define ASI_DTLB_IN 0x5c
#define ASI_DTLB_ENTRY 0x5d
#define ASI_DTLB_TAG 0x5e
#define ASI_DMMU_DEMAP 0x5f
#define ASI_IRQ_DATA 0x7f

/* Registers of the MMUs (UM, table 15-5). */
#define MMU_PRIMARY 0x08
#define MMU_SECONDARY 0x10
#define MMU_SFSR 0x18
#define MMU_SFAR 0x20
#define MMU_TAG_ACCESS 0x30

/* SFSR (UM, 15.9.4): W, and of the fault type privilege violation. */
#define SFSR_WRITE 0x004
#define SFSR_PRIVILEGE 0x080

#define TLB_ENTRIES 64
#define TLB_ENTRY_SHIFT 3
/* Each MMU's entry for the trap table and the handlers (of instructions only). */
#define TLB_LOCKED (TLB_ENTRIES - 1)

/* Trap types (V9, table 7-1; UM, table 14-6). */
#define TT_INSTRUCTION_ACCESS 0x008
#define TT_CLEAN_WINDOW 0x024
#define TT_DATA_ACCESS 0x030
#define TT_LEVEL_1 0x041
#define TT_LEVEL_14 0x04e
#define TT_LEVEL_15 0x04f
#define TT_VECTOR 0x060
#define TT_INSTRUCTION_MISS 0x064
#define TT_DATA_MISS 0x068
#define TT_DATA_PROTECTION 0x06c
#define TT_BREAKPOINT 0x101
#define TT_SYSTEM_CALL 0x110

/* `ta` with these. */
#define SOFTWARE_BREAKPOINT 0x01
#define SOFTWARE_SYSTEM_CALL 0x10

/* Entries of the TSB, 16 bytes each. */
#define TSB_ENTRIES 512

#endif
