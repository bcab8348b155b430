/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Finding while others change: what stays mapped is found at every moment, while
 * pages far apart come and go in great number (a hash table of mappings grows
 * and shrinks meanwhile), and while the large page it is part of is split. And
 * two who map ranges, for whose page tables together there are too few frames.
 */

#include <test.h>

#define RW (PAGE_READ | PAGE_WRITE)
#define LARGE PTL_COVERS(PTL_LEVELS - 2)
#define LARGE_PAGES (LARGE >> PAGE_WIDTH)
#define FINDERS 2
#define STABLE 24
/*
 * Of changes, at least: few where failures are injected, and on machines, where each change interrupts every CPU (and
 * an emulator that lets its CPUs take turns gives a finder 100 ms before the next one answers). The host's CPUs, which
 * are threads, answer each change too.
 */
#define ROUNDS ((size_t) (test_on_host ? 400 : 4))
#define ROUNDS_FEW ((size_t) (test_on_host ? 50 : 1))
#define LOOKS (test_on_host ? 50u : 10u) /* of each finder, at least */
#define SPARSE ((size_t) (test_on_host ? 150 : 15))

static const phys_t FRAMES = (phys_t) LARGE * 8;

struct scene {
	struct page_table *table;
	uintptr_t stable, sparse, large;
	uintptr_t phase; /* odd: the large page is mapped, whole or split */
	bool stop;
	size_t looks[FINDERS]; /* times that a finder has looked at everything */
	size_t wrong[FINDERS];
};

struct finder {
	struct scene *scene;
	size_t number;
};

/* Every so many pages, so that neighbours share nothing. */
static uintptr_t stable_page(const struct scene *scene, size_t i)
{
	return scene->stable + i * 19 * PAGE_SIZE;
}

static bool translates(struct page_table *table, uintptr_t va, phys_t should)
{
	struct page_mapping found = page_mapping_find(table, va);
	phys_t pa;

	return page_translate(table, va, &pa) && pa == should && found.size != 0 && found.pa == should;
}

/* Whether a page of the large one is not found though it was mapped all the while. */
static bool is_missed(const struct scene *scene, size_t offset)
{
	uintptr_t phase = __atomic_load_n(&scene->phase, __ATOMIC_ACQUIRE);

	return phase % 2 != 0 && !translates(scene->table, scene->large + offset, FRAMES + offset) &&
		__atomic_load_n(&scene->phase, __ATOMIC_ACQUIRE) == phase;
}

static void finder_run(void *argument)
{
	struct finder *finder = argument;
	struct scene *scene = finder->scene;
	size_t wrong = 0;

	while (!__atomic_load_n(&scene->stop, __ATOMIC_RELAXED)) {
		for (size_t i = 0; i < STABLE; i++) {
			wrong += !translates(scene->table, stable_page(scene, i) + i, FRAMES + i * PAGE_SIZE + i);
			wrong += is_missed(scene, LARGE - 1);
		}
		wrong += is_missed(scene, 5 * PAGE_SIZE);
		__atomic_store_n(&scene->looks[finder->number], scene->looks[finder->number] + 1, __ATOMIC_RELAXED);
		test_yield();
	}
	scene->wrong[finder->number] = wrong;
}

static void phase_next(struct scene *scene)
{
	__atomic_store_n(&scene->phase, scene->phase + 1, __ATOMIC_RELEASE);
}

/* The large page is made, split, and unmapped. */
static void split(struct scene *scene)
{
	if (page_mapping_insert(scene->table, scene->large, FRAMES, LARGE_PAGES, RW, FRAME_ATOMIC) != EOK)
		return;
	phase_next(scene);
	CHECK_EQ(page_mapping_update(scene->table, scene->large + 7 * PAGE_SIZE, 1, PAGE_READ, FRAME_ATOMIC), EOK);
	phase_next(scene);
	page_mapping_remove(scene->table, scene->large, LARGE_PAGES);
}

/* Pages come and go, far apart. */
static void change(struct scene *scene)
{
	for (size_t i = 0; i < SPARSE; i++)
		(void) !page_mapping_insert(scene->table, scene->sparse + i * 17 * PAGE_SIZE, FRAMES, 1, RW, FRAME_ATOMIC);
	split(scene);
	for (size_t i = 0; i < SPARSE; i++)
		page_mapping_remove(scene->table, scene->sparse + i * 17 * PAGE_SIZE, 1);
}

static bool set_up(struct scene *scene)
{
	for (size_t i = 0; i < STABLE; i++)
		if (page_mapping_insert(scene->table, stable_page(scene, i), FRAMES + i * PAGE_SIZE, 1, RW, FRAME_ATOMIC) !=
			EOK)
			return false;
	return true;
}

static bool all_looked(const struct scene *scene)
{
	for (size_t i = 0; i < FINDERS; i++)
		if (__atomic_load_n(&scene->looks[i], __ATOMIC_RELAXED) < LOOKS)
			return false;
	return true;
}

static void run(struct scene *scene)
{
	struct finder finders[FINDERS];
	struct test_thread *threads[FINDERS];
	size_t rounds = test_injecting() ? ROUNDS_FEW : ROUNDS;

	for (size_t i = 0; i < FINDERS; i++) {
		finders[i] = (struct finder){ scene, i };
		threads[i] = test_thread_start("finder", finder_run, &finders[i]);
	}
	for (size_t i = 0; i < rounds || !all_looked(scene); i++) {
		change(scene);
		test_yield();
	}
	__atomic_store_n(&scene->stop, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < FINDERS; i++) {
		test_thread_join(threads[i]);
		CHECK_EQ(scene->wrong[i], 0);
	}
}

TEST(page_find_while_changing,
	"what stays mapped is found at every moment, whatever comes, goes and is split around it", .threads = true,
	.inject_runs = 6)
{
	struct scene scene = { .table = page_table_create(FRAME_ATOMIC),
		.stable = ALIGN_UP((uintptr_t) USER_START + MiB(256), LARGE),
		.sparse = ALIGN_UP((uintptr_t) USER_START + MiB(512), LARGE),
		.large = ALIGN_UP((uintptr_t) USER_START + MiB(384), LARGE) };
	bool ready;

	NEED(scene.table != NULL);
	ready = set_up(&scene);
	if (ready)
		run(&scene);
	page_table_destroy(scene.table);
	NEED(ready);
}

/* ---- two who want more page tables than there are frames for ---- */

#define PAIR_TABLES 6
#define PAIR_PAGES (PAIR_TABLES * (LARGE_PAGES < 512 ? 512 : LARGE_PAGES))
#define PAIR_ROUNDS ((size_t) (test_on_host ? 100 : 10))

struct mapper {
	struct test_thread *thread;
	struct page_table *table;
	size_t rounds;
};

static errno_t range_insert(struct page_table *table, frame_flags_t alloc)
{
	uintptr_t va = ALIGN_UP((uintptr_t) USER_START + MiB(256), LARGE);

	return page_mapping_insert(table, va, FRAMES, PAIR_PAGES, RW | PAGE_NO_LARGE, alloc);
}

static void range_remove(struct page_table *table)
{
	page_mapping_remove(table, ALIGN_UP((uintptr_t) USER_START + MiB(256), LARGE), PAIR_PAGES);
}

static void mapper_run(void *argument)
{
	struct mapper *mapper = argument;

	for (size_t round = 0; round < PAIR_ROUNDS; round++) {
		errno_t error = range_insert(mapper->table, 0);

		test_yield();
		range_remove(mapper->table);
		__atomic_store_n(&mapper->rounds, mapper->rounds + (error == EOK), __ATOMIC_RELEASE);
	}
}

/* Frames that mapping the range takes. @return 0 if there are not so many */
static size_t frames_for_range(struct page_table *table)
{
	size_t before, after;

	while (frame_reclaim(RECLAIM_FULL, true) != 0)
		;
	before = test_free_frames(FRAME_HIGHMEM);
	if (range_insert(table, FRAME_ATOMIC) != EOK)
		return 0;
	after = test_free_frames(FRAME_HIGHMEM);
	range_remove(table);
	while (frame_reclaim(RECLAIM_FULL, true) != 0)
		;
	return before - after;
}

static void map_both(struct mapper *mappers)
{
	for (size_t i = 0; i < 2; i++)
		mappers[i].thread = test_thread_start("mapper", mapper_run, &mappers[i]);
	for (size_t i = 0; i < 2; i++)
		CHECK(test_wait_for(__atomic_load_n(&mappers[i].rounds, __ATOMIC_ACQUIRE) == PAIR_ROUNDS, PATIENCE_MS));
	test_free_all_frames(); /* they come to their end even if that was wrong */
	for (size_t i = 0; i < 2; i++)
		test_thread_join(mappers[i].thread);
}

TEST(page_two_ranges, "two who map ranges do not sleep for each other's page tables, whatever other frames are free",
	.threads = true, .inject_runs = 6)
{
	struct mapper mappers[2] = { { .table = page_table_create(FRAME_ATOMIC) },
		{ .table = page_table_create(FRAME_ATOMIC) } };
	size_t frames = 0;

	if (mappers[0].table != NULL && mappers[1].table != NULL)
		frames = frames_for_range(mappers[0].table);
	if (frames != 0) {
		(void) test_leave_frames(frames + frames / 2, FRAME_LOWMEM);
		map_both(mappers);
	}
	for (size_t i = 0; i < 2; i++)
		if (mappers[i].table != NULL)
			page_table_destroy(mappers[i].table);
	NEED(frames != 0);
}
