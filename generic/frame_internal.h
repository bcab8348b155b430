/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the files of the frame allocator share, and nobody else sees.
 *
 *   frame.c        the interface: the per-CPU caches of single frames and the ways in
 *   frame_runs.c   the per-CPU caches of runs
 *   zone.c         the zones: taking from and giving back to them
 *   frame_state.c  what each frame is
 *   sleepers.c     who waits for memory
 *   reclaim.c      who can give memory back
 *   held.c         what a thread holds that may wait for memory
 *   reserve.c      promises, and the accounts they are kept by
 */

#ifndef FRAME_INTERNAL_H
#define FRAME_INTERNAL_H

#include <mm/assert.h>
#include <mm/frame.h>
#include <mm/inject.h>
#include <mm/spinlock.h>

/* Unit 0 of the buddy of a zone of so many frames or more is a multiple of so many: 1 GiB of frames of 4 KiB. */
#define ZONE_ALIGN ((size_t) 1 << 18)

/* Zones at most. */
#define ZONE_MAX 16

/** Whether the caller may sleep. */
static inline bool interrupts_on(void)
{
	port_irq_t irq = port_irq_save();

	port_irq_restore(irq);
	return port_irq_were_on(irq);
}

/*
 * The number of the frame at this address, and back. Of an address within a frame, its place there becomes the highest
 * bits: a number that no frame has, so that whatever looks for such a frame finds none. Where an address is wider than
 * a number, the highest bit alone says that there was one, and it comes back as 1.
 */
#define NUMBER_BITS (8 * sizeof(pfn_t))
#define NUMBER_OF_NONE ((pfn_t) 1 << (NUMBER_BITS - 1))

_Static_assert(sizeof(phys_t) == sizeof(pfn_t) || PHYS_LAST >> PAGE_WIDTH < NUMBER_OF_NONE, "frames have numbers");

static inline pfn_t frame_number(phys_t base)
{
	if (sizeof(phys_t) > sizeof(pfn_t))
		return (pfn_t) (base >> PAGE_WIDTH) | ((base & (PAGE_SIZE - 1)) != 0 ? NUMBER_OF_NONE : 0);
	return (pfn_t) (base >> PAGE_WIDTH | base << (NUMBER_BITS - PAGE_WIDTH));
}

static inline phys_t frame_address(pfn_t pfn)
{
	if (sizeof(phys_t) > sizeof(pfn_t))
		return (phys_t) (pfn & ~NUMBER_OF_NONE) << PAGE_WIDTH | ((pfn & NUMBER_OF_NONE) != 0 ? 1 : 0);
	return pfn << PAGE_WIDTH | pfn >> (NUMBER_BITS - PAGE_WIDTH);
}

/* ---- frame_state.c ---- */

/*
 * Relaxed is enough for those that read and write a byte under frame_lock, which orders it; for the frame's only
 * holder, and for the CPU in whose cache it is, which read what they wrote themselves, or what came with the frame's
 * address; and for HOLE. For what other holders did, see the next (frame_state.c, "Order").
 */
static inline uint8_t frame_state(pfn_t pfn)
{
	return frame_byte(pfn, __ATOMIC_RELAXED);
}

/** As it is after what the last of the other holders did with the frame (frame_state.c, "Order"). */
static inline uint8_t frame_state_acquire(pfn_t pfn)
{
	return frame_byte(pfn, __ATOMIC_ACQUIRE);
}

static inline void frame_state_set(pfn_t pfn, uint8_t state)
{
	frame_byte_set(pfn, state, __ATOMIC_RELAXED);
}

/** For those who read it by frame_state_acquire, or ask frame_is. */
static inline void frame_state_release(pfn_t pfn, uint8_t state)
{
	frame_byte_set(pfn, state, __ATOMIC_RELEASE);
}

/**
 * Makes of one state another, if it is that, in one step. Relaxed: nothing goes with the byte. A run that is dissolved
 * was never shared; a frame that is freed goes on by frame_lock or stays on its CPU. @return whether it was that
 */
static inline bool state_exchange(uint8_t *state, uint8_t from, uint8_t to)
{
	return __atomic_compare_exchange_n(state, &from, to, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static inline bool frame_state_exchange(pfn_t pfn, uint8_t from, uint8_t to)
{
	return state_exchange(frame_state_at(pfn), from, to);
}

/**
 * Makes of a state, which was found to be `from`, another. A debug build looks again in the same step: of two that free
 * a frame at once, both may have found it taken. Relaxed, as state_exchange is. @return false if it was no longer so
 */
MUST_USE static inline bool state_change(uint8_t *state, uint8_t from, uint8_t to)
{
	if (CONFIG_DEBUG)
		return state_exchange(state, from, to);
	__atomic_store_n(state, to, __ATOMIC_RELAXED);
	return true;
}

/* The byte of the first frame of a run of 2^order that was taken at once; of a single frame, if order is 0. */
#define RUN_HEAD(order) ((uint8_t) (FRAME_KIND_PLAIN | (order) << 3))

/* The byte of the first frame of a run of 2^order in a CPU's cache; of a single frame, if order is 0. */
#define RUN_CACHED(order) ((uint8_t) (FRAME_KIND_CACHED | (order) << 3))

/* Frames of the largest run that has a head. Up to this size a run begins at a multiple of its size. */
#define RUN_FRAMES_MAX ZONE_ALIGN

/**
 * Makes the run that this frame is part of, if there is one, a run no longer: its frames are on their own.
 * @return false if it is in a CPU's cache: then it stays
 */
bool frame_run_dissolve(pfn_t pfn);

/* Tables at most, the near one among them: one a zone. */
#define FRAME_TABLES_MAX (ZONE_MAX + 1)

/* No frame has this number; and it is not near. */
#define NO_FRAME ((pfn_t) -1)

/** The state of a frame that is near. */
static inline uint8_t *frame_near_state(pfn_t pfn)
{
	return &frame_states[pfn - FRAME_FIRST];
}

/** Bytes of metadata that a table of n frames needs. */
size_t frame_state_size(size_t frames);

/** No frame has metadata. */
void frame_tables_init(void);

/**
 * Adds a table of frames [first, end), above all that there are; the near one, if it begins with FRAME_FIRST. All of
 * them are holes. At most FRAME_TABLES_MAX - 1 besides the near one.
 *
 * @param metadata  frame_state_size(end - first) bytes, aligned to 8
 */
void frame_table_add(void *metadata, pfn_t first, pfn_t end);

/** Whether all frames of a run are in one table, which is not the near one. */
bool frame_run_known_far(pfn_t first, size_t count);

/** Whether all frames of a run are in one table. */
static inline bool frame_run_known(pfn_t first, size_t count)
{
	return (likely(count - 1 < frame_near_count) && likely(first - FRAME_FIRST <= frame_near_count - count)) ||
		frame_run_known_far(first, count);
}

/** As frame_kind, under frame_lock. */
enum frame_kind frame_kind_locked(pfn_t pfn);

/** Sets the bytes of a run of frames. */
void frame_run_set(pfn_t first, size_t count, uint8_t state);

/** All bits that are set in any byte of a run, each in some byte of the word that comes back. */
size_t frame_run_bytes(pfn_t first, size_t count);

/* A word whose every byte is this value. */
#define BYTES_OF(value) (SIZE_MAX / 0xff * (value))

/* ---- zone.c ---- */

struct zone {
	enum zone_kind kind;
	pfn_t base;        /* frame that is unit 0 of the buddy */
	pfn_t first;       /* first frame of RAM */
	pfn_t end;         /* one beyond the last */
	pfn_t table_first; /* first frame of the table that the zone's frames are in */
	size_t managed;    /* frames that are the allocator's; written under frame_lock, read without, too */
	struct buddy buddy;
};

extern struct zone zones[ZONE_MAX];
extern size_t zones_used;
extern struct mm_spinlock frame_lock;
extern size_t frame_books; /* bytes */

/* Frames from FRAME_FIRST on that have a permanent address, if they are RAM; none beyond has. */
extern size_t frame_low_count;

/* The same, of those in the near table. */
extern size_t frame_near_low_count;

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

/** The same, but only frames without a permanent address on which no promise rests. */
phys_t zone_take_high_locked(const struct frame_request *request, size_t *taken);

/** Whether a frame is free in its zone; false if it is in none. */
bool zone_has_free_locked(pfn_t pfn);

/** Gives a run of frames back that are taken, whatever their bytes say, and makes them free. */
void zone_give_locked(pfn_t first, size_t count);

/** The same for 2^order frames that were taken at once, of which the first had a byte, 0 by now, and no other has. */
void zone_give_run_locked(pfn_t first, unsigned order);

/** Stops the kernel: a frame of these is not one that can be freed. */
COLD void __attribute__((noreturn)) panic_bad_free_locked(pfn_t pfn, pfn_t first, size_t count);

/** Whether some zone has enough frames for the request, within its bounds, holes not looked at. */
bool zone_could_satisfy(const struct frame_request *request);

/**
 * Whether some zone could satisfy the request if all its frames were free: whether there is a place for it without a
 * hole. Looks at every frame, if need be.
 */
bool zone_ever_satisfies(const struct frame_request *request);

/** Makes the lists of zones that requests go through, from the zones there are. */
void zone_lists_build(void);

/* ---- reserve.c ---- */

/* What all frames together amount to, as told in reserve.c; under frame_lock. Free are those in the zones' buddies. */
struct frame_accounts {
	size_t total;        /* frames managed; read without frame_lock, too: it only grows */
	size_t spare;        /* free with a permanent address, and no promise rests on them */
	size_t high;         /* free without a permanent address */
	size_t promised_low; /* promised, of those with a permanent address */
	size_t promised_any; /* promised, of either kind */
};

extern struct frame_accounts frame_accounts;

struct reservation;

/** Frames with a permanent address that are free. */
size_t accounts_low_locked(void);

/** Frames promised of the class of these flags. */
size_t accounts_promised_locked(frame_flags_t flags);

/** Frames that a request with these flags, without a promise, may have by number. */
size_t accounts_spare_locked(frame_flags_t flags);

/** Of those, without a permanent address and without a promise that rests on them. */
size_t accounts_spare_high_locked(void);

/** As accounts_allowance_locked, for promises and zones without permanent addresses. */
size_t accounts_allowance_special_locked(enum zone_kind kind, frame_flags_t flags);

/** Frames that a request with these flags may have from zones of this kind, by number. */
static inline size_t accounts_allowance_locked(enum zone_kind kind, frame_flags_t flags)
{
	if (likely(kind != ZONE_HIGH && !(flags & FRAME_NO_RESERVE)))
		return frame_accounts.spare;
	return accounts_allowance_special_locked(kind, flags);
}

/** Books frames that were taken from a zone of this kind. No more than the allowance. */
void accounts_taken_locked(enum zone_kind kind, size_t count, frame_flags_t flags);

/** As accounts_given_locked, for frames without a permanent address. */
void accounts_high_given_locked(size_t count);

/** Books frames that were given back to a zone of this kind. */
static inline void accounts_given_locked(enum zone_kind kind, size_t count)
{
	if (unlikely(kind == ZONE_HIGH))
		accounts_high_given_locked(count);
	else
		frame_accounts.spare += count;
}

/** Promises frames of the class of these flags, if so many are spare. @return whether it did */
bool accounts_promise_locked(size_t frames, frame_flags_t flags);

/** Reserves frames of both classes, if so many of both are spare; otherwise none. @return whether it did */
bool accounts_reserve_locked(const struct reservation *reservation);

/** Whether the books hold to their invariants, given how many are free; each breach is logged. @return breaches */
size_t accounts_check_locked(size_t free_low, size_t free_high);

/* ---- frame.c ---- */

/** Sets up the per-CPU caches, empty. */
void frame_caches_init(void);

/** A run with nothing else said, which this CPU's cache cannot serve: from the zones. */
phys_t frame_alloc_run(size_t count, frame_flags_t flags);

/** Fills frames with zeros. */
void frames_clear(phys_t base, size_t count);

/** Empties this CPU's caches into the zones. Interrupts off. @return frames given back */
size_t frame_cache_drain(void);

/** Frames in all caches, of those with a permanent address or without; a glance, not a count, while other CPUs run. */
size_t frame_cache_count(bool high);

/** Stops the kernel: frames that were found taken are no longer. */
COLD void __attribute__((noreturn)) panic_freed_meanwhile(pfn_t first, size_t count);

/* ---- frame_runs.c ---- */

/* Runs of orders from 1 to below this have places in CPUs' caches. */
#define RUN_CACHE_ORDERS 10

/** Whether so many frames are a run that CPUs' caches may have. */
static inline bool run_cacheable(size_t count)
{
	return IS_POWER_OF_TWO(count) && count < (size_t) 1 << RUN_CACHE_ORDERS;
}

/** Sets up the per-CPU caches of runs, empty. */
void run_caches_init(void);

/** A run with nothing else said: from this CPU's cache, or as frame_alloc_run. */
phys_t run_alloc(size_t count, frame_flags_t flags);

/** A run that this CPU keeps, if it is all that the request wants. @return 0 if there is none */
phys_t run_kept(const struct frame_request *request);

/** Drops a reference of each frame of a run; one that is whole may go into this CPU's cache. */
void run_free(pfn_t pfn, size_t count);

/** Empties this CPU's cache of runs into the zones. @return frames given back */
size_t run_cache_drain_locked(void);

/** Frames in all caches of runs together; a glance, as frame_cache_count. */
size_t run_cache_count(void);

/* ---- sleepers.c ---- */

extern size_t sleeper_count;

/** Waits in line for what the request says, or for the alternative. */
phys_t sleepers_wait(
	const struct frame_request *request, size_t *taken, bool (*alternative)(void *argument), void *argument);

/** Waits till all that the reservation says is reserved. */
void sleepers_wait_reservation(struct reservation *reservation);

/** Serves those in line: told when frames have become free or unpromised. */
void sleepers_serve_locked(void);

/** Whether threads wait and the reclaimers were asked since, and have offered nothing: they have nothing. */
bool sleepers_have_reclaimed(void);

/** Frames that those in line want, all together; *low receives how many of them with a permanent address. */
size_t sleepers_want_locked(size_t *low);

/* ---- reclaim.c ---- */

/** Whether asking the reclaimers is useless now, for this thread. */
bool reclaim_is_useless(void);

/*
 * Whether a request may be served at once: not if it is to fail by injection, may not sleep here, or has to get in line
 * behind others. Those cases are told apart later, off the fast path.
 */
static inline bool may_serve(frame_flags_t flags, port_irq_t irq)
{
	if (flags & FRAME_ATOMIC) /* relaxed: the injector is armed by the thread whose calls it is to reach */
		return !__atomic_load_n(&inject_armed, __ATOMIC_RELAXED);
	return port_irq_were_on(irq);
}

static inline bool sleepers_any(void)
{
	return unlikely(__atomic_load_n(&sleeper_count, __ATOMIC_SEQ_CST) != 0);
}

#endif
