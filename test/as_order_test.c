/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The order of unmapping and freeing, seen through the TLB of the host: when a
 * translation is invalidated, the frame that it leads to is still its owner's.
 * Freed before that, another thread could have it while a CPU still stores
 * through the translation.
 */

#include <arch/host.h>
#include <test.h>

#define FIRST ((uintptr_t) USER_START + MiB(4))
#define PAGES(count) ((count) *PAGE_SIZE)

static errno_t make(struct as *as, size_t pages, unsigned flags)
{
	struct as_area_request request = { .backend = AS_ANONYMOUS, .va = FIRST, .size = PAGES(pages), .flags = flags };
	uintptr_t at;

	return as_area_create(as, &request, FRAME_ATOMIC, &at);
}

/* Touches pages in the address space that this CPU runs in, and reads them, so that it holds their translations. */
static bool touch(struct as *as, size_t pages)
{
	uint8_t byte;

	test_as_borrow(as);
	for (size_t i = 0; i < pages; i++)
		NEED_OR(test_user_store(FIRST + PAGES(i), 1) && host_load(FIRST + PAGES(i), &byte), false);
	return true;
}

/* Few pages are invalidated one by one, many all at once; more than one batch of frames (BATCH in as_pages.c). */
static const size_t sizes[] = { 1, 3, 40, 200 };

TEST(as_order_destroy, "the frames of an area are freed after no CPU holds a translation to them")
{
	struct as *as = test_as_create(FRAME_ATOMIC);

	NEED(as != NULL);
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		NEED(make(as, sizes[i], AS_WRITE) == EOK && touch(as, sizes[i]));
		host_tlb_watch(true);
		CHECK_EQ(as_area_destroy(as, FIRST), EOK);
		CHECK_EQ(host_tlb_watch(false), 0);
	}
}

TEST(as_order_shrink, "so are those of pages that are cut off")
{
	struct as *as = test_as_create(FRAME_ATOMIC);

	NEED(as != NULL && make(as, 200, AS_WRITE) == EOK && touch(as, 200));
	host_tlb_watch(true);
	CHECK_EQ(as_area_resize(as, FIRST, PAGES(190), FRAME_ATOMIC), EOK);
	CHECK_EQ(as_area_resize(as, FIRST, PAGES(1), FRAME_ATOMIC), EOK);
	CHECK_EQ(host_tlb_watch(false), 0);
}

TEST(as_order_copy, "so is the frame that a write parts from, when the others are gone before it is unmapped")
{
	struct as *one = test_as_create(FRAME_ATOMIC), *two = test_as_create(FRAME_ATOMIC);
	uintptr_t at;
	uint8_t byte;

	NEED(one != NULL && two != NULL && make(one, 1, AS_WRITE) == EOK && touch(one, 1));
	NEED(as_area_share(one, FIRST, AS_COPY, two, FIRST, AS_WRITE, FRAME_ATOMIC, &at) == EOK);
	test_as_borrow(one);
	CHECK(host_load(FIRST, &byte));
	host_tlb_watch(true);
	byte = 5;
	if (as_copy_out(one, FIRST, &byte, 1, FRAME_ATOMIC) == EOK)
		CHECK(host_load(FIRST, &byte) && byte == 5);
	CHECK_EQ(host_tlb_watch(false), 0);
}

TEST(as_order_shared, "so are those of shared memory, by its last sharer")
{
	struct as *as = test_as_create(FRAME_ATOMIC), *other = test_as_create(FRAME_ATOMIC);
	uintptr_t at;

	NEED(as != NULL && other != NULL && make(as, 40, AS_WRITE) == EOK);
	NEED(as_area_share(as, FIRST, AS_SHARE, other, FIRST, AS_WRITE, FRAME_ATOMIC, &at) == EOK && touch(as, 40));
	CHECK_EQ(as_area_destroy(other, FIRST), EOK);
	host_tlb_watch(true);
	CHECK_EQ(as_area_destroy(as, FIRST), EOK);
	CHECK_EQ(host_tlb_watch(false), 0);
}
