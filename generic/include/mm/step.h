/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Steps: places at which another CPU, or a TLB miss on this one, may come
 * between, and where a case plays its part.
 */

#ifndef MM_STEP_H
#define MM_STEP_H

#include <mm/types.h>

/**
 * Debug builds: calls a hook, a `void (*)(void)`, if a case has set it. Nothing in release builds, which have no hook.
 * Relaxed: a case sets it before it starts the threads that are to find it, and clears it on its own CPU.
 */
#if CONFIG_DEBUG
#define MM_STEP(hook)                                                         \
	do {                                                                      \
		void (*step_hook)(void) = __atomic_load_n(&(hook), __ATOMIC_RELAXED); \
		if (unlikely(step_hook != NULL))                                      \
			step_hook();                                                      \
	} while (0)
#else
#define MM_STEP(hook) ((void) 0)
#endif

#endif
