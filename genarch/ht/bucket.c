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
 * COST. Finding: 25 instructions. One step: 100, and a frame every
 * SEGMENT_BUCKETS steps; if there is none, the table stays as it is, which is
 * slower but as right.
 */

#include "ht.h"

#define BUCKETS_LEAST SEGMENT_BUCKETS

struct ht ht = { .lock = SPINLOCK_INIT };

/* ---- chains ---- */

static inline uintptr_t slot_tag(const struct slot *slot)
{
	return __atomic_load_n(&slot->tag, __ATOMIC_RELAXED);
}

static inline struct cluster *slot_cluster(const struct slot *slot)
{
	return __atomic_load_n(&slot->cluster, __ATOMIC_RELAXED);
}

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

static inline struct bucket *head_of(uintptr_t tag)
{
	return bucket_at(bucket_number(tag, ht.buckets));
}

static struct slot *slot_find(struct bucket *head, uintptr_t tag)
{
	for (struct bucket *line = head; line != NULL; line = next_of(line))
#pragma GCC unroll 3
		for (size_t i = 0; i < BUCKET_SLOTS; i++)
			if (slot_tag(&line->slots[i]) == tag)
				return &line->slots[i];
	return NULL;
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

/* The first empty slot; of a new line if there is none. The chain is open. */
static struct slot *slot_empty(struct bucket *head)
{
	struct bucket *line = head;

	while (next_of(line) != NULL)
		line = next_of(line);
	for (size_t i = 0; i < BUCKET_SLOTS; i++)
		if (slot_tag(&line->slots[i]) == 0)
			return &line->slots[i];
	__atomic_store_n(&line->next, overflow_make(), __ATOMIC_RELEASE);
	return &next_of(line)->slots[0];
}

/* Takes a slot out of an open chain; what was the last one is in its place. */
static void slot_drop(struct bucket *head, struct slot *slot)
{
	struct bucket *line = head, *before = NULL;
	size_t last = BUCKET_SLOTS - 1;

	for (; next_of(line) != NULL; line = next_of(line))
		before = line;
	while (slot_tag(&line->slots[last]) == 0)
		last--;
	if (slot != &line->slots[last])
		slot_set(slot, slot_tag(&line->slots[last]), slot_cluster(&line->slots[last]));
	__atomic_store_n(&line->slots[last].tag, 0, __ATOMIC_RELEASE);
	if (last == 0 && before != NULL) {
		__atomic_store_n(&before->next, NULL, __ATOMIC_RELEASE);
		line_give((struct cluster *) line);
		ht.overflows--;
	}
}

struct cluster *bucket_find(uintptr_t tag)
{
	struct slot *slot = slot_find(head_of(tag), tag);

	return slot != NULL ? slot_cluster(slot) : NULL;
}

void bucket_add(uintptr_t tag, struct cluster *cluster)
{
	struct bucket *head = head_of(tag);

	chain_open(head);
	slot_set(slot_empty(head), tag, cluster);
	chain_close(head);
}

void bucket_remove(uintptr_t tag)
{
	struct bucket *head = head_of(tag);

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
	phys_t base;

	if (number / SEGMENT_BUCKETS < ht.segments)
		return true;
	if (number / SEGMENT_BUCKETS == ht.directory_room)
		return false;
	base = frame_alloc(1, FRAME_ATOMIC | FRAME_NO_RECLAIM | FRAME_LOWMEM | FRAME_ZERO, 0);
	if (base == 0)
		return false;
	frame_mark(base >> PAGE_WIDTH, 1, FRAME_KIND_TABLE, 0);
	__atomic_store_n(&ht.directory[number / SEGMENT_BUCKETS], (struct bucket *) PA2KA(base), __ATOMIC_RELEASE);
	ht.segments++;
	return true;
}

/* Moves the slots of an open chain that belong to bucket number, of so many buckets, to its open chain. */
static void chain_move(struct bucket *from, struct bucket *to, size_t number, size_t buckets)
{
	struct bucket *line = from;
	size_t i = 0;

	while (line != NULL && i < BUCKET_SLOTS && slot_tag(&line->slots[i]) != 0) {
		struct slot slot = line->slots[i];
		bool is_last = next_of(line) == NULL && (i == BUCKET_SLOTS - 1 || slot_tag(&line->slots[i + 1]) == 0);

		if (bucket_number(slot.tag, buckets) == number) {
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

static void buckets_set(size_t number)
{
	__atomic_store_n(&ht.buckets, number, __ATOMIC_RELEASE);
}

static bool grow_step(void)
{
	size_t number = ht.buckets;
	struct bucket *from, *to;

	if (!segment_provide(number))
		return false;
	from = bucket_at(parent_of(number));
	to = bucket_at(number);
	chain_open(from);
	if (to->changes % 2 == 0)
		chain_open(to);
	chain_move(from, to, number, number + 1);
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
	chain_move(from, to, parent_of(number), number);
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
		steps > 0 && ht.buckets > BUCKETS_LEAST && (exact ? ht.clusters < ht.buckets : 2 * ht.clusters < ht.buckets)) {
		shrink_step();
		steps--;
	}
}

void segments_trim(struct frame_list *freed)
{
	while ((ht.segments - 1) * SEGMENT_BUCKETS >= ht.buckets)
		frame_list_push(freed, (uintptr_t *) &ht.directory[--ht.segments]->next);
}
