/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What threads wait with. How it works is told in kernel/synch/wait_queue.c and
 * in the file of each. All of them serve in order of arrival, and hand over: who
 * is woken has got what it waited for, and nobody who comes later can take it.
 *
 * TIME-OUTS are in milliseconds; 0 = no limit. CONTEXTS: whatever may sleep
 * needs interrupts on (and says so at its declaration, "Sleeps"); whatever
 * wakes may be called in any context, interrupt handlers included.
 */

#ifndef KERNEL_SYNCH_H
#define KERNEL_SYNCH_H

#include <kernel/list.h>
#include <mm/spinlock.h>

struct thread;

/* ---- wait queue: sleep until somebody says so; what the others are made of ---- */

struct wait_queue {
	struct list_link waiters; /* threads, first come first; scheduler_lock */
};

#define WAIT_QUEUE_INIT(queue)     \
	{                              \
		LIST_INIT((queue).waiters) \
	}

void wait_queue_init(struct wait_queue *queue);

/**
 * Sleeps in the queue. The caller has looked, under a spinlock of its own, and found that it must wait; that spinlock
 * is given back once the thread is in the queue, so a wake-up that follows the look is seen, and taken again before
 * the return. Sleeps.
 *
 *     port_irq_t state = spinlock_lock(&lock);
 *     while (!what_I_wait_for)
 *         if (wait_queue_sleep(&queue, &lock, state, 100) != EOK)
 *             break;
 *     ...
 *     spinlock_unlock(&lock, state);
 *
 * @param lock   held by the caller; protects what is waited for
 * @param state  what spinlock_lock(lock) returned
 * @retval EOK        somebody woke this thread
 * @retval ETIMEDOUT  nobody did in time
 */
errno_t wait_queue_sleep(struct wait_queue *queue, struct mm_spinlock *lock, port_irq_t state, unsigned milliseconds);

/**
 * Wakes the thread that has waited longest: its wait_queue_sleep returns EOK, whatever its time-out. Any context.
 * @return that thread, which stays in its wait_queue_sleep as long as the caller holds the lock it waits with; or NULL
 */
struct thread *wait_queue_wake_one(struct wait_queue *queue);

/** Wakes all threads in the queue, in order. @return how many. Any context. */
size_t wait_queue_wake_all(struct wait_queue *queue);

/** Threads in the queue at this moment. Any context. */
size_t wait_queue_length(struct wait_queue *queue);

/* ---- mutex ---- */

struct mutex {
	struct mm_spinlock lock;
	struct thread *owner; /* NULL = free */
	struct wait_queue waiters;
};

#define MUTEX_INIT(mutex)                                     \
	{                                                         \
		SPINLOCK_INIT, NULL, WAIT_QUEUE_INIT((mutex).waiters) \
	}

void mutex_init(struct mutex *mutex);

/** Takes the mutex. Taking one's own again stops the kernel. Sleeps. */
void mutex_lock(struct mutex *mutex);

/** As mutex_lock, but waits no longer than that. Sleeps. @retval ETIMEDOUT  somebody else has had it all that time */
MUST_USE errno_t mutex_lock_timeout(struct mutex *mutex, unsigned milliseconds);

/** Takes the mutex if it is free. Does not sleep, but is for threads only. */
MUST_USE bool mutex_trylock(struct mutex *mutex);

/** Gives the mutex to the thread that has waited longest, if any. A call by another thread stops the kernel. */
void mutex_unlock(struct mutex *mutex);

/** Whether the running thread has it. */
bool mutex_held(const struct mutex *mutex);

/* ---- condition variable: with a mutex ---- */

struct condvar {
	struct mm_spinlock lock;
	struct wait_queue waiters;
};

#define CONDVAR_INIT(condvar)                             \
	{                                                     \
		SPINLOCK_INIT, WAIT_QUEUE_INIT((condvar).waiters) \
	}

void condvar_init(struct condvar *condvar);

/** Gives the mutex back, sleeps until it is signalled, takes the mutex again. No signal in between is lost. Sleeps. */
void condvar_wait(struct condvar *condvar, struct mutex *mutex);

/**
 * As condvar_wait, but sleeps no longer than that (and then for as long as the mutex is another's).
 * @retval EOK        it was signalled
 * @retval ETIMEDOUT  it was not; the mutex is taken again all the same
 */
errno_t condvar_wait_timeout(struct condvar *condvar, struct mutex *mutex, unsigned milliseconds);

/** Wakes the thread that has waited longest. Any context. */
void condvar_signal(struct condvar *condvar);

/** Wakes all that wait. Any context. */
void condvar_broadcast(struct condvar *condvar);

/* ---- semaphore ---- */

struct semaphore {
	struct mm_spinlock lock;
	size_t count; /* 0 whenever somebody waits */
	struct wait_queue waiters;
};

#define SEMAPHORE_INIT(semaphore, initial)                             \
	{                                                                  \
		SPINLOCK_INIT, (initial), WAIT_QUEUE_INIT((semaphore).waiters) \
	}

void semaphore_init(struct semaphore *semaphore, size_t count);

/** Takes one, when there is one. Sleeps. */
void semaphore_down(struct semaphore *semaphore);

/** As semaphore_down, but waits no longer than that. Sleeps. @retval ETIMEDOUT  none came in time, none was taken */
MUST_USE errno_t semaphore_down_timeout(struct semaphore *semaphore, unsigned milliseconds);

/** Takes one if there is one. Any context. */
MUST_USE bool semaphore_trydown(struct semaphore *semaphore);

/** Puts one there: the thread that has waited longest gets it. Any context. */
void semaphore_up(struct semaphore *semaphore);

#endif
