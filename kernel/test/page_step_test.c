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

#include <mm/direct_map.h>
#include <mm/page_leaf.h>
#include <mm/page_miss.h>
#include <test.h>

#include "layout.h"

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

static bool is_tree(void)
{
	return page_design_name()[0] == 'p';
}

/* As miss handlers look it up, in C and in assembly. */
static void look_at_entry(uintptr_t va, phys_t frame, enum state state)
{
	port_irq_t irq;
	struct page_entry entry = { .pte = 0 };
	bool is_found;
	phys_t pa;

	if (direct_map_has(va)) /* no miss comes there */
		return;
	irq = port_irq_save();
	is_found = page_entry_find(world.table, va, &entry);
	pa = is_found ? leaf_translate(entry.pte, entry.level, va) : 0;

	world.missed += state == STATE_MAPPED && (!is_found || pa != frame);
	world.ghosts += is_found && (state == STATE_NOT || pa != frame);
	entry.pte = layout_find(world.table, va, &entry.level);
	pa = entry.pte != 0 ? leaf_translate(entry.pte, entry.level, va) : 0;
	world.missed += state == STATE_MAPPED && (entry.pte == 0 || pa != frame);
	world.ghosts += entry.pte != 0 && (state == STATE_NOT || pa != frame);
	port_irq_restore(irq);
}

static void look(uintptr_t va, phys_t frame, enum state state)
{
	struct page_mapping found = page_mapping_find(world.table, va);
	phys_t pa = 0;
	bool is_translated = page_translate(world.table, va, &pa);

	world.missed += state == STATE_MAPPED && (found.size == 0 || found.pa != frame);
	world.missed += state == STATE_MAPPED && (!is_translated || pa != frame);
	world.ghosts += found.size != 0 && (state == STATE_NOT || found.pa != frame);
	world.ghosts += is_translated && (state == STATE_NOT || pa != frame);
	look_at_entry(va, frame, state);
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

#define STEPS 12 /* steps of one look-up, at most */
/* So many that every bucket of the least table, a frame of cache lines, is split; else perhaps none of SOME moves. */
#define OTHERS (PAGE_SIZE / CACHE_LINE > 150 ? 2 * PAGE_SIZE / CACHE_LINE : 300)
#define OTHER(i) (PLACE + MiB(64) + (i) *DISTANCE)
#define SOME 8 /* pages, some of which come to another bucket as the table grows */
#define FEW 3  /* of these, with others in their bucket, where there may be some of the kernel's too */

#define CROWD_MOST (BUCKET_SLOTS + 1)
#define BUCKET_SLOTS 3 /* as genarch/ht has it: one page more, and it is in a line behind the bucket */

/* In a tree they make its last-used table another one, or free it. */
enum change { CHANGE_REUSE, CHANGE_SHIFT, CHANGE_GROW, CHANGE_SPLIT, CHANGES };

static struct {
	struct page_table *table;
	uintptr_t page; /* the one that is looked up */
	size_t crowd;   /* pages in its bucket before it: so many of these */
	uintptr_t crowd_pages[CROWD_MOST];
	enum change change;
	size_t step, at; /* the steps so far, and the one at which the change is made */
	size_t made, moved;
} other;

static const phys_t OTHER_FRAME = FRAMES + LARGE;

/* What another CPU does, at one of the steps. */
static void change_at_step(void)
{
	if (port_self() != world.thread || other.step++ != other.at)
		return;
	other.made++;
	switch (other.change) {
	case CHANGE_REUSE: /* the page goes, and others take its memory in the table */
		page_mapping_remove(other.table, other.page, 1);
		(void) !page_mapping_insert(other.table, OTHER(0), OTHER_FRAME, 32, RW, FRAME_ATOMIC);
		break;
	case CHANGE_SHIFT: /* it comes to the place of another one in its bucket */
		page_mapping_remove(other.table, other.crowd_pages[0], 1);
		break;
	case CHANGE_GROW: /* it comes to another bucket */
		for (size_t i = 0; i < OTHERS; i++)
			(void) !page_mapping_insert(other.table, OTHER(i), OTHER_FRAME, 1, RW, FRAME_ATOMIC);
		break;
	default: /* it is one of another size */
		(void) !page_mapping_update(other.table, LARGE_AT, 1, PAGE_READ, FRAME_ATOMIC);
	}
}

/* The number of the page's bucket. */
static size_t bucket_now(uintptr_t va)
{
	struct page_level levels[8];
	size_t count = page_describe(other.table, va, levels, ARRAY_COUNT(levels));

	return count != 0 ? levels[count - 1].index : 0;
}

/* Looks va up, which is mapped to the frame at frame, while the change is made. */
static void look_during(enum change change, uintptr_t va, phys_t frame, bool translate)
{
	size_t bucket = bucket_now(va);
	struct page_mapping mapping;
	phys_t pa = 0;
	bool found;

	__atomic_store_n(&page_look_hook, change_at_step, __ATOMIC_RELAXED);
	if (translate) {
		found = page_translate(other.table, va, &pa);
	} else {
		mapping = page_mapping_find(other.table, va);
		found = mapping.size != 0;
		pa = mapping.pa;
	}
	__atomic_store_n(&page_look_hook, NULL, __ATOMIC_RELAXED);
	other.moved += change == CHANGE_GROW && bucket_now(va) != bucket;
	world.missed += !found && change != CHANGE_REUSE;
	world.ghosts += found && pa != frame;
}

static bool other_insert(uintptr_t va, phys_t pa, size_t pages)
{
	return page_mapping_insert(other.table, va, pa, pages, RW, FRAME_ATOMIC) == EOK;
}

/* Whatever of it is refused, the table is empty afterwards. */
static void find_once(enum change change, size_t at, bool translate)
{
	uintptr_t va = change == CHANGE_SPLIT ? LARGE_AT + 5 * PAGE_SIZE : other.page;
	phys_t frame = change == CHANGE_SPLIT ? FRAMES + 5 * PAGE_SIZE : FRAMES;
	bool ready = true;

	for (size_t i = 0; ready && i < other.crowd; i++)
		ready = other_insert(other.crowd_pages[i], OTHER_FRAME, 1);
	ready = ready && other_insert(ALIGN_DOWN(va, DISTANCE), FRAMES, change == CHANGE_SPLIT ? LARGE_PAGES : 1);
	if (ready && at % 2 == 0)
		ready = other_insert(OTHER(OTHERS), OTHER_FRAME, 1); /* then the page is not the recent one */
	other.change = change;
	other.at = at / 2;
	other.step = 0;
	if (ready)
		look_during(change, va, frame, translate);
	page_mapping_remove(other.table, USER_START, SIZE_MAX);
	while (frame_reclaim(RECLAIM_FULL, true) != 0)
		;
}

static void crowd_choose(void)
{
	size_t bucket = bucket_now(other.page);

	other.crowd = 0;
	for (uintptr_t va = other.page + SOME * DISTANCE; other.crowd < CROWD_MOST; va += DISTANCE)
		if (bucket_now(va) == bucket)
			other.crowd_pages[other.crowd++] = va;
}

static void find_at_all_steps(enum change change, size_t crowd)
{
	other.crowd = crowd;
	for (size_t at = 0; at < 2 * STEPS; at++) {
		find_once(change, at, false);
		find_once(change, at, true);
	}
}

TEST(page_second_look, "a look-up in whose midst another CPU makes a change finds what was there or what is",
	.frames = 400)
{
	__builtin_memset(&world, 0, sizeof world);
	__builtin_memset(&other, 0, sizeof other);
	world.thread = port_self();
	other.table = page_table_create(FRAME_ATOMIC);
	NEED(other.table != NULL);
	for (size_t i = 0; i < SOME; i++) {
		other.page = PLACE + i * DISTANCE;
		find_at_all_steps(CHANGE_GROW, 0);
		crowd_choose();
		for (size_t crowd = 0; i < FEW && crowd <= CROWD_MOST; crowd++) {
			find_at_all_steps(CHANGE_REUSE, crowd);
			find_at_all_steps(CHANGE_SHIFT, crowd);
		}
	}
	find_at_all_steps(CHANGE_SPLIT, 0);
	page_table_destroy(other.table);
	CHECK_EQ(world.missed, 0);
	CHECK_EQ(world.ghosts, 0);
	CHECK_GT(other.made, 2 * CHANGES);
	if (!is_tree())
		CHECK_GT(other.moved, 0);
	CHECK_EQ(page_check(), 0);
}

/* ---- a chain that another CPU is changing ---- */

#define SPINS 200000u /* of a thread in the midst of a change, at most: many times what a look-up takes */

static struct {
	uintptr_t ready, go, looks, done;
	bool was_done, found;
} reader;

static bool is_set(const uintptr_t *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE) != 0;
}

static void reader_main(void *argument)
{
	(void) argument;
	__atomic_store_n(&reader.ready, 1, __ATOMIC_RELEASE);
	while (!is_set(&reader.go))
		port_relax();
	__atomic_store_n(&reader.looks, 1, __ATOMIC_RELEASE);
	reader.found = page_mapping_find(other.table, other.page).size != 0;
	__atomic_store_n(&reader.done, 1, __ATOMIC_RELEASE);
}

/* The first step of a change: the chain is open. */
static void stay_open(void)
{
	if (port_self() != world.thread || world.steps++ != 0)
		return;
	__atomic_store_n(&reader.go, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < SPINS && !is_set(&reader.looks); i++)
		port_relax();
	for (unsigned i = 0; i < SPINS && !is_set(&reader.done); i++)
		port_relax();
	reader.was_done = is_set(&reader.done);
}

TEST(page_open_chain, "a look-up waits for the end of a change that another CPU makes where it looks", .threads = true,
	.host_only = "on one CPU nobody looks meanwhile", .plain_only = "its thread may not be refused")
{
	struct test_thread *thread;

	if (is_tree())
		SKIP("what a tree has is right at every instant, for all CPUs");
	__builtin_memset(&world, 0, sizeof world);
	__builtin_memset(&other, 0, sizeof other);
	__builtin_memset(&reader, 0, sizeof reader);
	world.thread = port_self();
	other.table = page_table_create(0);
	other.page = PLACE;
	crowd_choose();
	CHECK_EQ(page_mapping_insert(other.table, other.crowd_pages[0], OTHER_FRAME, 1, RW, 0), EOK);
	CHECK_EQ(page_mapping_insert(other.table, other.page, FRAMES, 1, RW, 0), EOK);
	thread = test_thread_start("reader", reader_main, NULL);
	CHECK(test_wait_for(is_set(&reader.ready), PATIENCE_MS));
	__atomic_store_n(&page_step_hook, stay_open, __ATOMIC_RELAXED);
	page_mapping_remove(other.table, other.crowd_pages[0], 1);
	__atomic_store_n(&page_step_hook, NULL, __ATOMIC_RELAXED);
	test_thread_join(thread);
	page_table_destroy(other.table);
	CHECK_GT(world.steps, 0);
	CHECK(reader.found);
	CHECK(!reader.was_done);
}

/* ---- memory of the hash table that becomes something else in the midst of a look-up with interrupts on ---- */

#define TRIM_FRAMES 20000 /* allocated at most, to get those that the table has freed */
#define WORDS (PAGE_SIZE / sizeof(uintptr_t))
#define LINE(address) ((uintptr_t) PA2KA(ALIGN_DOWN((address), (phys_t) CACHE_LINE)))
#define NO_MEMORY ((uintptr_t) CACHE_LINE) /* an address that leads to none */
#define TRIM_STEPS 2
#define TRIM_TIMES 8  /* at each step */
#define TRIM_PAGES 64 /* that are tried for it */

static struct {
	struct page_table *table;
	size_t step, at;        /* as above: at 0 the bucket is read next, at 1 the cluster */
	phys_t bucket, cluster; /* where they are */
	uintptr_t words[WORDS]; /* of the bucket's frame, before */
	pte_t entry;            /* of another page */
	phys_t frames;          /* allocated, chained by their last word */
	bool has_bucket, has_cluster;
	size_t done[TRIM_STEPS]; /* times that both were used for something else at this step */
} trim;

static struct page_level describe(uintptr_t va)
{
	struct page_level levels[8];
	size_t count = page_describe(trim.table, va, levels, ARRAY_COUNT(levels));

	return count != 0 ? levels[count - 1] : (struct page_level){ 0 };
}

/* The bucket as it was; if it is read next, it leads to no memory now. */
static void bucket_forge(void)
{
	uintptr_t *words = (uintptr_t *) PA2KA(ALIGN_DOWN(trim.bucket, (phys_t) PAGE_SIZE));

	for (size_t i = 0; i < WORDS - 1; i++)
		words[i] = trim.at == 0 && trim.words[i] == LINE(trim.cluster) ? NO_MEMORY : trim.words[i];
	trim.has_bucket = true;
}

static void cluster_forge(void)
{
	for (size_t i = 0; i < CACHE_LINE / sizeof(pte_t); i++)
		((pte_t *) LINE(trim.cluster))[i] = trim.entry;
	trim.has_cluster = true;
}

/* Allocates frames till those of the bucket and of the cluster are among them, and writes into these. */
static void frames_take(void)
{
	for (size_t i = 0; i < TRIM_FRAMES && !(trim.has_bucket && trim.has_cluster); i++) {
		phys_t frame = frame_alloc(1, FRAME_ATOMIC | FRAME_LOWMEM | FRAME_NO_RECLAIM, 0);

		if (frame == 0)
			break;
		if (frame == ALIGN_DOWN(trim.bucket, (phys_t) PAGE_SIZE))
			bucket_forge();
		if (frame == ALIGN_DOWN(trim.cluster, (phys_t) PAGE_SIZE))
			cluster_forge();
		((uintptr_t *) PA2KA(frame))[WORDS - 1] = (uintptr_t) trim.frames;
		trim.frames = frame;
	}
	trim.done[trim.at] += trim.has_bucket && trim.has_cluster;
}

static void frames_free(void)
{
	while (trim.frames != 0) {
		phys_t frame = trim.frames;

		trim.frames = (phys_t) ((uintptr_t *) PA2KA(frame))[WORDS - 1];
		frame_free(frame, 1);
	}
}

static bool interrupts_on(void)
{
	port_irq_t irq = port_irq_save();

	port_irq_restore(irq);
	return port_irq_were_on(irq);
}

/*
 * What other CPUs do: all is unmapped, the table's memory is freed, and comes to be used for something else. They wait
 * with that while this CPU has interrupts off: as it has in the look-up that follows if the page is not found in the
 * head of its chain.
 */
static void trim_at_step(void)
{
	if (port_self() != world.thread || trim.step++ != trim.at || !interrupts_on())
		return;
	page_mapping_remove(trim.table, USER_START, SIZE_MAX);
	while (frame_reclaim(RECLAIM_FULL, true) != 0)
		;
	frames_take();
}

/* Maps many pages and then this one, which is not the one that was changed last. @return whether there was memory */
static bool trim_prepare(uintptr_t va)
{
	for (size_t i = 0; i < OTHERS; i++)
		if (page_mapping_insert(trim.table, OTHER(i), OTHER_FRAME, 1, RW, FRAME_ATOMIC) != EOK)
			return false;
	trim.bucket = describe(va).entry_at;
	if (page_mapping_insert(trim.table, va, FRAMES, 1, RW, FRAME_ATOMIC) != EOK ||
		page_mapping_insert(trim.table, OTHER(OTHERS), OTHER_FRAME, 1, RW, FRAME_ATOMIC) != EOK)
		return false;
	trim.cluster = describe(va).entry_at;
	trim.entry = (pte_t) describe(OTHER(0)).entry;
	__builtin_memcpy(trim.words, (const void *) PA2KA(ALIGN_DOWN(trim.bucket, (phys_t) PAGE_SIZE)), PAGE_SIZE);
	return true;
}

static void trim_once(uintptr_t va, size_t at)
{
	phys_t pa = 0;

	trim.at = at;
	trim.step = 0;
	trim.has_bucket = trim.has_cluster = false;
	if (trim_prepare(va)) {
		__atomic_store_n(&page_look_hook, trim_at_step, __ATOMIC_RELAXED);
		world.ghosts += page_translate(trim.table, va, &pa) && pa != FRAMES;
		__atomic_store_n(&page_look_hook, NULL, __ATOMIC_RELAXED);
	}
	page_mapping_remove(trim.table, USER_START, SIZE_MAX);
	frames_free();
}

TEST(page_trimmed, "a look-up with interrupts on believes nothing of memory that the table has freed meanwhile",
	.plain_only = "it takes frames till it has those that were freed", .frames = 200)
{
	if (is_tree())
		SKIP("page_second_look shows it of a tree");
	__builtin_memset(&world, 0, sizeof world);
	__builtin_memset(&trim, 0, sizeof trim);
	world.thread = port_self();
	trim.table = page_table_create(FRAME_ATOMIC);
	NEED(trim.table != NULL);
	for (size_t at = 0; at < TRIM_STEPS; at++)
		for (size_t i = 0; i < TRIM_PAGES && trim.done[at] < TRIM_TIMES; i++)
			trim_once(PLACE + i * DISTANCE, at);
	page_table_destroy(trim.table);
	CHECK_EQ(world.ghosts, 0);
	for (size_t at = 0; at < TRIM_STEPS; at++)
		CHECK_GT(trim.done[at], 0);
	CHECK_EQ(page_check(), 0);
}

#endif
