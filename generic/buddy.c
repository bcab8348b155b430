/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A 64-ary buddy allocator (32-ary where a machine word has 32 bits).
 *
 * IDEA. A classic buddy halves a block order by order until it has the size
 * asked for, and joins the halves again one by one. Here a word of a bitmap
 * stands for six orders at once: a block of up to 32 units is an aligned run
 * of ones in a word of 64, cut out and put back with one mask. Splitting and
 * merging happen only where a word becomes, or ceases to be, all ones: then it
 * folds into one bit of a word on the next level, which stands for the next six
 * orders in the same way.
 *
 * STRUCTURE. A tree of nodes, each with 64 children. On level 0 a node is one
 * word and its children are units. A node of level l > 0 has 1 + 6 l words of
 * one bit a child:
 *
 *     level 2            [free | order 0 1 2 3 4 5 6 7 8 9 10 11]      one node = 64^3 units
 *                          |
 *     level 1        [free | order 0 1 2 3 4 5]  x 64                  one node = 64^2 units
 *                      |
 *     level 0      [free]  x 64^2                                      one node = 64 units
 *
 *   free      bit i: child i, 64^l units, is free as a whole. What is free is told once, on the highest level that
 *             can tell it; below such a bit everything is 0.
 *   order k   bit i: in child i, or below it, is a node on level k / 6 in whose free word the longest aligned run is
 *             of 2^(k % 6) ones: a block of order k, and nothing longer in that node. k % 6 is the node's class.
 *
 * The word `orders` sums up the root in the same way. So "is there a block of order k or more" is one shift; the
 * smallest class that will do, one count of zeros; the way down to the lowest node of that class, one count of zeros
 * a level. The books are 1 + 7/64 + 13/64^2 + ... = 1.113 bits a unit (32-ary: 1 + 6/32 + 11/32^2 + ... = 1.199).
 *
 * HOT WORDS. To change a node's class costs a bit off and a bit on along the way up; to fold it, more. Who takes and
 * gives back in turns would pay that twice a turn for nothing. So for the node of each level that was changed last, the
 * hot one, this is put off till another node of the level changes or somebody must know (settle). Meanwhile the level
 * is dirty: the hot node may stand in the books above under a class that is no longer its own, and its free word may
 * be all ones. A request asks the hot word first, if it is dirty, and is served from it unless that would cut a longer
 * run than some other node would.
 *
 * INVARIANTS, by the names that buddy_check returns; they hold when all levels are settled:
 *   tail      nothing beyond the last unit is free
 *   count     the bits of the free words make up as many units as `free` says
 *   folded    no free word but the root's is all ones
 *   once      what is below a bit of a free word is all 0
 *   classes   a bit of an order word is 1 if and only if the child has that class or, in its own word of that order,
 *             a 1
 *   orders    so it is with the word `orders` and the root, whose class may be that of all ones
 *   hot       the hot word is entered under its class
 *
 * COSTS. Taking, giving back and failing are O(log64 units) for a block of any order and a range of any length: a range
 * touches at most two words a level. generic/buddy_request.c tells what bounds and alignments cost.
 *
 * LOCKS, CONTEXTS. None: the owner keeps others out. It never allocates, sleeps, or logs.
 */

#include "buddy_internal.h"

/* For what would only get in the way of the short path that leads past it. */

/* ---- the tree ---- */

/* Tells the tree from this level up that this child has a node of this order now. */
static inline void order_enter(struct buddy *buddy, unsigned order, unsigned level, size_t child)
{
	for (; level <= buddy->top; level++) {
		buddy_word_t *word = node_of(buddy, level, child / WORD_BITS) + 1 + order;
		buddy_word_t before = *word;

		*word = before | bit_of(child);
		if (before != 0)
			return;
		child /= WORD_BITS;
	}
	buddy->orders |= (buddy_word_t) 1 << order;
}

/* Tells it that the child has none any longer. */
static inline void order_leave(struct buddy *buddy, unsigned order, unsigned level, size_t child)
{
	for (; level <= buddy->top; level++) {
		buddy_word_t *word = node_of(buddy, level, child / WORD_BITS) + 1 + order;

		*word &= ~bit_of(child);
		if (*word != 0)
			return;
		child /= WORD_BITS;
	}
	buddy->orders &= ~((buddy_word_t) 1 << order);
}

static void make_hot(struct buddy *buddy, unsigned level, size_t node);

/* Turns bits of a free word over, and leaves it to settle to draw the conclusions. */
static inline void flip(struct buddy *buddy, unsigned level, size_t node, buddy_word_t mask)
{
	struct buddy_level *here = &buddy->levels[level];

	if (unlikely(node != here->hot))
		make_hot(buddy, level, node);
	*here->hot_word ^= mask;
	buddy->dirty |= 1u << level;
}

/* Draws the conclusions from what happened to a level's hot word: enters its class above, or folds it. */
static NOINLINE void settle(struct buddy *buddy, unsigned level)
{
	struct buddy_level *here = &buddy->levels[level];
	unsigned before = here->entered;
	unsigned now = class_of(*here->hot_word);
	bool fold = now == CLASS_FULL && level < buddy->top;

	buddy->dirty &= ~(1u << level);
	if (now == before)
		return;
	here->entered = fold ? CLASS_EMPTY : now;
	if (before != CLASS_EMPTY)
		order_leave(buddy, level * ORDERS + before, level + 1, here->hot);
	if (fold) {
		*here->hot_word = 0;
		flip(buddy, level + 1, here->hot / WORD_BITS, bit_of(here->hot));
	} else if (now != CLASS_EMPTY) {
		order_enter(buddy, level * ORDERS + now, level + 1, here->hot);
	}
}

void buddy_settle(struct buddy *buddy)
{
	while (buddy->dirty != 0)
		settle(buddy, lowest(buddy->dirty));
}

/* Makes another node the hot one of its level. */
static NOINLINE void make_hot(struct buddy *buddy, unsigned level, size_t node)
{
	struct buddy_level *here = &buddy->levels[level];

	if (buddy->dirty & 1u << level)
		settle(buddy, level);
	here->hot = node;
	here->hot_word = node_of(buddy, level, node);
	here->entered = class_of(*here->hot_word);
}

/* Makes a free word all ones again that is folded into a bit somewhere above. */
static NOINLINE void unfold(struct buddy *buddy, unsigned level, size_t node)
{
	size_t parent = node / WORD_BITS;

	if ((*node_of(buddy, level + 1, parent) & bit_of(node)) == 0)
		unfold(buddy, level + 1, parent);
	flip(buddy, level + 1, parent, bit_of(node));
	flip(buddy, level, node, ALL_ONES);
}

/* Takes children of one node that are free, or gives back such as are taken. */
static inline void change_children(struct buddy *buddy, unsigned level, size_t node, buddy_word_t mask, bool take)
{
	if (take && (*node_of(buddy, level, node) & mask) == 0)
		unfold(buddy, level, node);
	flip(buddy, level, node, mask);
}

/*
 * Takes a range that is free, or gives back one that is taken; on level 0 a range of units, above of so many at once.
 * Of each level it changes the parts at the ends, which fill no word; the words between are a range of the next level.
 */
static inline void change_range(struct buddy *buddy, unsigned level, size_t first, size_t count, bool take)
{
	for (; count != 0; level++) {
		size_t offset = first % WORD_BITS;
		size_t rest;

		if (offset + count < WORD_BITS || level == buddy->top) {
			change_children(buddy, level, first / WORD_BITS, ones_from(count, offset), take);
			return;
		}
		if (offset != 0)
			change_children(buddy, level, first / WORD_BITS, ALL_ONES << offset, take);
		rest = (first + count) % WORD_BITS;
		if (rest != 0)
			change_children(buddy, level, (first + count) / WORD_BITS, ones_from(rest, 0), take);
		count = (first + count) / WORD_BITS;
		first = (first + WORD_BITS - 1) / WORD_BITS;
		count -= first;
		if (take && buddy->dirty & 1u << level)
			settle(buddy, level);
	}
}

void buddy_take_range(struct buddy *buddy, size_t first, size_t count)
{
	buddy->free -= count;
	change_range(buddy, 0, first, count, true);
}

/* Gives back a range that is not part of level 0's hot word. */
static NOINLINE void give_elsewhere(struct buddy *buddy, size_t first, size_t count)
{
	unsigned level = 0;
	size_t offset;

	for (; (first | count) % WORD_BITS == 0 && level < buddy->top; level++) {
		first /= WORD_BITS;
		count /= WORD_BITS;
	}
	offset = first - buddy->levels[level].hot * WORD_BITS;
	if (offset >= WORD_BITS || count > WORD_BITS - offset) {
		change_range(buddy, level, first, count, false);
		return;
	}
	*buddy->levels[level].hot_word ^= ones_from(count, offset);
	buddy->dirty |= 1u << level;
}

/* ---- finding ---- */

/* Not in this word. */
#define NOWHERE WORD_BITS

/* Runs of 2^order bits in the level's hot word that can be had without cutting a longer one. */
static inline buddy_word_t hot_lone_runs(const struct buddy *buddy, unsigned level, unsigned order)
{
	return lone_runs(runs_of(*buddy->levels[level].hot_word, order), order);
}

/*
 * Where in the level's hot word to take 2^order bits, if there are no lone runs: in a longer one, if no other word has
 * a longest run that is shorter.
 */
static inline unsigned find_hot_longer(const struct buddy *buddy, unsigned level, unsigned order)
{
	buddy_word_t word = *buddy->levels[level].hot_word;
	buddy_word_t runs = runs_of(word, order);
	buddy_word_t others = buddy->orders >> (level * ORDERS + order) & ((1u << (ORDERS - order)) - 1);

	if (runs == 0 || (others != 0 && runs_of(word, order + lowest(others) + 1) != 0))
		return NOWHERE;
	return lowest(runs);
}

/* Where in the level's hot word to take 2^order bits. */
static inline unsigned find_hot(const struct buddy *buddy, unsigned level, unsigned order)
{
	buddy_word_t lone = hot_lone_runs(buddy, level, order);

	return (lone != 0) ? lowest(lone) : find_hot_longer(buddy, level, order);
}

/* Whether a level's hot word is to be asked first: it is dirty, and no lower one is, which might still fold into it. */
static inline bool only_hot(const struct buddy *buddy, unsigned level)
{
	return (buddy->dirty & ((2u << level) - 1)) == 1u << level;
}

/* A block in the lowest of the nodes of the smallest class that will do. All levels are settled. */
static inline size_t find_smallest(const struct buddy *buddy, unsigned order)
{
	unsigned found, level;
	size_t node = 0;
	buddy_word_t runs, lone;

	if (buddy->orders >> order == 0)
		return BUDDY_NONE;
	found = order + lowest(buddy->orders >> order);
	level = found / ORDERS;
	if (level > buddy->top)
		return 0;
	for (unsigned above = buddy->top; above > level; above--)
		node = node * WORD_BITS + lowest(node_of(buddy, above, node)[1 + found]);
	order = (order > level * ORDERS) ? order - level * ORDERS : 0;
	runs = runs_of(*node_of(buddy, level, node), order);
	lone = lone_runs(runs, order);
	return (node * WORD_BITS + lowest((lone != 0) ? lone : runs)) << (level * ORDERS);
}

size_t buddy_find(struct buddy *buddy, unsigned order)
{
	unsigned level = order / ORDERS;

	if (only_hot(buddy, level)) {
		unsigned place = find_hot(buddy, level, order % ORDERS);

		if (place != NOWHERE)
			return (buddy->levels[level].hot * WORD_BITS + place) << (level * ORDERS);
	}
	buddy_settle(buddy);
	return find_smallest(buddy, order);
}

/* ---- the interface ---- */

size_t buddy_size(size_t units)
{
	size_t words = 0;

	if (units == 0 || units > BUDDY_MAX_UNITS)
		return 0;
	for (unsigned level = 0;; level++) {
		words += nodes_of(units, level) * (1 + level * ORDERS);
		if (nodes_of(units, level) == 1)
			return words * sizeof(buddy_word_t);
	}
}

void buddy_init(struct buddy *buddy, void *books, size_t units)
{
	buddy_word_t *words = books;

	mm_assert(units != 0 && units <= BUDDY_MAX_UNITS, "%zu units", units);
	for (size_t i = 0; i < buddy_size(units) / sizeof(*words); i++)
		words[i] = 0;
	*buddy = (struct buddy){ .units = units };
	for (unsigned level = 0;; level++) {
		buddy->levels[level] = (struct buddy_level){ .nodes = words, .hot_word = words, .entered = CLASS_EMPTY };
		words += nodes_of(units, level) * (1 + level * ORDERS);
		buddy->top = level;
		if (nodes_of(units, level) == 1)
			return;
	}
}

/* Takes a block of which is known that it is free. */
static inline void take_block(struct buddy *buddy, size_t first, unsigned order)
{
	unsigned level = order / ORDERS;
	size_t child = first >> (level * ORDERS);

	if (unlikely(level > buddy->top)) {
		buddy_take_range(buddy, first, (size_t) 1 << order);
		return;
	}
	buddy->free -= (size_t) 1 << order;
	change_children(buddy, level, child / WORD_BITS, fields[order % ORDERS].first << child % WORD_BITS, true);
}

/* A block that is not in a hot word. */
static NOINLINE size_t alloc_settled(struct buddy *buddy, unsigned order)
{
	size_t first;

	buddy_settle(buddy);
	first = find_smallest(buddy, order);
	if (first != BUDDY_NONE)
		take_block(buddy, first, order);
	return first;
}

/* Takes 2^order children at this place out of a level's hot word. */
static inline size_t take_hot(struct buddy *buddy, unsigned level, unsigned order, unsigned place)
{
	struct buddy_level *here = &buddy->levels[level];

	buddy->free -= (size_t) 1 << order << (level * ORDERS);
	*here->hot_word ^= fields[order].first << place;
	return (here->hot * WORD_BITS + place) << (level * ORDERS);
}

/* A block of level 0 that is not a lone run of the hot word. */
static NOINLINE size_t alloc_longer(struct buddy *buddy, unsigned order)
{
	unsigned place = find_hot_longer(buddy, 0, order);

	return (place != NOWHERE) ? take_hot(buddy, 0, order, place) : alloc_settled(buddy, order);
}

/* A block of a level above 0. */
static NOINLINE size_t alloc_above(struct buddy *buddy, unsigned order)
{
	unsigned level = order / ORDERS;

	if (order >= WORD_BITS)
		return BUDDY_NONE;
	if (only_hot(buddy, level)) {
		unsigned place = find_hot(buddy, level, order % ORDERS);

		if (place != NOWHERE)
			return take_hot(buddy, level, order % ORDERS, place);
	}
	return alloc_settled(buddy, order);
}

size_t buddy_alloc(struct buddy *buddy, unsigned order)
{
	if (order >= ORDERS)
		return alloc_above(buddy, order);
	if (buddy->dirty & 1) {
		buddy_word_t lone = hot_lone_runs(buddy, 0, order);

		return likely(lone != 0) ? take_hot(buddy, 0, order, lowest(lone)) : alloc_longer(buddy, order);
	}
	return (buddy->dirty != 0 || buddy->orders >> order != 0) ? alloc_settled(buddy, order) : BUDDY_NONE;
}

bool buddy_take(struct buddy *buddy, size_t first, size_t count)
{
	check_range(buddy, first, count);
	for (size_t at = first; at < first + count;) {
		size_t next = buddy_free_up_to(buddy, at);

		if (next == at)
			return false;
		at = next;
	}
	buddy_take_range(buddy, first, count);
	return true;
}

void buddy_free(struct buddy *buddy, size_t first, size_t count)
{
	size_t offset = first - buddy->levels[0].hot * WORD_BITS;

	mm_debug(buddy_all_taken(buddy, first, count), "of %zu units from %zu some are free already", count, first);
	buddy->free += count;
	if (offset >= WORD_BITS || count > WORD_BITS - offset) {
		give_elsewhere(buddy, first, count);
		return;
	}
	*buddy->levels[0].hot_word ^= ones_from(count, offset);
	buddy->dirty |= 1u << 0;
}
