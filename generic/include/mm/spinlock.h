/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A spinlock that is held with interrupts off.
 *
 * A test-and-test-and-set lock that knows which CPU holds it, so that taking it
 * twice is told in debug builds, not waited out, and a function that needs it
 * held can assert that.
 */

#ifndef MM_SPINLOCK_H
#define MM_SPINLOCK_H

#include <mm/assert.h>
#include <mm/spinlock_type.h>

#define SPINLOCK_INIT \
	{                 \
		0             \
	}

static inline bool spinlock_held_here(const struct mm_spinlock *lock)
{
	return __atomic_load_n(&lock->held, __ATOMIC_RELAXED) == port_cpu() + 1;
}

/** Takes the lock with interrupts already off, if it is free: for short ways that call nothing, not even to wait. */
MUST_USE static inline bool spinlock_try_raw(struct mm_spinlock *lock)
{
	uint32_t free = 0;

	return __atomic_compare_exchange_n(&lock->held, &free, port_cpu() + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/** Takes the lock with interrupts already off. */
static inline void spinlock_lock_raw(struct mm_spinlock *lock)
{
	mm_debug(!spinlock_held_here(lock), "lock %p is held by this CPU already", (void *) lock);
	for (;;) {
		uint32_t free = 0;

		if (likely(__atomic_compare_exchange_n(
				&lock->held, &free, port_cpu() + 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
			return;
		while (__atomic_load_n(&lock->held, __ATOMIC_RELAXED) != 0)
			port_relax();
	}
}

static inline void spinlock_unlock_raw(struct mm_spinlock *lock)
{
	__atomic_store_n(&lock->held, 0, __ATOMIC_RELEASE);
}

/** Turns interrupts off and takes the lock. */
MUST_USE static inline port_irq_t spinlock_lock(struct mm_spinlock *lock)
{
	port_irq_t state = port_irq_save();

	spinlock_lock_raw(lock);
	return state;
}

static inline void spinlock_unlock(struct mm_spinlock *lock, port_irq_t state)
{
	spinlock_unlock_raw(lock);
	port_irq_restore(state);
}

#endif
