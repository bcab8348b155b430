/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Physical areas: the frames of a range of physical memory, RAM or not, one
 * after the other. The range is its owner's; nothing here counts or frees it.
 *
 * RAM that the direct map has is cached, so an area of it is not AS_UNCACHED
 * (mm/page_caches.h).
 *
 * All of it is mapped when the area is made or grows, with large pages where
 * size and alignment allow: there is nothing to be saved by waiting for a touch.
 */

#include "as_internal.h"

static errno_t validate_range(const struct as_area *area)
{
	if ((area->base & PAGE_MASK) != 0)
		return EINVAL;
	if (area->base > phys_last() || area->last - area->first > phys_last() - area->base)
		return ERANGE;
	return (area->flags & AS_UNCACHED) != 0 && frame_is_cached(area->base, area_pages(area)) ? EINVAL : EOK;
}

static errno_t map_range(struct as *as, const struct as_area *area, uintptr_t va, size_t pages, frame_flags_t alloc,
	struct reservation *from)
{
	phys_t pa = area->base + (phys_t) (va - area->first);
	page_flags_t flags = physical_flags(area_page_flags(area) & ~PAGE_NO_LARGE);
	errno_t error = from == NULL ? page_mapping_insert(as->table, va, pa, pages, flags, alloc)
								 : page_mapping_insert_reserved(as->table, va, pa, pages, flags, from);

	return error == ENOMEM ? EAGAIN : error;
}

const struct as_backend as_physical = { .kind = AS_PHYSICAL,
	.name = "physical",
	.flags = AS_WRITE | AS_EXEC | AS_UNCACHED,
	.shared = true,
	.validate = validate_range,
	.map = map_range };
