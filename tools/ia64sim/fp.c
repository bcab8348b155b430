// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * Floating-point instructions: what integer multiplication and division by GCC
 * and libgcc need, and the plain rest; not the parallel ones, and not frsqrta
 * (3:4.6, and 3:4.4 for loads and stores).
 *
 * Exceptions set their flags. One that FPSR does not mask stops the simulator.
 */
#include "float.h"

/** Fields of FPSR (1:5.1.3). */
enum { FPSR_SF = 6, SF_WIDTH = 13 };

/** Formats in memory, bits 31:30 of the instruction. */
enum { EXTENDED, INTEGER, SINGLE, DOUBLE, SPILL };

enum { FIXED, BY_REGISTER, BY_IMMEDIATE };

bool fr_is_natval(struct fr value)
{
	return fr_kind(value) == NATVAL;
}

static const struct fr natval = { 0, EXPONENT_NATVAL, 0 };

/** Faults if one of the registers belongs to a half that psr.dfl or dfh disables; a target must not be f0 or f1. */
void fp_enabled(unsigned f1, unsigned f2, unsigned f3, unsigned f4, bool target)
{
	if (target && f1 < 2)
		illegal_operation();
	if (!(cpu.psr & (BIT(PSR_DFL) | BIT(PSR_DFH))))
		return;
	bool low = (f1 >= 2 && f1 < 32) || (f2 >= 2 && f2 < 32) || (f3 >= 2 && f3 < 32) || (f4 >= 2 && f4 < 32);
	bool high = f1 >= 32 || f2 >= 32 || f3 >= 32 || f4 >= 32;
	uint64_t code = (psr_is(PSR_DFL) && low) | (uint64_t) (psr_is(PSR_DFH) && high) << 1;

	if (code != 0)
		interrupt(VECTOR_DISABLED_FP, code);
}

static struct fr fr_read(unsigned f)
{
	return cpu.fr[fr_index(f)];
}

void fr_write(unsigned f, struct fr value)
{
	cpu.fr[fr_index(f)] = value;
	cpu.psr |= f < 32 ? BIT(PSR_MFL) : BIT(PSR_MFH);
}

static void raise_flags(unsigned sf, unsigned flags)
{
	uint64_t fpsr = cpu.ar[AR_FPSR];
	bool disabled = sf != 0 && (fpsr >> (FPSR_SF + sf * SF_WIDTH + 6) & 1); // td

	if (!disabled && (flags & ~fpsr & 0x3f))
		unmodelled("floating-point exception, flags %#x, that fpsr %#jx does not mask", flags, (uintmax_t) fpsr);
	cpu.ar[AR_FPSR] |= (uint64_t) flags << (FPSR_SF + sf * SF_WIDTH + 7);
}

/** Precision by the completer, 0, 1 (.s), 2 (.d), and the status field (1:5.3.2, table 5-6). */
static struct rounding rounding(unsigned sf, unsigned completer)
{
	uint64_t field = cpu.ar[AR_FPSR] >> (FPSR_SF + sf * SF_WIDTH);
	unsigned pc = field >> 2 & 3;
	bool wide = field >> 1 & 1;
	struct rounding how = { .mode = field >> 4 & 3, .flush = field & 1 };
	unsigned bits = 15;

	if (completer == 1) {
		how.precision = 24;
		bits = 8;
	} else if (completer == 2) {
		how.precision = 53;
		bits = 11;
	} else {
		if (pc == 1)
			unmodelled("reserved precision control in status field %u", sf);
		how.precision = pc == 0 ? 24 : pc == 2 ? 53 : 64;
	}
	if (wide)
		bits = 17;
	how.emax = (1 << (bits - 1)) - 1;
	how.emin = 1 - how.emax;
	return how;
}

/* Formats in memory (1:5.1.2 and 1:5.2) */

struct fr fr_from_memory(unsigned format, uint64_t low, uint64_t high)
{
	switch (format) {
	case SINGLE: {
		unsigned exponent = low >> 23 & 0xff;
		uint64_t fraction = (low & 0x7fffff) << 40;
		uint32_t sign = low >> 31 & 1;

		if (exponent == 0)
			return (struct fr){ fraction, fraction == 0 ? 0 : BIAS - 126, sign };
		return (struct fr){ BIT(63) | fraction, exponent == 0xff ? EXPONENT_SPECIAL : exponent + BIAS - 127, sign };
	}
	case DOUBLE: {
		unsigned exponent = low >> 52 & 0x7ff;
		uint64_t fraction = (low & (BIT(52) - 1)) << 11;
		uint32_t sign = low >> 63;

		if (exponent == 0)
			return (struct fr){ fraction, fraction == 0 ? 0 : BIAS - 1022, sign };
		return (struct fr){ BIT(63) | fraction, exponent == 0x7ff ? EXPONENT_SPECIAL : exponent + BIAS - 1023, sign };
	}
	case EXTENDED: {
		unsigned exponent = high & 0x7fff;
		uint32_t sign = high >> 15 & 1;

		if (exponent == 0)
			return (struct fr){ low, low == 0 ? 0 : BIAS - 16382, sign };
		return (struct fr){ low, exponent == 0x7fff ? EXPONENT_SPECIAL : exponent + BIAS - 16383, sign };
	}
	case INTEGER:
		return (struct fr){ low, EXPONENT_INTEGER, 0 };
	default:
		return (struct fr){ low, high & 0x1ffff, high >> 17 & 1 };
	}
}

void fr_to_memory(unsigned format, struct fr value, uint64_t *low, uint64_t *high)
{
	uint64_t sign = value.sign, integer = value.significand >> 63;

	*high = 0;
	switch (format) {
	case SINGLE:
		*low = sign << 31 | (integer ? (value.exponent >> 16) << 7 | (value.exponent & 0x7f) : 0) << 23 |
			(value.significand >> 40 & 0x7fffff);
		break;
	case DOUBLE:
		*low = sign << 63 | (integer ? (uint64_t) (value.exponent >> 16) << 10 | (value.exponent & 0x3ff) : 0) << 52 |
			(value.significand >> 11 & (BIT(52) - 1));
		break;
	case EXTENDED:
		*low = value.significand;
		*high = sign << 15 |
			(integer || value.significand == 0 ? (value.exponent >> 16) << 14 | (value.exponent & 0x3fff) : 0);
		break;
	case INTEGER:
		*low = value.significand;
		break;
	default:
		*low = value.significand;
		*high = value.exponent | sign << 17;
		break;
	}
}

/* Arithmetic */

/** True, and the target is NaTVal, if one of the sources is. */
static bool natval_result(unsigned f1, struct fr a, struct fr b, struct fr c)
{
	if (!fr_is_natval(a) && !fr_is_natval(b) && !fr_is_natval(c))
		return false;
	fr_write(f1, natval);
	return true;
}

/** fma, fms, fnma: x is the completer, y the status field, q which; p1 is f4, r2 f2, r3 f3. */
enum { FMA, FMS, FNMA };

static bool execute_fma(const struct insn *insn)
{
	unsigned flags = 0;

	fp_enabled(insn->r1, insn->r2, insn->r3, insn->p1, true);
	struct fr a = fr_read(insn->r3), b = fr_read(insn->p1), c = fr_read(insn->r2);

	if (natval_result(insn->r1, a, b, c))
		return false;
	if (fr_kind(c) == FINITE || fr_kind(c) == ZERO || fr_kind(c) == INFINITE)
		c.sign ^= insn->q == FMS;
	if (fr_kind(a) == FINITE || fr_kind(a) == ZERO || fr_kind(a) == INFINITE)
		a.sign ^= insn->q == FNMA;
	struct fr value = float_fma(a, b, c, insn->r2 == 0, rounding(insn->y, insn->x), &flags);

	raise_flags(insn->y, flags);
	fr_write(insn->r1, value);
	return false;
}

/** xma: x is 0 for .l, 2 for .hu, 3 for .h. */
static bool execute_xma(const struct insn *insn)
{
	fp_enabled(insn->r1, insn->r2, insn->r3, insn->p1, true);
	struct fr a = fr_read(insn->r3), b = fr_read(insn->p1), c = fr_read(insn->r2);

	if (natval_result(insn->r1, a, b, c))
		return false;
	u128 value = (u128) a.significand * b.significand;

	if (insn->x == 3) { // signed: what the unsigned product has too much
		if (a.significand >> 63)
			value -= (u128) b.significand << 64;
		if (b.significand >> 63)
			value -= (u128) a.significand << 64;
	}
	value += c.significand;
	fr_write(insn->r1, (struct fr){ (uint64_t) (insn->x == 0 ? value : value >> 64), EXPONENT_INTEGER, 0 });
	return false;
}

static bool execute_fselect(const struct insn *insn)
{
	fp_enabled(insn->r1, insn->r2, insn->r3, insn->p1, true);
	struct fr a = fr_read(insn->r3), b = fr_read(insn->p1), mask = fr_read(insn->r2);

	if (natval_result(insn->r1, a, b, mask))
		return false;
	uint64_t value = (a.significand & mask.significand) | (b.significand & ~mask.significand);

	fr_write(insn->r1, (struct fr){ value, EXPONENT_INTEGER, 0 });
	return false;
}

/** frcpa f1, p2 = f2, f3: a quotient if that needs no iterations, and p2 = 0; else an approximation of 1 / f3. */
static bool execute_frcpa(const struct insn *insn)
{
	unsigned flags = 0;

	if (!pr_is(insn->q)) {
		pr_set(insn->p2, false);
		return false;
	}
	fp_enabled(insn->r1, insn->r2, insn->r3, 0, true);
	struct fr a = fr_read(insn->r2), b = fr_read(insn->r3);

	if (natval_result(insn->r1, a, b, b)) {
		pr_set(insn->p2, false);
		return false;
	}
	if (fr_kind(a) != FINITE || fr_kind(b) != FINITE) {
		struct fr value = float_divide_special(a, b, &flags);

		raise_flags(insn->y, flags);
		fr_write(insn->r1, value);
		pr_set(insn->p2, false);
		return false;
	}
	if (fr_unnormal(a) || fr_unnormal(b))
		flags |= FLAG_D;
	int ea = (int) float_normalize(a).exponent - BIAS, eb = (int) float_normalize(b).exponent - BIAS;

	// 3:2, frcpa: near the ends of the exponents software must help
	if (eb <= -65534 || eb >= 65530 || ea - eb >= 65534 || ea - eb <= -65534 || ea <= -65534 + 64)
		unmodelled("frcpa with exponents %d and %d", ea, eb);
	raise_flags(insn->y, flags);
	fr_write(insn->r1, float_reciprocal(b));
	pr_set(insn->p2, true);
	return false;
}

static bool execute_fcmp(const struct insn *insn)
{
	bool enabled = insn->qp == 0 && insn->x == 1 ? pr_is(insn->q) : true;
	unsigned flags = 0;

	if (insn->p1 == insn->p2)
		illegal_operation();
	if (!enabled) {
		pr_set(insn->p1, false);
		pr_set(insn->p2, false);
		return false;
	}
	fp_enabled(0, insn->r2, insn->r3, 0, false);
	struct fr a = fr_read(insn->r2), b = fr_read(insn->r3);

	if (fr_is_natval(a) || fr_is_natval(b)) {
		pr_set(insn->p1, false);
		pr_set(insn->p2, false);
		return false;
	}
	enum kind ka = fr_kind(a), kb = fr_kind(b);
	int order = float_compare(a, b);
	bool relation[] = { order == 0, order == -1, order == -1 || order == 0, order == 2 };
	bool ordered_only = insn->r1 == 1 || insn->r1 == 2; // lt and le object to any NaN

	if (ka == SIGNALLING || kb == SIGNALLING || ka == UNSUPPORTED || kb == UNSUPPORTED || (order == 2 && ordered_only))
		flags |= FLAG_V;
	else if (order != 2 && (fr_unnormal(a) || fr_unnormal(b)))
		flags |= FLAG_D;
	raise_flags(insn->y, flags);
	pr_set(insn->p1, relation[insn->r1]);
	pr_set(insn->p2, !relation[insn->r1]);
	return false;
}

static bool execute_fclass(const struct insn *insn)
{
	bool enabled = insn->x == 1 ? pr_is(insn->q) : true;

	if (insn->p1 == insn->p2)
		illegal_operation();
	if (!enabled) {
		pr_set(insn->p1, false);
		pr_set(insn->p2, false);
		return false;
	}
	fp_enabled(0, insn->r2, 0, 0, false);
	struct fr a = fr_read(insn->r2);
	uint64_t class = insn->imm;
	bool member = false, sign = class >> a.sign & 1;

	switch (fr_kind(a)) {
	case NATVAL:
		if (!(class & 0x100)) {
			pr_set(insn->p1, false);
			pr_set(insn->p2, false);
			return false;
		}
		member = true;
		break;
	case QUIET:
		member = class & 0x80;
		break;
	case SIGNALLING:
		member = class & 0x40;
		break;
	case ZERO:
		member = sign && (class & 4);
		break;
	case FINITE:
		member = sign && (class & (fr_unnormal(a) ? 8 : 16));
		break;
	case INFINITE:
		member = sign && (class & 32);
		break;
	case UNSUPPORTED:
		break;
	}
	pr_set(insn->p1, member);
	pr_set(insn->p2, !member);
	return false;
}

/** fcvt.fx: x bit 0 unsigned, bit 1 truncated; y the status field. */
static bool execute_fcvt_fx(const struct insn *insn)
{
	unsigned flags = 0;

	fp_enabled(insn->r1, insn->r2, 0, 0, true);
	struct fr a = fr_read(insn->r2);

	if (natval_result(insn->r1, a, a, a))
		return false;
	uint64_t value = float_to_integer(a, !(insn->x & 1), insn->x & 2 ? 3 : rounding(insn->y, 1).mode, &flags);

	raise_flags(insn->y, flags);
	fr_write(insn->r1, (struct fr){ value, EXPONENT_INTEGER, 0 });
	return false;
}

static bool execute_fcvt_xf(const struct insn *insn)
{
	fp_enabled(insn->r1, insn->r2, 0, 0, true);
	struct fr a = fr_read(insn->r2);

	if (natval_result(insn->r1, a, a, a))
		return false;
	uint32_t sign = a.significand >> 63;
	struct fr value = { sign ? -a.significand : a.significand, EXPONENT_INTEGER, sign };

	if (value.significand == 0)
		value.exponent = 0;
	fr_write(insn->r1, float_normalize(value));
	return false;
}

/** fmerge and the logical ones; x is the code. */
static bool execute_combine(const struct insn *insn)
{
	fp_enabled(insn->r1, insn->r2, insn->r3, 0, true);
	struct fr a = fr_read(insn->r2), b = fr_read(insn->r3), value = b;

	if (natval_result(insn->r1, a, b, b))
		return false;
	switch (insn->x) {
	case 0x10: // fmerge.s
		value.sign = a.sign;
		break;
	case 0x11: // fmerge.ns
		value.sign = !a.sign;
		break;
	case 0x12: // fmerge.se
		value.sign = a.sign;
		value.exponent = a.exponent;
		break;
	default: {
		uint64_t x = a.significand, y = b.significand;
		uint64_t bits = insn->x == 0x2c ? x & y : insn->x == 0x2d ? x & ~y : insn->x == 0x2e ? x | y : x ^ y;

		value = (struct fr){ bits, EXPONENT_INTEGER, 0 };
		break;
	}
	}
	fr_write(insn->r1, value);
	return false;
}

/** fclrf: the flags of status field y. */
static bool execute_fclrf(const struct insn *insn)
{
	cpu.ar[AR_FPSR] &= ~(0x3fULL << (FPSR_SF + insn->y * SF_WIDTH + 7));
	return false;
}

static bool decode_f0(struct insn *insn, uint64_t slot)
{
	unsigned x6 = field(slot, 32, 27);

	if (field(slot, 33, 33)) { // F6
		insn->p2 = x6;
		insn->q = insn->qp;
		insn->qp = 0;
		insn->execute = execute_frcpa;
		return field(slot, 36, 36) == 0;
	}
	insn->x = x6;
	switch (x6) {
	case 0x00:
		insn->x = 0;
		insn->imm = imm21(slot);
		insn->execute = execute_break;
		return true;
	case 0x01:
		insn->execute = execute_nop;
		return true;
	case 0x05:
		insn->execute = execute_fclrf;
		return true;
	case 0x10:
	case 0x11:
	case 0x12:
	case 0x2c:
	case 0x2d:
	case 0x2e:
	case 0x2f:
		insn->execute = execute_combine;
		return true;
	case 0x18:
	case 0x19:
	case 0x1a:
	case 0x1b:
		insn->x = x6 & 3;
		insn->execute = execute_fcvt_fx;
		return true;
	case 0x1c:
		insn->execute = execute_fcvt_xf;
		return true;
	}
	return false;
}

bool decode_fp(struct insn *insn, uint64_t slot)
{
	unsigned op = field(slot, 40, 37), x = field(slot, 36, 36);

	insn->r1 = field(slot, 12, 6);
	insn->r2 = field(slot, 19, 13);
	insn->r3 = field(slot, 26, 20);
	insn->y = field(slot, 35, 34);
	switch (op) {
	case 0:
		return decode_f0(insn, slot);
	case 4: // F4: bits 33 and 36 are the relation
		insn->r1 = field(slot, 33, 33) << 1 | x;
		insn->p1 = field(slot, 11, 6);
		insn->p2 = field(slot, 32, 27);
		insn->x = field(slot, 12, 12);
		insn->execute = execute_fcmp;
		break;
	case 5: // F5
		insn->imm = field(slot, 26, 20) << 2 | field(slot, 34, 33);
		insn->p1 = field(slot, 11, 6);
		insn->p2 = field(slot, 32, 27);
		insn->x = field(slot, 12, 12);
		insn->execute = execute_fclass;
		break;
	case 8:
	case 9:
	case 0xa:
	case 0xb:
	case 0xc:
	case 0xd:
		if ((op & 1) && x)
			return false; // parallel
		insn->p1 = field(slot, 33, 27);
		insn->x = op & 1 ? 2 : x;
		insn->q = (op - 8) / 2;
		insn->execute = execute_fma;
		return true;
	case 0xe:
		insn->p1 = field(slot, 33, 27);
		insn->x = insn->y;
		insn->execute = x ? execute_xma : execute_fselect;
		return !x || insn->y != 1;
	default:
		return false;
	}
	if (insn->x == 1) { // .unc
		insn->q = insn->qp;
		insn->qp = 0;
	}
	return true;
}

/* Loads, stores, and moves between the register files */

static const uint8_t sizes[] = { 16, 8, 4, 8, 16 }; // an extended one is 10 bytes, aligned to 16

static void update_base(const struct insn *insn, uint64_t va, uint8_t nat, uint64_t by)
{
	unsigned index = gr_index(insn->r3);

	if (insn->q == FIXED)
		return;
	if (insn->q == BY_REGISTER) {
		unsigned from = gr_index(insn->r2);

		by = cpu.gr[from];
		nat |= cpu.nat[from];
	}
	cpu.gr[index] = va + by;
	cpu.nat[index] = nat;
}

/** The bytes at @p va, checked. */
static void read_words(uint64_t va, unsigned size, unsigned access, uint64_t *low, uint64_t *high)
{
	if (size < 16) {
		*low = load(va, size, access, cpl(), psr_is(PSR_DT));
		*high = 0;
		return;
	}
	data_pointer(va, access, cpl(), psr_is(PSR_DT));
	if (va & 15)
		interrupt_at(VECTOR_UNALIGNED, BIT(ISR_R), va);
	*low = load(va, 8, access, cpl(), psr_is(PSR_DT));
	*high = load(va + 8, 8, access, cpl(), psr_is(PSR_DT));
}

/** x is the format, q the update. */
static bool execute_ldf(const struct insn *insn)
{
	unsigned base = gr_index(insn->r3);
	uint64_t va = cpu.gr[base], low, high;
	uint8_t nat = cpu.nat[base];

	if (insn->q != FIXED)
		gr_target(insn->r3);
	fp_enabled(insn->r1, 0, 0, 0, true);
	if (nat)
		register_nat(BIT(ISR_R));
	read_words(va, sizes[insn->x], ACCESS_READ, &low, &high);
	fr_write(insn->r1, fr_from_memory(insn->x, low, high));
	update_base(insn, va, nat, insn->imm);
	return false;
}

/** ldfp: r1 and r2 are the targets. */
static bool execute_ldfp(const struct insn *insn)
{
	unsigned base = gr_index(insn->r3), size = sizes[insn->x];
	uint64_t va = cpu.gr[base];

	if (insn->q != FIXED)
		gr_target(insn->r3);
	fp_enabled(insn->r1, insn->r2, 0, 0, true);
	if (insn->r2 < 2 || (insn->r1 & 1) == (insn->r2 & 1))
		illegal_operation();
	if (cpu.nat[base])
		register_nat(BIT(ISR_R));
	data_pointer(va, ACCESS_READ, cpl(), psr_is(PSR_DT));
	if (va & (2 * size - 1))
		interrupt_at(VECTOR_UNALIGNED, BIT(ISR_R), va);
	uint64_t first = load(va, size, ACCESS_READ, cpl(), psr_is(PSR_DT));
	uint64_t second = load(va + size, size, ACCESS_READ, cpl(), psr_is(PSR_DT));

	fr_write(insn->r1, fr_from_memory(insn->x, first, 0));
	fr_write(insn->r2, fr_from_memory(insn->x, second, 0));
	if (insn->q != FIXED)
		cpu.gr[base] = va + 2 * size;
	return false;
}

static bool execute_stf(const struct insn *insn)
{
	unsigned base = gr_index(insn->r3), size = sizes[insn->x];
	uint64_t va = cpu.gr[base], low, high;

	if (insn->q != FIXED)
		gr_target(insn->r3);
	fp_enabled(0, insn->r2, 0, 0, false);
	struct fr value = fr_read(insn->r2);

	if (cpu.nat[base] || (insn->x != SPILL && fr_is_natval(value)))
		register_nat(BIT(ISR_W));
	fr_to_memory(insn->x, value, &low, &high);
	if (size < 16) {
		store(va, low, size, ACCESS_WRITE, cpl(), psr_is(PSR_DT));
	} else {
		data_pointer(va, ACCESS_WRITE, cpl(), psr_is(PSR_DT));
		if (va & 15)
			interrupt_at(VECTOR_UNALIGNED, BIT(ISR_W), va);
		store(va, low, 8, ACCESS_WRITE, cpl(), psr_is(PSR_DT));
		store(va + 8, high, insn->x == SPILL ? 8 : 2, ACCESS_WRITE, cpl(), psr_is(PSR_DT));
	}
	if (insn->q != FIXED)
		cpu.gr[base] = va + insn->imm;
	return false;
}

/** getf: x is the format, where EXTENDED means sign and exponent. */
static bool execute_getf(const struct insn *insn)
{
	unsigned target = gr_target(insn->r1);
	uint64_t low, high;

	fp_enabled(0, insn->r2, 0, 0, false);
	struct fr value = fr_read(insn->r2);

	fr_to_memory(insn->x == EXTENDED ? SPILL : insn->x, value, &low, &high);
	cpu.gr[target] = insn->x == EXTENDED ? high : low;
	cpu.nat[target] = fr_is_natval(value);
	return false;
}

static bool execute_setf(const struct insn *insn)
{
	unsigned from = gr_index(insn->r2);
	uint64_t value = cpu.gr[from];

	fp_enabled(insn->r1, 0, 0, 0, true);
	if (cpu.nat[from])
		fr_write(insn->r1, natval);
	else if (insn->x == EXTENDED)
		fr_write(insn->r1, (struct fr){ BIT(63), value & 0x1ffff, value >> 17 & 1 });
	else
		fr_write(insn->r1, fr_from_memory(insn->x, value, 0));
	return false;
}

/** Codes 1C to 1F of setf and getf: sig, exp, s, d. */
static const uint8_t moved[] = { INTEGER, EXTENDED, SINGLE, DOUBLE };

/** M6 to M15, M18, M19; the immediate is in insn->imm already. */
bool decode_fp_memory(struct insn *insn, uint64_t slot)
{
	unsigned op = field(slot, 40, 37), x6 = field(slot, 35, 30), m = field(slot, 36, 36), x = field(slot, 27, 27);

	insn->x = x6 & 3;
	if (op == 4) {
		insn->x = moved[x6 & 3];
		insn->execute = execute_getf;
		return true;
	}
	insn->q = op == 7 ? BY_IMMEDIATE : m ? BY_REGISTER : FIXED;
	if (op == 6 && x == 1) {
		if (m == 0 && x6 >= 0x1c && x6 <= 0x1f) {
			insn->x = moved[x6 & 3];
			insn->execute = execute_setf;
			return true;
		}
		// plain, advanced, check; the speculative ones are not known
		insn->q = m ? BY_IMMEDIATE : FIXED;
		insn->execute = execute_ldfp;
		return (x6 & 3) != 0 && ((x6 < 4) || (x6 >= 8 && x6 < 12) || (x6 >= 0x20 && x6 < 0x28));
	}
	if (x6 < 4 || (x6 >= 8 && x6 < 12) || (x6 >= 0x20 && x6 < 0x28)) {
		insn->execute = execute_ldf;
		return true;
	}
	if (x6 == 0x1b) {
		insn->x = SPILL;
		insn->execute = execute_ldf;
		return true;
	}
	if (insn->q == BY_REGISTER)
		return false;
	if ((x6 >= 0x30 && x6 < 0x34) || x6 == 0x3b) {
		insn->x = x6 == 0x3b ? SPILL : x6 & 3;
		insn->execute = execute_stf;
		return true;
	}
	return false;
}
