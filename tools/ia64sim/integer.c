// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * Integer instructions: those of the A unit, and of the I unit without the
 * multimedia ones (3:4.2, 3:4.3).
 *
 * A NaT bit of a source goes to the target; a comparison or test of a NaT clears
 * both predicates, or with a parallel type leaves them (3:2, cmp, tbit).
 */
#include "sim.h"

/** A source: its value and its NaT bit. */
struct source {
	uint64_t value;
	uint8_t nat;
};

static inline struct source source(unsigned r)
{
	unsigned index = gr_index(r);

	return (struct source){ cpu.gr[index], cpu.nat[index] };
}

static inline bool result(unsigned target, uint64_t value, uint8_t nat)
{
	cpu.gr[target] = value;
	cpu.nat[target] = nat;
	return false;
}

/** An instruction of one or two sources and a target; @c a and @c b are the values of r2 and r3. */
#define OPERATION(name, value_expression)                           \
	static bool execute_##name(const struct insn *insn)             \
	{                                                               \
		unsigned target = gr_target(insn->r1);                      \
		struct source sa = source(insn->r2), sb = source(insn->r3); \
		uint64_t a = sa.value, b = sb.value;                        \
		return result(target, value_expression, sa.nat | sb.nat);   \
	}

/** As OPERATION, but r3 is the only source and insn->imm the other operand. */
#define IMMEDIATE(name, value_expression)                \
	static bool execute_##name(const struct insn *insn)  \
	{                                                    \
		unsigned target = gr_target(insn->r1);           \
		struct source sb = source(insn->r3);             \
		uint64_t imm = insn->imm, b = sb.value;          \
		return result(target, value_expression, sb.nat); \
	}

/** addp4: the region of a 32-bit pointer goes into the upper three bits (3:2, addp4). */
static uint64_t pointer(uint64_t sum, uint64_t region_of)
{
	return (sum & 0xffffffff) | (region_of >> 30 & 3) << 61;
}

OPERATION(add, a + b)
OPERATION(add1, a + b + 1)
OPERATION(sub, a - b)
OPERATION(sub1, a - b - 1)
OPERATION(addp4, pointer(a + b, b))
OPERATION(and, a &b)
OPERATION(andcm, a & ~b)
OPERATION(or, a | b)
OPERATION(xor, a ^ b)
OPERATION(shladd, (a << insn->x) + b)
OPERATION(shladdp4, pointer((a << insn->x) + b, b))
OPERATION(shl, b > 63 ? 0 : a << b)
OPERATION(shru, a > 63 ? 0 : b >> a)
OPERATION(shr, (uint64_t) ((int64_t) b >> (a > 63 ? 63 : a)))
OPERATION(shrp, insn->x == 0 ? b : b >> insn->x | a << (64 - insn->x))
IMMEDIATE(adds, imm + b)
IMMEDIATE(sub_imm, imm - b)
IMMEDIATE(addp4_imm, pointer(imm + b, b))
IMMEDIATE(and_imm, imm &b)
IMMEDIATE(andcm_imm, imm & ~b)
IMMEDIATE(or_imm, imm | b)
IMMEDIATE(xor_imm, imm ^ b)
IMMEDIATE(zxt, b &imm)

/** An instruction of one source, r3. */
#define UNARY(name, value_expression)                    \
	static bool execute_##name(const struct insn *insn)  \
	{                                                    \
		unsigned target = gr_target(insn->r1);           \
		struct source sb = source(insn->r3);             \
		uint64_t b = sb.value;                           \
		return result(target, value_expression, sb.nat); \
	}

/** The number of the first zero element of @p value, from its right or its left; @p count if there is none. */
static uint64_t zero_index(uint64_t value, unsigned bits, bool left)
{
	unsigned count = 64 / bits;

	for (unsigned i = 0; i < count; i++) {
		unsigned element = left ? count - 1 - i : i;

		if ((value >> (element * bits) & (BIT(bits) - 1)) == 0)
			return i;
	}
	return count;
}

/** Bits of a field of @p length bits, which may be all 64. */
static uint64_t mask(unsigned length)
{
	return length == 64 ? ~0ULL : BIT(length) - 1;
}

/** extr: x is the position, y the length; what reaches above bit 63 is cut (3:2, extr). */
static uint64_t extract(const struct insn *insn, uint64_t b, bool is_signed)
{
	unsigned length = insn->x + insn->y > 64 ? 64u - insn->x : insn->y;
	uint64_t value = b >> insn->x & mask(length);

	return is_signed ? (uint64_t) sign_extend(value, length) : value;
}

/** dep: x is the position, y the length. */
static uint64_t deposit(const struct insn *insn, uint64_t value, uint64_t into)
{
	unsigned length = insn->x + insn->y > 64 ? 64u - insn->x : insn->y;
	uint64_t bits = mask(length) << insn->x;

	return (into & ~bits) | (value << insn->x & bits);
}

UNARY(sxt, (uint64_t) sign_extend(b, insn->x))
UNARY(popcnt, (uint64_t) __builtin_popcountll(b))
UNARY(clz, b == 0 ? 64 : (uint64_t) __builtin_clzll(b))
UNARY(czx, zero_index(b, insn->x, insn->y))
UNARY(extr, extract(insn, b, true))
UNARY(extru, extract(insn, b, false))
OPERATION(dep, deposit(insn, a, b))
IMMEDIATE(dep_imm, deposit(insn, imm, b))
UNARY(dep_z, deposit(insn, b, 0))

static bool execute_movl(const struct insn *insn)
{
	return result(gr_target(insn->r1), insn->imm, 0);
}

/** How a comparison sets its predicates (3:2, cmp, table 2-15). */
enum type { NORMAL, UNC, AND, OR, OR_ANDCM };

static inline void set_predicates(const struct insn *insn, enum type type, bool is_true, bool nat)
{
	switch (type) {
	case NORMAL:
		if (nat) {
			pr_set(insn->p1, false);
			pr_set(insn->p2, false);
		} else {
			pr_set(insn->p1, is_true);
			pr_set(insn->p2, !is_true);
		}
		break;
	case UNC: {
		bool enabled = pr_is(insn->q);

		pr_set(insn->p1, enabled && !nat && is_true);
		pr_set(insn->p2, enabled && !nat && !is_true);
		break;
	}
	case AND:
		if (nat || !is_true) {
			pr_set(insn->p1, false);
			pr_set(insn->p2, false);
		}
		break;
	case OR:
		if (!nat && is_true) {
			pr_set(insn->p1, true);
			pr_set(insn->p2, true);
		}
		break;
	case OR_ANDCM:
		if (!nat && is_true) {
			pr_set(insn->p1, true);
			pr_set(insn->p2, false);
		}
		break;
	}
}

/** The two targets may be the same only if the predicate is true and no more than one is written: else illegal. */
static inline void check_predicates(const struct insn *insn)
{
	if (__builtin_expect(insn->p1 == insn->p2, 0))
		illegal_operation();
}

enum relation { EQ, NE, LT, LE, GT, GE, LTU };

static inline bool holds(enum relation relation, uint64_t a, uint64_t b)
{
	switch (relation) {
	case EQ:
		return a == b;
	case NE:
		return a != b;
	case LT:
		return (int64_t) a < (int64_t) b;
	case LE:
		return (int64_t) a <= (int64_t) b;
	case GT:
		return (int64_t) a > (int64_t) b;
	case GE:
		return (int64_t) a >= (int64_t) b;
	default:
		return a < b;
	}
}

/** For cmp4: the lower words, with their sign where the relation has one. */
static inline uint64_t narrowed(enum relation relation, uint64_t value)
{
	return relation == LTU ? (uint32_t) value : (uint64_t) (int64_t) (int32_t) value;
}

/** cmp r2, r3: x is the relation, y the type. */
static bool execute_cmp(const struct insn *insn)
{
	struct source a = source(insn->r2), b = source(insn->r3);

	check_predicates(insn);
	set_predicates(insn, (enum type) insn->y, holds((enum relation) insn->x, a.value, b.value), a.nat | b.nat);
	return false;
}

static bool execute_cmp4(const struct insn *insn)
{
	struct source a = source(insn->r2), b = source(insn->r3);
	enum relation relation = (enum relation) insn->x;

	check_predicates(insn);
	set_predicates(insn, (enum type) insn->y, holds(relation, narrowed(relation, a.value), narrowed(relation, b.value)),
		a.nat | b.nat);
	return false;
}

/** cmp imm, r3 */
static bool execute_cmp_imm(const struct insn *insn)
{
	struct source b = source(insn->r3);

	check_predicates(insn);
	set_predicates(insn, (enum type) insn->y, holds((enum relation) insn->x, insn->imm, b.value), b.nat);
	return false;
}

static bool execute_cmp4_imm(const struct insn *insn)
{
	struct source b = source(insn->r3);
	enum relation relation = (enum relation) insn->x;

	check_predicates(insn);
	set_predicates(
		insn, (enum type) insn->y, holds(relation, narrowed(relation, insn->imm), narrowed(relation, b.value)), b.nat);
	return false;
}

/** tbit, tnat and tf are true if the bit is 0 in their .z form: x is 1 for .nz. */
static bool execute_tbit(const struct insn *insn)
{
	struct source b = source(insn->r3);

	check_predicates(insn);
	set_predicates(insn, (enum type) insn->y, (b.value >> insn->imm & 1) == insn->x, b.nat);
	return false;
}

static bool execute_tnat(const struct insn *insn)
{
	struct source b = source(insn->r3);

	check_predicates(insn);
	set_predicates(insn, (enum type) insn->y, b.nat == insn->x, false);
	return false;
}

static bool execute_mov_from_br(const struct insn *insn)
{
	return result(gr_target(insn->r1), cpu.br[insn->r2], 0);
}

static bool execute_mov_to_br(const struct insn *insn)
{
	struct source a = source(insn->r2);

	if (a.nat)
		register_nat(0);
	cpu.br[insn->r1] = a.value;
	return false;
}

static bool execute_mov_ip(const struct insn *insn)
{
	return result(gr_target(insn->r1), cpu.ip, 0);
}

static bool execute_mov_from_pr(const struct insn *insn)
{
	return result(gr_target(insn->r1), pr_read(), 0);
}

static bool execute_mov_to_pr(const struct insn *insn)
{
	struct source a = source(insn->r2);

	if (a.nat)
		register_nat(0);
	pr_write(a.value, insn->imm);
	return false;
}

static bool execute_mov_to_pr_rot(const struct insn *insn)
{
	pr_write(insn->imm, ~0ULL << 16);
	return false;
}

/** The comparisons, major opcodes C, D, E (3:4.2.2). */
static bool decode_compare(struct insn *insn, uint64_t slot)
{
	static const enum type parallel[] = { AND, OR, OR_ANDCM };
	static const enum relation plain[] = { LT, LTU, EQ };
	unsigned op = field(slot, 40, 37) - 0xc;
	unsigned x2 = field(slot, 35, 34), ta = field(slot, 33, 33), c = field(slot, 12, 12);
	bool tb = field(slot, 36, 36);

	insn->p1 = field(slot, 11, 6);
	insn->p2 = field(slot, 32, 27);
	if (x2 >= 2) { // A8: bit 36 is the sign
		insn->imm = (uint64_t) sign_extend((uint64_t) tb << 7 | field(slot, 19, 13), 8);
		insn->execute = x2 == 2 ? execute_cmp_imm : execute_cmp4_imm;
		tb = false;
	} else {
		insn->execute = x2 == 0 ? execute_cmp : execute_cmp4;
	}
	if (!ta && !tb) {
		insn->x = plain[op];
		insn->y = c ? UNC : NORMAL;
	} else if (!tb) {
		insn->x = c ? NE : EQ;
		insn->y = parallel[op];
	} else { // A7: against r0, which stands first
		static const enum relation signs[2][2] = { { GT, LE }, { GE, LT } };

		if (insn->r2 != 0)
			return false;
		insn->x = signs[ta][c];
		insn->y = parallel[op];
	}
	if (insn->y == UNC) {
		insn->q = insn->qp;
		insn->qp = 0;
	}
	return true;
}

/** Major opcode 8 without the multimedia ones (3:4.2.1). */
static bool decode_alu(struct insn *insn, uint64_t slot)
{
	unsigned x2a = field(slot, 35, 34), x4 = field(slot, 32, 29), x2b = field(slot, 28, 27);

	if (field(slot, 33, 33) != 0)
		return false;
	if (x2a >= 2) { // A4
		insn->imm =
			(uint64_t) sign_extend(field(slot, 36, 36) << 13 | field(slot, 32, 27) << 7 | field(slot, 19, 13), 14);
		insn->execute = x2a == 2 ? execute_adds : execute_addp4_imm;
		return true;
	}
	insn->imm = (uint64_t) sign_extend(field(slot, 36, 36) << 7 | field(slot, 19, 13), 8); // A3
	insn->x = x2b + 1;                                                                     // A2
	switch (x4 << 2 | x2b) {
	case 0x00:
		insn->execute = execute_add;
		return true;
	case 0x01:
		insn->execute = execute_add1;
		return true;
	case 0x04:
		insn->execute = execute_sub1;
		return true;
	case 0x05:
		insn->execute = execute_sub;
		return true;
	case 0x08:
		insn->execute = execute_addp4;
		return true;
	case 0x0c:
		insn->execute = execute_and;
		return true;
	case 0x0d:
		insn->execute = execute_andcm;
		return true;
	case 0x0e:
		insn->execute = execute_or;
		return true;
	case 0x0f:
		insn->execute = execute_xor;
		return true;
	case 0x25:
		insn->execute = execute_sub_imm;
		return true;
	case 0x2c:
		insn->execute = execute_and_imm;
		return true;
	case 0x2d:
		insn->execute = execute_andcm_imm;
		return true;
	case 0x2e:
		insn->execute = execute_or_imm;
		return true;
	case 0x2f:
		insn->execute = execute_xor_imm;
		return true;
	}
	if (x4 == 4 || x4 == 6) {
		insn->execute = x4 == 4 ? execute_shladd : execute_shladdp4;
		return true;
	}
	return false;
}

/** Major opcode 5: shifts of constant positions, and tests of bits (3:4.3.2 to 3:4.3.4). */
static bool decode_shift(struct insn *insn, uint64_t slot)
{
	unsigned x2 = field(slot, 35, 34), x = field(slot, 33, 33), y = field(slot, 13, 13);

	if (x2 == 0) { // I16, I17, I30; ta is bit 33, tb bit 36
		static const enum type types[2][2][2] = { { { NORMAL, UNC }, { OR, OR } },
			{ { AND, AND }, { OR_ANDCM, OR_ANDCM } } };
		unsigned ta = x, tb = field(slot, 36, 36), c = field(slot, 12, 12);

		insn->p1 = field(slot, 11, 6);
		insn->p2 = field(slot, 32, 27);
		insn->imm = field(slot, 19, 14);
		insn->y = types[tb][ta][c];
		insn->x = (ta || tb) ? c : 0;
		if (y == 1 && field(slot, 19, 19) != 0)
			return false; // tf
		insn->execute = y == 0 ? execute_tbit : execute_tnat;
		if (insn->y == UNC) {
			insn->q = insn->qp;
			insn->qp = 0;
		}
		return true;
	}
	insn->y = field(slot, 32, 27) + 1;
	if (x2 == 1 && x == 0) { // I11
		insn->x = field(slot, 19, 14);
		insn->execute = y ? execute_extr : execute_extru;
		return true;
	}
	if (x2 == 1 && x == 1) { // I12, I13
		insn->x = 63 - field(slot, 25, 20);
		if (field(slot, 26, 26) == 0) {
			insn->r3 = insn->r2;
			insn->execute = execute_dep_z;
		} else {
			insn->imm = (uint64_t) sign_extend(field(slot, 36, 36) << 7 | field(slot, 19, 13), 8);
			insn->r3 = 0;
			insn->execute = execute_dep_imm;
		}
		return true;
	}
	if (x2 == 3 && x == 1) { // I14
		insn->x = 63 - field(slot, 19, 14);
		insn->imm = field(slot, 36, 36) ? ~0ULL : 0;
		insn->execute = execute_dep_imm;
		return true;
	}
	if (x2 == 3 && x == 0) { // I10
		insn->x = field(slot, 32, 27);
		insn->execute = execute_shrp;
		return true;
	}
	return false;
}

/** Major opcode 0 of the I unit (3:4.3.5 to 3:4.3.9). */
static bool decode_i_misc(struct insn *insn, uint64_t slot)
{
	unsigned x3 = field(slot, 35, 33), x6 = field(slot, 32, 27);

	if (x3 == 7) { // I21
		insn->r1 = field(slot, 8, 6);
		insn->execute = execute_mov_to_br;
		return true;
	}
	if (x3 == 3) { // I23
		insn->imm =
			(uint64_t) sign_extend(field(slot, 36, 36) << 16 | field(slot, 31, 24) << 8 | field(slot, 12, 6) << 1, 17);
		insn->execute = execute_mov_to_pr;
		return true;
	}
	if (x3 == 2) { // I24
		insn->imm = (uint64_t) sign_extend(field(slot, 36, 36) << 43 | field(slot, 32, 6) << 16, 44);
		insn->execute = execute_mov_to_pr_rot;
		return true;
	}
	if (x3 == 1) { // I20
		insn->imm =
			(uint64_t) sign_extend(field(slot, 36, 36) << 20 | field(slot, 32, 20) << 7 | field(slot, 12, 6), 21) << 4;
		insn->execute = execute_chk_s;
		return true;
	}
	if (x3 != 0)
		return false;
	switch (x6) {
	case 0x00:
		insn->imm = imm21(slot);
		insn->execute = execute_break;
		return true;
	case 0x01:
		insn->execute = execute_nop;
		return true;
	case 0x0a:
		decode_ar_imm(insn, slot);
		return true;
	case 0x2a:
		insn->execute = execute_mov_to_ar;
		return true;
	case 0x32:
		insn->execute = execute_mov_from_ar;
		return true;
	case 0x30:
		insn->execute = execute_mov_ip;
		return true;
	case 0x31:
		insn->r2 &= 7;
		insn->execute = execute_mov_from_br;
		return true;
	case 0x33:
		insn->execute = execute_mov_from_pr;
		return true;
	case 0x10:
	case 0x11:
	case 0x12:
		insn->imm = mask(8u << (x6 & 3));
		insn->execute = execute_zxt;
		return true;
	case 0x14:
	case 0x15:
	case 0x16:
		insn->x = 8u << (x6 & 3);
		insn->execute = execute_sxt;
		return true;
	case 0x18: // left forms
	case 0x19:
	case 0x1c:
	case 0x1d:
		insn->x = x6 & 1 ? 16 : 8;
		insn->y = x6 < 0x1c;
		insn->execute = execute_czx;
		return true;
	}
	return false;
}

/** Major opcode 7: what of it is no multimedia: I5 to I9 (3:4.3.1). */
static bool decode_i_variable(struct insn *insn, uint64_t slot)
{
	unsigned za = field(slot, 36, 36), x2a = field(slot, 35, 34), zb = field(slot, 33, 33), ve = field(slot, 32, 32);
	unsigned x2c = field(slot, 31, 30), x2b = field(slot, 29, 28);

	if (ve != 0)
		return false;
	if (za == 1 && zb == 1 && x2a == 0) {
		if (x2c == 0 && x2b == 0) {
			insn->execute = execute_shru;
			return true;
		}
		if (x2c == 0 && x2b == 2) {
			insn->execute = execute_shr;
			return true;
		}
		if (x2c == 1 && x2b == 0) {
			insn->execute = execute_shl;
			return true;
		}
	}
	if (za == 0 && zb == 1 && x2a == 1 && x2b == 1 && (x2c == 2 || x2c == 3)) {
		insn->execute = x2c == 2 ? execute_popcnt : execute_clz;
		return true;
	}
	return false;
}

bool decode_integer(struct insn *insn, uint64_t slot, bool i_unit)
{
	insn->r1 = field(slot, 12, 6);
	insn->r2 = field(slot, 19, 13);
	insn->r3 = field(slot, 26, 20);
	switch (field(slot, 40, 37)) {
	case 0:
		return decode_i_misc(insn, slot);
	case 4: // I15
		insn->x = 63 - field(slot, 36, 31);
		insn->y = field(slot, 30, 27) + 1;
		insn->execute = execute_dep;
		return true;
	case 5:
		return decode_shift(insn, slot);
	case 7:
		return decode_i_variable(insn, slot) || decode_multimedia(insn, slot, true);
	case 8:
		if (field(slot, 35, 34) == 1)
			return decode_multimedia(insn, slot, i_unit);
		return decode_alu(insn, slot);
	case 9: // A5
		insn->imm = (uint64_t) sign_extend(
			field(slot, 36, 36) << 21 | field(slot, 26, 22) << 16 | field(slot, 35, 27) << 7 | field(slot, 19, 13), 22);
		insn->r3 = field(slot, 21, 20);
		insn->execute = execute_adds;
		return true;
	case 0xc:
	case 0xd:
	case 0xe:
		return decode_compare(insn, slot);
	}
	return false;
}

/** X2; the bits of the slot are those of slot 2, the extension is slot 1. */
bool decode_long(struct insn *insn, uint64_t slot, uint64_t extension)
{
	if (field(slot, 40, 37) != 6 || field(slot, 20, 20) != 0)
		return false;
	insn->r1 = field(slot, 12, 6);
	insn->imm = field(slot, 36, 36) << 63 | extension << 22 | field(slot, 21, 21) << 21 | field(slot, 26, 22) << 16 |
		field(slot, 35, 27) << 7 | field(slot, 19, 13);
	insn->execute = execute_movl;
	return true;
}
