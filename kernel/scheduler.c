/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Who runs.
 *
 * Each CPU has a run queue: the ready threads in order of arrival, and an idle
 * thread that is in no queue and runs when there is none. The running thread is
 * in no queue either. So a thread is always in exactly one place:
 *
 *       thread_create               scheduler_switch
 *      ---------------> READY ----------------------------> RUNNING ----> EXITED
 *        run queue ->    ^  <---- preemption, yield -------    |
 *                        |                                     | scheduler_sleep
 *                        '------ wake-up, time-out ------- SLEEPING
 *                                                          (a wait queue, and perhaps the list of time-outs)
 *
 * WHICH CPU. A thread that wakes up or is new goes to the end of the queue of the
 * CPU with least to do, the one it ran on last if that has no more than others;
 * if that CPU idles it is interrupted. One that is preempted or yields stays. A
 * CPU that has nothing left takes the first thread of the longest queue. So no
 * thread waits while a CPU idles (but for the time of the interrupt).
 *
 * LOCK. One spinlock, scheduler_lock, protects all run queues, wait queues and
 * time-outs, and the state of every thread. That a thread's state and its place
 * change together under one lock is why no wake-up is lost. It is held across
 * the switch: the thread that gives the CPU away takes it, and the one that gets
 * the CPU lets it go, in scheduler_switched. Until then the first one's stack is
 * in use, and nobody can look at it, wake it or free it. Nothing is allocated,
 * freed or printed under it (but for a panic and a backtrace). It is the last lock of the order
 * in mm/port.h but those of time and print, so that a thread can be woken in any
 * context.
 *
 * PREEMPTION. A tick on each CPU counts down its running thread's slice, and sets
 * need_resched when it is over and somebody else is ready; so does whoever
 * wakes a thread on a CPU that idles. trap_dispatch calls scheduler_preempt on
 * the way out of an interrupt: only interrupts that came while they were on get
 * there, so the thread that was interrupted held no spinlock.
 *
 * WITHOUT THE LOCK, and what orders it:
 *   need_resched      read by its own CPU only, which then takes the lock: relaxed. A store from another CPU is visible
 *                     before the interrupt that announces it (arch_cpu_interrupt); one from this CPU was made by the
 *                     interrupt handler or by this thread
 *   cpus_up           release in scheduler_init_cpu, acquire in cpu_count: the CPU's run queue is set up
 *   run_queue.interrupts, irq.c's counts
 *                     written by their CPU only, read torn at worst, to be shown
 *   a thread's name, function, argument, context
 *                     written before scheduler_ready_locked, under the lock; then the thread's own
 *   words of a stack  of a thread that runs, to see how deep it was: a word is old or new
 *
 * INVARIANTS (thread_check): run-queue-length; ready-is-queued; sleeping-waits;
 * time-outs-sorted; stack-canary.
 *
 * COST. Switch, preemption: O(1); wake-up, and a switch to the idle thread:
 * O(CPUs). A sleep with a time-out: O(time-outs that end later than this one).
 */

#include <kernel/lib.h>
#include <kernel/panic.h>
#include <kernel/scheduler.h>
#include <kernel/time.h>
#include <mm/as.h>

/* How long a thread runs before others have their turn. */
#define SLICE_MS 20

struct mm_spinlock scheduler_lock = SPINLOCK_INIT;
struct run_queue run_queues[CONFIG_MAX_CPUS];

/* All sleeps with a time-out, the first to end first. */
struct list_link scheduler_timeouts = LIST_INIT(scheduler_timeouts);

static struct thread idle_threads[CONFIG_MAX_CPUS];
static unsigned cpus_up;

static struct thread *thread_of(struct list_link *queue_link)
{
	return CONTAINER_OF(queue_link, struct thread, queue_link);
}

static struct thread *timeout_of(struct list_link *timeout_link)
{
	return CONTAINER_OF(timeout_link, struct thread, timeout_link);
}

static unsigned slice_ticks(void)
{
	return (SLICE_MS * arch_timer_hz + 999) / 1000;
}

void scheduler_init_cpu(uintptr_t stack, size_t stack_size)
{
	unsigned number = cpu_number();
	struct run_queue *queue = &run_queues[number];
	struct thread *idle = &idle_threads[number];

	list_init(&queue->ready);
	queue->idle = queue->running = idle;
	queue->slice = slice_ticks();
	thread_construct(idle, "idle");
	idle->state = THREAD_RUNNING;
	idle->cpu = number;
	idle->is_idle = true;
	idle->stack = stack;
	idle->stack_size = stack_size;
	*thread_canary(idle) = STACK_CANARY;

	port_irq_t state = spinlock_lock(&scheduler_lock);
	thread_enlist_locked(idle);
	__atomic_store_n(&cpus_up, cpus_up + 1, __ATOMIC_RELEASE);
	cpu_current()->thread = idle;
	arch_stack_set(stack, stack_size);
	spinlock_unlock(&scheduler_lock, state);
}

unsigned scheduler_cpu_count(void)
{
	return __atomic_load_n(&cpus_up, __ATOMIC_ACQUIRE);
}

static bool idles(const struct run_queue *queue)
{
	return queue->running == queue->idle;
}

/* Threads that a CPU has to run. */
static size_t load(const struct run_queue *queue)
{
	return queue->length + !idles(queue);
}

/* The CPU with least to do; last if that is one. */
static unsigned least_loaded(unsigned last)
{
	unsigned best = last;

	for (unsigned cpu = 0; cpu < cpus_up; cpu++)
		if (load(&run_queues[cpu]) < load(&run_queues[best]))
			best = cpu;
	return best;
}

/* Lets a CPU that idles look for what it has to run. It sees the flag: arch_cpu_interrupt orders the two. */
static void cpu_wake(struct run_queue *queue, unsigned cpu)
{
	__atomic_store_n(&queue->need_resched, true, __ATOMIC_RELAXED);
	if (CONFIG_MAX_CPUS > 1 && cpu != cpu_number())
		arch_cpu_interrupt(cpu);
}

/* Puts a thread at the end of the queue of the CPU it is to run on. */
static void enqueue(struct thread *thread)
{
	struct run_queue *queue = &run_queues[thread->cpu];

	thread->state = THREAD_READY;
	list_insert_before(&queue->ready, &thread->queue_link);
	queue->length++;
}

void scheduler_ready_locked(struct thread *thread)
{
	thread->cpu = least_loaded(thread->cpu);
	enqueue(thread);
	if (idles(&run_queues[thread->cpu]))
		cpu_wake(&run_queues[thread->cpu], thread->cpu);
}

/* The longest queue of all; some queue if all are empty. */
static struct run_queue *longest_queue(void)
{
	struct run_queue *longest = &run_queues[0];

	for (unsigned cpu = 1; cpu < cpus_up; cpu++)
		if (run_queues[cpu].length > longest->length)
			longest = &run_queues[cpu];
	return longest;
}

/* The next to run, taken out of its queue. */
static struct thread *take_next(struct run_queue *queue)
{
	struct run_queue *from = list_empty(&queue->ready) ? longest_queue() : queue;

	if (list_empty(&from->ready))
		return queue->idle;

	struct thread *next = thread_of(from->ready.next);

	list_remove(&next->queue_link);
	from->length--;
	return next;
}

void scheduler_switched(void)
{
	spinlock_unlock_raw(&scheduler_lock);
}

/* Where no page below a stack faults this is how an overflow is found that no trap has met. */
static inline void stacks_check(const struct thread *old, const struct thread *next)
{
	if (!CONFIG_DEBUG && !THREAD_STACK_DIRECT)
		return;
	if (unlikely(!thread_stack_whole(old)))
		panic("thread %u (%s) has overflowed its stack", old->id, old->name);
	if (unlikely(!thread_stack_whole(next)))
		panic("the stack of thread %u (%s) was overrun", next->id, next->name);
}

void scheduler_switch(void)
{
	struct run_queue *queue = run_queue_current();
	struct thread *old = thread_current();
	struct thread *next = take_next(queue);

	queue->slice = slice_ticks();
	__atomic_store_n(&queue->need_resched, false, __ATOMIC_RELAXED);
	next->state = THREAD_RUNNING;
	next->cpu = cpu_number();
	if (next != old) {
		stacks_check(old, next);
		queue->switches++;
		next->switches++;
		queue->running = next;
		cpu_current()->thread = next;
		as_switch(next->as);
		arch_stack_set(next->stack, next->stack_size);
		context_switch(&old->context, &next->context);
	}
	scheduler_switched();
}

/* Puts the running thread into the list of time-outs, from the end: most sleeps end later than those before them. */
static void timeout_start_locked(struct thread *thread, unsigned milliseconds)
{
	struct list_link *after = scheduler_timeouts.previous;

	thread->deadline = time_deadline(milliseconds);
	while (after != &scheduler_timeouts && timeout_of(after)->deadline > thread->deadline)
		after = after->previous;
	list_insert_before(after->next, &thread->timeout_link);
}

errno_t scheduler_sleep(struct wait_queue *queue, unsigned milliseconds)
{
	struct thread *self = thread_current();

	mm_assert(!thread_is_idle(self), "the idle thread may not sleep");
	self->state = THREAD_SLEEPING;
	self->waits_in = queue;
	list_insert_before(&queue->waiters, &self->queue_link);
	if (milliseconds != 0)
		timeout_start_locked(self, milliseconds);
	scheduler_switch();
	return self->wake_result;
}

void scheduler_wake_locked(struct thread *thread, errno_t result)
{
	list_remove(&thread->queue_link);
	list_remove(&thread->timeout_link);
	thread->waits_in = NULL;
	thread->wake_result = result;
	scheduler_ready_locked(thread);
}

void scheduler_preempt(void)
{
	struct run_queue *queue = run_queue_current();

	if (likely(!__atomic_load_n(&queue->need_resched, __ATOMIC_RELAXED)))
		return;
	spinlock_lock_raw(&scheduler_lock);
	if (thread_current() == queue->idle)
		queue->idle->state = THREAD_READY;
	else
		enqueue(thread_current());
	scheduler_switch();
}

void thread_yield(void)
{
	thread_check_may_sleep(__func__);

	port_irq_t state = spinlock_lock(&scheduler_lock);

	enqueue(thread_current());
	scheduler_switch();
	port_irq_restore(state);
}

static void expire_timeouts_locked(void)
{
	uint64_t now = time_ticks();

	while (!list_empty(&scheduler_timeouts) && timeout_of(scheduler_timeouts.next)->deadline <= now)
		scheduler_wake_locked(timeout_of(scheduler_timeouts.next), ETIMEDOUT);
}

void scheduler_tick(void)
{
	struct run_queue *queue = run_queue_current();

	spinlock_lock_raw(&scheduler_lock);
	queue->ticks++;
	thread_current()->ticks++;
	if (thread_current() == queue->idle)
		queue->idle_ticks++;
	else if ((queue->slice == 0 || --queue->slice == 0) && queue->length != 0)
		__atomic_store_n(&queue->need_resched, true, __ATOMIC_RELAXED);
	expire_timeouts_locked();
	spinlock_unlock_raw(&scheduler_lock);
}

void scheduler_idle(void)
{
	for (;;) {
		(void) interrupts_disable();
		if (__atomic_load_n(&run_queue_current()->need_resched, __ATOMIC_RELAXED))
			scheduler_preempt();
		else
			cpu_idle();
	}
}

bool cpu_get_info(unsigned number, struct cpu_info *info)
{
	if (number >= cpu_count())
		return false;

	const struct run_queue *queue = &run_queues[number];
	port_irq_t state = spinlock_lock(&scheduler_lock);

	info->running = queue->running;
	info->ready = queue->length;
	info->ticks = queue->ticks;
	info->idle_ticks = queue->idle_ticks;
	info->switches = queue->switches;
	info->interrupts = queue->interrupts;
	memcpy(info->running_name, queue->running->name, sizeof(info->running_name));
	spinlock_unlock(&scheduler_lock, state);
	return true;
}
