/* SPDX-License-Identifier: BSD-2-Clause */

/* The probe's program: numbers only, read by C and by the assembler. */

#ifndef USER_H
#define USER_H

/* Registers that it stores and loads, a word each: 28 general ones, LO and HI. */
#define USER_REGISTERS 30

#endif
