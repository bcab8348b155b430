/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Address spaces held to their invariants, which as_internal.h names. Each is
 * locked while it is looked at, so this may sleep.
 */

#include "as_internal.h"

static size_t breach(const struct as *as, const struct as_area *area, const char *name, size_t found, size_t expected)
{
	port_log("as_check: %s: area %#zx of address space %u: %zu, and not %zu", name, (size_t) area->first, as->number,
		found, expected);
	return 1;
}

static unsigned height(const struct as_area *area)
{
	return area != NULL ? area->height : 0;
}

static size_t check_node(const struct as *as, const struct as_area *area)
{
	const struct as_area *left = area->left, *right = area->right;
	unsigned lower = height(left) < height(right) ? height(left) : height(right);
	unsigned higher = height(left) < height(right) ? height(right) : height(left);
	uintptr_t low = left != NULL ? left->low : area->first, high = right != NULL ? right->high : area->last;
	size_t breaches = 0;

	if (higher > lower + 1 || area->height != higher + 1)
		breaches += breach(as, area, "tree (height)", area->height, higher + 1);
	if (area->low != low || area->high != high)
		breaches += breach(as, area, "tree (ends)", area->low, low);
	if ((left != NULL && left->high >= area->first) || (right != NULL && right->low <= area->last) ||
		area->first > area->last || !as_address_valid(area->first) || !as_address_valid(area->last))
		breaches += breach(as, area, "tree (order)", area->first, area->last);
	if ((left != NULL && area->widest < area->first - left->high - 1) ||
		(right != NULL && area->widest < right->low - area->last - 1))
		breaches += breach(as, area, "tree (gap)", area->widest, 0);
	return breaches;
}

static size_t check_promises(const struct as *as, const struct as_area *area)
{
	size_t pages = area_pages(area);
	bool reserved = (area->flags & AS_RESERVE) != 0 && area->memory == NULL;

	if (area->promised > (reserved ? pages : 0))
		return breach(as, area, "promised", area->promised, reserved ? pages : 0);
	if (reserved && area->promised + area->resident < pages)
		return breach(as, area, "promised", area->promised, pages - area->resident);
	return 0;
}

/* Rights that no page of the area may have. */
static size_t check_rights(const struct as *as, const struct as_area *area)
{
	struct pages_walk walk = PAGES_WALK(as->table, area->first, area->last);
	size_t breaches = 0;
	uintptr_t va;
	phys_t pa;

	for (size_t seen = 0; seen < area->resident && pages_next(&walk, &va, &pa); seen++) {
		struct page_mapping mapping = page_mapping_find(as->table, va);

		if (((mapping.flags & PAGE_WRITE) && !(area->flags & AS_WRITE)) || !(mapping.flags & PAGE_USER))
			breaches += breach(as, area, "rights", mapping.flags, area->flags);
	}
	return breaches;
}

static size_t check_areas(const struct as *as, const struct as_area *area, size_t *areas, size_t *resident)
{
	size_t breaches, mapped;

	if (area == NULL)
		return 0;
	mapped = page_mapping_count(as->table, area->first, area_pages(area));
	++*areas;
	*resident += area->resident;
	breaches = check_node(as, area) + check_promises(as, area) + check_rights(as, area);
	if (mapped != area->resident)
		breaches += breach(as, area, "resident", area->resident, mapped);
	return breaches + check_areas(as, area->left, areas, resident) + check_areas(as, area->right, areas, resident);
}

static bool check_one(struct as *as, void *argument)
{
	size_t *breaches = argument, areas = 0, resident = 0, mapped;

	as_mutex_lock(&as->lock);
	*breaches += check_areas(as, as->areas, &areas, &resident);
	mapped = page_mapping_count(as->table, USER_START, (size_t) ((AS_LAST - USER_START) >> PAGE_WIDTH) + 1);
	if (areas != as->area_count || resident != mapped) {
		port_log("as_check: resident: address space %u: %zu areas of %zu, %zu pages mapped, %zu in areas", as->number,
			areas, as->area_count, mapped, resident);
		++*breaches;
	}
	as_mutex_unlock(&as->lock);
	return true;
}

size_t as_check(void)
{
	size_t breaches = asids_check();

	as_each(check_one, &breaches);
	return breaches;
}
