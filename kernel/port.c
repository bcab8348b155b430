/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The kernel's half of mm/port.h, but for the five inline functions
 * (port_inline.h), port_panic (panic.c) and what concerns other CPUs (cpus.c).
 * What is promised is told there.
 */

#include <kernel/print.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <mm/port.h>

void *port_self(void)
{
	return thread_current();
}

struct held *port_held(void)
{
	static struct held before_threads;
	struct thread *self = thread_current();

	return self != NULL ? &self->held : &before_threads;
}

void port_park(unsigned milliseconds)
{
	(void) thread_park(milliseconds);
}

void port_unpark(void *thread)
{
	thread_unpark(thread);
}

uint64_t port_time_ms(void)
{
	return time_ms();
}

void port_log(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vkprint_line(format, arguments);
	va_end(arguments);
}
