/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The definition of struct buddy, so that an owner can hold one in its own
 * structures. The fields are the allocator's; generic/buddy.c tells what they
 * mean. Included by mm/buddy.h only.
 */

#ifndef MM_BUDDY_BOOKS_H
#define MM_BUDDY_BOOKS_H

#include <mm/types.h>

/* A word is what the machine takes in one instruction: 64 units, or 32. */
typedef uintptr_t buddy_word_t;

/* log2 of the bits of a word: orders that one level tells apart. */
#define BUDDY_WORD_ORDERS (sizeof(buddy_word_t) > 4 ? 6u : 5u)
#define BUDDY_WORD_BITS (1u << BUDDY_WORD_ORDERS)

/* Enough for BUDDY_MAX_UNITS: 64^5 = 2^30, 32^5 = 2^25. */
#define BUDDY_LEVELS 5

/* One level of the tree, and the word of it that was changed last. */
struct buddy_level {
	buddy_word_t *nodes;
	buddy_word_t *hot_word; /* its free bits */
	size_t hot;             /* its number among the level's nodes */
	unsigned entered;       /* the class under which the levels above know it */
};

struct buddy {
	buddy_word_t orders; /* bit k: there is a node with a longest run of order k */
	unsigned dirty;      /* bit l: level l's hot word was changed since it was settled */
	unsigned top;        /* the level that is a single node, the root */
	size_t units;
	size_t free; /* units free */
	struct buddy_level levels[BUDDY_LEVELS];
};

#endif
