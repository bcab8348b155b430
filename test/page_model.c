/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Page mapping against a flat model: an array that says, for each page of a
 * window, what it maps. Two windows: the last pages of an address space, with a
 * slot of the largest page there is and some more, and the last pages of the
 * kernel part, whose tables all roots share.
 *
 * After a step its result is compared, and so are pages at and around the ends
 * of the range it touched and a few anywhere; now and then every page of both
 * windows, and page_check. Each page is looked at through the host's TLB too,
 * which remembers: what was mapped and is not, or not so, any more must have
 * been dropped. Steps are sometimes carried out with an allocation
 * that fails: then ENOMEM is right too, and nothing may have changed.
 *
 * The form of the page tables, two, three or four levels, is that of the build.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/host.h>
#include <mm/inject.h>
#include <test.h>

#include "model.h"

#define LARGEST PTL_COVERS(PTL_LEVELS == 4 ? 1 : 0)
#define SMALLER PTL_COVERS(PTL_LEVELS - 2)
#define FLAG_CHOICES (PAGE_WRITE | PAGE_EXEC | PAGE_USER | PAGE_GLOBAL | PAGE_UNCACHED)
#define SETTLE_STEPS 300 /* steps between two comparisons of everything */
#define RUNS 4
#define STEPS 3000

enum kind { INSERT, INSERT_ONE, INSERT_LARGE, REMOVE, REMOVE_LARGE, UPDATE, FIND, WRONG_CALL, KINDS };

struct window {
	struct page_table *table;
	uintptr_t start;
	size_t pages;
	pfn_t *frames; /* what each page maps; 0 = nothing */
	page_flags_t *flags;
	size_t mapped;
};

struct world {
	struct window windows[2];
	struct test_random random;
	unsigned steps;
	char *done, *wrong;
};

/* A range of a window, in pages. */
struct part {
	struct window *window;
	size_t first, count;
	uintptr_t va;
};

#define WRONG(...) snprintf(world->wrong, MODEL_ROOM, __VA_ARGS__)
#define DONE(...) snprintf(world->done, MODEL_ROOM, __VA_ARGS__)

/* ---- the world ---- */

static void window_open(struct window *window, struct page_table *table, uintptr_t last, size_t bytes)
{
	window->table = table;
	window->start = last - (bytes - 1);
	window->pages = bytes >> PAGE_WIDTH;
	window->frames = calloc(window->pages, sizeof *window->frames);
	window->flags = calloc(window->pages, sizeof *window->flags);
	window->mapped = 0;
}

static void *begin(uint64_t seed)
{
	struct world *world = calloc(1, sizeof *world);
	struct page_table *table = page_table_create(0);

	world->random = TEST_RANDOM(seed);
	host_tlb_use(table);
	host_tlb_watch(true); /* pages lead anywhere, to frames that are free as well */
	host_gigabyte_pages = seed % 4 != 0;
	window_open(&world->windows[0], table, USER_LAST, LARGEST + 4 * SMALLER);
	window_open(&world->windows[1], &page_kernel, KERNEL_LAST, 8 * SMALLER);
	return world;
}

static void end(void *opaque)
{
	struct world *world = opaque;

	inject_arm(0, false);
	for (size_t i = 0; i < ARRAY_COUNT(world->windows); i++) {
		struct window *window = &world->windows[i];

		page_mapping_remove(window->table, window->start, window->pages);
		free(window->frames);
		free(window->flags);
	}
	host_tlb_use(&page_kernel);
	page_table_destroy(world->windows[0].table);
	host_tlb_watch(false);
	host_gigabyte_pages = true;
	free(world);
}

/* ---- comparing ---- */

/* What a mapping with these flags reports: some a machine cannot refuse, and PAGE_NO_LARGE is not kept. */
static page_flags_t reported(page_flags_t flags)
{
	return pte_leaf_flags(pte_leaf(0, flags, PTL_LEVELS - 1), PTL_LEVELS - 1);
}

/* Whether all of the page that the found mapping says page lies in is, in the model, one run of frames and flags. */
static bool is_one_page(const struct window *window, size_t page, size_t bytes)
{
	size_t count = bytes >> PAGE_WIDTH;
	uintptr_t va = window->start + page * PAGE_SIZE;
	size_t first = (ALIGN_DOWN(va, bytes) - window->start) >> PAGE_WIDTH;
	size_t last = first + count - 1;

	return ALIGN_DOWN(va, bytes) >= window->start && last < window->pages &&
		(window->frames[first] & (count - 1)) == 0 && window->frames[last] == window->frames[first] + count - 1 &&
		window->flags[first] == window->flags[last];
}

static void compare_page(struct world *world, const struct window *window, size_t page)
{
	uintptr_t va = window->start + page * PAGE_SIZE;
	size_t offset = test_random_below(&world->random, PAGE_SIZE);
	struct page_mapping found = page_mapping_find(window->table, va + offset);
	phys_t should = ((phys_t) window->frames[page] << PAGE_WIDTH) + offset;
	phys_t pa = 0;
	bool translated = page_translate(window->table, va + offset, &pa);
	struct page_mapping seen;

	if ((window->frames[page] != 0) != (found.size != 0) || translated != (found.size != 0))
		WRONG("%#" PRIxPTR " is %smapped, find says size %#zx, translate %d", va,
			window->frames[page] != 0 ? "" : "not ", found.size, translated);
	else if (host_access(va + offset, false, &seen) != translated)
		WRONG("%#" PRIxPTR " is %smapped, the TLB says otherwise", va, translated ? "" : "not ");
	else if (found.size == 0)
		return;
	else if (seen.pa != should || seen.flags != found.flags)
		WRONG("%#" PRIxPTR " maps %#" PRIxPTR " with flags %#x, the TLB says %#" PRIxPTR " and %#x", va + offset,
			should, found.flags, seen.pa, seen.flags);
	else if (found.pa != should || pa != should)
		WRONG("%#" PRIxPTR " maps %#" PRIxPTR ", find says %#" PRIxPTR ", translate %#" PRIxPTR, va + offset, should,
			found.pa, pa);
	else if (found.flags != reported(window->flags[page]))
		WRONG("%#" PRIxPTR " has flags %#x, find says %#x", va, reported(window->flags[page]), found.flags);
	else if (!is_one_page(window, page, found.size))
		WRONG("%#" PRIxPTR " cannot be in a page of %#zx bytes", va, found.size);
}

static void compare_around(struct world *world, const struct part *part)
{
	const struct window *window = part->window;
	size_t edge[] = { part->first - 1, part->first, part->first + part->count / 2, part->first + part->count - 1,
		part->first + part->count };

	for (size_t i = 0; i < ARRAY_COUNT(edge) && world->wrong[0] == '\0'; i++)
		if (edge[i] < window->pages)
			compare_page(world, window, edge[i]);
	for (size_t i = 0; i < 4 && world->wrong[0] == '\0'; i++)
		compare_page(world, window, test_random_below(&world->random, window->pages));
}

/* The first page from this one on that the model says is mapped, or the window's end. */
static size_t next_mapped(const struct window *window, size_t page)
{
	while (page < window->pages && window->frames[page] == 0)
		page++;
	return page;
}

/* Whether this is the run that begins at a page of the window, all of it. */
static bool is_run(const struct window *window, size_t page, const struct page_run *run)
{
	size_t end = page + 1;

	while (end < window->pages && window->frames[end] == window->frames[end - 1] + 1)
		end++;
	return page < window->pages && run->va == window->start + page * PAGE_SIZE &&
		run->pa == (phys_t) window->frames[page] << PAGE_WIDTH && run->pages == end - page;
}

/* Holds the runs of a window to the model, some at a time. */
static void compare_runs(struct world *world, const struct window *window)
{
	struct page_run runs[5];
	size_t room = 1 + test_random_below(&world->random, ARRAY_COUNT(runs));
	size_t page = 0, count = room;

	while (count == room && page < window->pages && world->wrong[0] == '\0') {
		count = page_mapping_runs(window->table, window->start + page * PAGE_SIZE, window->pages - page, runs, room);
		for (size_t i = 0; i < count && world->wrong[0] == '\0'; i++) {
			page = next_mapped(window, page);
			if (!is_run(window, page, &runs[i]))
				WRONG("%zu pages at %#" PRIxPTR " are said to be a run that maps %#" PRIxPTR, runs[i].pages, runs[i].va,
					(uintptr_t) runs[i].pa);
			page += runs[i].pages;
		}
	}
	if (world->wrong[0] == '\0' && next_mapped(window, page) != window->pages)
		WRONG("page %zu is mapped, and in no run", next_mapped(window, page));
}

static void compare_all(struct world *world)
{
	for (size_t i = 0; i < ARRAY_COUNT(world->windows); i++) {
		const struct window *window = &world->windows[i];
		size_t count = page_mapping_count(window->table, window->start, window->pages);

		if (count != window->mapped)
			WRONG("%zu pages of window %zu are mapped, the page table counts %zu", window->mapped, i, count);
		for (size_t page = 0; page < window->pages && world->wrong[0] == '\0'; page++)
			compare_page(world, window, page);
		if (world->wrong[0] == '\0')
			compare_runs(world, window);
	}
	if (world->wrong[0] == '\0' && page_check() != 0)
		WRONG("page_check finds a breach");
}

/* ---- choosing ---- */

/* Pages: one, a few, around a table's worth, or any number, capped to what is left of the window. */
static size_t choose_count(uint32_t raw, size_t most)
{
	size_t table = SMALLER >> PAGE_WIDTH;
	size_t count;

	switch (raw % 8) {
	case 0:
	case 1:
		count = 1;
		break;
	case 2:
	case 3:
	case 4:
		count = 1 + raw / 8 % 16;
		break;
	case 5:
	case 6:
		count = 1 + raw / 8 % (3 * table);
		break;
	default:
		count = 1 + raw / 8 % most;
		break;
	}
	return count < most ? count : most;
}

static struct part choose(struct world *world, const uint32_t *raw)
{
	struct part part = { .window = &world->windows[raw[0] % 4 == 0] };
	size_t pages = part.window->pages;

	part.first = raw[0] / 4 % pages;
	if (raw[0] % 3 == 0)
		part.first = ALIGN_DOWN(part.first, SMALLER >> PAGE_WIDTH);
	part.count = choose_count(raw[1], pages - part.first);
	part.va = part.window->start + part.first * PAGE_SIZE;
	return part;
}

/* Whole slots of large pages; once in a while of the largest. */
static struct part choose_large(struct world *world, const uint32_t *raw)
{
	size_t slot = (raw[1] % 8 == 0 ? LARGEST : SMALLER) >> PAGE_WIDTH;
	struct part part = choose(world, raw);
	uintptr_t last = part.window->start + part.window->pages * PAGE_SIZE - 1;

	if (part.window->pages < slot)
		slot = SMALLER >> PAGE_WIDTH;
	if (last - part.va < slot * PAGE_SIZE)
		part.va = last - (slot * PAGE_SIZE - 1);
	part.va = ALIGN_DOWN(part.va, slot * PAGE_SIZE);
	if (part.va < part.window->start)
		part.va += slot * PAGE_SIZE;
	part.first = (part.va - part.window->start) >> PAGE_WIDTH;
	part.count = slot;
	return part;
}

/* A frame, often one that lies as the page does in its large page. Never frame 0: it stands for "not mapped". */
static phys_t choose_frame(uint32_t raw, const struct part *part)
{
	size_t slots = (PHYS_LAST >= LARGEST * 4 ? PHYS_LAST / LARGEST : 4) - 3;
	phys_t pa = (2 + raw / 4 % slots % 64) * (phys_t) LARGEST;

	if (raw % 4 != 0)
		return pa + (part->va & (LARGEST - 1)) - (raw % 4 == 1 ? SMALLER : 0);
	return pa + ((phys_t) (raw % 977) << PAGE_WIDTH);
}

static page_flags_t choose_flags(uint32_t raw)
{
	return PAGE_READ | (raw & FLAG_CHOICES) | (raw / 256 % 4 == 0 ? PAGE_NO_LARGE : 0);
}

/* Sometimes makes one of the next allocations fail, unless the framework is doing that. @return how it allocates */
static frame_flags_t choose_alloc(uint32_t raw)
{
	if (test_injecting())
		return FRAME_ATOMIC;
	if (raw % 4 == 0)
		inject_arm(1 + raw / 4 % 6, false);
	return raw % 2 == 0 ? FRAME_ATOMIC : 0;
}

/* @return whether an allocation has been made to fail since choose_alloc */
static bool disarm(void)
{
	bool failed = inject_failed() != 0;

	if (test_injecting())
		return true;
	inject_arm(0, false);
	return failed;
}

/* ---- steps ---- */

static size_t count_mapped(const struct part *part)
{
	size_t mapped = 0;

	for (size_t i = 0; i < part->count; i++)
		mapped += part->window->frames[part->first + i] != 0;
	return mapped;
}

static void insert(struct world *world, struct part part, const uint32_t *raw)
{
	phys_t pa = choose_frame(raw[2], &part);
	page_flags_t flags = choose_flags(raw[3]);
	errno_t should = count_mapped(&part) == 0 ? EOK : EEXIST;
	errno_t error = page_mapping_insert(part.window->table, part.va, pa, part.count, flags, choose_alloc(raw[4]));
	bool failing = disarm();

	DONE("insert %zu pages at %#" PRIxPTR " to %#" PRIxPTR ", flags %#x: %d", part.count, part.va, pa, flags, error);
	if (error != should && !(error == ENOMEM && failing && should == EOK))
		WRONG("should be %d", should);
	if (error == EOK) {
		for (size_t i = 0; i < part.count; i++) {
			part.window->frames[part.first + i] = (pa >> PAGE_WIDTH) + i;
			part.window->flags[part.first + i] = flags;
		}
		part.window->mapped += part.count;
	}
	if (world->wrong[0] == '\0')
		compare_around(world, &part);
}

/* That the TLB has dropped the pages of the part that the model says are mapped: first, last, and one between. */
static void compare_dropped(struct world *world, const struct part *part)
{
	size_t pages[] = { part->first, part->first + part->count / 2, part->first + part->count - 1 };

	for (size_t i = 0; i < ARRAY_COUNT(pages); i++) {
		uintptr_t va = part->window->start + pages[i] * PAGE_SIZE;

		if (part->window->frames[pages[i]] != 0 && !host_tlb_dropped(va))
			WRONG("the translation of %#" PRIxPTR " was not dropped", va);
	}
}

static void remove_part(struct world *world, struct part part)
{
	DONE("remove %zu pages at %#" PRIxPTR, part.count, part.va);
	host_tlb_forget();
	page_mapping_remove(part.window->table, part.va, part.count);
	compare_dropped(world, &part);
	part.window->mapped -= count_mapped(&part);
	memset(&part.window->frames[part.first], 0, part.count * sizeof(pfn_t));
	if (world->wrong[0] == '\0')
		compare_around(world, &part);
}

static void update(struct world *world, struct part part, const uint32_t *raw)
{
	page_flags_t flags = choose_flags(raw[3]);
	errno_t should = count_mapped(&part) == part.count ? EOK : ENOENT;
	bool failing;
	errno_t error;

	host_tlb_forget();
	error = page_mapping_update(part.window->table, part.va, part.count, flags, choose_alloc(raw[4]));
	failing = disarm();
	DONE("update %zu pages at %#" PRIxPTR ", flags %#x: %d", part.count, part.va, flags, error);
	if (error != should && !(error == ENOMEM && failing && should == EOK))
		WRONG("should be %d", should);
	if (error == EOK)
		compare_dropped(world, &part);
	for (size_t i = 0; error == EOK && i < part.count; i++)
		part.window->flags[part.first + i] = flags;
	if (world->wrong[0] == '\0')
		compare_around(world, &part);
}

/* Updates what is mapped from some page on, so that updates that succeed are not rare. */
static void update_mapped(struct world *world, struct part part, const uint32_t *raw)
{
	const struct window *window = part.window;
	size_t first = part.first;

	while (first < window->pages && window->frames[first] == 0)
		first++;
	if (first < window->pages && raw[0] % 8 != 0) {
		part.first = first;
		part.va = window->start + first * PAGE_SIZE;
		if (part.count > window->pages - first)
			part.count = window->pages - first;
		for (size_t i = 0; i < part.count; i++)
			if (window->frames[first + i] == 0)
				part.count = i;
	}
	update(world, part, raw);
}

static void call_wrongly(struct world *world, struct part part, const uint32_t *raw)
{
	struct page_table *table = part.window->table;
	uintptr_t last = part.window->start + part.window->pages * PAGE_SIZE - 1;
	size_t beyond = ((last - part.va) >> PAGE_WIDTH) + 2;
	bool is_end = last == (part.window == world->windows ? USER_LAST : KERNEL_LAST);
	const errno_t errors[] = {
		page_mapping_insert(table, part.va + 1 + raw[2] % (PAGE_SIZE - 1), PAGE_SIZE, part.count, PAGE_READ, 0),
		page_mapping_insert(table, part.va, PAGE_SIZE + 1 + raw[2] % (PAGE_SIZE - 1), part.count, PAGE_READ, 0),
		page_mapping_insert(table, part.va, PAGE_SIZE, 0, PAGE_READ, 0),
		is_end ? page_mapping_insert(table, part.va, PAGE_SIZE, beyond, PAGE_READ, 0) : EINVAL,
		page_mapping_insert(table, part.va, ALIGN_DOWN(phys_last(), PAGE_SIZE), part.count + 1, PAGE_READ, 0),
		page_mapping_insert(table, part.va, PAGE_SIZE, SIZE_MAX, PAGE_READ, 0),
		page_mapping_update(table, part.va + 1, part.count, PAGE_READ, 0),
		page_mapping_update(table, part.va, 0, PAGE_READ, 0),
		page_mapping_update(table, part.va, SIZE_MAX, PAGE_READ, 0),
	};

	DONE("wrong calls at %#" PRIxPTR, part.va);
	for (size_t i = 0; i < ARRAY_COUNT(errors); i++)
		if (errors[i] != EINVAL)
			WRONG("wrong call %zu: %d", i, errors[i]);
	page_mapping_remove(table, part.va, 0);
	if (world->wrong[0] == '\0')
		compare_around(world, &part);
}

static void carry_out(struct world *world, const struct model_step *step)
{
	const uint32_t *raw = step->raw;
	struct part part = choose(world, raw);

	switch ((enum kind)(step->kind % KINDS)) {
	case INSERT:
		return insert(world, part, raw);
	case INSERT_ONE:
		part.count = 1;
		return insert(world, part, raw);
	case INSERT_LARGE:
		return insert(world, choose_large(world, raw), raw);
	case REMOVE:
		return remove_part(world, part);
	case REMOVE_LARGE:
		return remove_part(world, choose_large(world, raw));
	case UPDATE:
		return update_mapped(world, part, raw);
	case FIND:
		DONE("find around %#" PRIxPTR, part.va);
		return compare_around(world, &part);
	default:
		return call_wrongly(world, part, raw);
	}
}

static void step(void *opaque, const struct model_step *step, char *done, char *wrong)
{
	struct world *world = opaque;

	world->done = done;
	world->wrong = wrong;
	carry_out(world, step);
	world->steps++;
	if (wrong[0] != '\0')
		return;
	if (world->steps % SETTLE_STEPS == 0)
		compare_all(world);
	else if (world->steps % 8 == 0 && page_check() != 0)
		WRONG("page_check finds a breach");
}

TEST(page_model, "random mappings, changes and removals agree with a flat model, with and without pages of 1 GiB",
	.host_only = "it is a program of the host", .inject_runs = 8)
{
	static const struct model model = { .name = "page", .begin = begin, .step = step, .end = end };

	for (uint64_t i = 0; i < RUNS; i++)
		if (!CHECK(model_run(&model, test_seed() + i, STEPS)))
			return;
}
