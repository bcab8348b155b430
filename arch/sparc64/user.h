/* SPDX-License-Identifier: BSD-2-Clause */

/* The probe's program: numbers only, read by C and by the assembler. */

#ifndef USER_H
#define USER_H

/* Registers that it stores and loads, a word each: outs, globals, four of state, locals, ins. */
#define USER_REGISTERS 34

#endif
