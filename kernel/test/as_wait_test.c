/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Operations on address spaces that wait for memory: they hold nothing
 * meanwhile, find what has changed when it is there, and come to an end.
 */

#include <mm/reserve.h>
#include <test.h>

#include "test_internal.h"

#define FIRST ((uintptr_t) USER_START + MiB(4))
#define PAGES(count) ((count) *PAGE_SIZE)
#define TOUCHED 16 /* pages of the area that is there; others of its page table are not touched */
#define SMALL (FIRST + PAGES(TOUCHED + 1))
#define WRITTEN 9

static errno_t make(struct as *as, uintptr_t va, size_t pages, unsigned flags)
{
	struct as_area_request request = { .backend = AS_ANONYMOUS, .va = va, .size = PAGES(pages), .flags = flags };
	uintptr_t at;

	return as_area_create(as, &request, FRAME_ATOMIC, &at);
}

/* An operation that has to wait, in a thread of its own. */
static struct {
	struct as *as, *other;
	struct test_thread *thread;
	struct as_area_request request;
	bool is_over;
	enum as_fault_result result;
	errno_t error;
} waiter;

static void waiter_over(void)
{
	__atomic_store_n(&waiter.is_over, true, __ATOMIC_RELEASE);
}

static bool waiter_is_over(void)
{
	return __atomic_load_n(&waiter.is_over, __ATOMIC_ACQUIRE);
}

/* An address space with pages that are there, and an area beside them that is not touched; all memory is gone. */
static bool waiter_open(void)
{
	uint8_t byte = WRITTEN;

	__builtin_memset(&waiter, 0, sizeof waiter);
	waiter.as = test_as_create(FRAME_ATOMIC);
	waiter.other = test_as_create(FRAME_ATOMIC);
	if (waiter.as == NULL || waiter.other == NULL || make(waiter.as, FIRST, TOUCHED, AS_WRITE) != EOK ||
		make(waiter.as, SMALL, 1, AS_WRITE) != EOK)
		return CHECK(false);
	for (size_t i = 0; i < TOUCHED; i++)
		if (!CHECK_EQ(as_copy_out(waiter.as, FIRST + PAGES(i), &byte, 1, FRAME_ATOMIC), EOK))
			return false;
	return true;
}

/* @return false if the thread need not wait: then the case shows nothing */
static bool waiter_start(void (*function)(void *))
{
	(void) test_take_all_frames(FRAME_HIGHMEM);
	waiter.thread = test_thread_start("waits", function, NULL);
	(void) test_wait_for(frame_sleepers() == 1 || waiter_is_over(), PATIENCE_MS);
	return CHECK_EQ(frame_sleepers(), 1);
}

static void waiter_end(void)
{
	test_free_all_frames();
	test_thread_join(waiter.thread);
	CHECK_EQ(as_check(), 0);
}

static void fault_main(void *argument)
{
	(void) argument;
	waiter.result = as_page_fault(waiter.as, SMALL, AS_ACCESS_WRITE, 0);
	waiter_over();
}

/* All that needs no memory is done, by the thread that finds the address space waited in. */
static void check_others_go_on(void)
{
	struct as_area_info info;
	uint8_t byte = 0;
	uintptr_t at;

	CHECK_EQ(as_page_fault(waiter.as, FIRST, AS_ACCESS_WRITE, FRAME_ATOMIC), AS_FAULT_OK);
	CHECK_EQ(as_page_fault(waiter.as, SMALL, AS_ACCESS_WRITE, FRAME_ATOMIC), AS_FAULT_KILLED);
	CHECK_EQ(as_copy_in(waiter.as, &byte, FIRST, 1, FRAME_ATOMIC), EOK);
	CHECK_EQ(byte, WRITTEN);
	CHECK_EQ(as_copy_out(waiter.as, FIRST, &byte, 1, FRAME_ATOMIC), EOK);
	CHECK_EQ(as_area_find(waiter.as, SMALL, &info), EOK);
	CHECK_EQ(as_area_change_flags(waiter.as, FIRST, 0), EOK);
	CHECK_EQ(as_area_share(waiter.as, FIRST, AS_SHARE, waiter.other, FIRST, 0, FRAME_ATOMIC, &at), ENOMEM);
	CHECK_EQ(as_check(), 0);
	CHECK(!waiter_is_over());
}

TEST(as_wait_fault, "while a fault waits for memory, others use its address space, and free what it waits for",
	.threads = true, .plain_only = "the machine is emptied")
{
	if (!waiter_open())
		return;
	if (waiter_start(fault_main)) {
		check_others_go_on();
		CHECK_EQ(as_area_destroy(waiter.as, FIRST), EOK);
		CHECK(test_wait_for(waiter_is_over(), PATIENCE_MS));
		CHECK_EQ(waiter.result, AS_FAULT_OK);
	}
	waiter_end();
}

TEST(as_wait_fault_gone, "a fault that has waited finds its area gone, and frees what it waited for", .threads = true,
	.plain_only = "the machine is emptied")
{
	if (!waiter_open())
		return;
	if (waiter_start(fault_main)) {
		CHECK_EQ(as_area_destroy(waiter.as, SMALL), EOK);
		CHECK_EQ(as_area_destroy(waiter.as, FIRST), EOK);
		CHECK(test_wait_for(waiter_is_over(), PATIENCE_MS));
		CHECK_EQ(waiter.result, AS_FAULT_REFUSED);
	}
	waiter_end();
}

static void copy_main(void *argument)
{
	uint8_t byte = 1;

	(void) argument;
	waiter.error = as_copy_out(waiter.as, SMALL, &byte, 1, 0);
	waiter_over();
}

TEST(as_wait_copy_out, "so does a copy out", .threads = true, .plain_only = "the machine is emptied")
{
	if (!waiter_open())
		return;
	if (waiter_start(copy_main)) {
		check_others_go_on();
		CHECK_EQ(as_area_destroy(waiter.as, FIRST), EOK);
		CHECK(test_wait_for(waiter_is_over(), PATIENCE_MS));
		CHECK_EQ(waiter.error, EOK);
	}
	waiter_end();
}

/* Where a table of the last level begins, so that the pages before and behind want one each. */
#define FAR (ALIGN_UP(FIRST, PTL_COVERS(PTL_LEVELS - 2)) + 8 * PTL_COVERS(PTL_LEVELS - 2))

static void create_main(void *argument)
{
	uintptr_t at;

	(void) argument;
	waiter.error = as_area_create(waiter.as, &waiter.request, 0, &at);
	waiter_over();
}

static void resize_main(void *argument)
{
	(void) argument;
	waiter.error = as_area_resize(waiter.as, waiter.request.va, waiter.request.size, 0);
	waiter_over();
}

static bool waiter_request(size_t pages)
{
	waiter.request = (struct as_area_request){
		.backend = AS_PHYSICAL, .va = FAR - PAGE_SIZE, .size = PAGES(pages), .base = IDENTITY_PHYS + MiB(8) + PAGE_SIZE
	};
	return page_design_name()[0] == 'p';
}

TEST(as_wait_create, "while the making of a physical area waits for page tables, others use the address space",
	.threads = true, .plain_only = "the machine is emptied")
{
	struct as_area_info info;

	if (!waiter_open())
		return;
	if (!waiter_request(3))
		SKIP("this design may have room");
	if (waiter_start(create_main)) {
		check_others_go_on();
		CHECK_EQ(as_area_find(waiter.as, FAR, &info), ENOENT);
	}
	waiter_end();
	CHECK_EQ(waiter.error, EOK);
	CHECK_EQ(page_mapping_count(as_page_table(waiter.as), waiter.request.va, 3), 3);
}

TEST(as_wait_resize, "so does an area that grows; it finds its neighbour there when memory is", .threads = true,
	.plain_only = "the machine is emptied")
{
	uintptr_t at;

	if (!waiter_open())
		return;
	if (!waiter_request(1))
		SKIP("this design may have room");
	if (!CHECK_EQ(as_area_create(waiter.as, &waiter.request, FRAME_ATOMIC, &at), EOK))
		return;
	waiter.request.size = PAGES(3);
	if (waiter_start(resize_main)) {
		struct as_area_request guard = { .backend = AS_GUARD, .va = FAR + PAGE_SIZE, .size = PAGE_SIZE };

		check_others_go_on();
		CHECK_EQ(as_area_create(waiter.as, &guard, FRAME_ATOMIC, &at), EOK);
	}
	waiter_end();
	CHECK_EQ(waiter.error, EEXIST);
	CHECK_EQ(page_mapping_count(as_page_table(waiter.as), waiter.request.va, 3), 1);
}

static void share_main(void *argument)
{
	uintptr_t at;

	(void) argument;
	waiter.error = as_area_share(waiter.as, FIRST, AS_SHARE, waiter.other, FIRST, AS_WRITE, 0, &at);
	waiter_over();
}

TEST(as_wait_share, "while a first share waits for its index, others use both address spaces", .threads = true,
	.plain_only = "the machine is emptied")
{
	struct as_area_info info;
	uint8_t byte = 0;

	if (!waiter_open())
		return;
	if (waiter_start(share_main)) {
		check_others_go_on();
		CHECK_EQ(as_area_find(waiter.other, FIRST, &info), ENOENT);
		CHECK_EQ(as_area_find(waiter.as, FIRST, &info), EOK);
		CHECK_EQ(info.sharers, 1);
	}
	waiter_end();
	CHECK_EQ(waiter.error, EOK);
	CHECK_EQ(as_copy_in(waiter.other, &byte, FIRST + PAGES(TOUCHED - 1), 1, 0), EOK);
	CHECK_EQ(byte, WRITTEN);
}

/* ---- objects ---- */

static size_t objects_of(const char *name)
{
	struct slab_cache *cache = slab_cache_find(name);
	struct slab_info info = { 0 };

	if (CHECK(cache != NULL)) {
		slab_get_info(cache, &info);
		slab_cache_release(cache);
	}
	return info.in_use;
}

static size_t objects(void)
{
	return objects_of("as") + objects_of("as_area") + objects_of("as_memory");
}

static void create_as_main(void *argument)
{
	struct as *as = as_create(0);

	(void) argument;
	waiter.error = as != NULL ? EOK : ENOMEM;
	if (as != NULL)
		as_release(as);
	waiter_over();
}

/* Spares are what an address space can be made of without memory: the reclaimers have freed them. */
static void check_no_objects(void (*function)(void *))
{
	size_t before;

	if (!waiter_open())
		return;
	(void) waiter_request(3);
	frame_reclaim(RECLAIM_FULL, true);
	before = objects();
	if (waiter_start(function))
		CHECK_EQ(objects(), before);
	waiter_end();
	CHECK_EQ(waiter.error, EOK);
}

TEST(as_wait_create_object, "who waits for the page tables of an area has no object of it in hand", .threads = true,
	.plain_only = "the machine is emptied")
{
	if (!waiter_request(3))
		SKIP("this design may have room");
	check_no_objects(create_main);
}

TEST(as_wait_share_object, "who waits for the index of a first share has no object of the area or the memory in hand",
	.threads = true, .plain_only = "the machine is emptied")
{
	check_no_objects(share_main);
}

TEST(as_wait_as_object, "who waits for the page table of an address space has no object of it in hand", .threads = true,
	.plain_only = "the machine is emptied")
{
	if (page_design_name()[0] != 'p')
		SKIP("this design has room for a page table in a slab");
	check_no_objects(create_as_main);
}

/* ---- two at once ---- */

#define COPIED 300 /* pages, that each of two copies takes */

static struct {
	struct as *from[2], *to[2];
	errno_t error[2];
	size_t over;
} pair;

static void pair_main(void *argument)
{
	size_t i = (uintptr_t) argument;
	errno_t error = EOK;
	uintptr_t at;

	for (size_t round = 0; error == EOK && round < 4; round++) {
		error = as_area_share(pair.from[i], FIRST, AS_COPY, pair.to[i], FIRST, AS_WRITE, 0, &at);
		if (error == EOK)
			error = as_area_destroy(pair.to[i], FIRST);
	}
	pair.error[i] = error;
	__atomic_add_fetch(&pair.over, 1, __ATOMIC_RELEASE);
}

/* Memory that two areas of an address space have together, all of whose pages have frames. */
static bool pair_open(size_t i)
{
	uint8_t byte = 1;
	uintptr_t at;

	pair.from[i] = test_as_create(FRAME_ATOMIC);
	pair.to[i] = test_as_create(FRAME_ATOMIC);
	if (pair.from[i] == NULL || pair.to[i] == NULL || make(pair.from[i], FIRST, COPIED, AS_WRITE) != EOK)
		return CHECK(false);
	for (size_t page = 0; page < COPIED; page++)
		if (!CHECK_EQ(as_copy_out(pair.from[i], FIRST + PAGES(page), &byte, 1, FRAME_ATOMIC), EOK))
			return false;
	return CHECK_EQ(as_area_share(pair.from[i], FIRST, AS_SHARE, pair.from[i], FIRST + MiB(16), AS_WRITE | AS_ANYWHERE,
						FRAME_ATOMIC, &at),
		EOK);
}

TEST(as_wait_two_copies, "two threads that copy shared memory, with memory for one of them at a time, both end",
	.threads = true, .plain_only = "its threads may not be refused", .frames = 6 * COPIED)
{
	struct test_thread *threads[2];

	__builtin_memset(&pair, 0, sizeof pair);
	if (!pair_open(0) || !pair_open(1))
		return;
	(void) test_leave_frames(COPIED + COPIED / 2, FRAME_HIGHMEM);
	for (size_t i = 0; i < 2; i++)
		threads[i] = test_thread_start("copies", pair_main, (void *) i);
	CHECK(test_wait_for(__atomic_load_n(&pair.over, __ATOMIC_ACQUIRE) == 2, PATIENCE_MS));
	test_free_all_frames();
	for (size_t i = 0; i < 2; i++) {
		test_thread_join(threads[i]);
		CHECK_EQ(pair.error[i], EOK);
	}
	CHECK_EQ(as_check(), 0);
}

/* ---- too much ---- */

TEST(as_wait_never, "what the machine never has so much of is out of memory, and all is as it was",
	.plain_only = "the machine is emptied")
{
	size_t total = frame_total(FRAME_HIGHMEM);
	struct as *one = test_as_create(0), *two = test_as_create(0), *sharer = test_as_create(0);
	struct as_area_info info;
	uintptr_t at;
	size_t pages = 0;
	uint8_t byte = 1;

	if (total > (USER_LAST - FIRST) >> PAGE_WIDTH)
		SKIP("user space has less room than the machine has memory");
	CHECK_EQ(make(one, FIRST, total, AS_WRITE), EOK);
	CHECK_EQ(as_area_share(one, FIRST, AS_SHARE, sharer, FIRST, AS_WRITE, 0, &at), EOK);
	while (pages < total * 2 / 3 && as_copy_out(one, FIRST + PAGES(pages), &byte, 1, FRAME_ATOMIC) == EOK)
		pages++;
	CHECK_EQ(as_area_share(one, FIRST, AS_COPY, two, FIRST, AS_WRITE, FRAME_ATOMIC, &at), ENOMEM);
	CHECK_EQ(as_area_find(two, FIRST, &info), ENOENT);
	CHECK_EQ(page_mapping_count(as_page_table(two), FIRST, total), 0);
	CHECK_EQ(as_check(), 0);
}
