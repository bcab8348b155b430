/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Memory that areas have together.
 *
 * When an area is shared for the first time its pages move into a struct
 * as_memory, which holds their frames from then on. All sharers map from it,
 * each as it touches a page; the first that touches a page fills it. The last
 * sharer gone frees the frames.
 *
 *   area ─┐                      root ──> node ──> frames of pages 0 .. NODE - 1
 *   area ─┼─> struct as_memory             │
 *   area ─┘                                ├─ 0    no page of these has a frame
 *                                          └────> ...
 *
 * THE INDEX is a tree of frames with as many levels as its pages need, in which
 * each entry is the address of a node of the next level, or at the last the
 * address of a page's frame; 0 where there is none. So it costs what is touched:
 * of 64 GiB that nobody has touched, nothing. Nodes stay until the memory goes.
 *
 * LOCKS. as_memory.lock guards the index and the promise, below the address
 * spaces'. sharers is atomic. read_only, pages and levels never change.
 *
 * COST. Found: a few instructions a level, of which 4 GiB have two or three.
 */

#include "as_internal.h"

/* Pages that an entry covers: of the root's word at `levels`, of a page's at 0. */
static inline size_t entry_pages(unsigned level)
{
	return (size_t) 1 << level * MEMORY_NODE_WIDTH;
}

/* Whether so many levels are enough. The widest area has fewer pages than a size_t has bits for. */
static bool levels_cover(unsigned levels, size_t pages)
{
	return (pages - 1) >> levels * MEMORY_NODE_WIDTH == 0;
}

void memory_init(struct as_memory *memory, size_t pages, bool read_only)
{
	*memory = (struct as_memory){ .sharers = 1, .read_only = read_only, .pages = pages };
	as_mutex_init(&memory->lock);
	while (!levels_cover(memory->levels, pages))
		memory->levels++;
}

static inline phys_t *node_entries(phys_t node)
{
	return (phys_t *) PA2KA(node);
}

/* The entry for a page in a node whose entries are of this level. */
static inline phys_t *entry_of(phys_t node, size_t page, unsigned level)
{
	return &node_entries(node)[page >> level * MEMORY_NODE_WIDTH & (MEMORY_NODE_PAGES - 1)];
}

/* Goes down from the root as far as there are nodes; *level becomes that of the entry, 0 if it is the page's. */
static phys_t *descend(const struct as_memory *memory, size_t page, unsigned *level)
{
	const phys_t *entry = &memory->root;

	for (*level = memory->levels; *level > 0 && *entry != 0; --*level)
		entry = entry_of(*entry, page, *level - 1);
	return (phys_t *) (uintptr_t) entry;
}

static phys_t node_alloc(frame_flags_t alloc, struct reservation *from)
{
	return from == NULL ? frame_alloc(1, (alloc & ~FRAME_CLASS) | FRAME_ZERO, 0)
						: reservation_take(from, 1, FRAME_ZERO);
}

phys_t *memory_slot_make(struct as_memory *memory, size_t page, frame_flags_t alloc, struct reservation *from)
{
	unsigned level;
	phys_t *entry = descend(memory, page, &level);

	for (; level > 0; level--) {
		*entry = node_alloc(alloc, from);
		if (*entry == 0)
			return NULL;
		entry = entry_of(*entry, page, level - 1);
	}
	return entry;
}

phys_t *memory_slot_next(const struct as_memory *memory, size_t *page)
{
	while (*page < memory->pages) {
		unsigned level;
		phys_t *entry = descend(memory, *page, &level);

		if (*entry != 0)
			return entry;
		*page = ALIGN_DOWN(*page, entry_pages(level)) + entry_pages(level);
	}
	return NULL;
}

size_t memory_nodes_most(size_t pages, size_t touched)
{
	size_t nodes = 0;

	for (unsigned level = 1; level == 1 || !levels_cover(level - 1, pages); level++) {
		size_t all = (pages - 1) / entry_pages(level) + 1;

		nodes += all < touched ? all : touched;
	}
	return nodes;
}

size_t memory_nodes_missing(struct as_memory *memory, size_t page)
{
	unsigned level;

	as_mutex_lock(&memory->lock);
	(void) descend(memory, page, &level);
	as_mutex_unlock(&memory->lock);
	return level;
}

/* Frees a node whose entries are of this level, and what is below it; the pages' frames if that is asked. */
static void node_free(phys_t node, unsigned level, bool with_frames)
{
	const phys_t *entries = node_entries(node);

	for (size_t i = 0; i < MEMORY_NODE_PAGES; i++) {
		if (entries[i] == 0)
			continue;
		if (level > 0)
			node_free(entries[i], level - 1, with_frames);
		else if (with_frames)
			frame_free(entries[i], 1);
	}
	frame_free(node, 1);
}

static void index_free(struct as_memory *memory, bool with_frames)
{
	if (memory->root != 0 && memory->levels > 0)
		node_free(memory->root, memory->levels - 1, with_frames);
	else if (memory->root != 0 && with_frames)
		frame_free(memory->root, 1);
	memory->root = 0;
}

void memory_index_free(struct as_memory *memory)
{
	index_free(memory, false);
}

void memory_drop(struct as_memory *memory)
{
	if (__atomic_sub_fetch(&memory->sharers, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	promise_less(&memory->promised, memory->promised);
	index_free(memory, true);
	slab_free(as_memory_cache, memory);
}

size_t memory_promised(struct as_memory *memory)
{
	size_t promised;

	as_mutex_lock(&memory->lock);
	promised = memory->promised;
	as_mutex_unlock(&memory->lock);
	return promised;
}

/* ---- pages ---- */

static phys_t frame_filled(struct as_area *area, size_t page, frame_flags_t alloc, struct reservation *from)
{
	phys_t frame = page_frame_take(&area->memory->promised, alloc, from);

	if (frame != 0)
		page_fill(area, page, frame);
	return frame;
}

/* What is in the index goes before what is in the file: the page was written before the file became read only. */
static errno_t frame_locked(
	struct as_area *area, size_t page, frame_flags_t alloc, struct reservation *from, phys_t *pa)
{
	struct as_memory *memory = area->memory;
	unsigned level;
	phys_t *slot = descend(memory, page, &level);

	*pa = *slot;
	if (level == 0 && *slot != 0)
		return EOK;
	if (memory->read_only && area->backend->in_place(area, page, pa))
		return EOK;
	slot = memory_slot_make(memory, page, alloc, from);
	if (slot == NULL)
		return EAGAIN;
	*slot = frame_filled(area, page, alloc, from);
	if (*slot == 0)
		return EAGAIN;
	page_frame_handed_over();
	*pa = *slot;
	return EOK;
}

errno_t memory_frame(struct as_area *area, size_t page, frame_flags_t alloc, struct reservation *from, phys_t *pa)
{
	errno_t error;

	as_mutex_lock(&area->memory->lock);
	error = frame_locked(area, page, alloc, from, pa);
	as_mutex_unlock(&area->memory->lock);
	return error;
}
