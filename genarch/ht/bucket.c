/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Buckets: chains of lines of three slots, and their number.
 *
 * All here is for the holder of the lock; what readers may meet meanwhile is
 * told in ht.h. Every change of a chain stands between chain_open and
 * chain_close of its head.
 *
 * A slot that goes is filled with the last of its chain, so that the chain
 * stays compact, and an overflow line is freed with its last slot.
 *
 * With n buckets, and 2^k the power of two below n, the numbers of 2^k to n - 1
 * have split off theirs less 2^k. The next to split off is n, from n - 2^k; the
 * next to go is n - 1, into n - 1 - 2^k. The number of buckets is published
 * while both chains are open: a reader on another CPU meets the old number and
 * what belongs to it, or waits.
 *
 * NEVER ABSENT. A miss handler on the CPU that makes the change cannot wait for
 * the code it has interrupted (find.c, search_own). So between any two stores
 * each mapped tag is in the chain that the number of buckets says, and a slot's
 * tag never stands beside another tag's cluster:
 *
 *   a slot that goes     its tag is cleared; then the last slot is copied into it,
 *                        the cluster first; then the last slot's tag is cleared
 *   a bucket more        the slots that move are copied, the number is published,
 *                        then they are purged from where they were. Of a chain with
 *                        overflow lines only the head is copied: both chains share
 *                        the lines while the number is published, then each line's
 *                        slots are copied to where they belong, and the line is
 *                        taken out of both
 *   a bucket fewer       its chain, the bucket included, is linked behind the one
 *                        that it joins; the number is published; then line by line
 *                        as above
 *
 *     from [ a b c ]--+                        [ a c - ]---+         [ a c f ]
 *                     +--> [ d e f ]               b, d, e |             b, d, e
 *     to   [ b - - ]--+                        [ b d e ]---+> NULL   [ b d e ]
 *        published, shared                     copied, taken out     f, which came last, is in `from`
 *
 * Lines taken apart are not freed before their slots have new ones: so a step
 * may take STEP_LINES more than there are after it, and is left out if there are
 * not so many free.
 *
 * COST. Finding: 25 instructions. One step: 60, and a frame every
 * SEGMENT_BUCKETS steps; if there is none, the table stays as it is, which is
 * slower but as right.
 */

#include "ht.h"

#define BUCKETS_LEAST SEGMENT_BUCKETS

/* Joining a head's slots may take one line for good, and the slots of one line stand in two while it is taken apart. */
#define STEP_LINES 2

struct ht ht = { .lock = SPINLOCK_INIT };

#if CONFIG_DEBUG
void (*page_step_hook)(void);
#endif

/* ---- chains ---- */

static inline struct bucket *next_of(const struct bucket *bucket)
{
	return __atomic_load_n(&bucket->next, __ATOMIC_RELAXED);
}

static inline void next_set(struct bucket *line, struct bucket *next)
{
	__atomic_store_n(&line->next, next, __ATOMIC_RELEASE);
	page_step();
}

/* Of a slot without a tag. */
static inline void slot_set(struct slot *slot, uintptr_t tag, struct cluster *cluster)
{
	__atomic_store_n(&slot->cluster, cluster, __ATOMIC_RELEASE);
	page_step();
	__atomic_store_n(&slot->tag, tag, __ATOMIC_RELEASE);
	page_step();
}

static inline void slot_clear(struct slot *slot)
{
	__atomic_store_n(&slot->tag, 0, __ATOMIC_RELEASE);
	page_step();
}

/* Relaxed: each store to the chain releases, so none is seen before this one. */
static inline void chain_open(struct bucket *head)
{
	__atomic_store_n(&head->changes, head->changes + 1, __ATOMIC_RELAXED);
	page_step();
}

static inline void chain_close(struct bucket *head)
{
	__atomic_store_n(&head->changes, head->changes + 1, __ATOMIC_RELEASE);
	page_step();
}

static struct slot *slot_find(struct bucket *line, uintptr_t tag)
{
	do {
#pragma GCC unroll 3
		for (size_t i = 0; i < BUCKET_SLOTS; i++)
			if (slot_tag(&line->slots[i]) == tag)
				return &line->slots[i];
		line = next_of(line);
	} while (line != NULL);
	return NULL;
}

NOINLINE struct cluster *overflow_find(const struct bucket *line, uintptr_t tag)
{
	const struct slot *slot = slot_find((struct bucket *) line, tag);

	return slot != NULL ? slot_cluster(slot) : NULL;
}

/* A line to be linked in, with what comes behind it. */
static struct bucket *overflow_make(struct bucket *next)
{
	struct bucket *line = (struct bucket *) line_take();

	__atomic_store_n(&line->next, next, __ATOMIC_RELEASE);
	for (size_t i = 0; i < BUCKET_SLOTS; i++)
		__atomic_store_n(&line->slots[i].tag, 0, __ATOMIC_RELEASE);
	ht.overflows++;
	return line;
}

static void overflow_free(struct bucket *line)
{
	line_give((struct cluster *) line);
	ht.overflows--;
}

/* An empty slot of a line; of a new one behind it if there is none: then *line is that. */
static inline struct slot *slot_empty(struct bucket **line)
{
#pragma GCC unroll 3
	for (size_t i = 0; i < BUCKET_SLOTS; i++)
		if (slot_tag(&(*line)->slots[i]) == 0)
			return &(*line)->slots[i];
	next_set(*line, overflow_make(next_of(*line)));
	*line = next_of(*line);
	return &(*line)->slots[0];
}

static inline struct bucket *last_of(struct bucket *line)
{
	while (unlikely(next_of(line) != NULL))
		line = next_of(line);
	return line;
}

/* The last slot in use of a line, which is this one or behind it. */
static inline struct slot *slot_last(struct bucket *line, struct slot *slot)
{
	while (slot != &line->slots[BUCKET_SLOTS - 1] && slot_tag(slot + 1) != 0)
		slot++;
	return slot;
}

/* The slot goes, and the last one of its chain comes in its place. */
static inline void slot_replace(struct slot *slot, struct slot *last)
{
	slot_clear(slot);
	if (last == slot)
		return;
	slot_set(slot, slot_tag(last), slot_cluster(last));
	slot_clear(last);
}

/* As slot_drop, of a chain with overflow lines. */
COLD static void slot_drop_long(struct bucket *head, struct slot *slot)
{
	struct bucket *line = head, *before = NULL;
	struct slot *last;

	for (; next_of(line) != NULL; line = next_of(line))
		before = line;
	last = slot_last(line, &line->slots[0]);
	slot_replace(slot, last);
	if (last == &line->slots[0]) {
		next_set(before, NULL);
		overflow_free(line);
	}
}

/* Takes a slot out of an open chain; what was the last one is in its place. */
static inline void slot_drop(struct bucket *head, struct slot *slot)
{
	if (unlikely(next_of(head) != NULL))
		slot_drop_long(head, slot);
	else
		slot_replace(slot, slot_last(head, slot));
}

void chain_add(struct bucket *head, uintptr_t tag, struct cluster *cluster)
{
	struct bucket *line = last_of(head);

	chain_open(head);
	slot_set(slot_empty(&line), tag, cluster);
	chain_close(head);
}

void chain_remove(struct bucket *head, uintptr_t tag)
{
	chain_open(head);
	slot_drop(head, slot_find(head, tag));
	chain_close(head);
}

/* ---- their number ---- */

/* The bucket that this one, the last of all, split off from. */
static size_t parent_of(size_t number)
{
	return number & (SIZE_MAX >> __builtin_clzl(number) >> 1);
}

static bool segment_provide(size_t number)
{
	struct bucket *segment;

	if (number / SEGMENT_BUCKETS < ht.segments)
		return true;
	if (number / SEGMENT_BUCKETS == ht.directory_room)
		return false;
	segment = table_frame(FRAME_ATOMIC | FRAME_NO_RECLAIM | FRAME_ZERO);
	if (segment == NULL)
		return false;
	__atomic_store_n(&ht.directory[number / SEGMENT_BUCKETS], segment, __ATOMIC_RELEASE);
	ht.segments++;
	return true;
}

/* As many as there are from now on. A reader may see the one without the other: find.c. */
static void buckets_set(size_t number)
{
	__atomic_store_n(&ht.mask, buckets_mask(number), __ATOMIC_RELEASE);
	page_step();
	__atomic_store_n(&ht.buckets, number, __ATOMIC_RELEASE);
	page_step();
}

/* Copies the slots of a head whose hash has this bit to an empty one. @return which they are, a bit each */
static unsigned head_copy(const struct bucket *from, struct bucket *to, size_t bit)
{
	struct slot *slot = to->slots;
	unsigned moved = 0;

#pragma GCC unroll 3
	for (unsigned i = 0; i < BUCKET_SLOTS; i++) {
		uintptr_t tag = slot_tag(&from->slots[i]);

		if (tag == 0 || (hash_of(tag) & bit) == 0)
			continue;
		slot_set(slot++, tag, slot_cluster(&from->slots[i]));
		moved |= 1u << i;
	}
	return moved;
}

/* Takes these slots out of a head, as if nothing came behind it: from the last one on, so that none comes in again. */
static void head_purge(struct bucket *head, unsigned moved)
{
	for (unsigned i = BUCKET_SLOTS; moved != 0 && i-- > 0; moved &= ~(1u << i))
		if (moved & 1u << i)
			slot_replace(&head->slots[i], slot_last(head, &head->slots[i]));
}

/*
 * Lines that stand behind two open chains, or behind one, are taken apart: each slot is copied to the chain that it
 * belongs to (both[1] if its hash has the bit), then the line is taken out of both. The bucket among them, if any, is
 * left empty. both[] are the last lines of the chains before them.
 */
COLD static void lines_unshare(struct bucket *line, struct bucket *both[2], size_t bit, const struct bucket *bucket)
{
	while (line != NULL) {
		struct bucket *next = next_of(line);

		for (struct slot *slot = line->slots; slot < &line->slots[BUCKET_SLOTS] && slot_tag(slot) != 0; slot++) {
			struct bucket **last = &both[(hash_of(slot_tag(slot)) & bit) != 0];

			slot_set(slot_empty(last), slot_tag(slot), slot_cluster(slot));
		}
		next_set(both[0], next);
		if (bit != 0)
			next_set(both[1], next);
		if (line != bucket) {
			overflow_free(line);
		} else {
			for (size_t i = 0; i < BUCKET_SLOTS; i++)
				slot_clear(&line->slots[i]);
			next_set(line, NULL);
		}
		line = next;
	}
}

static bool grow_step(void)
{
	size_t number = ht.buckets;
	size_t parent = parent_of(number);
	struct bucket *from, *to, *shared;
	unsigned moved;

	if (!segment_provide(number))
		return false;
	from = bucket_at(parent);
	to = bucket_at(number);
	shared = next_of(from);
	if (unlikely(shared != NULL && ht.free_lines < STEP_LINES))
		return false;
	chain_open(from);
	if (to->changes % 2 == 0)
		chain_open(to);
	moved = head_copy(from, to, number - parent);
	if (unlikely(shared != NULL))
		next_set(to, shared);
	buckets_set(number + 1);
	head_purge(from, moved);
	if (unlikely(shared != NULL))
		lines_unshare(shared, (struct bucket *[2]){ from, to }, number - parent, NULL);
	chain_close(to);
	chain_close(from);
	return true;
}

/* The chain of the bucket that goes stays open: a reader that still looks there looks again elsewhere. */
static bool shrink_step(void)
{
	size_t number = ht.buckets - 1;
	struct bucket *from = bucket_at(number), *to = bucket_at(parent_of(number));
	struct bucket *last = last_of(to);

	if (slot_tag(&from->slots[0]) != 0 && ht.free_lines < STEP_LINES)
		return false;
	chain_open(from);
	chain_open(to);
	next_set(last, slot_tag(&from->slots[0]) != 0 ? from : NULL);
	buckets_set(number);
	lines_unshare(next_of(last), (struct bucket *[2]){ last, last }, 0, from);
	chain_close(to);
	return true;
}

void buckets_grow(size_t steps)
{
	while (steps > 0 && ht.clusters > ht.buckets && grow_step())
		steps--;
}

void buckets_shrink(size_t steps, bool exact)
{
	while (steps > 0 && ht.buckets > BUCKETS_LEAST &&
		(exact ? ht.clusters < ht.buckets : 4 * ht.clusters < ht.buckets) && shrink_step())
		steps--;
}

bool segments_have_surplus(void)
{
	size_t buckets = ht.clusters > BUCKETS_LEAST ? ht.clusters : BUCKETS_LEAST;

	return (ht.segments - 1) * SEGMENT_BUCKETS >= buckets;
}

void segments_trim(struct frame_list *freed)
{
	while (freed->frames < RECLAIM_FRAMES && (ht.segments - 1) * SEGMENT_BUCKETS >= ht.buckets)
		frame_list_push(freed, (uintptr_t *) &ht.directory[--ht.segments]->next);
}
