/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A balanced search tree (AVL) of nodes that lie in their owner's structures.
 * It takes no lock and never allocates. How it works is told in generic/tree.c.
 */

#ifndef MM_TREE_H
#define MM_TREE_H

#include <mm/types.h>

struct tree_node {
	struct tree_node *child[2]; /* lower keys, higher keys */
	struct tree_node *parent;   /* NULL: the root */
	uintptr_t key;              /* the owner's to set before tree_insert, and to change as long as the order stays */
	unsigned height;            /* of the subtree that begins here; a leaf's is 1 */
};

struct tree {
	struct tree_node *root;
};

#define TREE_INIT \
	{             \
		NULL      \
	}

/** Puts a node in. Its key must not be in the tree yet. O(log n) */
void tree_insert(struct tree *tree, struct tree_node *node);

/** Takes a node out, which must be in the tree. O(log n) */
void tree_remove(struct tree *tree, struct tree_node *node);

/** The node with the highest key that is not above this one, or NULL. O(log n) */
struct tree_node *tree_floor(const struct tree *tree, uintptr_t key);

/** The node with the lowest key that is not below this one, or NULL. O(log n) */
struct tree_node *tree_ceiling(const struct tree *tree, uintptr_t key);

/** The next node in the order of keys, or NULL. O(1) on average over a walk, O(log n) at worst */
struct tree_node *tree_next(const struct tree_node *node);

/** The one before, or NULL. */
struct tree_node *tree_previous(const struct tree_node *node);

/** Whether links, heights and order are as they should be. @return NULL, or the name of what is broken */
const char *tree_check(const struct tree *tree);

#endif
