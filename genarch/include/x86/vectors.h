/* SPDX-License-Identifier: BSD-2-Clause */

/* Numbers of traps (SDM vol. 3A, table 6-1): numbers only, read by C and by the assembler. */

#ifndef X86_VECTORS_H
#define X86_VECTORS_H

#define VECTOR_DEBUG 1
#define VECTOR_NMI 2
#define VECTOR_BREAKPOINT 3
#define VECTOR_OVERFLOW 4
#define VECTOR_DOUBLE_FAULT 8
#define VECTOR_PAGE_FAULT 14
#define VECTOR_MACHINE_CHECK 18
#define VECTOR_IRQ 32 /* of line 0; there are IRQ_LINES of them */
#define VECTOR_SYSTEM_CALL 0x80
#define VECTORS 256

/* Interrupt lines: first the i8259's, I8259_LINES of them, then what the CPUs send each other by their LAPICs. */
#define IRQ_LINES 32
#define CALL_LINE 16     /* another CPU wants something */
#define TICK_LINE 17     /* the first CPU passes its timer's tick on */
#define SPURIOUS_LINE 31 /* the LAPIC's own; its low four bits must be set (SDM vol. 3A, figure 10-23) */
#define VECTOR_SPURIOUS (VECTOR_IRQ + SPURIOUS_LINE)

/* Exceptions that push an error code, one bit for each vector: #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX. */
#define VECTORS_WITH_ERROR 0x60227d00

/* Bytes from the entry of one vector to that of the next. */
#define TRAP_ENTRY_SIZE 16

#endif
