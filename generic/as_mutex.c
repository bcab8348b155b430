/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The lock of an address space: one that is slept for.
 *
 * Under it frames are waited for and translations dropped on other CPUs, neither
 * of which goes with a spinlock. Taking it when it is free, and giving it back
 * when nobody waits, are one atomic operation each. Who must wait goes to the
 * end of a list under `guard`, and sleeps until it is handed the lock: in order
 * of arrival, and nobody who comes later can take it in between.
 *
 * A waiter stands on the stack of its thread. It leaves only after it has had
 * `guard` once more, so who hands over is done with it then.
 */

#include "as_internal.h"

void as_mutex_init(struct as_mutex *mutex)
{
	*mutex = (struct as_mutex){ .guard = SPINLOCK_INIT };
	mutex->end = &mutex->first;
}

COLD void as_mutex_forbidden(void)
{
	port_panic("an address space is used with interrupts off or a spinlock held: it may have to be waited for");
}

static void enqueue_locked(struct as_mutex *mutex, struct as_waiter *waiter)
{
	*mutex->end = waiter;
	mutex->end = &waiter->next;
}

static struct as_waiter *dequeue_locked(struct as_mutex *mutex)
{
	struct as_waiter *waiter = mutex->first;

	if (waiter == NULL)
		return NULL;
	mutex->first = waiter->next;
	if (mutex->first == NULL)
		mutex->end = &mutex->first;
	return waiter;
}

void as_mutex_lock_slow(struct as_mutex *mutex)
{
	struct as_waiter waiter = { .thread = port_self() };
	port_irq_t irq = spinlock_lock(&mutex->guard);

	if (__atomic_exchange_n(&mutex->state, 2, __ATOMIC_ACQUIRE) == 0) {
		spinlock_unlock(&mutex->guard, irq);
		return;
	}
	enqueue_locked(mutex, &waiter);
	while (!waiter.granted) {
		spinlock_unlock(&mutex->guard, irq);
		port_park(0);
		irq = spinlock_lock(&mutex->guard);
	}
	spinlock_unlock(&mutex->guard, irq);
}

void as_mutex_unlock_slow(struct as_mutex *mutex)
{
	port_irq_t irq = spinlock_lock(&mutex->guard);
	struct as_waiter *waiter = dequeue_locked(mutex);

	if (waiter != NULL) {
		waiter->granted = true;
		port_unpark(waiter->thread);
	} else {
		__atomic_store_n(&mutex->state, 0, __ATOMIC_RELEASE);
	}
	spinlock_unlock(&mutex->guard, irq);
}
