/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Giving an area to another address space.
 *
 * SHARED. The first time, the pages of the area move into a memory that areas
 * have together (as_memory.c). A file that no sharer may write (read_only) stays
 * mapped in place; its frames are in no index. Otherwise pages mapped in place
 * are unmapped first, so that each is touched again and comes from the memory
 * that all see.
 *
 * COPIED. Frames of private pages get one more reference, and both areas map
 * them read only: the first that writes copies (page_own, as_pages.c). Pages of
 * shared memory are copied at once: all its sharers would have to be
 * write-protected. Pages mapped in place are left to be touched again.
 *
 * SHORT OF MEMORY, both undo what they did, but for pages of the area that were
 * made its own: nobody can tell. What is missing is counted, all of it, before
 * the locks are let go of, and waited for at once (as_internal.h): two copies
 * that each had half of what is there would wait for each other.
 *
 * LOCKS. Both address spaces', the one at the lower address first; then the
 * memory's, which guards the index.
 */

#include <mm/tlb.h>

#include "as_internal.h"

/* What is to be given, and how to allocate for it. */
struct gift {
	struct as *from, *to;
	uintptr_t from_va, va;
	enum as_share_mode mode;
	unsigned flags;
	struct as_area *other;    /* what `to` is to have */
	struct as_memory *memory; /* for the first share; NULL = there is none, or it is the area's by now */
	struct as_round round;
	size_t low, any; /* frames that it takes, if it is short of memory, beside those for objects */
};

/* Frames for slabs of its objects: an area, a memory. */
#define OBJECTS 2

/* ---- the first share ---- */

/* Copies the pages whose frames some other area has as well. */
static errno_t own_all(struct as *as, struct as_area *area, struct as_round *round)
{
	struct pages_walk walk = PAGES_WALK(as->table, area->first, area->last);
	errno_t error = EOK;
	uintptr_t va;
	phys_t pa;

	for (size_t seen = 0; error == EOK && seen < area->resident && pages_next(&walk, &va, &pa); seen++)
		if (page_is_own(area, va, pa) && frame_is(pa >> PAGE_WIDTH, FRAME_KIND_SHARED))
			error = page_copy(as, area, va, &pa, round->now, round->from);
	return error;
}

/* Notes the frames of the area's own pages, and makes room for those to come if they are promised. */
static errno_t note_frames(struct as *as, struct as_area *area, struct as_memory *memory, struct as_round *round)
{
	struct pages_walk walk = PAGES_WALK(as->table, area->first, area->last);
	uintptr_t va;
	phys_t pa;

	for (size_t page = 0; (area->flags & AS_RESERVE) && page < memory->pages; page += MEMORY_NODE_PAGES)
		if (memory_slot_make(memory, page, round->now, round->from) == NULL)
			return EAGAIN;
	for (size_t seen = 0; seen < area->resident && pages_next(&walk, &va, &pa); seen++) {
		phys_t *slot = &pa;

		if (page_is_own(area, va, pa))
			slot = memory_slot_make(memory, area_page(area, va), round->now, round->from);
		if (slot == NULL)
			return EAGAIN;
		*slot = pa;
	}
	return EOK;
}

/* Frames for the copies and the index of a first share. */
static void count_share(struct gift *gift, struct as *as, const struct as_area *area)
{
	struct pages_walk walk = PAGES_WALK(as->table, area->first, area->last);
	size_t pages = area_pages(area);
	uintptr_t va;
	phys_t pa;

	gift->low = memory_nodes_most(pages, area->flags & AS_RESERVE ? pages : area->resident);
	gift->any = 0;
	for (size_t seen = 0; seen < area->resident && pages_next(&walk, &va, &pa); seen++)
		gift->any += page_is_own(area, va, pa) && frame_is(pa >> PAGE_WIDTH, FRAME_KIND_SHARED);
}

/* Unmaps what is mapped in place. */
static void unmap_in_place(struct as *as, struct as_area *area)
{
	struct pages_walk walk = PAGES_WALK(as->table, area->first, area->last);
	struct tlb_batch batch = TLB_BATCH(as->table);
	size_t resident = area->resident;
	uintptr_t va;
	phys_t pa;

	for (size_t seen = 0; seen < resident && pages_next(&walk, &va, &pa); seen++) {
		if (page_is_own(area, va, pa))
			continue;
		page_mapping_remove_later(as->table, va, 1, &batch);
		area->resident--;
	}
	tlb_batch_finish(&batch);
}

/* Moves the pages of an area into memory that can be shared. */
static errno_t memory_make(struct gift *gift, struct as *as, struct as_area *area, bool read_only)
{
	errno_t error = own_all(as, area, &gift->round);

	memory_init(gift->memory, area_pages(area), read_only);
	if (error == EOK)
		error = note_frames(as, area, gift->memory, &gift->round);
	if (error != EOK) {
		memory_index_free(gift->memory);
		count_share(gift, as, area);
		return error;
	}
	if (!read_only && area->backend->in_place != NULL)
		unmap_in_place(as, area);
	area->memory = gift->memory;
	gift->memory = NULL;
	as_object_handed_over();
	area->memory->promised = area->promised;
	area->promised = 0;
	return EOK;
}

/* Both of the area's frames and of nothing else: a physical range, a guard. */
static errno_t share_nobodys(struct gift *gift, struct as_area *other)
{
	gift->low = area_tables(other, area_pages(other));
	return area_provide(gift->to, other, other->first, area_pages(other), gift->round.now, gift->round.from);
}

static errno_t share(struct gift *gift, struct as_area *area, struct as_area *other)
{
	bool read_only = area->backend->in_place != NULL && ((area->flags | other->flags) & AS_WRITE) == 0;
	errno_t error = EOK;

	if (area->backend->shared)
		return share_nobodys(gift, other);
	if (area->memory == NULL)
		error = memory_make(gift, gift->from, area, read_only);
	else if (area->memory->read_only && (other->flags & AS_WRITE))
		error = EBUSY;
	if (error != EOK)
		return error;
	other->memory = area->memory;
	other->flags |= area->flags & AS_RESERVE;
	__atomic_add_fetch(&other->memory->sharers, 1, __ATOMIC_RELAXED);
	return EOK;
}

/* ---- copies ---- */

/* A frame with the same contents, mapped. */
static errno_t map_copy(struct gift *gift, uintptr_t va, phys_t pa)
{
	struct as_area *other = gift->other;
	struct as_round *round = &gift->round;
	phys_t frame = page_frame_take(&other->promised, round->now, round->from);
	errno_t error;

	if (frame == 0)
		return EAGAIN;
	km_local_copy(frame, pa);
	error = page_insert(gift->to, other, va, frame, area_page_flags(other), round->now, round->from);
	if (error == EOK)
		page_frame_handed_over();
	else
		page_frame_free(frame);
	return error;
}

/* The same frame, mapped read only; or a copy, if it has as many holders as it can have. */
static errno_t map_same(struct gift *gift, uintptr_t va, phys_t pa)
{
	page_flags_t flags = area_page_flags(gift->other) & ~PAGE_WRITE;
	errno_t error;

	if (frame_reference_add(pa) != EOK)
		return map_copy(gift, va, pa);
	error = page_insert(gift->to, gift->other, va, pa, flags, gift->round.now, gift->round.from);
	if (error != EOK)
		frame_free(pa, 1);
	return error;
}

static errno_t copy_private(struct gift *gift, const struct as_area *area)
{
	struct pages_walk walk = PAGES_WALK(gift->from->table, area->first, area->last);
	errno_t error = EOK;
	uintptr_t va;
	phys_t pa;

	for (size_t seen = 0; error == EOK && seen < area->resident && pages_next(&walk, &va, &pa); seen++)
		if (page_is_own(area, va, pa))
			error = map_same(gift, gift->other->first + (va - area->first), pa);
	return error;
}

static errno_t copy_shared(struct gift *gift, struct as_memory *memory)
{
	errno_t error = EOK;
	const phys_t *slot;

	as_mutex_lock(&memory->lock);
	for (size_t page = 0; error == EOK && (slot = memory_slot_next(memory, &page)) != NULL; page++)
		error = map_copy(gift, gift->other->first + (page << PAGE_WIDTH), *slot);
	as_mutex_unlock(&memory->lock);
	return error;
}

/* Pages of private memory that must be copied, for their frames have all the holders that a frame can have. */
static size_t count_full(const struct as *as, const struct as_area *area)
{
	struct pages_walk walk = PAGES_WALK(as->table, area->first, area->last);
	size_t full = 0;
	uintptr_t va;
	phys_t pa;

	for (size_t seen = 0; seen < area->resident && pages_next(&walk, &va, &pa); seen++)
		full += page_is_own(area, va, pa) && frame_reference_count(pa) >= FRAME_REFERENCES_MOST;
	return full;
}

static size_t count_frames(struct as_memory *memory)
{
	size_t frames = 0;

	as_mutex_lock(&memory->lock);
	for (size_t page = 0; memory_slot_next(memory, &page) != NULL; page++)
		frames++;
	as_mutex_unlock(&memory->lock);
	return frames;
}

/* Frames for copies, and for the tables of pages that may lie far from each other. */
static void count_copy(struct gift *gift, const struct as_area *area)
{
	size_t mapped = area->memory != NULL ? count_frames(area->memory) : area->resident;
	size_t tables = page_tables_most(area_pages(area)), scattered = mapped * page_tables_most(1);

	gift->any = area->memory != NULL ? mapped : count_full(gift->from, area);
	gift->low = scattered < tables ? scattered : tables;
}

/* Promises that an area needs if all its pages are to be copied once more. */
static size_t promises_missing(const struct as_area *area)
{
	size_t room = area_pages(area) - area->promised;

	if ((area->flags & AS_RESERVE) == 0 || area->memory != NULL)
		return 0;
	return area->resident < room ? area->resident : room;
}

static errno_t copy_pages(struct gift *gift, struct as_area *area)
{
	errno_t error;

	if (area->memory != NULL)
		return copy_shared(gift, area->memory);
	error = copy_private(gift, area);
	if (error == EOK && (area->flags & AS_WRITE))
		pages_protect(gift->from, area, area_page_flags(area) & ~PAGE_WRITE);
	return error;
}

static errno_t copy(struct gift *gift, struct as_area *area, struct as_area *other)
{
	size_t missing = promises_missing(area);
	errno_t error;

	if (area->backend->shared)
		return EINVAL;
	error = promise_more(&area->promised, missing);
	if (error != EOK)
		return error;
	error = area_provide(gift->to, other, other->first, area_pages(other), gift->round.now, gift->round.from);
	if (error == EOK)
		error = copy_pages(gift, area);
	if (error != EOK) {
		pages_unmap(gift->to, other, other->first, other->last, NULL);
		promise_less(&other->promised, other->promised);
		promise_less(&area->promised, missing);
		if (error == EAGAIN)
			count_copy(gift, area);
	}
	return error;
}

/* ---- both ---- */

static void lock_both(struct as *one, struct as *two)
{
	struct as *lower = one < two ? one : two;

	as_mutex_lock(&lower->lock);
	if (one != two)
		as_mutex_lock(&(lower == one ? two : one)->lock);
}

static void unlock_both(struct as *one, struct as *two)
{
	as_mutex_unlock(&one->lock);
	if (one != two)
		as_mutex_unlock(&two->lock);
}

/* Goes one round. The locks are held. @retval EAGAIN  short of memory, so much as the gift says */
static errno_t give_locked(struct gift *gift)
{
	struct as_area *area = as_area_at(gift->from, gift->from_va), *other = gift->other;
	unsigned flags = gift->flags & ~AS_PLACE;
	errno_t error;

	if (area == NULL)
		return ENOENT;
	if (!area_flags_valid(area->backend, flags) || (gift->mode == AS_SHARE && (flags & AS_RESERVE)))
		return EINVAL;
	area_init(other, area->backend, flags, area->base, area->file_size);
	error = area_place(gift->to, other, gift->va, area_pages(area) << PAGE_WIDTH, gift->flags);
	if (error == EOK && other->backend->validate != NULL)
		error = other->backend->validate(other);
	if (error == EOK)
		error = (gift->mode == AS_SHARE ? share : copy)(gift, area, other);
	if (error == EOK)
		area_link(gift->to, other);
	return error;
}

/* A round, with its objects. */
static errno_t give(struct gift *gift, uintptr_t *at)
{
	errno_t error;

	lock_both(gift->from, gift->to);
	error = give_locked(gift);
	if (error == EOK)
		*at = gift->other->first;
	unlock_both(gift->from, gift->to);
	return error;
}

/*
 * The objects that a round may take, allocated while no lock is held: only the first of them is slept for, with nothing
 * in hand. @retval EAGAIN  the other is missing
 */
static errno_t objects_alloc(struct gift *gift)
{
	frame_flags_t alloc = gift->round.alloc, second = alloc | FRAME_ATOMIC;

	gift->memory = NULL;
	gift->other = as_object_alloc(&gift->round, as_area_cache, alloc);
	if (gift->other == NULL)
		return ENOMEM;
	if (gift->mode == AS_SHARE)
		gift->memory = as_object_alloc(&gift->round, as_memory_cache, second);
	if (gift->mode != AS_SHARE || gift->memory != NULL)
		return EOK;
	gift->low = gift->any = 0;
	return EAGAIN;
}

/* Frees those that were not handed over. */
static void objects_end(struct gift *gift, errno_t error)
{
	if (gift->memory != NULL)
		as_object_free(as_memory_cache, gift->memory);
	if (error == EOK)
		as_object_handed_over();
	else if (gift->other != NULL)
		as_object_free(as_area_cache, gift->other);
}

errno_t as_area_share(struct as *from, uintptr_t from_va, enum as_share_mode mode, struct as *to, uintptr_t va,
	unsigned flags, frame_flags_t alloc, uintptr_t *at)
{
	struct gift gift = {
		.from = from, .to = to, .from_va = from_va, .va = va, .mode = mode, .flags = flags, .round = AS_ROUND(alloc)
	};
	errno_t error;

	do {
		error = objects_alloc(&gift);
		if (error == EOK)
			error = give(&gift, at);
		objects_end(&gift, error);
	} while (error == EAGAIN && as_round_wait(&gift.round, gift.low + OBJECTS, gift.any));
	as_round_end(&gift.round);
	return error != EAGAIN ? error : ENOMEM;
}
