/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Arenas made and ended, their spans, their tags, and reclaim.
 *
 * TAGS. A call that could need tags begins with tags_lock, which sees to it that
 * there are TAGS_NEEDED set aside. What ranges free adds to those set aside; over
 * TAGS_KEPT they go back to the cache "vmem-tag". So an arena in use asks the slab
 * for nothing, and freeing never does. While a thread waits for memory none are kept,
 * neither those that a range frees nor those that a call has set aside and not used:
 * tags_unlock looks under the lock, which a reclaim takes.
 *
 * Tags set aside are anybody's: another call may use them, and reclaim frees them. So
 * what a call allocates from the slab it keeps in its PURSE, and sets it aside
 * only under the lock under which it uses it. Nothing in an arena sleeps: where there
 * is no memory for a tag, the call undoes what it has done, which is EAGAIN. If it may
 * sleep it then does so with nothing in its purse, for one frame, of which it
 * makes a slab of tags at once: all that it can need, in this arena and in those
 * above it, so it sleeps once.
 *
 * RECLAIM empties all caches of ranges and frees all tags set aside. It is
 * a reclaimer like any other, called by a thread that looks for frames, so nothing here
 * looks for memory with a lock held.
 *
 * WALKS over all arenas, of a reclaim and of a request that has found no range, hold no
 * lock from one arena to the next, nor from one range of a cache to the next: interrupts
 * are on in between, if they are the caller's. The arena where a walk is counts it
 * (walks), and vmem_destroy waits until there is none, as slab_cache_destroy does. A
 * reclaim with interrupts off ends after BATCH ranges and tags; the next one finds what
 * is left. A request is not bounded so: ENOMEM means that there is no range.
 */

#include "vmem_internal.h"

#include <mm/slab.h>

struct mm_spinlock vmem_list_lock = SPINLOCK_INIT;
struct vmem *vmem_first; /* in the order they were made */

/* Arenas that an arena imports from by way of each other, itself included. */
#define DEPTH_MAX 5

static struct vmem *vmem_last;
static struct slab_cache *tag_cache;

/* ---- tags ---- */

struct vmem_tag *tag_take_locked(struct vmem *arena)
{
	struct vmem_tag *tag = arena->spare;

	mm_assert(tag != NULL, "arena %s has no tag set aside", arena->name);
	arena->spare = tag->next;
	arena->spare_count--;
	return tag;
}

void tag_give_locked(struct vmem *arena, struct vmem_tag *tag)
{
	tag->next = arena->spare;
	arena->spare = tag;
	arena->spare_count++;
}

static void purse_put(struct purse *purse, struct vmem_tag *tag)
{
	tag->next = purse->first;
	purse->first = tag;
	purse->count++;
	held_add(HELD_TAGS, 1);
}

static struct vmem_tag *purse_take(struct purse *purse)
{
	struct vmem_tag *tag = purse->first;

	purse->first = tag->next;
	purse->count--;
	held_sub(HELD_TAGS, 1);
	return tag;
}

/* One tag more, without sleeping. A call that may sleep does so later, and passes none that sleep already. */
static bool purse_add(struct purse *purse)
{
	frame_flags_t flags = purse->flags;
	struct vmem_tag *tag;

	if (!(flags & FRAME_ATOMIC)) {
		if (frame_sleepers() != 0)
			return false;
		flags |= FRAME_NO_RECLAIM;
	}
	tag = slab_alloc(tag_cache, flags | FRAME_ATOMIC);
	if (tag == NULL)
		return false;
	purse_put(purse, tag);
	return true;
}

bool tags_set_aside_locked(struct vmem *arena, struct purse *purse, port_irq_t *irq)
{
	while (arena->spare_count + purse->count < TAGS_NEEDED) {
		spinlock_unlock(&arena->lock, *irq);
		if (!purse_add(purse))
			return false;
		*irq = spinlock_lock(&arena->lock);
	}
	while (arena->spare_count < TAGS_NEEDED)
		tag_give_locked(arena, purse_take(purse));
	return true;
}

void purse_refund_locked(struct vmem *arena, struct purse *purse)
{
	while (purse->count < purse->wanted && arena->spare_count != 0)
		purse_put(purse, tag_take_locked(arena));
}

void purse_empty(struct purse *purse)
{
	while (purse->first != NULL)
		slab_free(tag_cache, purse_take(purse));
}

static size_t depth_of(const struct vmem *arena)
{
	size_t depth = 0;

	for (; arena != NULL; arena = arena->parent)
		depth++;
	return depth;
}

bool purse_wait(struct vmem *arena, struct purse *purse)
{
	void *tags[DEPTH_MAX * TAGS_NEEDED];
	uint16_t wanted = (uint16_t) (depth_of(arena) * TAGS_NEEDED);

	purse_empty(purse);
	if (purse->flags & FRAME_ATOMIC)
		return false;
	slab_alloc_from(tag_cache, frame_alloc(1, 0, 0), tags, wanted);
	for (size_t i = 0; i < wanted; i++)
		purse_put(purse, tags[i]);
	purse->wanted = wanted;
	return true;
}

void tags_forbidden(const struct vmem *arena)
{
	port_panic("arena %s: may sleep, but interrupts are off or a spinlock is held; give FRAME_ATOMIC, or let go first",
		arena->name);
}

/* Lets go of the lock and of all tags over so many. */
static void tags_trim(struct vmem *arena, size_t keep, port_irq_t irq)
{
	struct vmem_tag *surplus = NULL, *tag;

	while (arena->spare_count > keep) {
		tag = tag_take_locked(arena);
		tag->next = surplus;
		surplus = tag;
	}
	spinlock_unlock(&arena->lock, irq);
	while ((tag = surplus) != NULL) {
		surplus = tag->next;
		slab_free(tag_cache, tag);
	}
}

void tags_unlock_trim(struct vmem *arena, port_irq_t irq)
{
	size_t keep = arena->spare_count > TAGS_KEPT ? TAGS_KEPT / 2 : TAGS_KEPT;

	tags_trim(arena, frame_sleepers() == 0 ? keep : 0, irq);
}

/* ---- spans ---- */

struct vmem_tag *span_add_locked(struct vmem *arena, uintptr_t start, size_t size, bool imported)
{
	struct vmem_tag *span = tag_take_locked(arena), *segment = tag_take_locked(arena);

	span->node.key = segment->node.key = start;
	span->size = segment->size = size;
	span->imported = imported;
	segment->span = span;
	span->previous = NULL;
	span->next = arena->spans;
	if (span->next != NULL)
		span->next->previous = span;
	arena->spans = span;
	arena->span_count++;
	arena->import_count += imported;
	arena->segment_count++;
	arena->total += size;
	arena->free += size;
	tree_insert(&arena->segments, &segment->node);
	list_insert_locked(arena, segment);
	return segment;
}

void span_drop_locked(struct vmem *arena, struct vmem_tag *segment)
{
	struct vmem_tag *span = segment->span;

	list_remove_locked(arena, segment);
	tree_remove(&arena->segments, &segment->node);
	if (span->next != NULL)
		span->next->previous = span->previous;
	if (span->previous != NULL)
		span->previous->next = span->next;
	else
		arena->spans = span->next;
	arena->span_count--;
	arena->import_count -= span->imported;
	arena->segment_count--;
	arena->total -= span->size;
	arena->free -= span->size;
	tag_give_locked(arena, segment);
	tag_give_locked(arena, span);
}

/* @retval EAGAIN  no memory for tags */
static errno_t add(struct vmem *arena, uintptr_t start, size_t size, struct purse *purse)
{
	errno_t error = EOK;
	struct vmem_tag *tag;
	port_irq_t irq;

	if (!tags_lock(arena, purse, &irq))
		return EAGAIN;
	tag = tag_floor(arena, start + (size - 1));
	if (tag != NULL && tag_last(tag) >= start)
		error = EEXIST;
	else
		span_add_locked(arena, start, size, false);
	tags_unlock(arena, irq);
	return error;
}

errno_t vmem_add(struct vmem *arena, uintptr_t start, size_t size, frame_flags_t flags)
{
	struct purse purse = PURSE(flags);
	errno_t error;

	VMEM_MAY_WAIT(flags);
	if (size == 0 || ((start | size) & (arena->quantum - 1)) != 0 || start + (size - 1) < start)
		return EINVAL;
	do
		error = add(arena, start, size, &purse);
	while (error == EAGAIN && purse_wait(arena, &purse));
	purse_end(&purse);
	return error == EAGAIN ? ENOMEM : error;
}

static errno_t remove_span(struct vmem *arena, uintptr_t start, size_t size)
{
	port_irq_t irq = spinlock_lock(&arena->lock);
	struct vmem_tag *tag = tag_floor(arena, start);
	errno_t error = EOK;

	if (tag == NULL || tag_start(tag->span) != start || tag->span->size != size || tag->span->imported)
		error = ENOENT;
	else if (tag->kind != VMEM_FREE || tag->size != size)
		error = EBUSY;
	else
		span_drop_locked(arena, tag);
	tags_unlock(arena, irq);
	return error;
}

errno_t vmem_remove(struct vmem *arena, uintptr_t start, size_t size)
{
	errno_t error = remove_span(arena, start, size);

	if (error == EBUSY) {
		vmem_reap(arena);
		error = remove_span(arena, start, size);
	}
	return error;
}

/* ---- arenas ---- */

static bool options_make_sense(const struct vmem_options *options, size_t quantum)
{
	const struct vmem *parent = options->parent;

	return IS_POWER_OF_TWO(quantum) && options->cached / quantum <= VMEM_CACHED_QUANTA &&
		options->import % quantum == 0 &&
		(parent == NULL || (quantum % parent->quantum == 0 && depth_of(parent) < DEPTH_MAX));
}

static void enlist(struct vmem *arena)
{
	port_irq_t irq = spinlock_lock(&vmem_list_lock);

	for (struct vmem *other = CONFIG_DEBUG ? vmem_first : NULL; other != NULL; other = other->next)
		mm_assert(other != arena, "arena %s is there already: end it before it is made again", arena->name);

	arena->next = NULL;
	arena->previous = vmem_last;
	if (vmem_last != NULL)
		vmem_last->next = arena;
	else
		vmem_first = arena;
	vmem_last = arena;
	spinlock_unlock(&vmem_list_lock, irq);
}

static bool is_parent_locked(const struct vmem *arena)
{
	const struct vmem *other = vmem_first;

	while (other != NULL && other->parent != arena)
		other = other->next;
	return other != NULL;
}

/* Waits until no walk is at an arena; none begins after it. The last one wakes this thread. @return the list's lock */
static port_irq_t walks_wait_locked(struct vmem *arena, port_irq_t irq)
{
	arena->is_ending = true;
	if (arena->walks != 0)
		arena->destroyer = port_self();
	while (arena->destroyer != NULL) {
		spinlock_unlock(&vmem_list_lock, irq);
		port_park(0);
		irq = spinlock_lock(&vmem_list_lock);
	}
	return irq;
}

/* Takes an arena off the list. @return false if another imports from it */
static bool delist(struct vmem *arena)
{
	port_irq_t irq = spinlock_lock(&vmem_list_lock);
	bool is_parent = is_parent_locked(arena);

	if (is_parent) {
		spinlock_unlock(&vmem_list_lock, irq);
		return false;
	}
	irq = walks_wait_locked(arena, irq);
	if (arena->next != NULL)
		arena->next->previous = arena->previous;
	else
		vmem_last = arena->previous;
	if (arena->previous != NULL)
		arena->previous->next = arena->next;
	else
		vmem_first = arena->next;
	spinlock_unlock(&vmem_list_lock, irq);
	return true;
}

errno_t vmem_init(struct vmem *arena, const char *name, const struct vmem_options *options, frame_flags_t flags)
{
	static const struct vmem_options defaults;
	size_t quantum;

	VMEM_MAY_WAIT(flags);
	if (options == NULL)
		options = &defaults;
	quantum = options->quantum != 0 ? options->quantum : PAGE_SIZE;
	if (!options_make_sense(options, quantum))
		return EINVAL;
	/* lists[] is left as it is: `nonempty` says which of them mean anything. */
	__builtin_memset(arena, 0, offsetof(struct vmem, lists));
	arena->name = name;
	arena->parent = options->parent;
	arena->quantum = quantum;
	arena->import = options->import;
	arena->cached = ALIGN_DOWN(options->cached, quantum);
	if (arena->cached != 0 && caches_make(arena, flags) != EOK)
		return ENOMEM;
	enlist(arena);
	return EOK;
}

errno_t vmem_destroy(struct vmem *arena)
{
	port_irq_t irq;
	size_t taken;

	vmem_reap(arena);
	irq = spinlock_lock(&arena->lock);
	taken = arena->taken_count;
	spinlock_unlock(&arena->lock, irq);
	/* Off the list, nobody finds it any more: reclaim, vmem_check and the console go through the list. */
	if (taken != 0 || !delist(arena))
		return EBUSY;
	irq = spinlock_lock(&arena->lock);
	while (arena->spans != NULL)
		span_drop_locked(arena, tag_floor(arena, tag_start(arena->spans)));
	tags_trim(arena, 0, irq);
	if (arena->cached != 0)
		caches_end(arena);
	return EOK;
}

/* ---- walks ---- */

/* Ranges and tags that a reclaim frees at most with interrupts off, up to TAGS_KEPT tags more. */
#define BATCH 64

/* Ends a walk's stay at an arena. */
static void walk_leave_locked(struct vmem *arena)
{
	if (--arena->walks == 0 && arena->destroyer != NULL) {
		port_unpark(arena->destroyer); /* under the lock: it cannot be gone */
		arena->destroyer = NULL;
	}
}

/* Whether an arena imports from another, and has caches that may have what is missing there. */
static bool may_keep(const struct vmem *arena, const struct vmem *source)
{
	if (arena->cached == 0)
		return false;
	while (arena != NULL && arena != source)
		arena = arena->parent;
	return arena != NULL;
}

/*
 * Goes from one arena to the one made before it; from NULL to the one made last, so that children come first.
 * @param source  only those that may keep what is missing in this arena; NULL = all
 */
static struct vmem *walk_on(struct vmem *arena, const struct vmem *source)
{
	port_irq_t irq = spinlock_lock(&vmem_list_lock);
	struct vmem *next = arena != NULL ? arena->previous : vmem_last;

	while (next != NULL && (next->is_ending || (source != NULL && !may_keep(next, source))))
		next = next->previous;
	if (next != NULL)
		next->walks++;
	if (arena != NULL)
		walk_leave_locked(arena);
	spinlock_unlock(&vmem_list_lock, irq);
	return next;
}

/* Ends a walk where it is, which may be nowhere. */
static void walk_end(struct vmem *arena)
{
	port_irq_t irq;

	if (arena == NULL)
		return;
	irq = spinlock_lock(&vmem_list_lock);
	walk_leave_locked(arena);
	spinlock_unlock(&vmem_list_lock, irq);
}

void vmem_reap(struct vmem *source)
{
	size_t unlimited = SIZE_MAX;

	for (struct vmem *arena = walk_on(NULL, source); arena != NULL; arena = walk_on(arena, source))
		caches_flush(arena, false, &unlimited);
}

static size_t budget_now(void)
{
	port_irq_t irq = port_irq_save();

	port_irq_restore(irq);
	return port_irq_were_on(irq) ? SIZE_MAX : BATCH;
}

/* Frees the tags that an arena has set aside. */
static void tags_reclaim(struct vmem *arena, size_t *budget)
{
	port_irq_t irq = spinlock_lock(&arena->lock);
	size_t tags = arena->spare_count;

	tags_trim(arena, 0, irq);
	*budget -= tags < *budget ? tags : *budget;
}

static size_t reclaim(enum reclaim_strength strength, bool may_wait)
{
	struct vmem *arena = walk_on(NULL, NULL);
	size_t budget = budget_now();

	(void) may_wait;
	for (; arena != NULL && budget != 0; arena = walk_on(arena, NULL)) {
		if (arena->cached != 0 && strength == RECLAIM_FULL)
			caches_flush(arena, true, &budget);
		tags_reclaim(arena, &budget);
	}
	walk_end(arena);
	/* A thread that waits may have missed what is left. */
	if (budget == 0)
		frame_reclaim_offer();
	return 0;
}

errno_t vmem_setup(void)
{
	static struct reclaimer reclaimer = { .name = "vmem", .reclaim = reclaim };

	struct slab_info info;

	tag_cache = slab_cache_create("vmem-tag", sizeof(struct vmem_tag), NULL, FRAME_ATOMIC);
	if (tag_cache == NULL)
		return ENOMEM;
	slab_get_info(tag_cache, &info);
	mm_assert(info.slab_frames == 1 && info.objects_per_slab >= DEPTH_MAX * TAGS_NEEDED,
		"a slab of tags has %zu frames and %zu tags", info.slab_frames, info.objects_per_slab);
	frame_reclaimer_register(&reclaimer);
	return EOK;
}
