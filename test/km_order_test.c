/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The order of unmapping and freeing in kernel space: a page's frame is its
 * owner's, and its range is taken, until no CPU finds its translation. The
 * window of the host stops where that is not so (arch/host/window.c); here each
 * page of ranges of several lengths and runs is touched, so that it looks at
 * each.
 */

#include <arch/host.h>
#include <test.h>

/* One page and several; invalidated one by one and all at once; kept by the caches of arenas, and longer than these. */
static const size_t sizes[] = { 1, 2, 16, 31, 32, 33, 100, 700 };

static void touch(uintptr_t va, size_t pages)
{
	for (size_t i = 0; i < pages; i++)
		(void) *(volatile uint8_t *) (va + i * PAGE_SIZE);
}

TEST(km_order_free, "km_free unmaps, then frees the frames, then the range")
{
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		uintptr_t va;

		NEED(test_km_alloc(sizes[i] * PAGE_SIZE, FRAME_ATOMIC, &va) == EOK);
		touch(va, sizes[i]);
		test_km_free(va, sizes[i] * PAGE_SIZE);
	}
}

TEST(km_order_unmap, "km_unmap unmaps, then frees the range")
{
	phys_t frame;

	NEED((frame = test_frame_alloc(1, FRAME_ATOMIC, 0)) != 0);
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		uintptr_t va;

		/* Only the first page is touched: what follows is anybody's. */
		NEED(test_km_map(frame, sizes[i] * PAGE_SIZE, PAGE_READ, FRAME_ATOMIC, &va) == EOK);
		touch(va, 1);
		test_km_unmap(va, sizes[i] * PAGE_SIZE);
	}
}
