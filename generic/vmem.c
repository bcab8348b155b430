/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Virtual ranges, after Bonwick and Adams, "Magazines and Vmem" (USENIX 2001).
 *
 * An arena has spans, and each span is cut without a gap into segments, free or
 * taken. A segment has a boundary tag, which is no part of it: an arena never
 * touches what its numbers stand for.
 *
 *   span 1000 to 8fff                                    span 20000 to 21fff
 *   [ taken 2000 ][ free 1000 ][ taken 3000 ][ free 2000 ]   [ free 2000 ]
 *
 *   segments, a tree by first address:  1000  3000  4000  7000  20000
 *   lists, by power of two:   lists[12]: 3000       lists[13]: 7000, 20000
 *
 * TAKING A RANGE of n bytes. Every segment of lists[k] has 2^k bytes at least,
 * so the head of the first list that is not empty, from k = log2(n) rounded up,
 * will do (instant fit); a word has a bit for each list, so finding it is one
 * instruction. Only if there is none, the list below is searched, in which some
 * segments may be large enough. The range is cut off the segment's lower end;
 * what remains goes into the list of its own size.
 *
 * With an alignment, instant fit looks for n and the alignment together; then
 * all lists that can hold n are searched. With bounds the tree is walked from
 * the lower one upwards.
 *
 * GIVING IT BACK. The tree finds the tag, whose size must be what is given
 * back. The neighbours in the tree, if they are free and of the same span, are
 * joined with it. So no two neighbours of one span are free. An imported span
 * that is free as a whole goes back to the parent.
 *
 * TAGS come from a slab cache, whose memory is frames with a permanent address: no
 * arena is needed to get one. Each call that could need tags has TAGS_NEEDED of
 * them set aside in the arena before it looks for anything (vmem_span.c), so
 * there is no allocation in the middle of it; giving back only frees tags. A call
 * that gets none has changed nothing; if it may sleep, it does so then, and begins anew.
 *
 * CACHES (vmem_cache.c) keep, for each CPU and each small size, a few ranges
 * that were given back. For the segments they are taken still.
 *
 * WHEN THERE IS NO RANGE: a span is imported from the parent, if there is one: as many
 * times the range as go into `import`, so that ranges of one size leave nothing of it
 * over; or just the range. Then the caches of this arena, and of those that import
 * from it, are emptied. Then it is ENOMEM. So ENOMEM means that there is no such range,
 * however it is cut. What lies in a cache may be all of its span, which goes back to the
 * parent when the cache is emptied: so bounds, and a range by name, are for the
 * parent too.
 *
 * LOCKS. struct vmem.lock: one arena. No two are held at once: the parent is
 * asked, and given back to, with the child's let go. vmem_list_lock comes
 * before them. The caches have a lock for each CPU, held for a few
 * instructions, before the arena's.
 *
 * CONTEXTS. Any; the flags are those of the tags' memory.
 *
 * COSTS, for n segments. From a cache: two stores. Taking without bounds: O(log n)
 * for the tree, or the length of one list when instant fit finds nothing; with an
 * alignment that is not found at once: the lists above too. Exactly there
 * (vmem_take), giving back, finding, changing the size: O(log n). With bounds:
 * O(log n) and the segments within.
 *
 * INVARIANTS, by the names that vmem_check logs, stand in vmem_info.c.
 */

#include "vmem_internal.h"

#include <mm/inject.h>

void list_insert_locked(struct vmem *arena, struct vmem_tag *tag)
{
	unsigned order = size_order(tag->size);
	struct vmem_tag *head = (arena->nonempty >> order & 1) != 0 ? arena->lists[order] : NULL;

	tag->kind = VMEM_FREE;
	tag->next = head;
	tag->previous = NULL;
	if (head != NULL)
		head->previous = tag;
	arena->lists[order] = tag;
	arena->nonempty |= (size_t) 1 << order;
}

void list_remove_locked(struct vmem *arena, struct vmem_tag *tag)
{
	unsigned order = size_order(tag->size);

	if (tag->next != NULL)
		tag->next->previous = tag->previous;
	if (tag->previous != NULL)
		tag->previous->next = tag->next;
	else
		arena->lists[order] = tag->next;
	if (arena->lists[order] == NULL)
		arena->nonempty &= ~((size_t) 1 << order);
}

/* ---- choosing ---- */

/* Where in a free segment the request can be met, if it can. */
static bool fits(const struct vmem_tag *tag, const struct vmem_request *request, uintptr_t *at)
{
	uintptr_t first = tag_start(tag) > request->lower ? tag_start(tag) : request->lower;
	uintptr_t last = tag_last(tag) < request->last ? tag_last(tag) : request->last;
	uintptr_t place = ALIGN_UP(first - request->phase, request->align) + request->phase;

	if (first > last || place < first || place > last || last - place < request->size - 1)
		return false;
	*at = place;
	return true;
}

static bool is_bounded(const struct vmem_request *request)
{
	return request->lower != 0 || request->last != UINTPTR_MAX;
}

static struct vmem_tag *choose_bounded_locked(struct vmem *arena, const struct vmem_request *request, uintptr_t *at)
{
	struct vmem_tag *tag = tag_floor(arena, request->lower);

	if (tag == NULL)
		tag = tag_of(tree_ceiling(&arena->segments, request->lower));
	for (; tag != NULL && tag_start(tag) <= request->last; tag = tag_of(tree_next(&tag->node)))
		if (tag->kind == VMEM_FREE && fits(tag, request, at))
			return tag;
	return NULL;
}

/* The head of the first list of which all segments have so many bytes. */
static struct vmem_tag *instant_fit(const struct vmem *arena, size_t bytes)
{
	unsigned order = size_order(bytes) + !IS_POWER_OF_TWO(bytes);
	size_t lists = order < VMEM_LISTS ? arena->nonempty >> order << order : 0;

	return lists != 0 ? arena->lists[__builtin_ctzl(lists)] : NULL;
}

static struct vmem_tag *choose_locked(struct vmem *arena, const struct vmem_request *request, uintptr_t *at)
{
	size_t slack = request->align > arena->quantum || request->phase != 0 ? request->align - arena->quantum : 0;
	struct vmem_tag *tag = NULL;

	if (is_bounded(request))
		return choose_bounded_locked(arena, request, at);
	if (request->size + slack >= request->size)
		tag = instant_fit(arena, request->size + slack);
	if (tag != NULL && fits(tag, request, at))
		return tag;
	for (unsigned order = size_order(request->size); order < VMEM_LISTS; order++) {
		if ((arena->nonempty >> order & 1) == 0)
			continue;
		for (tag = arena->lists[order]; tag != NULL; tag = tag->next)
			if (fits(tag, request, at))
				return tag;
	}
	return NULL;
}

/* ---- cutting ---- */

/* A new segment behind another: the same span, not in a list yet. */
static struct vmem_tag *segment_add_locked(struct vmem *arena, struct vmem_tag *before, uintptr_t start, size_t size)
{
	struct vmem_tag *tag = tag_take_locked(arena);

	tag->node.key = start;
	tag->size = size;
	tag->span = before->span;
	tree_insert(&arena->segments, &tag->node);
	arena->segment_count++;
	return tag;
}

/* Takes a range out of a free segment that holds it. */
static void carve_locked(struct vmem *arena, struct vmem_tag *tag, uintptr_t start, size_t size)
{
	size_t front = start - tag_start(tag);
	size_t back = tag->size - front - size;

	list_remove_locked(arena, tag);
	if (front != 0) {
		tag->size = front;
		list_insert_locked(arena, tag);
		tag = segment_add_locked(arena, tag, start, size);
	}
	tag->size = size;
	tag->kind = VMEM_TAKEN;
	if (back != 0)
		list_insert_locked(arena, segment_add_locked(arena, tag, start + size, back));
	arena->free -= size;
	arena->taken_count++;
	arena->allocs++;
}

/* ---- taking ---- */

static errno_t attempt_cached(
	struct vmem *arena, const struct vmem_request *request, struct purse *purse, uintptr_t *start);

/* Bytes to ask the parent for: of ranges of this size as many as go into `import`. */
static size_t import_size(const struct vmem *arena, const struct vmem_request *request)
{
	if (is_bounded(request) || request->size > arena->import / 2)
		return request->size;
	return arena->import - arena->import % request->size;
}

/* The range of a span of the parent's: with others like it if there are so many, else alone. */
static errno_t parent_alloc(
	struct vmem *arena, const struct vmem_request *request, struct purse *purse, uintptr_t *start, size_t *size)
{
	struct vmem_request wanted = *request;
	errno_t error;

	if ((purse->flags & FRAME_ATOMIC) != 0 && inject_now())
		return ENOMEM;
	if (wanted.align < arena->quantum)
		wanted.align = arena->quantum;
	wanted.size = import_size(arena, request);
	error = attempt_cached(arena->parent, &wanted, purse, start);
	if (error == ENOMEM && wanted.size != request->size) {
		wanted.size = request->size;
		error = attempt_cached(arena->parent, &wanted, purse, start);
	}
	*size = wanted.size;
	return error;
}

/* Adds a span that was allocated from the parent, and takes its first bytes at once, so that nobody comes between. */
static errno_t import(struct vmem *arena, uintptr_t start, size_t span_size, size_t size, struct purse *purse)
{
	port_irq_t irq;

	if (!tags_lock(arena, purse, &irq)) {
		vmem_free(arena->parent, start, span_size);
		return EAGAIN;
	}
	carve_locked(arena, span_add_locked(arena, start, span_size, true), start, size);
	tags_unlock(arena, irq);
	return EOK;
}

static errno_t alloc_import(
	struct vmem *arena, const struct vmem_request *request, struct purse *purse, uintptr_t *start)
{
	uintptr_t from = 0;
	errno_t error;
	size_t size;

	if (arena->parent == NULL)
		return ENOMEM;
	error = parent_alloc(arena, request, purse, &from, &size);
	if (error == EOK)
		error = import(arena, from, size, request->size, purse);
	if (error == EOK)
		*start = from;
	return error;
}

static errno_t alloc_present(
	struct vmem *arena, const struct vmem_request *request, struct purse *purse, uintptr_t *start)
{
	port_irq_t irq;
	struct vmem_tag *tag;
	uintptr_t at = 0;

	if (!tags_lock(arena, purse, &irq))
		return EAGAIN;
	tag = choose_locked(arena, request, &at);
	if (likely(tag != NULL)) {
		carve_locked(arena, tag, at, request->size);
		*start = at;
	} else {
		purse_refund_locked(arena, purse);
	}
	tags_unlock(arena, irq);
	return tag != NULL ? EOK : ENOMEM;
}

/* There was no range: of the parent's, or when the caches are empty. */
static NOINLINE errno_t alloc_absent(
	struct vmem *arena, const struct vmem_request *request, struct purse *purse, uintptr_t *start)
{
	errno_t error = alloc_import(arena, request, purse, start);

	if (error != ENOMEM)
		return error;
	vmem_reap(arena);
	return alloc_present(arena, request, purse, start);
}

/*
 * A range, from wherever it is but this arena's caches; not counted if there is none. Never sleeps. The request is in
 * quanta.
 * @retval EAGAIN  no memory for tags; nothing changed
 */
static inline errno_t attempt(
	struct vmem *arena, const struct vmem_request *request, struct purse *purse, uintptr_t *start)
{
	errno_t error = alloc_present(arena, request, purse, start);

	return likely(error != ENOMEM) ? error : alloc_absent(arena, request, purse, start);
}

static bool is_plain(const struct vmem *arena, const struct vmem_request *request)
{
	return request->align <= arena->quantum && !is_bounded(request);
}

/* The same, from the caches too. */
static errno_t attempt_cached(
	struct vmem *arena, const struct vmem_request *request, struct purse *purse, uintptr_t *start)
{
	if (request->size <= arena->cached && is_plain(arena, request) &&
		cache_take(arena, request->size, purse->flags, start))
		return EOK;
	return attempt(arena, request, purse, start);
}

/* Counts a failure, in passing on its cause. */
COLD static errno_t failure(struct vmem *arena, errno_t error)
{
	port_irq_t irq = spinlock_lock(&arena->lock);

	arena->failed++;
	spinlock_unlock(&arena->lock, irq);
	return error == EAGAIN ? ENOMEM : error;
}

/* The request is in quanta. */
static errno_t alloc(struct vmem *arena, const struct vmem_request *request, frame_flags_t flags, uintptr_t *start)
{
	struct purse purse = PURSE(flags);
	errno_t error;

	do
		error = attempt(arena, request, &purse, start);
	while (unlikely(error == EAGAIN) && purse_wait(arena, &purse));
	purse_end(&purse);
	return likely(error == EOK) ? EOK : failure(arena, error);
}

errno_t vmem_alloc(struct vmem *arena, size_t size, frame_flags_t flags, uintptr_t *start)
{
	struct vmem_request request;

	VMEM_MAY_WAIT(flags);
	if (size == 0)
		return EINVAL;
	size = round_up(arena, size);
	if (((flags & FRAME_ATOMIC) != 0 && inject_now()) || size == 0)
		return failure(arena, ENOMEM);
	if (size <= arena->cached && cache_take(arena, size, flags, start))
		return EOK;
	request = VMEM_REQUEST(size);
	return alloc(arena, &request, flags, start);
}

errno_t vmem_alloc_request(
	struct vmem *arena, const struct vmem_request *request, frame_flags_t flags, uintptr_t *start)
{
	struct vmem_request rounded = *request;

	VMEM_MAY_WAIT(flags);
	if (rounded.size == 0 || !IS_POWER_OF_TWO(rounded.align) || (rounded.phase & (arena->quantum - 1)) != 0 ||
		rounded.phase >= (rounded.align > arena->quantum ? rounded.align : arena->quantum))
		return EINVAL;
	if (is_plain(arena, request))
		return vmem_alloc(arena, rounded.size, flags, start);
	if (rounded.align < arena->quantum)
		rounded.align = arena->quantum;
	rounded.size = round_up(arena, rounded.size);
	if (((flags & FRAME_ATOMIC) != 0 && inject_now()) || rounded.size == 0)
		return failure(arena, ENOMEM);
	return alloc(arena, &rounded, flags, start);
}

static bool makes_sense(const struct vmem *arena, uintptr_t start, size_t size)
{
	return size != 0 && ((start | size) & (arena->quantum - 1)) == 0 && start + (size - 1) >= start;
}

/* @retval EAGAIN  no memory for tags */
static errno_t take_present(struct vmem *arena, uintptr_t start, size_t size, struct purse *purse)
{
	errno_t error = EOK;
	struct vmem_tag *tag;
	port_irq_t irq;

	if (!tags_lock(arena, purse, &irq))
		return EAGAIN;
	tag = tag_floor(arena, start);
	if (tag == NULL || tag_last(tag) < start || start + (size - 1) > tag_start(tag->span) + (tag->span->size - 1))
		error = ENOENT;
	else if (tag->kind != VMEM_FREE || start + (size - 1) > tag_last(tag))
		error = EEXIST;
	else
		carve_locked(arena, tag, start, size);
	if (error != EOK)
		purse_refund_locked(arena, purse);
	tags_unlock(arena, irq);
	return error;
}

/* Just this range: of a span there is, once the caches are empty, or of the parent's. As take_present. */
static errno_t take(struct vmem *arena, uintptr_t start, size_t size, struct purse *purse)
{
	errno_t error = take_present(arena, start, size, purse);

	if (error == EEXIST) {
		vmem_reap(arena);
		error = take_present(arena, start, size, purse);
	}
	if (error != ENOENT || arena->parent == NULL)
		return error;
	error = take(arena->parent, start, size, purse);
	if (error == EOK)
		error = import(arena, start, size, size, purse);
	return error == EEXIST ? ENOENT : error;
}

errno_t vmem_take(struct vmem *arena, uintptr_t start, size_t size, frame_flags_t flags)
{
	struct purse purse = PURSE(flags);
	errno_t error;

	VMEM_MAY_WAIT(flags);
	if (!makes_sense(arena, start, size))
		return EINVAL;
	if ((flags & FRAME_ATOMIC) != 0 && inject_now())
		return failure(arena, ENOMEM);
	do
		error = take(arena, start, size, &purse);
	while (error == EAGAIN && purse_wait(arena, &purse));
	purse_end(&purse);
	return error != EOK ? failure(arena, error) : EOK;
}

/* ---- giving back ---- */

/* The tag of a range that is given back or changed, which must be one. */
static struct vmem_tag *tag_taken_locked(struct vmem *arena, uintptr_t start, size_t size)
{
	struct vmem_tag *tag = tag_floor(arena, start);

	mm_assert(tag != NULL && tag_start(tag) == start && tag->size == size && tag->kind == VMEM_TAKEN,
		"%zu bytes at %#zx are not a range taken of arena %s; there is one %s of %zu bytes at %#zx", size,
		(size_t) start, arena->name, tag == NULL || tag->kind == VMEM_TAKEN ? "taken" : "free",
		tag != NULL ? tag->size : 0, (size_t) (tag != NULL ? tag_start(tag) : 0));
	return tag;
}

/* Joins a free segment with the one that follows it, if that is free and of the same span. Neither is in a list. */
static void join_locked(struct vmem *arena, struct vmem_tag *tag, struct vmem_tag *next)
{
	tag->size += next->size;
	tree_remove(&arena->segments, &next->node);
	tag_give_locked(arena, next);
	arena->segment_count--;
}

static bool is_free_beside(const struct vmem_tag *neighbour, const struct vmem_tag *tag)
{
	return neighbour != NULL && neighbour->kind == VMEM_FREE && neighbour->span == tag->span;
}

/* @return the free segment that the range is part of now */
static struct vmem_tag *release_locked(struct vmem *arena, struct vmem_tag *tag)
{
	struct vmem_tag *next = tag_of(tree_next(&tag->node)), *previous = tag_of(tree_previous(&tag->node));

	arena->free += tag->size;
	arena->taken_count--;
	if (is_free_beside(next, tag)) {
		list_remove_locked(arena, next);
		join_locked(arena, tag, next);
	}
	if (is_free_beside(previous, tag)) {
		list_remove_locked(arena, previous);
		join_locked(arena, previous, tag);
		tag = previous;
	}
	list_insert_locked(arena, tag);
	return tag;
}

void segment_free(struct vmem *arena, uintptr_t start, size_t size)
{
	port_irq_t irq = spinlock_lock(&arena->lock);
	struct vmem_tag *tag = release_locked(arena, tag_taken_locked(arena, start, size));
	bool goes = tag->span->imported && tag->size == tag->span->size;
	uintptr_t span_start = tag_start(tag->span);
	size_t span_size = tag->span->size;

	if (goes)
		span_drop_locked(arena, tag);
	tags_unlock(arena, irq);
	if (goes)
		vmem_free(arena->parent, span_start, span_size);
}

void vmem_free(struct vmem *arena, uintptr_t start, size_t size)
{
	size = round_up(arena, size);
	/* No bytes, or so many that they wrap, are no range: segment_free stops at them. */
	if (size - 1 >= arena->cached || !cache_give(arena, start, size))
		segment_free(arena, start, size);
}

/* ---- changing the size ---- */

static void shrink_locked(struct vmem *arena, struct vmem_tag *tag, size_t size)
{
	struct vmem_tag *next = tag_of(tree_next(&tag->node));
	size_t back = tag->size - size;

	tag->size = size;
	if (is_free_beside(next, tag)) {
		list_remove_locked(arena, next);
		next->node.key -= back;
		next->size += back;
	} else {
		next = segment_add_locked(arena, tag, tag_start(tag) + size, back);
	}
	list_insert_locked(arena, next);
	arena->free += back;
}

static errno_t grow_locked(struct vmem *arena, struct vmem_tag *tag, size_t size)
{
	struct vmem_tag *next = tag_of(tree_next(&tag->node));
	size_t more = size - tag->size;

	if (size > tag->span->size - (tag_start(tag) - tag_start(tag->span)))
		return ENOENT;
	if (!is_free_beside(next, tag) || next->size < more)
		return EEXIST;
	list_remove_locked(arena, next);
	if (next->size == more) {
		join_locked(arena, tag, next);
	} else {
		next->node.key += more;
		next->size -= more;
		list_insert_locked(arena, next);
		tag->size = size;
	}
	arena->free -= more;
	return EOK;
}

/* @retval EAGAIN  no memory for tags */
static errno_t resize(struct vmem *arena, uintptr_t start, size_t size, size_t now, struct purse *purse)
{
	errno_t error = EOK;
	struct vmem_tag *tag;
	port_irq_t irq;

	if (!tags_lock(arena, purse, &irq))
		return EAGAIN;
	tag = tag_taken_locked(arena, start, size);
	if (now < size)
		shrink_locked(arena, tag, now);
	else if (now > size)
		error = grow_locked(arena, tag, now);
	tags_unlock(arena, irq);
	return error;
}

errno_t vmem_resize(struct vmem *arena, uintptr_t start, size_t size, size_t now, frame_flags_t flags)
{
	struct purse purse = PURSE(flags);
	errno_t error;

	VMEM_MAY_WAIT(flags);
	size = round_up(arena, size);
	now = round_up(arena, now);
	if (now == 0 || start + (now - 1) < start)
		return EINVAL;
	if ((flags & FRAME_ATOMIC) != 0 && inject_now())
		return failure(arena, ENOMEM);
	do {
		error = resize(arena, start, size, now, &purse);
		if (error == EEXIST) {
			vmem_reap(arena);
			error = resize(arena, start, size, now, &purse);
		}
	} while (error == EAGAIN && purse_wait(arena, &purse));
	purse_end(&purse);
	return error != EOK ? failure(arena, error) : EOK;
}
