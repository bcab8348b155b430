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
 * area come one after the other. Out of memory is "killed", and where a copy
 * routine tried, whatever is not ok is "deferred" to it.
 *
 * WAITING. A fault that is short of memory and may sleep lets go of the lock,
 * waits for a reservation of what the page takes (its frame, its page tables,
 * nodes of the index of shared memory), locks and looks again: the area may be
 * gone meanwhile, or the page mapped. So other faults, and the thread that
 * destroys an area, go on. The reservation is the faulting thread's own, so it
 * needs at most one round more than there are page tables on the way.
 *
 * A page of an area with AS_RESERVE has its frame promised. Its page table has
 * not: that is waited for, even if the fault may not sleep for memory otherwise.
 *
 * COST. About 250 instructions and the filling of the frame.
 */

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

/* Whether a page may be mapped to a frame that is nobody's. Of shared memory memory_frame decides that. */
static bool in_place(const struct as_area *area, size_t page, unsigned access, phys_t *pa)
{
	return area->memory == NULL && !(access & AS_ACCESS_WRITE) && area->backend->in_place != NULL &&
		area->backend->in_place(area, page, pa);
}

/* Frees the frame of a page that finds no page table; if it was promised, it is so again. */
COLD static void give_up(struct as_area *area, phys_t frame)
{
	if (!(area->flags & AS_RESERVE)) {
		page_frame_free(frame);
		return;
	}
	held_sub(HELD_FRAMES, 1);
	reserve_return(frame, PAGE_FRAMES);
	area->promised++;
}

/* A frame of its own for a page that is not mapped. */
static ALWAYS_INLINE errno_t populate(
	struct as *as, struct as_area *area, uintptr_t va, frame_flags_t alloc, struct reservation *from, phys_t *pa)
{
	errno_t error;

	*pa = page_frame_take(&area->promised, alloc, from);
	if (unlikely(*pa == 0))
		return EAGAIN;
	page_fill(area, area_page(area, va), *pa);
	error = page_insert(as, area, va, *pa, area_page_flags(area), alloc, from);
	if (likely(error == EOK))
		page_frame_handed_over();
	else
		give_up(area, *pa);
	return error;
}

static ALWAYS_INLINE errno_t touch_absent(struct as *as, struct as_area *area, uintptr_t va, unsigned access,
	frame_flags_t alloc, struct reservation *from, phys_t *pa)
{
	size_t page = area_page(area, va);
	errno_t error;

	if (in_place(area, page, access, pa))
		return page_insert(as, area, va, *pa, area_page_flags(area) & ~PAGE_WRITE, alloc, from);
	if (likely(area->memory == NULL))
		return populate(as, area, va, alloc, from, pa);
	error = memory_frame(area, page, alloc, from, pa);
	return error == EOK ? page_insert(as, area, va, *pa, area_page_flags(area), alloc, from) : error;
}

static ALWAYS_INLINE errno_t touch_mapped(struct as *as, struct as_area *area, uintptr_t va, unsigned access,
	frame_flags_t alloc, struct reservation *from, phys_t *pa)
{
	if (TLB_KEEPS_INVALID) {
		port_irq_t irq = port_irq_save();

		tlb_invalidate_one(false, va);
		port_irq_restore(irq);
	}
	if (!(access & AS_ACCESS_WRITE) || area->backend->map != NULL)
		return EOK;
	return page_own(as, area, va, pa, alloc, from);
}

/* One try. KILLED: it is short of memory. */
static ALWAYS_INLINE enum as_fault_result touch(
	struct as *as, uintptr_t va, unsigned access, frame_flags_t alloc, struct reservation *from, phys_t *pa)
{
	struct as_area *area = as_area_at(as, va);
	uintptr_t page = ALIGN_DOWN(va, PAGE_SIZE);
	errno_t error;

	if (area == NULL || !allows(area, access))
		return AS_FAULT_REFUSED;
	if (page_translate(as->table, page, pa))
		error = touch_mapped(as, area, page, access, alloc, from, pa);
	else
		error = touch_absent(as, area, page, access, alloc, from, pa);
	*pa |= va & PAGE_MASK;
	return error == EOK ? AS_FAULT_OK : AS_FAULT_KILLED;
}

/* Whether the page's frame is promised: then only a page table is missing, and that is waited for. */
static bool is_promised(const struct as *as, uintptr_t va)
{
	const struct as_area *area = as_area_at(as, va);

	return area != NULL && (area->flags & AS_RESERVE) != 0;
}

static size_t nodes_missing(const struct as *as, uintptr_t va)
{
	const struct as_area *area = as_area_at(as, va);

	return area != NULL && area->memory != NULL ? memory_nodes_missing(area->memory, area_page(area, va)) : 0;
}

/*
 * A try found too little memory: waits for what the page takes, and tries again, with the lock let go of in between.
 * How many page tables are missing only the design knows: the first wait is for none, each further one for one more, so
 * that a fault never waits for more than it takes; and for nothing at all if the frame is promised, and a failure was
 * injected.
 */
COLD static enum as_fault_result touch_again(
	struct as *as, uintptr_t va, unsigned access, frame_flags_t alloc, phys_t *pa)
{
	bool promised = is_promised(as, va);
	struct as_round round = AS_ROUND(promised ? alloc & ~FRAME_ATOMIC : alloc);
	enum as_fault_result result = AS_FAULT_KILLED;
	bool waited = true;

	for (size_t tables = 0; result == AS_FAULT_KILLED && waited; tables += tables < page_tables_most(1)) {
		size_t nodes = nodes_missing(as, va);

		as_mutex_unlock(&as->lock);
		waited = as_round_wait(&round, nodes + tables, !promised);
		as_mutex_lock(&as->lock);
		if (waited)
			result = touch(as, va, access, round.now, round.from, pa);
	}
	as_round_end(&round);
	return result;
}

enum as_fault_result as_touch(struct as *as, uintptr_t va, unsigned access, frame_flags_t alloc, phys_t *pa)
{
	enum as_fault_result result = touch(as, va, access, alloc_locked(alloc), NULL, pa);

	return likely(result != AS_FAULT_KILLED) ? result : touch_again(as, va, access, alloc, pa);
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

/* The lock is held for a page at a time, so that other faults go on. */
errno_t as_range_populate(struct as *as, uintptr_t va, size_t size, unsigned access, frame_flags_t alloc)
{
	size_t pages = (size + (va & PAGE_MASK) + PAGE_MASK) >> PAGE_WIDTH;
	enum as_fault_result result = AS_FAULT_OK;
	uintptr_t page = ALIGN_DOWN(va, PAGE_SIZE);

	if (size == 0)
		return EOK;
	if (!as_range_valid(va, size))
		return EFAULT;
	for (; pages != 0 && result == AS_FAULT_OK; pages--, page += PAGE_SIZE) {
		phys_t pa;

		as_mutex_lock(&as->lock);
		result = as_touch(as, page, access, alloc, &pa);
		as_mutex_unlock(&as->lock);
	}
	return result == AS_FAULT_OK ? EOK : result == AS_FAULT_KILLED ? ENOMEM : EFAULT;
}

void as_fault_get_counts(struct as_fault_counts *now)
{
	for (size_t i = 0; i < AS_FAULT_RESULTS; i++)
		now->results[i] = __atomic_load_n(&counts[i], __ATOMIC_RELAXED);
	now->copied = __atomic_load_n(&as_pages_copied, __ATOMIC_RELAXED);
}
