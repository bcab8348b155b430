/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Assertions, graded by what they cost.
 *
 *   mm_assert   in every build: an invariant whose breach would spread
 *   mm_debug    in debug builds only: an invariant that is dear to test
 *
 * Both take, after the condition, a printf format with the values that the
 * reader of the message will ask for.
 */

#ifndef MM_ASSERT_H
#define MM_ASSERT_H

#include <mm/port.h>

#define mm_assert(condition, format, ...)                                                       \
	do {                                                                                        \
		if (unlikely(!(condition)))                                                             \
			port_panic("%s: " format " (%s)", __func__ __VA_OPT__(, ) __VA_ARGS__, #condition); \
	} while (0)

#if CONFIG_DEBUG
#define mm_debug(condition, format, ...) mm_assert(condition, format __VA_OPT__(, ) __VA_ARGS__)
#else
#define mm_debug(condition, format, ...) ((void) 0)
#endif

#endif
