/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Nothing that a reclaimer could free is kept while a thread waits for memory:
 * what comes to be so after the thread has asked the reclaimers is offered, or
 * goes to the zones.
 */

#include <mm/page.h>
#include <mm/reserve.h>
#include <mm/vmem.h>
#include <test.h>

static size_t reclaims;

/* The reclaimers are asked from the last one registered on: when this one is, none has been yet. */
static size_t count_reclaims(enum reclaim_strength strength, bool may_wait)
{
	(void) may_wait;
	__atomic_add_fetch(&reclaims, strength == RECLAIM_FULL, __ATOMIC_RELAXED);
	return 0;
}

/* Starts it behind this many, and lets it come to park. */
static void wait_start(struct test_reserver *waits, size_t before)
{
	static struct reclaimer reclaimer = { .name = "wake", .reclaim = count_reclaims };
	static bool registered;
	size_t asked;

	if (!registered)
		frame_reclaimer_register(&reclaimer);
	registered = true;
	asked = __atomic_load_n(&reclaims, __ATOMIC_RELAXED);
	test_reserver_start(waits, before + 1);
	if (before == 0)
		CHECK(test_wait_for(__atomic_load_n(&reclaims, __ATOMIC_RELAXED) != asked, PATIENCE_MS));
	test_sleep_ms(20); /* till it is through with that, and parks */
}

static void wait_end(struct test_reserver *waits)
{
	test_free_all_frames();
	test_reserver_end(waits);
}

/* ---- page tables ---- */

#define FIRST ((uintptr_t) USER_START + MiB(64))
#define APART (32 * PAGE_SIZE) /* in clusters of their own */
#define TABLE_PAGES 256

TEST(wake_page_removed, "memory of page tables is there for a thread that waits when pages were unmapped one by one",
	.threads = true, .plain_only = "the machine is emptied")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	phys_t frame = test_frame_alloc(1, FRAME_ATOMIC, 0);
	struct test_reserver waits = { .low = 2 };

	NEED(table != NULL && frame != 0);
	for (size_t i = 0; i < TABLE_PAGES; i++)
		NEED(page_mapping_insert(table, FIRST + i * APART, frame, 1, PAGE_READ | PAGE_USER, FRAME_ATOMIC) == EOK);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	wait_start(&waits, 0);
	for (size_t i = 0; i < TABLE_PAGES; i++)
		page_mapping_remove(table, FIRST + i * APART, 1);
	CHECK(test_wait_for(test_reserver_served(&waits), PATIENCE_MS));
	wait_end(&waits);
	page_table_destroy(table);
}

TEST(wake_large_removed, "so is what was set aside to split a large page when that is unmapped", .threads = true,
	.plain_only = "the machine is emptied")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	size_t large = PTL_COVERS(PTL_LEVELS - 2), pages = large >> PAGE_WIDTH;
	uintptr_t first = ALIGN_UP(FIRST, 64 * large);
	size_t count = pages < 512 ? 4 * 512 / pages : 4; /* so that some frames are set aside */
	struct test_reserver waits = { .low = 1 };

	if (!TEST_HAS_LARGE_PAGES) {
		page_table_destroy(table);
		SKIP("there are no large pages");
	}
	for (size_t i = 0; i < count; i++)
		NEED(page_mapping_insert(table, first + i * large, i * large, pages, PAGE_READ | PAGE_USER, FRAME_ATOMIC) ==
			EOK);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	wait_start(&waits, 0);
	for (size_t i = 0; i < count - count / 4; i++)
		page_mapping_remove(table, first + i * large, pages);
	CHECK(test_wait_for(test_reserver_served(&waits), PATIENCE_MS));
	wait_end(&waits);
	page_table_destroy(table);
}

#define LEFT 10

TEST(wake_insert_refused, "so is what a mapping has taken that was refused for want of memory", .threads = true,
	.plain_only = "the machine is emptied")
{
	struct page_table *table = page_table_create(FRAME_ATOMIC);
	struct test_reserver waits = { .low = LEFT + 2 };
	phys_t frames[2] = { test_frame_alloc(1, FRAME_ATOMIC, 0), test_frame_alloc(1, FRAME_ATOMIC, 0) };

	NEED(table != NULL && frames[0] != 0 && frames[1] != 0);
	(void) test_leave_frames(LEFT, FRAME_LOWMEM);
	wait_start(&waits, 0);
	CHECK_EQ(
		page_mapping_insert(table, FIRST, 0, 64 * 1024, PAGE_READ | PAGE_USER | PAGE_NO_LARGE, FRAME_ATOMIC), ENOMEM);
	for (size_t i = 0; i < 2; i++)
		test_frame_free(frames[i], 1);
	CHECK(test_wait_for(test_reserver_served(&waits), PATIENCE_MS));
	wait_end(&waits);
	page_table_destroy(table);
}

/* ---- tags ---- */

#define RANGES 200

TEST(wake_tags, "so are the tags of ranges that were freed, set aside or in a cache of ranges", .threads = true,
	.plain_only = "the machine is emptied")
{
	static struct vmem arena;
	static const struct vmem_options options = { .cached = 4 * PAGE_SIZE };
	struct test_reserver waits = { .low = frame_total(FRAME_LOWMEM) / 4 }; /* more than tags and tables come to */
	uintptr_t va[RANGES];
	size_t free;

	NEED(test_vmem_init(&arena, "wake", &options, FRAME_ATOMIC) == EOK);
	NEED(vmem_add(&arena, PAGE_SIZE, MiB(64), FRAME_ATOMIC) == EOK);
	for (size_t i = 0; i < RANGES; i++)
		NEED(vmem_alloc(&arena, (1 + i % 8) * PAGE_SIZE, FRAME_ATOMIC, &va[i]) == EOK);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	wait_start(&waits, 0);
	for (size_t i = 0; i < RANGES; i++)
		vmem_free(&arena, va[i], (1 + i % 8) * PAGE_SIZE);
	test_sleep_ms(100); /* for the thread that waits to ask, if it is woken */
	free = test_free_frames(FRAME_HIGHMEM);
	(void) frame_reclaim(RECLAIM_FULL, true);
	CHECK_EQ(test_free_frames(FRAME_HIGHMEM), free);
	wait_end(&waits);
}

/* ---- objects ---- */

static struct object_waiter {
	struct slab_cache *cache;
	void *object;
} object_waiter;

static void object_main(void *argument)
{
	void *object = slab_alloc(object_waiter.cache, 0);

	(void) argument;
	__atomic_store_n(&object_waiter.object, object, __ATOMIC_RELEASE);
}

static bool object_is_there(void)
{
	return __atomic_load_n(&object_waiter.object, __ATOMIC_ACQUIRE) != NULL;
}

TEST(wake_slab_from, "so is an object of a slab that another makes of a frame of its own, and does not use up",
	.threads = true, .plain_only = "the machine is emptied")
{
	struct slab_cache *cache = test_slab_cache_create("wake-from", 200, NULL, FRAME_ATOMIC);
	phys_t frame = frame_alloc(1, FRAME_ATOMIC | FRAME_LOWMEM, 0);
	struct test_thread *thread;
	void *object;

	NEED(cache != NULL && frame != 0);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	object_waiter = (struct object_waiter){ .cache = cache };
	thread = test_thread_start("object", object_main, NULL);
	CHECK(test_wait_for(frame_sleepers() == 1, PATIENCE_MS));
	test_sleep_ms(20); /* till it parks */
	CHECK(!object_is_there());
	slab_alloc_from(cache, frame, &object, 1);
	CHECK(test_wait_for(object_is_there(), PATIENCE_MS));
	test_free_all_frames();
	test_thread_join(thread);
	slab_free(cache, object);
	slab_free(cache, object_waiter.object);
}

/* ---- reservations ---- */

/* Takes a run of low frames that were reserved as of any class, of a reservation that has an owner or none. */
static void reserved_run_take(bool has_owner)
{
	struct test_reserver low = { .low = 64 }, any = { .any = 1 };
	struct reservation reservation = { 0 };
	phys_t base, high[8], pair = test_frame_alloc(2, FRAME_ATOMIC | FRAME_LOWMEM, 2 * PAGE_SIZE - 1);

	NEED(pair != 0);
	for (size_t i = 0; i < ARRAY_COUNT(high); i++)
		NEED((high[i] = test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0)) != 0);
	if (high[0] - IDENTITY_PHYS < IDENTITY_SIZE)
		SKIP("there are no frames without a permanent address");
	(void) test_take_all_frames(FRAME_HIGHMEM);
	for (size_t i = 0; i < ARRAY_COUNT(high); i++)
		if ((high[i] >> PAGE_WIDTH & 1) == 0)
			test_frame_free(high[i], 1);
	test_frame_free(pair, 2);
	NEED(test_free_frames(FRAME_LOWMEM) == 2 && test_free_frames(FRAME_HIGHMEM) == 6);
	NEED((has_owner ? reservation_try(&reservation, 0, 4) : reserve_try(4, FRAME_HIGHMEM)) == EOK);
	wait_start(&low, 0);
	wait_start(&any, 1);
	CHECK(!test_reserver_served(&any));
	base = has_owner ? reservation_take(&reservation, 2, FRAME_HIGHMEM)
					 : frame_alloc(2, FRAME_HIGHMEM | FRAME_NO_RESERVE | FRAME_ATOMIC, 0);
	CHECK_EQ(base, pair);
	CHECK(test_wait_for(test_reserver_served(&any), PATIENCE_MS));
	reservation_end(&reservation);
	if (!has_owner)
		reserve_free(2, FRAME_HIGHMEM);
	test_free_all_frames();
	wait_end(&any);
	wait_end(&low);
	frame_free(base, 2);
}

TEST(wake_reservation_taken, "a run off a reservation leaves frames of the other class to those that wait for them",
	.threads = true, .plain_only = "the machine is emptied")
{
	reserved_run_take(true);
}

TEST(wake_reserved_taken, "so does one of frames that were reserved without an owner", .threads = true,
	.plain_only = "the machine is emptied")
{
	reserved_run_take(false);
}

TEST(wake_reserved_returned, "so does a frame that is reserved again, instead of one of the other class",
	.threads = true, .plain_only = "the machine is emptied")
{
	phys_t low = test_frame_alloc(1, FRAME_ATOMIC | FRAME_LOWMEM, 0);
	phys_t high = test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0);
	struct test_reserver waits = { .low = 1 };

	NEED(low != 0 && high != 0);
	if (high - IDENTITY_PHYS < IDENTITY_SIZE)
		SKIP("there are no frames without a permanent address");
	(void) test_take_all_frames(FRAME_HIGHMEM);
	test_frame_free(low, 1);
	NEED(reserve_try(1, FRAME_HIGHMEM) == EOK);
	CHECK_EQ(frame_alloc(1, FRAME_HIGHMEM | FRAME_NO_RESERVE | FRAME_ATOMIC, 0), low);
	test_frame_free(high, 1);
	wait_start(&waits, 0);
	CHECK(!test_reserver_served(&waits));
	reserve_return(low, FRAME_HIGHMEM);
	CHECK(test_wait_for(test_reserver_served(&waits), PATIENCE_MS));
	reserve_free(1, FRAME_HIGHMEM);
	wait_end(&waits);
}

/* ---- what comes to the allocator later ---- */

TEST(wake_boot_released, "so are frames that were the image's", .threads = true,
	.host_only = "nobody needs the image on the host", .plain_only = "it can be given once")
{
	struct test_reserver waits = { .low = 8 };
	struct frame_request request = FRAME_REQUEST(8, FRAME_ATOMIC);
	size_t taken;

	(void) test_take_all_frames(FRAME_HIGHMEM);
	wait_start(&waits, 0);
	frame_release_boot(KERNEL_IMAGE_PHYS, 8);
	CHECK(test_wait_for(test_reserver_served(&waits), PATIENCE_MS));
	wait_end(&waits);
	request.lower = KERNEL_IMAGE_PHYS; /* taken for good, so that as many are free as before */
	request.upper = KERNEL_IMAGE_PHYS + 8 * PAGE_SIZE - 1;
	CHECK_EQ(frame_alloc_request(&request, &taken), KERNEL_IMAGE_PHYS);
}

/* ---- no call passes those that wait, unless it may not sleep ---- */

static struct passer {
	errno_t (*call)(void);
	bool is_through;
} passer;

static void passer_main(void *argument)
{
	(void) argument;
	CHECK_EQ(passer.call(), EOK);
	__atomic_store_n(&passer.is_through, true, __ATOMIC_RELEASE);
}

/* A thread waits, or comes to; one that makes this call, for which there is enough, waits behind it. @return it */
static struct test_thread *call_behind(errno_t (*call)(void))
{
	struct test_thread *thread;

	passer = (struct passer){ .call = call };
	thread = test_thread_start("passer", passer_main, NULL);
	CHECK(test_wait_for(frame_sleepers() == 2, PATIENCE_MS));
	CHECK(!__atomic_load_n(&passer.is_through, __ATOMIC_ACQUIRE));
	test_free_all_frames();
	return thread;
}

/* The same behind a thread that waits for more than the few frames that are free. */
static void call_waits(errno_t (*call)(void), size_t left)
{
	struct test_reserver waits = { .low = left + 64 };
	struct test_thread *thread;

	(void) test_leave_frames(left, FRAME_HIGHMEM);
	wait_start(&waits, 0);
	thread = call_behind(call);
	CHECK(test_wait_for(test_reserver_served(&waits), PATIENCE_MS));
	test_reserver_end(&waits);
	test_thread_join(thread);
}

#if CONFIG_DEBUG

extern void (*km_step_hook)(void);
static struct test_reserver comes;

/* A thread comes to wait when km_alloc has its addresses, and is about to look for frames. */
static void comes_to_wait(void)
{
	km_step_hook = NULL;
	comes = (struct test_reserver){ .low = 64 };
	test_reserver_start(&comes, 1);
}

static errno_t km_page_call(void)
{
	uintptr_t va;

	return test_km_alloc(PAGE_SIZE, 0, &va);
}

TEST(wake_km_alloc_waits, "km_alloc of what is there at once waits behind those that wait", .threads = true,
	.plain_only = "the machine is emptied")
{
	struct test_thread *thread;
	uintptr_t warm;

	NEED(test_km_alloc(PAGE_SIZE, FRAME_ATOMIC, &warm) == EOK); /* so that tables are there */
	(void) test_leave_frames(16, FRAME_HIGHMEM);
	km_step_hook = comes_to_wait;
	thread = call_behind(km_page_call);
	CHECK(test_wait_for(test_reserver_served(&comes), PATIENCE_MS));
	test_reserver_end(&comes);
	test_thread_join(thread);
}

#endif

static struct vmem tagged;
static uintptr_t tagged_next;

/* Ranges with a gap before each: every one takes a tag. */
static errno_t tag_call_flags(frame_flags_t flags)
{
	return vmem_take(&tagged, tagged_next += 2 * PAGE_SIZE, PAGE_SIZE, flags);
}

static errno_t tag_call(void)
{
	return tag_call_flags(0);
}

TEST(wake_tag_waits, "so does a call that wants one more tag", .threads = true, .plain_only = "the machine is emptied")
{
	static const struct vmem_options options = { .quantum = PAGE_SIZE };
	phys_t frames[4];

	NEED(test_vmem_init(&tagged, "tagged", &options, FRAME_ATOMIC) == EOK);
	tagged_next = 0;
	NEED(vmem_add(&tagged, PAGE_SIZE, MiB(1024), FRAME_ATOMIC) == EOK);
	for (size_t i = 0; i < ARRAY_COUNT(frames); i++)
		NEED((frames[i] = test_frame_alloc(1, FRAME_ATOMIC | FRAME_LOWMEM, 0)) != 0);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	while (tag_call_flags(FRAME_ATOMIC) == EOK) /* till all tags that there is memory for are in use */
		;
	tagged_next -= 2 * PAGE_SIZE;
	for (size_t i = 0; i < ARRAY_COUNT(frames); i++)
		test_frame_free(frames[i], 1);
	call_waits(tag_call, ARRAY_COUNT(frames));
}

static errno_t reserve_call(void)
{
	struct reservation reservation;
	errno_t error = reservation_wait(&reservation, 1, 0);

	reservation_end(&reservation);
	return error;
}

static void pair_main(void *argument)
{
	phys_t base = frame_alloc(2, FRAME_LOWMEM, 2 * PAGE_SIZE - 1);

	(void) argument;
	frame_free(base, 2);
}

TEST(wake_reservation_waits, "so does one for a reservation, if as many as those ahead want are left, but in pieces",
	.threads = true, .plain_only = "the machine is emptied")
{
	phys_t block = test_frame_alloc(64, FRAME_ATOMIC | FRAME_LOWMEM, 64 * PAGE_SIZE - 1);
	struct test_thread *head, *behind;

	NEED(block != 0);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	for (size_t i = 0; i < 64; i += 2)
		test_frame_free(block + i * PAGE_SIZE, 1);
	head = test_thread_start("head", pair_main, NULL);
	CHECK(test_wait_for(frame_sleepers() == 1, PATIENCE_MS));
	behind = call_behind(reserve_call);
	test_thread_join(head);
	test_thread_join(behind);
}

#define SINGLES 6 /* frames that are free, and no two of them a run */

TEST(wake_reserve_leaves, "a reservation that does not wait leaves as many frames as those that wait want",
	.threads = true, .plain_only = "the machine is emptied")
{
	static const frame_flags_t classes[] = { FRAME_LOWMEM, FRAME_HIGHMEM };
	phys_t block = test_frame_alloc(64, FRAME_ATOMIC | FRAME_LOWMEM, 64 * PAGE_SIZE - 1);
	struct test_thread *head;

	NEED(block != 0);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	for (size_t i = 0; i < SINGLES; i++)
		test_frame_free(block + 2 * i * PAGE_SIZE, 1);
	head = test_thread_start("head", pair_main, NULL);
	CHECK(test_wait_for(frame_sleepers() == 1, PATIENCE_MS));
	for (size_t i = 0; i < ARRAY_COUNT(classes); i++) {
		CHECK_EQ(test_reserve_try(SINGLES - 1, classes[i]), ENOMEM);
		if (CHECK_EQ(test_reserve_try(SINGLES - 2, classes[i]), EOK))
			test_reserve_free(SINGLES - 2, classes[i]);
	}
	CHECK_EQ(frame_sleepers(), 1);
	test_free_all_frames();
	test_thread_join(head);
}
