/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the files of the slab allocator share, and the two hot paths, which
 * malloc inlines. The theory is in slab.c.
 *
 *   slab.c           slabs: objects cut from frames, and given back to them
 *   slab_fault.c     telling what is wrong with an address
 *   slab_magazine.c  the CPUs' magazines and the depot between them and the slabs
 *   slab_cache.c     making, finding and destroying caches
 *   slab_info.c      statistics, and the invariants
 *   slab_debug.c     tags, poison and red zones (debug builds)
 */

#ifndef SLAB_INTERNAL_H
#define SLAB_INTERNAL_H

#include <mm/assert.h>
#include <mm/held.h>
#include <mm/inject.h>
#include <mm/slab.h>
#include <mm/spinlock.h>

/* Objects larger than this, and those that fill whole pages, are blocks of frames of their own. */
#define SLAB_MAX_OBJECT KiB(8)

/* Largest order of a slab. */
#define SLAB_MAX_ORDER 3

/* To slab_cache_options.flags: the cache is one of malloc's, so mm_free takes its objects. */
#define SLAB_MALLOC 0x100u

/* The detail (frame_mark) of a slab's frames is its order, plus this if the cache is one of malloc's. */
#define SLAB_DETAIL_MALLOC 8

/* The detail of the first frame of an object that is a block: with an owner, or (debug builds) without. */
#define SLAB_DETAIL_BLOCK 31
#define SLAB_DETAIL_BLOCK_FREE 30

#define SLAB_WORD_BITS (8 * sizeof(size_t))

/* ---- slabs: slab.c ---- */

/* The header of a slab. The objects follow, the first at cache->first + colour. */
struct slab {
	struct slab_cache *cache;     /* must stay the first member: mm_free loads it */
	struct slab *next, *previous; /* in the list that `free` says */
	uint16_t free;                /* objects free */
	uint16_t colour;              /* bytes */
	uint32_t words;               /* bit w: free_map[w] is not 0 */
	size_t free_map[];            /* bit i: object i is free */
};

struct slab_list {
	struct slab *first, *last;
	size_t count;
};

/* A thread that asks the frame allocator for memory and may have to wait; it lives on the thread's stack. */
struct slab_waiter {
	struct slab_waiter *next;
	void *thread;
	void *object; /* one that came back meanwhile, and now is this thread's */
};

/* ---- magazines: slab_magazine.c ---- */

#define MAGAZINE_CLASSES 5

/* Words of a magazine of this class, and the objects that go into it beside its header. */
#define MAGAZINE_WORDS(size_class) ((size_t) 8 << (size_class))
#define MAGAZINE_ROUNDS(size_class) (MAGAZINE_WORDS(size_class) - offsetof(struct magazine, round) / sizeof(void *) - 1)

struct magazine {
	struct magazine *next; /* in the depot */
	uint16_t rounds;       /* objects in it; true only while it is not loaded */
	uint8_t capacity;      /* objects that go in */
	uint8_t size_class;
	void *round[]; /* round[0] is NULL for ever; the objects are round[1] to round[rounds] */
};

struct slab_depot {
	struct magazine *first;
	size_t count;
	size_t least; /* smallest count since the last reclaim: so many were not needed */
};

/* What a CPU has of a cache: a cache line that only this CPU touches, with interrupts off. */
struct slab_cpu {
	void **top;                /* the newest object of the magazine loaded, or a NULL below the oldest */
	void **limit;              /* where top stands when the magazine is full */
	struct magazine *loaded;   /* may be NULL */
	struct magazine *previous; /* may be NULL */
	void *none;                /* NULL for ever: top and limit stand here while no magazine is loaded */
} __attribute__((aligned(CACHE_LINE)));

struct slab_cache {
	struct slab_cpu cpu[CONFIG_MAX_CPUS];

	struct mm_spinlock lock;
	uint32_t reciprocal;  /* ceil(2^32 / stride) */
	uint32_t stride;      /* bytes from object to object */
	uint32_t objects;     /* per slab; 0 = an object is a block of frames */
	uint32_t first;       /* offset of the first object in a slab of colour 0 */
	uint32_t frames;      /* of a slab, or of a block */
	uint32_t size, align; /* bytes */
	uint32_t colours, colour_step, colour_next;
	unsigned flags; /* SLAB_* */
	uint8_t order;  /* of a slab */
	errno_t (*constructor)(void *object, frame_flags_t flags);
	size_t (*destructor)(void *object);

	/* slab layer */
	struct slab_list full, partial, empty;
	struct slab_waiter *waiters;
	size_t slabs; /* slabs (or blocks) there are */
	size_t taken; /* objects out of their slabs: in use or in magazines */
	size_t failed;
	uint64_t grown, reaped;

	/* depot */
	struct slab_depot filled, drained; /* magazines with objects, magazines without */
	uint16_t magazine_limit;           /* most rounds that objects of this size allow; 0 = no magazines */
	uint8_t magazine_class;            /* of new magazines */
	uint8_t magazine_class_min, magazine_class_max;
	uint32_t exchanges;     /* since the class grew last */
	uint64_t allocs, frees; /* objects that left for the CPUs or came back from them */

	/* reclaim */
	unsigned reclaims; /* that work on this cache without its lock: they run destructors, and have objects in hand */
	void *destroyer;   /* the thread that waits for them to end, or NULL */

	/* registry, under slab_registry_lock */
	struct slab_cache *next;
	unsigned references; /* one while it is not destroyed, one for each walk that is here and each slab_cache_find */
	bool destroyed;
	char name[32];
};

/** The slab of this order in which an address lies. */
static inline struct slab *slab_of_order(const void *object, unsigned order)
{
	return (struct slab *) ((uintptr_t) object & ~(((uintptr_t) PAGE_SIZE << order) - 1));
}

static inline char *slab_objects(const struct slab *slab)
{
	return (char *) slab + slab->cache->first + slab->colour;
}

/* What is wrong with an address that should be an object of a cache. */
enum slab_fault {
	SLAB_FAULT_NONE,
	SLAB_FAULT_NULL,
	SLAB_FAULT_FOREIGN,
	SLAB_FAULT_OTHER_CACHE,
	SLAB_FAULT_MIDDLE,
	SLAB_FAULT_FREE
};

/** What is wrong with the address as that of an object of the cache; whether the object is free is not looked at. */
enum slab_fault slab_judge(const struct slab_cache *cache, const void *object);

/** Stops the kernel, telling what was wrong. */
COLD void slab_panic(const struct slab_cache *cache, const void *object, enum slab_fault fault, const char *function)
	__attribute__((noreturn));

/** Number of an object that slab_judge has found to be one. */
size_t slab_index(const struct slab *slab, const void *object);

static inline bool slab_is_free(const struct slab *slab, size_t index)
{
	return slab->free_map[index / SLAB_WORD_BITS] >> index % SLAB_WORD_BITS & 1;
}

/** Takes a free object out of a slab there is; NULL if none is free. */
MUST_USE void *slab_layer_take_locked(struct slab_cache *cache);

/** Takes an object from memory got from the frame allocator, or one that came back meanwhile. Called without locks. */
MUST_USE void *slab_layer_make(struct slab_cache *cache, frame_flags_t flags);

/** Gives an object back to its slab, or to who waits for one. @return frames given back */
size_t slab_layer_return(struct slab_cache *cache, void *object);

/** Gives back slabs without objects in use. @return frames given back */
size_t slab_layer_reclaim(struct slab_cache *cache);

/* ---- the CPUs' magazines and the depot ---- */

extern struct slab_cache magazine_caches[MAGAZINE_CLASSES];

/* Whether a depot may have magazines, or a cache empty slabs. Who puts one there says so, under the cache's lock. */
extern bool slab_stocked;

static inline void slab_stock(void)
{
	if (!__atomic_load_n(&slab_stocked, __ATOMIC_RELAXED))
		__atomic_store_n(&slab_stocked, true, __ATOMIC_RELAXED);
}

/** Objects that a new magazine of this cache holds. */
static inline unsigned slab_magazine_rounds(const struct slab_cache *cache)
{
	size_t rounds = MAGAZINE_ROUNDS(cache->magazine_class);

	return (unsigned) (rounds < cache->magazine_limit ? rounds : cache->magazine_limit);
}

/** Sets up what a new cache has of magazines. */
void slab_magazines_init(struct slab_cache *cache);

/** Empties all CPUs' magazines of one cache, and its depot. Interrupts are on, no lock is held. @return frames */
size_t slab_magazines_flush(struct slab_cache *cache);

/** Objects in all CPUs' magazines of one cache, as far as the context allows to ask them. */
size_t slab_magazines_rounds(struct slab_cache *cache);

/* ---- the registry: slab_cache.c ---- */

/** The cache after this one, which is released; the first for NULL. It stays there until slab_cache_release. */
struct slab_cache *slab_registry_next(struct slab_cache *cache);

/* ---- debug builds: slab_debug.c ---- */

#if CONFIG_DEBUG
/* Bytes of red zone before the first object; of an object of so many with its red zone and tag; its alignment. */
#define SLAB_DEBUG_BEFORE sizeof(size_t)
#define SLAB_DEBUG_AFTER(size) (ALIGN_UP((size_t) (size), sizeof(size_t)) + 5 * sizeof(size_t))
#define SLAB_DEBUG_ALIGN(align) ((align) < sizeof(size_t) ? sizeof(size_t) : (align))

/** Sets up an object of a new slab, as free. */
void slab_debug_made(struct slab_cache *cache, void *object);

/** Judges an object that is about to be handed out, and notes its owner. */
void slab_debug_taken(struct slab_cache *cache, void *object, void *caller);

/** Judges an object that is given back, and notes by whom. */
void slab_debug_freed(struct slab_cache *cache, void *object, void *caller);

/** Who took the object or gave it back last; both stay as they are if that is not known. */
void slab_debug_owner(struct slab_cache *cache, void *object, void **caller, void **thread);

/** Whether the object's red zones are whole, and, if it is free, its poison. @return NULL, or what is wrong */
const char *slab_debug_check(struct slab_cache *cache, void *object, bool free);
#else
#define SLAB_DEBUG_BEFORE 0
#define SLAB_DEBUG_AFTER(size) ((size_t) (size))
#define SLAB_DEBUG_ALIGN(align) (align)

static inline void slab_debug_made(struct slab_cache *cache, void *object)
{
	(void) cache, (void) object;
}

static inline void slab_debug_taken(struct slab_cache *cache, void *object, void *caller)
{
	(void) cache, (void) object, (void) caller;
}

static inline void slab_debug_freed(struct slab_cache *cache, void *object, void *caller)
{
	(void) cache, (void) object, (void) caller;
}

static inline void slab_debug_owner(struct slab_cache *cache, void *object, void **caller, void **thread)
{
	(void) cache, (void) object, (void) caller, (void) thread;
}

static inline const char *slab_debug_check(struct slab_cache *cache, void *object, bool free)
{
	(void) cache, (void) object, (void) free;
	return NULL;
}
#endif

/* ---- the hot paths ---- */

/*
 * What is rare leaves by a tail call, so that the hot paths need no frame of their own. All are entered with interrupts
 * off, and put them back to state; slab_alloc_slow is with top counted down already.
 */
void *slab_alloc_slow(struct slab_cache *cache, frame_flags_t flags, port_irq_t state);
COLD void *slab_alloc_injected(struct slab_cache *cache, frame_flags_t flags, port_irq_t state);
COLD void *slab_alloc_forbidden(struct slab_cache *cache, frame_flags_t flags, port_irq_t state);
void slab_free_slow(struct slab_cache *cache, void *object, port_irq_t state);

/* Takes an object, of which the debug build has yet to be told. */
static inline void *slab_alloc_hot(struct slab_cache *cache, frame_flags_t flags)
{
	port_irq_t state = port_irq_save();
	struct slab_cpu *cpu;
	void **top, *object;

	if (flags & FRAME_ATOMIC) {
		if (unlikely(__atomic_load_n(&inject_armed, __ATOMIC_RELAXED)))
			return slab_alloc_injected(cache, flags, state);
	} else if (unlikely(!port_irq_were_on(state))) {
		return slab_alloc_forbidden(cache, flags, state);
	}
	cpu = &cache->cpu[port_cpu()];
	top = cpu->top;
	__atomic_signal_fence(__ATOMIC_SEQ_CST); /* top is read anew: one instruction counts it down in memory */
	cpu->top--;
	object = *top;
	if (unlikely(object == NULL))
		return slab_alloc_slow(cache, flags, state);
	port_irq_restore(state);
	return object;
}

/** Takes an object, for a caller of whom a debug build makes a note. */
MUST_USE static inline void *slab_alloc_for(struct slab_cache *cache, frame_flags_t flags, void *caller)
{
	void *object;

	if (!(flags & FRAME_ATOMIC))
		may_wait_debug("slab_alloc");
	object = slab_alloc_hot(cache, flags);
	if (CONFIG_DEBUG && object != NULL)
		slab_debug_taken(cache, object, caller);
	return object;
}

/** Gives an object back, of which a debug build has been told. */
static inline void slab_free_hot(struct slab_cache *cache, void *object)
{
	port_irq_t state = port_irq_save();
	struct slab_cpu *cpu = &cache->cpu[port_cpu()];

	if (unlikely(cpu->top == cpu->limit))
		return slab_free_slow(cache, object, state);
	cpu->top[1] = object;
	__atomic_signal_fence(__ATOMIC_SEQ_CST); /* as above */
	cpu->top++;
	port_irq_restore(state);
}

#endif
