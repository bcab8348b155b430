/* SPDX-License-Identifier: BSD-2-Clause */

/* Numbers of exceptions (ARM DDI 0406C, table B1-3), in steps of the table of vectors; read by C and the assembler. */

#ifndef ARCH_VECTORS_H
#define ARCH_VECTORS_H

#define VECTOR_UNDEFINED 1
#define VECTOR_SYSTEM_CALL 2
#define VECTOR_PREFETCH_ABORT 3
#define VECTOR_DATA_ABORT 4
#define VECTOR_IRQ 6
#define VECTOR_FIQ 7

/* The interrupt by which a CPU calls another, and the one that stops it: software-generated. */
#define CALL_LINE 0
#define STOP_LINE 15
#define TIMER_LINE 27
#define CONSOLE_LINE 33
#define SPURIOUS_LINE 1023

/* Status of an abort that is a breakpoint, short descriptors (table B3-23). */
#define FAULT_DEBUG 0x002

#endif
