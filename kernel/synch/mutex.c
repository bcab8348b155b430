/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A mutex: an owner, and those who wait to be it. Its spinlock protects the
 * owner. Unlocking makes the first waiter the owner before it runs; so the mutex
 * is never free while somebody waits, and nobody is overtaken.
 *
 * INVARIANT. owner-or-nobody-waits: whoever waits waits for an owner.
 * COST. O(1).
 */

#include <kernel/synch.h>
#include <kernel/thread.h>

void mutex_init(struct mutex *mutex)
{
	*mutex = (struct mutex) MUTEX_INIT(*mutex);
}

bool mutex_held(const struct mutex *mutex)
{
	return __atomic_load_n(&mutex->owner, __ATOMIC_RELAXED) == thread_current();
}

static errno_t lock(struct mutex *mutex, unsigned milliseconds)
{
	errno_t result = EOK;

	thread_check_may_sleep("mutex_lock");
	mm_assert(!mutex_held(mutex), "mutex %p is this thread's already", (void *) mutex);

	port_irq_t state = spinlock_lock(&mutex->lock);

	if (mutex->owner == NULL)
		mutex->owner = thread_current();
	else
		result = wait_queue_sleep(&mutex->waiters, &mutex->lock, state, milliseconds);
	spinlock_unlock(&mutex->lock, state);
	return result;
}

errno_t mutex_lock_timeout(struct mutex *mutex, unsigned milliseconds)
{
	return lock(mutex, milliseconds);
}

void mutex_lock(struct mutex *mutex)
{
	(void) lock(mutex, 0);
}

bool mutex_trylock(struct mutex *mutex)
{
	port_irq_t state = spinlock_lock(&mutex->lock);
	bool taken = mutex->owner == NULL;

	if (taken)
		mutex->owner = thread_current();
	spinlock_unlock(&mutex->lock, state);
	return taken;
}

void mutex_unlock(struct mutex *mutex)
{
	port_irq_t state = spinlock_lock(&mutex->lock);

	mm_assert(mutex->owner == thread_current(), "mutex %p is not this thread's", (void *) mutex);
	mutex->owner = wait_queue_wake_one(&mutex->waiters);
	spinlock_unlock(&mutex->lock, state);
}
