/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Looking at arenas, and holding them to their invariants.
 *
 * INVARIANTS, by the names that vmem_check logs:
 *
 *   tree        the segments' tree is one (generic/tree.c)
 *   tiled       the segments of a span follow each other without a gap and end where it ends
 *   joined      no two neighbours of one span are free
 *   returned    no imported span is free as a whole
 *   listed      each free segment is in the list of its size, and nothing else is; `nonempty` is right
 *   counted     the counts of bytes, spans, segments, ranges and tags are what is there
 */

#include "vmem_internal.h"

/* ---- looking ---- */

bool vmem_find(struct vmem *arena, uintptr_t address, struct vmem_range *range)
{
	port_irq_t irq = spinlock_lock(&arena->lock);
	struct vmem_tag *tag = tag_floor(arena, address);

	if (tag == NULL || tag_last(tag) < address)
		tag = tag_of(tree_ceiling(&arena->segments, address));
	if (tag != NULL)
		*range = (struct vmem_range){ .start = tag_start(tag),
			.size = tag->size,
			.kind = tag->kind,
			.span_begins = tag_start(tag) == tag_start(tag->span),
			.imported = tag->span->imported };
	spinlock_unlock(&arena->lock, irq);
	return tag != NULL;
}

void vmem_get_info(struct vmem *arena, struct vmem_info *info)
{
	size_t ranges = 0, bytes = 0;
	uint64_t hits = 0;
	port_irq_t irq;

	if (arena->cached != 0)
		caches_count(arena, &ranges, &bytes, &hits);
	irq = spinlock_lock(&arena->lock);
	/* Another CPU may have emptied caches since they were counted: then what they had is free here, counted twice. */
	if (bytes > arena->total - arena->free)
		bytes = arena->total - arena->free;
	if (ranges > arena->taken_count)
		ranges = arena->taken_count;
	*info = (struct vmem_info){ .name = arena->name,
		.parent = arena->parent != NULL ? arena->parent->name : NULL,
		.quantum = arena->quantum,
		.cached_most = arena->cached,
		.total = arena->total,
		.free = arena->free + bytes,
		.cached = bytes,
		.spans = arena->span_count,
		.imported = arena->import_count,
		.taken = arena->taken_count - ranges,
		.segments = arena->segment_count,
		.tags = arena->spare_count,
		.allocs = arena->allocs,
		.hits = hits,
		.failed = arena->failed };
	if (arena->nonempty != 0)
		info->largest = arena->lists[size_order(arena->nonempty)]->size;
	spinlock_unlock(&arena->lock, irq);
}

void vmem_each(bool (*visit)(struct vmem *arena, void *argument), void *argument)
{
	port_irq_t irq = spinlock_lock(&vmem_list_lock);

	for (struct vmem *arena = vmem_first; arena != NULL && visit(arena, argument); arena = arena->next)
		;
	spinlock_unlock(&vmem_list_lock, irq);
}

/* ---- check ---- */

/* What a walk over the segments finds. */
struct sums {
	size_t segments, taken, bytes, free_bytes, free_segments, spans;
};

static const char *check_segment(const struct vmem_tag *tag, struct sums *sums)
{
	const struct vmem_tag *next = tag_of(tree_next(&tag->node));
	bool last = tag_last(tag) == tag_last(tag->span);

	sums->segments++;
	sums->bytes += tag->size;
	sums->spans += last;
	if (tag->kind == VMEM_FREE) {
		sums->free_segments++;
		sums->free_bytes += tag->size;
	} else {
		sums->taken++;
	}
	if (tag->size == 0 || tag_start(tag) < tag_start(tag->span) || tag_last(tag) > tag_last(tag->span))
		return "tiled";
	if (!last && (next == NULL || next->span != tag->span || tag_start(next) != tag_last(tag) + 1))
		return "tiled";
	if (!last && tag->kind == VMEM_FREE && next->kind == VMEM_FREE)
		return "joined";
	return tag->kind == VMEM_FREE && tag->span->imported && tag->size == tag->span->size ? "returned" : NULL;
}

static const char *check_lists(const struct vmem *arena, size_t free_segments)
{
	for (unsigned order = 0; order < VMEM_LISTS; order++) {
		const struct vmem_tag *previous = NULL;

		if ((arena->nonempty >> order & 1) == 0)
			continue;
		for (const struct vmem_tag *tag = arena->lists[order]; tag != NULL; previous = tag, tag = tag->next)
			if (tag->previous != previous || tag->kind != VMEM_FREE || size_order(tag->size) != order ||
				free_segments-- == 0)
				return "listed";
		if (previous == NULL)
			return "listed";
	}
	return free_segments != 0 ? "listed" : NULL;
}

static const char *check_counts(const struct vmem *arena, const struct sums *sums)
{
	size_t spans = 0, imported = 0, total = 0, tags = 0;

	for (const struct vmem_tag *span = arena->spans; span != NULL; span = span->next) {
		spans++;
		imported += span->imported;
		total += span->size;
	}
	for (const struct vmem_tag *tag = arena->spare; tag != NULL; tag = tag->next)
		tags++;
	return spans == arena->span_count && spans == sums->spans && imported == arena->import_count &&
			total == arena->total && sums->bytes == total && sums->free_bytes == arena->free &&
			sums->segments == arena->segment_count && sums->taken == arena->taken_count && tags == arena->spare_count
		? NULL
		: "counted";
}

static const char *check_arena_locked(const struct vmem *arena)
{
	const struct vmem_tag *tag = tag_of(tree_ceiling(&arena->segments, 0));
	struct sums sums = { 0 };
	const char *broken = tree_check(&arena->segments);

	if (broken != NULL)
		return broken;
	for (; tag != NULL && broken == NULL; tag = tag_of(tree_next(&tag->node)))
		broken = check_segment(tag, &sums);
	if (broken == NULL)
		broken = check_lists(arena, sums.free_segments);
	return broken != NULL ? broken : check_counts(arena, &sums);
}

static bool check_arena(struct vmem *arena, void *breaches)
{
	port_irq_t irq = spinlock_lock(&arena->lock);
	const char *broken = check_arena_locked(arena);

	spinlock_unlock(&arena->lock, irq);
	if (broken != NULL) {
		port_log("vmem_check: %s: arena %s, %zu bytes in %zu spans and %zu segments", broken, arena->name, arena->total,
			arena->span_count, arena->segment_count);
		++*(size_t *) breaches;
	}
	return true;
}

size_t vmem_check(void)
{
	size_t breaches = 0;

	vmem_each(check_arena, &breaches);
	return breaches;
}
