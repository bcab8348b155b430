/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the probe of user mode wants (kernel/machine.h). The registers are r0 to r12, lr,
 * the flags, and TPIDRURW, which user mode writes.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/user.h>
#include <kernel/machine.h>

enum { REGISTER_LR = 13, REGISTER_FLAGS, REGISTER_TLS, REGISTERS };

extern const char user_privileged_start[], user_privileged_end[];

size_t user_privileged(size_t number)
{
	const char *instruction = user_privileged_start + number * PRIVILEGED_SIZE;

	return instruction < user_privileged_end ? (size_t) (instruction - user_program_start) : 0;
}

size_t user_register_count(void)
{
	return REGISTERS;
}

const char *user_register_name(size_t number)
{
	static const char *const names[REGISTERS] = { "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10",
		"r11", "r12", "lr", "flags", "TPIDRURW" };

	return names[number];
}

uintptr_t *user_register(struct trap_frame *frame, size_t number)
{
	switch (number) {
	case REGISTER_LR:
		return (uintptr_t *) &frame->lr;
	case REGISTER_FLAGS:
		return (uintptr_t *) &frame->cpsr;
	case REGISTER_TLS:
		return (uintptr_t *) &frame->user_tls;
	default:
		return (uintptr_t *) &frame->r[number];
	}
}

/* In user mode MRS gives the flags alone (B9.3.8). */
uintptr_t user_register_bits(size_t number)
{
	return number == REGISTER_FLAGS ? CPSR_FLAGS : ~(uintptr_t) 0;
}

uintptr_t user_register_value(size_t number, unsigned seed)
{
	uint64_t bits = ((seed >> 1) * 64ull + number + 1) * 0x9e3779b97f4a7c15ull;
	uintptr_t value = (uintptr_t) (bits >> 32);

	if ((seed & 1) != 0)
		value = ~value;
	return number == REGISTER_FLAGS ? CPSR_USER | (value & CPSR_FLAGS) : value;
}

/* There is no trap after one instruction without the debugger's registers. */
unsigned user_debug_set(struct trap_frame *frame, bool on)
{
	(void) frame;
	(void) on;
	return 0;
}

void user_frame_init(struct trap_frame *frame, uintptr_t pc, uintptr_t stack_pointer)
{
	*frame = (struct trap_frame){ .pc = pc, .sp = stack_pointer, .cpsr = CPSR_USER };
}

void cpu_state_read(uintptr_t words[CPU_STATE_WORDS])
{
	for (size_t i = 0; i < CPU_STATE_WORDS; i++)
		words[i] = 0;
	words[0] = CP15_READ(1, 0, 0, 0);  /* SCTLR */
	words[1] = CP15_READ(2, 0, 0, 2);  /* TTBCR */
	words[2] = CP15_READ(2, 0, 0, 1);  /* TTBR1 */
	words[3] = CP15_READ(3, 0, 0, 0);  /* DACR */
	words[4] = CP15_READ(12, 0, 0, 0); /* VBAR */
	words[5] = CP15_READ(1, 0, 0, 2);  /* CPACR */
	words[6] = CP15_READ(14, 0, 1, 0); /* CNTKCTL */
	words[7] = CP15_READ(9, 0, 14, 0); /* PMUSERENR */
	words[8] = CP15_READ(13, 0, 0, 3); /* TPIDRURO */
	words[9] = (uintptr_t) cpu_current();
	words[10] = cpsr_read() & ~(CPSR_FLAGS | CPSR_IRQ_OFF | CPSR_ABORT_OFF);
}
