/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Mistakes of whoever uses object caches: each stops the kernel and is told as what it is.
 */

#include <test.h>

/* Two objects of the cache that a case misuses. */
static void *objects[2];

static struct slab_cache *plain_cache(size_t size)
{
	struct slab_cache *cache = test_slab_cache_create("test-misuse", size, NULL, 0);

	objects[0] = test_slab_alloc(cache, 0);
	objects[1] = test_slab_alloc(cache, 0);
	return cache;
}

TEST(slab_double_free, "an object given back twice is told as that", .panics = "double free")
{
	struct slab_cache *cache = plain_cache(64);

	slab_free(cache, objects[0]);
	slab_free(cache, objects[0]);
	frame_reclaim(RECLAIM_FULL, true);
}

TEST(slab_double_free_block, "so is one that is a block of frames", .panics = "double free")
{
	struct slab_cache *cache = plain_cache(KiB(12));

	slab_free(cache, objects[0]);
	slab_free(cache, objects[0]);
}

TEST(slab_double_free_gone, "so is one whose slab is gone", .panics = "free already")
{
	struct slab_cache *cache = plain_cache(64);

	slab_free(cache, objects[0]);
	slab_free(cache, objects[1]);
	frame_reclaim(RECLAIM_FULL, true);
	slab_free(cache, objects[0]);
	frame_reclaim(RECLAIM_FULL, true);
}

TEST(slab_free_null, "giving back NULL is told", .panics = "it is NULL")
{
	struct slab_cache *cache = plain_cache(64);

	slab_free(cache, objects[0]);
	slab_free(cache, NULL);
	for (size_t i = 0; i < 2; i++)
		objects[i] = slab_alloc(cache, 0);
}

TEST(slab_free_other_cache, "an object of another cache is told, with that cache's name", .panics = "test-misuse")
{
	struct slab_cache *other = test_slab_cache_create("test-other", 64, NULL, 0);

	(void) plain_cache(64);
	slab_free(other, objects[0]);
	frame_reclaim(RECLAIM_FULL, true);
}

TEST(slab_free_middle, "the middle of an object is told", .panics = "not the start of an object")
{
	struct slab_cache *cache = plain_cache(64);

	slab_free(cache, (char *) objects[0] + 16);
	frame_reclaim(RECLAIM_FULL, true);
}

TEST(slab_free_foreign, "what is no object at all is told", .panics = "never allocated")
{
	struct slab_cache *cache = plain_cache(64);

	slab_free(cache, (void *) PA2KA(test_frame_alloc(1, 0, 0)));
	frame_reclaim(RECLAIM_FULL, true);
}

TEST(slab_sleep_interrupts_off, "asking with interrupts off in a way that may sleep is told, though there is memory",
	.panics = "may sleep")
{
	struct slab_cache *cache = plain_cache(64);

	slab_free(cache, objects[0]);
	(void) port_irq_save();
	objects[0] = slab_alloc(cache, 0);
}

#if CONFIG_DEBUG
TEST(slab_use_after_free, "a write to an object that was given back is told when it is handed out again",
	.panics = "use after free")
{
	struct slab_cache *cache = plain_cache(64);

	slab_free(cache, objects[0]);
	((char *) objects[0])[40] = 1;
	objects[0] = slab_alloc(cache, 0);
}

TEST(slab_use_after_free_check, "and by slab_check before that", .logs = "slab_check(test-after)")
{
	struct slab_cache *cache = test_slab_cache_create("test-after", 64, NULL, FRAME_ATOMIC);
	char kept;

	NEED(cache != NULL);
	NEED((objects[0] = test_slab_alloc(cache, FRAME_ATOMIC)) != NULL);
	NEED((objects[1] = test_slab_alloc(cache, FRAME_ATOMIC)) != NULL);
	test_slab_free(cache, objects[0]);
	frame_reclaim(RECLAIM_FULL, true);
	kept = *(char *) objects[0];
	*(char *) objects[0] = 1;
	CHECK_EQ(slab_check(), 1);
	CHECK(test_logged("slab_check(test-after)"));
	*(char *) objects[0] = kept;
}

TEST(slab_write_beyond, "a write beyond an object's end is told when it is given back", .panics = "beyond its end")
{
	struct slab_cache *cache = plain_cache(61);

	((char *) objects[0])[61] = 1;
	slab_free(cache, objects[0]);
}

TEST(slab_write_before, "a write before an object's start is told when it is given back", .panics = "before its start")
{
	struct slab_cache *cache = plain_cache(64);

	((char *) objects[0])[-1] = 1;
	slab_free(cache, objects[0]);
}

TEST(slab_owner, "what stops the kernel names who had the object last", .panics = "last given back at")
{
	struct slab_cache *cache = plain_cache(64);

	slab_free(cache, objects[0]);
	slab_free(cache, objects[0]);
}

TEST(slab_flags_dma, "a cache asked for memory for DMA, which it cannot keep, is told, though it has an object",
	.panics = "malloc serves FRAME_DMA")
{
	(void) !slab_alloc(plain_cache(64), FRAME_ATOMIC | FRAME_DMA);
}

TEST(slab_flags_zero, "so is one asked for zeros", .panics = "malloc serves FRAME_DMA and FRAME_ZERO")
{
	(void) !slab_alloc(plain_cache(64), FRAME_ATOMIC | FRAME_ZERO);
}
#endif
