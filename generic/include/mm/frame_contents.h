/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Whole frames: how they are cleared and copied where a machine states nothing,
 * by the compiler's memset and memcpy. A machine that has something faster (string
 * instructions, lines of the cache that are zeroed unread) defines the function in
 * <arch/mm.h>, static inline, and a macro of the same name.
 */

#ifndef MM_FRAME_CONTENTS_H
#define MM_FRAME_CONTENTS_H

#include <arch/mm.h>

#ifndef frame_clear
/** Fills one page, at a multiple of PAGE_SIZE, with zeros. */
static inline void frame_clear(void *page)
{
	__builtin_memset(page, 0, PAGE_SIZE);
}
#endif

#ifndef frame_copy
/** Copies one page to another; both are at multiples of PAGE_SIZE. */
static inline void frame_copy(void *to, const void *from)
{
	__builtin_memcpy(to, from, PAGE_SIZE);
}
#endif

#endif
