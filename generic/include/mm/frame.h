/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Physical frames: zones, reference counts, per-CPU caches, promises, sleepers.
 * How it works is told in generic/frame.c, generic/zone.c and generic/sleepers.c.
 */

#ifndef MM_FRAME_H
#define MM_FRAME_H

#include <arch/mm.h>
#include <mm/buddy.h>
#include <mm/memmap.h>
#include <mm/types.h>

/*
 * Flags. They pass down unchanged through every layer that allocates.
 */
typedef unsigned frame_flags_t;

#define FRAME_ATOMIC 0x01u     /* never sleep; may return 0 (NULL): the caller looks */
#define FRAME_NO_RECLAIM 0x02u /* do not ask the reclaimers before failing; who sleeps asks them all the same */
#define FRAME_NO_RESERVE 0x04u /* these frames were promised to the caller (mm/reserve.h): take them off the promise */
#define FRAME_LOWMEM 0x08u     /* only frames with a permanent address (PA2KA works). The default; over FRAME_HIGHMEM */
#define FRAME_HIGHMEM 0x10u    /* frames without a permanent address are welcome, and preferred */
#define FRAME_DMA 0x20u        /* only frames that every device reaches (below ARCH_DMA_LIMIT) */
#define FRAME_ZERO 0x40u       /* filled with zeros */
/*
 * Of frames and page tables: as without FRAME_ATOMIC (after those that wait, no failure is injected), but 0 or ENOMEM
 * instead of sleeping for memory. For a thread that will wait when it has let go of what it holds.
 * Of everything, together with FRAME_ATOMIC: as that, but no failure is injected. For a caller that may sleep and tries
 * again until it succeeds: it would never end if every try were made to fail.
 */
#define FRAME_NO_WAIT 0x80u

/* The flags that say which frames will do. */
#define FRAME_CLASS (FRAME_LOWMEM | FRAME_HIGHMEM | FRAME_DMA)

/** Whether a request with these flags may be given frames without a permanent address. */
static inline bool frame_may_be_high(frame_flags_t flags)
{
	return (flags & FRAME_CLASS) == FRAME_HIGHMEM;
}

/* Kinds of zone, from the most precious to the least. */
enum zone_kind {
	ZONE_DMA,  /* every device reaches it; has a permanent address */
	ZONE_LOW,  /* has a permanent address */
	ZONE_HIGH, /* has none */
	ZONE_KINDS
};

/** What a request with more to say asks for; start from FRAME_REQUEST(count, flags), which evaluates count twice. */
struct frame_request {
	size_t min;   /* fewest frames that will do; at least 1 */
	size_t max;   /* most frames wanted */
	size_t align; /* the first frame's number is a multiple of this power of two */
	phys_t lower; /* address of the first byte allowed */
	phys_t upper; /* address of the last byte allowed */
	frame_flags_t flags;
};

#define FRAME_REQUEST(count, request_flags) \
	((struct frame_request){                \
		.min = (count), .max = (count), .align = 1, .lower = 0, .upper = (phys_t) -1, .flags = (request_flags) })

/**
 * Takes count frames that follow each other. May sleep without FRAME_ATOMIC, and then never returns 0, unless no zone
 * could ever give what is asked for: that is told in the log.
 *
 * @param count       frames, at least 1
 * @param constraint  address bits that must be zero in the address of the first frame (0 = none; 0x3fff: aligned to
 *                    16 KiB); bits below PAGE_SIZE are so anyway. As a bound it is of use only where RAM begins at
 *                    0: for others frame_request has upper
 * @return physical address of the first frame; 0 with FRAME_ATOMIC if there are none
 */
MUST_USE phys_t frame_alloc(size_t count, frame_flags_t flags, phys_t constraint);

/**
 * Takes frames as the request says: as near to max as can be had at once, never fewer than min.
 *
 * @param taken  receives the number of frames
 * @return physical address of the first; 0 if there are none (FRAME_ATOMIC), or if no zone could ever satisfy the
 *         request (bounds that hold no RAM, more frames than there are): that is told in the log, whatever the flags
 */
MUST_USE phys_t frame_alloc_request(const struct frame_request *request, size_t *taken);

/**
 * As frame_alloc_request, for a caller whom something else than frames would serve as well: whenever the request
 * would sleep or has slept, alternative(argument) is asked first, and if it says true the call returns 0.
 */
MUST_USE phys_t frame_alloc_or(
	const struct frame_request *request, size_t *taken, bool (*alternative)(void *argument), void *argument);

/**
 * Drops one reference of each of count frames; those that had only one are free again. Any part of a range taken may
 * be given back. base is the address of a frame, which is checked. Any context.
 */
void frame_free(phys_t base, size_t count);

/* Holders that a frame may have. */
#define FRAME_REFERENCES_MOST 65535u

/**
 * One more holder for this frame, which must be taken.
 * @retval EOVERFLOW  it has FRAME_REFERENCES_MOST already (then copy it)
 */
MUST_USE errno_t frame_reference_add(phys_t frame);

/** Holders of this frame; 0 if it is free. */
size_t frame_reference_count(phys_t frame);

/**
 * Wakes who sleeps for want of memory and would be served by alternative argument: told by an owner of such an
 * alternative when it can be had. Cheap when nobody sleeps. Any context.
 */
void frame_sleepers_kick(const void *argument);

/*
 * Milliseconds that a thread waits behind the first one that waits for memory, and cannot have it, before it and others
 * may be served first (generic/sleepers.c). 0 = for ever: then nothing in the core depends on the time. Set while no
 * thread waits; for tests.
 */
#define FRAME_PATIENCE 50
extern unsigned frame_patience;

/** Threads asleep for want of memory. While there are any, per-CPU caches pass everything on. */
size_t frame_sleepers(void);

/* ---- per-frame books ---- */

/*
 * What a frame is used for, where somebody has to know it from its address
 * alone. A byte a frame holds the kind and five bits of detail that belong to
 * it; how it goes together with the buddies is told in generic/frame_state.c.
 */
enum frame_kind {
	FRAME_KIND_FREE,   /* in a zone's buddy. As a byte: the zone's, which knows whether it is free or taken */
	FRAME_KIND_PLAIN,  /* taken, one holder. As a byte: head of a run taken at once; detail: the run's order */
	FRAME_KIND_CACHED, /* free, in a CPU's cache of frames */
	FRAME_KIND_SHARED, /* taken, more than one holder */
	FRAME_KIND_SLAB,   /* part of a slab; detail: the slab's order */
	FRAME_KIND_BLOCK,  /* first frame of a block that malloc handed out; detail: its size class */
	FRAME_KIND_TABLE,  /* a page table; frame_uses counts its entries in use */
	FRAME_KIND_HOLE    /* not RAM, or not the allocator's */
};

#define FRAME_DETAIL_MAX 31

/* The first frame that can have metadata. RAM below the identity window there is none. */
#define FRAME_FIRST ((pfn_t) (IDENTITY_PHYS >> PAGE_WIDTH))

/*
 * The metadata is in tables, one for each stretch of memory between two large holes (generic/zone_init.c): the holes
 * have none. Frames of the near table, which begins with FRAME_FIRST, are found by one comparison. The others
 * are searched for among the few tables that there are. All this is written once, at boot.
 */
struct frame_table {
	pfn_t first, end; /* the frames of which it is: [first, end) */
	uint8_t *states;  /* a byte a frame: kind | detail << 3 */
	uint16_t *counts; /* SHARED: holders beyond the first. TABLE: entries in use */
};

extern uint8_t *frame_states;                 /* of the near table */
extern uint16_t *frame_counts;                /* of the near table */
extern size_t frame_near_count;               /* frames of the near table; 0 if a hole begins with FRAME_FIRST */
extern struct frame_table frame_far_tables[]; /* the highest first; behind the lowest one without frames, from 0 on */
extern pfn_t frame_end;                       /* no frame from here on has metadata */

/** The one table besides the near one that this frame can be in: known is not whether it is. */
static inline const struct frame_table *frame_far_table(pfn_t pfn)
{
	const struct frame_table *table = frame_far_tables;

	while (pfn < table->first)
		table++;
	return table;
}

static inline bool frame_is_near(pfn_t pfn)
{
	return likely(pfn - FRAME_FIRST < frame_near_count);
}

/** Whether a frame has metadata. All that is RAM of the allocator's has; a hole within a table, too. */
static inline bool frame_known(pfn_t pfn)
{
	return frame_is_near(pfn) || pfn < frame_far_table(pfn)->end;
}

/** The byte of a frame that is known. */
static inline uint8_t *frame_state_at(pfn_t pfn)
{
	const struct frame_table *table;

	if (frame_is_near(pfn))
		return &frame_states[pfn - FRAME_FIRST];
	table = frame_far_table(pfn);
	return &table->states[pfn - table->first];
}

/** What the byte of a frame says; that it is a HOLE, if it is not known. The caller says why this order is enough. */
static inline uint8_t frame_byte(pfn_t pfn, int order)
{
	const struct frame_table *table;

	if (frame_is_near(pfn))
		return __atomic_load_n(&frame_states[pfn - FRAME_FIRST], order);
	table = frame_far_table(pfn);
	return pfn < table->end ? __atomic_load_n(&table->states[pfn - table->first], order) : FRAME_KIND_HOLE;
}

/** Sets the byte of a frame that is known. */
static inline void frame_byte_set(pfn_t pfn, uint8_t byte, int order)
{
	if (frame_is_near(pfn))
		__atomic_store_n(&frame_states[pfn - FRAME_FIRST], byte, order);
	else
		__atomic_store_n(frame_state_at(pfn), byte, order);
}

/** The count of a frame that is known. */
static inline uint16_t *frame_count_at(pfn_t pfn)
{
	const struct frame_table *table;

	if (frame_is_near(pfn))
		return &frame_counts[pfn - FRAME_FIRST];
	table = frame_far_table(pfn);
	return &table->counts[pfn - table->first];
}

/**
 * The last address of memory within the direct map, whether the allocator has it or not (the image, what was loaded
 * with it, tables of the firmware). After frame_init.
 */
phys_t frame_ram_last(void);

/** The first frame from this one, FRAME_FIRST or behind it, on that is known; frame_end if there is none. */
pfn_t frame_known_from(pfn_t pfn);

/**
 * Whether the allocator has any of these frames, and the direct map has it: so it is cached (mm/page_caches.h). Linear
 * in the frames, as far as they are known.
 */
bool frame_is_cached(phys_t base, size_t pages);

/**
 * Marks frames that the caller holds: SLAB, BLOCK or TABLE, and PLAIN again before they are freed. The frames must be
 * known. Any context.
 *
 * @param detail  of PLAIN: 0; or, if first is the first of 2^detail frames that were taken at once, none other of which
 *                was ever marked: detail, with a count of 1
 */
void frame_mark(pfn_t first, size_t count, enum frame_kind kind, unsigned detail);

/**
 * Marks the first frame of what the caller has taken at once, no other of which is marked: BLOCK, and PLAIN again as
 * frame_mark has it. Any context.
 */
static inline void frame_mark_first(pfn_t first, enum frame_kind kind, unsigned detail)
{
	frame_byte_set(first, (uint8_t) (kind | detail << 3), __ATOMIC_RELAXED);
}

/** Takes the marks off 2^order frames that were taken at once: they are to be freed as that. Any context. */
void frame_unmark_run(pfn_t first, unsigned order);

/**
 * Whether this frame is of this kind: SLAB, BLOCK or TABLE, as its owner has marked it; or
 * SHARED, asked by one of its holders. A holder to whom it says that a frame is no longer SHARED has it alone, and what
 * the others did with it was before (it acquires; frame_free of theirs releases).
 */
static inline bool frame_is(pfn_t pfn, enum frame_kind kind)
{
	return (frame_byte(pfn, __ATOMIC_ACQUIRE) & 7) == kind;
}

/** Whether it is RAM of the allocator's, whatever it is used for. */
static inline bool frame_is_ram(pfn_t pfn)
{
	return !frame_is(pfn, FRAME_KIND_HOLE);
}

/** The detail it was marked with. */
static inline unsigned frame_detail(pfn_t pfn)
{
	return frame_byte(pfn, __ATOMIC_RELAXED) >> 3;
}

/**
 * What this frame is at this moment, whatever its kind; a frame that is not known is a HOLE. Takes frame_lock where its
 * zone has to be asked.
 */
enum frame_kind frame_kind(pfn_t pfn);

/** Entries in use of a frame marked as a TABLE: the owner's to read and write. 0 after frame_mark. */
static inline uint16_t *frame_uses(pfn_t pfn)
{
	return frame_count_at(pfn);
}

/* ---- reclaim ---- */

enum reclaim_strength {
	RECLAIM_LIGHT, /* what costs nothing to lose */
	RECLAIM_FULL   /* all that can be given back */
};

/*
 * Something that can free frames. Registered once, at any time, never removed.
 *
 * While threads wait for memory (frame_sleepers is not 0) its owner keeps nothing that it could free, or calls
 * frame_reclaim_offer after it has come to have something: a thread that waits asks the reclaimers once, and then only
 * after an offer. The owner looks at frame_sleepers after it has kept something under the lock that its reclaim takes.
 *
 * Reclaim does not nest: what a reclaimer allocates (destructors that it calls, too) is allocated without reclaim, and
 * with FRAME_ATOMIC: one that may sleep stops the kernel, since it would wait for itself.
 */
struct reclaimer {
	const char *name;
	/**
	 * Frees what it can, or some of it: it is called again if it freed any. May be called with interrupts off if
	 * may_wait is false, and then frees a bounded number. @return frames freed
	 */
	size_t (*reclaim)(enum reclaim_strength strength, bool may_wait);
	struct reclaimer *next;
};

/** Any context. */
void frame_reclaimer_register(struct reclaimer *reclaimer);

/**
 * Called by the owner of a reclaimer that has come to have something to free: a thread that waits for memory asks the
 * reclaimers again. Cheap when none waits. Any context.
 */
void frame_reclaim_offer(void);

/**
 * Asks all reclaimers, and empties the per-CPU caches of frames. In a reclaimer: does nothing.
 * @return frames that the reclaimers freed. Those of the caches are not counted: what a reclaimer allocates and frees
 *         passes through them, so a caller that goes on as long as there are any would never end
 */
size_t frame_reclaim(enum reclaim_strength strength, bool may_wait);

/* ---- setting up, looking at ---- */

/**
 * Builds zones and books from the map: carves the books out of it and takes what is free after that.
 * Ranges that cannot be used are told in the log, never silently lost.
 *
 * @retval ENOMEM  no room for the books, or no free frame with a permanent address; told in the log
 */
MUST_USE errno_t frame_init(struct memmap *map);

/**
 * Gives frames to the allocator that were carved or reserved at boot and are needed no longer. They must lie in a zone.
 */
void frame_release_boot(phys_t base, size_t count);

struct zone_info {
	enum zone_kind kind;
	pfn_t first;
	size_t frames;  /* from first to the zone's end, holes included */
	size_t managed; /* frames that are the allocator's: RAM that was free at boot */
	size_t free;    /* in the zone's buddy */
	int largest;    /* order of the largest free block; -1 if nothing is free */
	const struct buddy *buddy;
	pfn_t base; /* the frame that is unit 0 of the buddy */
};

struct frame_info {
	size_t total;        /* frames managed, all zones */
	size_t free;         /* in the zones' buddies */
	size_t cached;       /* free, in per-CPU caches */
	size_t cached_high;  /* part of cached: without a permanent address */
	size_t promised;     /* part of free: reserved by mm/reserve.h */
	size_t promised_low; /* part of promised: of frames with a permanent address */
	size_t books;        /* bytes of books of the allocator */
	size_t sleepers;
};

size_t zone_count(void);

/** @return false if there is no such zone */
bool zone_get(size_t number, struct zone_info *info);

const char *zone_kind_name(enum zone_kind kind);

void frame_get_info(struct frame_info *info);

/** Frames managed, free or not, of the class of these flags. */
size_t frame_total(frame_flags_t flags);

/** Holds all books of frames to their invariants; every breach is logged. @return number of breaches */
size_t frame_check(void);

#endif
