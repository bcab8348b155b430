// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * Multimedia instructions that a compiler's vectorizer picks: modular sums and
 * comparisons, shifts, and what moves elements about (3:4.2.4, 3:4.3.1). Those
 * that saturate, multiply, average or find extremes are not known.
 */
#include "sim.h"

/** x is the width of an element in bits, y the operation. */
enum operation { PADD, PSUB, PCMP_EQ, PCMP_GT, UNPACK_HIGH, UNPACK_LOW, MIX_LEFT, MIX_RIGHT, PSHL, PSHR, PSHR_U };

static uint64_t element(uint64_t value, unsigned width, unsigned n)
{
	return value >> (width * n) & (BIT(width) - 1);
}

/** Element @p n of the result of an operation on each pair of elements. */
static uint64_t vertical(enum operation operation, unsigned width, uint64_t a, uint64_t b)
{
	switch (operation) {
	case PADD:
		return a + b;
	case PSUB:
		return a - b;
	case PCMP_EQ:
		return a == b ? ~0ULL : 0;
	default:
		return sign_extend(a, width) > sign_extend(b, width) ? ~0ULL : 0;
	}
}

/** Element @p n where the left, odd ones come from @p a and the others from @p b. */
static uint64_t interleaved(enum operation operation, unsigned width, unsigned n, uint64_t a, uint64_t b)
{
	unsigned half = 64 / width / 2, from = 0;

	switch (operation) {
	case UNPACK_HIGH:
		from = half + n / 2;
		break;
	case UNPACK_LOW:
		from = n / 2;
		break;
	case MIX_LEFT:
		from = n | 1;
		break;
	default:
		from = n & ~1U;
		break;
	}
	return element(n & 1 ? a : b, width, from);
}

static bool finish(unsigned target, uint64_t value, uint8_t nat)
{
	cpu.gr[target] = value;
	cpu.nat[target] = nat;
	return false;
}

static bool execute_pair(const struct insn *insn)
{
	unsigned target = gr_target(insn->r1), ia = gr_index(insn->r2), ib = gr_index(insn->r3), width = insn->x;
	uint64_t a = cpu.gr[ia], b = cpu.gr[ib], value = 0;
	enum operation operation = (enum operation) insn->y;

	for (unsigned n = 0; n < 64 / width; n++) {
		uint64_t part = operation <= PCMP_GT ? vertical(operation, width, element(a, width, n), element(b, width, n))
											 : interleaved(operation, width, n, a, b);

		value |= (part & (BIT(width) - 1)) << (width * n);
	}
	return finish(target, value, cpu.nat[ia] | cpu.nat[ib]);
}

static uint64_t shifted(enum operation operation, unsigned width, uint64_t value, uint64_t count)
{
	uint64_t result = 0;

	for (unsigned n = 0; n < 64 / width; n++) {
		uint64_t part = element(value, width, n);

		if (operation == PSHR)
			part = (uint64_t) (sign_extend(part, width) >> (count > 63 ? 63 : count));
		else if (count >= width)
			part = 0;
		else
			part = operation == PSHL ? part << count : part >> count;
		result |= (part & (BIT(width) - 1)) << (width * n);
	}
	return result;
}

/** The value is in r3, for a shift to the left in r2; the count in the other. */
static bool execute_shift(const struct insn *insn)
{
	unsigned target = gr_target(insn->r1);
	unsigned from = gr_index(insn->y == PSHL ? insn->r2 : insn->r3),
			 by = gr_index(insn->y == PSHL ? insn->r3 : insn->r2);

	return finish(
		target, shifted((enum operation) insn->y, insn->x, cpu.gr[from], cpu.gr[by]), cpu.nat[from] | cpu.nat[by]);
}

static bool execute_shift_imm(const struct insn *insn)
{
	unsigned target = gr_target(insn->r1), from = gr_index(insn->y == PSHL ? insn->r2 : insn->r3);

	return finish(target, shifted((enum operation) insn->y, insn->x, cpu.gr[from], insn->imm), cpu.nat[from]);
}

/** mux: the numbers of the elements are 4 bits each in insn->imm, the lowest first. */
static bool execute_mux(const struct insn *insn)
{
	unsigned target = gr_target(insn->r1), from = gr_index(insn->r2);
	uint64_t value = 0;

	for (unsigned n = 0; n < 64u / insn->x; n++)
		value |= element(cpu.gr[from], insn->x, insn->imm >> (4 * n) & 15) << (insn->x * n);
	return finish(target, value, cpu.nat[from]);
}

static bool decode_mux(struct insn *insn, uint64_t slot)
{
	unsigned kind = field(slot, 27, 20);

	insn->execute = execute_mux;
	if (insn->x == 16) { // mhtype8: two bits for each
		insn->imm = (kind & 3) | (kind >> 2 & 3) << 4 | (kind >> 4 & 3) << 8 | (kind >> 6) << 12;
		return true;
	}
	if (insn->x != 8)
		return false;
	switch (kind & 15) { // mbtype4
	case 0:
		insn->imm = 0;
		return true;
	case 8:
		insn->imm = 0x73516240;
		return true;
	case 9:
		insn->imm = 0x73625140;
		return true;
	case 10:
		insn->imm = 0x75316420;
		return true;
	case 11:
		insn->imm = 0x01234567;
		return true;
	}
	return false;
}

static bool decode_pair(struct insn *insn, enum operation operation)
{
	insn->y = operation;
	insn->execute = execute_pair;
	return true;
}

static bool decode_a(struct insn *insn, uint64_t slot)
{
	switch (field(slot, 32, 29) << 2 | field(slot, 28, 27)) { // A9
	case 0x00:
		return decode_pair(insn, PADD);
	case 0x04:
		return decode_pair(insn, PSUB);
	case 0x24:
		return decode_pair(insn, PCMP_EQ);
	case 0x25:
		return decode_pair(insn, PCMP_GT);
	}
	return false;
}

bool decode_multimedia(struct insn *insn, uint64_t slot, bool i_unit)
{
	unsigned za = field(slot, 36, 36), zb = field(slot, 33, 33), x2a = field(slot, 35, 34);
	unsigned code = field(slot, 31, 30) << 2 | field(slot, 29, 28);

	if (za && zb)
		return false;
	insn->x = za ? 32 : zb ? 16 : 8;
	if (field(slot, 40, 37) == 8)
		return decode_a(insn, slot);
	if (!i_unit || field(slot, 32, 32) != 0)
		return false;
	switch (x2a << 4 | code) {
	case 0x24:
		return decode_pair(insn, UNPACK_HIGH);
	case 0x26:
		return decode_pair(insn, UNPACK_LOW);
	case 0x28:
		return decode_pair(insn, MIX_RIGHT);
	case 0x2a:
		return decode_pair(insn, MIX_LEFT);
	case 0x3a:
		return decode_mux(insn, slot);
	}
	if (insn->x == 8)
		return false; // shifts are of 2 and 4 bytes
	switch (x2a << 4 | code) {
	case 0x00:
	case 0x02:
	case 0x04:
		insn->y = code == 0 ? PSHR_U : code == 2 ? PSHR : PSHL;
		insn->execute = execute_shift;
		return true;
	case 0x11:
	case 0x13:
		insn->y = code == 1 ? PSHR_U : PSHR;
		insn->imm = field(slot, 18, 14);
		insn->execute = execute_shift_imm;
		return true;
	case 0x35:
		insn->y = PSHL;
		insn->imm = 31 - field(slot, 24, 20);
		insn->execute = execute_shift_imm;
		return true;
	}
	return false;
}
