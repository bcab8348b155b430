// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * Arithmetic of register-format numbers (1:5): exact, then rounded once.
 *
 * A sum of a product is held in 192 bits. The product has 128, the addend 64.
 * What is shifted out below becomes one sticky bit; that can only happen where
 * the exponents are so far apart that a subtraction loses one leading bit at
 * most, so the sticky bit is below all that rounding looks at.
 */
#include "float.h"

/** high:low is a fraction with its leading 1 in bit 127 of high, the value of which is 2^exponent. */
struct wide {
	bool sign, zero;
	int exponent;
	u128 high;
	uint64_t low;
};

static const struct fr default_nan = { 0xc000000000000000, EXPONENT_SPECIAL, 1 };

enum kind fr_kind(struct fr value)
{
	if (value.exponent == EXPONENT_SPECIAL) {
		if (!(value.significand >> 63))
			return UNSUPPORTED;
		if (value.significand << 1 == 0)
			return INFINITE;
		return value.significand >> 62 & 1 ? QUIET : SIGNALLING;
	}
	if (value.exponent == EXPONENT_NATVAL && value.significand == 0)
		return NATVAL;
	return value.significand == 0 ? ZERO : FINITE;
}

bool fr_unnormal(struct fr value)
{
	return fr_kind(value) == FINITE && !(value.significand >> 63);
}

struct fr float_normalize(struct fr value)
{
	if (fr_unnormal(value)) {
		unsigned by = __builtin_clzll(value.significand);

		value.significand <<= by;
		value.exponent -= by;
	}
	return value;
}

static void shift_left(struct wide *w, unsigned by)
{
	if (by >= 128) {
		w->high = (u128) w->low << 64 << (by - 128);
		w->low = 0;
	} else if (by >= 64) {
		w->high = (w->high << 64 | w->low) << (by - 64);
		w->low = 0;
	} else if (by > 0) {
		w->high = w->high << by | w->low >> (64 - by);
		w->low <<= by;
	}
	w->exponent -= (int) by;
}

/** The lowest bit is also what got lost. */
static void shift_right(struct wide *w, unsigned by)
{
	bool lost = false;

	w->exponent += (int) by;
	if (by >= 192) {
		w->low = w->high != 0 || w->low != 0;
		w->high = 0;
		return;
	}
	if (by >= 64) {
		unsigned words = by / 64;

		for (unsigned i = 0; i < words; i++) {
			lost |= w->low != 0;
			w->low = (uint64_t) w->high;
			w->high >>= 64;
		}
		by %= 64;
	}
	if (by > 0) {
		lost |= (w->low & (BIT(by) - 1)) != 0;
		w->low = w->low >> by | (uint64_t) w->high << (64 - by);
		w->high >>= by;
	}
	w->low |= lost;
}

static void normalize(struct wide *w)
{
	uint64_t top = w->high >> 64, middle = (uint64_t) w->high;

	if (top != 0)
		shift_left(w, __builtin_clzll(top));
	else if (middle != 0)
		shift_left(w, 64 + __builtin_clzll(middle));
	else if (w->low != 0)
		shift_left(w, 128 + __builtin_clzll(w->low));
	else
		w->zero = true;
}

static struct wide widen(struct fr value)
{
	struct wide w = {
		.sign = value.sign, .exponent = (int) value.exponent - BIAS, .high = (u128) value.significand << 64
	};

	normalize(&w);
	return w;
}

static struct wide product(struct fr a, struct fr b)
{
	struct wide w = {
		.sign = a.sign ^ b.sign,
		.exponent = (int) a.exponent + (int) b.exponent - 2 * BIAS + 1,
		.high = (u128) a.significand * b.significand,
	};

	normalize(&w);
	return w;
}

static int compare(const struct wide *a, const struct wide *b)
{
	if (a->high != b->high)
		return a->high < b->high ? -1 : 1;
	return a->low < b->low ? -1 : a->low > b->low;
}

/** The sum of two that are not zero; @p down is the rounding mode in which x - x is -0. */
static struct wide add(struct wide a, struct wide b, bool down)
{
	if (a.exponent < b.exponent) {
		struct wide other = a;

		a = b;
		b = other;
	}
	shift_right(&b, (unsigned) (a.exponent - b.exponent));
	if (a.sign == b.sign) {
		uint64_t low = a.low + b.low;
		u128 high = a.high + b.high + (low < a.low);
		bool carry = high < a.high || (high == a.high && (b.high != 0 || low < a.low));

		a.high = high;
		a.low = low;
		if (carry) {
			shift_right(&a, 1);
			a.high |= (u128) 1 << 127;
		}
		return a;
	}
	if (compare(&a, &b) < 0) {
		struct wide other = a;

		a = b;
		b = other;
	}
	a.high -= b.high + (a.low < b.low);
	a.low -= b.low;
	normalize(&a);
	if (a.zero)
		a.sign = down;
	return a;
}

/** True if a significand that is cut, with @p half the first bit cut and @p rest any other, is to go up by one. */
static bool rounds_up(unsigned mode, bool sign, bool odd, bool half, bool rest)
{
	switch (mode) {
	case 0:
		return half && (rest || odd);
	case 1:
		return sign && (half || rest);
	case 2:
		return !sign && (half || rest);
	default:
		return false;
	}
}

static struct fr overflow(bool sign, struct rounding how, unsigned *flags)
{
	bool to_infinity = how.mode == 0 || (how.mode == 1 && sign) || (how.mode == 2 && !sign);

	*flags |= FLAG_O | FLAG_I;
	if (to_infinity)
		return (struct fr){ BIT(63), EXPONENT_SPECIAL, sign };
	return (struct fr){ ~0ULL << (64 - how.precision), (uint32_t) (how.emax + BIAS), sign };
}

static struct fr finish(struct wide w, struct rounding how, unsigned *flags)
{
	if (w.zero)
		return (struct fr){ 0, 0, w.sign };
	bool tiny = w.exponent < how.emin;

	if (tiny && how.flush) {
		*flags |= FLAG_U | FLAG_I;
		return (struct fr){ 0, 0, w.sign };
	}
	if (tiny)
		shift_right(&w, (unsigned) (how.emin - w.exponent));
	uint64_t top = w.high >> 64, middle = (uint64_t) w.high;
	bool half, rest;

	if (how.precision == 64) {
		half = middle >> 63;
		rest = middle << 1 != 0 || w.low != 0;
	} else {
		half = top >> (63 - how.precision) & 1;
		rest = (top & (BIT(63 - how.precision) - 1)) != 0 || middle != 0 || w.low != 0;
	}
	uint64_t unit = BIT(64 - how.precision);
	uint64_t kept = top & ~(unit - 1);

	if (half || rest)
		*flags |= FLAG_I | (tiny ? FLAG_U : 0);
	if (rounds_up(how.mode, w.sign, kept & unit, half, rest)) {
		kept += unit;
		if (kept == 0) {
			kept = BIT(63);
			w.exponent++;
		}
	}
	if (w.exponent > how.emax)
		return overflow(w.sign, how, flags);
	if (kept == 0)
		return (struct fr){ 0, 0, w.sign };
	return (struct fr){ kept, (uint32_t) (w.exponent + BIAS), w.sign };
}

/** The NaN that comes out of operands of which one is no number (1:5.4.2): of f4, f2, f3, the first. */
static struct fr propagate(const struct fr *operands, unsigned count, unsigned *flags)
{
	struct fr first = default_nan;
	bool found = false;

	for (unsigned i = 0; i < count; i++) {
		enum kind kind = fr_kind(operands[i]);

		if (kind == SIGNALLING || kind == UNSUPPORTED)
			*flags |= FLAG_V;
		if (kind == UNSUPPORTED)
			return default_nan;
		if (!found && (kind == QUIET || kind == SIGNALLING)) {
			first = operands[i];
			first.significand |= BIT(62);
			found = true;
		}
	}
	return first;
}

static bool no_number(struct fr value)
{
	enum kind kind = fr_kind(value);

	return kind == QUIET || kind == SIGNALLING || kind == UNSUPPORTED;
}

static struct fr invalid(unsigned *flags)
{
	*flags |= FLAG_V;
	return default_nan;
}

struct fr float_fma(struct fr a, struct fr b, struct fr c, bool multiply, struct rounding how, unsigned *flags)
{
	enum kind ka = fr_kind(a), kb = fr_kind(b), kc = fr_kind(c);
	bool sign = a.sign ^ b.sign;

	if (no_number(a) || no_number(b) || no_number(c))
		return propagate((struct fr[]){ b, c, a }, 3, flags);
	if (fr_unnormal(a) || fr_unnormal(b) || fr_unnormal(c))
		*flags |= FLAG_D;
	if (ka == INFINITE || kb == INFINITE) {
		if (ka == ZERO || kb == ZERO || (kc == INFINITE && c.sign != sign))
			return invalid(flags);
		return (struct fr){ BIT(63), EXPONENT_SPECIAL, sign };
	}
	if (kc == INFINITE)
		return c;
	if (ka == ZERO || kb == ZERO) {
		if (multiply)
			return (struct fr){ 0, 0, sign };
		if (kc == ZERO)
			return (struct fr){ 0, 0, c.sign == sign ? sign : how.mode == 1 };
		return finish(widen(c), how, flags);
	}
	if (multiply || kc == ZERO)
		return finish(product(a, b), how, flags);
	return finish(add(product(a, b), widen(c), how.mode == 1), how, flags);
}

struct fr float_divide_special(struct fr a, struct fr b, unsigned *flags)
{
	enum kind ka = fr_kind(a), kb = fr_kind(b);
	bool sign = a.sign ^ b.sign;

	if (no_number(a) || no_number(b))
		return propagate((struct fr[]){ a, b }, 2, flags);
	if ((ka == INFINITE && kb == INFINITE) || (ka == ZERO && kb == ZERO))
		return invalid(flags);
	if (ka == INFINITE)
		return (struct fr){ BIT(63), EXPONENT_SPECIAL, sign };
	if (kb == ZERO) {
		*flags |= FLAG_Z;
		return (struct fr){ BIT(63), EXPONENT_SPECIAL, sign };
	}
	return (struct fr){ 0, 0, sign };
}

uint64_t float_to_integer(struct fr value, bool is_signed, unsigned mode, unsigned *flags)
{
	const uint64_t indefinite = BIT(63);
	enum kind kind = fr_kind(value);

	if (kind == ZERO)
		return 0;
	if (kind != FINITE) {
		*flags |= FLAG_V;
		return indefinite;
	}
	if (fr_unnormal(value))
		*flags |= FLAG_D;
	value = float_normalize(value);
	int exponent = (int) value.exponent - BIAS;
	uint64_t whole = 0;
	bool half = false, rest = false;

	if (exponent > 63) {
		*flags |= FLAG_V;
		return indefinite;
	}
	if (exponent == 63) {
		whole = value.significand;
	} else if (exponent >= 0) {
		whole = value.significand >> (63 - exponent);
		half = value.significand >> (62 - exponent) & 1;
		rest = (value.significand & (BIT(62 - exponent) - 1)) != 0;
	} else {
		half = exponent == -1;
		rest = exponent < -1 || value.significand << 1 != 0;
	}
	if (rounds_up(mode, value.sign, whole & 1, half, rest)) {
		if (++whole == 0) {
			*flags |= FLAG_V;
			return indefinite;
		}
	}
	bool fits = is_signed ? whole < BIT(63) + value.sign : !value.sign || whole == 0;

	if (!fits) {
		*flags |= FLAG_V;
		return indefinite;
	}
	if (half || rest)
		*flags |= FLAG_I;
	return value.sign ? -whole : whole;
}

int float_compare(struct fr a, struct fr b)
{
	if (no_number(a) || no_number(b))
		return 2;
	bool zero_a = fr_kind(a) == ZERO, zero_b = fr_kind(b) == ZERO;

	if (zero_a && zero_b)
		return 0;
	if (zero_a)
		return b.sign ? 1 : -1;
	if (zero_b)
		return a.sign ? -1 : 1;
	if (a.sign != b.sign)
		return a.sign ? -1 : 1;
	a = float_normalize(a);
	b = float_normalize(b);
	int order = (int32_t) a.exponent < (int32_t) b.exponent ? -1
		: a.exponent != b.exponent                          ? 1
		: a.significand < b.significand                     ? -1
															: a.significand > b.significand;

	return a.sign ? -order : order;
}

/**
 * The manual's table has for each 8 leading bits i of the fraction ten bits: of
 * 2 / (1 + (i + 1/2) / 256), what follows the 1, to the nearest.
 */
struct fr float_reciprocal(struct fr b)
{
	b = float_normalize(b);
	unsigned i = b.significand >> 55 & 0xff;
	unsigned divisor = 513 + 2 * i;                                  // (1 + (i + 1/2) / 256) * 512
	unsigned entry = (2u * 1024 * 2 * 512 / divisor + 1) / 2 - 1024; // twice the quotient, rounded

	return (struct fr){ BIT(63) | (uint64_t) entry << 53, 2 * BIAS - 1 - b.exponent, b.sign };
}
