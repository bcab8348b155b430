/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Carrying sequences out (test/sequence.h), each result held against the flat
 * model: so whichever design is linked, and however many levels it has, each
 * answer is the one answer there is.
 *
 * After a step pages in and around the range that it touched, and one anywhere,
 * are looked up and translated; those of the kernel part in every address space
 * that there is. Where this CPU translates by the space, they are also accessed
 * through the host's TLB, which remembers: the range's pages are accessed before
 * the step too, so a translation that was not dropped shows. Now and then
 * everything is compared, and page_check asked.
 *
 * Sequences that have once found a mistake are kept in test/sequences, and
 * carried out on every run. One that fails is shrunk and printed as lines that
 * can be kept there.
 */

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/host.h>
#include <mm/inject.h>
#include <mm/page_leaf.h>
#include <test.h>

#include "sequence.h"

#define LEAF (PTL_LEVELS - 1)
#define RUNS 6
#define STEPS 3000
#define SETTLE_STEPS 250
#define KEPT "test/sequences"
#define KEPT_STEPS 256

struct world {
	struct flat flat;
	struct page_table *tables[SPACES];
	struct operation last[SPACES]; /* what was done in each */
	unsigned running;
	unsigned steps;
	bool refused; /* the operation found no memory, as it was made to, and was asked again */
	char *wrong;
};

#define WRONG(...) snprintf(world->wrong, MODEL_ROOM, __VA_ARGS__)

struct sequence_trace *sequence_trace;

/* ---- the world ---- */

static void *begin(uint64_t seed)
{
	struct world *world = calloc(1, sizeof *world);

	(void) seed;
	flat_begin(&world->flat);
	world->tables[0] = &page_kernel;
	host_tlb_use(&page_kernel);
	host_tlb_watch(true); /* pages lead anywhere, to frames that are free as well */
	return world;
}

static void run(struct world *world, unsigned space)
{
	host_tlb_use(world->tables[space]);
	world->running = space;
}

static void end(void *opaque)
{
	struct world *world = opaque;

	run(world, 0);
	page_mapping_remove(&page_kernel, page_address(0, 0), SPACE_PAGES(0));
	for (unsigned space = 1; space < SPACES; space++)
		if (world->tables[space] != NULL)
			page_table_destroy(world->tables[space]);
	host_tlb_watch(false);
	flat_end(&world->flat);
	free(world);
}

/* ---- comparing ---- */

static page_flags_t reported(page_flags_t flags)
{
	return pte_leaf_flags(pte_leaf(0, flags, LEAF), LEAF);
}

static bool runs(const struct world *world, unsigned space)
{
	return space == 0 || space == world->running;
}

static void trace_page(size_t page, const struct page_mapping *found)
{
	bool exec = found->size != 0 && (found->flags & PAGE_EXEC);

	if (found->size != 0)
		trace_add(&sequence_trace->answers, " %zu:%zx/%x", page, (size_t) found->pa, found->flags & ~PAGE_EXEC);
	else
		trace_add(&sequence_trace->answers, " %zu:-", page);
	trace_add(&sequence_trace->sizes, "(%zx%s)", found->size, exec ? "x" : "");
}

/* What a table and, if this CPU goes by it, the TLB say of a page. */
static void compare_in(struct world *world, struct page_table *table, unsigned space, size_t page)
{
	const struct flat_page *flat = &world->flat.spaces[space][page];
	uintptr_t va = page_address(space, page) + page * 1237 % PAGE_SIZE;
	phys_t should = ((phys_t) flat->frame << PAGE_WIDTH) + (va & (PAGE_SIZE - 1)), pa = 0;
	struct page_mapping found = page_mapping_find(table, va), seen;
	bool translated = page_translate(table, va, &pa);

	if (flat->frame == 0 ? found.size != 0 || translated : found.size == 0 || !translated)
		WRONG("page %zu of %u is %smapped, find says size %#zx, translate %d", page, space,
			flat->frame != 0 ? "" : "not ", found.size, translated);
	else if (flat->frame != 0 && (found.pa != should || pa != should))
		WRONG("page %zu of %u maps %#zx, find says %#zx, translate %#zx", page, space, (size_t) should,
			(size_t) found.pa, (size_t) pa);
	else if (flat->frame != 0 &&
		((found.size != PTL_COVERS(flat->level) && found.size != run_bytes(flat->level)) ||
			found.flags != reported(flat->flags)))
		WRONG("page %zu of %u has size %#zx and flags %#x, find says %#zx and %#x", page, space,
			PTL_COVERS(flat->level), reported(flat->flags), found.size, found.flags);
	else if (runs(world, space) && host_access(va, false, &seen) != translated)
		WRONG("page %zu of %u is %smapped, the TLB says otherwise", page, space, translated ? "" : "not ");
	else if (runs(world, space) && translated && (seen.pa != should || seen.flags != found.flags))
		WRONG("page %zu of %u maps %#zx with flags %#x, the TLB says %#zx and %#x", page, space, (size_t) should,
			found.flags, (size_t) seen.pa, seen.flags);
	if (sequence_trace != NULL && table == world->tables[space])
		trace_page(page, &found);
}

/* A page; one of the kernel part in all address spaces. */
static void compare_page(struct world *world, unsigned space, size_t page)
{
	compare_in(world, world->tables[space], space, page);
	for (unsigned other = 1; space == 0 && other < SPACES && world->wrong[0] == '\0'; other++)
		if (world->tables[other] != NULL)
			compare_in(world, world->tables[other], space, page);
}

/* The first run of the range that an operation touched. */
static void compare_run(struct world *world, const struct operation *operation)
{
	const struct flat_page *flat = &world->flat.spaces[operation->space][operation->page];
	uintptr_t va = page_address(operation->space, operation->page);
	struct page_run run = { 0 };
	size_t first = 0, end;
	size_t found = page_mapping_runs(world->tables[operation->space], va, operation->count, &run, 1);

	while (first < operation->count && flat[first].frame == 0)
		first++;
	for (end = first + 1; end < operation->count && flat[end].frame == flat[end - 1].frame + 1; end++)
		;
	if (found != (first < operation->count))
		WRONG("%zu runs are found from page %zu of %u on", found, operation->page, operation->space);
	else if (found != 0 &&
		(run.va != va + first * PAGE_SIZE || run.pages != end - first ||
			run.pa != (phys_t) flat[first].frame << PAGE_WIDTH))
		WRONG("from page %zu of %u on a run of %zu pages maps %#zx, should be %zu that map %#zx", operation->page,
			operation->space, run.pages, (size_t) run.pa, end - first, (size_t) flat[first].frame << PAGE_WIDTH);
	if (sequence_trace != NULL)
		trace_add(&sequence_trace->answers, " run %zu %zx", run.pages, (size_t) run.pa);
}

static void compare_around(struct world *world, const struct operation *operation)
{
	unsigned space = operation->space;
	size_t last = operation->page + operation->count - 1;
	size_t pages[] = { operation->page, operation->page + operation->count / 2, last, operation->page - 1, last + 1,
		(size_t) world->steps * 7919 % SPACE_PAGES(space) };

	for (size_t i = 0; i < ARRAY_COUNT(pages) && world->wrong[0] == '\0'; i++)
		if (pages[i] < SPACE_PAGES(space))
			compare_page(world, space, pages[i]);
	if (world->wrong[0] == '\0')
		compare_run(world, operation);
}

static void compare_count(struct world *world, unsigned space)
{
	uintptr_t first = space != 0 ? USER_START : page_address(0, 0), last = space != 0 ? USER_LAST : KERNEL_LAST;
	size_t count = page_mapping_count(world->tables[space], first, ((last - first) >> PAGE_WIDTH) + 1);

	if (count != world->flat.mapped[space])
		WRONG("%zu pages of %u are mapped, the page table counts %zu", world->flat.mapped[space], space, count);
	if (sequence_trace != NULL)
		trace_add(&sequence_trace->answers, " count %zu", count);
}

static void compare_check(struct world *world)
{
	size_t breaches = page_check();

	if (breaches != 0)
		WRONG("page_check finds %zu breaches", breaches);
}

static void compare_all(struct world *world)
{
	for (unsigned space = 0; space < SPACES && world->wrong[0] == '\0'; space++) {
		if (world->tables[space] == NULL)
			continue;
		compare_count(world, space);
		for (size_t page = 0; page < SPACE_PAGES(space) && world->wrong[0] == '\0'; page++)
			compare_page(world, space, page);
	}
	if (world->wrong[0] == '\0')
		compare_check(world);
}

/* ---- steps ---- */

/* Where a page may be part of a run of equal entries it is no base page before that is split: nothing else changes. */
static void run_split(struct page_table *table, uintptr_t va)
{
	struct page_mapping mapping = page_mapping_find(table, va);

	if (PTE_RUN(LEAF) > 1 && mapping.size == run_bytes(LEAF))
		CHECK_EQ(page_mapping_update(table, va, 1, mapping.flags, FRAME_ATOMIC), EOK);
}

static errno_t perform(struct world *world, const struct operation *operation, frame_flags_t alloc)
{
	struct page_table *table = world->tables[operation->space];
	uintptr_t va = page_address(operation->space, operation->page);
	phys_t pa = (phys_t) operation->frame << PAGE_WIDTH;

	switch (operation->kind) {
	case MAP:
		return page_mapping_insert(table, va, pa, operation->count, operation->flags, alloc);
	case UNMAP:
		page_mapping_remove(table, va, operation->count);
		return EOK;
	case PROTECT:
		return page_mapping_update(table, va, operation->count, operation->flags, alloc);
	case REPLACE:
		run_split(table, va);
		return page_mapping_replace(table, va, pa, operation->flags);
	case RUN:
		run(world, operation->space);
		return EOK;
	case CLOSE:
		if (operation->space == 0)
			return EOK;
		if (world->running == operation->space)
			run(world, 0);
		page_table_destroy(table);
		world->tables[operation->space] = NULL;
		return EOK;
	default:
		return EOK;
	}
}

/* Which allocations there are is the design's own affair: it is no part of the trace. */
static void compare_unchanged(struct world *world, const struct operation *operation)
{
	struct sequence_trace *kept = sequence_trace;

	sequence_trace = NULL;
	compare_around(world, operation);
	sequence_trace = kept;
}

/* With a failing allocation first, if there is to be one: what is refused has changed nothing, and is asked again. */
static errno_t attempt(struct world *world, const struct operation *operation)
{
	world->refused = false;
	if (operation->fail != 0 && (operation->kind == MAP || operation->kind == PROTECT)) {
		errno_t error;
		bool failed;

		inject_arm(operation->fail, false);
		error = perform(world, operation, FRAME_ATOMIC);
		failed = inject_failed() != 0;
		inject_arm(0, false);
		if (error != ENOMEM || !failed)
			return error;
		world->refused = true;
		compare_unchanged(world, operation);
	}
	return perform(world, operation, world->steps % 2 == 0 ? FRAME_ATOMIC : 0);
}

/* So that the TLB has something that it must drop. */
static void touch(const struct world *world, const struct operation *operation)
{
	size_t pages[] = { 0, operation->count / 2, operation->count - 1 };
	struct page_mapping seen;

	for (size_t i = 0; i < ARRAY_COUNT(pages) && runs(world, operation->space); i++)
		(void) host_access(page_address(operation->space, operation->page + pages[i]), false, &seen);
}

static void carry_out(struct world *world, const struct operation *operation)
{
	unsigned space = operation->space;
	errno_t error, should;

	if (operation->kind == OPEN && world->tables[space] == NULL)
		world->tables[space] = page_table_create(0);
	if (world->tables[space] == NULL)
		return;
	touch(world, operation);
	error = attempt(world, operation);
	should = flat_apply(&world->flat, operation);
	if (sequence_trace != NULL)
		trace_add(&sequence_trace->answers, " = %d:", error);
	if (world->wrong[0] != '\0')
		return;
	if (error != should)
		WRONG("the result is %d, should be %d", error, should);
	else if (world->refused && should != EOK)
		WRONG("refused for want of memory, should be %d", should);
	else if (world->tables[space] != NULL)
		compare_around(world, operation->kind == RUN ? &world->last[space] : operation);
	world->last[space] = *operation;
}

static void step(void *opaque, const struct model_step *step, char *done, char *wrong)
{
	struct world *world = opaque;
	struct operation operation = operation_of(step);

	world->wrong = wrong;
	operation_write(&operation, done);
	if (sequence_trace != NULL)
		trace_add(&sequence_trace->answers, "%s", done);
	if (world->last[operation.space].count == 0)
		world->last[operation.space].count = 1;
	carry_out(world, &operation);
	world->steps++;
	if (wrong[0] == '\0' && world->steps % SETTLE_STEPS == 0)
		compare_all(world);
	else if (wrong[0] == '\0' && world->steps % 16 == 0)
		compare_check(world);
	if (sequence_trace != NULL)
		trace_add(&sequence_trace->answers, "\n");
}

static void write_step(const struct model_step *step, char *text)
{
	struct operation operation = operation_of(step);

	operation_write(&operation, text);
}

/* Everything is compared once more at the end of a list: a short one that is kept has no other time for it. */
static void settle(void *opaque, char *wrong)
{
	struct world *world = opaque;

	world->wrong = wrong;
	compare_all(world);
}

const struct model sequence_model = { .name = "sequences of mappings",
	.begin = begin,
	.step = step,
	.settle = settle,
	.end = end,
	.make = sequence_make,
	.write = write_step };

/* ---- cases ---- */

TEST(sequence_model,
	"random sequences of mappings over many address spaces and the kernel part agree with a flat model",
	.host_only = "it is a program of the host", .plain_only = "it injects failures itself")
{
	for (uint64_t i = 0; i < RUNS; i++)
		if (!CHECK(model_run(&sequence_model, test_seed() + i, STEPS)))
			return;
}

static bool kept_passes(const char *name)
{
	static struct model_step steps[KEPT_STEPS];
	char path[512], wrong[MODEL_ROOM] = "";
	size_t count;

	snprintf(path, sizeof path, KEPT "/%s", name);
	count = sequence_read(path, steps, KEPT_STEPS, wrong);
	if (count == 0)
		test_note("%s", wrong);
	return count != 0 && model_replay(&sequence_model, path, steps, count);
}

static int is_kept(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 4 && strcmp(entry->d_name + length - 4, ".txt") == 0;
}

TEST(sequence_kept, "sequences of mappings that have found a mistake once agree with the flat model",
	.host_only = "it is a program of the host", .plain_only = "the sequences say what fails")
{
	struct dirent **names;
	int count;

	if (PAGE_WIDTH != 12)
		SKIP("their numbers are of pages of 4 KiB");
	count = scandir(KEPT, &names, is_kept, alphasort);

	if (!CHECK(count > 0))
		return;
	for (int i = 0; i < count; i++) {
		CHECK(kept_passes(names[i]->d_name));
		free(names[i]);
	}
	free(names);
}
