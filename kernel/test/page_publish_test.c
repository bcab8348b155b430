/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Publishing: what another CPU sees through a new mapping is what was written
 * before the mapping was made. One thread writes into a frame and maps it, in
 * each of the ways there are; another looks until it finds the mapping, and
 * reads the frame. Nothing orders the two but the entry itself: so a store that
 * does not release, or a look that does not acquire, is a wrong value on a
 * machine of weak order, and a race on the frame's contents to ThreadSanitizer on
 * any.
 */

#include <test.h>

#define RW (PAGE_READ | PAGE_WRITE)
#define LARGE PTL_COVERS(PTL_LEVELS - 2)
#define LARGE_PAGES (LARGE >> PAGE_WIDTH)
#define PAGES(count) ((uintptr_t) (count) *PAGE_SIZE)
#define ROUNDS ((uintptr_t) (test_on_host ? 20 : 5))

/* Not the first entry of a table at any level: that one a table's place on a list has written last. */
static const uintptr_t PLACE = ALIGN_UP((uintptr_t) USER_START, PTL_COVERS(0)) + PTL_COVERS(0) +
	(PTL_LEVELS > 2 ? PTL_COVERS(1) : 0) + (PTL_LEVELS > 3 ? PTL_COVERS(2) : 0);

enum way {
	WAY_RECENT,
	WAY_FEW,
	WAY_NEAR,
	WAY_FAR,
	WAY_RANGE,
	WAY_LARGE,
	WAY_REPLACE,
	WAY_UPDATE,
	WAY_UPDATE_FEW,
	WAYS
};
enum look { LOOK_FIND, LOOK_TRANSLATE, LOOK_RUNS, LOOKS };

static struct {
	struct page_table *table;
	phys_t frame, other; /* one that is written and read, and one that is not */
	uintptr_t va;        /* where the frame comes to be mapped */
	enum way way;
	enum look look;
	uintptr_t round; /* stored before the frame is written */
	uintptr_t seen;  /* the last round in which the reader found the mapping */
	uintptr_t wrong;
	bool stop;
} scene;

/* ---- the reader ---- */

static bool is_found(void)
{
	struct page_mapping found;
	struct page_run run;
	phys_t pa;

	switch (scene.look) {
	case LOOK_FIND:
		found = page_mapping_find(scene.table, scene.va);
		return found.size != 0 && found.pa == scene.frame && (found.flags & PAGE_WRITE) != 0;
	case LOOK_TRANSLATE:
		return page_translate(scene.table, scene.va, &pa) && pa == scene.frame;
	default:
		return page_mapping_runs(scene.table, scene.va, 1, &run, 1) == 1 && run.pa == scene.frame;
	}
}

static void reader_run(void *argument)
{
	uintptr_t done = 0, round;

	(void) argument;
	while (!__atomic_load_n(&scene.stop, __ATOMIC_ACQUIRE)) {
		round = __atomic_load_n(&scene.round, __ATOMIC_ACQUIRE);
		if (round == done || !is_found()) {
			port_relax();
			continue;
		}
		scene.wrong += *(const volatile uintptr_t *) PA2KA(scene.frame) != round;
		done = round;
		__atomic_store_n(&scene.seen, done, __ATOMIC_RELEASE);
	}
}

/* ---- the writer ---- */

static errno_t insert(uintptr_t va, phys_t pa, size_t pages, page_flags_t flags)
{
	return page_mapping_insert(scene.table, va, pa, pages, flags, 0);
}

/* Maps the frame, of which all was written before. */
static errno_t publish(void)
{
	errno_t error;

	switch (scene.way) {
	case WAY_RECENT:
		return insert(scene.va, scene.frame, 1, RW);
	case WAY_FEW:
		return insert(scene.va, scene.frame, 3, RW);
	case WAY_NEAR:
		return insert(scene.va, scene.frame, 11, RW);
	case WAY_FAR: /* a page elsewhere, so that the table is not the one that was changed last */
		error = insert(PLACE + 5 * LARGE, scene.other, 1, RW);
		return error == EOK ? insert(scene.va, scene.frame, 1, RW) : error;
	case WAY_RANGE:
		return insert(scene.va, scene.frame, LARGE_PAGES + 3, RW | PAGE_NO_LARGE);
	case WAY_LARGE:
		return insert(PLACE, ALIGN_DOWN(scene.frame, LARGE), LARGE_PAGES, RW);
	case WAY_REPLACE:
		return page_mapping_replace(scene.table, scene.va, scene.frame, RW);
	default: /* it is mapped already, and becomes what the reader looks for */
		return page_mapping_update(scene.table, scene.va, scene.way == WAY_UPDATE ? 11 : 3, RW, 0);
	}
}

/* What is there before. */
static errno_t prepare(void)
{
	switch (scene.way) {
	case WAY_RECENT:
	case WAY_FEW:
	case WAY_NEAR:
	case WAY_FAR:
		return insert(scene.va + PAGES(20), scene.other, 1, RW);
	case WAY_UPDATE:
	case WAY_UPDATE_FEW:
		return insert(scene.va, scene.frame, 11, PAGE_READ);
	case WAY_REPLACE:
		return insert(scene.va, scene.other, 1, RW);
	default:
		return EOK;
	}
}

static void round_run(uintptr_t round)
{
	CHECK_EQ(prepare(), EOK);
	__atomic_store_n(&scene.round, round, __ATOMIC_RELEASE);
	*(volatile uintptr_t *) PA2KA(scene.frame) = round;
	CHECK_EQ(publish(), EOK);
	CHECK(test_wait_for(__atomic_load_n(&scene.seen, __ATOMIC_ACQUIRE) == round, PATIENCE_MS));
	page_mapping_remove(scene.table, PLACE, 8 * LARGE_PAGES);
}

static void way_run(enum way way, enum look look)
{
	struct test_thread *reader;

	scene.way = way;
	scene.look = look;
	scene.va = way == WAY_LARGE ? PLACE + (scene.frame & (LARGE - 1)) : PLACE + PAGES(3);
	scene.round = scene.seen = 0;
	scene.stop = false;
	reader = test_thread_start("reader", reader_run, NULL);
	for (uintptr_t round = 1; round <= ROUNDS; round++)
		round_run(round);
	__atomic_store_n(&scene.stop, true, __ATOMIC_RELEASE);
	test_thread_join(reader);
}

TEST(page_publish, "who finds a mapping, in whatever way it was made, sees what was written into the frame before",
	.threads = true, .plain_only = "its threads may not be refused")
{
	__builtin_memset(&scene, 0, sizeof scene);
	scene.frame = test_frame_alloc(1, 0, 0);
	scene.other = test_frame_alloc(1, 0, 0);
	scene.table = page_table_create(0);
	for (enum way way = 0; way < WAYS; way++)
		for (enum look look = 0; look < LOOKS; look++)
			if (way < WAY_UPDATE || look == LOOK_FIND)
				way_run(way, look);
	page_table_destroy(scene.table);
	CHECK_EQ(scene.wrong, 0);
}
