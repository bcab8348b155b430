/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a page fault comes to.
 *
 *   no area there, or it forbids that             refused
 *   the page is mapped and allows it              ok: somebody else was first
 *   it is mapped, and not yet one's own to write  page_own (as_pages.c)
 *   it is not mapped
 *     its memory is shared                        memory_frame (as_share.c)
 *     it can be mapped in place, and is read      it is
 *     otherwise                                   a frame of its own, filled
 *
 * All of it under the lock of the address space, so a fault and the end of its
 * area come one after the other. Want of memory is "killed", and where a copy
 * routine tried, whatever is not ok is "deferred" to it.
 *
 * A page of an area with AS_RESERVE has its frame promised. Its page table has
 * not: that is waited for, even if the fault may not sleep for memory otherwise.
 *
 * COST. About 250 instructions and the filling of the frame.
 */

#include <mm/reserve.h>

#include "as_internal.h"

static size_t counts[AS_FAULT_RESULTS];

const char *as_fault_result_name(enum as_fault_result result)
{
	static const char *const names[AS_FAULT_RESULTS] = { "ok", "refused", "killed", "deferred" };

	return names[result];
}

static bool allows(const struct as_area *area, unsigned access)
{
	if (area->backend == &as_guard)
		return false;
	return (!(access & AS_ACCESS_WRITE) || (area->flags & AS_WRITE)) &&
		(!(access & AS_ACCESS_EXEC) || (area->flags & AS_EXEC));
}

static errno_t insert(
	struct as *as, struct as_area *area, uintptr_t va, phys_t pa, page_flags_t flags, frame_flags_t alloc)
{
	errno_t error;

	if (area->flags & AS_RESERVE)
		alloc &= ~(FRAME_ATOMIC | FRAME_NO_WAIT);
	error = page_mapping_insert(as->table, va, pa, 1, flags, alloc);
	if (error == EOK)
		area->resident++;
	return error;
}

/* Whether a page may be mapped to a frame that is nobody's. Of shared memory memory_frame decides that. */
static bool in_place(const struct as_area *area, size_t page, unsigned access, phys_t *pa)
{
	return area->memory == NULL && !(access & AS_ACCESS_WRITE) && area->backend->in_place != NULL &&
		area->backend->in_place(area, page, pa);
}

/* A frame of its own for a page that is not mapped, if no page table has to be waited for. */
static inline __attribute__((always_inline)) errno_t populate_now(
	struct as *as, struct as_area *area, uintptr_t va, frame_flags_t alloc, phys_t *pa)
{
	errno_t error;

	*pa = page_frame_take(&area->promised, alloc);
	if (*pa == 0)
		return ENOMEM;
	page_fill(area, area_page(area, va), *pa);
	error = insert(as, area, va, *pa, area_page_flags(area), alloc | FRAME_NO_WAIT);
	if (unlikely(error != EOK))
		frame_free(*pa, 1);
	return error;
}

/* The same for who waits. He has no frame in his hands while he waits for a page table, but one promised to him. */
COLD static errno_t populate_later(struct as *as, struct as_area *area, uintptr_t va, frame_flags_t alloc, phys_t *pa)
{
	size_t frames = page_tables_most(1) + 1;

	do {
		if ((alloc & FRAME_ATOMIC) || reserve_wait(frames, FRAME_LOWMEM) != EOK)
			return ENOMEM;
		reserve_free(frames, FRAME_LOWMEM);
	} while (populate_now(as, area, va, alloc, pa) != EOK);
	return EOK;
}

static errno_t populate(struct as *as, struct as_area *area, uintptr_t va, frame_flags_t alloc, phys_t *pa)
{
	return likely(populate_now(as, area, va, alloc, pa) == EOK) ? EOK : populate_later(as, area, va, alloc, pa);
}

static errno_t touch_absent(
	struct as *as, struct as_area *area, uintptr_t va, unsigned access, frame_flags_t alloc, phys_t *pa)
{
	size_t page = area_page(area, va);
	errno_t error;

	if (in_place(area, page, access, pa))
		return insert(as, area, va, *pa, area_page_flags(area) & ~PAGE_WRITE, alloc);
	if (area->memory == NULL)
		return populate(as, area, va, alloc, pa);
	error = memory_frame(area, page, alloc, pa);
	return error == EOK ? insert(as, area, va, *pa, area_page_flags(area), alloc) : error;
}

static errno_t touch_mapped(
	struct as *as, struct as_area *area, uintptr_t va, unsigned access, frame_flags_t alloc, phys_t *pa)
{
	if (!(access & AS_ACCESS_WRITE) || area->backend->map != NULL)
		return EOK;
	return page_own(as, area, va, pa, alloc);
}

enum as_fault_result as_touch(struct as *as, uintptr_t va, unsigned access, frame_flags_t alloc, phys_t *pa)
{
	struct as_area *area = as_area_at(as, va);
	uintptr_t page = ALIGN_DOWN(va, PAGE_SIZE);
	errno_t error;

	if (area == NULL || !allows(area, access))
		return AS_FAULT_REFUSED;
	if (page_translate(as->table, page, pa))
		error = touch_mapped(as, area, page, access, alloc, pa);
	else
		error = touch_absent(as, area, page, access, alloc, pa);
	*pa |= va & PAGE_MASK;
	return error == EOK ? AS_FAULT_OK : AS_FAULT_KILLED;
}

enum as_fault_result as_page_fault(struct as *as, uintptr_t va, unsigned access, frame_flags_t alloc)
{
	enum as_fault_result result;
	phys_t pa;

	as_mutex_lock(&as->lock);
	result = as_touch(as, va, access, alloc, &pa);
	as_mutex_unlock(&as->lock);
	if (result != AS_FAULT_OK && (access & AS_ACCESS_COPYING))
		result = AS_FAULT_DEFERRED;
	__atomic_fetch_add(&counts[result], 1, __ATOMIC_RELAXED);
	return result;
}

void as_fault_get_counts(struct as_fault_counts *now)
{
	for (size_t i = 0; i < AS_FAULT_RESULTS; i++)
		now->results[i] = __atomic_load_n(&counts[i], __ATOMIC_RELAXED);
	now->copied = __atomic_load_n(&as_pages_copied, __ATOMIC_RELAXED);
}
