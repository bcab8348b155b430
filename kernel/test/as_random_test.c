/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Address spaces against a model: random sequences of all operations on areas,
 * in three address spaces at once. The model knows of each page which area it
 * belongs to, and of each area which memory it shows and what stands in it: no
 * frames, no tree, no copies on write.
 */

#include <test.h>

#include "test_internal.h"

#define SPACES 3
#define WINDOW 48 /* pages of each in which areas are */
#define AREAS (SPACES * WINDOW)
#define OPERATIONS 4000

#define FIRST ((uintptr_t) USER_START + MiB(4) - 8 * PAGE_SIZE) /* so that a page table ends in the window */

/* A memory: what stands in the first byte of its pages, and the areas that show it. */
struct memory {
	size_t sharers;
	bool fixed; /* it was shared once */
	uint8_t bytes[WINDOW];
};

struct area {
	bool used;
	size_t first, pages;
	bool writable;
	struct memory *memory;
};

static struct {
	struct as *as[SPACES];
	struct area *at[SPACES][WINDOW]; /* the area of each page */
	struct area areas[AREAS];
	struct memory memories[AREAS];
	struct test_random random;
} model;

static uintptr_t va_of(size_t page)
{
	return FIRST + page * PAGE_SIZE;
}

static size_t below(size_t bound)
{
	return test_random_below(&model.random, bound);
}

static bool is_free(size_t space, size_t first, size_t pages)
{
	for (size_t i = first; i < first + pages; i++)
		if (model.at[space][i] != NULL)
			return false;
	return true;
}

static void claim(size_t space, size_t first, size_t pages, struct area *area)
{
	for (size_t i = first; i < first + pages; i++)
		model.at[space][i] = area;
}

static struct memory *memory_new(void)
{
	struct memory *memory = model.memories;

	while (memory->sharers != 0)
		memory++;
	*memory = (struct memory){ .sharers = 1 };
	return memory;
}

static void area_new(size_t space, size_t first, size_t pages, bool writable, struct memory *memory)
{
	struct area *area = model.areas;

	while (area->used)
		area++;
	*area = (struct area){ .used = true, .first = first, .pages = pages, .writable = writable, .memory = memory };
	claim(space, first, pages, area);
}

/* ---- the operations: each done, and held against what the model says ---- */

static void create(size_t space)
{
	size_t first = below(WINDOW), pages = 1 + below(WINDOW - first < 12 ? WINDOW - first : 12);
	bool writable = below(4) != 0;
	struct as_area_request request = { .backend = AS_ANONYMOUS,
		.va = va_of(first),
		.size = pages * PAGE_SIZE,
		.flags = (writable ? AS_WRITE : 0) | (below(3) == 0 ? AS_RESERVE : 0) };
	errno_t expected = is_free(space, first, pages) ? EOK : EEXIST;
	uintptr_t at;

	CHECK_EQ(as_area_create(model.as[space], &request, 0, &at), expected);
	if (expected == EOK)
		area_new(space, first, pages, writable, memory_new());
}

static void destroy(size_t space)
{
	size_t page = below(WINDOW);
	struct area *area = model.at[space][page];

	CHECK_EQ(as_area_destroy(model.as[space], va_of(page)), area != NULL ? EOK : ENOENT);
	if (area == NULL)
		return;
	claim(space, area->first, area->pages, NULL);
	area->memory->sharers--;
	area->used = false;
}

static errno_t resize_expected(size_t space, const struct area *area, size_t pages)
{
	if (area == NULL)
		return ENOENT;
	if (area->memory->fixed)
		return EBUSY;
	return pages <= area->pages || is_free(space, area->first + area->pages, pages - area->pages) ? EOK : EEXIST;
}

static void resize(size_t space)
{
	size_t page = below(WINDOW);
	struct area *area = model.at[space][page];
	size_t pages = 1 + below(area != NULL ? WINDOW - area->first : 4);
	errno_t expected = resize_expected(space, area, pages);

	CHECK_EQ(as_area_resize(model.as[space], va_of(page), pages * PAGE_SIZE, 0), expected);
	if (expected != EOK)
		return;
	claim(space, area->first, area->pages, NULL);
	for (size_t i = pages; i < area->pages; i++)
		area->memory->bytes[i] = 0;
	area->pages = pages;
	claim(space, area->first, pages, area);
}

static void change(size_t space)
{
	size_t page = below(WINDOW);
	struct area *area = model.at[space][page];
	bool writable = below(2) != 0;

	CHECK_EQ(as_area_change_flags(model.as[space], va_of(page), writable ? AS_WRITE : 0), area != NULL ? EOK : ENOENT);
	if (area != NULL)
		area->writable = writable;
}

static void share(size_t space)
{
	size_t page = below(WINDOW), to = below(SPACES), first = below(WINDOW);
	struct area *area = model.at[space][page];
	enum as_share_mode mode = below(3) == 0 ? AS_SHARE : AS_COPY;
	bool writable = below(4) != 0, reserve = mode == AS_COPY && below(3) == 0;
	struct memory *memory;
	errno_t expected;
	uintptr_t at;

	if (area != NULL && area->pages > WINDOW - first)
		return;
	expected = area == NULL ? ENOENT : is_free(to, first, area->pages) ? EOK : EEXIST;
	CHECK_EQ(as_area_share(model.as[space], va_of(page), mode, model.as[to], va_of(first),
				 (writable ? AS_WRITE : 0) | (reserve ? AS_RESERVE : 0), 0, &at),
		expected);
	if (expected != EOK)
		return;
	memory = mode == AS_SHARE ? area->memory : memory_new();
	if (mode == AS_SHARE) {
		memory->sharers++;
		memory->fixed = true;
	} else {
		__builtin_memcpy(memory->bytes, area->memory->bytes, sizeof memory->bytes);
	}
	area_new(to, first, area->pages, writable, memory);
}

static void store(size_t space)
{
	size_t page = below(WINDOW);
	const struct area *area = model.at[space][page];
	bool expected = area != NULL && area->writable;
	uint8_t byte = (uint8_t) below(256);

	test_as_borrow(model.as[space]);
	CHECK_EQ(test_user_store(va_of(page), byte), expected);
	if (expected)
		area->memory->bytes[page - area->first] = byte;
}

static void load(size_t space, size_t page)
{
	const struct area *area = model.at[space][page];
	uint8_t byte = 0;

	test_as_borrow(model.as[space]);
	CHECK_EQ(test_user_load(va_of(page), &byte), area != NULL);
	if (area != NULL)
		CHECK_EQ(byte, area->memory->bytes[page - area->first]);
}

static void one_operation(void)
{
	size_t space = below(SPACES);

	switch (below(16)) {
	case 0:
	case 1:
		create(space);
		break;
	case 2:
		destroy(space);
		break;
	case 3:
		resize(space);
		break;
	case 4:
		change(space);
		break;
	case 5:
	case 6:
		share(space);
		break;
	case 7:
	case 8:
	case 9:
		load(space, below(WINDOW));
		break;
	default:
		store(space);
		break;
	}
}

TEST(as_random, "random sequences of all operations on areas do what a model without frames and copies on write says",
	.plain_only = "the model is never refused memory")
{
	__builtin_memset(&model, 0, sizeof model);
	model.random = TEST_RANDOM(test_seed());
	for (size_t i = 0; i < SPACES; i++)
		model.as[i] = test_as_create(0);
	for (size_t i = 0; i < OPERATIONS; i++) {
		one_operation();
		if (i % 64 == 0 && !CHECK_EQ(as_check(), 0))
			break;
	}
	for (size_t space = 0; space < SPACES; space++)
		for (size_t page = 0; page < WINDOW; page++)
			load(space, page);
	CHECK_EQ(as_check(), 0);
}
