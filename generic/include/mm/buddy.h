/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A buddy allocator over index ranges, 64-ary. It knows nothing of memory: it
 * hands out ranges of the numbers 0 to units - 1, for frames and for anything
 * else. It takes no lock and never allocates; the caller gives it the memory
 * for its books and keeps others out. How it works is told in generic/buddy.c.
 *
 * A block of order k is 2^k units that begin at a multiple of 2^k.
 */

#ifndef MM_BUDDY_H
#define MM_BUDDY_H

#include <mm/types.h>

/* No such index: what an allocation returns that finds nothing. */
#define BUDDY_NONE SIZE_MAX

/* Most units one buddy can manage: 64^5 (frames of 4 KiB: 4 TiB). */
#define BUDDY_MAX_UNITS ((sizeof(size_t) > 4) ? (size_t) 1 << 30 : (size_t) 1 << 24)

struct buddy; /* the definition is below the interface; its fields are the allocator's own */

/** What a constrained request asks for. All in units; start from BUDDY_REQUEST(count), which takes count twice. */
struct buddy_request {
	size_t min;   /* fewest units that will do; at least 1 */
	size_t max;   /* most units wanted; at least min */
	size_t align; /* the range begins at a multiple of this power of two */
	size_t lower; /* the range begins here or above */
	size_t upper; /* the range ends below this (exclusive); SIZE_MAX = no bound */
};

#define BUDDY_REQUEST(count) \
	((struct buddy_request){ .min = (count), .max = (count), .align = 1, .lower = 0, .upper = SIZE_MAX })

/** Bytes of books that a buddy over so many units needs; 0 if units is 0 or over BUDDY_MAX_UNITS. */
size_t buddy_size(size_t units);

/**
 * Sets up a buddy in which every unit is taken; give units to it by buddy_free.
 *
 * @param books  buddy_size(units) bytes, aligned to 8; belongs to the buddy from here on
 */
void buddy_init(struct buddy *buddy, void *books, size_t units);

/**
 * Takes one block of 2^order units, so that no larger free block is broken than need be: what will do, of words (64
 * units, or 64 times as many, and so on) the one whose largest free block is smallest, and among such the one
 * changed last, or else the lowest.
 * @return its first unit, or BUDDY_NONE
 */
MUST_USE size_t buddy_alloc(struct buddy *buddy, unsigned order);

/**
 * Takes a range as the request says: as near to max units as can be had, never fewer than min. With bounds, or an
 * alignment coarser than the range is long, the lowest one that will do; else as buddy_alloc.
 *
 * The range is the beginning of a free block of order ceil(log2(units)), the rest of which stays free. So it is found
 * whenever there is such a block that begins as aligned and of which that beginning is within the bounds: first all of
 * max is tried, then the largest power of two below it that there is.
 *
 * @param taken  receives the number of units taken
 * @return the first unit, or BUDDY_NONE (then nothing changed and *taken is 0)
 */
MUST_USE size_t buddy_alloc_request(struct buddy *buddy, const struct buddy_request *request, size_t *taken);

/** Takes just these units if all of them are free; otherwise changes nothing and returns false. */
MUST_USE bool buddy_take(struct buddy *buddy, size_t first, size_t count);

/** Whether none of these units is free: what a caller asks who wants to tell a double free. */
bool buddy_all_taken(const struct buddy *buddy, size_t first, size_t count);

/** Whether this unit is free. */
bool buddy_is_free(const struct buddy *buddy, size_t unit);

/** Gives units back: any range, whatever blocks it was taken in. All must be taken (asserted in debug builds). */
void buddy_free(struct buddy *buddy, size_t first, size_t count);

/** Units free. */
size_t buddy_free_units(const struct buddy *buddy);

/** Order of the largest free block, or -1 if nothing is free. Changes nothing but how the books are kept. */
int buddy_largest(struct buddy *buddy);

/**
 * Counts free blocks by order, each as the largest block that it is part of; what is larger than the last order asked
 * for counts as several of that. A block put together since the last buddy_largest or buddy_check may count as its
 * parts.
 */
void buddy_census(const struct buddy *buddy, size_t *counts, size_t orders);

/** Holds the books to their invariants. @return NULL, or the name of the first one broken */
const char *buddy_check(struct buddy *buddy);

#include <mm/buddy_books.h>

#endif
