/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the files of the buddy allocator share: generic/buddy.c, which tells how
 * it works, generic/buddy_request.c, generic/buddy_info.c.
 */

#ifndef BUDDY_INTERNAL_H
#define BUDDY_INTERNAL_H

#include <mm/assert.h>
#include <mm/buddy.h>

/* ---- words ---- */

#define ORDERS BUDDY_WORD_ORDERS
#define WORD_BITS BUDDY_WORD_BITS
#define ALL_ONES (~(buddy_word_t) 0)

/* Classes of a node beyond 0 to ORDERS - 1. */
#define CLASS_FULL ORDERS
#define CLASS_EMPTY (ORDERS + 1)

/* Ones at the multiples of 2^order; order <= ORDERS. */
#define ALIGNED(order) (ALL_ONES / (ALL_ONES >> (WORD_BITS - (1u << (order)))))
#define FIELDS(order)                                                                      \
	{                                                                                      \
		ALIGNED(order), ALIGNED(order) << ((1u << (order)) - 1), ALL_ONES / ALIGNED(order) \
	}

_Static_assert(sizeof(buddy_word_t) == sizeof(size_t), "masks of orders and counts go through the same functions");

static inline buddy_word_t bit_of(size_t index)
{
	return (buddy_word_t) 1 << (index % WORD_BITS);
}

/* So many ones, at least 1, from this bit on. */
static inline buddy_word_t ones_from(size_t count, size_t index)
{
	return (ALL_ONES >> (-count % WORD_BITS)) << (index % WORD_BITS);
}

static inline unsigned lowest(buddy_word_t word)
{
	return (unsigned) __builtin_ctzl(word);
}

static inline unsigned highest(buddy_word_t word)
{
	return WORD_BITS - 1 - (unsigned) __builtin_clzl(word);
}

/* Order of the smallest block that holds so many units. */
static inline unsigned order_of(size_t count)
{
	return (count > 1) ? highest(count - 1) + 1 : 0;
}

/* A word as fields of 2^order bits: the lowest bit of each, the highest of each, and all of the first field. */
static const struct fields {
	buddy_word_t low, high, first;
} fields[] = { FIELDS(0), FIELDS(1), FIELDS(2), FIELDS(3), FIELDS(4), FIELDS(5), FIELDS(ORDERS) };

/*
 * The lowest bits of the fields that are all ones; order <= ORDERS. Where all but the highest bit of a field are ones,
 * adding 1 carries into the highest, and never beyond.
 */
static inline buddy_word_t runs_of(buddy_word_t word, unsigned order)
{
	buddy_word_t high = fields[order].high;

	return (((word & ~high) + fields[order].low) & word & high) >> ((1u << order) - 1);
}

/* The order of the longest aligned run of ones, or CLASS_FULL, or CLASS_EMPTY. */
static inline unsigned class_of(buddy_word_t word)
{
	if (word == 0)
		return CLASS_EMPTY;
	if (word == ALL_ONES)
		return CLASS_FULL;
#pragma GCC unroll 8
	for (unsigned order = 1; order < ORDERS; order++) {
		word &= word >> (1u << (order - 1));
		if ((word & ALIGNED(order)) == 0)
			return order - 1;
	}
	return ORDERS - 1;
}

/* Of such runs those whose buddy is not all ones: cut from one of these, nothing longer is broken. order < ORDERS. */
static inline buddy_word_t lone_runs(buddy_word_t runs, unsigned order)
{
	buddy_word_t pairs = runs & (runs >> (1u << order)) & fields[order + 1].low;

	return runs ^ (pairs | pairs << (1u << order));
}

/* ---- nodes ---- */

/* A node's words: its free word, then one for each order below its level. */
static inline buddy_word_t *node_of(const struct buddy *buddy, unsigned level, size_t node)
{
	return &buddy->levels[level].nodes[node * (1 + level * ORDERS)];
}

static inline size_t nodes_of(size_t units, unsigned level)
{
	return ((units - 1) >> ((level + 1) * ORDERS)) + 1;
}

/* ---- generic/buddy.c ---- */

/** Settles all levels. */
void buddy_settle(struct buddy *buddy);

/** The first unit of a free block of this order, as buddy_alloc chooses; order < WORD_BITS. Takes nothing yet. */
size_t buddy_find(struct buddy *buddy, unsigned order);

/** Takes units of which is known that they are free. */
void buddy_take_range(struct buddy *buddy, size_t first, size_t count);

/* ---- generic/buddy_info.c ---- */

/** The end of the largest bit of a free word that this unit is part of; the unit itself if it is taken. */
size_t buddy_free_up_to(const struct buddy *buddy, size_t unit);

/* Asserts that a range is one. */
static inline void check_range(const struct buddy *buddy, size_t first, size_t count)
{
	mm_debug(count != 0 && first < buddy->units && count <= buddy->units - first, "%zu units from %zu of %zu", count,
		first, buddy->units);
	(void) buddy, (void) first, (void) count;
}

#endif
