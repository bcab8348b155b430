/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * When a change is seen (mm/page_seen.h): the barriers that the core calls for,
 * as the host counts them, and that it stops what relies on a change too early.
 * (All other cases of debug builds run under the same watch.)
 */

#include <arch/host.h>
#include <mm/km_local.h>
#include <mm/tlb.h>
#include <test.h>

#define RW (PAGE_READ | PAGE_WRITE)
#define PAGES 20
#define LARGE PTL_COVERS(PTL_LEVELS - 2)
#define LARGE_PAGES (LARGE >> PAGE_WIDTH)

static const uintptr_t PLACE = ALIGN_UP((uintptr_t) USER_START + MiB(512), LARGE);

#if CONFIG_DEBUG || PTE_BREAK_FIRST
static bool is_tree(void)
{
	return page_design_name()[0] == 'p';
}
#endif

#if CONFIG_DEBUG

/* Calls since the last one. */
static struct host_barriers barriers_since(void)
{
	static struct host_barriers last;
	struct host_barriers now, before = last;

	host_barriers_get(&now);
	last = now;
	return (struct host_barriers){
		.published = now.published - before.published,
		.begun = now.begun - before.begun,
		.finished = now.finished - before.finished,
	};
}

TEST(seen_barriers, "what is mapped is published once, however much it is; a range is invalidated with one barrier",
	.host_only = "it counts barriers", .plain_only = "it counts those of its own mappings")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	static const size_t pages[] = { 1, PAGES, 1, 3 * PTL_ENTRIES(PTL_LEVELS - 1) };
	struct host_barriers some;
	uintptr_t va = PLACE;

	NEED(table != NULL);
	barriers_since();
	for (size_t i = 0; i < ARRAY_COUNT(pages); va += pages[i++] * PAGE_SIZE) {
		CHECK_EQ(page_mapping_insert(table, va, 0, pages[i], RW, FRAME_ATOMIC), EOK);
		CHECK_EQ(barriers_since().published, is_tree());
	}
	host_tlb_use(table);
	barriers_since();
	CHECK_EQ(page_mapping_update(table, PLACE, PAGES, PAGE_READ, FRAME_ATOMIC), EOK);
	some = barriers_since();
	CHECK(some.begun == 1 && some.finished == 1);
	page_mapping_remove(table, PLACE, PAGES);
	some = barriers_since();
	CHECK(some.begun == 1 && some.finished == 1);
	host_tlb_use(&page_kernel);
	page_table_destroy(table);
}

TEST(seen_unpublished, "a CPU that goes on without publishing an entry that it has stored is stopped",
	.panics = "is not published")
{
	port_irq_t irq = port_irq_save();
	pte_t entry = 0;

	pte_store(&entry, pte_leaf(0, RW, PTL_LEVELS - 1));
	port_irq_restore(irq);
}

TEST(seen_unpublished_used, "so is one that looks something up", .panics = "is not published")
{
	port_irq_t irq = port_irq_save();
	pte_t entry = 0;
	uint8_t value;

	pte_store(&entry, pte_leaf(0, RW, PTL_LEVELS - 1));
	(void) host_load((uintptr_t) PA2KA(0), &value);
	port_irq_restore(irq);
}

TEST(
	seen_unfinished, "a CPU that goes on before its invalidations are complete is stopped", .panics = "is not finished")
{
	port_irq_t irq = port_irq_save();

	tlb_invalidate_begin();
	tlb_invalidate_page(PLACE);
	port_irq_restore(irq);
}

TEST(seen_not_begun, "a CPU that invalidates a page before what it has stored is seen is stopped",
	.panics = "has not begun to invalidate")
{
	tlb_invalidate_page(PLACE);
}

#if PTE_BREAK_FIRST

TEST(seen_at_once, "a valid entry that becomes another valid one, in more than rights, is stopped", .panics = "at once")
{
	pte_t entry = 0;

	pte_store(&entry, pte_leaf(0, RW, PTL_LEVELS - 1));
	pte_publish();
	pte_store(&entry, pte_leaf(0, PAGE_READ, PTL_LEVELS - 1));
	pte_publish();
	pte_store(&entry, pte_leaf(0, PAGE_READ | PAGE_UNCACHED, PTL_LEVELS - 1));
}

#endif
#endif

/* ---- pages that change while others look ---- */

enum look { LOOK_FIND, LOOK_TRANSLATE, LOOK_RUNS, LOOK_LOAD, LOOKS };

static struct {
	struct page_table *table;
	phys_t frames[2];
	size_t looks, missed;
	bool stop;
} looker;

static bool is_found(uintptr_t va, enum look look)
{
	struct page_run run;
	uint8_t value;
	phys_t pa;

	switch (look) {
	case LOOK_FIND:
		return page_mapping_find(looker.table, va).size != 0;
	case LOOK_TRANSLATE:
		return page_translate(looker.table, va, &pa);
	case LOOK_RUNS:
		return page_mapping_runs(looker.table, va, 1, &run, 1) == 1;
	default:
		return host_load(va, &value);
	}
}

static void looker_main(void *argument)
{
	size_t missed = 0, looks = 0;

	(void) argument;
	host_tlb_use(looker.table);
	while (!__atomic_load_n(&looker.stop, __ATOMIC_ACQUIRE)) {
		missed += !is_found(PLACE + looks % 3 * PAGE_SIZE, looks % LOOKS);
		__atomic_store_n(&looker.looks, ++looks, __ATOMIC_RELEASE);
		if (looks % 8 == 0)
			port_relax();
	}
	host_tlb_use(&page_kernel);
	looker.missed = missed;
}

/* Changes of frame, attributes and size; what is mapped at first is, all the time. */
static void change_all(size_t round)
{
	struct page_table *table = looker.table;
	page_flags_t flags = round % 2 == 0 ? RW : RW | PAGE_UNCACHED;
	uintptr_t far = PLACE + LARGE;

	CHECK_EQ(page_mapping_update(table, PLACE, 1, flags, FRAME_ATOMIC), EOK);
	CHECK_EQ(page_mapping_replace(table, PLACE + PAGE_SIZE, looker.frames[round % 2], flags), EOK);
	CHECK_EQ(page_mapping_update(table, PLACE, 3, flags | PAGE_GLOBAL, FRAME_ATOMIC), EOK);
	CHECK_EQ(page_mapping_insert(table, far, 0, LARGE_PAGES, RW, FRAME_ATOMIC), EOK);
	CHECK_EQ(page_mapping_update(table, far, LARGE_PAGES, RW | PAGE_UNCACHED, FRAME_ATOMIC), EOK);
	page_mapping_remove(table, far + PAGE_SIZE, 5);
	page_mapping_remove(table, far, LARGE_PAGES);
}

TEST(seen_while_changing, "a page that changes its frame, its size or how it is cached is found at every moment",
	.host_only = "another CPU looks", .threads = true, .plain_only = "its thread may not be refused")
{
	struct test_thread *thread;

	__builtin_memset(&looker, 0, sizeof looker);
	looker.table = page_table_create(0);
	looker.frames[0] = test_frame_alloc(1, 0, 0);
	looker.frames[1] = test_frame_alloc(1, 0, 0);
	CHECK_EQ(page_mapping_insert(looker.table, PLACE, looker.frames[0], 1, RW, 0), EOK);
	CHECK_EQ(page_mapping_insert(looker.table, PLACE + PAGE_SIZE, looker.frames[1], 1, RW, 0), EOK);
	CHECK_EQ(page_mapping_insert(looker.table, PLACE + 2 * PAGE_SIZE, looker.frames[1], 1, RW, 0), EOK);
	thread = test_thread_start("looker", looker_main, NULL);
	CHECK(test_wait_for(__atomic_load_n(&looker.looks, __ATOMIC_ACQUIRE) != 0, PATIENCE_MS));
	for (size_t round = 0; round < 200; round++)
		change_all(round);
	__atomic_store_n(&looker.stop, true, __ATOMIC_RELEASE);
	test_thread_join(thread);
	page_table_destroy(looker.table);
	CHECK_GT(looker.looks, 0);
	CHECK_EQ(looker.missed, 0);
}

#if PTE_BREAK_FIRST

#define SPINS 20000u /* many times what a look-up takes */

static struct {
	uintptr_t go, looks, done;
	const void *changes; /* the thread that does */
	enum look look;
	bool was_found, was_done, was_away;
} away;

static bool is_set(const uintptr_t *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE) != 0;
}

static void away_main(void *argument)
{
	(void) argument;
	host_tlb_use(looker.table);
	while (!is_set(&away.go))
		port_relax();
	__atomic_store_n(&away.looks, 1, __ATOMIC_RELEASE);
	away.was_found = is_found(PLACE, away.look);
	__atomic_store_n(&away.done, 1, __ATOMIC_RELEASE);
	host_tlb_use(&page_kernel);
}

/* The page is not there: another CPU looks it up now. */
static void stay_away(void)
{
	if (port_self() != away.changes || is_set(&away.go))
		return;
	away.was_away = host_look_up(page_table_root(looker.table), PLACE).size == 0;
	__atomic_store_n(&away.go, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < SPINS && !(is_set(&away.looks) && i > SPINS / 2); i++)
		port_relax();
	for (unsigned i = 0; i < SPINS / 4 && !is_set(&away.done); i++)
		port_relax();
	away.was_done = is_set(&away.done);
}

static void look_while_away(enum look look)
{
	struct test_thread *thread;

	__builtin_memset(&away, 0, sizeof away);
	away.look = look;
	away.changes = port_self();
	thread = test_thread_start("looks", away_main, NULL);
	__atomic_store_n(&host_broadcast_hook, stay_away, __ATOMIC_RELAXED);
	CHECK_EQ(page_mapping_update(looker.table, PLACE, 1, RW | (look % 2 == 0 ? PAGE_UNCACHED : 0), 0), EOK);
	__atomic_store_n(&host_broadcast_hook, NULL, __ATOMIC_RELAXED);
	test_thread_join(thread);
	CHECK(away.was_away);
	CHECK(!away.was_done);
	CHECK(away.was_found);
}

TEST(seen_away, "a look-up that meets a page which is away for a moment waits till it is there again",
	.host_only = "another CPU looks", .threads = true, .plain_only = "its threads may not be refused")
{
	if (!is_tree())
		SKIP("no hardware looks into a hash table");
	__builtin_memset(&looker, 0, sizeof looker);
	looker.table = page_table_create(0);
	CHECK_EQ(page_mapping_insert(looker.table, PLACE, test_frame_alloc(1, 0, 0), 1, RW, 0), EOK);
	for (enum look look = 0; look < LOOKS; look++)
		look_while_away(look);
	page_table_destroy(looker.table);
}

TEST(seen_live, "what code runs in, or has its stack in, does not go away for a moment: then it keeps its attributes",
	.host_only = "it knows what that is", .plain_only = "its mappings may not be refused")
{
	uintptr_t va = IDENTITY_VIRT + ALIGN_UP((uintptr_t) BOOT_MAPPED, LARGE);

	if (!is_tree())
		SKIP("no hardware looks into a hash table");
	CHECK_EQ(page_mapping_update(&page_kernel, va, LARGE_PAGES, RW | PAGE_GLOBAL | PAGE_UNCACHED, FRAME_ATOMIC), EBUSY);
	CHECK_EQ(page_mapping_update(&page_kernel, va, LARGE_PAGES, RW, FRAME_ATOMIC), EBUSY);
	if (page_mapping_find(&page_kernel, va).size >= LARGE)
		CHECK_EQ(page_mapping_update(&page_kernel, va + PAGE_SIZE, 1, PAGE_READ | PAGE_GLOBAL, FRAME_ATOMIC), EBUSY);
	va = (uintptr_t) image_start;
	CHECK_EQ(page_mapping_update(&page_kernel, va, 1, PAGE_READ | PAGE_EXEC, FRAME_ATOMIC), EBUSY);
	CHECK_EQ(page_mapping_replace(&page_kernel, va, 0, PAGE_READ | PAGE_GLOBAL), EBUSY);
	CHECK_EQ(page_mapping_update(&page_kernel, va, 1, PAGE_READ | PAGE_GLOBAL, FRAME_ATOMIC), EOK);
	CHECK_EQ(page_mapping_update(&page_kernel, va, 1, PAGE_READ | PAGE_EXEC | PAGE_GLOBAL, FRAME_ATOMIC), EOK);
}

#endif

/* ---- broadcasts ---- */

static struct {
	struct page_table *table;
	uintptr_t step;
	bool before, after;
} remote;

static void remote_main(void *argument)
{
	uint8_t value;

	(void) argument;
	host_tlb_use(remote.table);
	remote.before = host_load(PLACE, &value);
	__atomic_store_n(&remote.step, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&remote.step, __ATOMIC_ACQUIRE) != 2)
		port_relax();
	remote.after = host_load(PLACE, &value);
	host_tlb_use(&page_kernel);
}

TEST(seen_broadcast, "where hardware invalidates on all CPUs no other is asked, and none holds what is gone",
	.host_only = "its hardware does", .threads = true, .plain_only = "its thread may not be refused")
{
	struct test_thread *thread;
	struct tlb_info before, after;

	__builtin_memset(&remote, 0, sizeof remote);
	remote.table = page_table_create(0);
	CHECK_EQ(page_mapping_insert(remote.table, PLACE, test_frame_alloc(2, 0, 0), 2, PAGE_READ, 0), EOK);
	thread = test_thread_start("remote", remote_main, NULL);
	CHECK(test_wait_for(__atomic_load_n(&remote.step, __ATOMIC_ACQUIRE) == 1, PATIENCE_MS));
	tlb_get_info(&before);
	page_mapping_remove(remote.table, PLACE, 1);
	tlb_get_info(&after);
	__atomic_store_n(&remote.step, 2, __ATOMIC_RELEASE);
	test_thread_join(thread);
	page_table_destroy(remote.table);
	CHECK_EQ(after.requests - before.requests, TLB_BROADCAST ? 0 : 1);
	CHECK(remote.before);
	CHECK(!remote.after);
}
