/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The end. The machine may know how to turn itself off, or how to end the emulator
 * with a status; if not, or if nobody listens, the console says that it has
 * halted, and it waits for the power switch. Takes no lock: the text goes to the
 * device, as another CPU may have been stopped while it held the console's.
 */

#include <kernel/panic.h>

void halt(unsigned status)
{
	static const char halted[] = "The machine is halted.\r\n";

	(void) interrupts_disable();
	if (CONFIG_MAX_CPUS > 1)
		arch_cpus_stop();
	arch_halt(status);
	for (size_t i = 0; halted[i] != 0; i++)
		arch_console_write(halted[i]);
	for (;;)
		cpu_wait();
}
