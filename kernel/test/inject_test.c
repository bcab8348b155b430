/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The injector itself. These cases arm it, so none is injected into them.
 */

#include <mm/inject.h>
#include <test.h>

#define OWN "it arms the injector itself"

/* Whether an atomic allocation is served now. */
static bool served(void)
{
	phys_t base = test_frame_alloc(1, FRAME_ATOMIC, 0);

	if (base != 0)
		test_frame_free(base, 1);
	return base != 0;
}

TEST(inject_nth, "the n-th atomic allocation fails, and no other", .plain_only = OWN)
{
	for (size_t nth = 1; nth <= 10; nth++) {
		inject_arm(nth, false);
		for (size_t i = 1; i <= 12; i++)
			CHECK_EQ(served(), i != nth);
		CHECK_EQ(inject_seen(), 12);
		CHECK_EQ(inject_failed(), 1);
	}
	inject_arm(0, false);
}

TEST(inject_every, "every n-th fails, till it is disarmed", .plain_only = OWN)
{
	inject_arm(3, true);
	for (size_t i = 1; i <= 12; i++)
		CHECK_EQ(served(), i % 3 != 0);
	CHECK_EQ(inject_failed(), 4);
	inject_arm(0, false);
	for (size_t i = 1; i <= 6; i++)
		CHECK(served());
	CHECK_EQ(inject_failed(), 4);
}

TEST(inject_not_sleeping, "an allocation that may sleep neither fails nor counts", .plain_only = OWN)
{
	inject_arm(1, true);
	for (size_t i = 0; i < 4; i++)
		test_frame_free(test_frame_alloc(1 + i, 0, 0), 1 + i);
	CHECK_EQ(inject_seen(), 0);
	inject_arm(0, false);
}

TEST(inject_layers, "objects, blocks, page tables and runs of frames fail as well", .plain_only = OWN)
{
	struct slab_cache *cache = test_slab_cache_create("test-inject", 100, NULL, 0);
	uintptr_t va;
	phys_t base = test_frame_alloc(1, 0, 0);

	inject_arm(1, true);
	CHECK_NULL(test_slab_alloc(cache, FRAME_ATOMIC));
	CHECK_NULL(test_malloc(100, FRAME_ATOMIC));
	CHECK_NULL(test_malloc(KiB(200), FRAME_ATOMIC));
	CHECK_EQ(test_frame_alloc(5, FRAME_ATOMIC, 0), 0);
	CHECK_EQ(inject_failed(), inject_seen());
	CHECK_GE(inject_failed(), 4);
	inject_arm(0, false);
	CHECK_EQ(test_km_map(base, PAGE_SIZE, PAGE_READ, 0, &va), EOK);
}

TEST(inject_not_for_ever,
	"a call that may sleep, and allocates one part without sleeping while it has another, ends whatever fails",
	.plain_only = OWN)
{
	struct as *spaces[8]; /* more than are kept as spares */
	uintptr_t va = 0, at;
	errno_t error;

	inject_arm(1, true);
	for (size_t i = 0; i < ARRAY_COUNT(spaces); i++)
		spaces[i] = as_create(0);
	error = km_alloc(2 * PAGE_SIZE, FRAME_DMA, &va);
	if (spaces[0] != NULL && spaces[1] != NULL) {
		struct as_area_request request = {
			.backend = AS_ANONYMOUS, .va = (uintptr_t) USER_START + MiB(4), .size = PAGE_SIZE, .flags = AS_WRITE
		};

		CHECK_EQ(as_area_create(spaces[0], &request, 0, &at), EOK);
		CHECK_EQ(as_copy_out(spaces[0], at, "", 1, 0), EOK);
		CHECK_EQ(as_area_share(spaces[0], at, AS_SHARE, spaces[1], at, AS_WRITE, 0, &at), EOK);
		CHECK_EQ(as_area_share(spaces[0], at, AS_COPY, spaces[1], at, AS_WRITE | AS_ANYWHERE, 0, &at), EOK);
	}
	inject_arm(0, false);
	CHECK_EQ(error, EOK);
	if (error == EOK)
		km_free(va, 2 * PAGE_SIZE);
	for (size_t i = 0; i < ARRAY_COUNT(spaces); i++)
		if (CHECK(spaces[i] != NULL))
			as_release(spaces[i]);
}
