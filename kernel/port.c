/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The kernel's half of mm/port.h, but for the five inline functions
 * (port_inline.h) and port_panic (panic.c). What is promised is told there.
 */

#include <kernel/print.h>
#include <kernel/thread.h>
#include <mm/port.h>

/* One CPU is up, so running here is running everywhere. */
void port_cross_call(void (*function)(void *argument), void *argument)
{
	mm_assert(interrupts_are_on(), "called with interrupts off");

	port_irq_t state = port_irq_save();

	function(argument);
	port_irq_restore(state);
}

void *port_self(void)
{
	return thread_current();
}

void port_park(unsigned milliseconds)
{
	(void) thread_park(milliseconds);
}

void port_unpark(void *thread)
{
	thread_unpark(thread);
}

void port_log(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vkprint_line(format, arguments);
	va_end(arguments);
}
