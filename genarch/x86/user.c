/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the probe of user mode wants of a PC (kernel/machine.h). The registers are
 * those of trap_registers, and after them the flags.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/machine.h>
#include <x86/user.h>

#define FLAGS_ARITHMETIC ((uintptr_t) 0x8d5)
#define FLAGS_TRAP ((uintptr_t) 1 << 8)

extern const char user_privileged_start[], user_privileged_umip[], user_privileged_end[];

size_t user_privileged(size_t number)
{
	const char *end = (cr4_read() & CR4_UMIP) != 0 ? user_privileged_end : user_privileged_umip;
	const char *instruction = user_privileged_start + number * PRIVILEGED_SIZE;

	return instruction < end ? (size_t) (instruction - user_program_start) : 0;
}

size_t user_register_count(void)
{
	return trap_register_count + 1;
}

static bool is_flags(size_t number)
{
	return number == trap_register_count;
}

const char *user_register_name(size_t number)
{
	return is_flags(number) ? "flags" : trap_registers[number].name;
}

uintptr_t *user_register(struct trap_frame *frame, size_t number)
{
	return is_flags(number) ? &frame->flags : trap_register(frame, &trap_registers[number]);
}

/* PUSH of a selector may leave the upper half of the word as it was (SDM vol. 2B, "PUSH"). */
uintptr_t user_register_bits(size_t number)
{
	if (is_flags(number))
		return ~(uintptr_t) FLAGS_RESUME;
	return trap_registers[number].kind == SELECTOR_KIND ? 0xffff : ~(uintptr_t) 0;
}

/* A selector is of the user's data segment, or empty. */
uintptr_t user_register_value(size_t number, unsigned seed)
{
	uint64_t bits = ((seed >> 1) * 64ull + number + 1) * 0x9e3779b97f4a7c15ull;
	uintptr_t value = (uintptr_t) (bits >> (64 - 8 * sizeof(uintptr_t)));

	if ((seed & 1) != 0)
		value = ~value;
	if (is_flags(number))
		return FLAGS_USER | (value & FLAGS_FREE);
	if (trap_registers[number].kind == SELECTOR_KIND)
		return ((number + seed) & 1) != 0 ? USER_DATA_SELECTOR : 0;
	return value;
}

unsigned user_debug_set(struct trap_frame *frame, bool on)
{
	frame->flags = (frame->flags & ~FLAGS_TRAP) | (on ? FLAGS_TRAP : 0);
	return VECTOR_DEBUG;
}

#define SELECTOR(name)                                                \
	({                                                                \
		uint16_t selector;                                            \
		__asm__ volatile("mov %%" #name ", %0" : "=r"(selector) : :); \
		(uintptr_t) selector;                                         \
	})

void cpu_state_read(uintptr_t words[CPU_STATE_WORDS])
{
	uintptr_t flags;

	__asm__ volatile("pushf; pop %0" : "=r"(flags) : : "memory");
	for (size_t i = 0; i < CPU_STATE_WORDS; i++)
		words[i] = 0;
	words[0] = cr0_read();
	words[1] = cr4_read();
	words[2] = flags & ~(FLAGS_ARITHMETIC | FLAGS_INTERRUPT);
	words[3] = SELECTOR(cs);
	words[4] = SELECTOR(ds);
	words[5] = SELECTOR(es);
	words[6] = SELECTOR(fs);
	words[7] = SELECTOR(gs);
	words[8] = (uintptr_t) cpu_current();
	machine_state_read(words + 9);
}
