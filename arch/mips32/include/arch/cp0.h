/* SPDX-License-Identifier: BSD-2-Clause */

/* Registers of coprocessor 0, by number and select, for C and the assembler (MD00090, chapter 9). */

#ifndef ARCH_CP0_H
#define ARCH_CP0_H

#define CP0_INDEX $0, 0
#define CP0_ENTRY_LO0 $2, 0
#define CP0_ENTRY_LO1 $3, 0
#define CP0_CONTEXT $4, 0
#define CP0_PAGE_MASK $5, 0
#define CP0_WIRED $6, 0
#define CP0_HWRENA $7, 0
#define CP0_BAD_VADDR $8, 0
#define CP0_COUNT $9, 0
#define CP0_ENTRY_HI $10, 0
#define CP0_COMPARE $11, 0
#define CP0_STATUS $12, 0
#define CP0_CAUSE $13, 0
#define CP0_EPC $14, 0
#define CP0_PRID $15, 0
#define CP0_EBASE $15, 1
#define CP0_CONFIG $16, 0
#define CP0_CONFIG1 $16, 1
#define CP0_CONFIG7 $16, 7

/* Status (9.23). */
#define STATUS_IE 0x00000001
#define STATUS_EXL 0x00000002
#define STATUS_UM 0x00000010
#define STATUS_MODE 0x0000001f /* IE, EXL, ERL and the mode: 0 = the kernel, interrupts off */
#define STATUS_IM_DEVICES 0x00000400
#define STATUS_IM_TIMER 0x00008000
#define STATUS_BEV 0x00400000

/* Cause (9.25): its IP bits lie where the IM bits of Status do. */
#define CAUSE_CODE_SHIFT 2
#define CAUSE_CODE_MASK 0x1f
#define CAUSE_BRANCH_DELAY 0x80000000

/* Exception codes (table 9.39). */
#define CODE_INTERRUPT 0
#define CODE_MODIFIED 1
#define CODE_TLB_LOAD 2
#define CODE_TLB_STORE 3
#define CODE_ADDRESS_LOAD 4
#define CODE_ADDRESS_STORE 5
#define CODE_SYSTEM_CALL 8
#define CODE_BREAKPOINT 9

/* EntryHi (9.19). */
#define ENTRY_HI_ASID 0xff

#ifndef __ASSEMBLER__

#include <mm/types.h>

#define CP0_TEXT(...) #__VA_ARGS__
#define CP0_NAME(...) CP0_TEXT(__VA_ARGS__)

#define CP0_READ(name)                                                               \
	({                                                                               \
		uint32_t cp0_value;                                                          \
		__asm__ volatile("mfc0 %0, " CP0_NAME(name) : "=r"(cp0_value) : : "memory"); \
		cp0_value;                                                                   \
	})

/* What comes next is executed with the new value (MD00090, 8 "CP0 Hazards"). */
#define CP0_WRITE(name, value) \
	__asm__ volatile("mtc0 %z0, " CP0_NAME(name) "; ehb" : : "Jr"((uint32_t) (value)) : "memory")

#endif

#endif
