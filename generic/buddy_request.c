/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The buddy allocator: requests with bounds, an alignment, or a choice of
 * sizes. The structure is told in generic/buddy.c.
 *
 * BOUNDS. The lowest block of order k from some unit on is looked for in the node where that unit lies; then up the
 * tree, until an ancestor has a child further right that holds such a block; then down again to the lowest. Which
 * children do: the sum of a node's words for order k and above, and of its free word. So it is O(log64 units), with up
 * to 25 words to be put together a level. A block found whose beginning leaves the bounds means that there is none.
 *
 * ALIGNMENT. A block is aligned to its own size. Beyond that, the search is taken up again at the next place aligned
 * so, until both agree: as often as there are such blocks in between.
 *
 * SIZES. All of max is tried first, then each power of two below it that is there at all.
 */

#include "buddy_internal.h"

/* Children of a node above the order's own level that hold a free block of this order, or are part of one. */
static inline buddy_word_t holders(const struct buddy *buddy, unsigned level, size_t node, unsigned order)
{
	const buddy_word_t *words = node_of(buddy, level, node);
	buddy_word_t sum = words[0];

	for (; order < level * ORDERS; order++)
		sum |= words[1 + order];
	return sum;
}

/*
 * The lowest free block of this order that begins at this unit or above: up from there till a node holds one to the
 * right, then down to its lowest. All levels are settled.
 */
static size_t find_from(const struct buddy *buddy, unsigned order, size_t lower)
{
	unsigned level = order / ORDERS, above = level;
	size_t child = ALIGN_UP(lower, (size_t) 1 << order) >> (level * ORDERS);
	size_t node = child / WORD_BITS;
	size_t begin = child << (level * ORDERS);
	buddy_word_t found;

	if (begin >= buddy->units)
		return BUDDY_NONE;
	if (level > buddy->top)
		return (buddy->orders >> order != 0) ? 0 : BUDDY_NONE;
	found = runs_of(*node_of(buddy, level, node), order % ORDERS) & (ALL_ONES << child % WORD_BITS);
	while (found == 0) {
		if (above == buddy->top)
			return BUDDY_NONE;
		above++;
		child = node;
		node /= WORD_BITS;
		if (*node_of(buddy, above, node) & bit_of(child))
			return begin;
		found = holders(buddy, above, node, order) & (ALL_ONES << child % WORD_BITS << 1);
	}
	for (;;) {
		child = node * WORD_BITS + lowest(found);
		if (above == level || *node_of(buddy, above, node) & bit_of(child))
			return child << (above * ORDERS);
		above--;
		node = child;
		found = (above > level) ? holders(buddy, above, node, order)
								: runs_of(*node_of(buddy, level, node), order % ORDERS);
	}
}

/* The first unit of a free block of this order of which count units, from its beginning on, are as the request says. */
static size_t find_within(struct buddy *buddy, const struct buddy_request *request, unsigned order, size_t count)
{
	size_t first = request->lower;

	if (first == 0 && request->upper >= buddy->units && request->align >> order <= 1)
		return buddy_find(buddy, order);
	buddy_settle(buddy);
	while (first < buddy->units) {
		size_t found = find_from(buddy, order, first);

		if (found == BUDDY_NONE || found + count > request->upper)
			return BUDDY_NONE;
		first = ALIGN_UP(found, request->align);
		if (first == found)
			return first;
	}
	return BUDDY_NONE;
}

size_t buddy_alloc_request(struct buddy *buddy, const struct buddy_request *request, size_t *taken)
{
	size_t max = (request->max < buddy->units) ? request->max : buddy->units;
	int least = (int) order_of(request->min);
	int order = (int) order_of(max);

	mm_debug(request->min != 0 && request->min <= request->max, "min %zu, max %zu", request->min, request->max);
	mm_debug(IS_POWER_OF_TWO(request->align), "align %zu", request->align);
	*taken = 0;
	while (order >= least) {
		size_t count = (max >> order != 0) ? (size_t) 1 << order : max;
		size_t first = find_within(buddy, request, (unsigned) order, count);

		if (first != BUDDY_NONE) {
			buddy_take_range(buddy, first, count);
			*taken = count;
			return first;
		}
		order = (buddy_largest(buddy) < order) ? buddy_largest(buddy) : order - 1;
	}
	return BUDDY_NONE;
}
