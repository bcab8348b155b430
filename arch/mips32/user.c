/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * User mode, and what its probe wants of the machine (kernel/machine.h). The
 * registers are those of trap_registers. Floating-point
 * registers are out of reach: no coprocessor but the kernel's own is ever usable (Status.CU).
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/machine.h>

#include "user.h"

extern const char user_privileged_start[], user_privileged_end[];

void user_frame_init(struct trap_frame *frame, uintptr_t pc, uintptr_t stack_pointer)
{
	*frame = (struct trap_frame){
		.status = (CP0_READ(CP0_STATUS) & ~(uintptr_t) STATUS_MODE) | STATUS_UM | STATUS_EXL | STATUS_IE, .epc = pc
	};
	frame->registers[REGISTER_SP] = stack_pointer;
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
	(void) number;
	return ~(uintptr_t) 0;
}

uintptr_t user_register_value(size_t number, unsigned seed)
{
	uint64_t bits = ((seed >> 1) * 64ull + number + 1) * 0x9e3779b97f4a7c15ull;
	uintptr_t value = (uintptr_t) (bits >> 32);

	return (seed & 1) != 0 ? ~value : value;
}

/* Single steps are the debug port's (EJTAG), which the kernel does not have. */
unsigned user_debug_set(struct trap_frame *frame, bool on)
{
	(void) frame;
	(void) on;
	return 0;
}

void cpu_state_read(uintptr_t words[CPU_STATE_WORDS])
{
	for (size_t i = 0; i < CPU_STATE_WORDS; i++)
		words[i] = 0;
	words[0] = CP0_READ(CP0_STATUS);
	words[1] = CP0_READ(CP0_CONFIG);
	words[2] = CP0_READ(CP0_HWRENA);
	words[3] = CP0_READ(CP0_WIRED);
	words[4] = CP0_READ(CP0_PAGE_MASK);
	words[5] = CP0_READ(CP0_EBASE);
	words[6] = (uintptr_t) cpu_current();
}
