/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The buddy allocator: what can be asked about it, and its invariants, which
 * are named in generic/buddy.c.
 */

#include "buddy_internal.h"

size_t buddy_free_up_to(const struct buddy *buddy, size_t unit)
{
	for (unsigned level = 0; level <= buddy->top; level++) {
		size_t child = unit >> (level * ORDERS);

		if (*node_of(buddy, level, child / WORD_BITS) & bit_of(child))
			return (child + 1) << (level * ORDERS);
	}
	return unit;
}

bool buddy_all_taken(const struct buddy *buddy, size_t first, size_t count)
{
	size_t last = first + count - 1;

	check_range(buddy, first, count);
	for (unsigned level = 0; level <= buddy->top; level++) {
		buddy_word_t from_first = ALL_ONES << first % WORD_BITS;
		buddy_word_t to_last = ALL_ONES >> (~last % WORD_BITS);
		size_t node = first / WORD_BITS, end = last / WORD_BITS;
		buddy_word_t sum = *node_of(buddy, level, end) & to_last;

		if (node == end)
			sum &= from_first;
		else
			sum |= *node_of(buddy, level, node) & from_first;
		while (++node < end)
			sum |= *node_of(buddy, level, node);
		if (sum != 0)
			return false;
		first /= WORD_BITS;
		last /= WORD_BITS;
	}
	return true;
}

bool buddy_is_free(const struct buddy *buddy, size_t unit)
{
	check_range(buddy, unit, 1);
	return buddy_free_up_to(buddy, unit) != unit;
}

size_t buddy_free_units(const struct buddy *buddy)
{
	return buddy->free;
}

int buddy_largest(struct buddy *buddy)
{
	buddy_settle(buddy);
	return (buddy->orders != 0) ? (int) highest(buddy->orders) : -1;
}

static size_t ones_in(buddy_word_t word)
{
	size_t ones = 0;

	for (; word != 0; word &= word - 1)
		ones++;
	return ones;
}

/* Longest aligned runs of exactly this length. */
static size_t longest_runs(buddy_word_t word, unsigned order)
{
	size_t longer = (order < ORDERS) ? ones_in(runs_of(word, order + 1)) : 0;

	return ones_in(runs_of(word, order)) - 2 * longer;
}

void buddy_census(const struct buddy *buddy, size_t *counts, size_t orders)
{
	for (size_t order = 0; order < orders; order++)
		counts[order] = 0;
	for (unsigned level = 0; level <= buddy->top && orders != 0; level++) {
		for (size_t node = 0; node < nodes_of(buddy->units, level); node++) {
			for (unsigned within = 0; within <= ORDERS; within++) {
				size_t order = level * ORDERS + within;
				size_t counted_as = (order < orders) ? order : orders - 1;

				counts[counted_as] += longest_runs(*node_of(buddy, level, node), within) << (order - counted_as);
			}
		}
	}
}

/* Whether the level above is to know this node as one of this order, or with one below it. */
static bool holds_order(const struct buddy *buddy, unsigned level, size_t node, unsigned order)
{
	const buddy_word_t *words = node_of(buddy, level, node);

	return (order < level * ORDERS) ? words[1 + order] != 0 : class_of(words[0]) == order - level * ORDERS;
}

/* Whether nothing at all is free in a node, as far as its own words tell. */
static bool is_blank(const struct buddy *buddy, unsigned level, size_t node)
{
	buddy_word_t sum = 0;

	for (unsigned i = 0; i < 1 + level * ORDERS; i++)
		sum |= node_of(buddy, level, node)[i];
	return sum == 0;
}

/* Holds a node of a level above 0 to what its children are. */
static const char *check_children(const struct buddy *buddy, unsigned level, size_t node)
{
	const buddy_word_t *words = node_of(buddy, level, node);
	size_t children = nodes_of(buddy->units, level - 1) - node * WORD_BITS;

	for (size_t i = 0; i < WORD_BITS; i++) {
		size_t child = node * WORD_BITS + i;

		if (i < children && words[0] & bit_of(i) && !is_blank(buddy, level - 1, child))
			return "once";
		for (unsigned order = 0; order < level * ORDERS; order++)
			if ((words[1 + order] >> i & 1) != (i < children && holds_order(buddy, level - 1, child, order)))
				return "classes";
	}
	return NULL;
}

/* Holds the free words of a level to what they may be, and counts their bits as units. */
static const char *check_level(const struct buddy *buddy, unsigned level, size_t *free)
{
	size_t children = buddy->units >> (level * ORDERS);

	for (size_t node = 0; node < nodes_of(buddy->units, level); node++) {
		buddy_word_t word = *node_of(buddy, level, node);
		size_t begin = node * WORD_BITS;

		*free += ones_in(word) << (level * ORDERS);
		if (children < begin + WORD_BITS && (word & (ALL_ONES << (children > begin ? children - begin : 0))) != 0)
			return "tail";
		if (word == ALL_ONES && level < buddy->top)
			return "folded";
	}
	return NULL;
}

const char *buddy_check(struct buddy *buddy)
{
	const char *broken = NULL;
	size_t free = 0;

	buddy_settle(buddy);
	for (unsigned level = 0; level <= buddy->top && broken == NULL; level++) {
		const struct buddy_level *here = &buddy->levels[level];

		if (here->hot_word != node_of(buddy, level, here->hot) || here->entered != class_of(*here->hot_word))
			return "hot";
		broken = check_level(buddy, level, &free);
		for (size_t node = 0; level > 0 && node < nodes_of(buddy->units, level) && broken == NULL; node++)
			broken = check_children(buddy, level, node);
	}
	for (unsigned order = 0; order <= (buddy->top + 1) * ORDERS && broken == NULL; order++)
		if ((buddy->orders >> order & 1) != holds_order(buddy, buddy->top, 0, order))
			broken = "orders";
	return (broken == NULL && free != buddy->free) ? "count" : broken;
}
