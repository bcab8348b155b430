/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Virtual ranges. What random sequences show is in test/vmem_model.c; here are the promises, one by one.
 */

#include <test.h>

#define QUANTUM ((size_t) 0x100)
#define BASE ((uintptr_t) 0x10000)

static struct vmem arena, child;

static const struct vmem_options small_quantum = { .quantum = QUANTUM };

/* An arena with one span of so many quanta. */
MUST_USE static bool arena_make(size_t quanta)
{
	NEED_OR(test_vmem_init(&arena, "test", &small_quantum, FRAME_ATOMIC) == EOK, false);
	NEED_OR(vmem_add(&arena, BASE, quanta * QUANTUM, FRAME_ATOMIC) == EOK, false);
	return true;
}

static size_t free_quanta(struct vmem *of)
{
	struct vmem_info info;

	vmem_get_info(of, &info);
	return info.free / QUANTUM;
}

static enum vmem_kind kind_at(struct vmem *of, uintptr_t address)
{
	struct vmem_range range;

	return vmem_find(of, address, &range) && range.start <= address ? range.kind : VMEM_FREE;
}

TEST(vmem_all_of_it, "a span is given out to the last quantum, then nothing, whatever the flags")
{
	uintptr_t at;

	if (!arena_make(64))
		return;
	for (size_t i = 0; i < 64; i++)
		NEED(vmem_alloc(&arena, 1, FRAME_ATOMIC, &at) == EOK);
	at = 7;
	CHECK_EQ(vmem_alloc(&arena, 1, FRAME_ATOMIC, &at), ENOMEM);
	CHECK_EQ(vmem_alloc(&arena, 1, 0, &at), ENOMEM);
	CHECK_EQ(at, 7);
	CHECK_EQ(free_quanta(&arena), 0);
}

TEST(vmem_not_lost, "ranges given back in any order join again to the whole span")
{
	static const unsigned order[] = { 3, 0, 7, 5, 1, 6, 2, 4 };
	uintptr_t at[8], whole;

	if (!arena_make(8 * 5))
		return;
	for (size_t i = 0; i < 8; i++)
		NEED(vmem_alloc(&arena, 5 * QUANTUM - 1, FRAME_ATOMIC, &at[i]) == EOK);
	CHECK_EQ(free_quanta(&arena), 0);
	for (size_t i = 0; i < 8; i++)
		vmem_free(&arena, at[order[i]], 5 * QUANTUM - 1);
	NEED(vmem_alloc(&arena, 40 * QUANTUM, FRAME_ATOMIC, &whole) == EOK);
	CHECK_EQ(whole, BASE);
}

TEST(vmem_exact_fit, "a hole of 5 is found for 5 when nothing larger is there, though its list begins at 4")
{
	uintptr_t at[8], again;

	if (!arena_make(8 * 5))
		return;
	for (size_t i = 0; i < 8; i++)
		NEED(vmem_alloc(&arena, 5 * QUANTUM, FRAME_ATOMIC, &at[i]) == EOK);
	vmem_free(&arena, at[4], 5 * QUANTUM);
	NEED(vmem_alloc(&arena, 5 * QUANTUM, FRAME_ATOMIC, &again) == EOK);
	CHECK_EQ(again, at[4]);
}

TEST(vmem_aligned, "a range has the alignment and phase asked for, wherever that is free")
{
	struct vmem_request request = VMEM_REQUEST(3 * QUANTUM);
	uintptr_t at;

	if (!arena_make(256))
		return;
	request.align = 32 * QUANTUM;
	request.phase = 30 * QUANTUM;
	for (size_t i = 0; i < 7; i++) {
		NEED(vmem_alloc_request(&arena, &request, FRAME_ATOMIC, &at) == EOK);
		CHECK_EQ((at - request.phase) & (request.align - 1), 0);
	}
	/* The eighth would have two quanta only before the span's end. */
	CHECK_EQ(vmem_alloc_request(&arena, &request, FRAME_ATOMIC, &at), ENOMEM);
	CHECK_EQ(free_quanta(&arena), 256 - 7 * 3);
}

TEST(vmem_bounds, "with bounds it is the lowest free range within, to the last byte; else none")
{
	struct vmem_request request = VMEM_REQUEST(4 * QUANTUM);
	uintptr_t at;

	if (!arena_make(64))
		return;
	request.lower = BASE + 10 * QUANTUM + 1;
	request.last = BASE + 19 * QUANTUM - 1;
	NEED(vmem_alloc_request(&arena, &request, FRAME_ATOMIC, &at) == EOK);
	CHECK_EQ(at, BASE + 11 * QUANTUM);
	NEED(vmem_alloc_request(&arena, &request, FRAME_ATOMIC, &at) == EOK);
	CHECK_EQ(at, BASE + 15 * QUANTUM);
	CHECK_EQ(vmem_alloc_request(&arena, &request, FRAME_ATOMIC, &at), ENOMEM);
	request.lower = BASE + 64 * QUANTUM;
	request.last = UINTPTR_MAX;
	CHECK_EQ(vmem_alloc_request(&arena, &request, FRAME_ATOMIC, &at), ENOMEM);
}

TEST(vmem_take_exactly,
	"a range at an address is taken if it is free, and who is in the way is told apart from nothing there")
{
	if (!arena_make(16))
		return;
	NEED(vmem_take(&arena, BASE + 4 * QUANTUM, 4 * QUANTUM, FRAME_ATOMIC) == EOK);
	if (!test_injecting()) {
		CHECK_EQ(vmem_take(&arena, BASE + 7 * QUANTUM, QUANTUM, FRAME_ATOMIC), EEXIST);
		CHECK_EQ(vmem_take(&arena, BASE, 16 * QUANTUM, FRAME_ATOMIC), EEXIST);
		CHECK_EQ(vmem_take(&arena, BASE, 17 * QUANTUM, FRAME_ATOMIC), ENOENT);
		CHECK_EQ(vmem_take(&arena, BASE - QUANTUM, 2 * QUANTUM, FRAME_ATOMIC), ENOENT);
	}
	CHECK_EQ(vmem_take(&arena, BASE + 1, QUANTUM, FRAME_ATOMIC), EINVAL);
	CHECK_EQ(vmem_take(&arena, BASE, 0, FRAME_ATOMIC), EINVAL);
	CHECK_EQ(vmem_take(&arena, BASE, SIZE_MAX & ~(QUANTUM - 1), FRAME_ATOMIC), EINVAL);
	NEED(vmem_take(&arena, BASE + 8 * QUANTUM, 8 * QUANTUM, FRAME_ATOMIC) == EOK);
	CHECK_EQ(free_quanta(&arena), 4);
}

TEST(vmem_spans, "ranges do not reach from one span into the next; a span in use stays, one that is not goes")
{
	uintptr_t at;

	if (!arena_make(8))
		return;
	NEED(vmem_add(&arena, BASE + 8 * QUANTUM, 8 * QUANTUM, FRAME_ATOMIC) == EOK);
	CHECK_EQ(vmem_alloc(&arena, 9 * QUANTUM, FRAME_ATOMIC, &at), ENOMEM);
	if (!test_injecting())
		CHECK_EQ(vmem_add(&arena, BASE + 15 * QUANTUM, 8 * QUANTUM, FRAME_ATOMIC), EEXIST);
	NEED(vmem_take(&arena, BASE + 8 * QUANTUM, QUANTUM, FRAME_ATOMIC) == EOK);
	CHECK_EQ(vmem_remove(&arena, BASE + 8 * QUANTUM, 8 * QUANTUM), EBUSY);
	CHECK_EQ(vmem_remove(&arena, BASE, 16 * QUANTUM), ENOENT);
	CHECK_EQ(vmem_remove(&arena, BASE, 8 * QUANTUM), EOK);
	CHECK_EQ(vmem_destroy(&arena), EBUSY);
	vmem_free(&arena, BASE + 8 * QUANTUM, QUANTUM);
	CHECK_EQ(free_quanta(&arena), 8);
}

TEST(vmem_parent_stays, "an arena that another imports from is not destroyed, though nothing of it is taken")
{
	const struct vmem_options options = { .quantum = QUANTUM, .parent = &arena };

	if (!arena_make(8))
		return;
	NEED(vmem_init(&child, "child", &options, FRAME_ATOMIC) == EOK);
	CHECK_EQ(vmem_destroy(&arena), EBUSY);
	CHECK_EQ(free_quanta(&arena), 8);
	CHECK_EQ(vmem_destroy(&child), EOK);
}

TEST(vmem_ends, "a span may begin at 0 and another end at the last address there is")
{
	uintptr_t last = (uintptr_t) -QUANTUM;
	struct vmem_range range;

	NEED(test_vmem_init(&arena, "test", &small_quantum, FRAME_ATOMIC) == EOK);
	NEED(vmem_add(&arena, 0, QUANTUM, FRAME_ATOMIC) == EOK);
	NEED(vmem_add(&arena, last - QUANTUM, 2 * QUANTUM, FRAME_ATOMIC) == EOK);
	CHECK_EQ(vmem_add(&arena, last, 2 * QUANTUM, FRAME_ATOMIC), EINVAL);
	NEED(vmem_take(&arena, last, QUANTUM, FRAME_ATOMIC) == EOK);
	NEED(vmem_take(&arena, 0, QUANTUM, FRAME_ATOMIC) == EOK);
	CHECK(vmem_find(&arena, QUANTUM, &range) && range.start == last - QUANTUM && range.kind == VMEM_FREE);
	CHECK(vmem_find(&arena, UINTPTR_MAX, &range) && range.start == last && range.kind == VMEM_TAKEN);
	CHECK_EQ(range.start + range.size, 0);
}

TEST(vmem_resized, "a range grows into what is free behind it, and leaves what it does not need")
{
	if (!arena_make(16))
		return;
	NEED(vmem_take(&arena, BASE, 4 * QUANTUM, FRAME_ATOMIC) == EOK);
	NEED(vmem_take(&arena, BASE + 8 * QUANTUM, 8 * QUANTUM, FRAME_ATOMIC) == EOK);
	NEED(vmem_resize(&arena, BASE, 4 * QUANTUM, 8 * QUANTUM, FRAME_ATOMIC) == EOK);
	CHECK_EQ(free_quanta(&arena), 0);
	if (!test_injecting()) {
		CHECK_EQ(vmem_resize(&arena, BASE, 8 * QUANTUM, 9 * QUANTUM, FRAME_ATOMIC), EEXIST);
		CHECK_EQ(vmem_resize(&arena, BASE, 8 * QUANTUM, 17 * QUANTUM, FRAME_ATOMIC), ENOENT);
	}
	CHECK_EQ(vmem_resize(&arena, BASE, 8 * QUANTUM, 0, FRAME_ATOMIC), EINVAL);
	NEED(vmem_resize(&arena, BASE, 8 * QUANTUM, 3 * QUANTUM, FRAME_ATOMIC) == EOK);
	NEED(vmem_resize(&arena, BASE, 3 * QUANTUM, 5 * QUANTUM, FRAME_ATOMIC) == EOK);
	CHECK_EQ(free_quanta(&arena), 3);
	CHECK_EQ(kind_at(&arena, BASE + 4 * QUANTUM), VMEM_TAKEN);
	CHECK_EQ(kind_at(&arena, BASE + 5 * QUANTUM), VMEM_FREE);
}

/* A child that keeps ranges of up to 4 quanta and takes 16 quanta at a time. */
MUST_USE static bool child_make(void)
{
	const struct vmem_options options = {
		.quantum = QUANTUM, .parent = &arena, .import = 16 * QUANTUM, .cached = 4 * QUANTUM
	};

	NEED_OR(test_vmem_init(&child, "child", &options, FRAME_ATOMIC) == EOK, false);
	return true;
}

TEST(vmem_import, "a child takes spans from its parent, and gives those back that are free")
{
	uintptr_t small, large;

	if (!arena_make(64) || !child_make())
		return;
	NEED(vmem_alloc(&child, 5 * QUANTUM, FRAME_ATOMIC, &small) == EOK);
	if (!test_injecting())
		CHECK_EQ(free_quanta(&arena), 64 - 3 * 5); /* as many of 5 as go into 16 */
	NEED(vmem_alloc(&child, 40 * QUANTUM, FRAME_ATOMIC, &large) == EOK);
	CHECK_EQ(kind_at(&arena, small), VMEM_TAKEN);
	vmem_free(&child, large, 40 * QUANTUM);
	vmem_free(&child, small, 5 * QUANTUM);
	CHECK_EQ(free_quanta(&arena), 64);
	CHECK_EQ(free_quanta(&child), 0);
}

TEST(vmem_import_less, "where the parent has less than the child takes at a time, it has what is needed")
{
	uintptr_t at;

	if (!arena_make(10) || !child_make())
		return;
	NEED(vmem_alloc(&child, 10 * QUANTUM, FRAME_ATOMIC, &at) == EOK);
	CHECK_EQ(at, BASE);
	CHECK_EQ(vmem_alloc(&child, QUANTUM, FRAME_ATOMIC, &at), ENOMEM);
}

TEST(vmem_import_fits, "ranges of one size that is no part of what a child imports at a time leave nothing of it over")
{
	static const size_t sizes[] = { 5, 7, 9, 11, 16, 17 };
	uintptr_t at;

	if (!arena_make(5 * 7 * 9 * 11 * 16 * 17) || !child_make())
		return;
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		uintptr_t first = 0;
		size_t count = 0, span;

		NEED(vmem_take(&arena, BASE, 5 * 7 * 9 * 11 * 16 * 17 * QUANTUM - 120 * sizes[i] * QUANTUM, FRAME_ATOMIC) ==
			EOK);
		span = free_quanta(&arena);
		while (vmem_alloc(&child, sizes[i] * QUANTUM, FRAME_ATOMIC, &at) == EOK) {
			first = count++ == 0 || at < first ? at : first;
		}
		if (!test_injecting())
			CHECK_EQ(count, span / sizes[i]);
		for (; count > 0; count--)
			vmem_free(&child, first + (count - 1) * sizes[i] * QUANTUM, sizes[i] * QUANTUM);
		vmem_free(&arena, BASE, 5 * 7 * 9 * 11 * 16 * 17 * QUANTUM - 120 * sizes[i] * QUANTUM);
	}
}

TEST(vmem_cached, "a small range that is given back is what the next of its size gets, and counts as free")
{
	uintptr_t first, second;
	struct vmem_info info;

	if (!arena_make(64) || !child_make())
		return;
	NEED(vmem_alloc(&child, 3 * QUANTUM, FRAME_ATOMIC, &first) == EOK);
	vmem_free(&child, first, 3 * QUANTUM);
	vmem_get_info(&child, &info);
	CHECK_EQ(info.cached, 3 * QUANTUM);
	CHECK_EQ(info.free, info.total);
	CHECK_EQ(info.taken, 0);
	NEED(vmem_alloc(&child, 2 * QUANTUM + 1, FRAME_ATOMIC, &second) == EOK);
	vmem_get_info(&child, &info);
	CHECK_EQ(first, second);
	CHECK_EQ(info.hits, 1);
}

TEST(vmem_caches_yield, "what the caches of a child keep is not missing when the parent has nothing left")
{
	uintptr_t small[6], whole;

	if (!arena_make(64) || !child_make())
		return;
	for (size_t i = 0; i < ARRAY_COUNT(small); i++)
		NEED(vmem_alloc(&child, 4 * QUANTUM, FRAME_ATOMIC, &small[i]) == EOK);
	for (size_t i = 0; i < ARRAY_COUNT(small); i++)
		vmem_free(&child, small[i], 4 * QUANTUM);
	NEED(vmem_alloc(&arena, 64 * QUANTUM, FRAME_ATOMIC, &whole) == EOK);
	CHECK_EQ(whole, BASE);
}

/* One quantum that is in a cache of the child, and all of its span; the span beside it is taken. */
MUST_USE static bool cached_make(uintptr_t *at)
{
	const struct vmem_options options = { .quantum = QUANTUM, .parent = &arena, .cached = 4 * QUANTUM };

	if (!arena_make(64))
		return false;
	NEED_OR(test_vmem_init(&child, "child", &options, FRAME_ATOMIC) == EOK, false);
	NEED_OR(vmem_alloc(&child, QUANTUM, FRAME_ATOMIC, at) == EOK, false);
	vmem_free(&child, *at, QUANTUM);
	return true;
}

TEST(vmem_cached_by_bounds, "a range in a cache is free: it can be had by bounds, though it is all of an imported span")
{
	struct vmem_request request = VMEM_REQUEST(QUANTUM);
	uintptr_t at, again = 0;

	if (!cached_make(&at))
		return;
	request.lower = at;
	request.last = at + QUANTUM - 1;
	NEED(vmem_alloc_request(&child, &request, FRAME_ATOMIC, &again) == EOK);
	CHECK_EQ(again, at);
}

TEST(vmem_cached_by_name, "a range in a cache can be taken as just that range, and so can one of the parent's")
{
	uintptr_t at;

	if (!cached_make(&at))
		return;
	NEED(vmem_take(&child, at, QUANTUM, FRAME_ATOMIC) == EOK);
	NEED(vmem_take(&child, BASE + 20 * QUANTUM, 3 * QUANTUM, FRAME_ATOMIC) == EOK);
	CHECK_EQ(kind_at(&arena, BASE + 20 * QUANTUM), VMEM_TAKEN);
	if (!test_injecting()) {
		CHECK_EQ(vmem_take(&child, at, QUANTUM, FRAME_ATOMIC), EEXIST);
		CHECK_EQ(vmem_take(&child, BASE + 19 * QUANTUM, 2 * QUANTUM, FRAME_ATOMIC), ENOENT);
		CHECK_EQ(vmem_take(&child, BASE + 63 * QUANTUM, 2 * QUANTUM, FRAME_ATOMIC), ENOENT);
	}
}

TEST(vmem_cached_neighbours, "what caches keep of all sizes is joined to one range when that is wanted")
{
	uintptr_t at[12], whole;
	size_t left = 30;

	if (!arena_make(30) || !child_make())
		return;
	for (size_t i = 0; i < ARRAY_COUNT(at); i++) {
		NEED(vmem_alloc(&child, (1 + i % 4) * QUANTUM, FRAME_ATOMIC, &at[i]) == EOK);
		left -= 1 + i % 4;
	}
	CHECK_EQ(left, 0);
	for (size_t i = 0; i < ARRAY_COUNT(at); i++)
		vmem_free(&child, at[i], (1 + i % 4) * QUANTUM);
	NEED(vmem_alloc(&child, 30 * QUANTUM, FRAME_ATOMIC, &whole) == EOK);
	CHECK_EQ(whole, BASE);
}

TEST(vmem_failed, "only calls that failed count as such, not attempts that others made good")
{
	struct vmem_info info;
	uintptr_t at;

	if (!arena_make(10) || !child_make())
		return;
	NEED(vmem_alloc(&child, 10 * QUANTUM, FRAME_ATOMIC, &at) == EOK);
	vmem_get_info(&child, &info);
	CHECK_EQ(info.failed, 0);
	vmem_get_info(&arena, &info);
	CHECK_EQ(info.failed, 0);
	CHECK_EQ(vmem_alloc(&child, QUANTUM, FRAME_ATOMIC, &at), ENOMEM);
	vmem_get_info(&child, &info);
	CHECK_EQ(info.failed, 1);
}

/* ---- out of memory ---- */

/* A span for so many ranges as there is no memory for. */
#define MANY ((size_t) 1 << 18)

/* Allocates quanta till that is refused. @return how many */
static size_t use_up(struct vmem *of)
{
	uintptr_t at;
	size_t count = 0;

	while (vmem_alloc(of, QUANTUM, FRAME_ATOMIC, &at) == EOK)
		count++;
	return count;
}

static void give_all(struct vmem *of, size_t count)
{
	while (count > 0)
		vmem_free(of, BASE + --count * QUANTUM, QUANTUM);
}

TEST(vmem_out_of_tags, "when memory is gone a call with FRAME_ATOMIC is refused, and goes on when there is some again",
	.plain_only = "it takes all memory")
{
	struct vmem_info info;
	uintptr_t at;
	size_t count;

	if (!arena_make(MANY))
		return;
	(void) test_take_all_frames(0);
	count = use_up(&arena);
	CHECK_EQ(vmem_take(&arena, BASE + (MANY - 8) * QUANTUM, QUANTUM, FRAME_ATOMIC), ENOMEM);
	CHECK_EQ(vmem_add(&arena, BASE + 2 * MANY * QUANTUM, QUANTUM, FRAME_ATOMIC), ENOMEM);
	vmem_get_info(&arena, &info);
	CHECK_EQ(info.taken, count);
	CHECK_EQ(vmem_check(), 0);
	test_free_all_frames();
	NEED(vmem_alloc(&arena, QUANTUM, FRAME_ATOMIC, &at) == EOK);
	CHECK_EQ(at, BASE + count * QUANTUM);
	give_all(&arena, count + 1);
}

static void alloc_one(void *argument)
{
	uintptr_t *at = argument;

	if (vmem_alloc(&child, 5 * QUANTUM, 0, at) != EOK)
		*at = 1;
}

TEST(vmem_waits_for_tags,
	"a call that may sleep sleeps when memory is gone, with no tag in hand, and is woken by one frame", .threads = true,
	.plain_only = "it takes all memory")
{
	static uintptr_t at[6];
	struct test_thread *threads[ARRAY_COUNT(at)];
	phys_t frames[ARRAY_COUNT(at)];
	size_t count;

	if (!arena_make(MANY) || !child_make())
		return;
	for (size_t i = 0; i < ARRAY_COUNT(at); i++)
		NEED((frames[i] = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	(void) test_take_all_frames(0);
	count = use_up(&arena);
	for (size_t i = 0; i < ARRAY_COUNT(at); i++) {
		at[i] = 0;
		threads[i] = test_thread_start("waits", alloc_one, &at[i]);
	}
	CHECK(test_wait_for(frame_sleepers() == ARRAY_COUNT(at), PATIENCE_MS));
	for (size_t i = 0; i < ARRAY_COUNT(at); i++)
		test_frame_free(frames[i], 1);
	for (size_t i = 0; i < ARRAY_COUNT(at); i++)
		test_thread_join(threads[i]);
	test_free_all_frames();
	for (size_t i = 0; i < ARRAY_COUNT(at); i++) {
		CHECK_GT(at[i], 1);
		vmem_free(&child, at[i], 5 * QUANTUM);
	}
	give_all(&arena, count);
}

static void wait_for_frame(void *argument)
{
	phys_t frame = frame_alloc(1, 0, 0);

	frame_free(frame, 1);
	__atomic_store_n((bool *) argument, true, __ATOMIC_RELEASE);
}

#define OF_ONE_SLAB 4

/*
 * Whether a thread that waits for a frame, and has had its reclaim, is served when all ranges are freed that have their
 * tags in a slab of their own. What partial slabs have is allocated before.
 */
static bool frees_for_waiting(size_t cached)
{
	const struct vmem_options options = { .quantum = QUANTUM, .cached = cached };
	struct slab_cache *tags = slab_cache_find("vmem-tag");
	uintptr_t at[OF_ONE_SLAB];
	struct test_thread *thread;
	struct slab_info info;
	bool served = false, in_time;
	void *tag = NULL;
	size_t slabs;

	NEED_OR(tags != NULL && test_vmem_init(&arena, "test", &options, FRAME_ATOMIC) == EOK, true);
	NEED_OR(vmem_add(&arena, BASE, 64 * QUANTUM, FRAME_ATOMIC) == EOK, true);
	frame_reclaim(RECLAIM_FULL, true);
	slab_get_info(tags, &info);
	for (slabs = info.slabs; info.slabs == slabs; slab_get_info(tags, &info))
		NEED_OR((tag = test_slab_alloc(tags, FRAME_ATOMIC)) != NULL, true);
	test_slab_free(tags, tag); /* the only one of the new slab */
	for (size_t i = 0; i < OF_ONE_SLAB; i++)
		NEED_OR(vmem_alloc(&arena, QUANTUM, FRAME_ATOMIC, &at[i]) == EOK, true);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	thread = test_thread_start("waits", wait_for_frame, &served);
	CHECK(test_wait_for(frame_sleepers() == 1, PATIENCE_MS));
	test_sleep_ms(20);
	for (size_t i = 0; i < OF_ONE_SLAB; i++)
		vmem_free(&arena, at[i], QUANTUM);
	in_time = test_wait_for(__atomic_load_n(&served, __ATOMIC_ACQUIRE), PATIENCE_MS);
	test_free_all_frames();
	test_thread_join(thread);
	slab_cache_release(tags);
	return in_time;
}

TEST(vmem_tags_not_kept, "tags that freeing brings are not set aside while a thread waits for memory", .threads = true,
	.plain_only = "it takes all memory")
{
	CHECK(frees_for_waiting(0));
}

TEST(vmem_ranges_not_kept, "nor are ranges kept in a CPU's cache, which keep their tags", .threads = true,
	.plain_only = "it takes all memory")
{
	CHECK(frees_for_waiting(4 * QUANTUM));
}

TEST(vmem_free_without_memory, "giving back, and joining, needs no memory when there is none")
{
	static uintptr_t at[128];

	if (!arena_make(ARRAY_COUNT(at)))
		return;
	for (size_t i = 0; i < ARRAY_COUNT(at); i++)
		NEED(vmem_alloc(&arena, QUANTUM, FRAME_ATOMIC, &at[i]) == EOK);
	(void) test_take_all_frames(0);
	for (size_t i = 0; i < ARRAY_COUNT(at); i += 2)
		vmem_free(&arena, at[i], QUANTUM);
	for (size_t i = 1; i < ARRAY_COUNT(at); i += 2)
		vmem_free(&arena, at[i], QUANTUM);
	CHECK_EQ(free_quanta(&arena), ARRAY_COUNT(at));
	test_free_all_frames();
}

TEST(vmem_options_wrong, "options that make no sense are refused")
{
	struct vmem_options options = { .quantum = 24 };

	CHECK_EQ(vmem_init(&arena, "test", &options, FRAME_ATOMIC), EINVAL);
	options = (struct vmem_options){ .quantum = QUANTUM, .import = QUANTUM + 1 };
	CHECK_EQ(vmem_init(&arena, "test", &options, FRAME_ATOMIC), EINVAL);
	options = (struct vmem_options){ .quantum = QUANTUM, .cached = (VMEM_CACHED_QUANTA + 1) * QUANTUM };
	CHECK_EQ(vmem_init(&arena, "test", &options, FRAME_ATOMIC), EINVAL);
	options = (struct vmem_options){ .quantum = QUANTUM / 2, .parent = &km_arena };
	CHECK_EQ(vmem_init(&arena, "test", &options, FRAME_ATOMIC), EINVAL);
}

/* ---- what stops the kernel ---- */

static void with_range(uintptr_t *at)
{
	(void) !vmem_init(&arena, "test", &small_quantum, 0);
	(void) !vmem_add(&arena, BASE, 16 * QUANTUM, 0);
	(void) !vmem_alloc(&arena, 4 * QUANTUM, 0, at);
}

TEST(vmem_free_part, "giving back another size than was taken is told", .panics = "are not a range taken of arena test")
{
	uintptr_t at = 0;

	with_range(&at);
	vmem_free(&arena, at, 3 * QUANTUM);
}

TEST(vmem_free_twice, "giving back twice is told", .panics = "are not a range taken of arena test")
{
	uintptr_t at = 0;

	with_range(&at);
	vmem_free(&arena, at, 4 * QUANTUM);
	vmem_free(&arena, at, 4 * QUANTUM);
}

/* No bytes, freed to an arena with caches: in a release build, too, nothing before the caches is written. */
static void free_wrong(size_t size)
{
	const struct vmem_options options = { .quantum = QUANTUM, .cached = 4 * QUANTUM };
	uintptr_t at = 0;

	(void) !vmem_init(&arena, "test", &options, 0);
	(void) !vmem_add(&arena, BASE, 16 * QUANTUM, 0);
	(void) !vmem_alloc(&arena, 4 * QUANTUM, 0, &at);
	vmem_free(&arena, at, size);
}

TEST(vmem_free_nothing, "freeing no bytes is told", .panics = "0 bytes at 0x10000 are not a range taken of arena test")
{
	free_wrong(0);
}

TEST(
	vmem_free_wrapping, "freeing so many bytes that they wrap is told", .panics = "are not a range taken of arena test")
{
	free_wrong(SIZE_MAX - 3);
}

TEST(vmem_resize_nothing, "changing the size of no bytes is told", .panics = "are not a range taken of arena test")
{
	uintptr_t at = 0;

	with_range(&at);
	(void) !vmem_resize(&arena, at, 0, QUANTUM, 0);
}

/* An allocation that could be had at once, with interrupts off; from a cache, if there are caches. */
static void alloc_with_interrupts_off(size_t cached)
{
	const struct vmem_options options = { .quantum = QUANTUM, .cached = cached };
	uintptr_t at = 0;
	port_irq_t irq;

	(void) !vmem_init(&arena, "test", &options, 0);
	(void) !vmem_add(&arena, BASE, 16 * QUANTUM, 0);
	(void) !vmem_alloc(&arena, QUANTUM, 0, &at);
	vmem_free(&arena, at, QUANTUM);
	irq = port_irq_save();
	(void) !vmem_alloc(&arena, QUANTUM, 0, &at);
	port_irq_restore(irq);
}

TEST(vmem_may_sleep, "a call that may sleep with interrupts off is told, even if there is nothing to sleep for",
	.panics = "interrupts are off")
{
	alloc_with_interrupts_off(0);
}

TEST(vmem_cached_may_sleep, "the same if a cache has the range", .panics = "interrupts are off")
{
	alloc_with_interrupts_off(4 * QUANTUM);
}

/* ---- threads ---- */

#define THREADS 4
#define ROUNDS 400

static void churn(void *argument)
{
	struct test_random random = TEST_RANDOM((uintptr_t) argument + 1);
	uintptr_t at[16] = { 0 };
	size_t size[16] = { 0 };

	for (size_t round = 0; round < ROUNDS; round++) {
		size_t i = test_random_below(&random, ARRAY_COUNT(at));

		if (size[i] != 0)
			vmem_free(&child, at[i], size[i]);
		size[i] = (1 + test_random_below(&random, 6)) * QUANTUM;
		if (vmem_alloc(&child, size[i], FRAME_ATOMIC, &at[i]) != EOK)
			size[i] = 0;
	}
	for (size_t i = 0; i < ARRAY_COUNT(at); i++)
		if (size[i] != 0)
			vmem_free(&child, at[i], size[i]);
}

TEST(vmem_threads, "threads on one arena with caches, and reclaim among them, leave all of it free", .threads = true,
	.plain_only = "threads may be refused at any time")
{
	struct test_thread *threads[THREADS];

	if (!arena_make(256) || !child_make())
		return;
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = test_thread_start("churn", churn, (void *) i);
	for (size_t i = 0; i < 5; i++) {
		frame_reclaim(RECLAIM_FULL, true);
		test_yield();
	}
	for (size_t i = 0; i < THREADS; i++)
		test_thread_join(threads[i]);
	frame_reclaim(RECLAIM_FULL, true);
	CHECK_EQ(free_quanta(&arena), 256);
}
