/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Virtual ranges: which are free, which are taken. After Bonwick and Adams, "Magazines and Vmem" (USENIX 2001).
 * How it works is told in generic/vmem.c.
 *
 * An arena knows ranges of numbers, addresses as a rule; it never looks at what
 * they stand for. Its ranges come in spans, added by its owner or imported
 * from a parent arena; each span is cut into segments that are taken or free.
 *
 * An arena never waits for a range: when there is none, that is ENOMEM, whatever
 * the flags. FRAME_ATOMIC and FRAME_NO_RECLAIM are for the memory of its own
 * metadata. Without FRAME_ATOMIC a call may sleep for that, holding nothing, and then ENOMEM
 * means that there is no such range. Such a call with interrupts off stops the kernel, whether
 * it would have slept or not.
 *
 * CONTEXTS. Any, with FRAME_ATOMIC; vmem_free and vmem_find never need memory,
 * never fail and go in any context.
 */

#ifndef MM_VMEM_H
#define MM_VMEM_H

#include <mm/frame.h>
#include <mm/spinlock_type.h>
#include <mm/tree.h>

/* Quantum caches: sizes of 1 to this many quanta can have one. */
#define VMEM_CACHED_QUANTA 32

struct vmem; /* the definition is below the interface; its fields are the arena's own */

/** What an arena is to be. Fields left out (0) take their defaults. */
struct vmem_options {
	size_t quantum; /* all starts and sizes are multiples of this power of two; 0 = PAGE_SIZE */
	size_t cached;  /* ranges of up to so many bytes are kept in per-CPU caches when they are freed; 0 = no caches */
	/** The arena to take spans from when there is no range; its quantum must divide this one's. 0 = none. */
	struct vmem *parent;
	size_t import; /* the least to take from it at a time, in bytes; what a request needs, if that is more */
};

/**
 * Makes an empty arena in memory that its owner gives, as part of a larger structure as a rule.
 *
 * @param name   kept as a pointer; shown by `vmem`
 * @param flags  FRAME_ATOMIC or 0, for the caches
 * @retval ENOMEM  (FRAME_ATOMIC) no memory for the caches
 * @retval EINVAL  the options make no sense, or arenas import from each other in a chain of more than five
 */
MUST_USE errno_t vmem_init(
	struct vmem *arena, const char *name, const struct vmem_options *options, frame_flags_t flags);

/**
 * Ends an arena: its spans are forgotten, imported ones go back to the parent. Sleeps while a reclaim works on it, so
 * interrupts are on.
 * @retval EBUSY  ranges of it are taken, or another arena imports from it; nothing changed, but its caches are empty
 */
MUST_USE errno_t vmem_destroy(struct vmem *arena);

/**
 * Adds a span: it is free from here on. Neighbouring spans are not joined: no range reaches from one into the next.
 *
 * @retval EEXIST  part of it is in the arena already
 * @retval EINVAL  not in quanta, no bytes, or it wraps
 * @retval ENOMEM  (FRAME_ATOMIC) no memory for the books
 */
MUST_USE errno_t vmem_add(struct vmem *arena, uintptr_t start, size_t size, frame_flags_t flags);

/**
 * Takes a span away that vmem_add gave.
 * @retval ENOENT  there is no such span, or it was imported
 * @retval EBUSY   part of it is taken
 */
MUST_USE errno_t vmem_remove(struct vmem *arena, uintptr_t start, size_t size);

/**
 * Takes a range of size bytes (rounded up to quanta) anywhere. Instant fit: the first free segment of the smallest
 * power of two all of which will do; if there is none, the first that is large enough.
 *
 * @param start  receives the first address; left alone on error
 * @retval EOK
 * @retval EINVAL  size is 0
 * @retval ENOMEM  there is no such range, or (FRAME_ATOMIC) no memory for the books; nothing changed
 */
MUST_USE errno_t vmem_alloc(struct vmem *arena, size_t size, frame_flags_t flags, uintptr_t *start);

/** What a request with more to say asks for; start from VMEM_REQUEST(size). */
struct vmem_request {
	size_t size;     /* bytes */
	size_t align;    /* a power of two: start - phase is a multiple of it */
	uintptr_t phase; /* below align */
	uintptr_t lower; /* the range begins here or above */
	uintptr_t last;  /* its last byte is here or below */
};

#define VMEM_REQUEST(bytes) \
	((struct vmem_request){ .size = (bytes), .align = 1, .phase = 0, .lower = 0, .last = UINTPTR_MAX })

/**
 * Takes a range as the request says; with bounds the lowest one there is in the arena, or else in its parent.
 *
 * @retval EINVAL  size is 0, align no power of two, phase not in quanta or not below align
 * @retval ENOMEM  as vmem_alloc
 */
MUST_USE errno_t vmem_alloc_request(
	struct vmem *arena, const struct vmem_request *request, frame_flags_t flags, uintptr_t *start);

/**
 * Takes just this range, which may be the parent's.
 *
 * @retval EEXIST  part of it is taken
 * @retval ENOENT  it is not all in one span, and not all free in the parent
 * @retval EINVAL  not in quanta, no bytes, or it wraps
 * @retval ENOMEM  (FRAME_ATOMIC) no memory for the books
 */
MUST_USE errno_t vmem_take(struct vmem *arena, uintptr_t start, size_t size, frame_flags_t flags);

/**
 * Makes a range that is taken longer or shorter, where it is.
 *
 * @param size  bytes it has; as vmem_alloc had them
 * @param now   bytes it is to have, at least 1
 * @retval EEXIST  what follows is taken
 * @retval ENOENT  the span ends before
 * @retval EINVAL  now is 0, or the range would wrap
 * @retval ENOMEM  (FRAME_ATOMIC) no memory for the books, to cut something off
 */
MUST_USE errno_t vmem_resize(struct vmem *arena, uintptr_t start, size_t size, size_t now, frame_flags_t flags);

/**
 * Frees a range, just as it was allocated (and resized); anything else, no bytes among it, stops the kernel. Never
 * needs memory.
 */
void vmem_free(struct vmem *arena, uintptr_t start, size_t size);

enum vmem_kind {
	VMEM_FREE,
	VMEM_TAKEN,
	VMEM_CACHED /* told by vmem_find of debug builds only: free, in a CPU's cache. In release builds it is TAKEN */
};

struct vmem_range {
	uintptr_t start;
	size_t size;
	enum vmem_kind kind;
	bool span_begins; /* it is the first of its span */
	bool imported;    /* its span was */
};

/**
 * The segment in which an address lies, or the next one above it: so a walk is
 * `for (va = 0; vmem_find(arena, va, &range); va = range.start + range.size)`, which also ends if that is 0.
 *
 * @return false if there is none
 */
bool vmem_find(struct vmem *arena, uintptr_t address, struct vmem_range *range);

struct vmem_info {
	const char *name;
	const char *parent; /* its name, or NULL */
	size_t quantum;
	size_t cached_most; /* bytes of the largest range that caches keep; 0 = it has none */
	size_t total;       /* bytes in all spans */
	size_t free;        /* of these, free; those in caches too */
	size_t cached;      /* of these, in the caches of CPUs */
	size_t largest;     /* bytes of a free segment that is in the highest list: at least half of the largest */
	size_t spans;
	size_t imported; /* of these, from the parent */
	size_t taken;    /* ranges taken; those in caches are not */
	size_t segments; /* taken and free */
	size_t tags;     /* set aside for segments to come */
	uint64_t allocs; /* since it was made, past the caches */
	uint64_t hits;   /* allocations that a cache served */
	uint64_t failed; /* calls that failed for want of a range or of memory; attempts that another made good are none */
};

void vmem_get_info(struct vmem *arena, struct vmem_info *info);

/** Calls visit for every arena there is, in the order they were made in, with their list locked; ends on false. */
void vmem_each(bool (*visit)(struct vmem *arena, void *argument), void *argument);

/** Sets up what all arenas share. After slab_init and malloc_init. */
MUST_USE errno_t vmem_setup(void);

/** Holds every arena to its invariants; every breach is logged. @return number of breaches */
size_t vmem_check(void);

/* ---- the definition, so that an owner can hold one ---- */

struct vmem_tag;
struct vmem_cache;

#define VMEM_LISTS (8 * sizeof(size_t))

struct vmem {
	struct mm_spinlock lock;
	const char *name;
	struct vmem *parent;
	size_t quantum, import;
	size_t cached;            /* bytes; 0 = no caches */
	struct vmem_cache *cache; /* one for each CPU */
	size_t cache_size;        /* bytes of one of them */
	struct tree segments;     /* by their start */
	struct vmem_tag *spans;   /* a list */
	struct vmem_tag *spare;   /* tags set aside, a list */
	size_t spare_count;
	size_t total, free; /* bytes; what is in caches is not free here */
	size_t span_count, import_count, segment_count, taken_count;
	uint64_t allocs, failed;
	struct vmem *next, *previous;       /* in the list of all arenas */
	unsigned walks;                     /* that empty caches, or free tags, of this arena: they hold no lock between */
	bool is_ending;                     /* it is being destroyed: no walk begins any more */
	void *destroyer;                    /* the thread that waits for the walks to end, or NULL */
	size_t nonempty;                    /* bit k: lists[k] is not empty; only then lists[k] means anything */
	struct vmem_tag *lists[VMEM_LISTS]; /* free segments of 2^k bytes up to twice that, not included */
};

#endif
