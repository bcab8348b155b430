/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Many address spaces against a flat model that says of each page what it maps,
 * with which flags, and as part of a page of which size: so whichever design is
 * linked, each answer is the one answer there is.
 *
 * Spaces come and go. Each has a number of small windows scattered over all of
 * the user part, none aligned to anything, and one that holds large pages. All
 * spaces use the same addresses, so a page of one must never be seen in another;
 * there are enough windows to make a hash table of all mappings grow and shrink.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/host.h>
#include <mm/page_leaf.h>
#include <test.h>

#include "model.h"

#define SPACES 12
#define WINDOWS 48
#define SMALL_PAGES 37
#define LARGE PTL_COVERS(PTL_LEVELS - 2)
#define LARGE_PAGES (LARGE >> PAGE_WIDTH)
#define BIG_PAGES (3 * LARGE_PAGES)
#define LEAF (PTL_LEVELS - 1)
#define RUNS 3
#define STEPS 4000
#define SETTLE_STEPS 250

enum kind { OPEN, CLOSE, INSERT, INSERT_WINDOW, INSERT_ONE, REMOVE, UPDATE, FIND, KINDS };

struct cell {
	pfn_t frame; /* 0 = nothing */
	page_flags_t flags;
	unsigned level;
};

struct space {
	struct page_table *table; /* NULL = it is not there */
	struct cell *cells[WINDOWS];
};

struct world {
	struct space spaces[SPACES];
	unsigned steps;
	char *done, *wrong;
};

struct part {
	struct space *space;
	struct cell *cells; /* of its window */
	uintptr_t start;    /* of its window */
	size_t pages;       /* of its window */
	size_t first, count;
	uintptr_t va;
};

#define WRONG(...) snprintf(world->wrong, MODEL_ROOM, __VA_ARGS__)
#define DONE(...) snprintf(world->done, MODEL_ROOM, __VA_ARGS__)

/* ---- windows ---- */

/* The last one is the big one. */
static size_t window_pages(size_t window)
{
	return window == WINDOWS - 1 ? BIG_PAGES : SMALL_PAGES;
}

static uintptr_t window_start(size_t window)
{
	uintptr_t stride = ALIGN_DOWN((USER_LAST - USER_START) / (WINDOWS + 1), LARGE);
	uintptr_t place = ALIGN_UP(USER_START, LARGE) + window * stride;

	return window == WINDOWS - 1 ? place : place + window * 5 * PAGE_SIZE;
}

static page_flags_t reported(page_flags_t flags)
{
	return pte_leaf_flags(pte_leaf(0, flags, LEAF), LEAF);
}

/* ---- the flat model ---- */

/* After this no page of more than one base page has the boundary before this page in its middle. */
static void flat_split(const struct part *part, size_t boundary)
{
	struct cell *cell = &part->cells[boundary];
	uintptr_t va = part->start + boundary * PAGE_SIZE;

	if (boundary >= part->pages)
		return;
	while (cell->frame != 0 && (va & (PTL_COVERS(cell->level) - 1)) != 0) {
		unsigned level = cell->level;
		size_t first = (ALIGN_DOWN(va, PTL_COVERS(level)) - part->start) >> PAGE_WIDTH;

		for (size_t i = first; i < first + (PTL_COVERS(level) >> PAGE_WIDTH); i++)
			part->cells[i].level = level + 1;
	}
}

static void flat_insert(const struct part *part, phys_t pa, page_flags_t flags)
{
	for (size_t i = 0; i < part->count; i++) {
		uintptr_t va = part->va + i * PAGE_SIZE;
		size_t ahead = (va & (LARGE - 1)) >> PAGE_WIDTH;
		bool large = ptl_leaf_allowed(LEAF - 1) && !(flags & PAGE_NO_LARGE) && ((part->va ^ pa) & (LARGE - 1)) == 0 &&
			ahead <= i && part->count - (i - ahead) >= LARGE_PAGES;

		part->cells[part->first + i] =
			(struct cell){ .frame = (pa >> PAGE_WIDTH) + i, .flags = flags, .level = large ? LEAF - 1 : LEAF };
	}
}

static size_t flat_mapped(const struct part *part)
{
	size_t mapped = 0;

	for (size_t i = 0; i < part->count; i++)
		mapped += part->cells[part->first + i].frame != 0;
	return mapped;
}

/* ---- comparing ---- */

static void compare_page(struct world *world, const struct part *part, size_t page)
{
	const struct cell *cell = &part->cells[page];
	uintptr_t va = part->start + page * PAGE_SIZE + (page * 1237) % PAGE_SIZE;
	struct page_mapping found = page_mapping_find(part->space->table, va);
	phys_t should = ((phys_t) cell->frame << PAGE_WIDTH) + (va & (PAGE_SIZE - 1));
	phys_t pa = 0;
	bool translated = page_translate(part->space->table, va, &pa);

	if (cell->frame == 0) {
		if (found.size != 0 || translated)
			WRONG("%#" PRIxPTR " is not mapped, find says size %#zx, translate %d", va, found.size, translated);
	} else if (!translated || found.pa != should || pa != should) {
		WRONG("%#" PRIxPTR " maps %#" PRIxPTR ", find says %#" PRIxPTR ", translate %#" PRIxPTR, va, should, found.pa,
			pa);
	} else if ((found.size != PTL_COVERS(cell->level) && found.size != run_bytes(cell->level)) ||
		found.flags != reported(cell->flags)) {
		WRONG("%#" PRIxPTR " has size %#zx and flags %#x, find says %#zx and %#x", va, PTL_COVERS(cell->level),
			reported(cell->flags), found.size, found.flags);
	}
}

static struct part window_of(struct space *space, size_t window)
{
	return (struct part){ .space = space,
		.cells = space->cells[window],
		.start = window_start(window),
		.pages = window_pages(window),
		.count = window_pages(window),
		.va = window_start(window) };
}

/* The window, and the same addresses in another space. */
static void compare_window(struct world *world, const struct part *part)
{
	for (size_t i = 0; i < part->pages && world->wrong[0] == '\0'; i += part->pages == BIG_PAGES ? 29 : 1)
		compare_page(world, part, i);
	for (size_t i = part->first; i <= part->first + part->count && i < part->pages && world->wrong[0] == '\0'; i++)
		compare_page(world, part, i);
}

static void compare_all(struct world *world)
{
	for (size_t i = 0; i < SPACES; i++) {
		size_t mapped = 0, counted;

		if (world->spaces[i].table == NULL)
			continue;
		for (size_t window = 0; window < WINDOWS && world->wrong[0] == '\0'; window++) {
			struct part part = window_of(&world->spaces[i], window);

			compare_window(world, &part);
			mapped += flat_mapped(&part);
		}
		counted = page_mapping_count(world->spaces[i].table, USER_START, ((USER_LAST - USER_START) >> PAGE_WIDTH) + 1);
		if (world->wrong[0] == '\0' && counted != mapped)
			WRONG("%zu pages of space %zu are mapped, the page table counts %zu", mapped, i, counted);
	}
	if (world->wrong[0] == '\0' && page_check() != 0)
		WRONG("page_check finds a breach");
}

/* ---- steps ---- */

static void space_open(struct world *world, struct space *space)
{
	DONE("open space %td", space - world->spaces);
	space->table = page_table_create(0);
	for (size_t window = 0; window < WINDOWS; window++)
		memset(space->cells[window], 0, window_pages(window) * sizeof(struct cell));
}

static void space_close(struct world *world, struct space *space)
{
	DONE("close space %td", space - world->spaces);
	page_table_destroy(space->table);
	space->table = NULL;
}

static void insert(struct world *world, const struct part *part, const uint32_t *raw)
{
	page_flags_t flags = PAGE_READ | (raw[3] & (PAGE_WRITE | PAGE_EXEC | PAGE_USER | PAGE_UNCACHED)) |
		(raw[3] / 256 % 4 == 0 ? PAGE_NO_LARGE : 0);
	phys_t pa = (2 + raw[4] % 61) * LARGE + (raw[4] % 4 != 0 ? part->va & (LARGE - 1) : raw[4] / 4 % 97 * PAGE_SIZE);
	errno_t should = flat_mapped(part) == 0 ? EOK : EEXIST;
	errno_t error = page_mapping_insert(part->space->table, part->va, pa, part->count, flags, raw[0] % 2);

	DONE("space %td: insert %zu pages at %#" PRIxPTR " to %#" PRIxPTR ", flags %#x: %d", part->space - world->spaces,
		part->count, part->va, pa, flags, error);
	if (error != should)
		WRONG("should be %d", should);
	if (error == EOK)
		flat_insert(part, pa, flags);
}

static void remove_part(struct world *world, const struct part *part)
{
	DONE("space %td: remove %zu pages at %#" PRIxPTR, part->space - world->spaces, part->count, part->va);
	page_mapping_remove(part->space->table, part->va, part->count);
	flat_split(part, part->first);
	flat_split(part, part->first + part->count);
	memset(&part->cells[part->first], 0, part->count * sizeof(struct cell));
}

static void update(struct world *world, struct part part, const uint32_t *raw)
{
	page_flags_t flags = PAGE_READ | (raw[3] & (PAGE_WRITE | PAGE_EXEC | PAGE_USER | PAGE_UNCACHED));
	errno_t should, error;

	while (part.first + 1 < part.pages && part.cells[part.first].frame == 0)
		part.first++;
	part.va = part.start + part.first * PAGE_SIZE;
	if (part.count > part.pages - part.first)
		part.count = part.pages - part.first;
	should = flat_mapped(&part) == part.count ? EOK : ENOENT;
	error = page_mapping_update(part.space->table, part.va, part.count, flags, raw[0] % 2);
	DONE("space %td: update %zu pages at %#" PRIxPTR ", flags %#x: %d", part.space - world->spaces, part.count, part.va,
		flags, error);
	if (error != should)
		WRONG("should be %d", should);
	if (error != EOK)
		return;
	flat_split(&part, part.first);
	flat_split(&part, part.first + part.count);
	for (size_t i = 0; i < part.count; i++)
		part.cells[part.first + i].flags = flags;
	compare_window(world, &part);
}

static struct part choose(struct world *world, const uint32_t *raw)
{
	struct part part = window_of(&world->spaces[raw[0] % SPACES], raw[1] % 8 == 0 ? WINDOWS - 1 : raw[1] / 8 % WINDOWS);

	part.first = raw[2] % part.pages;
	if (part.pages == BIG_PAGES && raw[2] % 3 == 0)
		part.first = ALIGN_DOWN(part.first, LARGE_PAGES);
	part.count = 1 + raw[2] / 4096 % (raw[2] % 2 ? part.pages : 12);
	if (part.count > part.pages - part.first)
		part.count = part.pages - part.first;
	part.va = part.start + part.first * PAGE_SIZE;
	return part;
}

static void carry_out(struct world *world, const struct model_step *step)
{
	struct part part = choose(world, step->raw);
	enum kind kind = (enum kind)(step->kind % KINDS);

	if (part.space->table == NULL)
		space_open(world, part.space);
	else if (kind == CLOSE && step->raw[3] % 8 == 0)
		space_close(world, part.space);
	else if (kind == REMOVE && step->raw[3] % 4 != 0)
		remove_part(world, &part);
	else if (kind == UPDATE)
		update(world, part, step->raw);
	else if (kind == FIND)
		DONE("space %td: find at %#" PRIxPTR, part.space - world->spaces, part.start);
	else {
		if (kind == INSERT_ONE)
			part.count = 1;
		else if (kind != INSERT)
			part = window_of(part.space, step->raw[1] % WINDOWS);
		insert(world, &part, step->raw);
	}
	if (world->wrong[0] == '\0' && part.space->table != NULL)
		compare_window(world, &part);
}

static void step(void *opaque, const struct model_step *step, char *done, char *wrong)
{
	struct world *world = opaque;

	world->done = done;
	world->wrong = wrong;
	carry_out(world, step);
	world->steps++;
	if (wrong[0] == '\0' && world->steps % SETTLE_STEPS == 0)
		compare_all(world);
	else if (wrong[0] == '\0' && world->steps % 16 == 0 && page_check() != 0)
		WRONG("page_check finds a breach");
}

static void *begin(uint64_t seed)
{
	struct world *world = calloc(1, sizeof *world);

	(void) seed;
	for (size_t i = 0; i < SPACES; i++)
		for (size_t window = 0; window < WINDOWS; window++)
			world->spaces[i].cells[window] = calloc(window_pages(window), sizeof(struct cell));
	return world;
}

static void end(void *opaque)
{
	struct world *world = opaque;

	for (size_t i = 0; i < SPACES; i++) {
		if (world->spaces[i].table != NULL)
			page_table_destroy(world->spaces[i].table);
		for (size_t window = 0; window < WINDOWS; window++)
			free(world->spaces[i].cells[window]);
	}
	free(world);
}

TEST(page_spaces_model,
	"random mappings in many address spaces that come and go agree with a flat model, sizes included",
	.host_only = "it is a program of the host", .plain_only = "refusals are for page_model")
{
	static const struct model model = { .name = "page spaces", .begin = begin, .step = step, .end = end };

	for (uint64_t i = 0; i < RUNS; i++)
		if (!CHECK(model_run(&model, test_seed() + i, STEPS)))
			return;
}
