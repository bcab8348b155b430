/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Backtraces: what the machine's unwinder finds.
 */

#include <kernel/lib.h>
#include <kernel/scheduler.h>
#include <kernel/symbols.h>
#include <test.h>

#define DEPTH 3
#define CALLS 16

struct trace {
	uintptr_t first, last;
	size_t count;
	uintptr_t pc[CALLS];
};

static void trace_fill(struct trace *trace, struct unwind *unwind)
{
	trace->count = 0;
	while (trace->count < CALLS && unwind_next(unwind, &trace->pc[trace->count]))
		trace->count++;
}

/* Whether the call that returns to pc is in a function whose name begins so; the compiler may add to it. */
static bool is_in(uintptr_t pc, const char *name)
{
	size_t offset;
	const char *found = symbol_name(pc - 1, &offset);

	return found != NULL && strncmp(found, name, strlen(name)) == 0;
}

/* Not a tail call: something is to be done after it. */
static NOINLINE void descend(unsigned depth, struct trace *trace)
{
	struct unwind unwind;

	if (depth == 0) {
		unwind_here(&unwind, trace->first, trace->last);
		trace_fill(trace, &unwind);
	} else {
		descend(depth - 1, trace);
	}
	__asm__ volatile("" : : : "memory");
}

TEST(unwind_here, "a backtrace finds each call, in order, up to the case and beyond")
{
	struct trace trace = { .first = thread_current()->stack, .last = thread_current()->stack + THREAD_STACK_SIZE - 1 };

	descend(DEPTH, &trace);
	NEED(trace.count > DEPTH + 1);
	for (size_t i = 0; i < DEPTH; i++)
		CHECK(is_in(trace.pc[i], "descend") && trace.pc[i] == trace.pc[0]);
	CHECK(!is_in(trace.pc[DEPTH], "descend"));
}

TEST(unwind_bounds, "a backtrace reads nothing outside of its bounds")
{
	uintptr_t here = (uintptr_t) __builtin_frame_address(0), stack = thread_current()->stack;
	struct trace trace = { .first = stack, .last = here - 1 };

	descend(DEPTH, &trace);
	CHECK(trace.count <= DEPTH + 2); /* what lies above the case's frame, or on SPARC above its end, is beyond */
	trace.first = here;
	trace.last = stack + THREAD_STACK_SIZE - 1;
	descend(DEPTH, &trace);
	CHECK_EQ(trace.count, 0);
	trace.first = 0;
	trace.last = 0;
	descend(DEPTH, &trace);
	CHECK_EQ(trace.count, 0);
}

static void sleep_till_unparked(void *argument)
{
	volatile bool *go_on = argument;

	while (!*go_on)
		(void) thread_park(0);
}

/* @return whether it was asleep */
static bool trace_sleeper(const struct thread *thread, struct trace *trace)
{
	port_irq_t state = spinlock_lock(&scheduler_lock);
	bool asleep = thread->state == THREAD_SLEEPING;
	struct unwind unwind;

	if (asleep) {
		unwind_context(&unwind, &thread->context, thread->stack, thread->stack + THREAD_STACK_SIZE - 1);
		trace_fill(trace, &unwind);
	}
	spinlock_unlock(&scheduler_lock, state);
	return asleep;
}

TEST(unwind_context, "the backtrace of a thread that sleeps leads to its function, and ends", .threads = true)
{
	struct trace trace = { 0 };
	volatile bool go_on = false;
	struct thread *thread = thread_create("sleeper", sleep_till_unparked, (void *) &go_on, FRAME_ATOMIC);
	size_t found = 0;

	NEED(thread != NULL);
	while (!trace_sleeper(thread, &trace))
		thread_yield();
	for (size_t i = 0; i < trace.count; i++)
		found += is_in(trace.pc[i], "sleep_till_unparked");
	CHECK_EQ(found, 1);
	CHECK(trace.count < CALLS);
	go_on = true;
	thread_unpark(thread);
	thread_join(thread);
}
