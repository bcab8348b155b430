// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * System instructions, application registers, and the few of the M unit that
 * belong to the register stack (3:4.4.6 to 3:4.4.9).
 */
#include "sim.h"

static void privileged(void)
{
	if (cpl() != 0)
		privileged_operation();
}

/** @return general register @p r, which has no NaT bit, or faults */
static uint64_t operand(unsigned r)
{
	unsigned index = gr_index(r);

	if (cpu.nat[index])
		register_nat(0);
	return cpu.gr[index];
}

static bool result(unsigned target, uint64_t value)
{
	cpu.gr[target] = value;
	cpu.nat[target] = 0;
	return false;
}

static _Noreturn void reserved_field(void)
{
	interrupt(VECTOR_GENERAL, RESERVED_FIELD);
}

bool execute_nop(const struct insn *insn)
{
	(void) insn;
	return false;
}

bool execute_illegal(const struct insn *insn)
{
	(void) insn;
	illegal_operation();
}

bool execute_break(const struct insn *insn)
{
	if (ssc_call(insn->imm))
		return false;
	if (insn->imm == 0) { // as Ski does, in whatever mode
		fprintf(stderr, "ia64sim: break 0 at %#jx\n", (uintmax_t) cpu.ip);
		exit_status = cpu.gr[8] & 0xff;
		leave(STOP_EXIT);
	}
	interrupt_with(VECTOR_BREAK, insn->x ? 0 : insn->imm);
}

static bool execute_alloc(const struct insn *insn)
{
	unsigned sof = insn->x, sol = insn->y, sor = insn->q * 8u;
	uint64_t pfs = cpu.ar[AR_PFS];

	if (sof > STACKED || sol > sof || sor > sof || insn->r1 == 0 || (insn->r1 >= 32 && insn->r1 - 32u >= sof))
		illegal_operation();
	if (sor != cpu.sor && (cpu.rrb_gr | cpu.rrb_fr | cpu.rrb_pr) != 0)
		reserved_field();
	rse_alloc(sof, sol, sor);
	return result(gr_index(insn->r1), pfs);
}

static bool execute_flushrs(const struct insn *insn)
{
	(void) insn;
	rse_flush();
	return false;
}

static bool execute_loadrs(const struct insn *insn)
{
	(void) insn;
	if ((cpu.ar[AR_RSC] & 3) != 0 || (cpu.sof != 0 && (cpu.ar[AR_RSC] >> 16 & 0x3fff) != 0))
		illegal_operation();
	rse_load();
	return false;
}

/** invala, fwb, mf: nothing to do, since the ALAT is empty and memory is in order. */
static bool execute_sync_i(const struct insn *insn)
{
	(void) insn;
	icache_sync();
	return false;
}

static bool execute_srlz_i(const struct insn *insn)
{
	(void) insn;
	icache_serialize();
	return false;
}

static bool execute_fc(const struct insn *insn)
{
	unsigned base = gr_index(insn->r3);

	if (cpu.nat[base])
		register_nat(BIT(ISR_R) | BIT(ISR_NA) | CODE_FC);
	icache_flush_line(translate(cpu.gr[base], NON_ACCESS(CODE_FC), cpl(), psr_is(PSR_DT)));
	return false;
}

/** Bits of the PSR that are reserved (2:3.3.2, table 3-2). */
static const uint64_t psr_reserved = 0xffffc000f0011fc1;

/** rsm, ssm, rum, sum; x: set; y: user mask only. */
static bool execute_mask(const struct insn *insn)
{
	if (insn->y) {
		if (insn->imm & ~0x3eULL)
			reserved_field();
	} else {
		privileged();
		if (insn->imm & psr_reserved)
			reserved_field();
	}
	psr_write(insn->x ? cpu.psr | insn->imm : cpu.psr & ~insn->imm);
	return false;
}

/** Bits of the PSR that mov from psr gives (3:2, mov psr): 31:0, mc, it. */
static bool execute_mov_from_psr(const struct insn *insn)
{
	unsigned target = gr_target(insn->r1);

	privileged();
	return result(target, cpu.psr & (0xffffffff | BIT(PSR_MC) | BIT(PSR_IT)));
}

static bool execute_mov_to_psr(const struct insn *insn)
{
	privileged();
	uint64_t value = operand(insn->r2) & 0xffffffff;

	if (value & psr_reserved)
		reserved_field();
	psr_write((cpu.psr & ~0xffffffffULL) | value);
	return false;
}

static bool execute_mov_from_um(const struct insn *insn)
{
	return result(gr_target(insn->r1), cpu.psr & 0x3e);
}

static bool execute_mov_to_um(const struct insn *insn)
{
	psr_write((cpu.psr & ~0x3eULL) | (operand(insn->r2) & 0x3e));
	return false;
}

/** Application registers that there are; y is 1 in the I unit, which has those from 48 on. */
static void check_ar(const struct insn *insn)
{
	unsigned ar = insn->r3;
	bool known = ar < 8 || (ar >= AR_RSC && ar <= AR_RNAT) || ar == 21 || (ar >= 24 && ar <= 30) || ar == AR_CCV ||
		ar == AR_UNAT || ar == AR_FPSR || ar == AR_ITC || (ar >= AR_PFS && ar <= AR_EC);

	if (!known)
		unmodelled("application register ar%u", ar);
	if (insn->y != (ar >= 48))
		illegal_operation();
	if ((ar == AR_BSPSTORE || ar == AR_RNAT) && (cpu.ar[AR_RSC] & 3) != 0)
		illegal_operation();
}

bool execute_mov_from_ar(const struct insn *insn)
{
	unsigned target = gr_target(insn->r1);
	uint64_t value = cpu.ar[insn->r3];

	check_ar(insn);
	switch (insn->r3) {
	case AR_BSP:
		value = cpu.bsp;
		break;
	case AR_BSPSTORE:
		value = cpu.bspstore;
		break;
	case AR_RNAT:
		value = cpu.rnat;
		break;
	case AR_ITC:
		if (psr_is(PSR_SI) && cpl() != 0)
			interrupt(VECTOR_GENERAL, PRIVILEGED_REGISTER);
		value = itc_read();
		break;
	}
	return result(target, value);
}

static bool write_ar(const struct insn *insn, uint64_t value)
{
	unsigned ar = insn->r3;

	check_ar(insn);
	if ((ar < 8 || ar == AR_ITC) && cpl() != 0)
		interrupt(VECTOR_GENERAL, PRIVILEGED_REGISTER);
	switch (ar) {
	case AR_RSC:
		if (value & ~0x3fff001fULL)
			reserved_field();
		if (value & 16)
			unmodelled("big-endian backing store (rsc.be)");
		if ((value >> 2 & 3) < cpl()) // no better than the current level
			value = (value & ~12ULL) | cpl() << 2;
		break;
	case AR_BSP:
		illegal_operation();
	case AR_BSPSTORE:
		rse_write_bspstore(value);
		return false;
	case AR_RNAT:
		cpu.rnat = value & ~BIT(63);
		return false;
	case AR_ITC:
		itc_write(value);
		return false;
	case AR_EC:
		value &= 0x3f;
		break;
	case AR_PFS:
		if (value & (BIT(62) - BIT(58) + (BIT(52) - BIT(38))))
			reserved_field();
		break;
	}
	cpu.ar[ar] = value;
	return false;
}

bool execute_mov_to_ar(const struct insn *insn)
{
	return write_ar(insn, operand(insn->r2));
}

bool execute_mov_ar_imm(const struct insn *insn)
{
	return write_ar(insn, insn->imm);
}

/** I27 and M30: imm8. */
void decode_ar_imm(struct insn *insn, uint64_t slot)
{
	insn->imm = (uint64_t) sign_extend(field(slot, 36, 36) << 7 | field(slot, 19, 13), 8);
	insn->execute = execute_mov_ar_imm;
}

static bool interruption_register(unsigned cr)
{
	return cr >= CR_IPSR && cr <= CR_IHA && cr != 18;
}

static void check_cr(unsigned cr)
{
	bool known = cr <= CR_IVA || cr == CR_PTA || interruption_register(cr) || (cr >= CR_LID && cr <= CR_CMCV) ||
		cr == CR_LRR0 || cr == CR_LRR1;

	if (!known || (interruption_register(cr) && psr_is(PSR_IC)))
		illegal_operation();
	privileged();
}

static bool execute_mov_from_cr(const struct insn *insn)
{
	unsigned target = gr_target(insn->r1), cr = insn->r3;

	check_cr(cr);
	if (cr == CR_IVR)
		return result(target, external_take());
	if (cr == CR_EOI)
		return result(target, 0);
	if (cr >= CR_IRR0 && cr < CR_IRR0 + 4)
		return result(target, cpu.irr[cr - CR_IRR0]);
	return result(target, cpu.cr[cr]);
}

/** True if @p value has something in a reserved field of the register (2:3.3.4, 2:4.1, 2:5.8). */
static bool cr_reserved(unsigned cr, uint64_t value)
{
	unsigned size = value >> 2 & 0x3f;

	switch (cr) {
	case CR_DCR:
		return value & ~0x7f07ULL;
	case CR_PTA:
		return (value & 0x7e02) || size < 15 || size > 61;
	case CR_IPSR:
		return value & psr_reserved;
	case CR_IFS:
		return value & (BIT(63) - BIT(38));
	case CR_ITIR:
		return value & ~0xfffffffcULL;
	case CR_ITV:
		return value & 0xef00;
	case CR_TPR:
		return value & 0xff00;
	default:
		return false;
	}
}

static bool execute_mov_to_cr(const struct insn *insn)
{
	unsigned cr = insn->r3;

	check_cr(cr);
	if (cr == CR_IVR || (cr >= CR_IRR0 && cr < CR_IRR0 + 4))
		illegal_operation();
	uint64_t value = operand(insn->r2);

	if (cr_reserved(cr, value))
		reserved_field();
	switch (cr) {
	case CR_DCR:
		if (value & 2)
			unmodelled("big-endian interruption handlers (dcr.be)");
		break;
	case CR_IVA:
		value &= ~0x7fffULL;
		break;
	case CR_ITM:
		cpu.cr[cr] = value;
		timer_changed();
		return false;
	case CR_ITV:
		value &= 0x100ff;
		break;
	case CR_TPR:
		value &= 0x100f0;
		want_attention();
		break;
	case CR_EOI:
		external_end();
		return false;
	}
	cpu.cr[cr] = value;
	return false;
}

/** The register files that are indexed by r3; x says which. */
enum { RR, DBR, IBR, PKR, PMC, PMD, CPUID };

static uint64_t *indexed(unsigned file, uint64_t index)
{
	switch (file) {
	case RR:
		return &cpu.rr[index >> 61];
	case DBR:
		return (index & 0xff) < 8 ? &cpu.dbr[index & 7] : NULL;
	case IBR:
		return (index & 0xff) < 8 ? &cpu.ibr[index & 7] : NULL;
	case PKR:
		return (index & 0xff) < 16 ? &cpu.pkr[index & 15] : NULL;
	case PMC:
		return (index & 0xff) < 32 ? &cpu.pmc[index & 31] : NULL;
	case PMD:
		unmodelled("performance monitor data register %ju", (uintmax_t) (index & 0xff));
	default:
		return (index & 0xff) < 5 ? &cpu.cpuid[index & 7] : NULL;
	}
}

static bool execute_mov_to_indexed(const struct insn *insn)
{
	privileged();
	uint64_t index = operand(insn->r3), value = operand(insn->r2);
	uint64_t *place = indexed(insn->x, index);

	if (place == NULL)
		reserved_field();
	if (insn->x == RR && (value & (2 | ~0xffffffffULL)))
		reserved_field();
	*place = value;
	if (insn->x == RR || insn->x == PKR)
		fast_forget();
	return false;
}

static bool execute_mov_from_indexed(const struct insn *insn)
{
	unsigned target = gr_target(insn->r1);

	if (insn->x != CPUID)
		privileged();
	const uint64_t *place = indexed(insn->x, operand(insn->r3));

	if (place == NULL)
		reserved_field();
	return result(target, *place);
}

/** Fields of a PTE that must be 0, and memory attributes that do not exist (2:4.1.1.5). */
static bool pte_reserved(uint64_t pte)
{
	unsigned ma = pte >> 2 & 7;

	return (pte & 1) && ((pte & (BIT(1) | BIT(50) | BIT(51))) || ma == 1 || ma == 2 || ma == 3);
}

/** itc and itr; x: data; y: into a register, which r3 has. */
static bool execute_insert(const struct insn *insn)
{
	int slot = -1;

	if (psr_is(PSR_IC))
		illegal_operation();
	privileged();
	uint64_t pte = operand(insn->r2);

	if (insn->y) {
		uint64_t number = operand(insn->r3) & 0xff;

		if (number >= TRANSLATION_REGISTERS)
			reserved_field();
		slot = (int) number;
	}
	if (pte_reserved(pte))
		reserved_field();
	tlb_insert(insn->x ? &cpu.dtlb : &cpu.itlb, slot, cpu.cr[CR_IFA], pte, cpu.cr[CR_ITIR]);
	return false;
}

/** ptc.l, ptc.g, ptc.ga: all TLBs are this one's. */
static bool execute_ptc(const struct insn *insn)
{
	privileged();
	uint64_t va = operand(insn->r3);

	tlb_purge(va, operand(insn->r2) >> 2 & 0x3f);
	return false;
}

static bool execute_ptc_e(const struct insn *insn)
{
	privileged();
	operand(insn->r3);
	tlb_purge_all();
	return false;
}

static bool execute_ptr(const struct insn *insn)
{
	privileged();
	uint64_t va = operand(insn->r3);

	tlb_purge_fixed(insn->x ? &cpu.dtlb : &cpu.itlb, va, operand(insn->r2) >> 2 & 0x3f);
	return false;
}

/** What the rights of a probe come to; faults are those of a non-access (3:2, probe). */
static bool probe(uint64_t va, unsigned access, unsigned pl, unsigned code, bool faults)
{
	if (pl < cpl())
		pl = cpl();
	access |= NON_ACCESS(code);
	struct outcome outcome = translate_quietly(va, access, pl, psr_is(PSR_DT));

	if (outcome.kind == TRANSLATED || (!faults && outcome.kind == FAULT && outcome.vector == VECTOR_DIRTY))
		return true;
	if (!faults && outcome.kind == FAULT &&
		(outcome.vector == VECTOR_DRIGHTS || outcome.vector == VECTOR_KEY_PERMISSION))
		return false;
	translation_fault(&outcome, va, access);
}

/** x is the access; y: the level is an immediate. */
static bool execute_probe(const struct insn *insn)
{
	unsigned target = gr_target(insn->r1);
	unsigned pl = insn->y ? insn->imm : operand(insn->r2) & 3;

	return result(target, probe(operand(insn->r3), insn->x, pl, CODE_PROBE, false));
}

static bool execute_probe_fault(const struct insn *insn)
{
	probe(operand(insn->r3), insn->x, insn->imm, CODE_PROBE_FAULT, true);
	return false;
}

static bool execute_tpa(const struct insn *insn)
{
	unsigned target = gr_target(insn->r1);

	privileged();
	return result(target, translate(operand(insn->r3), NON_ACCESS(CODE_TPA), 0, psr_is(PSR_DT)));
}

/** tak: the key, or 1 in bit 0 (3:2, tak). */
static bool execute_tak(const struct insn *insn)
{
	unsigned target = gr_target(insn->r1);

	privileged();
	const struct translation *entry = tlb_find(&cpu.dtlb, operand(insn->r3));

	return result(target, entry != NULL && entry->present ? (uint64_t) entry->key << 8 : 1);
}

/** thash and ttag; x: the tag. */
static bool execute_thash(const struct insn *insn)
{
	unsigned target = gr_target(insn->r1), base = gr_index(insn->r3);
	uint64_t va = cpu.gr[base];

	result(target, insn->x ? vhpt_tag(va) : vhpt_hash(va));
	cpu.nat[target] = cpu.nat[base];
	return false;
}

/** Major opcode 0, x3 = 0 (3:4.4.9, table 4-43): the code is x4, then x2. */
static bool decode_m0(struct insn *insn, uint64_t slot)
{
	unsigned x4 = field(slot, 30, 27), x2 = field(slot, 32, 31);

	if (x4 >= 4 && x4 <= 7) { // M44
		insn->imm = field(slot, 36, 36) << 23 | field(slot, 32, 31) << 21 | field(slot, 26, 6);
		insn->x = x4 == 4 || x4 == 6;
		insn->y = x4 < 6;
		insn->execute = execute_mask;
		return true;
	}
	switch (x4 << 4 | x2) {
	case 0x00:
		insn->imm = imm21(slot);
		insn->execute = execute_break;
		return true;
	case 0x10: // nop.m, hint.m
	case 0x01: // invala
	case 0x02: // fwb
	case 0x22: // mf
	case 0x32: // mf.a
	case 0x03: // srlz.d
	case 0x21: // invala.e
	case 0x31:
		insn->execute = execute_nop;
		return true;
	case 0x13:
		insn->execute = execute_srlz_i;
		return true;
	case 0x33:
		insn->execute = execute_sync_i;
		return true;
	case 0xa0:
		insn->execute = execute_loadrs;
		return true;
	case 0xc0:
		insn->execute = execute_flushrs;
		return true;
	case 0x82:
		decode_ar_imm(insn, slot);
		return true;
	}
	return false;
}

/** Major opcode 1, x3 = 0 (3:4.4.9, table 4-44). */
static bool decode_m1(struct insn *insn, uint64_t slot)
{
	unsigned x6 = field(slot, 32, 27);

	switch (x6) {
	case 0x00:
	case 0x01:
	case 0x02:
	case 0x03:
	case 0x04:
	case 0x05:
		insn->x = x6;
		insn->execute = execute_mov_to_indexed;
		return true;
	case 0x10:
	case 0x11:
	case 0x12:
	case 0x13:
	case 0x14:
	case 0x15:
		insn->x = x6 - 0x10;
		insn->execute = execute_mov_from_indexed;
		return true;
	case 0x17:
		insn->x = CPUID;
		insn->execute = execute_mov_from_indexed;
		return true;
	case 0x09:
	case 0x0a:
	case 0x0b:
		insn->execute = execute_ptc;
		return true;
	case 0x0c:
	case 0x0d:
		insn->x = x6 == 0x0c;
		insn->execute = execute_ptr;
		return true;
	case 0x0e:
	case 0x0f:
	case 0x2e:
	case 0x2f:
		insn->x = (x6 & 1) == 0;
		insn->y = x6 < 0x10;
		insn->execute = execute_insert;
		return true;
	case 0x18:
	case 0x19:
	case 0x38:
	case 0x39:
		insn->x = x6 & 1 ? ACCESS_WRITE : ACCESS_READ;
		insn->y = x6 < 0x20;
		insn->imm = field(slot, 14, 13);
		insn->execute = execute_probe;
		return true;
	case 0x31:
	case 0x32:
	case 0x33:
		insn->x = x6 == 0x31 ? ACCESS_READ | ACCESS_WRITE : x6 == 0x32 ? ACCESS_READ : ACCESS_WRITE;
		insn->imm = field(slot, 14, 13);
		insn->execute = execute_probe_fault;
		return true;
	case 0x1a:
	case 0x1b:
		insn->x = x6 & 1;
		insn->execute = execute_thash;
		return true;
	case 0x1e:
		insn->execute = execute_tpa;
		return true;
	case 0x1f:
		insn->execute = execute_tak;
		return true;
	case 0x21:
		insn->execute = execute_mov_from_um;
		return true;
	case 0x29:
		insn->execute = execute_mov_to_um;
		return true;
	case 0x25:
		insn->execute = execute_mov_from_psr;
		return true;
	case 0x2d:
		insn->execute = execute_mov_to_psr;
		return true;
	case 0x22:
		insn->execute = execute_mov_from_ar;
		return true;
	case 0x2a:
		insn->execute = execute_mov_to_ar;
		return true;
	case 0x24:
		insn->execute = execute_mov_from_cr;
		return true;
	case 0x2c:
		insn->execute = execute_mov_to_cr;
		return true;
	case 0x30:
		insn->execute = execute_fc;
		return true;
	case 0x34:
		insn->execute = execute_ptc_e;
		return true;
	}
	return false;
}

bool decode_system(struct insn *insn, uint64_t slot)
{
	unsigned op = field(slot, 40, 37), x3 = field(slot, 35, 33);

	if (op == 0 && x3 == 0)
		return decode_m0(insn, slot);
	if (op == 1 && x3 == 0)
		return decode_m1(insn, slot);
	if (op == 1 && x3 == 6 && insn->qp == 0) { // M34
		insn->x = field(slot, 19, 13);
		insn->y = field(slot, 26, 20);
		insn->q = field(slot, 30, 27);
		insn->execute = execute_alloc;
		return true;
	}
	return false;
}
