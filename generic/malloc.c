/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * malloc: size classes over object caches, blocks of frames above them.
 *
 *   size              comes from
 *   0 .. 1 KiB        a cache, found in a table by (size + 7) / 8
 *   .. 7 KiB          a cache, found by the place of the highest bit
 *   3.5 .. 4 KiB,
 *   7 .. 256 KiB      a block of whole frames
 *
 * CLASSES. Four to a doubling: 64 80 96 112 128 160 …, so at most a fifth of an
 * object is lost; below 64 every multiple of MALLOC_ALIGN. Each is aligned to
 * the largest power of two that divides it. So a size that is a multiple of
 * some alignment falls into a class that has it: a class c >= size is either
 * the size itself, or the size was no multiple of a quarter of its highest
 * power of two, and all classes there are. That is all memalign needs up to
 * half a page; beyond, it takes a block, and a block that is aligned.
 *
 * THE WAY BACK needs no header. The mark of the frame (mm/frame.h) says "slab
 * of malloc, order k", and a table turns the mark into the mask that leads
 * from the object to its slab; any other mark yields mask 0, and NULL for a
 * slab. Or it says "first frame of a block", and how many frames.
 *
 * BLOCKS. 1 to 8 frames, then four sizes to a doubling: the mark has five bits
 * for the size. A block that shrinks gives its tail back and stays.
 *
 * FRAME_DMA takes a block whatever the size, since a cache cannot tell its
 * objects apart.
 *
 * LOCKS. None of its own. Contexts: as slab.c.
 *
 * COST. To 1 KiB: the cache's, and 7 to take (none if the compiler knows the size), 12 to give back.
 */

#define MM_NO_SHORT_NAMES
#include <mm/malloc.h>

#include "slab_internal.h"

/* Sizes beyond MALLOC_SMALL_MAX: four classes to a doubling; the caches end here. */
#define MEDIUM_MAX KiB(8)
#define MEDIUM_CLASSES 12

/* Step from one to the next in the first doubling of them. */
#define MEDIUM_STEP (MALLOC_SMALL_MAX / 4)

struct slab_cache *malloc_small[MALLOC_SMALL_INDEX(MALLOC_SMALL_MAX) + 1];

static struct slab_cache *medium[MEDIUM_CLASSES]; /* NULL: a block */

/* Mask that leads from an object of malloc's to its slab, by the mark of its frame; 0 for any other mark. */
#define SLAB_MASK(order) [FRAME_KIND_SLAB | (SLAB_DETAIL_MALLOC + (order)) << 3] = -(int32_t) (PAGE_SIZE << (order))

static const int32_t slab_masks[256] = { SLAB_MASK(0), SLAB_MASK(1), SLAB_MASK(2), SLAB_MASK(3) };

_Static_assert(SLAB_MAX_ORDER == 3, "slab_masks has an entry for each order");

/* ---- classes ---- */

/* Four steps to a doubling: eighths of a KiB, quarters of a KiB and pages are counted in them. */
static const uint8_t step_sizes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96,
	112, 128 };

/* The smallest step whose size is at least this, which is at least 1. */
static unsigned step_of(size_t size)
{
	unsigned bits;

	if (size <= 8)
		return (unsigned) size - 1;
	bits = (unsigned) (SLAB_WORD_BITS - 1) - (unsigned) __builtin_clzl(size - 1);
	return (bits - 1) * 4 + (unsigned) ((size - 1) >> (bits - 2) & 3);
}

static unsigned medium_class(size_t size)
{
	return step_of((size + MEDIUM_STEP - 1) / MEDIUM_STEP) - step_of(4) - 1;
}

/* The cache for this size, or NULL: it takes a block. */
static inline struct slab_cache *cache_for(size_t size)
{
	if (likely(size <= MALLOC_SMALL_MAX))
		return malloc_small[MALLOC_SMALL_INDEX(size)];
	return size <= MEDIUM_MAX ? medium[medium_class(size)] : NULL;
}

/* ---- blocks ---- */

static pfn_t frame_number(const void *address)
{
	return KA2PA((uintptr_t) address) >> PAGE_WIDTH;
}

/* By the number of pages, the class of a block that has them. Filled by malloc_init. */
static uint8_t block_classes[(MALLOC_MAX >> PAGE_WIDTH) + 1];

static unsigned block_class(size_t size)
{
	return block_classes[(size + PAGE_SIZE - 1) >> PAGE_WIDTH];
}

static size_t block_frames(const void *block)
{
	return step_sizes[frame_detail(frame_number(block))];
}

/* A block at a multiple of align; a page's alignment is there anyway. */
static NOINLINE void *block_alloc(size_t align, size_t size, frame_flags_t flags)
{
	unsigned size_class = block_class(size);
	phys_t base = frame_alloc(step_sizes[size_class], flags & ~FRAME_HIGHMEM, align > PAGE_SIZE ? align - 1 : 0);

	if (base == 0)
		return NULL;
	frame_mark_first(base >> PAGE_WIDTH, FRAME_KIND_BLOCK, size_class);
	return (void *) PA2KA(base);
}

static void block_free(void *block)
{
	size_t frames = block_frames(block);
	pfn_t first = frame_number(block);
	bool run = ((frames | first) & (frames - 1)) == 0; /* as it was taken, or what was left when it shrank */

	frame_mark_first(first, FRAME_KIND_PLAIN, run ? (unsigned) __builtin_ctzl(frames) : 0);
	frame_free(KA2PA((uintptr_t) block), frames);
}

/* Gives back what of a block is not needed for size bytes. */
static void block_shrink(void *block, size_t size)
{
	unsigned size_class = block_class(size);
	size_t had = block_frames(block), keep = step_sizes[size_class];

	if (keep >= had)
		return;
	frame_mark_first(frame_number(block), FRAME_KIND_BLOCK, size_class);
	frame_free(KA2PA((uintptr_t) block) + (keep << PAGE_WIDTH), had - keep);
}

/* ---- taking ---- */

COLD static void __attribute__((noreturn)) panic_too_large(const char *function, size_t size, void *caller)
{
	port_panic("%s(%zu), called at %p: the limit is %zu bytes (MALLOC_MAX); km_alloc serves more", function, size,
		caller, (size_t) MALLOC_MAX);
}

static NOINLINE void *alloc_cleared(struct slab_cache *cache, frame_flags_t flags, void *caller)
{
	void *address = slab_alloc_for(cache, flags, caller);

	return address != NULL ? __builtin_memset(address, 0, cache->size) : NULL;
}

static void *alloc_uninjected(size_t align, size_t size, frame_flags_t flags, void *caller)
{
	struct slab_cache *cache = flags & FRAME_DMA || align > PAGE_SIZE / 2 ? NULL : cache_for(size);

	if (cache == NULL)
		return block_alloc(align, size, flags);
	if (flags & FRAME_ZERO)
		return alloc_cleared(cache, flags, caller);
	return slab_alloc_for(cache, flags, caller);
}

COLD static void *alloc_injected(size_t align, size_t size, frame_flags_t flags, void *caller)
{
	return !(flags & FRAME_NO_WAIT) && inject_now() ? NULL : alloc_uninjected(align, size, flags, caller);
}

/* All requests but the plain small ones. align is a power of two that divides size, or no more than malloc promises. */
static void *alloc_special(size_t align, size_t size, frame_flags_t flags, void *caller)
{
	if (unlikely(size > MALLOC_MAX))
		panic_too_large("malloc", size, caller);
	if (flags & FRAME_ATOMIC && unlikely(__atomic_load_n(&inject_armed, __ATOMIC_RELAXED)))
		return alloc_injected(align, size, flags, caller);
	return alloc_uninjected(align, size, flags, caller);
}

void *mm_malloc(size_t size, frame_flags_t flags)
{
	if (unlikely(size > MALLOC_SMALL_MAX || flags != 0))
		return alloc_special(1, size, flags, __builtin_return_address(0));
	return slab_alloc_for(malloc_small[MALLOC_SMALL_INDEX(size)], 0, __builtin_return_address(0));
}

void *mm_memalign(size_t align, size_t size, frame_flags_t flags)
{
	void *caller = __builtin_return_address(0);

	if (unlikely(!IS_POWER_OF_TWO(align) || align > MALLOC_MAX))
		port_panic("memalign(%zu, %zu), called at %p: the alignment is to be a power of two, at most %zu", align, size,
			caller, (size_t) MALLOC_MAX);
	if (unlikely(size > MALLOC_MAX))
		panic_too_large("memalign", size, caller);
	return alloc_special(align, ALIGN_UP(size != 0 ? size : 1, align), flags, caller);
}

/* ---- giving back ---- */

/* The slab of an object of malloc's; NULL if the address lies in none. */
static inline struct slab *slab_at(const void *address)
{
	pfn_t pfn = FRAME_FIRST + (((uintptr_t) address - IDENTITY_VIRT) >> PAGE_WIDTH);

	/* The byte was there before the slab had objects: what brought the address here orders it. A HOLE's mask is 0. */
	return (struct slab *) ((uintptr_t) address & (uintptr_t) (intptr_t) slab_masks[frame_byte(pfn, __ATOMIC_RELAXED)]);
}

static inline bool is_block(const void *address)
{
	uint8_t state = frame_byte(frame_number(address), __ATOMIC_RELAXED); /* what brought the address here orders it */

	return (state & 7) == FRAME_KIND_BLOCK && state >> 3 < SLAB_DETAIL_BLOCK_FREE;
}

/* The block that has this address in its midst, or NULL. */
static void *block_around(const void *address)
{
	uintptr_t page = ALIGN_DOWN((uintptr_t) address, PAGE_SIZE);

	for (size_t back = 0; back < MALLOC_MAX >> PAGE_WIDTH; back++, page -= PAGE_SIZE)
		if (is_block((void *) page))
			return back < block_frames((void *) page) ? (void *) page : NULL;
	return NULL;
}

/* Stops the kernel, telling what an address is that malloc did not give out. */
COLD static void __attribute__((noreturn)) panic_wrong(const char *function, const void *address, void *caller)
{
	pfn_t pfn = frame_number(address);
	enum frame_kind kind = frame_kind(pfn);
	void *block = block_around(address);

	if (block != NULL)
		port_panic("%s(%p), called at %p: it is in the midst of the %zu bytes at %p", function, address, caller,
			block_frames(block) << PAGE_WIDTH, block);
	if (kind == FRAME_KIND_SLAB || kind == FRAME_KIND_BLOCK)
		port_panic("%s(%p), called at %p: it belongs to an object cache%s%s; slab_free gives it back", function,
			address, caller, kind == FRAME_KIND_SLAB ? ": " : "",
			kind == FRAME_KIND_SLAB ? slab_of_order(address, frame_detail(pfn) % SLAB_DETAIL_MALLOC)->cache->name : "");
	port_panic("%s(%p), called at %p: it %s", function, address, caller,
		kind == FRAME_KIND_FREE || kind == FRAME_KIND_CACHED ? "is free already (double free)" : "was never allocated");
}

/* Gives back an address that lies in no slab of malloc's. Not inline, for the sake of mm_free's registers. */
static NOINLINE void free_other(void *address, void *caller)
{
	if (address == NULL)
		return;
	if (!is_block(address) || (uintptr_t) address % PAGE_SIZE != 0)
		panic_wrong("free", address, caller);
	block_free(address);
}

void mm_free(void *address)
{
	struct slab *slab = slab_at(address);

	if (unlikely(slab == NULL))
		return free_other(address, __builtin_return_address(0));
	slab_debug_freed(slab->cache, address, __builtin_return_address(0));
	slab_free_hot(slab->cache, address);
}

/* ---- the rest ---- */

static size_t size_at(const void *address, const char *function, void *caller)
{
	const struct slab *slab = slab_at(address);

	if (slab != NULL)
		return slab->cache->size;
	if (!is_block(address) || (uintptr_t) address % PAGE_SIZE != 0)
		panic_wrong(function, address, caller);
	return block_frames(address) << PAGE_WIDTH;
}

size_t mm_malloc_size(const void *address)
{
	return size_at(address, "malloc_size", __builtin_return_address(0));
}

/* Whether the first bytes of an allocation are where the flags want them: with FRAME_DMA, in reach of every device. */
static bool is_placed(const void *address, size_t size, frame_flags_t flags)
{
	return !(flags & FRAME_DMA) || KA2PA((uintptr_t) address) + (size != 0 ? size - 1 : 0) < ARCH_DMA_LIMIT;
}

/* Whether an allocation of `had` bytes need not move to have `size`; a block that has too many frees them. */
static bool stays(void *old, size_t had, size_t size, frame_flags_t flags)
{
	if (size > had || !is_placed(old, size, flags))
		return false;
	if (slab_at(old) != NULL)
		return cache_for(size) == slab_at(old)->cache;
	if (!(flags & FRAME_DMA) && cache_for(size) != NULL)
		return false;
	block_shrink(old, size);
	return true;
}

/* Does what FRAME_ZERO asks of an allocation that stays: clears what it has beyond size bytes. */
static void *clear_rest(void *address, size_t size, frame_flags_t flags)
{
	if (flags & FRAME_ZERO)
		__builtin_memset((char *) address + size, 0, mm_malloc_size(address) - size);
	return address;
}

void *mm_realloc(void *old, size_t size, frame_flags_t flags)
{
	void *caller = __builtin_return_address(0), *address;
	size_t had;

	if (old == NULL)
		return alloc_special(1, size, flags, caller);
	had = size_at(old, "realloc", caller);
	if (stays(old, had, size, flags))
		return clear_rest(old, size, flags);
	address = alloc_special(1, size, flags, caller);
	if (address == NULL) /* if it could only not move to a smaller place, it has room where it is */
		return size <= had && is_placed(old, size, flags) ? clear_rest(old, size, flags) : NULL;
	__builtin_memcpy(address, old, size < had ? size : had);
	mm_free(old);
	return address;
}

/* ---- setting up ---- */

/* Bytes of the class of so many times 8: every multiple of MALLOC_ALIGN up to 64, four to a doubling beyond. */
static size_t class_size(size_t units)
{
	size_t size = step_sizes[step_of(units)] * 8;

	return size <= 8 ? 8 : ALIGN_UP(size, MALLOC_ALIGN);
}

static struct slab_cache *make_class(size_t size)
{
	size_t align = size & -size;
	const struct slab_cache_options options = { .align = align, .flags = SLAB_MALLOC };
	char name[] = "malloc-0000";
	char *digit = &name[sizeof name - 1];

	for (size_t rest = size; rest > 0; rest /= 10)
		*--digit = (char) ('0' + rest % 10);
	for (char *to = &name[sizeof "malloc-" - 1]; (*to = *digit) != 0; to++)
		digit++;
	return slab_cache_create(name, size, &options, FRAME_ATOMIC);
}

static bool make_small(void)
{
	struct slab_cache *cache = NULL;

	for (size_t units = 0; units < ARRAY_COUNT(malloc_small); units++) {
		size_t size = class_size(units != 0 ? units : 1);

		if (cache == NULL || cache->size != size)
			cache = make_class(size);
		if (cache == NULL)
			return false;
		malloc_small[units] = cache;
	}
	return true;
}

static bool make_medium(void)
{
	for (unsigned size_class = 0; size_class < MEDIUM_CLASSES; size_class++) {
		size_t size = step_sizes[step_of(4) + 1 + size_class] * MEDIUM_STEP;

		if (size % PAGE_SIZE == 0)
			continue;
		medium[size_class] = make_class(size);
		if (medium[size_class] == NULL)
			return false;
	}
	return true;
}

errno_t malloc_init(void)
{
	for (size_t pages = 1; pages < ARRAY_COUNT(block_classes); pages++)
		block_classes[pages] = (uint8_t) step_of(pages);
	return make_small() && make_medium() ? EOK : ENOMEM;
}
