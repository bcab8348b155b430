/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The program that the probe of user mode runs, as the machine's assembler has
 * named its places (kernel/machine.h).
 */

#include <kernel/machine.h>

extern const char user_store[], user_load[], user_spin[], user_read[], user_write[], user_breakpoint[], user_litter[];

const char *user_program(size_t *bytes)
{
	*bytes = (size_t) (user_program_end - user_program_start);
	return user_program_start;
}

size_t user_step(enum user_step step)
{
	static const char *const steps[USER_STEPS] = {
		[USER_STORE] = user_store,
		[USER_LOAD] = user_load,
		[USER_SPIN] = user_spin,
		[USER_READ] = user_read,
		[USER_WRITE] = user_write,
		[USER_BREAKPOINT] = user_breakpoint,
		[USER_LITTER] = user_litter,
	};

	return (size_t) (steps[step] - user_program_start);
}
