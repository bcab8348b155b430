/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the files of the page hash table share, and nobody else sees.
 *
 *   ht.h          the structure, the theory, and the small steps
 *   line.c        the cache lines that clusters and overflowing buckets are made of
 *   bucket.c      from a tag to its cluster; growing and shrinking, a bucket at a time
 *   cluster.c     clusters as things, going through a range of them, splits
 *   space.c       page tables: their numbers, created and destroyed; giving memory back
 *   insert.c      remove.c   update.c   find.c   runs.c     the operations
 *   page_check.c  what is true of all of it, and what there is of it
 *   init.c        the kernel's own mappings
 *
 * ONE TABLE for all address spaces. A page table, to this design, is a number
 * (struct page_table.space) and a lock's worth of counts; all mappings are in
 * one hash table, which knows them by
 *
 *     tag = address space | page number / CLUSTER_PAGES | page size
 *
 * CLUSTERS. One tag serves CLUSTER_PAGES neighbouring pages of one size, whose
 * entries fill one cache line: 8 entries of 8 bytes, or 16 of 4. Page sizes are
 * called by their levels, as <arch/mm.h> does: PTL_LEAF is the base page, level
 * 0 the largest. Larger pages are in the same table under tags of their own. An
 * address is looked up as a base page first, then in the sizes of which the
 * address space has any (page_table.sizes).
 *
 * BUCKETS are a cache line too: a count of changes, a link, and three slots of
 * a tag and the address of its cluster. So what is found, is found with two
 * lines read. A chain of lines is compact: only its last line may have empty
 * slots, all behind those in use, and no line but the head is empty.
 *
 *        directory            bucket (a line)                 cluster (a line)
 *      segment 0 ----> +-----------------------------+      +----------------+
 *      segment 1       | changes, next | tag cluster |----> | 8 or 16 entries |
 *        ...           |   tag cluster | tag cluster |      +----------------+
 *                      +------|----------------------+
 *                             v next, if there are more than three
 *
 * GROWTH is linear hashing: there are ht.buckets of them, any number; one more
 * bucket takes over a part of one old bucket's slots, one fewer gives them
 * back. An operation that makes or drops n clusters does at most 2n + 1 such
 * steps after it is done; so none ever pays for all. More clusters than buckets
 * are too many, so few chains overflow, those that have not split yet among them.
 * Fewer than a quarter as many are too few: between the two, mappings come and go
 * and no step is taken.
 *
 * ROOM. Removal never fails, nor does a commit, though both may take lines. A
 * chain of k slots has an overflow line only for full lines before it, so there
 * are never more overflow lines than a third of the clusters, whatever hashes
 * where. So it is enough to keep
 *
 *     room:  3 * lines >= 4 * (clusters + promised)
 *
 * where lines are all there are, in use or not, and promised the clusters that
 * it would take to split all large pages down to base pages (those of the
 * identity window excepted, as in genarch/pt: they are never removed), and those
 * set aside. Who prepares adds lines until it holds for what is to come; then
 * nothing can fail. page_table.spares counts the splits that are promised; how many
 * clusters each takes is a matter of the two sizes, which may be in any ratio of at
 * least CLUSTER_PAGES.
 *
 * SET ASIDE. A caller with a reservation (mm/page.h) pays for lines with its own
 * frames. What such a frame makes room for, FRAME_CLUSTERS, is set aside for the
 * reservation, and its own insertions use that up first: so k frames do for
 * FRAME_CLUSTERS * k new clusters at least, whatever others insert between two of
 * them. reservation.set_aside counts what is left, ht.set_aside that of all, which is
 * a part of ht.promised: so no other way than that of reservations knows of it.
 *
 * LOCK. ht.lock is held for every change; page_table has none of its own. It
 * stands where page table locks stand in mm/port.h.
 *
 * READERS (find.c) take no lock. They turn interrupts off, but for the first look
 * of page_translate ("Recent" and "Frames that go" below). One of them may be the
 * miss handler of a TLB that software fills, in the midst of a change on its own
 * CPU: it takes a chain as it is, whatever its count says, for it must not wait for
 * the code that it has interrupted. bucket.c, "Never absent", keeps that right:
 *
 *   At every instant each mapped tag is found by a look-up that ignores the count
 *   of changes on the CPU that makes the change; other CPUs obey the count.
 *
 *   - bucket.changes is odd while a chain changes, and each change leaves
 *     another number. Who has found something in a chain believes it if the
 *     number is the same after reading the entry. What is read from an overflow
 *     line is not followed before the number was looked at again.
 *   - Who has found nothing looks whether ht.buckets has changed too: then the
 *     tag may have moved to another bucket.
 *   - Entries are read and written whole, and change in their place; a cluster
 *     stays in its line for as long as it has an entry in use.
 *   - A split makes the clusters of the smaller pages, then counts
 *     page_table.splits, then takes the large page out. Who has missed an
 *     address in all sizes looks again if that count has changed.
 *
 * ORDER. Each load of a reader acquires and each store to what they read
 * releases, so no fence is needed between the number and what it guards. Two
 * stores are relaxed: the number becoming odd, behind which every store to the
 * chain releases; and none of readers' loads but the last look at recent_changes
 * and trims, which are behind an acquiring load of the entry. A segment of the
 * directory is published by its store (release) and read acquiring. What a frame
 * holds that an entry leads to is published by the entry's store likewise.
 *
 * FRAMES THAT GO. Frames of lines and of buckets that are not needed any more
 * stay ready for use. They go back to the frame allocator when it asks (space.c):
 * ht.trims is counted, then every CPU answers a call with interrupts on, then
 * they are freed. So who has interrupts off never meets one that has become
 * something else. Who has them on notes ht.trims before he looks, follows no
 * pointer that he read from a bucket unless it is still the same, and believes
 * nothing unless it is the same at the end.
 *
 * RECENT. Each page table remembers its cluster of base pages that was changed
 * last, so the next page of the same neighbourhood needs no look-up. A reader
 * may use it too, with no lock and interrupts on: he notes recent_changes, finds
 * that the recent cluster serves the address, reads the entry, and believes it
 * if recent_changes is still the same. A cluster is forgotten before its line
 * becomes something else, and the writer's order is: recent = RECENT_NONE,
 * recent_changes + 1, the rest, recent; so the reader's cluster was the recent
 * one when the entry was read.
 */

#ifndef HT_H
#define HT_H

#include <mm/asid.h>
#include <mm/assert.h>
#include <mm/held.h>
#include <mm/page.h>
#include <mm/page_leaf.h>
#include <mm/page_range.h>
#include <mm/page_roots.h>
#include <mm/reserve.h>
#include <mm/spinlock.h>
#include <mm/step.h>

#define PTL_LEAF (PTL_LEVELS - 1)
#define PAGE_MASK (PAGE_SIZE - 1)

#define CLUSTER_PAGES (CACHE_LINE / sizeof(pte_t))
#define CLUSTER_SHIFT(level) (PTL_SHIFT(level) + (sizeof(pte_t) == 4 ? 4 : 3))
#define CLUSTER_COVERS(level) ((uintptr_t) 1 << CLUSTER_SHIFT(level))
#define CLUSTER_INDEX(va, level) (((va) >> PTL_SHIFT(level)) & (CLUSTER_PAGES - 1))

_Static_assert(CACHE_LINE == 64 && (sizeof(pte_t) == 4 || sizeof(pte_t) == 8), "a line holds 8 or 16 entries");
_Static_assert(
	(((uintptr_t) USER_START | ((uintptr_t) USER_LAST + 1) | (uintptr_t) KERNEL_START | ((uintptr_t) KERNEL_LAST + 1)) &
		(CLUSTER_COVERS(PTL_LEAF) - 1)) == 0,
	"a cluster of base pages is the user's or the kernel's");

struct cluster {
	pte_t entries[CLUSTER_PAGES];
} __attribute__((aligned(CACHE_LINE)));

struct slot {
	uintptr_t tag; /* 0 = not in use */
	struct cluster *cluster;
};

#define BUCKET_SLOTS 3

struct bucket {
	uintptr_t changes; /* of the chain; odd while it changes. Of the head only */
	struct bucket *next;
	struct slot slots[BUCKET_SLOTS];
} __attribute__((aligned(CACHE_LINE)));

_Static_assert(sizeof(struct bucket) == CACHE_LINE, "a bucket is a line");

/* What is known of a line that readers do not ask: of a cluster, all of it; of a free line, the link. */
struct line_books {
	uintptr_t va;                    /* of its first page */
	struct cluster *next, *previous; /* the page table's clusters of this size; free lines */
	uint16_t uses;                   /* entries in use */
	uint16_t level;
};

#define FRAME_LINES 42

struct line_frame {
	struct line_frame *next, *previous; /* in its ring; none if all its lines are in use */
	struct cluster *free;
	size_t used; /* lines */
	struct cluster lines[FRAME_LINES] __attribute__((aligned(CACHE_LINE)));
	struct line_books books[FRAME_LINES];
};

_Static_assert(sizeof(struct line_frame) <= PAGE_SIZE, "lines and their books fit a frame");

#define FRAME_CLUSTERS (FRAME_LINES * 3 / 4) /* that a frame of lines makes room for */

struct page_table {
	/* What its root leads to (<mm/ht_layout.h>). */
	uintptr_t space; /* its number, shifted to where it stands in a tag; the kernel's is 1, never 0 */
	unsigned sizes;  /* a bit for each level of which it has clusters */

	uintptr_t first, last; /* the addresses it may map, both inclusive */
	uintptr_t splits;      /* how often a large page was split */

	/* "Recent" above: what the cluster serves (va >> RECENT_SHIFT, or RECENT_NONE), and the count of its uses. */
	uintptr_t recent;
	struct cluster *recent_cluster;
	uint16_t *recent_uses;
	uintptr_t recent_changes;

	struct cluster *clusters[PTL_LEVELS]; /* lists, by level */
	size_t cluster_count[PTL_LEVELS];
	size_t spares;                      /* splits that are promised lines */
	struct page_table *next, *previous; /* in the ring of all, by space */
	struct asid_contexts asids;
};

#define RECENT_SHIFT CLUSTER_SHIFT(PTL_LEAF)
#define RECENT_NONE UINTPTR_MAX

#define SEGMENT_BUCKETS (PAGE_SIZE / sizeof(struct bucket))

struct ht {
	/* What readers look at, which changes rarely. */
	size_t buckets, mask;      /* how many; the bits of a hash that choose among so many */
	struct bucket **directory; /* of segments, each a frame of buckets */
	uintptr_t trims;           /* how often frames went back */

	struct mm_spinlock lock __attribute__((aligned(CACHE_LINE)));
	size_t directory_room, segments; /* segments it has room for, and those there are */
	size_t clusters, promised, overflows;
	size_t set_aside;             /* of these promised: for reservations */
	size_t lines, free_lines;     /* all there are; those not in use */
	struct line_frame *available; /* frames with some of their lines free, a ring */
	struct line_frame *empty;     /* frames with all of their lines free, a ring */
	phys_t frames_last;           /* frames are taken at or below this address */
};

extern struct ht ht;

/* Frames that are to be freed when no CPU looks at them any more. */
struct frame_list {
	uintptr_t first;
	size_t frames;
};

/* Most frames that one reclaim frees, and most steps of shrinking that it takes: those free one segment. */
#define RECLAIM_FRAMES 64
#define RECLAIM_STEPS SEGMENT_BUCKETS

/** Debug builds: between two stores that a look-up can tell apart; the lock is held. */
static inline void page_step(void)
{
	MM_STEP(page_step_hook);
}

/* ---- entries ---- */

static inline pte_t entry_load(const pte_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_ACQUIRE);
}

static inline void entry_store(pte_t *entry, pte_t pte)
{
	__atomic_store_n(entry, pte, __ATOMIC_RELEASE);
}

/* For the lock's holder. */
static inline pte_t entry_peek(const pte_t *entry)
{
	return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

/* ---- tags ---- */

/*
 *     63          40 39    38 37                       0
 *     +-------------+--------+--------------------------+
 *     |    space    |  size  |  number of the cluster   |     size: 0 = base pages, 1 the next, ...
 *     +-------------+--------+--------------------------+
 */
#define SPACE_SHIFT (sizeof(uintptr_t) == 8 ? 40 : 20)
#define SIZE_SHIFT (SPACE_SHIFT - 2)
#define SPACE_LAST ((UINTPTR_MAX >> SPACE_SHIFT) - 1)
#define TAG_ADDRESS (((uintptr_t) 1 << SIZE_SHIFT) - 1)

static inline uintptr_t tag_of(const struct page_table *table, uintptr_t va, unsigned level)
{
	return table->space | (uintptr_t) (PTL_LEAF - level) << SIZE_SHIFT | ((va >> CLUSTER_SHIFT(level)) & TAG_ADDRESS);
}

/*
 * What tells tags apart: the addresses of one page table differ in the bits that the number of a cluster keeps, and the
 * sizes in two.
 */
_Static_assert(((USER_LAST - USER_START) >> CLUSTER_SHIFT(PTL_LEAF)) <= TAG_ADDRESS &&
		((KERNEL_LAST - KERNEL_START) >> CLUSTER_SHIFT(PTL_LEAF)) <= TAG_ADDRESS,
	"two addresses of one page table have two tags");
_Static_assert(PTL_LEVELS <= 4, "a tag tells four sizes apart");
#define HOLDS_CLUSTER(level) ((level) >= PTL_LEAF || PTL_SHIFT(level) >= CLUSTER_SHIFT((level) + 1))
_Static_assert(HOLDS_CLUSTER(0) && HOLDS_CLUSTER(1) && HOLDS_CLUSTER(2), "a split makes whole clusters");
_Static_assert(CLUSTER_SHIFT(0) < 8 * sizeof(uintptr_t), "a cluster of the largest size is less than all addresses");

/* 2^64 over the golden ratio (Knuth, vol. 3, 6.4). */
#define HASH_MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)
#define HASH_GOOD 24 /* bits on which all bits of a tag have a say: the highest of the product */

/**
 * The product, rotated: its highest bits, on which all of the tag has a say, choose among the first 2^24 buckets; the
 * bits behind those, which are its lowest, tell neighbouring tags apart, so that further buckets are used evenly too.
 */
static inline size_t hash_of(uintptr_t tag)
{
	uint64_t product = tag * HASH_MULTIPLIER;

	return (size_t) (product >> (64 - HASH_GOOD) | product << HASH_GOOD);
}

/** The bits of a hash that choose among so many buckets. */
static inline size_t buckets_mask(size_t buckets)
{
	return SIZE_MAX >> __builtin_clzl(buckets - 1);
}

/** The bucket of a hash. */
static inline size_t bucket_choose(size_t hash, size_t buckets, size_t mask)
{
	size_t number = hash & mask;

	return number < buckets ? number : number & (mask >> 1);
}

/** The bucket of a tag when there are so many. */
static inline size_t bucket_number(uintptr_t tag, size_t buckets)
{
	return bucket_choose(hash_of(tag), buckets, buckets_mask(buckets));
}

static inline struct bucket *bucket_at(size_t number)
{
	return &__atomic_load_n(&ht.directory[number / SEGMENT_BUCKETS], __ATOMIC_ACQUIRE)[number % SEGMENT_BUCKETS];
}

/** Takes the lock if the short way before has not got it. Interrupts are off. */
static inline void lock_anyway(void)
{
	if (unlikely(!spinlock_held_here(&ht.lock)))
		spinlock_lock_raw(&ht.lock);
}

/* ---- lines (line.c) ---- */

static inline struct line_books *books_of(const struct cluster *line)
{
	struct line_frame *frame = (struct line_frame *) ALIGN_DOWN((uintptr_t) line, PAGE_SIZE);

	return &frame->books[line - frame->lines];
}

/** Whether there is room for so many clusters more. */
static inline bool has_room(size_t clusters)
{
	return 3 * ht.lines >= 4 * (ht.clusters + ht.promised + clusters);
}

/** Takes a line, of which there is one if there was room. The lock is held. */
struct cluster *line_take(void);
void line_give(struct cluster *line);

/**
 * Takes frames of lines until there is room for so many clusters more; another thread may be there first. The lock is
 * not held. A caller that may sleep reserves all of them before it takes the first; each is the table's at once.
 * @retval ENOMEM  there are not so many; what was taken stays
 */
MUST_USE errno_t room_make(size_t clusters, frame_flags_t alloc);

/** The same from a reservation, with the lock held. @retval ENOMEM  it has too few; nothing was taken */
MUST_USE errno_t room_make_reserved_locked(size_t clusters, struct reservation *r);

/** Sets room for n clusters, which there is, aside for a reservation, in place of what was set aside before. */
static inline void set_aside_locked(struct reservation *r, size_t clusters)
{
	ht.promised += clusters - r->set_aside;
	ht.set_aside += clusters - r->set_aside;
	r->set_aside = clusters;
}

/** A frame for the table's own use, from where it can be reached already. @return NULL if there is none */
void *table_frame(frame_flags_t alloc);

/** In debug builds: a call that may sleep for memory holds nothing, even if it takes none (mm/held.h). */
#define may_wait_debug_unless(alloc)                     \
	do {                                                 \
		if (!((alloc) & (FRAME_ATOMIC | FRAME_NO_WAIT))) \
			may_wait_debug(__func__);                    \
	} while (0)

/** Stops a caller that may sleep where it may not, even if no memory is wanted. irq: as at the call. */
static inline void check_may_sleep(frame_flags_t alloc, port_irq_t irq)
{
	mm_assert((alloc & FRAME_ATOMIC) || port_irq_were_on(irq),
		"may sleep, but interrupts are off or a spinlock is held; give FRAME_ATOMIC, or let go first");
}

/** Whether there is a frame without a line in use that room does not need. Locked. */
bool room_has_surplus(void);

/** Takes frames without a line in use off, as far as room does not need them and the list has room. Locked. */
void room_trim(struct frame_list *freed);

/** Adds the frame that link, a word of it that readers do not follow, lies in. */
void frame_list_push(struct frame_list *list, uintptr_t *link);

/** Gives the frames back. No lock is held. @return how many */
size_t frame_list_free(struct frame_list *list);

/* ---- buckets (bucket.c); the lock is held ---- */

static inline uintptr_t slot_tag(const struct slot *slot)
{
	return __atomic_load_n(&slot->tag, __ATOMIC_RELAXED);
}

static inline struct cluster *slot_cluster(const struct slot *slot)
{
	return __atomic_load_n(&slot->cluster, __ATOMIC_RELAXED);
}

/** The head of the chain that a tag belongs to. */
static inline struct bucket *head_of(uintptr_t tag)
{
	return bucket_at(bucket_choose(hash_of(tag), ht.buckets, ht.mask));
}

/** As chain_find, from the first overflow line on. */
struct cluster *overflow_find(const struct bucket *line, uintptr_t tag);

/** @return the cluster of a tag in its chain, or NULL */
static inline struct cluster *chain_find(const struct bucket *head, uintptr_t tag)
{
	const struct bucket *next;

#pragma GCC unroll 3
	for (size_t i = 0; i < BUCKET_SLOTS; i++)
		if (slot_tag(&head->slots[i]) == tag)
			return slot_cluster(&head->slots[i]);
	next = __atomic_load_n(&head->next, __ATOMIC_RELAXED);
	return likely(next == NULL) ? NULL : overflow_find(next, tag);
}

/* In and out of the chain that the tag belongs to. */
void chain_add(struct bucket *head, uintptr_t tag, struct cluster *cluster);
void chain_remove(struct bucket *head, uintptr_t tag);

/** At most so many steps of growing, if there are too few buckets. */
void buckets_grow(size_t steps);

/** At most so many steps of shrinking, if there are too many; down to what growing would make of none, if exact. */
void buckets_shrink(size_t steps, bool exact);

/** Whether there are segments that no bucket needs, once the table has shrunk as far as it can. */
bool segments_have_surplus(void);

/** Takes segments off in which no bucket is in use; the directory still tells readers of them. */
void segments_trim(struct frame_list *freed);

/* ---- clusters (cluster.c); the lock is held ---- */

static inline struct cluster *cluster_find(const struct page_table *table, uintptr_t va, unsigned level)
{
	uintptr_t tag = tag_of(table, va, level);

	return chain_find(head_of(tag), tag);
}

/** Whether the page table has pages of this size. */
static inline bool has_size(const struct page_table *table, unsigned level)
{
	return (table->sizes & 1u << level) != 0;
}

/** Whether it has pages that are larger than the base. */
static inline bool has_large(const struct page_table *table)
{
	return (table->sizes & ((1u << PTL_LEAF) - 1)) != 0;
}

/**
 * A new cluster, with so many uses, which no reader sees: all its entries are to be written, then it is to be put in
 * the chain of its tag. There is room.
 */
struct cluster *cluster_make(struct page_table *table, uintptr_t va, unsigned level, size_t uses);

/** Takes a cluster out, whatever entries it has. */
void cluster_drop(struct page_table *table, struct cluster *cluster, uintptr_t tag);

/** Whether the recent cluster is the one of base pages for va. */
static inline bool recent_is(const struct page_table *table, uintptr_t va)
{
	return table->recent == va >> RECENT_SHIFT;
}

/** This one, of base pages for va, is the recent one from now on. */
void recent_set(struct page_table *table, uintptr_t va, struct cluster *cluster);

/* Goes through the clusters of one size that a range meets, in any order. */
struct sweep {
	struct page_table *table;
	unsigned level;
	uintptr_t va, last;        /* the range */
	uintptr_t at, tag;         /* by address: what comes next, and the tag of it */
	size_t left;               /* by address: how many tags come yet */
	struct cluster *following; /* by list: what comes next */
	bool by_list;
};

/* What a sweep finds: a cluster, and the indices of those of its entries that the range meets. */
struct span {
	struct cluster *cluster;
	uintptr_t tag; /* of it */
	uintptr_t va;  /* of the first of these entries' pages */
	size_t first, last;
};

void sweep_begin(struct sweep *sweep, struct page_table *table, unsigned level, uintptr_t va, uintptr_t last);

/** @return false if there is no more. The cluster it told last may have been dropped meanwhile, no other. */
bool sweep_next(struct sweep *sweep, struct span *span);

/** Whether the range is all of the page of this size at va. */
static inline bool page_whole(uintptr_t page, uintptr_t va, uintptr_t last, unsigned level)
{
	return page >= va && page + (PTL_COVERS(level) - 1) <= last;
}

/** The size of the pages that a split of one of this size makes: the next one that there may be. */
static inline unsigned level_below(unsigned level)
{
	do
		level++;
	while (level < PTL_LEAF && !ptl_leaf_allowed(level));
	return level;
}

/** Clusters that a split of a page of this size makes. */
static inline size_t split_clusters(unsigned level)
{
	return PTL_COVERS(level) >> CLUSTER_SHIFT(level_below(level));
}

/** Clusters that it takes to make base pages of one of this size, size by size. */
size_t clusters_down(unsigned level);

/** The splits that make them. */
size_t splits_down(unsigned level);

/** Whether large pages at va are promised their splits. */
static inline bool has_spares(const struct page_table *table, uintptr_t va)
{
	return table != &page_kernel || va - IDENTITY_VIRT >= IDENTITY_SIZE;
}

/** Promises all splits of a large page of this size, or takes it back. */
void spares_change(struct page_table *table, unsigned level, bool more);

/** Makes pages of the next size of a large page. Its cluster may be gone after. */
void page_split(struct page_table *table, struct cluster *cluster, uintptr_t va, unsigned level);

/** An entry of the cluster is not in use any more. */
void entry_clear(struct page_table *table, struct cluster *cluster, size_t index);

/* ---- memory (space.c) ---- */

/* The last number that a page table may get; tests make it less. */
extern uintptr_t page_spaces_last;

/** Whether a full reclaim would find frames to free; what takes clusters out offers then. Locked. */
bool has_surplus(void);

/** Gives back what it can: the reclaimer. */
size_t ht_reclaim(enum reclaim_strength strength, bool may_wait);

/* ---- ranges ---- */

static inline size_t range_pages(uintptr_t va, uintptr_t last)
{
	return ((last - va) >> PAGE_WIDTH) + 1;
}

/** Whether pages from va are pages of this table's part of the address space. */
static inline bool range_valid(const struct page_table *table, uintptr_t va, size_t pages)
{
	return page_range_valid(table->first, table->last, va, pages);
}

/** Base pages of the range that are mapped by pages of this size. The lock is held. */
size_t range_mapped_as(struct page_table *table, unsigned level, uintptr_t va, uintptr_t last);

/** Base pages of the range that are mapped. The lock is held. */
size_t range_mapped(struct page_table *table, uintptr_t va, uintptr_t last);

#endif
