/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * malloc: every size and alignment, the way back, growing and shrinking, and
 * what stops the kernel. What several threads see is in slab_threads_test.c.
 */

#include <test.h>

/* ---- contents ---- */

static void fill(void *block, size_t size, unsigned number)
{
	uint8_t *bytes = block;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t) (number + i * 7);
}

/* The same, of the first and last few bytes only: enough to see a neighbour that overlaps. */
static void fill_ends(void *block, size_t size, unsigned number)
{
	size_t part = size < 64 ? size : 64;

	fill(block, part, number);
	fill((char *) block + size - part, part, number);
}

static bool is_filled(const void *block, size_t size, unsigned number)
{
	const uint8_t *bytes = block;

	for (size_t i = 0; bytes != NULL && i < size; i++)
		if (bytes[i] != (uint8_t) (number + i * 7))
			return false;
	return bytes != NULL;
}

static bool ends_filled(const void *block, size_t size, unsigned number)
{
	size_t part = size < 64 ? size : 64;

	return is_filled((const char *) block + size - part, part, number) &&
		(size >= 2 * part || size == part || is_filled(block, size - part, number));
}

/* What malloc promises of any address: MALLOC_ALIGN, or less for small sizes. */
static size_t promised_align(size_t size)
{
	size_t align = MALLOC_ALIGN;

	while (align > 1 && align > size)
		align /= 2;
	return align;
}

/* ---- sizes ---- */

/* Most that an allocation of this size may take. */
static size_t largest_size(size_t size)
{
	if (size <= 8)
		return 8;
	return size + size / 4 + (size > KiB(7) ? PAGE_SIZE : MALLOC_ALIGN);
}

/* Next size to try: every one up to 9 KiB, then two beside each step of the classes and some odd ones. */
static size_t next_size(size_t size)
{
	return size < 9000 ? size + 1 : size % 2048 == 1 ? size + 2045 : size % 2048 == 2046 ? size + 2 : size + 1;
}

TEST(malloc_sizes, "every size from 0 to the limit: aligned, as large as asked, and nobody else's", .inject_runs = 8)
{
	static struct {
		void *block;
		size_t size;
	} held[16];
	size_t round = 0;

	for (size_t i = 0; i < ARRAY_COUNT(held); i++)
		held[i].block = NULL;
	for (size_t size = 0; size <= MALLOC_MAX; size = next_size(size), round++) {
		size_t slot = round % ARRAY_COUNT(held);

		if (held[slot].block != NULL) {
			CHECK(ends_filled(held[slot].block, held[slot].size, (unsigned) slot));
			test_free(held[slot].block);
		}
		NEED((held[slot].block = test_malloc(size, FRAME_ATOMIC)) != NULL);
		held[slot].size = size;
		CHECK_EQ((uintptr_t) held[slot].block % promised_align(size), 0);
		CHECK_GE(mm_malloc_size(held[slot].block), size);
		CHECK_LE(mm_malloc_size(held[slot].block), largest_size(size));
		fill_ends(held[slot].block, size, (unsigned) slot);
	}
}

TEST(malloc_limit, "the limit itself is served, whole")
{
	void *block = test_malloc(MALLOC_MAX, FRAME_ATOMIC);

	NEED(block != NULL);
	CHECK_EQ(mm_malloc_size(block), MALLOC_MAX);
	fill(block, MALLOC_MAX, 5);
	CHECK(is_filled(block, MALLOC_MAX, 5));
}

TEST(malloc_nothing, "0 bytes give an address of their own, which can be freed")
{
	void *first = test_malloc(0, FRAME_ATOMIC), *second = test_malloc(0, FRAME_ATOMIC);

	NEED(first != NULL && second != NULL);
	CHECK_NE((uintptr_t) first, (uintptr_t) second);
	test_free(first);
	test_free(second);
	mm_free(NULL);
}

TEST(malloc_powers_of_two, "powers of two do not double: their memory is little more than their sum")
{
	if (CONFIG_DEBUG)
		SKIP("objects of debug builds have red zones");
	for (size_t size = 16; size <= KiB(8); size *= 2) {
		static struct test_chain chain;
		struct frame_info before, after;
		size_t count = KiB(512) / size;

		chain = TEST_CHAIN(NULL);
		frame_reclaim(RECLAIM_FULL, true);
		frame_get_info(&before);
		for (size_t i = 0; i < count; i++) {
			void *block = mm_malloc(size, FRAME_ATOMIC);

			NEED(block != NULL);
			test_chain_push(&chain, block);
		}
		frame_reclaim(RECLAIM_FULL, true);
		frame_get_info(&after);
		CHECK_LE(before.free + before.cached - after.free - after.cached, KiB(512) / PAGE_SIZE * 5 / 4);
		test_chain_free(&chain);
	}
}

TEST(malloc_zero, "FRAME_ZERO clears, whatever was there before")
{
	static const size_t sizes[] = { 1, 8, 100, 1000, 3000, KiB(4), KiB(8), 30000, KiB(200) };

	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		char *block = test_malloc(sizes[i], FRAME_ATOMIC);
		size_t dirty = 0;

		NEED(block != NULL);
		fill(block, sizes[i], 9);
		test_free(block);
		NEED((block = test_malloc(sizes[i], FRAME_ATOMIC | FRAME_ZERO)) != NULL);
		for (size_t j = 0; j < sizes[i]; j++)
			dirty += block[j] != 0;
		CHECK_EQ(dirty, 0);
		test_free(block);
	}
}

TEST(malloc_dma, "FRAME_DMA gives what every device reaches, whatever the size")
{
	static const size_t sizes[] = { 10, 1000, 5000, 20000 };

	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		void *block = test_malloc(sizes[i], FRAME_ATOMIC | FRAME_DMA);

		NEED(block != NULL);
		CHECK_LE(KA2PA((uintptr_t) block) + sizes[i], ARCH_DMA_LIMIT);
	}
}

/* ---- alignment ---- */

TEST(malloc_aligned, "every alignment up to the limit, with sizes below and above it", .inject_runs = 24)
{
	static const size_t sizes[] = { 0, 1, 7, 24, 40, 100, 190, 300, 700, 1100, 1500, 2500, 4000, 6000, 9000, 40000 };

	for (size_t align = 1; align <= MALLOC_MAX; align *= 2)
		for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
			void *block = test_memalign(align, sizes[i], FRAME_ATOMIC);

			NEED(block != NULL);
			CHECK_EQ((uintptr_t) block % align, 0);
			CHECK_GE(mm_malloc_size(block), sizes[i]);
			test_free(block);
		}
}

TEST(malloc_natural, "a size that is a power of two is aligned to itself, up to half a page")
{
	for (size_t size = 1; size <= PAGE_SIZE / 2; size *= 2)
		for (size_t i = 0; i < 5; i++) {
			void *block = test_malloc(size, FRAME_ATOMIC);

			NEED(block != NULL);
			CHECK_EQ((uintptr_t) block % size, 0);
		}
}

/* ---- realloc ---- */

TEST(malloc_realloc, "what fits both is kept, growing and shrinking, from nothing to the limit and back",
	.inject_runs = 24)
{
	void *block = test_realloc(NULL, 1, FRAME_ATOMIC);
	size_t size = 1, next;

	NEED(block != NULL);
	fill(block, size, 3);
	for (next = size * 3 / 2 + 1; size < MALLOC_MAX; next = size * 3 / 2 + 1) {
		next = next < MALLOC_MAX ? next : MALLOC_MAX;
		NEED((block = test_realloc(block, next, FRAME_ATOMIC)) != NULL);
		CHECK(is_filled(block, size, 3));
		size = next;
		fill(block, size, 3);
	}
	for (; size > 0; size = next) {
		next = size * 2 / 3;
		NEED((block = test_realloc(block, next, FRAME_ATOMIC)) != NULL);
		CHECK(is_filled(block, next, 3));
		CHECK_GE(mm_malloc_size(block), next);
	}
}

TEST(malloc_realloc_stays, "what is large enough already stays where it is; a block that shrinks gives frames back")
{
	void *small = test_malloc(100, FRAME_ATOMIC), *large = test_malloc(MALLOC_MAX, FRAME_ATOMIC);
	struct frame_info before, after;

	NEED(small != NULL && large != NULL);
	CHECK_PTR(test_realloc(small, mm_malloc_size(small), FRAME_ATOMIC), small);
	frame_get_info(&before);
	CHECK_PTR(test_realloc(large, 5 * PAGE_SIZE, FRAME_ATOMIC), large);
	frame_get_info(&after);
	CHECK_EQ(after.free + after.cached - before.free - before.cached, MALLOC_MAX / PAGE_SIZE - 5);
	CHECK_EQ(mm_malloc_size(large), 5 * PAGE_SIZE);
}

TEST(malloc_realloc_fails, "a realloc that cannot be served leaves the old block whole and where it was")
{
	void *small = test_malloc(100, FRAME_ATOMIC), *large = test_malloc(KiB(20), FRAME_ATOMIC);

	NEED(small != NULL && large != NULL);
	fill(small, 100, 1);
	fill(large, KiB(20), 2);
	(void) test_take_all_frames(0);
	CHECK_NULL(test_realloc(small, KiB(16), FRAME_ATOMIC));
	CHECK_NULL(test_realloc(large, KiB(64), FRAME_ATOMIC));
	CHECK(is_filled(small, 100, 1));
	CHECK(is_filled(large, KiB(20), 2));
	CHECK_PTR(test_realloc(large, KiB(5), FRAME_ATOMIC), large);
	test_free(small);
	test_free(large);
}

TEST(malloc_realloc_shrinks_always, "making a block smaller never fails")
{
	static const size_t sizes[] = { 64, 1000, 5000, KiB(8), KiB(100) };

	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		void *block = test_malloc(sizes[i], FRAME_ATOMIC);

		NEED(block != NULL);
		(void) test_take_all_frames(0);
		fill(block, sizes[i], 1);
		block = test_realloc(block, 1 + sizes[i] / 3, FRAME_ATOMIC);
		CHECK_NOT_NULL(block);
		CHECK(is_filled(block, 1 + sizes[i] / 3, 1));
		test_free(block);
		test_free_all_frames();
	}
}

static size_t first_set(const uint8_t *bytes, size_t from, size_t to)
{
	while (from < to && bytes[from] == 0)
		from++;
	return from;
}

TEST(malloc_realloc_zero, "realloc with FRAME_ZERO: what a shrink cut off is 0 when it grows again, moved or not")
{
	static const struct {
		size_t first, shrunk, grown;
	} cases[] = { { 112, 97, 112 }, { 112, 97, 500 }, { 1000, 10, 1000 }, { 7000, 6200, 7000 },
		{ KiB(12), KiB(9), KiB(12) }, { KiB(64), KiB(57) + 1, KiB(64) }, { KiB(64), KiB(20) + 1, KiB(100) },
		{ 64, 0, 64 } };
	const frame_flags_t flags = FRAME_ATOMIC | FRAME_ZERO;

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		uint8_t *block = test_malloc(cases[i].first, flags);
		size_t kept = cases[i].shrunk;

		NEED(block != NULL);
		CHECK_EQ(first_set(block, 0, cases[i].first), cases[i].first);
		__builtin_memset(block, 0x5a, cases[i].first);
		NEED((block = test_realloc(block, kept, flags)) != NULL);
		NEED((block = test_realloc(block, cases[i].grown, flags)) != NULL);
		if (!CHECK_EQ(first_set(block, kept, cases[i].grown), cases[i].grown))
			test_note("case %zu", i);
		test_free(block);
	}
}

TEST(malloc_realloc_zero_refused, "FRAME_ZERO holds of a block that could only not move to a smaller place",
	.frames = 64)
{
	uint8_t *block = test_malloc(KiB(40), FRAME_ATOMIC | FRAME_ZERO);

	NEED(block != NULL);
	__builtin_memset(block, 0x5a, KiB(40));
	(void) test_take_all_frames(0);
	CHECK_NOT_NULL(block = test_realloc(block, 5000, FRAME_ATOMIC | FRAME_ZERO));
	CHECK_EQ(first_set(block, 5000, mm_malloc_size(block)), mm_malloc_size(block));
	test_free(block);
}

static bool is_reached(const void *block, size_t size)
{
	return KA2PA((uintptr_t) block) + size <= ARCH_DMA_LIMIT;
}

/* *block receives a block of this size that not every device reaches, or NULL. @return false if malloc has no such */
static bool unreached(size_t size, void **block)
{
	*block = test_malloc(size, FRAME_ATOMIC);
	if (*block == NULL || !is_reached(*block, size))
		return true;
	test_free(*block);
	return false;
}

TEST(malloc_realloc_dma, "realloc with FRAME_DMA gives what every device reaches; without memory there, NULL")
{
	static const size_t sizes[][2] = { { 100, 100 }, { 100, 50 }, { 100, 300 }, { KiB(16), KiB(16) },
		{ KiB(64), KiB(20) }, { KiB(64), 100 } };

	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		void *block, *moved, *again;

		if (!unreached(sizes[i][0], &block))
			SKIP("all memory here is reached by every device");
		NEED(block != NULL);
		fill(block, sizes[i][0], 1);
		NEED((moved = test_realloc(block, sizes[i][1], FRAME_ATOMIC | FRAME_DMA)) != NULL);
		CHECK(is_reached(moved, sizes[i][1]));
		CHECK(is_filled(moved, sizes[i][0] < sizes[i][1] ? sizes[i][0] : sizes[i][1], 1));
		CHECK_PTR(again = test_realloc(moved, 1, FRAME_ATOMIC | FRAME_DMA), moved); /* it is placed right: it stays */
		test_free(again);
	}
}

TEST(malloc_realloc_dma_refused, "an allocation that no device reaches is not passed off as one for DMA", .frames = 64)
{
	void *block;

	if (!unreached(KiB(8), &block))
		SKIP("all memory here is reached by every device");
	NEED(block != NULL);
	(void) test_take_all_frames(0);
	CHECK_NULL(test_realloc(block, 100, FRAME_ATOMIC | FRAME_DMA));
	test_free(block);
}

/* ---- want of memory ---- */

TEST(malloc_exhausted, "with FRAME_ATOMIC and no memory there is NULL, for every size; what is freed can be had again")
{
	static const size_t sizes[] = { 1, 64, 500, 3000, KiB(4), KiB(64), KiB(256) };
	void *block = test_malloc(KiB(8), FRAME_ATOMIC);

	NEED(block != NULL);
	(void) test_take_all_frames(0);
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		static struct test_chain chain;
		void *got;

		chain = TEST_CHAIN(NULL);
		while ((got = mm_malloc(sizes[i], FRAME_ATOMIC)) != NULL) {
			if (sizes[i] < sizeof(void *)) {
				mm_free(got);
				break;
			}
			test_chain_push(&chain, got);
		}
		test_chain_free(&chain);
	}
	test_free(block);
	NEED(test_malloc(KiB(8), FRAME_ATOMIC) != NULL);
}

/* ---- misuse is told ---- */

TEST(malloc_too_large, "more than the limit stops with the size, the limit and what serves more", .panics = "km_alloc")
{
	(void) !test_malloc(MALLOC_MAX + 1, FRAME_ATOMIC);
}

TEST(malloc_too_large_size, "the message has the size", .panics = "malloc(262145)")
{
	(void) !test_malloc(262145, 0);
}

TEST(malloc_aligned_badly, "an alignment that is no power of two is told", .panics = "power of two")
{
	(void) !test_memalign(24, 100, 0);
}

TEST(malloc_aligned_too_widely, "so is one beyond the limit", .panics = "power of two, at most")
{
	(void) !test_memalign(2 * MALLOC_MAX, 100, 0);
}

TEST(malloc_double_free, "freeing twice is told as that", .panics = "double free")
{
	void *block = mm_malloc(100, 0);

	mm_free(block);
	mm_free(block);
	frame_reclaim(RECLAIM_FULL, true);
}

TEST(malloc_double_free_block, "so it is with blocks of frames", .panics = "double free")
{
	void *block = mm_malloc(KiB(20), 0);

	mm_free(block);
	mm_free(block);
}

TEST(malloc_free_never, "freeing what was never allocated is told", .panics = "never allocated")
{
	mm_free((void *) PA2KA(test_frame_alloc(1, 0, 0)));
}

TEST(malloc_free_beyond, "freeing an address that is no memory is told", .panics = "never allocated")
{
	mm_free((void *) (KM_START + 64));
}

TEST(malloc_free_middle, "freeing the midst of a block of frames is told, with the block", .panics = "in the midst of")
{
	mm_free((char *) test_malloc(KiB(40), 0) + KiB(12) + 8);
}

TEST(malloc_free_middle_object, "freeing the midst of a small block is told", .panics = "not the start of an object")
{
	mm_free((char *) test_malloc(100, 0) + 8);
	frame_reclaim(RECLAIM_FULL, true);
}

TEST(malloc_free_object, "freeing an object of a cache is told, with the cache", .panics = "test-object")
{
	struct slab_cache *cache = test_slab_cache_create("test-object", 100, NULL, 0);

	mm_free(test_slab_alloc(cache, 0));
}

TEST(malloc_sleep_interrupts_off, "malloc that may sleep with interrupts off is told, though there is memory",
	.panics = "may sleep")
{
	mm_free(mm_malloc(100, 0));
	(void) port_irq_save();
	mm_free(mm_malloc(100, 0));
}

TEST(malloc_sleep_interrupts_off_block, "so it is with a large block", .panics = "may sleep")
{
	(void) port_irq_save();
	mm_free(mm_malloc(KiB(100), 0));
}
