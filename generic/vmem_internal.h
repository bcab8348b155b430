/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the files of the virtual ranges share; generic/vmem.c tells how they go together.
 *
 *   vmem.c        taking a range and giving it back: boundary tags and lists
 *   vmem_span.c   arenas made and ended, spans that come and go, tags set aside, reclaim
 *   vmem_cache.c  the quantum caches
 *   vmem_info.c   looking at arenas, and holding them to their invariants
 */

#ifndef VMEM_INTERNAL_H
#define VMEM_INTERNAL_H

#include <mm/assert.h>
#include <mm/held.h>
#include <mm/spinlock.h>
#include <mm/vmem.h>

/* A segment, or a span, or neither: set aside. */
struct vmem_tag {
	struct tree_node node; /* its key is the first address */
	size_t size;
	enum vmem_kind kind;
	bool imported;                    /* a span's */
	struct vmem_tag *span;            /* a segment's */
	struct vmem_tag *next, *previous; /* in a list of free segments, the list of spans, that of tags set aside */
};

/* What one call uses of an arena at most: an imported span, its segment, and the two more that a range cuts it into. */
#define TAGS_NEEDED 4
/* So many are kept in an arena when ranges are given back; what is over goes back to the slab. */
#define TAGS_KEPT 16

static inline uintptr_t tag_start(const struct vmem_tag *tag)
{
	return tag->node.key;
}

static inline uintptr_t tag_last(const struct vmem_tag *tag)
{
	return tag->node.key + (tag->size - 1);
}

static inline struct vmem_tag *tag_of(const struct tree_node *node)
{
	return node != NULL ? CONTAINER_OF(node, struct vmem_tag, node) : NULL;
}

/* The segment that begins at an address or is the last one to begin below. */
static inline struct vmem_tag *tag_floor(const struct vmem *arena, uintptr_t address)
{
	return tag_of(tree_floor(&arena->segments, address));
}

static inline unsigned size_order(size_t size)
{
	return (unsigned) (8 * sizeof(long)) - 1 - (unsigned) __builtin_clzl(size);
}

/* In whole quanta; 0 if that wraps. */
static inline size_t round_up(const struct vmem *arena, size_t size)
{
	return ALIGN_UP(size, arena->quantum);
}

/* ---- vmem.c ---- */

void list_insert_locked(struct vmem *arena, struct vmem_tag *tag);
void list_remove_locked(struct vmem *arena, struct vmem_tag *tag);

/** Gives a range back past the caches. */
void segment_free(struct vmem *arena, uintptr_t start, size_t size);

/* ---- vmem_span.c ---- */

extern struct mm_spinlock vmem_list_lock;
extern struct vmem *vmem_first;

/* What a call gets its tags by: its flags, and tags of its own, which nobody else sees till it sets them aside. */
struct purse {
	struct vmem_tag *first; /* a list */
	frame_flags_t flags;
	uint16_t count;  /* tags it has now */
	uint16_t wanted; /* tags that a sleep has brought; 0 = it has not slept for any */
};

#define PURSE(call_flags) ((struct purse){ .flags = (call_flags) })

/** The slow half of tags_lock: the lock is held, and there are too few. */
MUST_USE COLD bool tags_set_aside_locked(struct vmem *arena, struct purse *purse, port_irq_t *irq);

/** Stops the kernel: a call may sleep, and interrupts are off. */
COLD void tags_forbidden(const struct vmem *arena) __attribute__((noreturn));

/* First in every call that may sleep: what debug builds check. All builds check in tags_lock that interrupts are on. */
#define VMEM_MAY_WAIT(flags)              \
	do {                                  \
		if (((flags) &FRAME_ATOMIC) == 0) \
			may_wait_debug(__func__);     \
	} while (0)

/** Stops a call that may sleep if interrupts were off, whether it will have to sleep or not: in all builds. */
static inline void may_sleep_check(const struct vmem *arena, frame_flags_t flags, port_irq_t irq)
{
	if (unlikely((flags & FRAME_ATOMIC) == 0 && !port_irq_were_on(irq)))
		tags_forbidden(arena);
}

/**
 * Takes the lock, with TAGS_NEEDED tags set aside. Never sleeps.
 * @return false if there is no memory for them: not locked then
 */
MUST_USE static inline bool tags_lock(struct vmem *arena, struct purse *purse, port_irq_t *irq)
{
	*irq = spinlock_lock(&arena->lock);
	may_sleep_check(arena, purse->flags, *irq);
	return likely(arena->spare_count >= TAGS_NEEDED) || tags_set_aside_locked(arena, purse, irq);
}

/** Fills the purse again, as far as it has paid for tags that the call has not used: others find them set aside. */
void purse_refund_locked(struct vmem *arena, struct purse *purse);

/**
 * A call came to nothing for want of tags: sleeps till there is memory for all that it may need of this arena and of
 * those it imports from. Nothing is held meanwhile.
 * @return false if it may not sleep
 */
MUST_USE COLD bool purse_wait(struct vmem *arena, struct purse *purse);

/** The slow half of purse_end. */
COLD void purse_empty(struct purse *purse);

/** Frees what the call has not used. */
static inline void purse_end(struct purse *purse)
{
	if (unlikely(purse->first != NULL))
		purse_empty(purse);
}

/** The slow half of tags_unlock. */
COLD void tags_unlock_trim(struct vmem *arena, port_irq_t irq);

/** Lets the lock go, and frees the tags that are too many: all, while a thread waits for memory. */
static inline void tags_unlock(struct vmem *arena, port_irq_t irq)
{
	if (likely(arena->spare_count <= TAGS_KEPT) && likely(frame_sleepers() == 0))
		spinlock_unlock(&arena->lock, irq);
	else
		tags_unlock_trim(arena, irq);
}

struct vmem_tag *tag_take_locked(struct vmem *arena);
void tag_give_locked(struct vmem *arena, struct vmem_tag *tag);

/** Puts in a span that is free. @return its only segment */
struct vmem_tag *span_add_locked(struct vmem *arena, uintptr_t start, size_t size, bool imported);

/** Takes a span out that is this one free segment. */
void span_drop_locked(struct vmem *arena, struct vmem_tag *segment);

/** Empties the caches of the arena and of those that import from it. */
void vmem_reap(struct vmem *arena);

/* ---- vmem_cache.c ---- */

MUST_USE errno_t caches_make(struct vmem *arena, frame_flags_t flags);
void caches_end(struct vmem *arena);
MUST_USE bool cache_take(struct vmem *arena, size_t size, frame_flags_t flags, uintptr_t *start);
MUST_USE bool cache_give(struct vmem *arena, uintptr_t start, size_t size);
/**
 * Empties the caches, with interrupts on between two ranges if they are the caller's.
 * @param exact   looks under the lock of each cache whether it is empty, not only at a glance
 * @param budget  ranges to free at most; those freed are subtracted from it
 */
void caches_flush(struct vmem *arena, bool exact, size_t *budget);
void caches_count(struct vmem *arena, size_t *ranges, size_t *bytes, uint64_t *hits);

#endif
