/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The CPUs together: starting the others, and calling them.
 *
 * One interrupt serves all that a CPU may want of another (cpu_called):
 * translations to be dropped (mm/tlb.h), functions to be run (port_cross_call),
 * and a thread to be run, which the way out of the interrupt sees to
 * (need_resched).
 *
 * CALLS. Each CPU has one call of its own, and an inbox, the set of CPUs that
 * have called it. The caller writes its call, puts itself into the inbox of
 * each CPU that is up, interrupts those whose inbox was empty, runs the
 * function itself, and waits till all have run it. It does all that with
 * interrupts off, so that the call stays its CPU's; while it waits it does what
 * it is called for itself. So two that call each other both come to an end,
 * and so does one that calls a CPU which waits for translations to be dropped
 * here. Whoever else has interrupts off does not wait for another CPU but in a
 * spinlock, and no caller holds one.
 *
 * ORDER. Putting the caller into an inbox and taking it out are sequentially
 * consistent: the call that was written before is seen by the CPU that takes it
 * out. A caller that finds the inbox not empty sends no interrupt, since the one
 * that found it empty has sent it, or is about to: it is visible in the inbox
 * before its interrupt arrives (arch_cpu_interrupt), so the interrupt finds
 * everybody who came before it. What the function wrote elsewhere is ordered by
 * `waiting`: counted down with release, found 0 with acquire.
 *
 * ONE CPU, CONFIG_MAX_CPUS 1: cpu_count is a constant, so none of this is left, and
 * a machine need not have the functions for other CPUs. Of those only arch_cpus_start
 * is called: it may say that there are more.
 *
 * COST. An interrupt on each other CPU, and the time of the slowest.
 */

#include <kernel/cpus.h>
#include <kernel/machine.h>
#include <kernel/scheduler.h>
#include <kernel/trap.h>
#include <mm/assert.h>
#include <mm/cpu_set.h>
#include <mm/tlb.h>

struct call {
	void (*function)(void *argument);
	void *argument;
	unsigned waiting; /* CPUs that have not run it yet */
} __attribute__((aligned(CACHE_LINE)));

static struct call calls[CONFIG_MAX_CPUS];      /* by who calls */
static struct cpu_set inboxes[CONFIG_MAX_CPUS]; /* by who is called */

errno_t cpus_init(void)
{
	port_irq_t state = port_irq_save();

	tlb_cpu_start();
	arch_cpus_start();
	port_irq_restore(state);
	return EOK;
}

void cpu_main(uintptr_t stack, size_t stack_size)
{
	tlb_cpu_start();
	scheduler_init_cpu(stack, stack_size);
	scheduler_idle();
}

#if CONFIG_MAX_CPUS == 1
#ifdef KERNEL_ONE_CPU_H
struct cpu cpu_only;
#endif

void __attribute__((weak)) arch_cpus_start(void)
{
}

void __attribute__((weak)) arch_cpu_interrupt(unsigned cpu)
{
	(void) cpu;
}

void __attribute__((weak)) arch_cpus_stop(void)
{
}

void __attribute__((weak)) arch_cpu_park(void)
{
	for (;;)
		cpu_wait();
}
#endif

static void run_call(unsigned caller)
{
	struct call *call = &calls[caller];

	call->function(call->argument);
	__atomic_fetch_sub(&call->waiting, 1, __ATOMIC_RELEASE);
}

void cpu_called(void)
{
	tlb_answer();
	cpu_set_take_all(&inboxes[cpu_number()], run_call);
}

void port_interrupt(unsigned cpu)
{
	if (CONFIG_MAX_CPUS > 1)
		arch_cpu_interrupt(cpu);
}

static void call_others(struct call *call, unsigned here, unsigned count)
{
	for (unsigned cpu = 0; cpu < count; cpu++)
		if (cpu != here && cpu_set_put(&inboxes[cpu], here))
			arch_cpu_interrupt(cpu);
	call->function(call->argument);
	while (__atomic_load_n(&call->waiting, __ATOMIC_ACQUIRE) != 0) {
		cpu_called();
		cpu_relax();
	}
}

void port_cross_call(void (*function)(void *argument), void *argument)
{
	mm_assert(interrupts_are_on(), "called with interrupts off");

	port_irq_t state = port_irq_save();
	unsigned here = cpu_number(), count = cpu_count();

	calls[here] = (struct call){ function, argument, count - 1 };
	call_others(&calls[here], here, count);
	port_irq_restore(state);
}
