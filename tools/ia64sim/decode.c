// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * Bundles into instructions (3:4.1). Each unit's file knows its own.
 *
 * An instruction that none knows becomes one that stops the simulator when it
 * is executed: it may be reserved, which is an Illegal Operation fault on
 * hardware, or only be missing here, and the two are not told apart by guessing.
 * Templates and major opcodes that the manual reserves are known to be illegal, and
 * fault.
 */
#include "sim.h"

#include <string.h>

enum unit { M, I, F, B, L, X, NONE };

/** Units of the slots for each template without its lowest bit, which is a stop at the end (3:4.1, table 4-1). */
static const enum unit templates[16][3] = {
	{ M, I, I },
	{ M, I, I },
	{ M, L, X },
	{ NONE },
	{ M, M, I },
	{ M, M, I },
	{ M, F, I },
	{ M, M, F },
	{ M, I, B },
	{ M, B, B },
	{ NONE },
	{ B, B, B },
	{ M, M, B },
	{ NONE },
	{ M, F, B },
	{ NONE },
};

uint64_t imm21(uint64_t slot)
{
	return field(slot, 36, 36) << 20 | field(slot, 25, 6);
}

/** Slot 2 of a long instruction, which slot 1 has executed and counted. */
bool execute_second_half(const struct insn *insn)
{
	(void) insn;
	cpu.count--;
	return false;
}

static bool execute_unknown(const struct insn *insn)
{
	(void) insn;
	unmodelled("an instruction that this simulator does not know");
}

/** Major opcodes that 3:4.1, table 4-3, has nothing for: they fault. */
static const uint16_t reserved[] = {
	[M] = 0x8c0c, // 2 3 A B F
	[I] = 0x8c4e, // 1 2 3 6 A B F
	[F] = 0x80cc, // 2 3 6 7 F
	[B] = 0xff48, // 3 6 8 to F
	[X] = 0xcfbe, // all but 0 6 C D
};

/** The X unit: movl, break.x, nop.x, and the long branches. */
static bool decode_x(struct insn *insn, uint64_t slot, uint64_t extension)
{
	unsigned op = field(slot, 40, 37);
	uint64_t saved = slot;

	if (reserved[X] >> op & 1) {
		insn->execute = execute_illegal;
		return true;
	}
	if (op == 6)
		return decode_long(insn, slot, extension);
	if (op == 0 && field(slot, 35, 33) == 0 && field(slot, 32, 27) <= 1) {
		insn->imm = extension << 21 | imm21(slot);
		insn->execute = field(slot, 27, 27) ? execute_nop : execute_break;
		return true;
	}
	if (op == 0xc || op == 0xd) { // X3, X4: as a short branch, but with more displacement
		saved &= ~(15ULL << 37);
		saved |= (op == 0xc ? 4ULL : 5ULL) << 37;
		if (!decode_branch(insn, saved))
			return false;
		insn->imm = (field(slot, 36, 36) << 59 | field(extension, 40, 2) << 20 | field(slot, 32, 13)) << 4;
		return op == 0xd || insn->x == 0;
	}
	return false;
}

static bool decode_slot(struct insn *insn, enum unit unit, uint64_t slot)
{
	insn->qp = field(slot, 5, 0);
	if (reserved[unit] >> field(slot, 40, 37) & 1) {
		insn->execute = execute_illegal;
		return true;
	}
	switch (unit) {
	case M:
		return decode_memory(insn, slot);
	case I:
		insn->y = 1; // for mov of application registers; decode_integer() writes over it elsewhere
		return decode_integer(insn, slot, true);
	case F:
		return decode_fp(insn, slot);
	case B:
		return decode_branch(insn, slot);
	default:
		return false;
	}
}

void decode(struct bundle *bundle, const uint8_t *bytes)
{
	uint64_t low, high;

	memcpy(&low, bytes, 8);
	memcpy(&high, bytes + 8, 8);
	uint64_t slots[] = { low >> 5 & (BIT(41) - 1), (low >> 46 | high << 18) & (BIT(41) - 1), high >> 23 };
	const enum unit *units = templates[low >> 1 & 15];

	memset(bundle, 0, sizeof *bundle);
	bundle->decoded = true;
	for (unsigned i = 0; i < 3; i++) {
		struct insn *insn = &bundle->slot[i];

		if (units[0] == NONE) {
			insn->execute = execute_illegal;
		} else if (units[i] == L) { // the long instruction is executed here, at the place that it has in IPSR.ri
			insn->qp = field(slots[2], 5, 0);
			if (!decode_x(insn, slots[2], slots[1]))
				insn->execute = execute_unknown;
		} else if (units[i] == X) {
			insn->execute = execute_second_half;
		} else if (!decode_slot(insn, units[i], slots[i])) {
			insn->execute = execute_unknown;
		}
	}
}
