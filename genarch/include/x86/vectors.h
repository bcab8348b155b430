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
#define VECTOR_IRQ 32 /* the first of the interrupt controller's, IRQ_LINES of them */
#define VECTOR_SYSTEM_CALL 0x80
#define VECTORS 256

#define IRQ_LINES 16

/* Exceptions that push an error code, one bit for each vector: #DF #TS #NP #SS #GP #PF #AC #CP #VC #SX. */
#define VECTORS_WITH_ERROR 0x60227d00

/* Bytes from the entry of one vector to that of the next. */
#define TRAP_ENTRY_SIZE 16

#endif
