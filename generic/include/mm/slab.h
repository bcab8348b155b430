/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Object caches in the manner of Bonwick: "The Slab Allocator" (USENIX 1994) and "Magazines and Vmem" (USENIX 2001).
 * How it works is told in generic/slab.c.
 */

#ifndef MM_SLAB_H
#define MM_SLAB_H

#include <mm/frame.h>

/* The smallest object, and the largest that a cache can be made for, in bytes. */
#define SLAB_MIN_SIZE 8
#define SLAB_MAX_SIZE KiB(256)

struct slab_cache;

/** What a cache is to be. Fields left out (0) take their defaults. */
struct slab_cache_options {
	/** Bytes, a power of two up to PAGE_SIZE; 0 = the largest power of two that divides size, at most 16. */
	size_t align;
	/**
	 * Makes an object ready when it is made from raw memory, not at each allocation. Its flags are those of the
	 * allocation with FRAME_ATOMIC: the memory of the objects is in hand, so it must not sleep for more. It may
	 * allocate, from other caches. @return an error if the object cannot be made: then the allocation returns NULL
	 */
	errno_t (*constructor)(void *object, frame_flags_t flags);
	/**
	 * Undoes the constructor before the memory is freed. Any context, in a reclaim too: must not sleep; what it
	 * allocates (FRAME_ATOMIC) is not reclaimed for. @return frames freed
	 */
	size_t (*destructor)(void *object);
	unsigned flags; /* SLAB_* */
};

#define SLAB_NO_MAGAZINES 0x1u /* no per-CPU layer: for caches that the per-CPU layer itself needs, and for tests */

/**
 * Makes a cache.
 *
 * @param name     at most 31 characters are kept; shown by `slabs`
 * @param size     bytes of an object, SLAB_MIN_SIZE to SLAB_MAX_SIZE (a smaller one is rounded up)
 * @param options  NULL = all defaults
 * @param flags    FRAME_ATOMIC or 0
 * @return NULL on a size or alignment that cannot be (told in the log), or with FRAME_ATOMIC for want of memory
 */
MUST_USE struct slab_cache *slab_cache_create(
	const char *name, size_t size, const struct slab_cache_options *options, frame_flags_t flags);

/**
 * Destroys a cache that has no object in use. May sleep; nobody may use the cache meanwhile. When it returns, the
 * cache's destructor has returned for the last time, on every CPU.
 * @retval EBUSY  objects are in use: the log names the cache, how many, and the first few; the cache goes on as it was
 */
MUST_USE errno_t slab_cache_destroy(struct slab_cache *cache);

/* What slab_alloc becomes: with flags, and where the compiler knows that there are none. */
MUST_USE void *slab_alloc_flags(struct slab_cache *cache, frame_flags_t flags);
MUST_USE void *slab_alloc_plain(struct slab_cache *cache);

/**
 * Takes an object, in the state the constructor or the last owner left it. May sleep without FRAME_ATOMIC, and then
 * never returns NULL, unless a constructor fails.
 *
 * @param flags  not FRAME_DMA nor FRAME_ZERO, which a cache cannot keep: objects that are free already are not
 *               chosen by their place and not cleared. mm_malloc serves both. FRAME_HIGHMEM is of no effect
 */
MUST_USE static inline void *slab_alloc(struct slab_cache *cache, frame_flags_t flags)
{
	return __builtin_constant_p(flags) && flags == 0 ? slab_alloc_plain(cache) : slab_alloc_flags(cache, flags);
}

/**
 * Allocates objects that lie in one slab, made of a frame that the caller has allocated with a permanent address, for a
 * caller that waits for that frame once and cannot wait for object after object. The slabs of the cache must be single
 * frames, of at least count objects, without a constructor. Never sleeps, never fails; the frame is the cache's from
 * here on.
 */
void slab_alloc_from(struct slab_cache *cache, phys_t frame, void **objects, size_t count);

/** Gives an object back; NULL is a bug. Any context. */
void slab_free(struct slab_cache *cache, void *object);

/**
 * Frames in use by slabs that all caches together give back. As struct reclaimer wants it. If it may not wait, it ends
 * once some frames are free; with interrupts off also after some hundred objects.
 */
size_t slab_reclaim(enum reclaim_strength strength, bool may_wait);

struct slab_info {
	char name[32];
	size_t size;   /* bytes of an object as asked */
	size_t stride; /* bytes from object to object in a slab */
	size_t align;
	size_t slab_frames; /* frames of one slab */
	size_t objects_per_slab;
	size_t slabs;           /* slabs there are */
	size_t in_use;          /* objects with an owner */
	size_t cached;          /* objects in magazines */
	size_t magazine_size;   /* rounds of a magazine at present */
	uint64_t allocs, frees; /* since the cache was made: objects that left for a CPU, and came back; what is given back
	                           and taken again within a CPU's two magazines is not counted, for it is to cost nothing */
	uint64_t grown, reaped; /* slabs made, slabs given back */
	uint64_t failed;        /* allocations that returned NULL */
};

/** Calls visit for every cache, in order of creation, with no lock held that visit could need; stops on false. */
void slab_cache_each(bool (*visit)(struct slab_cache *cache, void *argument), void *argument);

void slab_get_info(struct slab_cache *cache, struct slab_info *info);

/**
 * The cache of this name, to look at, or NULL. It stays where it is, even if it is destroyed meanwhile, until
 * slab_cache_release.
 */
MUST_USE struct slab_cache *slab_cache_find(const char *name);

/** Ends what slab_cache_find began. Any context. */
void slab_cache_release(struct slab_cache *cache);

/* Shows which code had an object last, and in which thread (port_self), which may have ended. With spinlocks held. */
typedef void slab_owner_show(const void *object, const void *caller, const void *thread);

/**
 * Logs which slabs a cache has, how full each is, and (debug) who had its objects last.
 * @param owner_show  NULL = owners are logged by their addresses
 */
void slab_cache_show(struct slab_cache *cache, slab_owner_show *owner_show);

/** Sets up the caches that caches are made of. After frame_init. */
MUST_USE errno_t slab_init(void);

/** Holds every cache and slab to its invariants; every breach is logged. @return number of breaches */
size_t slab_check(void);

#endif
