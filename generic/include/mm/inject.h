/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Injected failures: the n-th allocation with FRAME_ATOMIC from now on, or
 * every n-th, fails as if memory were gone. One without FRAME_ATOMIC cannot
 * fail and is not counted. Frames, slab objects, malloc, page tables, ranges and
 * address spaces all count, each call at its outermost layer and at every layer
 * below that it reaches.
 *
 * Injected waits: calls without FRAME_ATOMIC cannot fail, but they can wait. While
 * these are armed, each call that may sleep for memory (may_wait_check, mm/held.h)
 * does what it would do if memory were gone and then came back: it runs a full
 * reclaim and parks, while other threads go on; and of those that wait the last
 * goes on first. In debug builds every such call waits, in release builds only
 * one that does not find its memory in a CPU's cache.
 */

#ifndef MM_INJECT_H
#define MM_INJECT_H

#include <mm/types.h>

/**
 * Arms the injector, or disarms it.
 *
 * @param nth    which allocation fails, counted from 1; 0 disarms
 * @param every  every nth, not only the first nth
 */
void inject_arm(size_t nth, bool every);

/**
 * How it is armed.
 * @param every  receives whether every nth fails, not only the first nth
 * @return which allocation fails; 0 = it is disarmed
 */
size_t inject_get(bool *every);

/** Allocations counted since it was armed. */
size_t inject_seen(void);

/** Allocations it has made fail since it was armed. */
size_t inject_failed(void);

/**
 * Arms the injected waits: so many calls that may sleep for memory wait from now on. 0 disarms them.
 */
void inject_waits_arm(size_t calls);

/** Calls that were made to wait since that was armed or disarmed. */
size_t inject_waited(void);

extern size_t inject_waits_left;

/** The slow half of inject_wait_now. */
void inject_wait(void);

/** Waits, if this call is to. Called by may_wait_check. */
static inline void inject_wait_now(void)
{
	if (unlikely(__atomic_load_n(&inject_waits_left, __ATOMIC_RELAXED) != 0))
		inject_wait();
}

extern bool inject_armed;

/** The slow half of inject_now. */
bool inject_count(void);

/** Whether this allocation is to fail. Called by allocators, for requests with FRAME_ATOMIC. */
static inline bool inject_now(void)
{
	return unlikely(__atomic_load_n(&inject_armed, __ATOMIC_RELAXED)) && inject_count();
}

#endif
