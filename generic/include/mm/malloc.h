/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * malloc for kernels, after the rules of SPARTAN's manual:
 *
 *   1. With FRAME_ATOMIC it never sleeps and may return NULL; the caller looks.
 *   2. Without, it never returns NULL and may sleep, so it is not called with a spinlock held or interrupts off;
 *      that is caught when it is tried.
 *   3. More than MALLOC_MAX is the caller's bug, and stops the kernel with the size, the limit and the caller. km_alloc
 *      serves more.
 *
 * The functions are called mm_*, so that nothing collides with a C library; kernels get the short names too.
 */

#ifndef MM_MALLOC_H
#define MM_MALLOC_H

#include <mm/slab.h>

/* Most bytes of one allocation. */
#define MALLOC_MAX KiB(256)

/* Every address is a multiple of this (or of the largest power of two that is not above size, if that is less). */
#define MALLOC_ALIGN (2 * sizeof(void *))

/**
 * Takes size bytes, not cleared unless FRAME_ZERO is given. 0 bytes give a unique address that may be freed.
 */
MUST_USE void *mm_malloc(size_t size, frame_flags_t flags) __attribute__((malloc, alloc_size(1)));

/**
 * As mm_malloc, at a multiple of align.
 *
 * @param align  bytes, a power of two, at most MALLOC_MAX; anything else stops the kernel with the value
 */
MUST_USE void *mm_memalign(size_t align, size_t size, frame_flags_t flags) __attribute__((malloc, alloc_size(2)));

/**
 * Makes an allocation larger or smaller; it may move. What fits both is kept, an alignment of mm_memalign's is not.
 *
 * What the flags ask for holds of the result, whether it moves or not. FRAME_ZERO: all bytes beyond those kept are 0.
 * What was asked for before is not recorded: if any earlier call for this allocation was without FRAME_ZERO, the bytes
 * kept are all that it had, mm_malloc_size(old). FRAME_DMA: every device reaches it.
 *
 * @param old  NULL = as mm_malloc
 * @return the new address; NULL with FRAME_ATOMIC if it is out of memory, and then old is whole and where it was. A
 *         smaller size never fails, but with FRAME_DMA
 */
MUST_USE void *mm_realloc(void *old, size_t size, frame_flags_t flags);

/** Gives back what the others gave; NULL does nothing. Any context. Anything else stops the kernel with the address. */
void mm_free(void *address);

/** Bytes that the allocation at this address really has. */
size_t mm_malloc_size(const void *address);

/** Sets up the size classes. After slab_init. */
MUST_USE errno_t malloc_init(void);

/* The caches of sizes up to MALLOC_SMALL_MAX: where the compiler knows the size, malloc below takes one by itself. */
#define MALLOC_SMALL_MAX KiB(1)
#define MALLOC_SMALL_INDEX(size) (((size) + 7) / 8)

extern struct slab_cache *malloc_small[];

#ifndef MM_NO_SHORT_NAMES
MUST_USE static inline void *malloc(size_t size, frame_flags_t flags)
{
	if (__builtin_constant_p(size <= MALLOC_SMALL_MAX && flags == 0) && size <= MALLOC_SMALL_MAX && flags == 0)
		return slab_alloc_plain(malloc_small[MALLOC_SMALL_INDEX(size)]);
	return mm_malloc(size, flags);
}

MUST_USE static inline void *memalign(size_t align, size_t size, frame_flags_t flags)
{
	return mm_memalign(align, size, flags);
}

MUST_USE static inline void *realloc(void *old, size_t size, frame_flags_t flags)
{
	return mm_realloc(old, size, flags);
}

static inline void free(void *address)
{
	mm_free(address);
}
#endif

#endif
