/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who called whom. How a stack is taken apart is the machine's (struct unwind,
 * kernel/machine.h); here is which stack that is, and what is printed. The bounds
 * of the trace are those of the running thread's stack; a stack that belongs to
 * no thread (of a trap that has one of its own, of the boot before there are
 * threads), or that has been left, has none, and the machine's care must do.
 *
 * This runs when things are broken, so the trace ends after BACKTRACE_MOST calls.
 * Any context.
 */

#include <kernel/panic.h>
#include <kernel/print.h>
#include <kernel/symbols.h>
#include <kernel/thread.h>
#include <kernel/trap.h>

#define BACKTRACE_MOST 32

void print_symbol(uintptr_t va)
{
	size_t offset;
	const char *name = symbol_name(va, &offset);

	if (name != NULL)
		kprintf("%s+0x%zx", name, offset);
	else
		kprintf("%p", (void *) va);
}

/* The call before a return address; that may lie beyond the function's end, if what was called never returns. */
static void print_call(uintptr_t return_address)
{
	size_t offset;
	const char *name = symbol_name(return_address - 1, &offset);

	if (name != NULL)
		kprintf("  %p  %s+0x%zx\n", (void *) return_address, name, offset + 1);
	else
		kprintf("  %p\n", (void *) return_address);
}

void backtrace_bounds(const struct thread *thread, uintptr_t stack_pointer, uintptr_t *first, uintptr_t *last)
{
	bool known = thread != NULL && stack_pointer - thread->stack < thread->stack_size;

	*first = known ? thread->stack : 0;
	*last = known ? thread->stack + (thread->stack_size - 1) : UINTPTR_MAX;
}

void backtrace_print(struct unwind *unwind)
{
	uintptr_t pc;

	for (unsigned calls = 0; calls < BACKTRACE_MOST && unwind_next(unwind, &pc); calls++)
		print_call(pc);
}

void backtrace_print_trap(const struct trap_frame *frame)
{
	struct trap_report report;
	struct unwind unwind;
	uintptr_t first, last;

	trap_report(frame, &report);
	kprintf("  %p  ", (void *) report.pc);
	print_symbol(report.pc);
	kprintf("\n");
	backtrace_bounds(thread_current(), report.stack_pointer, &first, &last);
	unwind_trap(&unwind, frame, first, last);
	backtrace_print(&unwind);
}
