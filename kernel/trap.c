/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Every trap comes here, with interrupts off, on the stack of the thread that
 * was interrupted:
 *
 *   entry code saves registers -> trap_dispatch -> interrupt: irq_dispatch, then perhaps another thread
 *   (the machine)                               -> any but that out of user mode: thread->user_trap, if it has one
 *                                               -> breakpoint: logged, and passed over
 *                                               -> system call: answered; there is none yet
 *                                               -> stop: another CPU has panicked or halted; this one parks
 *                                               -> page fault whose page is there by now: tried again
 *                                               -> page fault in a borrowed address space: as_page_fault; what it
 *                                                  refuses ends a user_copy_in or _out with EFAULT. A fault that no
 *                                                  answer of the address space can cure (the CPU refuses the entry
 *                                                  itself, or forbids the kernel this access) is never given to it:
 *                                                  it would come again and again
 *                                               -> fault in a probe: the probe returns false
 *                                               -> anything else: panic with the registers
 *
 * A thread is taken off the CPU here only if it had interrupts on: that is so for
 * every interrupt, and for every trap out of user mode.
 */

#include <kernel/panic.h>
#include <kernel/print.h>
#include <kernel/scheduler.h>
#include <kernel/symbols.h>
#include <kernel/trap.h>
#include <kernel/thread.h>
#include <kernel/trap_internal.h>
#include <mm/as.h>
#include <mm/page_miss.h>
#include <mm/tlb.h>

COLD static void breakpoint(const struct trap_frame *frame)
{
	struct trap_report report;

	trap_report(frame, &report);
	kprintf("breakpoint at ");
	print_symbol(report.pc);
	kprintf("\n");
	trap_frame_print(frame);
	backtrace_print_trap(frame);
}

static const char *access_name(const struct trap_info *info)
{
	return info->access & AS_ACCESS_EXEC ? "execute" : info->access & AS_ACCESS_WRITE ? "write to" : "read from";
}

/*
 * Whether the running thread has used up its stack. A frame of many pages lies beyond the guard page as a whole, so the
 * stack pointer may be far below it; an access that looks before it moves the stack pointer is seen by its address.
 */
static bool stack_overflowed(const struct trap_info *info, const struct trap_report *report)
{
	const struct thread *thread = thread_current();

	if (info->from_user || thread == NULL || thread_is_idle(thread))
		return false;
	return thread_stack_overflowed(thread, report->stack_pointer) ||
		(info->kind == TRAP_PAGE_FAULT && thread->stack - info->address - 1 < PAGE_SIZE);
}

COLD void trap_overflow(const struct trap_frame *frame)
{
	const struct thread *thread = thread_current();
	struct trap_report report;
	const char *name;
	size_t offset = 0;

	trap_report(frame, &report);
	name = symbol_name(report.pc, &offset);
	panic_trap(frame, "thread %u (%s) has overflowed its stack at %p (%s+0x%zx)", thread->id, thread->name,
		(void *) report.pc, name != NULL ? name : "no function", offset);
}

static const char *fault_reason(const struct trap_info *info, const struct trap_report *report)
{
	if (report->broken)
		return "in whose page tables a bit is set that this CPU reserves";
	if (!info->is_curable && info->address - USER_START <= USER_LAST - USER_START)
		return "the user's, and this is no copy to or from it";
	return report->present ? "mapped, but not for that" : "not mapped";
}

COLD static void __attribute__((noreturn)) fatal(const struct trap_frame *frame, const struct trap_info *info)
{
	const char *name, *mode = info->from_user ? "user mode" : "the kernel";
	struct trap_report report;
	size_t offset = 0;
	void *pc;

	trap_report(frame, &report);
	pc = (void *) report.pc;
	name = symbol_name(report.pc, &offset);
	if (name == NULL)
		name = "no function";
	if (stack_overflowed(info, &report))
		trap_overflow(frame);
	if (info->kind == TRAP_PAGE_FAULT)
		panic_trap(frame, "page fault in %s: cannot %s %p, which is %s, at %p (%s+0x%zx)", mode, access_name(info),
			(void *) info->address, fault_reason(info, &report), pc, name, offset);
	panic_trap(frame, "%s (trap %u) in %s at %p (%s+0x%zx)", report.name, info->number, mode, pc, name, offset);
}

/*
 * Whether the page is there by now, and allows it: the TLB kept that it was not (TLB_KEEPS_INVALID), or it was away for
 * a moment (PTE_BREAK_FIRST; in the user part as_page_fault looks).
 */
static bool is_stale(const struct trap_info *info)
{
	page_flags_t wanted = (info->access & AS_ACCESS_WRITE ? PAGE_WRITE : 0) |
		(info->access & AS_ACCESS_EXEC ? PAGE_EXEC : 0) | (info->from_user ? PAGE_USER : 0);

	bool is_possible =
		TLB_KEEPS_INVALID || (PTE_BREAK_FIRST && info->address - KERNEL_START <= KERNEL_LAST - KERNEL_START);

	return is_possible && page_fault_is_stale(tlb_table(), info->address, wanted);
}

/*
 * A page fault in the user part, where the running thread may sleep: the address space it has borrowed answers, with
 * interrupts on. @return whether the thread can go on
 */
static bool page_fault(struct trap_frame *frame, const struct trap_info *info)
{
	struct thread *thread = thread_current();
	enum as_fault_result result;
	unsigned access;

	if (is_stale(info))
		return true;
	if (thread == NULL || thread->as == NULL || !info->interrupts_on || !info->is_curable ||
		info->address - USER_START > USER_LAST - USER_START)
		return false;
	access = info->access | (thread->copy_landing != NULL ? AS_ACCESS_COPYING : 0);
	interrupts_enable();
	result = as_page_fault(thread->as, info->address, access, FRAME_ATOMIC);
	(void) interrupts_disable();
	if (likely(result == AS_FAULT_OK))
		return true;
	if (result == AS_FAULT_DEFERRED)
		user_copy_fail(frame);
	return result == AS_FAULT_DEFERRED;
}

/* Whether the thread answers its traps out of user mode itself, and has answered this one. */
static bool user_answered(struct trap_frame *frame, const struct trap_info *info)
{
	const struct thread *thread = thread_current();

	return info->from_user && thread->user_trap != NULL && thread->user_trap(frame, info);
}

static void interrupt(struct trap_frame *frame, const struct trap_info *info)
{
	irq_dispatch(info->number);
	(void) user_answered(frame, info); /* it may look, and go on elsewhere */
}

/* Any trap but a page fault that its address space has answered. */
static NOINLINE void handle(struct trap_frame *frame, const struct trap_info *info)
{
	if (CONFIG_MAX_CPUS > 1 && info->kind == TRAP_STOP)
		arch_cpu_park();
	else if (info->kind == TRAP_INTERRUPT)
		interrupt(frame, info);
	else if (user_answered(frame, info))
		return;
	else if (info->kind == TRAP_BREAKPOINT)
		breakpoint(frame);
	else if (info->kind == TRAP_SYSTEM_CALL && info->from_user)
		trap_set_result(frame, (uintptr_t) -ENOENT); /* there are no system calls yet */
	else if (info->from_user || !probe_caught(frame, info->kind))
		fatal(frame, info);
}

void trap_dispatch(struct trap_frame *frame)
{
	struct trap_info info;

	trap_describe(frame, &info);
	if (info.kind != TRAP_PAGE_FAULT || !page_fault(frame, &info))
		handle(frame, &info);
	/* Else the access is tried again, or its copy has failed. */
	if (info.kind == TRAP_INTERRUPT || info.from_user)
		scheduler_preempt();
}
