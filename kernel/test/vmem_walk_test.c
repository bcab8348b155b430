/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Walks over all arenas: how long they turn interrupts off, and that an arena does not end under one.
 */

#include <test.h>

#define PAGES(count) ((count) *PAGE_SIZE)

/* Ranges of each size that a CPU's cache keeps (CACHE_DEPTH in generic/vmem_cache.c). */
#define DEPTH 8

static struct vmem arena, before;

static size_t cached_now(void)
{
	struct vmem_info info;

	vmem_get_info(&arena, &info);
	return info.cached;
}

/* An arena whose cache, of the CPU that runs this, has DEPTH ranges of each size. @return whether there was memory */
MUST_USE static bool cache_fill(size_t sizes)
{
	const struct vmem_options options = { .cached = PAGES(VMEM_CACHED_QUANTA) };
	static uintptr_t ranges[DEPTH];
	port_irq_t irq;
	bool done = true;

	NEED_OR(test_vmem_init(&arena, "walks", &options, FRAME_ATOMIC) == EOK, false);
	NEED_OR(vmem_add(&arena, PAGES(256), PAGES(8192), FRAME_ATOMIC) == EOK, false);
	irq = port_irq_save();
	for (size_t size = 1; done && size <= sizes; size++) {
		for (size_t i = 0; i < DEPTH; i++)
			done = done && vmem_alloc(&arena, PAGES(size), FRAME_ATOMIC, &ranges[i]) == EOK;
		for (size_t i = 0; done && i < DEPTH; i++)
			vmem_free(&arena, ranges[i], PAGES(size));
	}
	port_irq_restore(irq);
	return CHECK(done);
}

TEST(vmem_walk_off,
	"with interrupts off a reclaim frees some ranges, the next ones what is left; with interrupts on, one frees all",
	.plain_only = "it fills caches")
{
	size_t cached, reclaims = 0;

	/* A walk comes to it next, after the other: a reclaim ends there. */
	NEED(test_vmem_init(&before, "made-before", NULL, FRAME_ATOMIC) == EOK);
	if (!cache_fill(VMEM_CACHED_QUANTA))
		return;
	(void) frame_reclaim(RECLAIM_FULL, false);
	CHECK_EQ(cached_now(), 0);
	CHECK_EQ(test_vmem_destroy(&arena), EOK);
	if (!cache_fill(VMEM_CACHED_QUANTA))
		return;
	cached = cached_now() + 1;
	while (cached_now() != 0 && cached_now() < cached) {
		port_irq_t irq = port_irq_save();

		cached = cached_now();
		(void) frame_reclaim(RECLAIM_FULL, false);
		port_irq_restore(irq);
		reclaims++;
	}
	CHECK_EQ(cached_now(), 0);
	CHECK_GE(reclaims, 4);
	CHECK_EQ(vmem_check(), 0);
	CHECK_EQ(test_vmem_destroy(&arena), EOK);
	CHECK_EQ(test_vmem_destroy(&before), EOK);
}

/* ---- preempted on purpose ---- */

static size_t cached_before, freed_most;

static void watch_cached(void)
{
	size_t now = cached_now();

	if (now < cached_before && cached_before - now > freed_most)
		freed_most = cached_before - now;
	cached_before = now;
}

TEST(vmem_walk_steps, "with interrupts on a thread can be preempted between any two ranges that a reclaim frees",
	.host_only = "on purpose", .plain_only = "it is about what happens in between")
{
	if (!cache_fill(1))
		return;
	cached_before = cached_now();
	freed_most = 0;
	CHECK_EQ(cached_before, PAGES(DEPTH));
	if (!test_preempt(watch_cached))
		SKIP("only debug builds can be preempted on purpose");
	(void) frame_reclaim(RECLAIM_FULL, false);
	(void) test_preempt(NULL);
	CHECK_EQ(cached_now(), 0);
	CHECK_EQ(freed_most, PAGE_SIZE);
	/* The same of a request that finds no range. */
	CHECK_EQ(test_vmem_destroy(&arena), EOK);
	if (!cache_fill(1))
		return;
	cached_before = cached_now();
	freed_most = 0;
	(void) test_preempt(watch_cached);
	CHECK_EQ(vmem_take(&arena, PAGES(256), PAGES(8192), FRAME_ATOMIC), EOK);
	(void) test_preempt(NULL);
	CHECK_EQ(freed_most, PAGE_SIZE);
	vmem_free(&arena, PAGES(256), PAGES(8192));
	CHECK_EQ(test_vmem_destroy(&arena), EOK);
}

static struct test_semaphore go;
static bool asked, destroyed, was_early;
static errno_t outcome;

static void destroyer_main(void *argument)
{
	(void) argument;
	test_semaphore_down(&go);
	outcome = test_vmem_destroy(&arena);
	__atomic_store_n(&destroyed, true, __ATOMIC_RELEASE);
}

/* In the midst of a walk that is at the arena: for it has freed a range, and not all. */
static void let_destroy(void)
{
	size_t now = cached_now();

	if (asked || now == 0 || now == PAGES(DEPTH))
		return;
	asked = true;
	test_semaphore_up(&go);
	was_early = test_wait_for(__atomic_load_n(&destroyed, __ATOMIC_ACQUIRE), 50);
}

TEST(vmem_walk_destroy, "an arena is there until a reclaim that is at it has gone on", .threads = true,
	.host_only = "on purpose", .plain_only = "it is about what happens in between")
{
	struct test_thread *thread;

	if (!cache_fill(1))
		return;
	asked = destroyed = was_early = false;
	test_semaphore_init(&go, 0);
	thread = test_thread_start("destroys", destroyer_main, NULL);
	if (test_preempt(let_destroy)) {
		(void) frame_reclaim(RECLAIM_FULL, false);
		(void) test_preempt(NULL);
		CHECK(asked);
	}
	if (!asked)
		test_semaphore_up(&go);
	test_thread_join(thread);
	CHECK_EQ(outcome, EOK);
	CHECK(!was_early);
}
