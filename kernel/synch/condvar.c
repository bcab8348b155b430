/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A condition variable: a queue that threads sleep in after they have given a
 * mutex back. Its spinlock makes the two one step: it is taken before the mutex
 * is given back, and whoever signals takes it too; so a signal that follows a
 * change made under the mutex finds the sleeper in the queue.
 *
 * COST. O(1) for each thread woken.
 */

#include <kernel/synch.h>
#include <kernel/thread.h>

void condvar_init(struct condvar *condvar)
{
	*condvar = (struct condvar) CONDVAR_INIT(*condvar);
}

errno_t condvar_wait_timeout(struct condvar *condvar, struct mutex *mutex, unsigned milliseconds)
{
	thread_check_may_sleep(__func__);

	port_irq_t state = spinlock_lock(&condvar->lock);

	mutex_unlock(mutex);

	errno_t result = wait_queue_sleep(&condvar->waiters, &condvar->lock, state, milliseconds);

	spinlock_unlock(&condvar->lock, state);
	mutex_lock(mutex);
	return result;
}

void condvar_wait(struct condvar *condvar, struct mutex *mutex)
{
	(void) condvar_wait_timeout(condvar, mutex, 0);
}

void condvar_signal(struct condvar *condvar)
{
	port_irq_t state = spinlock_lock(&condvar->lock);

	(void) wait_queue_wake_one(&condvar->waiters);
	spinlock_unlock(&condvar->lock, state);
}

void condvar_broadcast(struct condvar *condvar)
{
	port_irq_t state = spinlock_lock(&condvar->lock);

	(void) wait_queue_wake_all(&condvar->waiters);
	spinlock_unlock(&condvar->lock, state);
}
