/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Between any two steps of a change, what is mapped is found by a look-up on the
 * CPU that makes the change: as a TLB miss there needs it on machines whose TLB
 * is filled by software. Debug builds call page_step_hook at each such place;
 * here it looks up every page there is, as if the TLB had just lost all of them.
 *
 * Of a hash table the pages are chosen so that many are in one bucket: chains
 * grow long, are split as the table grows, and joined as it shrinks.
 */

#include <test.h>

#if CONFIG_DEBUG

#define RW (PAGE_READ | PAGE_WRITE)
#define LARGE PTL_COVERS(PTL_LEVELS - 2)
#define LARGE_PAGES (LARGE >> PAGE_WIDTH)
#define DISTANCE ((uintptr_t) 16 * PAGE_SIZE) /* pages so far apart share nothing in a hash table */
#define PAGES ((size_t) (test_on_host ? 300 : 120))
#define PAGES_ROOM 300
#define CROWDED 40 /* of these, in one bucket of a small table */
#define BUCKETS_SMALL 64
#define LOOKS_IN_LARGE 8

static const uintptr_t PLACE = ALIGN_UP((uintptr_t) USER_START + MiB(512), LARGE);
static const uintptr_t LARGE_AT = ALIGN_UP((uintptr_t) USER_START + MiB(256), LARGE);
static const phys_t FRAMES = (phys_t) LARGE * 8;

enum state { STATE_NOT, STATE_CHANGES, STATE_MAPPED };

static struct {
	struct page_table *table;
	const void *thread; /* the one that makes the changes */
	uintptr_t pages[PAGES_ROOM];
	enum state states[PAGES_ROOM];
	enum state large;
	size_t steps;
	size_t missed; /* mapped, and not found or found to lead elsewhere */
	size_t ghosts; /* found, and not mapped */
} world;

static phys_t frame_of(size_t i)
{
	return FRAMES + i * PAGE_SIZE;
}

static void look(uintptr_t va, phys_t frame, enum state state)
{
	struct page_mapping found = page_mapping_find(world.table, va);

	world.missed += state == STATE_MAPPED && (found.size == 0 || found.pa != frame);
	world.ghosts += found.size != 0 && (state == STATE_NOT || found.pa != frame);
}

static void look_at_all(void)
{
	if (port_self() != world.thread)
		return;
	world.steps++;
	for (size_t i = 0; i < PAGES; i++)
		look(world.pages[i], frame_of(i), world.states[i]);
	for (size_t i = 0; i < LOOKS_IN_LARGE; i++)
		look(LARGE_AT + i * (LARGE / LOOKS_IN_LARGE), FRAMES + i * (LARGE / LOOKS_IN_LARGE), world.large);
	look((uintptr_t) image_start, IMAGE2PA(image_start), STATE_MAPPED);
}

/* ---- the changes ---- */

static bool insert(size_t i)
{
	errno_t error;

	world.states[i] = STATE_CHANGES;
	error = page_mapping_insert(world.table, world.pages[i], frame_of(i), 1, RW, FRAME_ATOMIC);
	world.states[i] = error == EOK ? STATE_MAPPED : STATE_NOT;
	return error == EOK;
}

static void remove(size_t i)
{
	world.states[i] = STATE_CHANGES;
	page_mapping_remove(world.table, world.pages[i], 1);
	world.states[i] = STATE_NOT;
}

/* A large page is mapped, split in its middle, and unmapped but for a part. */
static void split(void)
{
	errno_t error;

	world.large = STATE_CHANGES;
	error = page_mapping_insert(world.table, LARGE_AT, FRAMES, LARGE_PAGES, RW, FRAME_ATOMIC);
	world.large = error == EOK ? STATE_MAPPED : STATE_NOT;
	if (error == EOK)
		CHECK_EQ(page_mapping_update(world.table, LARGE_AT + 5 * PAGE_SIZE, 3, PAGE_READ, FRAME_ATOMIC), EOK);
	world.large = STATE_CHANGES;
	page_mapping_remove(world.table, LARGE_AT, LARGE_PAGES);
	world.large = STATE_NOT;
}

/* The bucket that a page of a hash table belongs to. */
static size_t bucket_of(uintptr_t va)
{
	struct page_level levels[8];
	size_t count = page_describe(world.table, va, levels, ARRAY_COUNT(levels));

	return count != 0 ? levels[count - 1].index % BUCKETS_SMALL : 0;
}

static void pages_choose(void)
{
	size_t bucket = bucket_of(PLACE), count = 0;

	for (uintptr_t va = PLACE; count < CROWDED && va < PLACE + 8 * CROWDED * BUCKETS_SMALL * DISTANCE; va += DISTANCE)
		if (bucket_of(va) == bucket)
			world.pages[count++] = va;
	for (uintptr_t va = PLACE + DISTANCE / 2; count < PAGES; va += DISTANCE)
		world.pages[count++] = va;
}

static void changes_run(void)
{
	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < PAGES; i++)
			if (world.states[i] == STATE_NOT)
				(void) insert(i);
		split();
		for (size_t i = 0; i < PAGES; i++)
			if (world.states[i] == STATE_MAPPED && i % 5 != 0)
				remove(i);
		for (size_t i = 0; i < 8; i++)
			(void) frame_reclaim(RECLAIM_FULL, true);
	}
	for (size_t i = PAGES; i-- > 0;)
		remove(i);
}

TEST(page_steps, "between any two steps of a change every page is found by the CPU that makes it, and none that is not")
{
	__builtin_memset(&world, 0, sizeof world);
	world.table = page_table_create(FRAME_ATOMIC);
	NEED(world.table != NULL);
	world.thread = port_self();
	pages_choose();
	__atomic_store_n(&page_step_hook, look_at_all, __ATOMIC_RELAXED);
	changes_run();
	__atomic_store_n(&page_step_hook, NULL, __ATOMIC_RELAXED);
	page_table_destroy(world.table);
	CHECK_EQ(page_check(), 0);
	CHECK_EQ(world.missed, 0);
	CHECK_EQ(world.ghosts, 0);
	CHECK_GT(world.steps, 0);
}

/* ---- changes in the midst of a look-up that takes no lock ---- */

extern void (*page_look_hook)(void) __attribute__((weak)); /* genarch/ht: its readers look twice */

#define STEPS 8 /* steps of one look-up, at most */
#define OTHERS 300
#define OTHER(i) (PLACE + MiB(64) + (i) *DISTANCE)

enum change { CHANGE_REUSE, CHANGE_GROW, CHANGE_SPLIT, CHANGES };

static struct {
	struct page_table *table;
	enum change change;
	size_t step, at; /* the steps so far, and the one at which the change is made */
	size_t made;
} other;

static const phys_t OTHER_FRAME = FRAMES + LARGE;

/* What another CPU does, at one of the steps. */
static void change_at_step(void)
{
	if (port_self() != world.thread || other.step++ != other.at)
		return;
	other.made++;
	switch (other.change) {
	case CHANGE_REUSE: /* the page goes, and another one takes its memory in the table */
		page_mapping_remove(other.table, PLACE, 1);
		(void) !page_mapping_insert(other.table, OTHER(0), OTHER_FRAME, 1, RW, FRAME_ATOMIC);
		break;
	case CHANGE_GROW: /* it comes to another bucket */
		for (size_t i = 0; i < OTHERS; i++)
			(void) !page_mapping_insert(other.table, OTHER(i), OTHER_FRAME, 1, RW, FRAME_ATOMIC);
		break;
	default: /* it is one of another size */
		(void) !page_mapping_update(other.table, LARGE_AT, 1, PAGE_READ, FRAME_ATOMIC);
	}
}

static void find_once(enum change change, size_t at, bool translate)
{
	uintptr_t va = change == CHANGE_SPLIT ? LARGE_AT + 5 * PAGE_SIZE : PLACE;
	phys_t frame = change == CHANGE_SPLIT ? FRAMES + 5 * PAGE_SIZE : FRAMES, pa = 0;
	size_t pages = change == CHANGE_SPLIT ? LARGE_PAGES : 1;
	bool found;

	if (page_mapping_insert(other.table, ALIGN_DOWN(va, DISTANCE), FRAMES, pages, RW, FRAME_ATOMIC) != EOK)
		return;
	if (at % 2 == 0 && page_mapping_insert(other.table, OTHER(OTHERS), OTHER_FRAME, 1, RW, FRAME_ATOMIC) != EOK)
		return; /* then the page is not the recent one */
	other.change = change;
	other.at = at / 2;
	other.step = 0;
	__atomic_store_n(&page_look_hook, change_at_step, __ATOMIC_RELAXED);
	if (translate) {
		found = page_translate(other.table, va, &pa);
	} else {
		struct page_mapping mapping = page_mapping_find(other.table, va);

		found = mapping.size != 0;
		pa = mapping.pa;
	}
	__atomic_store_n(&page_look_hook, NULL, __ATOMIC_RELAXED);
	world.missed += !found && change != CHANGE_REUSE;
	world.ghosts += found && pa != frame;
	page_mapping_remove(other.table, USER_START, SIZE_MAX);
	while (frame_reclaim(RECLAIM_FULL, true) != 0)
		;
}

TEST(page_second_look, "a look-up in whose midst another CPU makes a change finds what was there or what is")
{
	if (&page_look_hook == NULL)
		SKIP("readers of a tree need no second look");
	__builtin_memset(&world, 0, sizeof world);
	__builtin_memset(&other, 0, sizeof other);
	world.thread = port_self();
	other.table = page_table_create(FRAME_ATOMIC);
	NEED(other.table != NULL);
	for (enum change change = 0; change < CHANGES; change++)
		for (size_t at = 0; at < 2 * STEPS; at++)
			for (unsigned translate = 0; translate < 2; translate++)
				find_once(change, at, translate != 0);
	page_table_destroy(other.table);
	CHECK_EQ(world.missed, 0);
	CHECK_EQ(world.ghosts, 0);
	CHECK_GT(other.made, 2 * CHANGES);
	CHECK_EQ(page_check(), 0);
}

#endif
