/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the loads are put on: two functions, inline where the allocator's own
 * are. A program for each way of defining them is built from the same loads.
 */

#ifndef COMPARE_SUBJECT_H
#define COMPARE_SUBJECT_H

#include <stddef.h>

/* Size of the objects of the loads that have one size, in bytes. */
#define OBJECT_SIZE 64

#if defined(SUBJECT_LIBC)
#include <stdlib.h>

static inline void *subject_alloc(size_t size)
{
	return malloc(size);
}

static inline void subject_free(void *object)
{
	free(object);
}

#elif defined(SUBJECT_MALLOC)
#include <mm/malloc.h>

static inline void *subject_alloc(size_t size)
{
	return mm_malloc(size, 0);
}

static inline void subject_free(void *object)
{
	mm_free(object);
}

#elif defined(SUBJECT_SLAB)
#include <mm/slab.h>

/* Objects of OBJECT_SIZE; loads of mixed sizes are not for it. */
extern struct slab_cache *subject_cache;

static inline void *subject_alloc(size_t size)
{
	(void) size;
	return slab_alloc(subject_cache, 0);
}

static inline void subject_free(void *object)
{
	slab_free(subject_cache, object);
}

#elif defined(SUBJECT_NOTHING)

/* The loops alone: what is to be taken off the figures of the others. */
static inline void *subject_alloc(size_t size)
{
	static char place[1];
	void *object = place;

	__asm__ volatile("" : "+r"(object) : "r"(size));
	return object;
}

static inline void subject_free(void *object)
{
	__asm__ volatile("" : : "r"(object));
}

#else
#error "which allocator?"
#endif

/** Before the first load. */
void subject_start(void);

/** Before a thread's first load, and after its last. */
void subject_thread_begin(void);
void subject_thread_end(void);

#endif
