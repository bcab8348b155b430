/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Whose frames have no permanent address: the pages of address spaces have such
 * as long as there are any; objects of the kernel never.
 */

#include <mm/km_local.h>
#include <test.h>

#include "test_internal.h"

#define FIRST ((uintptr_t) USER_START + MiB(4))
#define PAGES(count) ((count) *PAGE_SIZE)

/* Leaves the case if there are no such frames. */
#define NEED_HIGH_MEMORY()                                              \
	do {                                                                \
		if (!test_has_high_memory())                                    \
			SKIP("all memory of this machine has permanent addresses"); \
	} while (0)

static errno_t make(struct as *as, uintptr_t va, size_t pages, unsigned flags)
{
	struct as_area_request request = { .backend = AS_ANONYMOUS, .va = va, .size = PAGES(pages), .flags = flags };
	uintptr_t at;

	return as_area_create(as, &request, FRAME_ATOMIC, &at);
}

static errno_t give(struct as *from, enum as_share_mode mode, struct as *to, unsigned flags)
{
	uintptr_t at;

	return as_area_share(from, FIRST, mode, to, FIRST, flags, FRAME_ATOMIC, &at);
}

static bool store(struct as *as, uintptr_t va, uint8_t byte)
{
	test_as_borrow(as);
	return test_user_store(va, byte);
}

/* What is read there, or -1 if it may not be. */
static int load(struct as *as, uintptr_t va)
{
	uint8_t byte;

	test_as_borrow(as);
	return test_user_load(va, &byte) ? byte : -1;
}

/* The frame of a page, 0 if it has none. */
static phys_t frame_at(struct as *as, uintptr_t va)
{
	phys_t pa;

	return page_translate(as_page_table(as), va, &pa) ? ALIGN_DOWN(pa, PAGE_SIZE) : 0;
}

static bool is_high(phys_t frame)
{
	return frame != 0 && !has_permanent_address(frame);
}

/* Pages of an area whose frames have no permanent address. */
static size_t count_high(struct as *as, uintptr_t va, size_t pages)
{
	size_t count = 0;

	for (size_t i = 0; i < pages; i++)
		count += is_high(frame_at(as, va + PAGES(i)));
	return count;
}

/* Takes all frames without a permanent address, and none that has one. */
static void take_high_frames(void)
{
	frame_reclaim(RECLAIM_FULL, true);
	(void) test_leave_frames(test_free_frames(0), FRAME_HIGHMEM);
}

/* ---- pages of address spaces ---- */

TEST(
	as_high_anonymous, "anonymous pages have frames without permanent addresses, zeros at first, given back at the end")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	size_t wrong = 0;

	NEED_HIGH_MEMORY();
	NEED(as != NULL);
	for (unsigned round = 0; round < 2; round++) { /* the second finds what the first has written, cleared */
		NEED(make(as, FIRST, 40, AS_WRITE) == EOK);
		for (size_t i = 0; i < 40; i++)
			for (size_t byte = 0; byte < PAGE_SIZE; byte += 500) {
				int value = load(as, FIRST + PAGES(i) + byte);

				NEED(value != -1);
				wrong += value != 0;
				NEED(store(as, FIRST + PAGES(i) + byte, (uint8_t) (i + 1)));
			}
		CHECK_EQ(wrong, 0);
		CHECK_EQ(count_high(as, FIRST, 40), 40);
		for (size_t i = 0; i < 40; i++)
			CHECK_EQ(load(as, FIRST + PAGES(i) + 500), i + 1);
		CHECK_EQ(as_area_destroy(as, FIRST), EOK);
	}
	CHECK_EQ(as_check(), 0);
}

TEST(as_high_gone, "when they are gone, pages have other frames; when they are back, they are taken again")
{
	struct as *as = test_as_create(FRAME_ATOMIC);

	NEED_HIGH_MEMORY();
	NEED(as != NULL && make(as, FIRST, 12, AS_WRITE) == EOK && store(as, FIRST, 1));
	CHECK_EQ(count_high(as, FIRST, 12), 1);
	take_high_frames();
	for (size_t i = 1; i < 8; i++)
		NEED(store(as, FIRST + PAGES(i), (uint8_t) (i + 1)));
	CHECK_EQ(count_high(as, FIRST, 12), 1);
	test_free_all_frames();
	for (size_t i = 8; i < 12; i++)
		NEED(store(as, FIRST + PAGES(i), (uint8_t) (i + 1)));
	CHECK_EQ(count_high(as, FIRST, 12), 5);
	for (size_t i = 0; i < 12; i++)
		CHECK_EQ(load(as, FIRST + PAGES(i)), i + 1);
	CHECK_EQ(as_check(), 0);
}

TEST(as_high_promised, "a promise is kept with them, and without them")
{
	struct as *as = test_as_create(FRAME_ATOMIC);

	NEED_HIGH_MEMORY();
	NEED(as != NULL && make(as, FIRST, 8, AS_WRITE | AS_RESERVE) == EOK);
	for (size_t i = 0; i < 4; i++)
		NEED(store(as, FIRST + PAGES(i), 1));
	CHECK_EQ(count_high(as, FIRST, 8), 4);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	for (size_t i = 4; i < 8; i++)
		NEED(store(as, FIRST + PAGES(i), 1));
	CHECK_EQ(as_check(), 0);
}

/* A page of one, copied on write for the other: where the copy is, and whether both are right. */
static bool copy_on_write(struct as *one, struct as *two, bool copy_is_high)
{
	NEED_OR(give(one, AS_COPY, two, AS_WRITE) == EOK, false);
	NEED_OR(load(two, FIRST) == 5 && load(two, FIRST + 4000) == 6, false);
	CHECK_EQ(frame_at(one, FIRST), frame_at(two, FIRST));
	NEED_OR(store(two, FIRST, 7), false);
	CHECK_EQ(is_high(frame_at(two, FIRST)), copy_is_high);
	CHECK(is_high(frame_at(one, FIRST)));
	CHECK_NE(frame_at(one, FIRST), frame_at(two, FIRST));
	CHECK_EQ(load(two, FIRST), 7);
	CHECK_EQ(load(two, FIRST + 4000), 6);
	CHECK_EQ(load(one, FIRST), 5);
	CHECK_EQ(load(one, FIRST + 4000), 6);
	CHECK_EQ(as_area_destroy(two, FIRST), EOK);
	return true;
}

TEST(as_high_copy_on_write, "a page without a permanent address is copied on write to another, or to one that has one")
{
	struct as *one = test_as_create(FRAME_ATOMIC), *two = test_as_create(FRAME_ATOMIC);

	NEED_HIGH_MEMORY();
	NEED(one != NULL && two != NULL && make(one, FIRST, 1, AS_WRITE) == EOK);
	NEED(store(one, FIRST, 5) && store(one, FIRST + 4000, 6));
	if (!copy_on_write(one, two, true))
		return;
	take_high_frames();
	if (!copy_on_write(one, two, false))
		return;
	CHECK_EQ(as_check(), 0);
}

TEST(as_high_shared, "so has memory that areas share, and its copies")
{
	struct as *one = test_as_create(FRAME_ATOMIC), *two = test_as_create(FRAME_ATOMIC);
	struct as *three = test_as_create(FRAME_ATOMIC);

	NEED_HIGH_MEMORY();
	NEED(one != NULL && two != NULL && three != NULL && make(one, FIRST, 6, AS_WRITE) == EOK);
	NEED(store(one, FIRST, 1) && give(one, AS_SHARE, two, AS_WRITE) == EOK);
	for (size_t i = 0; i < 6; i++)
		NEED(store(two, FIRST + PAGES(i), (uint8_t) (i + 10)) && load(one, FIRST + PAGES(i)) == (int) i + 10);
	CHECK_EQ(count_high(one, FIRST, 6), 6);
	CHECK_EQ(frame_at(one, FIRST), frame_at(two, FIRST));
	NEED(give(one, AS_COPY, three, AS_WRITE) == EOK);
	NEED(store(one, FIRST, 2));
	CHECK_EQ(count_high(three, FIRST, 6), 6);
	for (size_t i = 0; i < 6; i++)
		CHECK_EQ(load(three, FIRST + PAGES(i)), i + 10);
	CHECK_EQ(as_check(), 0);
}

TEST(as_high_image, "so have pages of a file once they are copied")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	struct as_area_request request = {
		.backend = AS_IMAGE, .va = FIRST, .size = PAGES(3), .flags = AS_WRITE, .file_size = PAGES(1) + 100
	};
	uintptr_t at;
	uint8_t *file;

	NEED_HIGH_MEMORY();
	NEED(as != NULL && (request.base = test_frame_alloc(2, FRAME_ATOMIC, 0)) != 0);
	file = (uint8_t *) PA2KA(request.base);
	__builtin_memset(file, 0x5a, PAGES(2));
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	NEED(load(as, FIRST + 9) == 0x5a);
	CHECK_EQ(frame_at(as, FIRST), request.base);
	NEED(store(as, FIRST + 9, 1) && store(as, FIRST + PAGES(2), 2) && load(as, FIRST + PAGES(1) + 99) == 0x5a);
	CHECK_EQ(count_high(as, FIRST, 3), 3);
	CHECK_EQ(load(as, FIRST + 8), 0x5a);
	CHECK_EQ(load(as, FIRST + PAGES(1) + 100), 0);
	CHECK_EQ(file[9], 0x5a);
	CHECK_EQ(as_check(), 0);
}

TEST(as_high_copies, "bytes are copied in and out of such pages, from and to any place in them, across them")
{
	static uint8_t out[3 * PAGE_SIZE], in[3 * PAGE_SIZE];
	const uintptr_t from = FIRST + PAGE_SIZE - 96;
	struct as *as = test_as_create(FRAME_ATOMIC);

	NEED_HIGH_MEMORY();
	NEED(as != NULL && make(as, FIRST, 4, AS_WRITE) == EOK);
	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (uint8_t) (i * 17 + i / 256);
	NEED(as_copy_out(as, from, out, sizeof out, FRAME_ATOMIC) == EOK);
	CHECK_EQ(count_high(as, FIRST, 4), 4);
	NEED(as_copy_in(as, in, from, sizeof in, FRAME_ATOMIC) == EOK);
	CHECK_EQ(__builtin_memcmp(in, out, sizeof in), 0);
	CHECK_EQ(load(as, from), out[0]);
	CHECK_EQ(load(as, from + 5000), out[5000]);
	NEED(store(as, FIRST + PAGES(2) + 1, 99));
	NEED(as_copy_in(as, in, FIRST + PAGES(2) + 1, 1, FRAME_ATOMIC) == EOK);
	CHECK_EQ(in[0], 99);
}

/* Whether the last page of all that can be addressed is RAM. */
static bool last_is_ram(void)
{
	pfn_t last = phys_last() >> PAGE_WIDTH;

	return frame_known_from(last) == last && frame_is_ram(last);
}

TEST(as_high_physical, "a physical area of such frames is copied from and to, one of no memory is not")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	struct as_area_request request = { .backend = AS_PHYSICAL, .va = FIRST, .size = PAGES(1), .flags = AS_WRITE };
	uint8_t byte = 44;
	uintptr_t at;

	NEED_HIGH_MEMORY();
	NEED(as != NULL && (request.base = test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0)) != 0);
	CHECK(is_high(request.base));
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	NEED(as_copy_out(as, FIRST + 3, &byte, 1, FRAME_ATOMIC) == EOK);
	CHECK_EQ(load(as, FIRST + 3), 44);
	CHECK_EQ(as_area_destroy(as, FIRST), EOK);
	request.base = ALIGN_DOWN(phys_last(), PAGE_SIZE);
	if (last_is_ram())
		return;
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	CHECK_EQ(as_copy_in(as, &byte, FIRST + 3, 1, FRAME_ATOMIC), EFAULT);
}

/* ---- objects of the kernel ---- */

/* Whatever flags say: with no frame left that has a permanent address, and many that have none. */
#define ANY (FRAME_ATOMIC | FRAME_HIGHMEM)

TEST(as_high_not_objects,
	"slabs, malloc and page tables are refused rather than have such a frame, though there are many")
{
	struct slab_cache *cache = test_slab_cache_create("high test", 1024, NULL, FRAME_ATOMIC);
	struct as *as = test_as_create(FRAME_ATOMIC);
	uintptr_t far = FIRST + PTL_COVERS(PTL_LEVELS - 2) * 8;
	phys_t frame = 0;

	NEED_HIGH_MEMORY();
	NEED(cache != NULL && as != NULL && (frame = test_frame_alloc(1, ANY, 0)) != 0);
	(void) test_take_all_frames(FRAME_LOWMEM);
	CHECK_NULL(test_slab_alloc(cache, ANY));
	CHECK_NULL(test_malloc(KiB(64), ANY));
	CHECK_NULL(test_malloc(KiB(8), ANY | FRAME_ZERO));
	CHECK_NULL(test_memalign(KiB(16), KiB(16), ANY));
	if (page_design_name()[0] == 'p') { /* to ht a page table is a small block, and it may have room for clusters */
		CHECK_NULL(page_table_create(ANY));
		CHECK_EQ(page_mapping_insert(as_page_table(as), far, frame, 1, PAGE_READ, ANY), ENOMEM);
		CHECK_EQ(page_mapping_count(as_page_table(as), far, 1), 0);
	}
	CHECK_GT(test_free_frames(FRAME_HIGHMEM), 64);
	CHECK_NE(test_frame_alloc(1, ANY, 0) + test_injecting(), 0);
}

TEST(as_high_not_leaves, "nor does what an address space keeps of its pages: a fault that wants a table is refused")
{
	struct as *one = test_as_create(FRAME_ATOMIC), *two = test_as_create(FRAME_ATOMIC);
	uintptr_t far = FIRST + PTL_COVERS(PTL_LEVELS - 2) * 8;

	NEED_HIGH_MEMORY();
	NEED(one != NULL && two != NULL && make(one, FIRST, 4, AS_WRITE) == EOK && make(one, far, 4, AS_WRITE) == EOK);
	NEED(store(one, FIRST, 1));
	(void) test_take_all_frames(FRAME_LOWMEM);
	/* The table of this page is there: all it wants is its frame. */
	NEED(store(one, FIRST + PAGES(1), 2));
	CHECK_EQ(count_high(one, FIRST, 2), 2);
	/* The table of shared memory is an object of the kernel. */
	CHECK_EQ(give(one, AS_SHARE, two, AS_WRITE), ENOMEM);
	if (page_design_name()[0] == 'p')
		CHECK_EQ(as_page_fault(one, far, AS_ACCESS_WRITE, ANY), AS_FAULT_KILLED);
	CHECK_EQ(frame_at(two, FIRST), 0);
	CHECK_EQ(load(one, FIRST), 1);
	CHECK_EQ(load(one, FIRST + PAGES(1)), 2);
	CHECK_EQ(as_check(), 0);
}

/* ---- several CPUs at once ---- */

#define THREADS 4
#define TOUCHED 24
#define ROUNDS 12

static struct toucher {
	struct test_thread *thread;
	struct as *as;
	uint8_t number;
	size_t wrong, low;
} touchers[THREADS];

static void toucher_main(void *argument)
{
	struct toucher *self = argument;

	test_as_borrow(self->as);
	for (size_t round = 0; round < ROUNDS; round++) {
		for (size_t i = 0; i < TOUCHED; i++) {
			uint8_t value = 0xff;

			self->wrong += !test_user_load(FIRST + PAGES(i) + 77, &value) || value != 0;
			self->wrong += !test_user_store(FIRST + PAGES(i) + 77, self->number);
		}
		for (size_t i = 0; i < TOUCHED; i++) {
			uint8_t value = 0;

			self->wrong += !test_user_load(FIRST + PAGES(i) + 77, &value) || value != self->number;
		}
		self->low += TOUCHED - count_high(self->as, FIRST, TOUCHED);
		self->wrong += as_area_destroy(self->as, FIRST) != EOK || make(self->as, FIRST, TOUCHED, AS_WRITE) != EOK;
	}
	test_as_borrow(NULL);
}

TEST(as_high_cpus, "CPUs that fault such pages in at once each have zeros first, and then their own", .threads = true,
	.plain_only = "its threads want memory")
{
	NEED_HIGH_MEMORY();
	for (size_t i = 0; i < THREADS; i++) {
		touchers[i] = (struct toucher){ .as = test_as_create(FRAME_ATOMIC), .number = (uint8_t) (i + 1) };
		NEED(touchers[i].as != NULL && make(touchers[i].as, FIRST, TOUCHED, AS_WRITE) == EOK);
	}
	for (size_t i = 0; i < THREADS; i++)
		touchers[i].thread = test_thread_start("touches", toucher_main, &touchers[i]);
	for (size_t i = 0; i < THREADS; i++) {
		test_thread_join(touchers[i].thread);
		CHECK_EQ(touchers[i].wrong, 0);
		CHECK_EQ(touchers[i].low, 0);
	}
}
