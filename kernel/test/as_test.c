/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Address spaces and areas: made, placed, resized, changed, destroyed.
 */

#include <mm/tlb.h>
#include <test.h>

#include "test_internal.h"

#define FIRST ((uintptr_t) USER_START + MiB(4))
#define PAGES(count) ((count) *PAGE_SIZE)

static struct as_area_request anonymous(uintptr_t va, size_t pages, unsigned flags)
{
	return (struct as_area_request){ .backend = AS_ANONYMOUS, .va = va, .size = PAGES(pages), .flags = flags };
}

static errno_t make(struct as *as, uintptr_t va, size_t pages, unsigned flags)
{
	struct as_area_request request = anonymous(va, pages, flags);
	uintptr_t at;

	return as_area_create(as, &request, FRAME_ATOMIC, &at);
}

static struct as_area_info info_of(struct as *as, uintptr_t va)
{
	struct as_area_info info = { 0 };

	return as_area_find(as, va, &info) == EOK ? info : (struct as_area_info){ .first = 1, .last = 0 };
}

static size_t frames_promised(void)
{
	struct frame_info info;

	frame_get_info(&info);
	return info.promised;
}

static bool store(uintptr_t va, uint8_t byte)
{
	return test_user_store(va, byte);
}

/* What is read there, or -1 if it may not be. */
static int load(uintptr_t va)
{
	uint8_t byte;

	return test_user_load(va, &byte) ? byte : -1;
}

TEST(as_empty, "an address space is made, held, switched to and let go of")
{
	struct as *as = test_as_create(FRAME_ATOMIC);

	NEED(as != NULL);
	CHECK_EQ(as_holders(as), 1);
	as_hold(as);
	CHECK_EQ(as_holders(as), 2);
	test_as_borrow(as);
	CHECK_EQ(as_holders(as), 3);
	CHECK_PTR(as_current(), as);
	CHECK_EQ(page_root_current(), page_table_root(as_page_table(as)));
	CHECK_EQ(load(FIRST), -1);
	test_as_borrow(NULL);
	CHECK_NULL(as_current());
	CHECK_EQ(page_root_current(), page_table_root(&page_kernel));
	as_release(as);
	CHECK_EQ(as_holders(as), 1);
	CHECK_EQ(as_page_fault(as, FIRST, AS_ACCESS_READ, FRAME_ATOMIC), AS_FAULT_REFUSED);
}

TEST(as_touch, "pages of an area are zeros, keep what is written, and have frames only once they are touched")
{
	struct as *as = test_as_create(FRAME_ATOMIC);

	NEED(as != NULL && make(as, FIRST, 16, AS_WRITE) == EOK);
	test_as_borrow(as);
	CHECK_EQ(info_of(as, FIRST).resident, 0);
	for (size_t i = 0; i < 16; i += 3)
		NEED(load(FIRST + PAGES(i) + i) == 0);
	CHECK_EQ(info_of(as, FIRST).resident, 6);
	for (size_t i = 0; i < 16; i++)
		NEED(store(FIRST + PAGES(i) + i, (uint8_t) (i + 1)));
	for (size_t i = 0; i < 16; i++)
		CHECK_EQ(load(FIRST + PAGES(i) + i), i + 1);
	CHECK_EQ(info_of(as, FIRST + PAGES(15)).resident, 16);
	CHECK_EQ(load(FIRST - 1), -1);
	CHECK_EQ(load(FIRST + PAGES(16)), -1);
	CHECK(!store(FIRST + PAGES(16), 1));
	CHECK_EQ(as_check(), 0);
}

TEST(as_wrong_arguments, "areas that cannot be are refused, each with the error that says why")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	uintptr_t last_page = (uintptr_t) USER_LAST - PAGE_SIZE + 1;

	NEED(as != NULL);
	NEED(make(as, FIRST, 0, 0) == EINVAL);
	NEED(make(as, FIRST + 1, 1, 0) == EINVAL);
	NEED(make(as, FIRST, 1, AS_WRITE | AS_EXEC) == EINVAL);
	NEED(make(as, FIRST, 1, AS_UNCACHED) == EINVAL);
	NEED(make(as, last_page, 2, 0) == ERANGE);
	NEED(make(as, last_page, SIZE_MAX >> PAGE_WIDTH, 0) == ERANGE);
	NEED(make(as, KERNEL_START, 1, 0) == ERANGE);
	if (USER_START == 0)
		NEED(make(as, 0, 1, 0) == ERANGE);
	NEED(make(as, FIRST, 2, 0) == EOK);
	NEED(make(as, FIRST + PAGES(1), 2, 0) == EEXIST);
	NEED(make(as, FIRST - PAGES(1), 2, 0) == EEXIST);
	NEED(make(as, FIRST - PAGES(1), 4, 0) == EEXIST);
	CHECK_EQ(as_area_destroy(as, FIRST - 1), ENOENT);
	CHECK_EQ(as_area_destroy(as, FIRST + PAGES(2)), ENOENT);
	CHECK_EQ(as_area_resize(as, FIRST + PAGES(2), PAGE_SIZE, FRAME_ATOMIC), ENOENT);
	CHECK_EQ(as_area_resize(as, FIRST, 0, FRAME_ATOMIC), EINVAL);
	CHECK_EQ(as_area_resize(as, FIRST, PAGE_SIZE + 1, FRAME_ATOMIC), EINVAL);
	CHECK_EQ(as_area_change_flags(as, FIRST, AS_WRITE | AS_EXEC), EINVAL);
	CHECK_EQ(as_area_change_flags(as, FIRST, AS_RESERVE), EINVAL);
	CHECK_EQ(as_area_change_flags(as, FIRST - 1, AS_WRITE), ENOENT);
	CHECK_EQ(as_area_destroy(as, FIRST + PAGE_SIZE), EOK);
	CHECK_EQ(as_area_destroy(as, FIRST + PAGE_SIZE), ENOENT);
}

TEST(as_page_0, "page 0 is an area's only if that is asked for, and never found when any place will do")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	struct as_area_request request = anonymous(0, 1, AS_ANYWHERE);
	uintptr_t at = 0;

	NEED(as != NULL && as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	CHECK_EQ(at, USER_START == 0 ? PAGE_SIZE : USER_START);
	CHECK_EQ(as_page_fault(as, 0, AS_ACCESS_READ, FRAME_ATOMIC), AS_FAULT_REFUSED);
	if (USER_START != 0) {
		NEED(make(as, 0, 1, AS_PAGE_0) == ERANGE);
		return;
	}
	CHECK_EQ(as_copy_out(as, 0, "a", 2, FRAME_ATOMIC), EFAULT);
	CHECK_EQ(as_area_destroy(as, PAGE_SIZE), EOK);
	NEED(make(as, 0, 2, AS_WRITE | AS_PAGE_0) == EOK);
	NEED(as_page_fault(as, 0, AS_ACCESS_WRITE, FRAME_ATOMIC) == AS_FAULT_OK);
	NEED(as_copy_out(as, 0, "a", 2, FRAME_ATOMIC) == EOK);
	request.flags = AS_ANYWHERE | AS_PAGE_0;
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	CHECK_EQ(at, 2 * PAGE_SIZE);
	CHECK_EQ(as_check(), 0);
	CHECK_EQ(as_area_destroy(as, 0), EOK);
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	CHECK_EQ(at, PAGE_SIZE);
}

TEST(as_page_0_copied, "an address space that has page 0 is copied, page 0 with it, only if that is asked for")
{
	struct as *as = test_as_create(FRAME_ATOMIC), *other = test_as_create(FRAME_ATOMIC);
	uintptr_t at;
	char byte = 0;

	if (USER_START != 0)
		SKIP("page 0 is not the user's");
	NEED(as != NULL && other != NULL && make(as, 0, 1, AS_WRITE | AS_PAGE_0) == EOK);
	NEED(as_copy_out(as, 0, "a", 1, FRAME_ATOMIC) == EOK);
	NEED(as_area_share(as, 0, AS_COPY, other, 0, AS_WRITE, FRAME_ATOMIC, &at) == ERANGE);
	NEED(as_area_share(as, 0, AS_COPY, other, 0, AS_WRITE | AS_PAGE_0, FRAME_ATOMIC, &at) == EOK);
	NEED(as_copy_out(as, 0, "b", 1, FRAME_ATOMIC) == EOK);
	NEED(as_copy_in(other, &byte, 0, 1, FRAME_ATOMIC) == EOK);
	CHECK_EQ(byte, 'a');
	CHECK_EQ(as_check(), 0);
}

/* Whether a number of pages are there, and may be written. */
static bool writable(struct as *as, uintptr_t va, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		if (!(page_mapping_find(as_page_table(as), va + PAGES(i)).flags & PAGE_WRITE))
			return false;
	return true;
}

TEST(as_populate, "a range is made present, and writable, so that nothing in it faults; no page beside it is touched")
{
	struct as *as = test_as_create(FRAME_ATOMIC), *other = test_as_create(FRAME_ATOMIC);
	uintptr_t at;
	phys_t pa;

	NEED(as != NULL && other != NULL && make(as, FIRST, 8, AS_WRITE) == EOK);
	NEED(as_range_populate(as, FIRST + PAGES(1) + 100, PAGES(2), AS_ACCESS_READ, FRAME_ATOMIC) == EOK);
	CHECK_EQ(info_of(as, FIRST).resident, 3);
	CHECK(!page_translate(as_page_table(as), FIRST, &pa) && !page_translate(as_page_table(as), FIRST + PAGES(4), &pa));
	NEED(as_range_populate(as, FIRST + PAGES(2) - 1, 2, AS_ACCESS_WRITE, FRAME_ATOMIC) == EOK);
	CHECK(writable(as, FIRST + PAGES(1), 2));
	NEED(as_range_populate(as, FIRST, PAGES(8), AS_ACCESS_WRITE, FRAME_ATOMIC) == EOK);
	CHECK_EQ(info_of(as, FIRST).resident, 8);
	CHECK(writable(as, FIRST, 8));
	NEED(as_area_share(as, FIRST, AS_COPY, other, FIRST, AS_WRITE, FRAME_ATOMIC, &at) == EOK);
	CHECK(!writable(as, FIRST, 1));
	NEED(as_range_populate(as, FIRST, PAGES(8), AS_ACCESS_WRITE, FRAME_ATOMIC) == EOK);
	CHECK(writable(as, FIRST, 8));
	NEED(as_range_populate(other, FIRST, PAGES(8), AS_ACCESS_READ, FRAME_ATOMIC) == EOK);
	CHECK(!writable(other, FIRST, 1));
	CHECK_EQ(as_check(), 0);
}

TEST(as_populate_denied, "what may not be accessed is EFAULT, out of memory is ENOMEM; what came before stays")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	struct as_area_request guard = { .backend = AS_GUARD, .va = FIRST + PAGES(4), .size = PAGE_SIZE };
	uintptr_t at;

	NEED(as != NULL && make(as, FIRST, 4, 0) == EOK && as_area_create(as, &guard, FRAME_ATOMIC, &at) == EOK);
	CHECK_EQ(as_range_populate(as, FIRST, 1, AS_ACCESS_WRITE, FRAME_ATOMIC), EFAULT);
	CHECK_EQ(as_range_populate(as, FIRST, 1, AS_ACCESS_EXEC, FRAME_ATOMIC), EFAULT);
	CHECK_EQ(as_range_populate(as, FIRST - 1, 2, AS_ACCESS_READ, FRAME_ATOMIC), EFAULT);
	CHECK_EQ(info_of(as, FIRST).resident, 0);
	NEED(as_range_populate(as, FIRST + PAGES(3), PAGES(1) + 1, AS_ACCESS_READ, FRAME_ATOMIC) == EFAULT);
	CHECK_EQ(info_of(as, FIRST).resident, 1);
	CHECK_EQ(as_range_populate(as, KERNEL_START, 1, AS_ACCESS_READ, FRAME_ATOMIC), EFAULT);
	CHECK_EQ(as_range_populate(as, (uintptr_t) USER_LAST, 2, AS_ACCESS_READ, FRAME_ATOMIC), EFAULT);
	CHECK_EQ(as_range_populate(as, FIRST, SIZE_MAX, AS_ACCESS_READ, FRAME_ATOMIC), EFAULT);
	CHECK_EQ(as_range_populate(as, KERNEL_START, 0, AS_ACCESS_READ, FRAME_ATOMIC), EOK);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	CHECK_EQ(as_range_populate(as, FIRST, PAGES(4), AS_ACCESS_READ, FRAME_ATOMIC), ENOMEM);
	test_free_all_frames();
	NEED(as_range_populate(as, FIRST, PAGES(4), AS_ACCESS_READ, FRAME_ATOMIC) == EOK);
	CHECK_EQ(info_of(as, FIRST).resident, 4);
}

TEST(as_last_page, "an area may end on the last page there is, and cannot grow from there")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	uintptr_t last_page = (uintptr_t) USER_LAST - PAGE_SIZE + 1;
	struct as_area_request request = anonymous(last_page, 1, AS_ANYWHERE);
	uintptr_t at;

	NEED(as != NULL && make(as, last_page, 1, AS_WRITE) == EOK);
	test_as_borrow(as);
	NEED(store(USER_LAST, 7));
	CHECK_EQ(load(USER_LAST), 7);
	CHECK_EQ(as_area_resize(as, last_page, PAGES(2), FRAME_ATOMIC), ERANGE);
	CHECK_EQ(as_area_resize(as, last_page, SIZE_MAX & ~(PAGE_SIZE - 1), FRAME_ATOMIC), ERANGE);
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == ENOMEM);
	NEED(make(as, last_page - PAGES(4), 2, AS_WRITE) == EOK);
	CHECK_EQ(as_area_resize(as, last_page - PAGES(4), PAGES(5), FRAME_ATOMIC), EEXIST);
	CHECK_EQ(as_area_resize(as, last_page - PAGES(4), PAGES(4), FRAME_ATOMIC), EOK);
	CHECK_EQ(info_of(as, last_page - 1).first, last_page - PAGES(4));
	CHECK_EQ(as_check(), 0);
}

static bool count_areas(const struct as_area_info *info, void *argument)
{
	struct as_area_info *seen = argument;

	CHECK(seen->resident == 0 || info->first > seen->last);
	seen->resident++;
	seen->last = info->last;
	return true;
}

TEST(as_holes, "among 100 areas with holes, each is found by its addresses, and the lowest hole that will do is taken")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	struct test_random random = TEST_RANDOM(test_seed());
	struct as_area_request request;
	struct as_area_info seen = { 0 };
	uintptr_t at;

	NEED(as != NULL);
	/* Area n has 9 - n % 7 pages and the hole after it n % 7 + 1; they are made in no order. */
	for (size_t i = 0; i < 100; i++) {
		size_t n = i * 37 % 100;

		NEED(make(as, FIRST + PAGES(n * 10), 9 - n % 7, AS_WRITE) == EOK);
	}
	CHECK_EQ(as_check(), 0);
	for (size_t i = 0; i < 1000; i++) {
		uintptr_t va = FIRST + test_random_below(&random, PAGES(1000));
		size_t n = (va - FIRST) / PAGES(10);
		struct as_area_info info = info_of(as, va);

		if (va < FIRST + PAGES(n * 10 + 9 - n % 7))
			CHECK_EQ(info.first, FIRST + PAGES(n * 10));
		else
			CHECK_GT(info.first, info.last);
	}
	for (size_t gap = 1; gap <= 7; gap++) {
		request = anonymous(FIRST, gap, AS_ANYWHERE);
		NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
		CHECK_EQ(at, FIRST + PAGES((gap - 1) * 10 + 9 - (gap - 1)));
		request = anonymous(FIRST + PAGES(500), gap, AS_ANYWHERE);
		NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
		CHECK_GE(at, FIRST + PAGES(500));
		CHECK_LT(at, FIRST + PAGES(700));
	}
	as_area_each(as, count_areas, &seen);
	CHECK_EQ(seen.resident, 114);
	CHECK_EQ(as_check(), 0);
	for (size_t i = 0; i < 100; i++)
		CHECK_EQ(as_area_destroy(as, FIRST + PAGES(i * 53 % 100 * 10)), EOK);
	CHECK_EQ(as_check(), 0);
}

TEST(as_resize_untouched, "an area that nobody touched shrinks and grows, and costs no frame")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	size_t pages = MiB(512) >> PAGE_WIDTH;
	size_t free;

	NEED(as != NULL && make(as, FIRST, pages, AS_WRITE) == EOK);
	free = test_free_frames(0);
	CHECK_EQ(as_area_resize(as, FIRST, PAGES(1), FRAME_ATOMIC), EOK);
	CHECK_EQ(info_of(as, FIRST).last, FIRST + PAGES(1) - 1);
	CHECK_EQ(as_area_resize(as, FIRST, PAGES(pages), FRAME_ATOMIC), EOK);
	CHECK_EQ(as_area_resize(as, FIRST, PAGES(pages), FRAME_ATOMIC), EOK);
	CHECK_EQ(test_free_frames(0), free);
	CHECK_EQ(as_check(), 0);
}

TEST(as_resize_touched, "what is cut off an area is gone, and what it grows by is zeros")
{
	struct as *as = test_as_create(FRAME_ATOMIC);

	NEED(as != NULL && make(as, FIRST, 200, AS_WRITE) == EOK);
	test_as_borrow(as);
	for (size_t i = 0; i < 200; i++)
		NEED(store(FIRST + PAGES(i), 1));
	CHECK_EQ(as_area_resize(as, FIRST + PAGES(199), PAGES(3), FRAME_ATOMIC), EOK);
	CHECK_EQ(info_of(as, FIRST).resident, 3);
	CHECK_EQ(load(FIRST + PAGES(3)), -1);
	CHECK_EQ(as_area_resize(as, FIRST, PAGES(5), FRAME_ATOMIC), EOK);
	NEED(load(FIRST + PAGES(3)) == 0);
	CHECK_EQ(load(FIRST + PAGES(2)), 1);
	CHECK_EQ(as_check(), 0);
}

TEST(as_rights, "a right that is taken away is gone for pages that were touched, and one that is given is there")
{
	struct as *as = test_as_create(FRAME_ATOMIC);

	NEED(as != NULL && make(as, FIRST, 8, AS_WRITE) == EOK);
	test_as_borrow(as);
	for (size_t i = 0; i < 8; i += 2)
		NEED(store(FIRST + PAGES(i), (uint8_t) (i + 1)));
	CHECK_EQ(as_area_change_flags(as, FIRST, 0), EOK);
	CHECK(!store(FIRST, 9));
	CHECK(!store(FIRST + PAGES(1), 9));
	NEED(load(FIRST + PAGES(1)) == 0);
	for (size_t i = 0; i < 8; i += 2)
		CHECK_EQ(load(FIRST + PAGES(i)), i + 1);
	CHECK_EQ(as_check(), 0);
	CHECK_EQ(as_area_change_flags(as, FIRST, AS_WRITE), EOK);
	for (size_t i = 0; i < 8; i++)
		NEED(store(FIRST + PAGES(i), 9));
	CHECK_EQ(as_area_change_flags(as, FIRST, AS_EXEC), EOK);
	CHECK(!store(FIRST, 1));
	CHECK_EQ(as_page_fault(as, FIRST, AS_ACCESS_EXEC, FRAME_ATOMIC), AS_FAULT_OK);
	CHECK_EQ(as_page_fault(as, FIRST, AS_ACCESS_WRITE, FRAME_ATOMIC), AS_FAULT_REFUSED);
	CHECK_EQ(as_check(), 0);
}

TEST(as_guard, "a guard takes its addresses and refuses every access")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	struct as_area_request request = { .backend = AS_GUARD, .va = FIRST, .size = PAGES(1) };
	uintptr_t at;

	NEED(as != NULL && as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	NEED(make(as, FIRST + PAGES(1), 2, AS_WRITE) == EOK);
	NEED(make(as, FIRST, 1, AS_WRITE) == EEXIST);
	test_as_borrow(as);
	CHECK_EQ(load(FIRST), -1);
	CHECK(!store(FIRST + PAGES(1) - 1, 1));
	NEED(store(FIRST + PAGES(1), 1));
	CHECK_EQ(as_area_change_flags(as, FIRST, AS_WRITE), EINVAL);
	request.flags = AS_RESERVE;
	CHECK_EQ(as_area_create(as, &request, FRAME_ATOMIC, &at), EINVAL);
}

TEST(as_reserved, "what is promised is there when it is touched, though all other memory is gone")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	size_t promised = frames_promised();

	NEED(as != NULL && make(as, FIRST, 32, AS_WRITE | AS_RESERVE) == EOK);
	CHECK_EQ(frames_promised(), promised + 32);
	NEED(make(as, FIRST + PAGES(64), 4, AS_WRITE) == EOK);
	test_as_borrow(as);
	NEED(store(FIRST, 1)); /* the page table is there now */
	CHECK_EQ(frames_promised(), promised + 31);
	(void) test_take_all_frames(FRAME_HIGHMEM);
	for (size_t i = 0; i < 32; i++)
		NEED(store(FIRST + PAGES(i), (uint8_t) i));
	CHECK_EQ(as_page_fault(as, FIRST + PAGES(64), AS_ACCESS_WRITE, FRAME_ATOMIC), AS_FAULT_KILLED);
	CHECK_EQ(as_page_fault(as, FIRST + PAGES(64), AS_ACCESS_READ | AS_ACCESS_COPYING, FRAME_ATOMIC), AS_FAULT_DEFERRED);
	CHECK_EQ(load(FIRST + PAGES(65)), -1);
	test_free_all_frames();
	CHECK_EQ(frames_promised(), promised);
	for (size_t i = 0; i < 32; i++)
		CHECK_EQ(load(FIRST + PAGES(i)), i);
	CHECK_EQ(as_check(), 0);
}

static struct {
	struct as *as;
	enum as_fault_result result;
	uintptr_t is_over;
} fault;

static void fault_main(void *argument)
{
	(void) argument;
	fault.result = as_page_fault(fault.as, FIRST, AS_ACCESS_WRITE, 0);
	__atomic_store_n(&fault.is_over, 1, __ATOMIC_RELEASE);
}

TEST(as_fault_lets_go, "who waits in a fault for a page table has no frame in his hands meanwhile", .threads = true,
	.plain_only = "a frame may be refused")
{
	struct test_thread *thread;
	bool waited;

	fault.as = test_as_create(FRAME_ATOMIC);
	fault.is_over = 0;
	NEED(fault.as != NULL && make(fault.as, FIRST, 1, AS_WRITE) == EOK);
	(void) test_leave_frames(1, FRAME_HIGHMEM);
	thread = test_thread_start("fault", fault_main, NULL);
	CHECK(test_wait_for(frame_sleepers() == 1 || __atomic_load_n(&fault.is_over, __ATOMIC_ACQUIRE) != 0, PATIENCE_MS));
	waited = frame_sleepers() == 1;
	if (waited)
		CHECK(test_frame_alloc(1, FRAME_ATOMIC | FRAME_HIGHMEM, 0) != 0);
	test_free_all_frames();
	test_thread_join(thread);
	CHECK_EQ(fault.result, AS_FAULT_OK);
	if (!waited)
		SKIP("its page tables had room for one page more");
}

TEST(as_reserve_resize, "promises follow the size of an area, and what cannot be promised is refused")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	size_t promised = frames_promised();

	NEED(as != NULL && make(as, FIRST, 10, AS_WRITE | AS_RESERVE) == EOK);
	test_as_borrow(as);
	NEED(store(FIRST, 1) && store(FIRST + PAGES(9), 1));
	CHECK_EQ(frames_promised(), promised + 8);
	CHECK_EQ(as_area_resize(as, FIRST, PAGES(20), FRAME_ATOMIC), EOK);
	CHECK_EQ(frames_promised(), promised + 18);
	CHECK_EQ(as_area_resize(as, FIRST, PAGES(2), FRAME_ATOMIC), EOK);
	CHECK_EQ(frames_promised(), promised + 1);
	(void) test_leave_frames(64, FRAME_HIGHMEM);
	CHECK_EQ(as_area_resize(as, FIRST, PAGES(1000), FRAME_ATOMIC), ENOMEM);
	CHECK_EQ(info_of(as, FIRST).last, FIRST + PAGES(2) - 1);
	NEED(make(as, FIRST + MiB(64), 1000, AS_WRITE | AS_RESERVE) == ENOMEM);
	CHECK_EQ(as_check(), 0);
	CHECK_EQ(as_area_destroy(as, FIRST), EOK);
	CHECK_EQ(frames_promised(), promised);
}

TEST(as_reserve_shrink, "pages that are cut off take the promises of their copies with them")
{
	struct as *as = test_as_create(FRAME_ATOMIC), *other = test_as_create(FRAME_ATOMIC);
	size_t promised = frames_promised();
	uintptr_t at;

	NEED(as != NULL && other != NULL && make(as, FIRST, 10, AS_WRITE | AS_RESERVE) == EOK);
	for (size_t i = 0; i < 10; i++)
		NEED(as_page_fault(as, FIRST + PAGES(i), AS_ACCESS_WRITE, FRAME_ATOMIC) == AS_FAULT_OK);
	NEED(as_area_share(as, FIRST, AS_COPY, other, FIRST, AS_WRITE, FRAME_ATOMIC, &at) == EOK);
	CHECK_EQ(frames_promised(), promised + 10);
	CHECK_EQ(as_area_resize(as, FIRST, PAGES(4), FRAME_ATOMIC), EOK);
	CHECK_EQ(frames_promised(), promised + 4);
	CHECK_EQ(info_of(as, FIRST).promised, 4);
	CHECK_EQ(as_check(), 0);
	CHECK_EQ(as_area_destroy(as, FIRST), EOK);
	CHECK_EQ(frames_promised(), promised);
}

TEST(as_physical, "a physical area shows the frames it is of, at once, and none is freed with it")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	struct as_area_request request = { .backend = AS_PHYSICAL, .va = FIRST, .size = PAGES(4), .flags = AS_WRITE };
	uintptr_t at;
	uint8_t *frames;

	NEED(as != NULL && (request.base = test_frame_alloc(8, FRAME_ATOMIC | FRAME_ZERO, 0)) != 0);
	frames = (uint8_t *) PA2KA(request.base);
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	CHECK_EQ(info_of(as, FIRST).resident, 4);
	test_as_borrow(as);
	CHECK(store(FIRST + PAGES(3), 5));
	CHECK_EQ(frames[PAGES(3)], 5);
	NEED(as_area_resize(as, FIRST, PAGES(8), FRAME_ATOMIC) == EOK);
	frames[PAGES(7)] = 6;
	CHECK_EQ(load(FIRST + PAGES(7)), 6);
	CHECK_EQ(as_area_change_flags(as, FIRST, 0), EOK);
	CHECK(!store(FIRST, 1));
	CHECK_EQ(as_area_change_flags(as, FIRST, AS_WRITE), EOK);
	CHECK(store(FIRST, 1));
	CHECK_EQ(as_area_resize(as, FIRST, PAGES(2), FRAME_ATOMIC), EOK);
	CHECK_EQ(load(FIRST + PAGES(2)), -1);
	CHECK_EQ(as_check(), 0);
	CHECK_EQ(as_area_destroy(as, FIRST), EOK);
	request.base = (phys_t) (phys_last() - PAGE_SIZE + 1);
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == ERANGE);
	request.base = 1;
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EINVAL);
}

TEST(as_image, "a file is mapped in place where it is read, copied where it is written, and ends in zeros")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	struct as_area_request request = { .backend = AS_IMAGE, .va = FIRST, .size = PAGES(5), .flags = AS_WRITE };
	uintptr_t at;
	uint8_t *file;
	phys_t base;

	NEED(as != NULL && (base = test_frame_alloc(3, FRAME_ATOMIC, 0)) != 0);
	file = (uint8_t *) PA2KA(base);
	for (size_t i = 0; i < PAGES(3); i++)
		file[i] = (uint8_t) (i / 7 + 1);
	request.base = base;
	request.file_size = PAGES(2) + 100;
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	test_as_borrow(as);
	NEED(load(FIRST + 70) == file[70]);
	CHECK_EQ(page_mapping_find(as_page_table(as), FIRST).pa, base);
	NEED(load(FIRST + PAGES(2) + 99) == file[PAGES(2) + 99]);
	CHECK_EQ(load(FIRST + PAGES(2) + 100), 0);
	CHECK_NE(page_mapping_find(as_page_table(as), FIRST + PAGES(2)).pa, base + PAGES(2));
	NEED(load(FIRST + PAGES(4)) == 0);
	NEED(store(FIRST, 200) && store(FIRST + PAGES(1), 201));
	CHECK_EQ(file[0], 1);
	CHECK_EQ(load(FIRST), 200);
	CHECK_EQ(load(FIRST + 70), file[70]);
	CHECK_EQ(load(FIRST + PAGES(1) + 70), file[PAGES(1) + 70]);
	CHECK_EQ(as_check(), 0);
	request.va = FIRST + PAGES(16);
	request.base = base + 3;
	request.file_size = PAGES(2);
	request.flags = AS_EXEC;
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	NEED(load(at + 5) == file[8]);
	CHECK_EQ(as_check(), 0);
}

TEST(as_copy_out_again, "a copy to a page that may be written already changes no mapping and asks no TLB")
{
	struct as *as = test_as_create(FRAME_ATOMIC), *other = test_as_create(FRAME_ATOMIC);
	struct tlb_info before, after;
	uintptr_t at;
	uint8_t byte = 1;

	NEED(as != NULL && other != NULL && make(as, FIRST, 2, AS_WRITE) == EOK);
	NEED(as_copy_out(as, FIRST, &byte, 1, FRAME_ATOMIC) == EOK);
	tlb_get_info(&before);
	NEED(as_copy_out(as, FIRST, &byte, 1, FRAME_ATOMIC) == EOK);
	tlb_get_info(&after);
	CHECK_EQ(after.pages + after.ranges + after.alls, before.pages + before.ranges + before.alls);
	NEED(as_area_share(as, FIRST, AS_SHARE, other, FIRST, AS_WRITE, FRAME_ATOMIC, &at) == EOK);
	NEED(as_copy_out(other, FIRST, &byte, 1, FRAME_ATOMIC) == EOK);
	tlb_get_info(&before);
	NEED(as_copy_out(other, FIRST, &byte, 1, FRAME_ATOMIC) == EOK);
	tlb_get_info(&after);
	CHECK_EQ(after.pages + after.ranges + after.alls, before.pages + before.ranges + before.alls);
}

TEST(as_copy_in_out, "copies in and out of an address space nobody runs in survive bad addresses")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	static uint8_t out[3 * 4096], in[3 * 4096];

	NEED(as != NULL && make(as, FIRST, 4, AS_WRITE) == EOK);
	for (size_t i = 0; i < sizeof out; i++)
		out[i] = (uint8_t) (i * 13 + i / 256);
	NEED(as_copy_out(as, FIRST + 100, out, sizeof out, FRAME_ATOMIC) == EOK);
	NEED(as_copy_in(as, in, FIRST + 100, sizeof in, FRAME_ATOMIC) == EOK);
	CHECK_EQ(__builtin_memcmp(in, out, sizeof in), 0);
	NEED(as_copy_out(as, FIRST + PAGES(4) - 50, out, 51, FRAME_ATOMIC) == EFAULT);
	CHECK_EQ(as_copy_in(as, in, FIRST - 1, 2, FRAME_ATOMIC), EFAULT);
	CHECK_EQ(as_copy_in(as, in, 0, 1, FRAME_ATOMIC), EFAULT);
	CHECK_EQ(as_copy_in(as, in, KERNEL_START, 1, FRAME_ATOMIC), EFAULT);
	CHECK_EQ(as_copy_in(as, in, USER_LAST, 2, FRAME_ATOMIC), EFAULT);
	CHECK_EQ(as_copy_in(as, in, FIRST, SIZE_MAX, FRAME_ATOMIC), EFAULT);
	CHECK_EQ(as_copy_in(as, in, 0, 0, FRAME_ATOMIC), EOK);
	CHECK_EQ(as_area_change_flags(as, FIRST, 0), EOK);
	CHECK_EQ(as_copy_out(as, FIRST, out, 1, FRAME_ATOMIC), EFAULT);
	NEED(as_copy_in(as, in, FIRST + 100, 1, FRAME_ATOMIC) == EOK);
}
