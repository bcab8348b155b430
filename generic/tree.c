/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A balanced search tree: Adelson-Velsky and Landis (1962), with parents, so
 * that a node that is at hand is taken out without a search.
 *
 * The heights of the two subtrees of a node differ by at most one, so a tree of
 * n nodes is at most 1.44 log2(n) high. After a node came or went, its parents
 * are settled from below, each by at most two rotations, up to the first whose
 * height is what it was.
 *
 *        node                 up            rotate(node, 0): node goes down to
 *       /    \               /  \           the side of the lower keys
 *      a      up    ->    node   c
 *            /  \         /  \
 *        inner   c       a   inner
 *
 * INVARIANTS, by the names that tree_check gives: "links" (a child's parent is
 * the node), "order" (keys rise), "height" (one more than the higher subtree's),
 * "balance" (subtrees differ by at most one).
 */

#include <mm/tree.h>

static unsigned height(const struct tree_node *node)
{
	return node != NULL ? node->height : 0;
}

static void update(struct tree_node *node)
{
	unsigned low = height(node->child[0]), high = height(node->child[1]);

	node->height = 1 + (low > high ? low : high);
}

/* Puts a subtree, or nothing, where node hung. */
static void replace(struct tree *tree, const struct tree_node *node, struct tree_node *by)
{
	if (node->parent == NULL)
		tree->root = by;
	else
		node->parent->child[node->parent->child[1] == node] = by;
	if (by != NULL)
		by->parent = node->parent;
}

static struct tree_node *rotate(struct tree *tree, struct tree_node *node, unsigned side)
{
	struct tree_node *up = node->child[!side];
	struct tree_node *inner = up->child[side];

	replace(tree, node, up);
	up->child[side] = node;
	node->parent = up;
	node->child[!side] = inner;
	if (inner != NULL)
		inner->parent = node;
	update(node);
	update(up);
	return up;
}

/* Balances one node whose subtrees are balanced. @return the root of the subtree */
static struct tree_node *settle(struct tree *tree, struct tree_node *node)
{
	for (unsigned side = 0; side < 2; side++) {
		struct tree_node *high = node->child[side];

		if (height(high) <= height(node->child[!side]) + 1)
			continue;
		if (height(high->child[!side]) > height(high->child[side]))
			rotate(tree, high, side);
		return rotate(tree, node, !side);
	}
	update(node);
	return node;
}

static void settle_upwards(struct tree *tree, struct tree_node *node)
{
	while (node != NULL) {
		unsigned before = node->height;

		node = settle(tree, node);
		if (node->height == before)
			break;
		node = node->parent;
	}
}

void tree_insert(struct tree *tree, struct tree_node *node)
{
	struct tree_node **place = &tree->root, *parent = NULL;

	while (*place != NULL) {
		parent = *place;
		place = &parent->child[node->key > parent->key];
	}
	node->child[0] = node->child[1] = NULL;
	node->parent = parent;
	node->height = 1;
	*place = node;
	settle_upwards(tree, parent);
}

/* The node beside this one on a side, among those of its subtree. */
static struct tree_node *neighbour_below(const struct tree_node *node, unsigned side)
{
	struct tree_node *next = node->child[side];

	while (next != NULL && next->child[!side] != NULL)
		next = next->child[!side];
	return next;
}

void tree_remove(struct tree *tree, struct tree_node *node)
{
	struct tree_node *lowest = node->parent;

	if (node->child[0] == NULL || node->child[1] == NULL) {
		replace(tree, node, node->child[node->child[0] == NULL]);
	} else {
		struct tree_node *next = neighbour_below(node, 1);

		lowest = next->parent != node ? next->parent : next;
		replace(tree, next, next->child[1]);
		for (unsigned side = 0; side < 2; side++) {
			next->child[side] = node->child[side];
			if (next->child[side] != NULL)
				next->child[side]->parent = next;
		}
		next->height = node->height;
		replace(tree, node, next);
	}
	settle_upwards(tree, lowest);
}

struct tree_node *tree_floor(const struct tree *tree, uintptr_t key)
{
	struct tree_node *node = tree->root, *best = NULL;

	while (node != NULL) {
		bool below = node->key <= key;

		if (below)
			best = node;
		node = node->child[below];
	}
	return best;
}

struct tree_node *tree_ceiling(const struct tree *tree, uintptr_t key)
{
	struct tree_node *node = tree->root, *best = NULL;

	while (node != NULL) {
		bool above = node->key >= key;

		if (above)
			best = node;
		node = node->child[!above];
	}
	return best;
}

static struct tree_node *neighbour(const struct tree_node *node, unsigned side)
{
	if (node->child[side] != NULL)
		return neighbour_below(node, side);
	while (node->parent != NULL && node->parent->child[side] == node)
		node = node->parent;
	return node->parent;
}

struct tree_node *tree_next(const struct tree_node *node)
{
	return neighbour(node, 1);
}

struct tree_node *tree_previous(const struct tree_node *node)
{
	return neighbour(node, 0);
}

static const char *check_node(const struct tree_node *node)
{
	unsigned low = height(node->child[0]), high = height(node->child[1]);
	const struct tree_node *next = tree_next(node);

	for (unsigned side = 0; side < 2; side++)
		if (node->child[side] != NULL && node->child[side]->parent != node)
			return "links";
	if (next != NULL && next->key <= node->key)
		return "order";
	if (node->height != 1 + (low > high ? low : high))
		return "height";
	return (low > high ? low - high : high - low) > 1 ? "balance" : NULL;
}

const char *tree_check(const struct tree *tree)
{
	const struct tree_node *node = tree->root;
	const char *broken = node != NULL && node->parent != NULL ? "links" : NULL;

	while (node != NULL && node->child[0] != NULL)
		node = node->child[0];
	for (; node != NULL && broken == NULL; node = tree_next(node))
		broken = check_node(node);
	return broken;
}
