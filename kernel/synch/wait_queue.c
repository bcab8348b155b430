/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Wait queues: sleep until somebody says so.
 *
 * A queue is a list of sleeping threads, protected by scheduler_lock like
 * everything else the scheduler keeps. What is waited for is protected by a
 * spinlock of the caller's. wait_queue_sleep takes scheduler_lock before it
 * gives that one back, and a waker holds it while it changes what is waited for
 * and wakes; so a waker comes either before the sleeper looked, or when it is
 * in the queue already: no wake-up falls between.
 *
 * HAND-OVER. wait_queue_wake_one takes the thread out of the queue at once. A
 * mutex or a semaphore gives what it has to that very thread, under its own
 * lock, instead of making it free for all: so nobody overtakes, and a time-out
 * that comes later finds the thread no longer asleep.
 *
 * COST. O(1) for sleep without a time-out and for each thread woken.
 */

#include <kernel/scheduler.h>
#include <kernel/synch.h>

void wait_queue_init(struct wait_queue *queue)
{
	list_init(&queue->waiters);
}

errno_t wait_queue_sleep(struct wait_queue *queue, struct mm_spinlock *lock, port_irq_t state, unsigned milliseconds)
{
	mm_assert(port_irq_were_on(state), "interrupts were off before the lock was taken");
	mm_assert(spinlock_held_here(lock), "lock %p is not held", (void *) lock);

	spinlock_lock_raw(&scheduler_lock);
	spinlock_unlock_raw(lock);

	errno_t result = scheduler_sleep(queue, milliseconds);

	spinlock_lock_raw(lock);
	return result;
}

static struct thread *first_waiter(const struct wait_queue *queue)
{
	return CONTAINER_OF(queue->waiters.next, struct thread, queue_link);
}

struct thread *wait_queue_wake_one(struct wait_queue *queue)
{
	port_irq_t state = spinlock_lock(&scheduler_lock);
	struct thread *thread = NULL;

	if (!list_empty(&queue->waiters)) {
		thread = first_waiter(queue);
		scheduler_wake_locked(thread, EOK);
	}
	spinlock_unlock(&scheduler_lock, state);
	return thread;
}

size_t wait_queue_wake_all(struct wait_queue *queue)
{
	port_irq_t state = spinlock_lock(&scheduler_lock);
	size_t woken = 0;

	while (!list_empty(&queue->waiters)) {
		scheduler_wake_locked(first_waiter(queue), EOK);
		woken++;
	}
	spinlock_unlock(&scheduler_lock, state);
	return woken;
}

size_t wait_queue_length(struct wait_queue *queue)
{
	port_irq_t state = spinlock_lock(&scheduler_lock);
	size_t length = 0;

	LIST_EACH(link, &queue->waiters)
		length++;
	spinlock_unlock(&scheduler_lock, state);
	return length;
}
