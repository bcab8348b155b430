/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The scheduler's inside: for kernel/scheduler.c, thread.c, time.c, trap.c and
 * kernel/synch/ only. How it works is told in kernel/scheduler.c.
 */

#ifndef KERNEL_SCHEDULER_H
#define KERNEL_SCHEDULER_H

#include <kernel/thread.h>
#include <mm/page.h>

/* What one CPU runs. Under scheduler_lock; need_resched is read without. */
struct run_queue {
	struct list_link ready; /* threads by queue_link, next to run first */
	size_t length;
	struct thread *running;
	struct thread *idle;
	bool need_resched; /* the running thread is to make room when it may */
	unsigned slice;    /* ticks left to the running thread */
	uint64_t ticks, idle_ticks, switches;
	uint64_t interrupts; /* this CPU only, interrupts off */
};

extern struct mm_spinlock scheduler_lock;
extern struct run_queue run_queues[CONFIG_MAX_CPUS];
extern struct list_link scheduler_timeouts; /* threads by timeout_link, by deadline */
extern struct list_link thread_list;        /* all threads by all_link, by id */

/** This CPU's run queue. Interrupts are off. */
static inline struct run_queue *run_queue_current(void)
{
	return &run_queues[cpu_number()];
}

/** Makes the code that is running this CPU's idle thread, and the stack it runs on that one's. Interrupts are off. */
void scheduler_init_cpu(uintptr_t stack, size_t stack_size);

/** Puts a thread that is in no queue at the end of a run queue, of the CPU with least to do. */
void scheduler_ready_locked(struct thread *thread);

/**
 * Gives the CPU to the next ready thread, or to the idle thread. The running thread has been put where it belongs.
 * Called with scheduler_lock held; returns, when this thread runs again, without, and with interrupts still off.
 */
void scheduler_switch(void);

/** The second half of a switch, for a thread that runs for the first time: lets go of the lock. */
void scheduler_switched(void);

/**
 * Sleeps in a queue. Called with scheduler_lock held; returns without, interrupts still off.
 * @return EOK, or ETIMEDOUT
 */
errno_t scheduler_sleep(struct wait_queue *queue, unsigned milliseconds);

/** Ends the sleep of a thread in a wait queue. */
void scheduler_wake_locked(struct thread *thread, errno_t result);

/** Makes room for the next thread if it is time to. Called on the way out of a trap, interrupts off. */
void scheduler_preempt(void);

/** What a tick means for the running thread and for the time-outs. Interrupts are off. */
void scheduler_tick(void);

/** What an idle thread does. */
void scheduler_idle(void) __attribute__((noreturn));

/* The word that ends every stack, at THREAD_STACK_CANARY. */
#define STACK_CANARY ((uintptr_t) 0x5afe57ac5afe57acull)
/* What a stack is filled with before it is used (debug builds). */
#define STACK_UNUSED ((uintptr_t) 0x57ac57ac57ac57acull)

/** Idle threads run on the stacks that the boot code made, which have no guard page and are not filled. */
static inline bool thread_is_idle(const struct thread *thread)
{
	return thread->is_idle;
}

static inline uintptr_t *thread_canary(const struct thread *thread)
{
	return (uintptr_t *) (thread->stack + THREAD_STACK_CANARY);
}

/** Frames that a new stack takes, at most, with its page tables. */
static inline size_t thread_stack_frames(void)
{
	size_t pages = THREAD_STACK_SIZE >> PAGE_WIDTH;

	return THREAD_STACK_DIRECT ? pages : pages + page_tables_most(pages);
}

/** Whether this thread's stack pointer says that its stack is used up: it is below its end, or just above it. */
bool thread_stack_overflowed(const struct thread *thread, uintptr_t stack_pointer);

static inline bool thread_stack_whole(const struct thread *thread)
{
	return *thread_canary(thread) == STACK_CANARY;
}

/** Sets the fields of a thread that runs nothing yet. */
void thread_construct(struct thread *thread, const char *name);

/** Puts a thread into the list of all threads and gives it its id. */
void thread_enlist_locked(struct thread *thread);

/** Sets up the cache of threads, and the reaper. After km_init. */
MUST_USE errno_t thread_init(void);

#endif
