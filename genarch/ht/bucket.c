/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Buckets: chains of lines of three slots, and their number.
 *
 * All here is for the holder of the lock; what readers may meet meanwhile is
 * told in ht.h. Every change of a chain stands between chain_open and
 * chain_close of its head.
 *
 * A slot that goes is filled with the last of its chain, so that the chain
 * stays compact, and an overflow line is given back with its last slot.
 *
 * With n buckets, and 2^k the power of two below n, the numbers of 2^k to n - 1
 * have split off theirs less 2^k. The next to split off is n, from n - 2^k; the
 * next to go is n - 1, into n - 1 - 2^k. The number of buckets is published
 * while both chains are open: a reader meets the old number and what belongs to
 * it, or waits.
 *
 * COST. Finding: 25 instructions. One step: 60, and a frame every
 * SEGMENT_BUCKETS steps; if there is none, the table stays as it is, which is
 * slower but as right.
 */

#include "ht.h"

#define BUCKETS_LEAST SEGMENT_BUCKETS

struct ht ht = { .lock = SPINLOCK_INIT };

/* ---- chains ---- */

static inline struct bucket *next_of(const struct bucket *bucket)
{
	return __atomic_load_n(&bucket->next, __ATOMIC_RELAXED);
}

static inline void slot_set(struct slot *slot, uintptr_t tag, struct cluster *cluster)
{
	__atomic_store_n(&slot->cluster, cluster, __ATOMIC_RELEASE);
	__atomic_store_n(&slot->tag, tag, __ATOMIC_RELEASE);
}

static inline void chain_open(struct bucket *head)
{
	__atomic_store_n(&head->changes, head->changes + 1, __ATOMIC_RELAXED);
}

static inline void chain_close(struct bucket *head)
{
	__atomic_store_n(&head->changes, head->changes + 1, __ATOMIC_RELEASE);
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

static struct bucket *overflow_make(void)
{
	struct bucket *line = (struct bucket *) line_take();

	__atomic_store_n(&line->next, NULL, __ATOMIC_RELEASE);
	for (size_t i = 0; i < BUCKET_SLOTS; i++)
		__atomic_store_n(&line->slots[i].tag, 0, __ATOMIC_RELEASE);
	ht.overflows++;
	return line;
}

/* The first empty slot of an open chain; of a new line if there is none. */
static struct slot *slot_empty(struct bucket *head)
{
	struct bucket *line = head;

	while (unlikely(next_of(line) != NULL))
		line = next_of(line);
#pragma GCC unroll 3
	for (size_t i = 0; i < BUCKET_SLOTS; i++)
		if (slot_tag(&line->slots[i]) == 0)
			return &line->slots[i];
	__atomic_store_n(&line->next, overflow_make(), __ATOMIC_RELEASE);
	return &next_of(line)->slots[0];
}

/* The last slot in use of a line, which is this one or behind it. */
static inline struct slot *slot_last(struct bucket *line, struct slot *slot)
{
	while (slot != &line->slots[BUCKET_SLOTS - 1] && slot_tag(slot + 1) != 0)
		slot++;
	return slot;
}

/* As slot_drop, of a chain with overflow lines. */
COLD static void slot_drop_long(struct bucket *head, struct slot *slot)
{
	struct bucket *line = head, *before = NULL;
	struct slot *last;

	for (; next_of(line) != NULL; line = next_of(line))
		before = line;
	last = slot_last(line, &line->slots[0]);
	slot_set(slot, slot_tag(last), slot_cluster(last));
	__atomic_store_n(&last->tag, 0, __ATOMIC_RELEASE);
	if (last == &line->slots[0]) {
		__atomic_store_n(&before->next, NULL, __ATOMIC_RELEASE);
		line_give((struct cluster *) line);
		ht.overflows--;
	}
}

/* Takes a slot out of an open chain; what was the last one is in its place. */
static inline void slot_drop(struct bucket *head, struct slot *slot)
{
	struct slot *last;

	if (unlikely(next_of(head) != NULL)) {
		slot_drop_long(head, slot);
		return;
	}
	last = slot_last(head, slot);
	if (last != slot)
		slot_set(slot, slot_tag(last), slot_cluster(last));
	__atomic_store_n(&last->tag, 0, __ATOMIC_RELEASE);
}

void chain_add(struct bucket *head, uintptr_t tag, struct cluster *cluster)
{
	chain_open(head);
	slot_set(slot_empty(head), tag, cluster);
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

/* Moves the slots of an open chain whose hash has this bit (0: all) to another open chain. Chains of any length. */
COLD static void chain_move_long(struct bucket *from, struct bucket *to, size_t bit)
{
	struct bucket *line = from;
	size_t i = 0;

	while (line != NULL && i < BUCKET_SLOTS && slot_tag(&line->slots[i]) != 0) {
		struct slot slot = line->slots[i];
		bool is_last = next_of(line) == NULL && (i == BUCKET_SLOTS - 1 || slot_tag(&line->slots[i + 1]) == 0);

		if ((hash_of(slot.tag) & bit) == bit) {
			slot_drop(from, &line->slots[i]);
			slot_set(slot_empty(to), slot.tag, slot.cluster);
			if (is_last)
				return;
		} else if (++i == BUCKET_SLOTS) {
			line = next_of(line);
			i = 0;
		}
	}
}

/* Moves the slots of an open chain whose hash has this bit to an open chain that is empty. */
static void chain_split(struct bucket *from, struct bucket *to, size_t bit)
{
	size_t kept = 0, moved = 0;

	if (unlikely(next_of(from) != NULL)) {
		chain_move_long(from, to, bit);
		return;
	}
	for (struct slot *slot = from->slots; slot < &from->slots[BUCKET_SLOTS] && slot_tag(slot) != 0; slot++) {
		uintptr_t tag = slot_tag(slot);

		if (hash_of(tag) & bit)
			slot_set(&to->slots[moved++], tag, slot_cluster(slot));
		else if (&from->slots[kept++] != slot)
			slot_set(&from->slots[kept - 1], tag, slot_cluster(slot));
	}
	for (; moved > 0; moved--, kept++)
		__atomic_store_n(&from->slots[kept].tag, 0, __ATOMIC_RELEASE);
}

/* As many as there are from now on. A reader may see the one without the other: find.c. */
static void buckets_set(size_t number)
{
	__atomic_store_n(&ht.mask, buckets_mask(number), __ATOMIC_RELEASE);
	__atomic_store_n(&ht.buckets, number, __ATOMIC_RELEASE);
}

static bool grow_step(void)
{
	size_t number = ht.buckets;
	size_t parent = parent_of(number);
	struct bucket *from, *to;

	if (!segment_provide(number))
		return false;
	from = bucket_at(parent);
	to = bucket_at(number);
	chain_open(from);
	if (to->changes % 2 == 0)
		chain_open(to);
	chain_split(from, to, number - parent);
	buckets_set(number + 1);
	chain_close(to);
	chain_close(from);
	return true;
}

/* The chain of the bucket that goes stays open: who still looks there looks again elsewhere. */
static void shrink_step(void)
{
	size_t number = ht.buckets - 1;
	struct bucket *from = bucket_at(number), *to = bucket_at(parent_of(number));

	chain_open(from);
	chain_open(to);
	if (slot_tag(&from->slots[0]) != 0)
		chain_move_long(from, to, 0);
	buckets_set(number);
	chain_close(to);
}

void buckets_grow(size_t steps)
{
	while (steps > 0 && ht.clusters > ht.buckets && grow_step())
		steps--;
}

void buckets_shrink(size_t steps, bool exact)
{
	while (
		steps > 0 && ht.buckets > BUCKETS_LEAST && (exact ? ht.clusters < ht.buckets : 4 * ht.clusters < ht.buckets)) {
		shrink_step();
		steps--;
	}
}

void segments_trim(struct frame_list *freed)
{
	while ((ht.segments - 1) * SEGMENT_BUCKETS >= ht.buckets)
		frame_list_push(freed, (uintptr_t *) &ht.directory[--ht.segments]->next);
}
