/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The flat model of mappings: for each page of each space what it maps, with
 * which flags, as part of a page of which size. And random sequences, made with
 * it alone, so that they are the same whatever carries them out: nothing in a
 * sequence depends on the levels.
 */

#include <stdlib.h>
#include <string.h>

#include <test.h>

#include "sequence.h"

#define LEAF (PTL_LEVELS - 1)
#define LARGE PTL_COVERS(LEAF - 1)
#define LARGE_PAGES (LARGE >> PAGE_WIDTH)

/* ---- the model ---- */

/* Pages of all spaces before this one. */
static size_t pages_before(unsigned space)
{
	return space == 0 ? 0 : SPACE_PAGES(0) + (space - 1) * SPACE_PAGES(1);
}

static void space_open(struct flat *flat, unsigned space)
{
	flat->spaces[space] = &flat->pages[pages_before(space)];
	memset(flat->spaces[space], 0, SPACE_PAGES(space) * sizeof(struct flat_page));
	flat->mapped[space] = 0;
}

static void space_close(struct flat *flat, unsigned space)
{
	flat->spaces[space] = NULL;
}

void flat_begin(struct flat *flat)
{
	*flat = (struct flat){ .pages = calloc(pages_before(SPACES), sizeof(struct flat_page)) };
	if (flat->pages == NULL)
		abort();
	space_open(flat, 0);
}

void flat_end(struct flat *flat)
{
	free(flat->pages);
	*flat = (struct flat){ 0 };
}

/* After this no large page has the begin of this page in its middle. */
static void split(struct flat *flat, unsigned space, size_t first, size_t page)
{
	uintptr_t va = page_address(space, first) + (page - first) * PAGE_SIZE;
	struct flat_page *pages = flat->spaces[space];
	size_t ahead = (va & (LARGE - 1)) >> PAGE_WIDTH;

	if (ahead == 0 || page >= SPACE_PAGES(space) || pages[page].frame == 0 || pages[page].level == LEAF)
		return;
	for (size_t i = page - ahead; i < page - ahead + LARGE_PAGES; i++)
		pages[i].level = LEAF;
}

static void split_ends(struct flat *flat, const struct operation *operation)
{
	size_t end = operation->page + operation->count;

	split(flat, operation->space, operation->page, operation->page);
	if (end - operation->page < region_left(operation->space, operation->page))
		split(flat, operation->space, operation->page, end);
}

static size_t count_mapped(const struct flat *flat, const struct operation *operation)
{
	size_t mapped = 0;

	for (size_t i = 0; i < operation->count; i++)
		mapped += flat->spaces[operation->space][operation->page + i].frame != 0;
	return mapped;
}

static errno_t map(struct flat *flat, const struct operation *operation)
{
	struct flat_page *pages = &flat->spaces[operation->space][operation->page];
	uintptr_t start = page_address(operation->space, operation->page);
	bool congruent =
		ptl_leaf_allowed(LEAF - 1) && ((start ^ (uintptr_t) operation->frame << PAGE_WIDTH) & (LARGE - 1)) == 0;

	if (count_mapped(flat, operation) != 0)
		return EEXIST;
	for (size_t i = 0; i < operation->count; i++) {
		size_t ahead = ((start + i * PAGE_SIZE) & (LARGE - 1)) >> PAGE_WIDTH;
		bool large = !(operation->flags & PAGE_NO_LARGE) && congruent && ahead <= i &&
			operation->count - (i - ahead) >= LARGE_PAGES;

		pages[i] = (struct flat_page){ .frame = (uint32_t) (operation->frame + i),
			.flags = (uint16_t) operation->flags,
			.level = large ? LEAF - 1 : LEAF };
	}
	flat->mapped[operation->space] += operation->count;
	return EOK;
}

static void unmap(struct flat *flat, const struct operation *operation)
{
	split_ends(flat, operation);
	flat->mapped[operation->space] -= count_mapped(flat, operation);
	memset(&flat->spaces[operation->space][operation->page], 0, operation->count * sizeof(struct flat_page));
}

static errno_t protect(struct flat *flat, const struct operation *operation)
{
	if (count_mapped(flat, operation) != operation->count)
		return ENOENT;
	split_ends(flat, operation);
	for (size_t i = 0; i < operation->count; i++)
		flat->spaces[operation->space][operation->page + i].flags = (uint16_t) operation->flags;
	return EOK;
}

static errno_t replace(struct flat *flat, const struct operation *operation)
{
	struct flat_page *page = &flat->spaces[operation->space][operation->page];

	if (page->frame == 0 || page->level != LEAF)
		return ENOENT;
	page->frame = (uint32_t) operation->frame;
	page->flags = (uint16_t) operation->flags;
	return EOK;
}

errno_t flat_apply(struct flat *flat, const struct operation *operation)
{
	if (operation->kind == OPEN && flat->spaces[operation->space] == NULL)
		space_open(flat, operation->space);
	else if (flat->spaces[operation->space] == NULL)
		return EOK; /* in a space that is not there nothing is done */
	switch (operation->kind) {
	case CLOSE:
		if (operation->space != 0)
			space_close(flat, operation->space);
		return EOK;
	case MAP:
		return map(flat, operation);
	case UNMAP:
		unmap(flat, operation);
		return EOK;
	case PROTECT:
		return protect(flat, operation);
	case REPLACE:
		return replace(flat, operation);
	default:
		return EOK;
	}
}

/* ---- random sequences ---- */

/* Pages: one, a few, up to three large pages' worth, cut off at the end of the region. */
static size_t choose_count(struct test_random *random, size_t left)
{
	size_t kind = test_random_below(random, 8), count;

	count = kind < 2 ? 1 : 1 + test_random_below(random, kind < 6 ? 24 : BIG_PAGES);
	return count < left ? count : left;
}

static size_t choose_page(struct test_random *random, unsigned space)
{
	size_t large = MiB(2) >> PAGE_WIDTH, page = test_random_below(random, SPACE_PAGES(space));

	if (page < 2 * BIG_PAGES && test_random_below(random, 2) == 0)
		return page - page % large;
	return page;
}

/* Often one that lies as the page does, modulo 4 MiB, sometimes modulo 2 MiB alone. */
static pfn_t choose_frame(struct test_random *random, unsigned space, size_t page)
{
	uintptr_t inside = page_address(space, page) & (MiB(4) - 1);
	pfn_t frame = (pfn_t) ((2 + test_random_below(random, 61)) * MiB(4) + inside) >> PAGE_WIDTH;
	size_t kind = test_random_below(random, 8);

	return kind == 0 ? frame + 1 + test_random_below(random, 900) : kind == 1 ? frame ^ (MiB(2) >> PAGE_WIDTH) : frame;
}

static page_flags_t choose_flags(struct test_random *random)
{
	page_flags_t flags = (page_flags_t) test_random_below(random, 64);

	return PAGE_READ | flags | (test_random_below(random, 4) == 0 ? PAGE_NO_LARGE : 0);
}

/* Moves a range to where something is mapped, and cuts it to that, so that changes that succeed are not rare. */
static void aim_at_mapped(const struct flat *flat, struct operation *operation)
{
	const struct flat_page *pages = flat->spaces[operation->space];
	size_t last = operation->page + region_left(operation->space, operation->page) - 1, end;

	while (operation->page < last && pages[operation->page].frame == 0)
		operation->page++;
	for (end = operation->page; end < last && pages[end].frame != 0; end++)
		;
	if (operation->count > end - operation->page)
		operation->count = end > operation->page ? end - operation->page : 1;
}

/* What is replaced is in a small region: there no page is large, however many levels there are. */
static void aim_at_small(struct test_random *random, struct operation *operation)
{
	if (operation->space != 0)
		operation->page = 2 * BIG_PAGES + test_random_below(random, SMALL_REGIONS * SMALL_PAGES);
	else
		operation->kind = FIND;
	operation->count = 1;
}

/* Of 32: how often each kind. */
static enum operation_kind choose_kind(struct test_random *random)
{
	static const unsigned char often[OPERATION_KINDS] = {
		[OPEN] = 0, [CLOSE] = 1, [RUN] = 2, [MAP] = 14, [UNMAP] = 6, [PROTECT] = 5, [REPLACE] = 2, [FIND] = 2
	};
	size_t place = test_random_below(random, 32);
	unsigned kind = 0;

	for (; place >= often[kind]; kind++)
		place -= often[kind];
	return (enum operation_kind) kind;
}

static struct operation choose(struct test_random *random, const struct flat *flat)
{
	struct operation operation = { .kind = choose_kind(random), .space = (unsigned) test_random_below(random, SPACES) };

	if (flat->spaces[operation.space] == NULL)
		operation.kind = OPEN;
	else if (operation.kind == CLOSE && (operation.space == 0 || test_random_below(random, 4) != 0))
		operation.kind = UNMAP;
	operation.page = choose_page(random, operation.space);
	operation.count = choose_count(random, region_left(operation.space, operation.page));
	operation.flags = choose_flags(random);
	if (operation.kind == REPLACE)
		aim_at_small(random, &operation);
	else if ((operation.kind == PROTECT || operation.kind == UNMAP) && test_random_below(random, 8) != 0)
		aim_at_mapped(flat, &operation);
	operation.frame = choose_frame(random, operation.space, operation.page);
	if ((operation.kind == MAP || operation.kind == PROTECT) && test_random_below(random, 6) == 0)
		operation.fail = 1 + (unsigned) test_random_below(random, 5);
	return operation;
}

void sequence_make(uint64_t seed, struct model_step *steps, size_t count)
{
	struct test_random random = TEST_RANDOM(seed);
	struct flat flat;

	flat_begin(&flat);
	for (size_t i = 0; i < count; i++) {
		struct operation operation = choose(&random, &flat);

		steps[i] = step_of(&operation);
		operation = operation_of(&steps[i]);
		(void) flat_apply(&flat, &operation);
	}
	flat_end(&flat);
}
