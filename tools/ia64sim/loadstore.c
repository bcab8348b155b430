// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * Loads, stores and semaphores of general registers, and the checks of
 * speculation (3:4.4).
 *
 * The ALAT holds nothing: a check load loads, chk.a goes to its recovery code.
 * 1:4.4.5.3 lets an implementation have that, and it is what Ski does by
 * default. Loads and stores happen in order, so acquire and release say no more
 * than plain ones.
 */
#include "sim.h"

#include <string.h>

/** Kinds of load that differ here. */
enum { PLAIN, SPECULATIVE, FILL, ADVANCED };

/** How the base changes afterwards. */
enum { FIXED, BY_REGISTER, BY_IMMEDIATE };

static inline uint64_t load_data(uint64_t va, unsigned size, unsigned access)
{
	return load(va, size, access, cpl(), psr_is(PSR_DT));
}

/** True if a speculative load is to give a NaT in place of its fault (2:5.5.5). */
static bool deferred(uint64_t va, unsigned size)
{
	struct outcome outcome = translate_quietly(va, ACCESS_READ | ACCESS_SPECULATIVE, cpl(), psr_is(PSR_DT));

	if (outcome.kind == TRANSLATED)
		return (va & (size - 1)) != 0 || outcome.ma == 4; // uncacheable: never done in advance
	if (psr_is(PSR_ED) || !psr_is(PSR_IC) || !psr_is(PSR_IT))
		return true;
	if (outcome.kind == UNIMPLEMENTED || outcome.vector == VECTOR_NAT)
		return true;
	if (cpu.code_ed && outcome.deferral < 64 && (cpu.cr[CR_DCR] >> outcome.deferral & 1))
		return true;
	translation_fault(&outcome, va, ACCESS_READ | ACCESS_SPECULATIVE);
}

/** The new base. The target has been checked. */
static inline void update_base(const struct insn *insn, uint64_t base, uint8_t base_nat, unsigned how)
{
	if (how == FIXED)
		return;
	unsigned index = gr_index(insn->r3);

	if (how == BY_REGISTER) {
		unsigned by = gr_index(insn->r2);

		base += cpu.gr[by];
		base_nat |= cpu.nat[by];
	} else {
		base += insn->imm;
	}
	cpu.gr[index] = base;
	cpu.nat[index] = base_nat;
}

static inline bool load_general(const struct insn *insn, unsigned size, unsigned kind, unsigned how)
{
	unsigned target = gr_target(insn->r1), base = gr_index(insn->r3);
	uint64_t va = cpu.gr[base], value = 0;
	uint8_t base_nat = cpu.nat[base], nat = 0;

	if (how != FIXED) {
		gr_target(insn->r3);
		if (insn->r1 == insn->r3)
			illegal_operation();
	}
	if (kind == SPECULATIVE) {
		if (base_nat || deferred(va, size))
			nat = 1;
		else
			value = load_data(va, size, ACCESS_READ | ACCESS_SPECULATIVE);
	} else {
		if (__builtin_expect(base_nat, 0))
			register_nat(BIT(ISR_R));
		value = load_data(va, size, ACCESS_READ);
	}
	if (kind == FILL)
		nat = cpu.ar[AR_UNAT] >> (va >> 3 & 63) & 1;
	update_base(insn, va, base_nat, how);
	cpu.gr[target] = value;
	cpu.nat[target] = nat;
	return false;
}

static inline bool store_general(const struct insn *insn, unsigned size, unsigned kind, unsigned how)
{
	unsigned base = gr_index(insn->r3), from = gr_index(insn->r2);
	uint64_t va = cpu.gr[base];

	if (how != FIXED)
		gr_target(insn->r3);
	if (__builtin_expect(cpu.nat[base] || (kind != FILL && cpu.nat[from]), 0))
		register_nat(BIT(ISR_W));
	store(va, cpu.gr[from], size, ACCESS_WRITE, cpl(), psr_is(PSR_DT));
	if (kind == FILL) {
		unsigned bit = va >> 3 & 63;

		cpu.ar[AR_UNAT] = (cpu.ar[AR_UNAT] & ~BIT(bit)) | (uint64_t) cpu.nat[from] << bit;
	}
	if (how == BY_IMMEDIATE)
		cpu.gr[base] = va + insn->imm;
	return false;
}

/** One function for each size, kind and update, so that nothing is decided when it runs. */
#define LOAD(size, kind, how)                                                 \
	static bool execute_load_##size##_##kind##_##how(const struct insn *insn) \
	{                                                                         \
		return load_general(insn, size, kind, how);                           \
	}
#define STORE(size, kind, how)                                                 \
	static bool execute_store_##size##_##kind##_##how(const struct insn *insn) \
	{                                                                          \
		return store_general(insn, size, kind, how);                           \
	}
#define EACH_SIZE(make, kind, how) make(1, kind, how) make(2, kind, how) make(4, kind, how) make(8, kind, how)
#define TABLE(what, kind, how)                                                                                   \
	{                                                                                                            \
		execute_##what##_1_##kind##_##how, execute_##what##_2_##kind##_##how, execute_##what##_4_##kind##_##how, \
			execute_##what##_8_##kind##_##how                                                                    \
	}

EACH_SIZE(LOAD, PLAIN, FIXED)
EACH_SIZE(LOAD, PLAIN, BY_REGISTER)
EACH_SIZE(LOAD, PLAIN, BY_IMMEDIATE)
EACH_SIZE(LOAD, SPECULATIVE, FIXED)
EACH_SIZE(LOAD, SPECULATIVE, BY_REGISTER)
EACH_SIZE(LOAD, SPECULATIVE, BY_IMMEDIATE)
LOAD(8, FILL, FIXED)
LOAD(8, FILL, BY_REGISTER)
LOAD(8, FILL, BY_IMMEDIATE)
EACH_SIZE(STORE, PLAIN, FIXED)
EACH_SIZE(STORE, PLAIN, BY_IMMEDIATE)
STORE(8, FILL, FIXED)
STORE(8, FILL, BY_IMMEDIATE)

typedef bool (*execute_fn)(const struct insn *);

static const execute_fn loads[2][3][4] = {
	{ TABLE(load, PLAIN, FIXED), TABLE(load, PLAIN, BY_REGISTER), TABLE(load, PLAIN, BY_IMMEDIATE) },
	{ TABLE(load, SPECULATIVE, FIXED), TABLE(load, SPECULATIVE, BY_REGISTER), TABLE(load, SPECULATIVE, BY_IMMEDIATE) },
};
static const execute_fn fills[3] = { execute_load_8_FILL_FIXED, execute_load_8_FILL_BY_REGISTER,
	execute_load_8_FILL_BY_IMMEDIATE };
static const execute_fn stores[3][4] = { TABLE(store, PLAIN, FIXED), TABLE(store, PLAIN, FIXED),
	TABLE(store, PLAIN, BY_IMMEDIATE) };

/** A place that is read and written at once. */
static uint8_t *semaphore(uint64_t va, unsigned size, uint8_t nat)
{
	if (nat)
		register_nat(BIT(ISR_R) | BIT(ISR_W));
	uint8_t *bytes = data_pointer(va, ACCESS_READ | ACCESS_WRITE, cpl(), psr_is(PSR_DT));

	if ((va & (size - 1)) != 0)
		interrupt_at(VECTOR_UNALIGNED, BIT(ISR_R) | BIT(ISR_W), va);
	return bytes;
}

/** xchg, cmpxchg, fetchadd: x is the size, y which of them. */
enum { XCHG, CMPXCHG, FETCHADD };

static bool execute_semaphore(const struct insn *insn)
{
	unsigned target = gr_target(insn->r1), base = gr_index(insn->r3);
	unsigned from = insn->y == FETCHADD ? 0 : gr_index(insn->r2);
	uint8_t *bytes = semaphore(cpu.gr[base], insn->x, cpu.nat[base] | cpu.nat[from]);
	uint64_t old = 0, new = cpu.gr[from];

	memcpy(&old, bytes, insn->x);
	if (insn->y == FETCHADD)
		new = old + insn->imm;
	if (insn->y != CMPXCHG || old == cpu.ar[AR_CCV])
		memcpy(bytes, &new, insn->x);
	cpu.gr[target] = old;
	cpu.nat[target] = 0;
	return false;
}

/** lfetch: a hint. With .fault (x) it faults as a load would. The base changes by y. */
static bool execute_lfetch(const struct insn *insn)
{
	unsigned base = gr_index(insn->r3);
	uint64_t va = cpu.gr[base];

	if (insn->y != FIXED)
		gr_target(insn->r3);
	if (insn->x) {
		if (cpu.nat[base])
			register_nat(BIT(ISR_R) | BIT(ISR_NA) | CODE_LFETCH);
		translate(va, ACCESS_READ | NON_ACCESS(CODE_LFETCH), cpl(), psr_is(PSR_DT));
	}
	update_base(insn, va, cpu.nat[base], insn->y);
	return false;
}

static bool branch_by(int64_t distance)
{
	cpu.ip += (uint64_t) distance;
	cpu.slot = 0;
	return true;
}

bool execute_chk_s(const struct insn *insn)
{
	if (!cpu.nat[gr_index(insn->r2)])
		return false;
	return branch_by((int64_t) insn->imm);
}

static bool execute_chk_a(const struct insn *insn)
{
	return branch_by((int64_t) insn->imm);
}

static bool execute_chk_s_fp(const struct insn *insn)
{
	fp_enabled(insn->r2, 0, 0, 0, false);
	if (!fr_is_natval(cpu.fr[fr_index(insn->r2)]))
		return false;
	return branch_by((int64_t) insn->imm);
}

/** Displacement of M20, M21: bits 36, 32:20, 12:6; of M22, M23: 36, 32:13. In bundles. */
static uint64_t check_target(uint64_t slot, bool advanced)
{
	uint64_t low = advanced ? field(slot, 32, 13) : field(slot, 32, 20) << 7 | field(slot, 12, 6);

	return (uint64_t) sign_extend(field(slot, 36, 36) << 20 | low, 21) << 4;
}

/** Opcode x6 of a load or store of general registers, with its update. */
static bool decode_access(struct insn *insn, unsigned x6, unsigned how)
{
	unsigned size = x6 & 3;

	if (x6 < 0x10 || (x6 >= 0x10 && x6 < 0x18) || (x6 >= 0x20 && x6 < 0x2c)) {
		bool speculative = (x6 >= 4 && x6 < 8) || (x6 >= 12 && x6 < 16);

		insn->execute = loads[speculative][how][size];
		return true;
	}
	if (x6 == 0x1b) {
		insn->execute = fills[how];
		return true;
	}
	if (how == BY_REGISTER)
		return false; // a store has no such form
	if (x6 >= 0x30 && x6 < 0x38) {
		insn->execute = stores[how][size];
		return true;
	}
	if (x6 == 0x3b) {
		insn->execute = how == FIXED ? execute_store_8_FILL_FIXED : execute_store_8_FILL_BY_IMMEDIATE;
		return true;
	}
	return false;
}

/** M16, M17. */
static bool decode_semaphore(struct insn *insn, uint64_t slot, unsigned x6)
{
	static const int8_t amounts[] = { 16, 8, 4, 1 };

	insn->x = 1u << (x6 & 3);
	insn->execute = execute_semaphore;
	if (x6 < 8) {
		insn->y = CMPXCHG;
		return true;
	}
	if (x6 < 12) {
		insn->y = XCHG;
		return true;
	}
	if (x6 == 0x12 || x6 == 0x13 || x6 == 0x16 || x6 == 0x17) {
		int64_t amount = amounts[field(slot, 14, 13)];

		insn->y = FETCHADD;
		insn->imm = (uint64_t) (field(slot, 15, 15) ? -amount : amount);
		return true;
	}
	return false;
}

/** lfetch among the floating-point loads: x6 2C to 2F. */
static bool decode_lfetch(struct insn *insn, unsigned x6, unsigned how)
{
	insn->x = x6 >= 0x2e;
	insn->y = how;
	insn->execute = execute_lfetch;
	return true;
}

bool decode_memory(struct insn *insn, uint64_t slot)
{
	unsigned op = field(slot, 40, 37), x6 = field(slot, 35, 30), m = field(slot, 36, 36), x = field(slot, 27, 27);
	unsigned x3 = field(slot, 35, 33);

	insn->r1 = field(slot, 12, 6);
	insn->r2 = field(slot, 19, 13);
	insn->r3 = field(slot, 26, 20);
	switch (op) {
	case 0:
		if (x3 < 4)
			return decode_system(insn, slot);
		insn->imm = check_target(slot, true); // M22, M23
		insn->execute = execute_chk_a;
		return true;
	case 1:
		if (x3 != 1 && x3 != 3)
			return decode_system(insn, slot);
		insn->imm = check_target(slot, false);
		insn->execute = x3 == 1 ? execute_chk_s : execute_chk_s_fp;
		return true;
	case 4:
		if (x == 0)
			return decode_access(insn, x6, m ? BY_REGISTER : FIXED);
		if (m == 0 && x6 >= 0x1c && x6 <= 0x1f)
			return decode_fp_memory(insn, slot); // getf
		return m == 0 && decode_semaphore(insn, slot, x6);
	case 5:
		insn->imm = field(slot, 36, 36) << 8 | x << 7 | (x6 >= 0x30 ? field(slot, 12, 6) : field(slot, 19, 13));
		insn->imm = (uint64_t) sign_extend(insn->imm, 9);
		return decode_access(insn, x6, BY_IMMEDIATE);
	case 6:
		if (x == 0 && x6 >= 0x2c && x6 <= 0x2f)
			return decode_lfetch(insn, x6, m ? BY_REGISTER : FIXED);
		return decode_fp_memory(insn, slot);
	case 7:
		insn->imm = field(slot, 36, 36) << 8 | x << 7 | (x6 >= 0x30 ? field(slot, 12, 6) : field(slot, 19, 13));
		insn->imm = (uint64_t) sign_extend(insn->imm, 9);
		if (x6 >= 0x2c && x6 <= 0x2f)
			return decode_lfetch(insn, x6, BY_IMMEDIATE);
		return decode_fp_memory(insn, slot);
	default:
		return decode_integer(insn, slot, false);
	}
}
