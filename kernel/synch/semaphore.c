/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A counting semaphore. Its spinlock protects the count. What is put there goes
 * to the first waiter, and is counted only if there is none; so nobody who comes
 * later can take it.
 *
 * INVARIANT. count-or-waiters: the count is 0 whenever somebody waits.
 * COST. O(1).
 */

#include <kernel/synch.h>
#include <kernel/thread.h>

void semaphore_init(struct semaphore *semaphore, size_t count)
{
	*semaphore = (struct semaphore) SEMAPHORE_INIT(*semaphore, count);
}

static errno_t down(struct semaphore *semaphore, unsigned milliseconds)
{
	errno_t result = EOK;

	thread_check_may_sleep("semaphore_down");

	port_irq_t state = spinlock_lock(&semaphore->lock);

	if (semaphore->count > 0)
		semaphore->count--;
	else
		result = wait_queue_sleep(&semaphore->waiters, &semaphore->lock, state, milliseconds);
	spinlock_unlock(&semaphore->lock, state);
	return result;
}

errno_t semaphore_down_timeout(struct semaphore *semaphore, unsigned milliseconds)
{
	return down(semaphore, milliseconds);
}

void semaphore_down(struct semaphore *semaphore)
{
	(void) down(semaphore, 0);
}

bool semaphore_trydown(struct semaphore *semaphore)
{
	port_irq_t state = spinlock_lock(&semaphore->lock);
	bool taken = semaphore->count > 0;

	if (taken)
		semaphore->count--;
	spinlock_unlock(&semaphore->lock, state);
	return taken;
}

void semaphore_up(struct semaphore *semaphore)
{
	port_irq_t state = spinlock_lock(&semaphore->lock);

	if (wait_queue_wake_one(&semaphore->waiters) == NULL)
		semaphore->count++;
	spinlock_unlock(&semaphore->lock, state);
}
