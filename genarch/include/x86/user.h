/* SPDX-License-Identifier: BSD-2-Clause */

/* The probe's program and what it changes: numbers only, read by C and by the assembler. */

#ifndef X86_USER_H
#define X86_USER_H

/* Flags that user mode may set as it likes: CF PF AF ZF SF DF OF NT AC ID (SDM vol. 1, figure 3-8). */
#define FLAGS_FREE 0x244cd5
/* The CPU's own: the instruction is not to meet a breakpoint again. Set in the frames of faults. */
#define FLAGS_RESUME 0x10000

/* Bytes from one instruction that user mode may not execute to the next. */
#define PRIVILEGED_SIZE 8

#endif
