/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the probe of user mode wants (kernel/machine.h). Registers are r3, which
 * gets the result of a system call, then r0, r2 and r4 to r31, and CR, LR, CTR, XER
 * and VRSAVE.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/machine.h>

extern const char user_privileged_start[], user_privileged_end[];

/* The bits that XER has (PEM, 2.1.5). */
#define XER_BITS 0xe000007fu

#define GENERAL 31 /* general registers but r1 */
enum { CR = GENERAL, LR, CTR, XER, VRSAVE, REGISTERS };

size_t user_privileged(size_t number)
{
	const char *instruction = user_privileged_start + number * 4;

	return instruction < user_privileged_end ? (size_t) (instruction - user_program_start) : 0;
}

size_t user_register_count(void)
{
	return REGISTERS;
}

/* The number of a general register: 3, 0, 2, 4 and so on. */
static size_t general(size_t number)
{
	return number == 0 ? 3 : number == 1 ? 0 : number == 2 ? 2 : number + 1;
}

const char *user_register_name(size_t number)
{
	static const char *const names[REGISTERS] = { "r3", "r0", "r2", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11",
		"r12", "r13", "r14", "r15", "r16", "r17", "r18", "r19", "r20", "r21", "r22", "r23", "r24", "r25", "r26", "r27",
		"r28", "r29", "r30", "r31", "cr", "lr", "ctr", "xer", "vrsave" };

	return names[number];
}

uintptr_t *user_register(struct trap_frame *frame, size_t number)
{
	switch (number) {
	case CR:
		return &frame->cr;
	case LR:
		return &frame->lr;
	case CTR:
		return &frame->ctr;
	case XER:
		return &frame->xer;
	case VRSAVE:
		return &frame->vrsave;
	default:
		return &frame->registers[general(number)];
	}
}

uintptr_t user_register_bits(size_t number)
{
	return number == XER ? XER_BITS : ~(uintptr_t) 0;
}

uintptr_t user_register_value(size_t number, unsigned seed)
{
	uint64_t bits = ((seed >> 1) * 64ull + number + 1) * 0x9e3779b97f4a7c15ull;
	uintptr_t value = (uintptr_t) (bits >> 32);

	return ((seed & 1) != 0 ? ~value : value) & user_register_bits(number);
}

unsigned user_debug_set(struct trap_frame *frame, bool on)
{
	frame->msr = (frame->msr & ~(uint32_t) MSR_SE) | (on ? MSR_SE : 0);
	return VECTOR_TRACE;
}

void user_frame_init(struct trap_frame *frame, uintptr_t pc, uintptr_t stack_pointer)
{
	*frame = (struct trap_frame){ .pc = pc, .msr = MSR_USER };
	frame->registers[1] = stack_pointer;
}

static uint32_t segment_read(uint32_t va)
{
	uint32_t value;

	__asm__ volatile("mfsrin %0, %1" : "=r"(value) : "r"(va) : "memory");
	return value;
}

void cpu_state_read(uintptr_t words[CPU_STATE_WORDS])
{
	for (size_t i = 0; i < CPU_STATE_WORDS; i++)
		words[i] = 0;
	words[0] = msr_read() & ~(uint32_t) MSR_EE;
	for (uint32_t segment = 12; segment < 16; segment++)
		words[segment - 11] = segment_read(segment << 28);
	words[5] = SPR_READ(SPR_SPRG0);
	words[6] = SPR_READ(SPR_SDR1);
	words[7] = SPR_READ(SPR_HID0);
	words[8] = SPR_READ(SPR_DBAT0U);
	words[9] = SPR_READ(SPR_IBAT0U);
}
