/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Mapping a range: prepare, then commit.
 *
 * The range falls into PIECES: a large page wherever addresses and what is left
 * of the range allow it, the largest first; else what is left of a cluster of
 * base pages.
 *
 * PREPARE refuses if anything is mapped in the range, and counts the clusters
 * that the pieces lack and the splits that large pages are to be promised. If
 * there is room for them it commits under the same hold of the lock. Otherwise
 * it lets go, takes frames of lines, and looks again. COMMIT cannot fail.
 *
 * The table grows after that, by no more steps than there are new clusters.
 *
 * COST. A page alone, its cluster the recent one: 55 instructions; in another: 130;
 * in a new one: 380. In a range: 35 a page where all clusters are new.
 */

#include <mm/direct_map.h>
#include <mm/page_miss.h>

#include "ht.h"

struct insertion {
	struct page_table *table;
	uintptr_t va, last;
	uintptr_t delta; /* physical less virtual address */
	page_flags_t flags;
	bool large;
	size_t clusters, promised; /* wanted: at once, and for splits */
	bool met;                  /* a cluster of base pages is there already */
};

struct piece {
	uintptr_t va, last;
	unsigned level;
};

/* Whether a page of this size may be at va. */
static bool takes_large(const struct insertion *insertion, uintptr_t va, unsigned level)
{
	return ((va | (va + insertion->delta)) & (PTL_COVERS(level) - 1)) == 0 &&
		insertion->last - va >= PTL_COVERS(level) - 1 && ptl_leaf_allowed(level);
}

/* The level of the largest page that fits at va; PTL_LEAF if none but the base page. */
static unsigned level_at(const struct insertion *insertion, uintptr_t va)
{
	unsigned level = 0;

	while (level < PTL_LEAF && !takes_large(insertion, va, level))
		level++;
	return level;
}

static inline struct piece piece_at(const struct insertion *insertion, uintptr_t va)
{
	unsigned level = insertion->large ? level_at(insertion, va) : PTL_LEAF;
	uintptr_t end = va | (CLUSTER_COVERS(PTL_LEAF) - 1);

	if (level != PTL_LEAF)
		end = va + (PTL_COVERS(level) - 1);
	return (struct piece){ .va = va, .last = end < insertion->last ? end : insertion->last, .level = level };
}

/* Goes through the pieces of an insertion. */
#define FOR_EACH_PIECE(piece, insertion)                                                            \
	for (struct piece piece = piece_at(insertion, (insertion)->va), *more_ = &piece; more_ != NULL; \
		 more_ = piece.last != (insertion)->last ? more_ : NULL,                                    \
					  piece = more_ != NULL ? piece_at(insertion, piece.last + 1) : piece)

/* ---- prepare ---- */

/* Whether anything is mapped where a piece is to be, by pages of its own size or smaller. */
static bool is_taken(struct page_table *table, const struct piece *piece, const struct cluster *cluster)
{
	size_t count = ((piece->last - piece->va) >> PTL_SHIFT(piece->level)) + 1;
	pte_t seen = 0;

	for (size_t i = 0; cluster != NULL && i < count; i++)
		seen |= entry_peek(&cluster->entries[CLUSTER_INDEX(piece->va, piece->level) + i]);
	for (unsigned level = piece->level + 1; seen == 0 && level < PTL_LEVELS; level++)
		seen |= range_mapped_as(table, level, piece->va, piece->last) != 0;
	return seen != 0;
}

/* @return false if something is mapped there */
static inline __attribute__((always_inline)) bool piece_prepare(
	struct insertion *insertion, const struct piece *piece, unsigned level)
{
	struct page_table *table = insertion->table;
	const struct cluster *cluster = has_size(table, level) ? cluster_find(table, piece->va, level) : NULL;

	if (cluster == NULL)
		insertion->clusters++;
	else if (level == PTL_LEAF)
		insertion->met = true;
	if (level != PTL_LEAF && has_spares(table, piece->va))
		insertion->promised += clusters_down(level);
	return (cluster == NULL && level == PTL_LEAF) || !is_taken(table, piece, cluster);
}

static bool prepare(struct insertion *insertion)
{
	for (unsigned level = 0; level < PTL_LEAF; level++)
		if (range_mapped_as(insertion->table, level, insertion->va, insertion->last) != 0)
			return false;
	insertion->clusters = insertion->promised = 0;
	insertion->met = false;
	FOR_EACH_PIECE(piece, insertion)
	{
		if (likely(piece.level == PTL_LEAF) ? !piece_prepare(insertion, &piece, PTL_LEAF)
											: !piece_prepare(insertion, &piece, piece.level))
			return false;
	}
	return true;
}

/* ---- commit ---- */

static void cluster_clear(struct cluster *cluster)
{
#pragma GCC unroll 16
	for (size_t i = 0; i < CLUSTER_PAGES; i++)
		entry_store(&cluster->entries[i], 0);
}

static inline void cluster_fill(struct cluster *cluster, size_t index, size_t count, pte_t pte, pte_t step)
{
	pte_t *entry = &cluster->entries[index];

	if (likely(count == CLUSTER_PAGES))
#pragma GCC unroll 16
		for (size_t i = 0; i < CLUSTER_PAGES; i++, pte += step)
			entry_store(&cluster->entries[i], pte);
	else
		for (size_t i = 0; i < count; i++, pte += step)
			entry_store(&entry[i], pte);
}

/* Each piece of base pages has a cluster of its own, so if none was met when it was prepared there is none. */
static inline __attribute__((always_inline)) struct cluster *piece_commit(
	const struct insertion *insertion, const struct piece *piece, unsigned level)
{
	struct page_table *table = insertion->table;
	size_t count = ((piece->last - piece->va) >> PTL_SHIFT(level)) + 1, index = CLUSTER_INDEX(piece->va, level);
	pte_t pte = pte_leaf(piece->va + insertion->delta, insertion->flags, level);
	uintptr_t tag = tag_of(table, piece->va, level);
	struct bucket *head = head_of(tag);
	struct cluster *cluster = level == PTL_LEAF && !insertion->met ? NULL : chain_find(head, tag);

	if (cluster != NULL) {
		books_of(cluster)->uses += count;
		cluster_fill(cluster, index, count, pte, leaf_step(level));
		return cluster;
	}
	cluster = cluster_make(table, piece->va, level, count);
	if (count != CLUSTER_PAGES)
		cluster_clear(cluster);
	cluster_fill(cluster, index, count, pte, leaf_step(level));
	chain_add(head, tag, cluster);
	return cluster;
}

static void commit(struct insertion *insertion)
{
	struct page_table *table = insertion->table;

	FOR_EACH_PIECE(piece, insertion)
	{
		if (likely(piece.level == PTL_LEAF)) {
			struct cluster *cluster = piece_commit(insertion, &piece, PTL_LEAF);

			if (piece.last == insertion->last)
				recent_set(table, piece.va, cluster);
			continue;
		}
		piece_commit(insertion, &piece, piece.level);
		if (has_spares(table, piece.va))
			spares_change(table, piece.level, true);
	}
}

/* ---- the whole ---- */

/* @retval EAGAIN  there is no room for *wanted clusters. The lock is held */
static errno_t insert_locked(struct insertion *insertion, size_t *wanted)
{
	if (!prepare(insertion))
		return EEXIST;
	*wanted = insertion->clusters + insertion->promised;
	if (!has_room(*wanted))
		return EAGAIN;
	commit(insertion);
	buckets_grow(2 * insertion->clusters + 1);
	return EOK;
}

static errno_t insert_range(struct insertion *insertion, frame_flags_t alloc)
{
	errno_t error = EAGAIN;
	bool made = false; /* room for clusters */

	while (error == EAGAIN) {
		port_irq_t irq = spinlock_lock(&ht.lock);
		size_t wanted = 0;

		check_may_sleep(alloc, irq);
		error = insert_locked(insertion, &wanted);
		spinlock_unlock(&ht.lock, irq);
		if (error == EEXIST && made)
			frame_reclaim_offer();
		if (error == EAGAIN && room_make(wanted, alloc) != EOK)
			error = ENOMEM;
		made = true;
	}
	return error;
}

/*
 * The same from a reservation: with the lock held throughout, so that no other thread uses the room that was made; and
 * what is left of that is set aside for the reservation's next call.
 */
static errno_t insert_reserved(struct insertion *insertion, struct reservation *r)
{
	size_t own = r->set_aside, low = r->low, wanted = 0;
	port_irq_t irq;
	errno_t error;

	page_reach_debug(r, sizeof *r);
	irq = spinlock_lock(&ht.lock);
	set_aside_locked(r, 0);
	error = insert_locked(insertion, &wanted);
	if (error == EAGAIN) {
		error = room_make_reserved_locked(wanted, r);
		if (error == EOK)
			error = insert_locked(insertion, &wanted);
	}
	own += (low - r->low) * FRAME_CLUSTERS;
	if (error == EOK)
		own -= own < wanted ? own : wanted;
	set_aside_locked(r, own);
	spinlock_unlock(&ht.lock, irq);
	return error;
}

void page_tables_release(struct reservation *r)
{
	port_irq_t irq = spinlock_lock(&ht.lock);
	bool offer;

	set_aside_locked(r, 0);
	offer = has_surplus();
	spinlock_unlock(&ht.lock, irq);
	if (offer)
		frame_reclaim_offer();
}

/* Whether a larger page maps va. */
static bool is_in_large(const struct page_table *table, uintptr_t va)
{
	for (unsigned level = 0; level < PTL_LEAF; level++) {
		const struct cluster *cluster = has_size(table, level) ? cluster_find(table, va, level) : NULL;

		if (cluster != NULL && entry_peek(&cluster->entries[CLUSTER_INDEX(va, level)]) != 0)
			return true;
	}
	return false;
}

static struct insertion insertion_of(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags)
{
	return (struct insertion){ .table = table,
		.va = va,
		.last = va + (pages - 1) * PAGE_SIZE + PAGE_MASK,
		.delta = pa - va,
		.flags = flags & ~PAGE_NO_LARGE,
		.large = !(flags & PAGE_NO_LARGE) && ((pa - va) & (PTL_COVERS(PTL_LEAF - 1) - 1)) == 0 };
}

static bool is_valid(const struct page_table *table, uintptr_t va, phys_t pa, size_t pages)
{
	return range_valid(table, va, pages) && (pa & PAGE_MASK) == 0 && pa <= phys_last() &&
		pages - 1 <= (phys_last() - pa) >> PAGE_WIDTH;
}

COLD static errno_t insert_some(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags, frame_flags_t alloc)
{
	struct insertion insertion = insertion_of(table, va, pa, pages, flags);

	if (!is_valid(table, va, pa, pages))
		return EINVAL;
	return direct_map_pages(va, pages) != 0 ? EEXIST : insert_range(&insertion, alloc & PAGE_TABLE_FLAGS);
}

errno_t page_mapping_insert_reserved(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags, struct reservation *r)
{
	struct insertion insertion = insertion_of(table, va, pa, pages, flags);

	if (!is_valid(table, va, pa, pages))
		return EINVAL;
	return direct_map_pages(va, pages) != 0 ? EEXIST : insert_reserved(&insertion, r);
}

/* Maps a page in the recent cluster. No larger page is there. */
static inline errno_t insert_recent(struct page_table *table, uintptr_t va, phys_t pa, page_flags_t flags)
{
	pte_t *entry = &table->recent_cluster->entries[CLUSTER_INDEX(va, PTL_LEAF)];

	if (unlikely(entry_peek(entry) != 0))
		return EEXIST;
	entry_store(entry, leaf_make(pa, flags));
	++*table->recent_uses;
	return EOK;
}

/* The cluster for va, the recent one from now on; a new one if there is room. @return whether there is one */
static bool recent_provide(struct page_table *table, uintptr_t va)
{
	uintptr_t tag = tag_of(table, va, PTL_LEAF);
	struct bucket *head = head_of(tag);
	struct cluster *cluster = chain_find(head, tag);

	if (cluster == NULL) {
		if (!has_room(1))
			return false;
		cluster = cluster_make(table, va, PTL_LEAF, 0);
		cluster_clear(cluster);
		chain_add(head, tag, cluster);
		buckets_grow(3);
	}
	recent_set(table, va, cluster);
	return true;
}

/* One page, if the short way was none. Interrupts are off. The lock, which may be held, is let go of. */
static NOINLINE errno_t insert_elsewhere(
	struct page_table *table, uintptr_t va, phys_t pa, page_flags_t flags, frame_flags_t alloc, port_irq_t irq)
{
	errno_t error = EAGAIN;

	lock_anyway();
	if (unlikely(!range_valid(table, va, 1)))
		error = EINVAL;
	else if (direct_map_has(va) || (has_large(table) && is_in_large(table, va)))
		error = EEXIST;
	else if (recent_is(table, va) || recent_provide(table, va))
		error = insert_recent(table, va, pa, flags);
	spinlock_unlock(&ht.lock, irq);
	return error != EAGAIN ? error : insert_some(table, va, pa, 1, flags, alloc);
}

errno_t page_mapping_insert(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags, frame_flags_t alloc)
{
	may_wait_debug_unless(alloc);
	if (likely(pages == 1 && ((va | pa) & PAGE_MASK) == 0 && pa <= phys_last())) {
		port_irq_t irq = port_irq_save();

		check_may_sleep(alloc, irq);
		if (likely(spinlock_try_raw(&ht.lock) && recent_is(table, va) && !has_large(table))) {
			errno_t error = insert_recent(table, va, pa, flags);

			spinlock_unlock(&ht.lock, irq);
			return error;
		}
		return insert_elsewhere(table, va, pa, flags, alloc, irq);
	}
	return insert_some(table, va, pa, pages, flags, alloc);
}
