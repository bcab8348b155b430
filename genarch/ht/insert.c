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
 * COST. A page alone, its cluster the recent one: 70 instructions; in a new
 * cluster: 850. In a range: 115 a page where all clusters are new.
 */

#include "ht.h"

struct insertion {
	struct page_table *table;
	uintptr_t va, last;
	uintptr_t delta; /* physical less virtual address */
	page_flags_t flags;
	bool large;
	size_t clusters, splits; /* wanted */
};

struct piece {
	uintptr_t va, last;
	unsigned level;
};

/*
 * Whether a page of this size may be at va. No page of the largest size that a root could hold stands in km_map's
 * window, where genarch/pt has its pinned tables: so both answer the same.
 */
static bool takes_large(const struct insertion *insertion, uintptr_t va, unsigned level)
{
	if (((va | (va + insertion->delta)) & (PTL_COVERS(level) - 1)) != 0 ||
		insertion->last - va < PTL_COVERS(level) - 1 || !ptl_leaf_allowed(level))
		return false;
	return level != 0 || insertion->table != &page_kernel || va + (PTL_COVERS(0) - 1) < KM_START || va >= KM_END;
}

static struct piece piece_at(const struct insertion *insertion, uintptr_t va)
{
	uintptr_t end = va | (CLUSTER_COVERS(PTL_LEAF) - 1);

	for (unsigned level = 0; insertion->large && level < PTL_LEAF; level++)
		if (takes_large(insertion, va, level))
			return (struct piece){ .va = va, .last = va + (PTL_COVERS(level) - 1), .level = level };
	return (struct piece){ .va = va, .last = end < insertion->last ? end : insertion->last, .level = PTL_LEAF };
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

static bool prepare(struct insertion *insertion)
{
	struct page_table *table = insertion->table;

	for (unsigned level = 0; level < PTL_LEAF; level++)
		if (range_mapped_as(table, level, insertion->va, insertion->last) != 0)
			return false;
	insertion->clusters = insertion->splits = 0;
	FOR_EACH_PIECE(piece, insertion)
	{
		const struct cluster *cluster = cluster_find(table, piece.va, piece.level);

		if (is_taken(table, &piece, cluster))
			return false;
		insertion->clusters += cluster == NULL;
		if (piece.level != PTL_LEAF && has_spares(table, piece.va))
			insertion->splits += splits_down(piece.level);
	}
	return true;
}

/* ---- commit ---- */

static void commit(struct insertion *insertion)
{
	struct page_table *table = insertion->table;

	FOR_EACH_PIECE(piece, insertion)
	{
		unsigned level = piece.level;
		size_t count = ((piece.last - piece.va) >> PTL_SHIFT(level)) + 1;
		struct cluster *cluster = cluster_find(table, piece.va, level);
		pte_t pte = pte_leaf(piece.va + insertion->delta, insertion->flags, level);
		pte_t *entry;

		if (cluster == NULL)
			cluster = cluster_make(table, piece.va, level);
		if (level != PTL_LEAF && has_spares(table, piece.va))
			spares_change(table, splits_down(level), true);
		entry = &cluster->entries[CLUSTER_INDEX(piece.va, level)];
		for (size_t i = 0; i < count; i++, pte += leaf_step(level))
			entry_store(&entry[i], pte);
		books_of(cluster)->uses += count;
	}
}

/* ---- the whole ---- */

static errno_t insert_range(struct insertion *insertion, frame_flags_t alloc)
{
	errno_t error = EAGAIN;

	while (error == EAGAIN) {
		port_irq_t irq = spinlock_lock(&ht.lock);
		size_t wanted = 0;

		check_may_sleep(alloc, irq);
		if (!prepare(insertion)) {
			error = EEXIST;
		} else {
			wanted = insertion->clusters + insertion->splits * SPLIT_CLUSTERS;
			if (has_room(wanted)) {
				commit(insertion);
				(void) recent_find(insertion->table, insertion->last);
				buckets_grow(2 * insertion->clusters + 1);
				error = EOK;
			}
		}
		spinlock_unlock(&ht.lock, irq);
		if (error == EAGAIN && room_make(wanted, alloc) != EOK)
			error = ENOMEM;
	}
	return error;
}

/* Maps a page in a cluster. No larger page is there. */
static inline errno_t insert_in(struct cluster *cluster, uintptr_t va, phys_t pa, page_flags_t flags)
{
	pte_t *entry = &cluster->entries[CLUSTER_INDEX(va, PTL_LEAF)];

	if (unlikely(entry_peek(entry) != 0))
		return EEXIST;
	entry_store(entry, pte_leaf(pa, flags, PTL_LEAF));
	books_of(cluster)->uses++;
	return EOK;
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

/* Maps one page, if its cluster is there or there is room for it. @retval EAGAIN  there is not */
static errno_t insert_one(struct page_table *table, uintptr_t va, phys_t pa, page_flags_t flags, frame_flags_t alloc)
{
	port_irq_t irq = spinlock_lock(&ht.lock);
	struct cluster *cluster = recent_find(table, va);
	errno_t error = EAGAIN;

	check_may_sleep(alloc, irq);
	if (is_in_large(table, va)) {
		error = EEXIST;
	} else if (cluster != NULL) {
		error = insert_in(cluster, va, pa, flags);
	} else if (has_room(1)) {
		error = insert_in(cluster_make(table, va, PTL_LEAF), va, pa, flags);
		(void) recent_find(table, va);
		buckets_grow(3);
	}
	spinlock_unlock(&ht.lock, irq);
	return error;
}

COLD static errno_t insert_some(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags, frame_flags_t alloc)
{
	struct insertion insertion = { .table = table,
		.va = va,
		.last = va + (pages - 1) * PAGE_SIZE + PAGE_MASK,
		.delta = pa - va,
		.flags = flags & ~PAGE_NO_LARGE,
		.large = !(flags & PAGE_NO_LARGE) && ((pa - va) & (PTL_COVERS(PTL_LEAF - 1) - 1)) == 0 };
	errno_t error;

	if (!range_valid(table, va, pages) || (pa & PAGE_MASK) != 0 || pa > PHYS_LAST ||
		pages - 1 > (PHYS_LAST - pa) >> PAGE_WIDTH)
		return EINVAL;
	if (pages == 1 && (error = insert_one(table, va, pa, insertion.flags, alloc)) != EAGAIN)
		return error;
	return insert_range(&insertion, alloc & (FRAME_ATOMIC | FRAME_NO_RECLAIM));
}

errno_t page_mapping_insert(
	struct page_table *table, uintptr_t va, phys_t pa, size_t pages, page_flags_t flags, frame_flags_t alloc)
{
	if (likely(pages == 1 && ((va | pa) & PAGE_MASK) == 0 && pa <= PHYS_LAST)) {
		port_irq_t irq = spinlock_lock(&ht.lock);

		check_may_sleep(alloc, irq);
		if (likely(table->recent_tag == tag_of(table, va, PTL_LEAF) &&
				va - table->first <= table->last - table->first && !(table->sizes & ((1u << PTL_LEAF) - 1)))) {
			errno_t error = insert_in(table->recent, va, pa, flags & ~PAGE_NO_LARGE);

			spinlock_unlock(&ht.lock, irq);
			return error;
		}
		spinlock_unlock(&ht.lock, irq);
	}
	return insert_some(table, va, pa, pages, flags, alloc);
}
