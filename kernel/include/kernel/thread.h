/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Threads of the kernel: preemptive, round robin, one run queue a CPU. How it
 * works is told in kernel/scheduler.c (who runs) and kernel/thread.c (making
 * threads and ending them).
 *
 * A thread may sleep whenever interrupts are on. Whoever holds a spinlock has
 * them off, so a primitive that may sleep, called with a spinlock held, in an
 * interrupt handler, or before there are threads, stops the kernel with a
 * sentence that names it, even if there would have been nothing to wait for.
 */

#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include <kernel/list.h>
#include <kernel/machine.h>
#include <kernel/synch.h>
#include <mm/frame.h>
#include <mm/held.h>

#define THREAD_NAME_SIZE 24

enum thread_state {
	THREAD_READY,    /* in a run queue */
	THREAD_RUNNING,  /* on a CPU */
	THREAD_SLEEPING, /* in a wait queue, with or without a time-out */
	THREAD_EXITED    /* its function has returned; waits for thread_join */
};

struct trap_frame;
struct trap_info;

/* Fields below the line belong to the scheduler and are protected by scheduler_lock. */
struct thread {
	struct context context; /* saved registers, while it is not running */
	char name[THREAD_NAME_SIZE];
	unsigned id; /* from 1, never used again */
	void (*function)(void *argument);
	void *argument;
	struct as *as;      /* the address space it has borrowed, and holds; NULL = none. Its own to change */
	void *copy_landing; /* where a copy that cannot go on ends (kernel/user_copy.c); its own */
	/*
	 * What answers its traps out of user mode that its address space does not, on its own stack with interrupts off:
	 * true if it did, and the thread goes on as the frame says; it may end the thread instead. Interrupts have been
	 * served already. NULL = the kernel answers. Its own
	 */
	bool (*user_trap)(struct trap_frame *frame, const struct trap_info *info);
	struct held held; /* what it holds, by the memory core's count; its own */
	uintptr_t stack;  /* its stack: the lowest address, and bytes; of an idle thread, what it was started with */
	size_t stack_size;
	bool is_idle; /* an idle thread */

	/* ---- scheduler_lock ---- */
	enum thread_state state;
	unsigned cpu;                  /* where it runs, or ran last */
	bool detached;                 /* nobody will join it: the reaper frees it after its end */
	bool park_token;               /* an unpark that came before the park */
	errno_t wake_result;           /* what the sleep that ended last returns */
	struct list_link queue_link;   /* in a run queue, a wait queue, or the list of the dead */
	struct list_link all_link;     /* in the list of all threads */
	struct list_link timeout_link; /* in the list of time-outs; links to itself if there is none */
	uint64_t deadline;             /* tick at which the time-out is over */
	struct wait_queue *waits_in;   /* the queue it sleeps in */
	struct wait_queue park_queue;  /* where it sleeps itself in thread_park */
	struct wait_queue exit_queue;  /* who waits for its end */
	uint64_t ticks;                /* of the timer that found it running */
	uint64_t switches;             /* times it was given a CPU */
};

/**
 * Makes a thread and puts it at the end of the run queue. Does not sleep with FRAME_ATOMIC; otherwise it may.
 * Any context with FRAME_ATOMIC.
 *
 * @param name   at most THREAD_NAME_SIZE - 1 characters are kept
 * @param flags  FRAME_ATOMIC or 0, and FRAME_NO_RECLAIM
 * @return NULL with FRAME_ATOMIC for want of memory, or if kernel space has no room for its stack: then nothing was
 *         taken. It is the caller's till thread_join or thread_detach
 */
MUST_USE struct thread *thread_create(
	const char *name, void (*function)(void *argument), void *argument, frame_flags_t flags);

/**
 * The running thread goes on in an address space, which it holds from now on; what it had before it lets go of.
 * NULL = in the kernel's alone. A thread that ends gives back what it has borrowed. Sleeps.
 */
void thread_borrow(struct as *as);

/** Waits for a thread's end, and frees it. One caller, once; not for a thread that was detached. Sleeps. */
void thread_join(struct thread *thread);

/** Nobody will join this thread: the reaper frees it soon after it has ended. Any context, locks held or not. */
void thread_detach(struct thread *thread);

/** Sleeps until all detached threads that have ended are freed: their memory is there again. */
void thread_reap_wait(void);

/** Ends the running thread, as returning from its function does. */
void thread_exit(void) __attribute__((noreturn));

/** Lets the other ready threads run first. Counts as sleeping: interrupts must be on. */
void thread_yield(void);

/** Sleeps for so long, or up to two ticks longer. 0 = thread_yield. */
void thread_sleep_ms(unsigned milliseconds);

/**
 * Sleeps until thread_unpark of this thread; one that came before is remembered, and then it returns at once. Others
 * than the caller expects may have unparked it (the core wakes who slept for memory), so the caller looks again.
 *
 * @param milliseconds  longest sleep; 0 = no limit
 * @retval EOK        it was unparked
 * @retval ETIMEDOUT  the time is over
 */
errno_t thread_park(unsigned milliseconds);

/** Wakes a thread in thread_park, or lets its next one return at once. Any context. */
void thread_unpark(struct thread *thread);

/** Stops the kernel, naming the caller, if the running code may not sleep. Every function that may sleep asks first. */
void thread_check_may_sleep(const char *who);

/* What thread_each tells of a thread: a copy, so it may be looked at at leisure. */
struct thread_info {
	const struct thread *thread; /* for comparing only: it may be gone */
	unsigned id;
	char name[THREAD_NAME_SIZE];
	enum thread_state state;
	unsigned cpu;
	uint64_t ticks;
	uint64_t switches;
	uintptr_t stack;   /* 0 = the boot stack */
	size_t stack_used; /* most bytes of its stack that were ever in use; 0 = not known (release builds) */
	uint64_t deadline; /* of its time-out; 0 = it has none */
};

/** Calls visit for every thread, in order of id, with no lock held; stops on false. visit may sleep. */
void thread_each(bool (*visit)(const struct thread_info *info, void *argument), void *argument);

/** Prints who called whom in a thread, from where it stopped to run. @return false if there is no thread of this id */
bool thread_backtrace(unsigned id);

/** The number of the thread at this address, which may have ended; 0 if none is there. Any context. */
unsigned thread_id(const void *thread);

/** Threads there are, the idle threads included. */
size_t thread_count(void);

/** "ready", "running", "sleeping", "exited". */
const char *thread_state_name(enum thread_state state);

/** What a CPU has done. */
struct cpu_info {
	struct thread *running; /* for comparing only */
	char running_name[THREAD_NAME_SIZE];
	size_t ready;        /* threads in its run queue */
	uint64_t ticks;      /* of its timer */
	uint64_t idle_ticks; /* that found its idle thread running */
	uint64_t switches;   /* from thread to thread */
	uint64_t interrupts;
};

unsigned scheduler_cpu_count(void);

/** CPUs that are up. */
static inline unsigned cpu_count(void)
{
	return CONFIG_MAX_CPUS == 1 ? 1 : scheduler_cpu_count();
}

/** @return false if there is no such CPU */
bool cpu_get_info(unsigned number, struct cpu_info *info);

/** Holds threads, their stacks and the queues to their invariants; every breach is logged. @return breaches */
size_t thread_check(void);

#endif
