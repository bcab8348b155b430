/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * All that this kernel supplies of mm/port.h, for several CPUs. Each CPU runs
 * one thread, on one stack, for good: so CPU and thread are found by the stack
 * pointer, nothing is preempted but by interrupts, and a thread that waits does
 * so with interrupts on.
 */

#include <mm/held.h>
#include <mm/port.h>
#include <mm/tlb.h>

#include "pc.h"

unsigned cpus_up = 1;

static struct thread {
	struct held held;
	bool may_go; /* port_unpark came, and port_park has not seen it yet */
} threads[CONFIG_MAX_CPUS];

static uint32_t milliseconds;

port_irq_t port_irq_save(void)
{
	port_irq_t flags;

	__asm__ volatile("pushf; pop %0; cli" : "=r"(flags) : : "memory");
	return flags;
}

void port_irq_restore(port_irq_t state)
{
	__asm__ volatile("push %0; popf" : : "r"(state) : "memory", "cc");
}

bool port_irq_were_on(port_irq_t state)
{
	return (state & 0x200) != 0;
}

unsigned port_cpu(void)
{
	return ((uintptr_t) __builtin_frame_address(0) - (uintptr_t) stacks) / STACK_SIZE;
}

void port_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

/* ---- other CPUs ---- */

static struct {
	void (*function)(void *argument);
	void *argument;
	unsigned waiting;
} call;
static bool is_called[CONFIG_MAX_CPUS], in_use;

void on_interrupt(void)
{
	tlb_answer();
	if (__atomic_exchange_n(&is_called[port_cpu()], false, __ATOMIC_ACQ_REL)) {
		call.function(call.argument);
		__atomic_fetch_sub(&call.waiting, 1, __ATOMIC_RELEASE);
	}
}

void port_cross_call(void (*function)(void *argument), void *argument)
{
	port_irq_t state = port_irq_save();

	while (__atomic_exchange_n(&in_use, true, __ATOMIC_ACQUIRE))
		on_interrupt();
	call.function = function;
	call.argument = argument;
	call.waiting = cpus_up - 1;
	for (unsigned cpu = 0; cpu < cpus_up; cpu++)
		if (cpu != port_cpu()) {
			__atomic_store_n(&is_called[cpu], true, __ATOMIC_RELEASE);
			send_interrupt(cpu);
		}
	function(argument);
	while (__atomic_load_n(&call.waiting, __ATOMIC_ACQUIRE) != 0)
		on_interrupt();
	__atomic_store_n(&in_use, false, __ATOMIC_RELEASE);
	port_irq_restore(state);
}

void port_interrupt(unsigned cpu)
{
	send_interrupt(cpu);
}

/* ---- threads ---- */

void *port_self(void)
{
	return &threads[port_cpu()];
}

struct held *port_held(void)
{
	return &threads[port_cpu()].held;
}

/* In 32 bits, which one instruction reads: it begins again after 49 days. A kernel that runs longer counts in 64. */
uint64_t port_time_ms(void)
{
	return __atomic_load_n(&milliseconds, __ATOMIC_RELAXED);
}

void port_tick(void)
{
	__atomic_fetch_add(&milliseconds, 1, __ATOMIC_RELAXED);
}

void port_park(unsigned limit)
{
	struct thread *self = port_self();
	uint64_t start = port_time_ms();

	while (!__atomic_exchange_n(&self->may_go, false, __ATOMIC_ACQUIRE))
		if (limit != 0 && port_time_ms() - start >= limit)
			return;
		else
			port_relax();
}

void port_unpark(void *thread)
{
	__atomic_store_n(&((struct thread *) thread)->may_go, true, __ATOMIC_RELEASE);
}

/* ---- log ---- */

void port_log(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	console_print(format, arguments);
	va_end(arguments);
}

void port_panic(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	console_print(format, arguments);
	va_end(arguments);
	machine_exit(false);
}
