/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The rule of waiting: a thread that waits for memory holds nothing that
 * another thread needs. No lock that a thread takes to free memory, no frames,
 * tags or objects allocated in the same call and not yet handed over, no
 * reservation. Otherwise two such threads wait for each other.
 *
 * HOW IT IS CHECKED. In debug builds every thread counts what it holds
 * (held_add, held_sub), and each function that may sleep for memory calls
 * may_wait_check first, EVEN IF MEMORY IS THERE: so a violation stops the first
 * run that passes there, not the one in a million in which memory is gone.
 *
 * What is handed over (frames mapped into an address space, a reservation that
 * an area keeps) is held no longer: the function that hands it over subtracts it.
 * Interrupt handlers allocate with FRAME_ATOMIC only, so they check nothing.
 *
 * RECLAIM is marked here too, in all builds: a thread in a reclaimer (mm/frame.h)
 * may not wait for memory, since it is what others wait for.
 */

#ifndef MM_HELD_H
#define MM_HELD_H

#include <mm/port.h>

enum held_kind {
	HELD_LOCK,     /* locks that a thread takes to free memory: those of address spaces */
	HELD_FRAMES,   /* frames allocated in this call and not yet handed over */
	HELD_TAGS,     /* tags of ranges, likewise */
	HELD_RESERVED, /* frames reserved for this call */
	HELD_OBJECTS,  /* objects allocated in this call and not yet handed over */
	HELD_KINDS
};

struct reclaimer;

/* What a thread holds. All 0 in a new thread. Its own: no other thread reads it. */
struct held {
	const struct reclaimer *reclaimer; /* the one that it runs; NULL = it does not reclaim */
#if CONFIG_DEBUG
	size_t counts[HELD_KINDS];
#endif
};

#if CONFIG_DEBUG
/** The running thread holds n more of a kind. */
void held_add(enum held_kind kind, size_t n);

/** It holds n fewer; panics if it holds fewer than n. */
void held_sub(enum held_kind kind, size_t n);
#else
static inline void held_add(enum held_kind kind, size_t n)
{
	(void) kind, (void) n;
}

static inline void held_sub(enum held_kind kind, size_t n)
{
	(void) kind, (void) n;
}
#endif

/**
 * Called first in everything that may sleep for memory, whether or not memory is there. Panics in all builds if
 * interrupts are off or the thread runs a reclaimer; in debug builds also if it holds anything, with what and how much.
 *
 * @param function  what the caller called
 */
void may_wait_check(const char *function);

/** The same on a fast path: in debug builds only. */
#if CONFIG_DEBUG
#define may_wait_debug(function) may_wait_check(function)
#else
#define may_wait_debug(function) ((void) 0)
#endif

#endif
