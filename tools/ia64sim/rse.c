// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * The register stack and its engine (1:4.1, 2:6), and the rotation of predicates.
 *
 * The file of 96 registers is a ring. In it lie, in the order of the addresses
 * that they have in the backing store:
 *
 *            bspstore         bsp
 *               v              v
 *     invalid   |   dirty      |  current frame (sof)  |   invalid
 *                                ^ cpu.bof, r32
 *
 * cpu.dirty is the number of registers between bspstore and bsp, the words for
 * NaT bits not counted. A clean partition is not kept: a register that has been
 * spilled is invalid, as 2:6.2 lets an implementation choose. The engine is lazy: it
 * spills when alloc needs registers, fills when a return needs them.
 *
 * A return to a frame that is not in the file leaves bspstore above bsp: dirty
 * is then negative, and the first -dirty registers of the frame are to be
 * loaded (RSE.CFLE). A fault in such a load is the fault of the instruction that
 * is returned to, with ISR.ir; `cover` in its handler gives the registers that
 * were there back to the dirty partition, and rfi tries again: with a signed
 * count, none of that needs a case of its own.
 *
 * The RNAT word at every 64th address holds the NaT bits of the 63 words below.
 */
#include "sim.h"

enum { NAT_SLOT = 63 };

static unsigned slot_number(uint64_t address)
{
	return address >> 3 & 63;
}

/** @return the address that is @p registers further (2:6.1), over the words for NaT bits */
uint64_t rse_skip(uint64_t address, int registers)
{
	int place = (int) slot_number(address) + registers;
	int words = place >= 0 ? place / NAT_SLOT : -((-place + NAT_SLOT - 1) / NAT_SLOT);

	return address + 8 * (uint64_t) (int64_t) (registers + words);
}

_Noreturn void frame_violation(unsigned r)
{
	unmodelled("read of r%u, outside of the frame of %u registers: its value is undefined", r, cpu.sof);
}

uint64_t cfm_read(void)
{
	return cpu.sof | (uint64_t) cpu.sol << 7 | (uint64_t) (cpu.sor / 8) << 14 | (uint64_t) cpu.rrb_gr << 18 |
		(uint64_t) cpu.rrb_fr << 25 | (uint64_t) cpu.rrb_pr << 32;
}

/** Rotates bits 63:16 of @p value left by @p by. */
static uint64_t rotate_predicates(uint64_t value, unsigned by)
{
	uint64_t high = value >> 16;

	if (by != 0)
		high = (high << by | high >> (48 - by)) & (BIT(48) - 1);
	return high << 16 | (value & 0xffff);
}

/** cpu.pr has the predicates by the names they have now: predicate p is at 16 + (p - 16 + rrb) % 48 in the file. */
void rrb_pr_write(unsigned rrb)
{
	if (rrb != cpu.rrb_pr) {
		cpu.pr = rotate_predicates(cpu.pr, (cpu.rrb_pr + 48 - rrb) % 48);
		cpu.rrb_pr = rrb;
	}
}

void cfm_write(uint64_t cfm)
{
	cpu.sof = cfm & 0x7f;
	cpu.sol = cfm >> 7 & 0x7f;
	cpu.sor = (cfm >> 14 & 0xf) * 8;
	cpu.rrb_gr = cfm >> 18 & 0x7f;
	cpu.rrb_fr = cfm >> 25 & 0x7f;
	rrb_pr_write(cfm >> 32 & 0x3f);
}

/** The predicates in the order of the file, as mov from pr gives them. */
uint64_t pr_read(void)
{
	return rotate_predicates(cpu.pr, cpu.rrb_pr);
}

void pr_write(uint64_t value, uint64_t mask)
{
	uint64_t file = (pr_read() & ~mask) | (value & mask) | 1;

	cpu.pr = rotate_predicates(file, (48 - cpu.rrb_pr) % 48);
}

/** Each rotating register gets the next higher name (1:4.5.1). */
void rotate(void)
{
	if (cpu.sor > 0)
		cpu.rrb_gr = (cpu.rrb_gr + cpu.sor - 1) % cpu.sor;
	cpu.rrb_fr = (cpu.rrb_fr + 95) % 96;
	rrb_pr_write((cpu.rrb_pr + 47) % 48);
}

/** Moves the frame's base by @p registers up or down. */
static void move_frame(int registers)
{
	cpu.bof = (unsigned) ((int) cpu.bof + registers + 2 * STACKED) % STACKED;
	cpu.bsp = rse_skip(cpu.bsp, registers);
	cpu.dirty += registers;
}

static unsigned rse_pl(void)
{
	return cpu.ar[AR_RSC] >> 2 & 3;
}

/** Stores the word at bspstore: a register, or the NaT bits. */
static void spill_word(void)
{
	unsigned slot = slot_number(cpu.bspstore);

	if (slot == NAT_SLOT) {
		store(cpu.bspstore, cpu.rnat, 8, ACCESS_WRITE | ACCESS_RSE, rse_pl(), psr_is(PSR_RT));
		cpu.rnat = 0;
	} else {
		unsigned r = 32 + (cpu.bof + STACKED - (unsigned) cpu.dirty) % STACKED;

		store(cpu.bspstore, cpu.gr[r], 8, ACCESS_WRITE | ACCESS_RSE, rse_pl(), psr_is(PSR_RT));
		cpu.rnat = (cpu.rnat & ~BIT(slot)) | (uint64_t) cpu.nat[r] << slot;
		cpu.dirty--;
	}
	cpu.bspstore += 8;
}

/** Loads the word below bspstore. */
static void fill_word(void)
{
	uint64_t address = cpu.bspstore - 8;
	unsigned slot = slot_number(address);
	uint64_t value = load(address, 8, ACCESS_READ | ACCESS_RSE, rse_pl(), psr_is(PSR_RT));

	if (slot == NAT_SLOT) {
		cpu.rnat = value;
	} else {
		// The registers that are in the file end below bspstore: this is the one next to them.
		unsigned r = 32 + (unsigned) ((int) cpu.bof + 2 * STACKED - cpu.dirty - 1) % STACKED;

		cpu.gr[r] = value;
		cpu.nat[r] = cpu.rnat >> slot & 1;
		cpu.dirty++;
	}
	cpu.bspstore = address;
}

/** Spills until the file has place for @p frame registers above bsp. */
static void make_place(unsigned frame)
{
	while (cpu.dirty + (int) frame > STACKED)
		spill_word();
}

void rse_call(void)
{
	unsigned outputs = cpu.sof - cpu.sol;

	cpu.ar[AR_PFS] = cfm_read() | (cpu.ar[AR_EC] & 0x3f) << 52 | (uint64_t) cpl() << 62;
	move_frame((int) cpu.sol);
	cfm_write(outputs);
}

void rse_cover(void)
{
	uint64_t cfm = cfm_read();

	move_frame((int) cpu.sof);
	cfm_write(0);
	if (!psr_is(PSR_IC))
		cpu.cr[CR_IFS] = BIT(63) | cfm;
}

void rse_alloc(unsigned sof, unsigned sol, unsigned sor)
{
	make_place(sof);
	cpu.sof = sof;
	cpu.sol = sol;
	cpu.sor = sor;
}

void rse_return(uint64_t cfm, unsigned preserved)
{
	unsigned sof = cfm & 0x7f;
	int dirty = cpu.dirty - (int) preserved;

	if (preserved > STACKED || (dirty > 0 ? dirty : 0) + (int) sof > STACKED) {
		// More than the file holds: the frame comes out empty (3:2, br.ret, "bad PFS").
		move_frame(-(int) preserved);
		cfm_write(0);
	} else {
		move_frame(-(int) preserved);
		cfm_write(cfm);
	}
}

/** The loads that the frame still needs. A fault here is that of the instruction at cpu.ip. */
void rse_fill(void)
{
	cpu.incomplete = cpu.bspstore > cpu.bsp;
	while (cpu.bspstore > cpu.bsp) {
		cpu.count++; // interrupt() takes it off
		fill_word();
		cpu.count--;
	}
	cpu.incomplete = false;
}

void rse_flush(void)
{
	while (cpu.bspstore != cpu.bsp)
		spill_word();
}

/** loadrs: what lies between bsp - rsc.loadrs and bsp is in the file and dirty afterwards, and nothing below. */
void rse_load(void)
{
	uint64_t wanted = cpu.bsp - (cpu.ar[AR_RSC] >> 16 & 0x3fff & ~7ULL);

	while (cpu.bspstore > wanted) {
		if (cpu.dirty + (int) cpu.sof >= STACKED && slot_number(cpu.bspstore - 8) != NAT_SLOT)
			unmodelled("loadrs of more registers than the %d of the file", STACKED);
		fill_word();
	}
	while (cpu.bspstore < wanted) {
		if (slot_number(cpu.bspstore) != NAT_SLOT)
			cpu.dirty--;
		cpu.bspstore += 8;
	}
}

/** The dirty registers get new addresses (2:6.5.3). */
void rse_write_bspstore(uint64_t value)
{
	if (cpu.dirty < 0)
		unmodelled("write of ar.bspstore while the current frame is not complete");
	cpu.bspstore = value & ~7ULL;
	cpu.bsp = rse_skip(cpu.bspstore, cpu.dirty);
	cpu.rnat = 0; // undefined by the manual
}
