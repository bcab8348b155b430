/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The backtrace of a thread, whatever it is doing. One that is ready or asleep
 * is held where it is by scheduler_lock while its stack is walked; the running
 * one walks its own. Costs the thread's depth, with interrupts off while it is
 * printed.
 */

#include <kernel/machine.h>
#include <kernel/panic.h>
#include <kernel/print.h>
#include <kernel/scheduler.h>

static struct thread *find_locked(unsigned id)
{
	LIST_EACH(link, &thread_list) {
		struct thread *thread = CONTAINER_OF(link, struct thread, all_link);

		if (thread->id == id)
			return thread;
	}
	return NULL;
}

static void backtrace_locked(const struct thread *thread)
{
	struct unwind unwind;

	if (thread == thread_current())
		backtrace_begin(&unwind);
	else
		unwind_context(&unwind, &thread->context, thread->stack, thread->stack + (thread->stack_size - 1));
	backtrace_print(&unwind);
}

static void print_locked(const struct thread *thread)
{
	if (thread->state == THREAD_EXITED)
		kprintf("It has ended, and waits to be joined.\n");
	else if (thread->state == THREAD_RUNNING && thread != thread_current())
		kprintf("It is running, on CPU %u.\n", thread->cpu);
	else
		backtrace_locked(thread);
}

bool thread_backtrace(unsigned id)
{
	port_irq_t state = spinlock_lock(&scheduler_lock);
	const struct thread *thread = find_locked(id);

	if (thread != NULL)
		print_locked(thread);
	spinlock_unlock(&scheduler_lock, state);
	return thread != NULL;
}
