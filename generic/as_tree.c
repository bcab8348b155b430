/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The areas of an address space, by address: a height-balanced tree (Adelson-
 * Velskii and Landis 1962) that knows its gaps.
 *
 * Beside its branches each area has, of itself and all below it, the first
 * address (low), the last (high), and the widest gap between two neighbours
 * (widest). All three follow from the two branches alone, so they are put right
 * on the way up from a change, wherever rotations have been.
 *
 * A search for room goes down only where a gap is wide enough, and leaves out
 * what lies wholly below its bound: at most two paths are walked, one along the
 * bound and one to the gap.
 *
 * COST. All of it O(log n) for n areas.
 */

#include "as_internal.h"

static unsigned height(const struct as_area *area)
{
	return area != NULL ? area->height : 0;
}

static uintptr_t larger(uintptr_t left, uintptr_t right)
{
	return left > right ? left : right;
}

/* What an area says of its branches and itself. */
static void settle(struct as_area *area)
{
	const struct as_area *left = area->left, *right = area->right;

	area->height = 1 + (unsigned) larger(height(left), height(right));
	area->low = left != NULL ? left->low : area->first;
	area->high = right != NULL ? right->high : area->last;
	area->widest = 0;
	if (left != NULL)
		area->widest = larger(left->widest, area->first - left->high - 1);
	if (right != NULL)
		area->widest = larger(area->widest, larger(right->widest, right->low - area->last - 1));
}

static struct as_area *rotate_right(struct as_area *area)
{
	struct as_area *top = area->left;

	area->left = top->right;
	top->right = area;
	settle(area);
	settle(top);
	return top;
}

static struct as_area *rotate_left(struct as_area *area)
{
	struct as_area *top = area->right;

	area->right = top->left;
	top->left = area;
	settle(area);
	settle(top);
	return top;
}

/* Puts right an area whose branches differ in height by at most two. @return what stands in its place now */
static struct as_area *balance(struct as_area *area)
{
	if (height(area->left) > height(area->right) + 1) {
		if (height(area->left->left) < height(area->left->right))
			area->left = rotate_left(area->left);
		return rotate_right(area);
	}
	if (height(area->right) > height(area->left) + 1) {
		if (height(area->right->right) < height(area->right->left))
			area->right = rotate_right(area->right);
		return rotate_left(area);
	}
	settle(area);
	return area;
}

struct as_area *area_tree_insert(struct as_area *root, struct as_area *area)
{
	if (root == NULL) {
		area->left = area->right = NULL;
		settle(area);
		return area;
	}
	if (area->first < root->first)
		root->left = area_tree_insert(root->left, area);
	else
		root->right = area_tree_insert(root->right, area);
	return balance(root);
}

/* Takes the first area out of a tree. @return the new root */
static struct as_area *take_first(struct as_area *root, struct as_area **first)
{
	if (root->left == NULL) {
		*first = root;
		return root->right;
	}
	root->left = take_first(root->left, first);
	return balance(root);
}

static struct as_area *join(struct as_area *left, struct as_area *right)
{
	struct as_area *top;

	if (left == NULL || right == NULL)
		return left != NULL ? left : right;
	right = take_first(right, &top);
	top->left = left;
	top->right = right;
	return balance(top);
}

struct as_area *area_tree_remove(struct as_area *root, const struct as_area *area)
{
	mm_assert(root != NULL, "the area at %#zx is not in the tree", (size_t) area->first);
	if (root == area)
		return join(root->left, root->right);
	if (area->first < root->first)
		root->left = area_tree_remove(root->left, area);
	else
		root->right = area_tree_remove(root->right, area);
	return balance(root);
}

void area_tree_refresh(struct as_area *root, const struct as_area *area)
{
	if (area->first < root->first)
		area_tree_refresh(root->left, area);
	else if (root != area)
		area_tree_refresh(root->right, area);
	settle(root);
}

struct as_area *area_tree_floor(struct as_area *root, uintptr_t va)
{
	struct as_area *best = NULL;

	while (root != NULL) {
		if (root->first <= va) {
			best = root;
			root = root->right;
		} else {
			root = root->left;
		}
	}
	return best;
}

struct as_area *area_tree_ceiling(struct as_area *root, uintptr_t va)
{
	struct as_area *best = NULL;

	while (root != NULL) {
		if (root->first >= va) {
			best = root;
			root = root->left;
		} else {
			root = root->right;
		}
	}
	return best;
}

/* ---- gaps ---- */

/* Whether room for size bytes, from bound on, could be in [from, to], where the areas of the tree lie. */
static bool could_have(const struct as_area *root, uintptr_t from, uintptr_t to, uintptr_t bound, size_t size)
{
	if (to < bound || to - from < size - 1)
		return false;
	return root == NULL || root->widest >= size || root->low - from >= size || to - root->high >= size;
}

/* The lowest address from bound in [from, to] with so much room between the areas of the tree. */
static bool find_gap(
	const struct as_area *root, uintptr_t from, uintptr_t to, uintptr_t bound, size_t size, uintptr_t *va)
{
	if (!could_have(root, from, to, bound, size))
		return false;
	if (root == NULL) {
		*va = larger(from, bound);
		return to - *va >= size - 1;
	}
	if (root->first > from && find_gap(root->left, from, root->first - 1, bound, size, va))
		return true;
	return root->last < to && find_gap(root->right, root->last + 1, to, bound, size, va);
}

bool as_range_find(const struct as *as, uintptr_t bound, size_t size, uintptr_t *va)
{
	return find_gap(as->areas, AS_FIRST, AS_LAST, bound, size, va);
}

bool as_range_free(const struct as *as, uintptr_t first, uintptr_t last, const struct as_area *except)
{
	const struct as_area *area = area_tree_floor(as->areas, last);

	/* The exception grows at its end, so what it meets begins after it. */
	return area == NULL || area->last < first || area == except;
}
