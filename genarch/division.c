/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Divisions of 64 bits, for machines of 32 whose compiler calls its library for
 * them, and which have no such library: one for another byte order or another
 * calling convention than theirs, or none. The names are the library's (GCC internals, 4.1 "The GCC
 * low-level runtime library").
 *
 * Long division, bit by bit, from the first bit of the dividend on. COST. Some ten instructions a bit of
 * it.
 */

#include <mm/types.h>

uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *remainder);
uint64_t __udivdi3(uint64_t dividend, uint64_t divisor);
uint64_t __umoddi3(uint64_t dividend, uint64_t divisor);
int64_t __divdi3(int64_t dividend, int64_t divisor);
int64_t __moddi3(int64_t dividend, int64_t divisor);

/* Bits of a number up to its first 1. */
static unsigned width_of(uint64_t number)
{
	uint32_t high = (uint32_t) (number >> 32);
	unsigned width = high != 0 ? 64 : 32;

	for (uint32_t word = high != 0 ? high : (uint32_t) number; width % 32 != 1 && (word & 0x80000000u) == 0; word <<= 1)
		width--;
	return width;
}

uint64_t __udivmoddi4(uint64_t dividend, uint64_t divisor, uint64_t *remainder)
{
	uint64_t quotient = 0, rest = 0;

	if (dividend <= UINT32_MAX && divisor <= UINT32_MAX) {
		*remainder = (uint32_t) dividend % (uint32_t) divisor;
		return (uint32_t) dividend / (uint32_t) divisor;
	}
	for (unsigned bit = width_of(dividend); bit-- > 0;) {
		bool carry = rest >> 63 != 0;

		rest = rest << 1 | (dividend >> bit & 1);
		quotient <<= 1;
		if (carry || rest >= divisor) {
			rest -= divisor;
			quotient |= 1;
		}
	}
	*remainder = rest;
	return quotient;
}

uint64_t __udivdi3(uint64_t dividend, uint64_t divisor)
{
	uint64_t remainder;

	return __udivmoddi4(dividend, divisor, &remainder);
}

uint64_t __umoddi3(uint64_t dividend, uint64_t divisor)
{
	uint64_t remainder;

	(void) __udivmoddi4(dividend, divisor, &remainder);
	return remainder;
}

static uint64_t magnitude(int64_t number)
{
	return number < 0 ? -(uint64_t) number : (uint64_t) number;
}

int64_t __divdi3(int64_t dividend, int64_t divisor)
{
	uint64_t quotient = __udivdi3(magnitude(dividend), magnitude(divisor));

	return (int64_t) ((dividend < 0) != (divisor < 0) ? -quotient : quotient);
}

int64_t __moddi3(int64_t dividend, int64_t divisor)
{
	uint64_t remainder = __umoddi3(magnitude(dividend), magnitude(divisor));

	return (int64_t) (dividend < 0 ? -remainder : remainder);
}
