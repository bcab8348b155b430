// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * Interruptions: what is collected, the vectors, external interrupts, the timer
 * (2:5, 2:8).
 *
 * A fault calls interrupt() before the instruction has changed anything. It
 * collects if psr.ic is 1, switches to bank 0, sets the PSR for the handler, and
 * resumes at the vector.
 *
 * The clock is made of instructions: ar.itc is one more after every
 * options.itc_period of them (50, so that at its 2 MHz the machine runs 100
 * million instructions a second), whatever the time of day is. Two runs over the
 * same input are therefore the same, instruction by instruction. Halt light
 * moves ar.itc to the next match (ssc.c). A match is equality: ITM in the past
 * never fires.
 */
#include "sim.h"

#include <string.h>

/** PSR bits that an interruption leaves (2:5.5, table 5-2): up mfl mfh pk dt rt mc it. */
static const uint64_t psr_kept =
	BIT(PSR_UP) | BIT(PSR_MFL) | BIT(PSR_MFH) | BIT(PSR_PK) | BIT(PSR_DT) | BIT(PSR_RT) | BIT(PSR_MC) | BIT(PSR_IT);

void switch_banks(void)
{
	for (unsigned i = 0; i < 16; i++) {
		uint64_t value = cpu.gr[16 + i];
		uint8_t nat = cpu.nat[16 + i];

		cpu.gr[16 + i] = cpu.banked[i];
		cpu.nat[16 + i] = cpu.banked_nat[i];
		cpu.banked[i] = value;
		cpu.banked_nat[i] = nat;
	}
	cpu.psr ^= BIT(PSR_BN);
}

void psr_write(uint64_t value)
{
	uint64_t changed = cpu.psr ^ value;

	const uint64_t unknown = BIT(PSR_BE) | BIT(PSR_LP) | BIT(PSR_TB) | BIT(PSR_IS) | BIT(PSR_SS) | BIT(PSR_DB) |
		BIT(PSR_ID) | BIT(PSR_DA) | BIT(PSR_DD) | BIT(PSR_ED) | BIT(PSR_IA);

	if (value & unknown)
		unmodelled("psr = %#jx: bits %#jx are to be 0", (uintmax_t) value, (uintmax_t) (value & unknown));
	if (changed & BIT(PSR_BN))
		switch_banks();
	cpu.psr = value & ~(3ULL << PSR_RI);
	if (changed & value & BIT(PSR_I))
		want_attention();
}

_Noreturn void interrupt(enum vector vector, uint64_t isr)
{
	bool collect = psr_is(PSR_IC);

	if (vector != VECTOR_NESTED) {
		if (collect) {
			cpu.cr[CR_IPSR] = cpu.psr | (uint64_t) cpu.slot << PSR_RI;
			cpu.cr[CR_IIP] = cpu.ip;
			cpu.cr[CR_IFS] = 0;
			cpu.cr[CR_IIPA] = cpu.slot > cpu.entered ? cpu.ip : cpu.last_ip;
		}
		cpu.cr[CR_ISR] =
			isr | (uint64_t) cpu.slot << ISR_EI | (uint64_t) !collect << ISR_NI | (uint64_t) cpu.incomplete << ISR_IR;
	}
	if (vector != VECTOR_EXTERNAL)
		cpu.count--; // the instruction was not executed
	cpu.interruptions++;
	cpu.incomplete = false;
	if (psr_is(PSR_BN))
		switch_banks();
	cpu.psr &= psr_kept;
	if (cpu.cr[CR_DCR] & 1)
		cpu.psr |= BIT(PSR_PP);
	cpu.last_ip = cpu.ip;
	cpu.ip = cpu.cr[CR_IVA] + vector;
	cpu.slot = 0;
	resume();
}

_Noreturn void interrupt_at(enum vector vector, uint64_t isr, uint64_t va)
{
	if (psr_is(PSR_IC) && vector != VECTOR_NESTED) {
		cpu.cr[CR_IFA] = (isr & BIT(ISR_X)) ? va & ~15ULL : va;
		if (vector != VECTOR_UNALIGNED && vector != VECTOR_UNSUPPORTED && vector != VECTOR_NAT)
			cpu.cr[CR_ITIR] = cpu.rr[va >> 61] & 0xfffffffc;
	}
	interrupt(vector, isr);
}

_Noreturn void illegal_operation(void)
{
	interrupt(VECTOR_GENERAL, ILLEGAL_OPERATION);
}

_Noreturn void privileged_operation(void)
{
	interrupt(VECTOR_GENERAL, PRIVILEGED_OPERATION);
}

_Noreturn void register_nat(uint64_t isr)
{
	interrupt(VECTOR_NAT, isr | REGISTER_NAT);
}

_Noreturn void interrupt_with(enum vector vector, uint64_t imm)
{
	if (psr_is(PSR_IC))
		cpu.cr[CR_IIM] = imm;
	interrupt(vector, 0);
}

/** @return the highest vector in @p set, or -1 */
static int highest(const uint64_t *set)
{
	for (int i = 3; i >= 0; i--) {
		if (set[i] != 0)
			return i * 64 + 63 - __builtin_clzll(set[i]);
	}
	return -1;
}

/** @return the pending vector that nothing masks, or -1 (2:5.8.3.4) */
static int external_deliverable(void)
{
	int vector = highest(cpu.irr);
	uint64_t tpr = cpu.cr[CR_TPR];

	if (vector < 0 || vector <= highest(cpu.in_service))
		return -1;
	if ((tpr >> 16 & 1) || vector >> 4 <= (int) (tpr >> 4 & 0xf))
		return -1;
	return vector;
}

/** Vectors below 16 other than ExtINT and NMI do not exist, and these two nothing here raises. */
void external_pend(unsigned vector)
{
	if (vector < 16 || vector > 255)
		unmodelled("external interrupt vector %u", vector);
	cpu.irr[vector / 64] |= BIT(vector % 64);
	want_attention();
}

bool external_waits(void)
{
	return external_deliverable() >= 0;
}

/** Read of cr.ivr. */
uint64_t external_take(void)
{
	int vector = external_deliverable();

	if (vector < 0)
		return 15; // spurious
	cpu.irr[vector / 64] &= ~BIT(vector % 64);
	cpu.in_service[vector / 64] |= BIT(vector % 64);
	return vector;
}

/** Write of cr.eoi. */
void external_end(void)
{
	int vector = highest(cpu.in_service);

	if (vector >= 0)
		cpu.in_service[vector / 64] &= ~BIT(vector % 64);
	want_attention();
}

uint64_t itc_read(void)
{
	return cpu.itc_base + (cpu.count - cpu.itc_count) / options.itc_period;
}

/** When itc, which counts on, gets to itm. */
void timer_changed(void)
{
	uint64_t ahead = cpu.cr[CR_ITM] - itc_read();

	cpu.timer_at = UINT64_MAX;
	if (ahead < UINT64_MAX / 2 / options.itc_period) {
		uint64_t at = cpu.itc_count + (cpu.cr[CR_ITM] - cpu.itc_base) * options.itc_period;

		cpu.timer_at = at > cpu.count ? at : cpu.count;
	}
	want_attention();
}

void itc_write(uint64_t value)
{
	cpu.itc_base = value;
	cpu.itc_count = cpu.count;
	timer_changed();
}

void interruption_attend(void)
{
	if (cpu.count >= cpu.timer_at) {
		cpu.timer_at = UINT64_MAX;
		if (!(cpu.cr[CR_ITV] >> 16 & 1))
			external_pend(cpu.cr[CR_ITV] & 0xff);
	}
	if (psr_is(PSR_I) && external_waits())
		interrupt(VECTOR_EXTERNAL, 0);
}
