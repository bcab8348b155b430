// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * Arithmetic of register-format numbers: exact, then rounded once.
 */
#ifndef IA64SIM_FLOAT_H
#define IA64SIM_FLOAT_H

#include "sim.h"

enum { BIAS = 0xffff, EXPONENT_SPECIAL = 0x1ffff, EXPONENT_NATVAL = 0x1fffe, EXPONENT_INTEGER = 0x1003e };

/** Status flags, as in bits 18:13 of FPSR (1:5.1.3). */
enum { FLAG_V = 1, FLAG_D = 2, FLAG_Z = 4, FLAG_O = 8, FLAG_U = 16, FLAG_I = 32 };

/** How a result is rounded. */
struct rounding {
	unsigned precision; //!< bits of the significand: 24, 53, 64
	int emin, emax;     //!< of the unbiased exponent
	unsigned mode;      //!< 0 nearest, 1 down, 2 up, 3 towards zero
	bool flush;         //!< tiny results become zero
};

enum kind { ZERO, FINITE, INFINITE, QUIET, SIGNALLING, NATVAL, UNSUPPORTED };

enum kind fr_kind(struct fr value);
bool fr_unnormal(struct fr value);
/** @return a * b + c, or a * b if @p multiply; @p flags gets the exceptions. None of them is a NaTVal. */
struct fr float_fma(struct fr a, struct fr b, struct fr c, bool multiply, struct rounding how, unsigned *flags);
/** @return a / b for the cases that frcpa settles: one is zero, infinite or no number */
struct fr float_divide_special(struct fr a, struct fr b, unsigned *flags);
/** @return the integer that @p value is rounded to in @p mode; out of range: 2^63 and V */
uint64_t float_to_integer(struct fr value, bool is_signed, unsigned mode, unsigned *flags);
/** @return -1, 0, 1, or 2 if the two have no order */
int float_compare(struct fr a, struct fr b);
/** The approximation of 1 / b (3:2, frcpa), to 8.886 bits; @p b is finite and not zero. */
struct fr float_reciprocal(struct fr b);
struct fr float_normalize(struct fr value);

#endif
