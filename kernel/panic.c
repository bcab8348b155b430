/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Stopping, and telling why: the message, the registers if a trap is to blame,
 * where it happened, who called whom; then halt.
 *
 * The first CPU that panics stops the others, and prints; one that panics too
 * waits to be stopped. A panic within
 * a panic says only its message, a third one nothing; so whatever is broken,
 * this comes to its end. Nothing here takes a lock.
 */

#include <kernel/panic.h>
#include <kernel/print.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/trap.h>

static uint32_t panicking_cpu; /* 1 + number; 0 = none */
static unsigned panic_depth;

/* Whether this CPU may tell; another one's turn never comes. */
static void panic_enter(void)
{
	uint32_t none = 0, here = cpu_number() + 1;

	(void) interrupts_disable();
	if (!__atomic_compare_exchange_n(&panicking_cpu, &none, here, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED) &&
		none != here)
		for (;;)
			cpu_relax();
	if (++panic_depth > 2)
		halt(HALT_PANIC);
	if (CONFIG_MAX_CPUS > 1 && panic_depth == 1)
		arch_cpus_stop();
	print_break_lock();
}

static void print_where(void)
{
	const struct thread *thread = thread_current();

	kprintf("CPU %u, ", cpu_number());
	if (thread != NULL)
		kprintf("thread %u (%s)\n", thread->id, thread->name);
	else
		kprintf("before there were threads\n");
}

/* Either frame or unwind is NULL: a trap is to blame, or none. */
static void __attribute__((noreturn, format(printf, 3, 0)))
stop(const struct trap_frame *frame, struct unwind *unwind, const char *format, va_list arguments)
{
	panic_enter();
	kprintf("\npanic: ");
	vkprintf(format, arguments);
	kprintf("\n");
	if (panic_depth == 1) {
		print_where();
		if (frame != NULL) {
			trap_frame_print(frame);
			backtrace_print_trap(frame);
		} else {
			backtrace_print(unwind);
		}
	}
	halt(HALT_PANIC);
}

void panic(const char *format, ...)
{
	struct unwind unwind;
	va_list arguments;

	backtrace_begin(&unwind);
	va_start(arguments, format);
	stop(NULL, &unwind, format, arguments);
}

void panic_trap(const struct trap_frame *frame, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	stop(frame, NULL, format, arguments);
}

void port_panic(const char *format, ...)
{
	struct unwind unwind;
	va_list arguments;

	backtrace_begin(&unwind);
	va_start(arguments, format);
	stop(NULL, &unwind, format, arguments);
}
