/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Injected failures: the n-th allocation with FRAME_ATOMIC from now on, or
 * every n-th, fails as if memory were gone. One without FRAME_ATOMIC cannot
 * fail and is not counted. Frames, slab objects, malloc, page tables, ranges and
 * address spaces all count, each call at its outermost layer and at every layer
 * below that it reaches.
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

extern bool inject_armed;

/** The slow half of inject_now. */
bool inject_count(void);

/** Whether this allocation is to fail. Called by allocators, for requests with FRAME_ATOMIC. */
static inline bool inject_now(void)
{
	return unlikely(__atomic_load_n(&inject_armed, __ATOMIC_RELAXED)) && inject_count();
}

#endif
