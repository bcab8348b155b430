/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * User mode, and what its probe wants of the machine (kernel/machine.h). The registers are those of trap_registers. The
 * floating-point unit is out of reach: PSTATE.PEF is never set.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/lib.h>
#include <kernel/machine.h>

#include "tlb.h"
#include "user.h"

extern const char user_privileged_start[], user_privileged_end[];

/* Where those of them that have fewer than 64 bits stand in trap_registers. */
enum { REGISTER_Y = 14, REGISTER_CCR = 15, REGISTER_ASI = 16, REGISTER_FPRS = 17 };

void user_frame_init(struct trap_frame *frame, uintptr_t pc, uintptr_t stack_pointer)
{
	memset(frame, 0, sizeof(*frame));
	frame->state = TSTATE_IE;
	frame->pc = pc;
	frame->next_pc = pc + 4;
	frame->out[REGISTER_SP] = stack_pointer;
	frame->windows = 1;
}

size_t user_privileged(size_t number)
{
	const char *instruction = user_privileged_start + 4 * number;

	return instruction < user_privileged_end ? (size_t) (instruction - user_program_start) : 0;
}

size_t user_register_count(void)
{
	return USER_REGISTERS;
}

const char *user_register_name(size_t number)
{
	return trap_registers[number].name;
}

uintptr_t *user_register(struct trap_frame *frame, size_t number)
{
	return trap_register(frame, &trap_registers[number]);
}

uintptr_t user_register_bits(size_t number)
{
	switch (number) {
	case REGISTER_Y:
		return UINT32_MAX;
	case REGISTER_CCR:
	case REGISTER_ASI:
		return 0xff;
	case REGISTER_FPRS:
		return 7;
	default:
		return UINTPTR_MAX;
	}
}

uintptr_t user_register_value(size_t number, unsigned seed)
{
	uint64_t bits = ((seed >> 1) * 64ull + number + 1) * 0x9e3779b97f4a7c15ull;
	uintptr_t value = bits ^ bits >> 29;

	return ((seed & 1) != 0 ? ~value : value) & user_register_bits(number);
}

/* There is no such trap. */
unsigned user_debug_set(struct trap_frame *frame, bool on)
{
	(void) frame;
	(void) on;
	return 0;
}

#define PRIVILEGED(name)                                                         \
	({                                                                           \
		uint64_t privileged;                                                     \
		__asm__ volatile("rdpr %%" name ", %0" : "=r"(privileged) : : "memory"); \
		privileged;                                                              \
	})

void cpu_state_read(uintptr_t words[CPU_STATE_WORDS])
{
	uint64_t fprs;

	__asm__ volatile("rd %%fprs, %0" : "=r"(fprs) : : "memory");
	for (size_t i = 0; i < CPU_STATE_WORDS; i++)
		words[i] = 0;
	words[0] = PRIVILEGED("pstate") & ~(uint64_t) PSTATE_IE;
	words[1] = PRIVILEGED("tba");
	words[2] = PRIVILEGED("wstate");
	words[3] = PRIVILEGED("otherwin");
	words[4] = PRIVILEGED("cleanwin");
	words[5] = PRIVILEGED("tl");
	words[6] = PRIVILEGED("pil");
	words[7] = PRIVILEGED("cansave") + PRIVILEGED("canrestore");
	words[8] = fprs;
	words[9] = ASI_READ(ASI_LSU, 0);
	words[10] = ASI_READ(ASI_ITLB_ENTRY, TLB_LOCKED << TLB_ENTRY_SHIFT);
	words[11] = (uintptr_t) cpu_current();
}
