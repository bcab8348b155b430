// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * Branches (1:4.5, 3:4.5). Hints of prediction mean nothing here.
 */
#include "sim.h"

/** Types of IP-relative branches, bits 8:6. */
enum { COND = 0, WEXIT = 2, WTOP = 3, CLOOP = 5, CEXIT = 6, CTOP = 7 };

static inline bool go(uint64_t target)
{
	cpu.ip = target & ~15ULL;
	cpu.slot = 0;
	return true;
}

static bool execute_br(const struct insn *insn)
{
	return go(cpu.ip + insn->imm);
}

static bool execute_br_indirect(const struct insn *insn)
{
	return go(cpu.br[insn->r2]);
}

static bool call(const struct insn *insn, uint64_t target)
{
	cpu.br[insn->r1] = cpu.ip + 16;
	rse_call();
	return go(target);
}

static bool execute_br_call(const struct insn *insn)
{
	return call(insn, cpu.ip + insn->imm);
}

static bool execute_br_call_indirect(const struct insn *insn)
{
	return call(insn, cpu.br[insn->r2]);
}

static bool execute_br_ret(const struct insn *insn)
{
	uint64_t pfs = cpu.ar[AR_PFS], target = cpu.br[insn->r2];
	unsigned previous = pfs >> 62;

	cpu.ar[AR_EC] = pfs >> 52 & 0x3f;
	rse_return(pfs & (BIT(38) - 1), pfs >> 7 & 0x7f);
	if (cpl() < previous) {
		cpu.psr = (cpu.psr & ~(3ULL << PSR_CPL)) | (uint64_t) previous << PSR_CPL;
		want_attention();
	}
	cpu.last_ip = cpu.ip;
	go(target);
	cpu.entered = 0;
	rse_fill();
	return true;
}

static bool execute_br_cloop(const struct insn *insn)
{
	if (cpu.slot != 2)
		illegal_operation();
	if (cpu.ar[AR_LC] == 0)
		return false;
	cpu.ar[AR_LC]--;
	return go(cpu.ip + insn->imm);
}

/** br.ctop and cexit count by LC, br.wtop and wexit by the predicate (3:2, br); all rotate. */
static bool execute_br_modulo(const struct insn *insn)
{
	bool counted = insn->x == CTOP || insn->x == CEXIT, top = insn->x == CTOP || insn->x == WTOP;
	uint64_t *lc = &cpu.ar[AR_LC], *ec = &cpu.ar[AR_EC];
	bool kernel = counted ? *lc != 0 : pr_is(insn->q); // not yet in the epilog
	bool more = kernel || *ec > 1;
	bool stage = false; // what p63 becomes, which is p16 after the rotation

	if (cpu.slot != 2)
		illegal_operation();
	if (kernel) {
		if (counted) {
			--*lc;
			stage = true;
		}
	} else if (*ec != 0) {
		--*ec;
	} else {
		pr_set(63, false);
		return top ? false : go(cpu.ip + insn->imm); // nothing rotates
	}
	pr_set(63, stage);
	rotate();
	return more == top ? go(cpu.ip + insn->imm) : false;
}

static bool execute_cover(const struct insn *insn)
{
	(void) insn;
	rse_cover();
	return false;
}

/** clrrrb; x: only that of the predicates. */
static bool execute_clrrrb(const struct insn *insn)
{
	if (!insn->x) {
		cpu.rrb_gr = 0;
		cpu.rrb_fr = 0;
	}
	rrb_pr_write(0);
	return false;
}

static bool execute_bsw(const struct insn *insn)
{
	if (cpl() != 0)
		privileged_operation();
	if (psr_is(PSR_BN) != insn->x)
		switch_banks();
	return false;
}

/** 3:2, rfi. IFS says whether a frame comes back too. */
static bool execute_rfi(const struct insn *insn)
{
	uint64_t ifs = cpu.cr[CR_IFS], ipsr = cpu.cr[CR_IPSR], iip = cpu.cr[CR_IIP];

	(void) insn;
	if (cpl() != 0)
		privileged_operation();
	psr_write(ipsr);
	cpu.last_ip = cpu.ip;
	cpu.ip = iip & ~15ULL;
	cpu.slot = ipsr >> PSR_RI & 3;
	cpu.entered = cpu.slot;
	if (cpu.slot == 3)
		unmodelled("rfi to slot 3");
	icache_serialize();
	want_attention();
	if (ifs >> 63)
		rse_return(ifs & (BIT(38) - 1), ifs & 0x7f);
	rse_fill(); // also what an interruption has left out of the current frame
	return true;
}

/** epc: the page's rights may give a better level (3:2, epc). */
static bool execute_epc(const struct insn *insn)
{
	(void) insn;
	if (psr_is(PSR_IT)) {
		const struct translation *entry = tlb_find(&cpu.itlb, cpu.ip);

		if (cpu.ar[AR_PFS] >> 62 < cpl())
			illegal_operation();
		if (entry != NULL && entry->rights == 7 && entry->pl < cpl())
			cpu.psr = (cpu.psr & ~(3ULL << PSR_CPL)) | (uint64_t) entry->pl << PSR_CPL;
	} else {
		cpu.psr &= ~(3ULL << PSR_CPL);
	}
	return false;
}

static uint64_t displacement(uint64_t slot)
{
	return (uint64_t) sign_extend(field(slot, 36, 36) << 20 | field(slot, 32, 13), 21) << 4;
}

static bool decode_misc(struct insn *insn, uint64_t slot)
{
	switch (field(slot, 32, 27)) {
	case 0x00:
		insn->imm = imm21(slot);
		insn->x = 1; // the immediate of break.b does not reach IIM (3:2, break)
		insn->execute = execute_break;
		return true;
	case 0x02:
		insn->execute = execute_cover;
		return true;
	case 0x04:
	case 0x05:
		insn->x = field(slot, 27, 27);
		insn->execute = execute_clrrrb;
		return true;
	case 0x08:
		insn->execute = execute_rfi;
		return true;
	case 0x0c:
	case 0x0d:
		insn->x = field(slot, 27, 27);
		insn->execute = execute_bsw;
		return true;
	case 0x10:
		insn->execute = execute_epc;
		return true;
	case 0x20: // br.ia is IA-32: not here
		insn->execute = execute_br_indirect;
		return field(slot, 8, 6) == COND;
	case 0x21:
		insn->execute = execute_br_ret;
		return field(slot, 8, 6) == 4;
	}
	return false;
}

bool decode_branch(struct insn *insn, uint64_t slot)
{
	insn->r1 = field(slot, 8, 6);
	insn->r2 = field(slot, 15, 13);
	switch (field(slot, 40, 37)) {
	case 0:
		return decode_misc(insn, slot);
	case 1:
		insn->execute = execute_br_call_indirect;
		return true;
	case 2: // nop.b, hint.b, and brp, a hint too
		insn->execute = execute_nop;
		return field(slot, 32, 27) <= 1 || field(slot, 32, 27) == 0x10 || field(slot, 32, 27) == 0x11;
	case 4:
		insn->imm = displacement(slot);
		insn->x = field(slot, 8, 6);
		switch (insn->x) {
		case COND:
			insn->execute = execute_br;
			return true;
		case CLOOP:
			insn->qp = 0;
			insn->execute = execute_br_cloop;
			return true;
		case WEXIT:
		case WTOP:
		case CEXIT:
		case CTOP:
			insn->q = insn->qp;
			insn->qp = 0;
			insn->execute = execute_br_modulo;
			return true;
		}
		return false;
	case 5:
		insn->imm = displacement(slot);
		insn->execute = execute_br_call;
		return true;
	case 7:
		insn->execute = execute_nop;
		return true;
	}
	return false;
}
