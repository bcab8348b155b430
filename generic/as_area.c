/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Areas: made, resized, changed, destroyed.
 *
 * Each operation prepares first (looks whether it may be, takes the structure,
 * the promises, the page tables that it needs) and then commits, which cannot
 * fail. What a step has taken the steps that fail after it give back, in reverse
 * order. What waits for memory does so with the lock let go of, and prepares
 * anew after it (as_internal.h).
 *
 * An area says nothing of pages that were not touched, so making, growing and
 * destroying one costs the same whatever its size, unless it is physical.
 *
 * COST. Made and destroyed, one page, not touched, with two areas in the tree:
 * about 500 instructions (as-area); among 1,000 areas about 2,000.
 */

#include <mm/slab.h>

#include "as_internal.h"

const struct as_backend *const as_backends[AS_BACKENDS] = {
	[AS_ANONYMOUS] = &as_anonymous, [AS_PHYSICAL] = &as_physical, [AS_IMAGE] = &as_image, [AS_GUARD] = &as_guard
};

const char *as_backend_name(enum as_backend_kind kind)
{
	return as_backends[kind]->name;
}

/* ---- where ---- */

errno_t area_place(const struct as *as, struct as_area *area, uintptr_t va, size_t size, unsigned flags)
{
	if (size == 0 || ((va | size) & PAGE_MASK) != 0)
		return EINVAL;
	if (flags & AS_ANYWHERE) {
		if (!as_range_find(as, va, size, &va))
			return ENOMEM;
	} else if (!as_address_valid(va) || size - 1 > AS_LAST - va || (va < AS_FIRST && !(flags & AS_PAGE_0))) {
		return ERANGE;
	} else if (!as_range_free(as, va, va + (size - 1), NULL)) {
		return EEXIST;
	}
	area->first = va;
	area->last = va + (size - 1);
	return EOK;
}

void area_link(struct as *as, struct as_area *area)
{
	as->areas = area_tree_insert(as->areas, area);
	as->area_count++;
}

bool area_flags_valid(const struct as_backend *backend, unsigned flags)
{
	return (flags & ~backend->flags) == 0 && (flags & (AS_WRITE | AS_EXEC)) != (AS_WRITE | AS_EXEC);
}

/* ---- making ---- */

errno_t area_provide(
	struct as *as, struct as_area *area, uintptr_t va, size_t pages, frame_flags_t alloc, struct reservation *from)
{
	errno_t error;

	/* No backend maps pages when it is made and takes promises. */
	if (area->flags & AS_RESERVE)
		return promise_more(&area->promised, pages);
	if (area->backend->map == NULL)
		return EOK;
	error = area->backend->map(as, area, va, pages, alloc, from);
	if (error == EOK)
		area->resident += pages;
	return error;
}

/* The area with what it was asked for, in its place; or an error, and nothing was taken. The lock is held. */
static errno_t make_locked(struct as *as, struct as_area *area, const struct as_area_request *request,
	frame_flags_t alloc, struct reservation *from)
{
	errno_t error = area_place(as, area, request->va, request->size, request->flags);

	if (error == EOK && area->backend->validate != NULL)
		error = area->backend->validate(area);
	if (error == EOK)
		error = area_provide(as, area, area->first, area_pages(area), alloc, from);
	if (error == EOK)
		area_link(as, area);
	return error;
}

errno_t as_area_create(struct as *as, const struct as_area_request *request, frame_flags_t alloc, uintptr_t *va)
{
	struct as_round round = AS_ROUND(alloc);
	struct as_area *area;
	size_t tables;
	errno_t error;

	if (request->backend >= AS_BACKENDS || !area_flags_valid(as_backends[request->backend], request->flags & ~AS_PLACE))
		return EINVAL;
	do {
		area = as_object_alloc(&round, as_area_cache, alloc);
		if (unlikely(area == NULL))
			return ENOMEM;
		area_init(area, as_backends[request->backend], request->flags & ~AS_PLACE, request->base, request->file_size);
		as_mutex_lock(&as->lock);
		error = make_locked(as, area, request, round.now, round.from);
		if (likely(error == EOK)) {
			as_object_handed_over();
			*va = area->first;
		}
		as_mutex_unlock(&as->lock);
		if (likely(error == EOK))
			break;
		tables = area_tables(area, request->size >> PAGE_WIDTH);
		as_object_free(as_area_cache, area);
	} while (error == EAGAIN && as_round_wait(&round, tables + 1, 0));
	as_round_end(&round);
	return error != EAGAIN ? error : ENOMEM;
}

/* ---- resizing ---- */

static errno_t grow(struct as *as, struct as_area *area, uintptr_t last, const struct as_round *round)
{
	uintptr_t old_last = area->last;
	size_t pages = (last - old_last) >> PAGE_WIDTH;
	errno_t error = EOK;

	if (!as_range_free(as, old_last + 1, last, area))
		return EEXIST;
	area->last = last;
	if (area->backend->validate != NULL)
		error = area->backend->validate(area);
	if (error == EOK)
		error = area_provide(as, area, old_last + 1, pages, round->now, round->from);
	if (error != EOK)
		area->last = old_last;
	return error;
}

static void shrink(struct as *as, struct as_area *area, uintptr_t last)
{
	size_t pages = (area->last - last) >> PAGE_WIDTH;
	size_t resident = area->resident;
	size_t left;

	pages_unmap(as, area, last + 1, area->last, NULL);
	area->last = last;
	promise_less(&area->promised, pages - (resident - area->resident));
	left = area_pages(area);
	if (area->promised > left)
		promise_less(&area->promised, area->promised - left);
}

/* tables: what it takes if it is short of memory. */
static errno_t resize_locked(
	struct as *as, struct as_area *area, size_t size, const struct as_round *round, size_t *tables)
{
	uintptr_t last;
	errno_t error = EOK;

	if (size - 1 > AS_LAST - area->first)
		return ERANGE;
	if (area->memory != NULL)
		return EBUSY;
	last = area->first + (size - 1);
	if (last > area->last)
		error = grow(as, area, last, round);
	else if (last < area->last)
		shrink(as, area, last);
	if (error == EOK)
		area_tree_refresh(as->areas, area);
	else if (error == EAGAIN)
		*tables = area_tables(area, (last - area->last) >> PAGE_WIDTH);
	return error;
}

errno_t as_area_resize(struct as *as, uintptr_t va, size_t size, frame_flags_t alloc)
{
	struct as_round round = AS_ROUND(alloc);
	struct as_area *area;
	size_t tables = 0;
	errno_t error;

	if (size == 0 || (size & PAGE_MASK) != 0)
		return EINVAL;
	do {
		as_mutex_lock(&as->lock);
		area = as_area_at(as, va);
		error = area == NULL ? ENOENT : resize_locked(as, area, size, &round, &tables);
		as_mutex_unlock(&as->lock);
	} while (unlikely(error == EAGAIN) && as_round_wait(&round, tables, 0));
	as_round_end(&round);
	return error != EAGAIN ? error : ENOMEM;
}

/* ---- rights ---- */

static errno_t change_locked(struct as *as, struct as_area *area, unsigned rights)
{
	unsigned before = area->flags;
	errno_t error = EOK;
	page_flags_t flags;

	if (!area_flags_valid(area->backend, rights))
		return EINVAL;
	if (rights == (area->flags & AS_RIGHTS))
		return EOK;
	if ((rights & AS_WRITE) && area->memory != NULL && area->memory->read_only)
		return EBUSY;
	area->flags = rights | (area->flags & AS_RESERVE);
	if (area->backend->validate != NULL)
		error = area->backend->validate(area);
	if (error != EOK) {
		area->flags = before;
		return error;
	}
	area->was_changed = true;
	flags = area_page_flags(area);
	/* What may be written is found out page by page, when it is. */
	pages_protect(as, area, area->backend->map != NULL ? flags : flags & ~PAGE_WRITE);
	return EOK;
}

errno_t as_area_change_flags(struct as *as, uintptr_t va, unsigned rights)
{
	struct as_area *area;
	errno_t error;

	if (rights & ~AS_RIGHTS)
		return EINVAL;
	as_mutex_lock(&as->lock);
	area = as_area_at(as, va);
	error = area == NULL ? ENOENT : change_locked(as, area, rights);
	as_mutex_unlock(&as->lock);
	return error;
}

/* ---- destroying ---- */

void area_destroy(struct as *as, struct as_area *area)
{
	as->areas = area_tree_remove(as->areas, area);
	as->area_count--;
	if (area->resident != 0)
		pages_unmap(as, area, area->first, area->last, NULL);
	if (area->promised != 0)
		promise_less(&area->promised, area->promised);
	if (area->memory != NULL)
		memory_drop(area->memory);
	slab_free(as_area_cache, area);
}

errno_t as_area_destroy(struct as *as, uintptr_t va)
{
	struct as_area *area;

	as_mutex_lock(&as->lock);
	area = as_area_at(as, va);
	if (area != NULL)
		area_destroy(as, area);
	as_mutex_unlock(&as->lock);
	return area != NULL ? EOK : ENOENT;
}

/* ---- looking ---- */

static void describe(const struct as_area *area, struct as_area_info *info)
{
	*info = (struct as_area_info){ .first = area->first,
		.last = area->last,
		.backend = area->backend->kind,
		.flags = area->flags,
		.resident = area->resident,
		.promised = area->promised + (area->memory != NULL ? memory_promised(area->memory) : 0),
		.sharers = area->memory != NULL ? __atomic_load_n(&area->memory->sharers, __ATOMIC_RELAXED) : 1 };
}

errno_t as_area_find(struct as *as, uintptr_t va, struct as_area_info *info)
{
	struct as_area *area;

	as_mutex_lock(&as->lock);
	area = as_area_at(as, va);
	if (area != NULL)
		describe(area, info);
	as_mutex_unlock(&as->lock);
	return area != NULL ? EOK : ENOENT;
}

/* The first area from va on. */
static bool find_from(struct as *as, uintptr_t va, struct as_area_info *info)
{
	struct as_area *area;

	as_mutex_lock(&as->lock);
	area = area_tree_ceiling(as->areas, va);
	if (area != NULL)
		describe(area, info);
	as_mutex_unlock(&as->lock);
	return area != NULL;
}

void as_area_each(struct as *as, bool (*visit)(const struct as_area_info *info, void *argument), void *argument)
{
	struct as_area_info info;
	uintptr_t va = 0;

	while (find_from(as, va, &info) && visit(&info, argument) && info.last != UINTPTR_MAX)
		va = info.last + 1;
}

static bool add_area(const struct as_area_info *area, void *argument)
{
	struct as_info *info = argument;

	info->areas++;
	info->pages += ((area->last - area->first) >> PAGE_WIDTH) + 1;
	info->resident += area->resident;
	info->promised += area->promised;
	return true;
}

void as_get_info(struct as *as, struct as_info *info)
{
	*info = (struct as_info){ .number = as->number, .holders = as_holders(as) };
	as_area_each(as, add_area, info);
}
