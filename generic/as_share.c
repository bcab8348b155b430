/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Giving an area to another address space.
 *
 * SHARED. When an area is shared for the first time its pages move into a
 * struct as_memory: a table of frames in two levels, which holds them from then
 * on. All sharers map from it, each as it touches a page; who touches first
 * fills it. The last sharer gone frees the frames.
 *
 *   area ─┐                      leaves[0] ──> frames of pages 0 .. LEAF_PAGES - 1
 *   area ─┼─> struct as_memory ──leaves[1]     NULL: no page of it was touched
 *   area ─┘                      leaves[2] ──> ...
 *
 * A file that no sharer may write (read_only) stays mapped in place; its frames
 * are in no table. But a page that was written before the area became read only
 * has a frame of its own, which is in the table, and all sharers see that one:
 * so the table is looked at before the file. Otherwise pages mapped in place are
 * unmapped first, so that each is touched again and comes from the memory that
 * all see.
 *
 * COPIED. Frames of private pages get one more reference, and both areas map
 * them read only: who writes first copies (page_own, as_pages.c). Pages of shared memory
 * are copied at once: all its sharers would have to be write-protected.
 * Pages mapped in place are left to be touched again.
 *
 * LOCKS. Both address spaces', the one at the lower address first; then the
 * memory's, which guards the table. read_only never changes.
 */

#include <mm/malloc.h>
#include <mm/slab.h>
#include <mm/tlb.h>

#include "as_internal.h"

#define LEAF_PAGES (PAGE_SIZE / sizeof(phys_t))

/* ---- memory ---- */

static size_t leaf_count(const struct as_memory *memory)
{
	return (memory->pages + LEAF_PAGES - 1) / LEAF_PAGES;
}

static struct as_memory *memory_create(size_t pages, bool read_only, frame_flags_t alloc)
{
	size_t leaves = (pages + LEAF_PAGES - 1) / LEAF_PAGES;
	struct as_memory *memory;

	if (leaves > (MALLOC_MAX - sizeof *memory) / sizeof memory->leaves[0])
		return NULL;
	memory = mm_malloc(sizeof *memory + leaves * sizeof memory->leaves[0], alloc | FRAME_ZERO);
	if (memory == NULL)
		return NULL;
	as_mutex_init(&memory->lock);
	memory->sharers = 1;
	memory->read_only = read_only;
	memory->pages = pages;
	return memory;
}

/* Where the frame of a page is noted, or NULL. */
static phys_t *slot_find(const struct as_memory *memory, size_t page)
{
	phys_t *leaf = memory->leaves[page / LEAF_PAGES];

	return leaf != NULL ? &leaf[page % LEAF_PAGES] : NULL;
}

/* The same; makes room for it. @return NULL with FRAME_ATOMIC for want of memory */
static phys_t *slot_make(struct as_memory *memory, size_t page, frame_flags_t alloc)
{
	phys_t **leaf = &memory->leaves[page / LEAF_PAGES];

	if (*leaf == NULL) {
		phys_t frame = frame_alloc(1, (alloc & ~FRAME_HIGHMEM) | FRAME_ZERO, 0);

		if (frame == 0)
			return NULL;
		*leaf = (phys_t *) PA2KA(frame);
	}
	return &(*leaf)[page % LEAF_PAGES];
}

/* Frees the structure; the frames too if they are its own. */
static void memory_free(struct as_memory *memory, bool with_frames)
{
	for (size_t i = 0; i < leaf_count(memory); i++) {
		phys_t *leaf = memory->leaves[i];

		if (leaf == NULL)
			continue;
		for (size_t j = 0; with_frames && j < LEAF_PAGES; j++)
			if (leaf[j] != 0)
				frame_free(leaf[j], 1);
		frame_free(KA2PA((uintptr_t) leaf), 1);
	}
	mm_free(memory);
}

void memory_drop(struct as_memory *memory)
{
	if (__atomic_sub_fetch(&memory->sharers, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	promise_less(&memory->promised, memory->promised);
	memory_free(memory, true);
}

static phys_t frame_filled(struct as_area *area, size_t page, frame_flags_t alloc)
{
	phys_t frame = page_frame_take(&area->memory->promised, alloc);

	if (frame != 0)
		page_fill(area, page, frame);
	return frame;
}

errno_t memory_frame(struct as_area *area, size_t page, frame_flags_t alloc, phys_t *pa)
{
	struct as_memory *memory = area->memory;
	phys_t *slot;

	as_mutex_lock(&memory->lock);
	slot = slot_find(memory, page);
	if ((slot == NULL || *slot == 0) && memory->read_only && area->backend->in_place(area, page, pa)) {
		as_mutex_unlock(&memory->lock);
		return EOK;
	}
	slot = slot_make(memory, page, alloc);
	if (slot != NULL && *slot == 0)
		*slot = frame_filled(area, page, alloc);
	*pa = slot != NULL ? *slot : 0;
	as_mutex_unlock(&memory->lock);
	return *pa != 0 ? EOK : ENOMEM;
}

/* ---- the first share ---- */

/* Copies the pages whose frames some other area has as well. */
static errno_t own_all(struct as *as, struct as_area *area, frame_flags_t alloc)
{
	struct pages_walk walk = PAGES_WALK(as->table, area->first, area->last);
	errno_t error = EOK;
	uintptr_t va;
	phys_t pa;

	for (size_t seen = 0; error == EOK && seen < area->resident && pages_next(&walk, &va, &pa); seen++)
		if (page_is_own(area, va, pa) && frame_is(pa >> PAGE_WIDTH, FRAME_KIND_SHARED))
			error = page_copy(as, area, va, &pa, alloc);
	return error;
}

/* Notes the frames of the area's own pages, and makes room for those to come if they are promised. */
static errno_t note_frames(struct as *as, struct as_area *area, struct as_memory *memory, frame_flags_t alloc)
{
	struct pages_walk walk = PAGES_WALK(as->table, area->first, area->last);
	uintptr_t va;
	phys_t pa;

	for (size_t page = 0; (area->flags & AS_RESERVE) && page < memory->pages; page += LEAF_PAGES)
		if (slot_make(memory, page, alloc) == NULL)
			return ENOMEM;
	for (size_t seen = 0; seen < area->resident && pages_next(&walk, &va, &pa); seen++) {
		phys_t *slot = page_is_own(area, va, pa) ? slot_make(memory, area_page(area, va), alloc) : &pa;

		if (slot == NULL)
			return ENOMEM;
		*slot = pa;
	}
	return EOK;
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
static errno_t memory_make(struct as *as, struct as_area *area, bool read_only, frame_flags_t alloc)
{
	struct as_memory *memory;
	errno_t error = own_all(as, area, alloc);

	if (error != EOK)
		return error;
	memory = memory_create(area_pages(area), read_only, alloc);
	if (memory == NULL)
		return ENOMEM;
	error = note_frames(as, area, memory, alloc);
	if (error != EOK) {
		memory_free(memory, false);
		return error;
	}
	if (!read_only && area->backend->in_place != NULL)
		unmap_in_place(as, area);
	memory->promised = area->promised;
	area->promised = 0;
	area->memory = memory;
	return EOK;
}

static errno_t share(struct as *from, struct as_area *area, struct as *to, struct as_area *other, frame_flags_t alloc)
{
	bool read_only = area->backend->in_place != NULL && ((area->flags | other->flags) & AS_WRITE) == 0;
	errno_t error = EOK;

	if (area->backend->shared)
		return area_provide(to, other, other->first, area_pages(other), alloc);
	if (area->memory == NULL)
		error = memory_make(from, area, read_only, alloc);
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
static errno_t map_copy(struct as *to, struct as_area *other, uintptr_t va, phys_t pa, frame_flags_t alloc)
{
	phys_t frame = page_frame_take(&other->promised, alloc);
	errno_t error;

	if (frame == 0)
		return ENOMEM;
	km_local_copy(frame, pa);
	error = page_mapping_insert(to->table, va, frame, 1, area_page_flags(other), alloc);
	if (error != EOK)
		frame_free(frame, 1);
	else
		other->resident++;
	return error;
}

/* The same frame, mapped read only; or a copy, if it has as many holders as it can have. */
static errno_t map_same(struct as *to, struct as_area *other, uintptr_t va, phys_t pa, frame_flags_t alloc)
{
	errno_t error;

	if (frame_reference_add(pa) != EOK)
		return map_copy(to, other, va, pa, alloc);
	error = page_mapping_insert(to->table, va, pa, 1, area_page_flags(other) & ~PAGE_WRITE, alloc);
	if (error != EOK)
		frame_free(pa, 1);
	else
		other->resident++;
	return error;
}

static errno_t copy_private(
	struct as *from, struct as_area *area, struct as *to, struct as_area *other, frame_flags_t alloc)
{
	struct pages_walk walk = PAGES_WALK(from->table, area->first, area->last);
	errno_t error = EOK;
	uintptr_t va;
	phys_t pa;

	for (size_t seen = 0; error == EOK && seen < area->resident && pages_next(&walk, &va, &pa); seen++)
		if (page_is_own(area, va, pa))
			error = map_same(to, other, other->first + (va - area->first), pa, alloc);
	return error;
}

static errno_t copy_shared(struct as_memory *memory, struct as *to, struct as_area *other, frame_flags_t alloc)
{
	errno_t error = EOK;

	as_mutex_lock(&memory->lock);
	for (size_t page = 0; error == EOK && page < memory->pages; page++) {
		const phys_t *slot = slot_find(memory, page);

		if (slot == NULL)
			page |= LEAF_PAGES - 1;
		else if (*slot != 0)
			error = map_copy(to, other, other->first + (page << PAGE_WIDTH), *slot, alloc);
	}
	as_mutex_unlock(&memory->lock);
	return error;
}

/* Promises that an area needs if all its pages are to be copied once more. */
static size_t promises_missing(const struct as_area *area)
{
	size_t room = area_pages(area) - area->promised;

	if ((area->flags & AS_RESERVE) == 0 || area->memory != NULL)
		return 0;
	return area->resident < room ? area->resident : room;
}

static errno_t copy_pages(
	struct as *from, struct as_area *area, struct as *to, struct as_area *other, frame_flags_t alloc)
{
	errno_t error;

	if (area->memory != NULL)
		return copy_shared(area->memory, to, other, alloc);
	error = copy_private(from, area, to, other, alloc);
	if (error == EOK && (area->flags & AS_WRITE))
		pages_protect(from, area, area_page_flags(area) & ~PAGE_WRITE);
	return error;
}

static errno_t copy(struct as *from, struct as_area *area, struct as *to, struct as_area *other, frame_flags_t alloc)
{
	size_t missing = promises_missing(area);
	errno_t error;

	if (area->backend->shared)
		return EINVAL;
	error = promise_more(&area->promised, missing);
	if (error != EOK)
		return error;
	error = area_provide(to, other, other->first, area_pages(other), alloc);
	if (error == EOK)
		error = copy_pages(from, area, to, other, alloc);
	if (error != EOK) {
		pages_unmap(to, other, other->first, other->last, NULL);
		promise_less(&other->promised, other->promised);
		promise_less(&area->promised, missing);
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

struct gift {
	struct as *from, *to;
	uintptr_t from_va, va;
	enum as_share_mode mode;
	unsigned flags;
};

static errno_t give_locked(const struct gift *gift, struct as_area *other, frame_flags_t alloc)
{
	struct as_area *area = as_area_at(gift->from, gift->from_va);
	unsigned flags = gift->flags & ~AS_ANYWHERE;
	errno_t error;

	if (area == NULL)
		return ENOENT;
	if (!area_flags_valid(area->backend, flags) || (gift->mode == AS_SHARE && (flags & AS_RESERVE)))
		return EINVAL;
	*other =
		(struct as_area){ .backend = area->backend, .flags = flags, .base = area->base, .file_size = area->file_size };
	error = area_place(gift->to, other, gift->va, area_pages(area) << PAGE_WIDTH, gift->flags);
	if (error == EOK)
		error = (gift->mode == AS_SHARE ? share : copy)(gift->from, area, gift->to, other, alloc);
	if (error == EOK)
		area_link(gift->to, other);
	return error;
}

errno_t as_area_share(struct as *from, uintptr_t from_va, enum as_share_mode mode, struct as *to, uintptr_t va,
	unsigned flags, frame_flags_t alloc, uintptr_t *at)
{
	struct gift gift = { .from = from, .to = to, .from_va = from_va, .va = va, .mode = mode, .flags = flags };
	struct as_area *other = slab_alloc(as_area_cache, alloc);
	errno_t error;

	if (other == NULL)
		return ENOMEM;
	lock_both(from, to);
	error = give_locked(&gift, other, alloc);
	if (error == EOK)
		*at = other->first;
	unlock_both(from, to);
	if (error != EOK)
		slab_free(as_area_cache, other);
	return error;
}
