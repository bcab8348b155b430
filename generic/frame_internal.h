/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the files of the frame allocator share, and nobody else sees.
 *
 *   frame.c        the interface: the per-CPU caches and the ways in
 *   zone.c         the zones: building them, taking from and giving back to them
 *   frame_state.c  what each frame is
 *   sleepers.c     who waits for memory
 *   reclaim.c      who can give memory back
 *   reserve.c      promises
 */

#ifndef FRAME_INTERNAL_H
#define FRAME_INTERNAL_H

#include <mm/assert.h>
#include <mm/frame.h>
#include <mm/inject.h>
#include <mm/spinlock.h>

/* Unit 0 of every zone's buddy is a multiple of this many frames: 1 GiB of frames of 4 KiB. */
#define ZONE_ALIGN ((size_t) 1 << 18)

/** Whether the caller may sleep. */
static inline bool interrupts_on(void)
{
	port_irq_t irq = port_irq_save();

	port_irq_restore(irq);
	return port_irq_were_on(irq);
}

/* ---- frame_state.c ---- */

static inline uint8_t frame_state(pfn_t pfn)
{
	return __atomic_load_n(&frame_states[pfn - FRAME_FIRST], __ATOMIC_RELAXED);
}

static inline void frame_state_set(pfn_t pfn, uint8_t state)
{
	__atomic_store_n(&frame_states[pfn - FRAME_FIRST], state, __ATOMIC_RELAXED);
}

/* The byte of the first frame of a run of 2^order that was taken at once; of a single frame, if order is 0. */
#define RUN_HEAD(order) ((uint8_t) (FRAME_KIND_PLAIN | (order) << 3))

/* Frames of the largest run that has a head. Up to this size a run begins at a multiple of its size. */
#define RUN_FRAMES_MAX ZONE_ALIGN

/** Makes the run that this frame is part of, if there is one, a run no longer: its frames are on their own. */
void frame_run_dissolve(pfn_t pfn);

/** Bytes of books that states of so many frames need. */
size_t frame_state_size(size_t frames);

/** Makes all frames holes. books: frame_state_size(frames) bytes, aligned to 8. */
void frame_state_init(void *books, size_t frames);

/** Sets the bytes of a run of frames. */
void frame_run_set(pfn_t first, size_t count, uint8_t state);

/** All bits that are set in any byte of a run, each in some byte of the word that comes back. */
size_t frame_run_bytes(pfn_t first, size_t count);

/* A word whose every byte is this value. */
#define BYTES_OF(value) (SIZE_MAX / 0xff * (value))

/* ---- zone.c ---- */

#define ZONE_MAX 16

struct zone {
	enum zone_kind kind;
	pfn_t base;     /* frame that is unit 0 of the buddy: a multiple of ZONE_ALIGN */
	pfn_t first;    /* first frame of RAM */
	pfn_t end;      /* one beyond the last */
	size_t managed; /* frames that are the allocator's */
	struct buddy buddy;
};

/* What all frames together amount to; under frame_lock. */
struct frame_accounts {
	size_t total;    /* frames managed */
	size_t free;     /* in the zones' buddies */
	size_t promised; /* of these; never more than free */
};

extern struct zone zones[ZONE_MAX];
extern size_t zones_used;
extern struct frame_accounts frame_accounts;
extern struct spinlock frame_lock;
extern size_t frame_books; /* bytes */

/* Frames from FRAME_FIRST on that have a permanent address, if they are RAM; none beyond has. */
extern size_t frame_low_count;

/** Flags that the per-CPU caches cannot serve on this machine. */
extern frame_flags_t frame_slow_flags;

/**
 * Takes a run of frames for the kernel, if that can be done at once: the number is a power of two, the caller may sleep
 * or need not, no failure is to be injected, nobody is in line before it, and promises allow it. @return 0 if not
 */
phys_t zone_alloc_run(size_t count, frame_flags_t flags);

/** Drops a reference of each frame of a run. */
void zone_free_run(pfn_t first, size_t count);

/** Takes what the request says, unless promises forbid. @return 0 if it cannot be had now */
phys_t zone_take_locked(const struct frame_request *request, size_t *taken);

/** Whether a frame is free in its zone; false if it is in none. A glance, unless under frame_lock. */
bool zone_has_free(pfn_t pfn);

/** Gives a run of frames back that are taken, whatever their bytes say, and makes them free. */
void zone_give_locked(pfn_t first, size_t count);

/** Frames that are free where requests with these flags look, promised or not. */
size_t zone_free_locked(frame_flags_t flags);

/** Whether some zone has enough frames for the request, within its bounds, holes not looked at. */
bool zone_could_satisfy(const struct frame_request *request);

/**
 * Whether some zone could satisfy the request if all its frames were free: whether there is a place for it without a
 * hole. Looks at every frame, if need be.
 */
bool zone_ever_satisfies(const struct frame_request *request);

/** Makes the lists of zones that requests go through, from the zones there are. */
void zone_lists_build(void);

/* ---- frame.c ---- */

/** Sets up the per-CPU caches, empty. */
void frame_caches_init(void);

/** Empties this CPU's cache into the zones. Interrupts off. @return frames given back */
size_t frame_cache_drain(void);

/** Frames in all caches together; a glance, not a count, while other CPUs run. */
size_t frame_cache_count(void);

/* ---- sleepers.c ---- */

extern size_t sleeper_count;

/** Waits in line for what the request says, or for the alternative. */
phys_t sleepers_wait(
	const struct frame_request *request, size_t *taken, bool (*alternative)(void *argument), void *argument);

/** Waits in line for a promise of so many frames. */
void sleepers_wait_promise(size_t frames);

/** Serves those in line: told when frames have become free or unpromised. */
void sleepers_serve_locked(void);

/** Frames that those in line want, all together. */
size_t sleepers_want_locked(void);

/*
 * Whether a request may be served at once: not if it is to fail by injection, may not sleep here, or has to get in line
 * behind others. Those cases are told apart later, off the fast path.
 */
static inline bool may_serve(frame_flags_t flags, port_irq_t irq)
{
	if (flags & FRAME_ATOMIC)
		return !__atomic_load_n(&inject_armed, __ATOMIC_RELAXED);
	return port_irq_were_on(irq);
}

static inline bool sleepers_any(void)
{
	return unlikely(__atomic_load_n(&sleeper_count, __ATOMIC_SEQ_CST) != 0);
}

#endif
