/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Arenas against a flat model: an array of cells, one a quantum, each of which
 * says whether it is in a span, in which, and who has taken it. A parent and a
 * child with caches that imports from it share the cells, since what the child
 * has are the parent's addresses.
 *
 * After each step both arenas are walked: what the model has taken is taken
 * there, in just that segment; the rest is free, in a cache, or the child's
 * span. What was refused is looked for in vain.
 *
 * The cells begin at a multiple of their size; in some runs at 0, in some the last of them is the
 * last there is, so that first address + size is 0.
 */

#include <stdio.h>
#include <stdlib.h>

#include <mm/vmem.h>
#include <test.h>

#include "model.h"

#define RUNS 250
#define STEPS 400
#define CELLS 192
#define TAKEN_MOST 256
#define QUANTUM PAGE_SIZE
#define CACHED (3 * QUANTUM)
#define NOBODY 0

struct taken {
	struct vmem *arena; /* NULL: this record is not in use */
	size_t first, count;
};

struct world {
	struct vmem parent, child;
	uintptr_t base;
	size_t span[CELLS];  /* number of the parent's span, 0 = none */
	size_t owner[CELLS]; /* 1 + index into taken, or NOBODY */
	struct taken taken[TAKEN_MOST];
	size_t spans; /* numbers used up */
	char *done, *wrong;
};

#define DONE(...) snprintf(world->done, MODEL_ROOM, __VA_ARGS__)
#define WRONG(...) snprintf(world->wrong, MODEL_ROOM, __VA_ARGS__)

static uintptr_t address(const struct world *world, size_t cell)
{
	return world->base + cell * QUANTUM;
}

static size_t cell_of(const struct world *world, uintptr_t va)
{
	return (va - world->base) / QUANTUM;
}

static const char *name_of(const struct world *world, const struct vmem *arena)
{
	return arena == &world->parent ? "parent" : "child";
}

/* ---- what the model knows ---- */

static bool one_span(const struct world *world, size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++)
		if (i >= CELLS || world->span[i] == 0 || world->span[i] != world->span[first])
			return false;
	return true;
}

static bool anybody(const struct world *world, size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++)
		if (world->owner[i] != NOBODY)
			return true;
	return false;
}

static void set(struct world *world, size_t index, struct vmem *arena, size_t first, size_t count)
{
	world->taken[index] = (struct taken){ arena, first, count };
	for (size_t i = first; i < first + count; i++)
		world->owner[i] = arena != NULL ? index + 1 : NOBODY;
}

static size_t free_record(const struct world *world)
{
	size_t i = 0;

	while (i < TAKEN_MOST && world->taken[i].arena != NULL)
		i++;
	return i;
}

static bool is_good(const struct vmem_request *request, uintptr_t at)
{
	return ((at - request->phase) & (request->align - 1)) == 0 && at >= request->lower && at <= request->last &&
		request->last - at >= ALIGN_UP(request->size, QUANTUM) - 1;
}

/* Whether a free segment of this arena could serve; the lowest place that could. */
static bool would_fit(struct vmem *arena, const struct vmem_request *request, uintptr_t *lowest)
{
	struct vmem_range range;

	for (uintptr_t va = 0; vmem_find(arena, va, &range);) {
		for (size_t offset = 0; range.kind == VMEM_FREE && offset < range.size; offset += QUANTUM)
			if (range.size - offset >= request->size && is_good(request, range.start + offset)) {
				*lowest = range.start + offset;
				return true;
			}
		va = range.start + range.size;
		if (va == 0)
			break;
	}
	return false;
}

/* ---- steps ---- */

static void add_span(struct world *world, size_t first, size_t count)
{
	errno_t error = vmem_add(&world->parent, address(world, first), count * QUANTUM, FRAME_ATOMIC), expected = EOK;

	for (size_t i = first; i < first + count; i++)
		if (world->span[i] != 0)
			expected = EEXIST;
	DONE("add span %zu+%zu -> %d", first, count, error);
	if (error != expected)
		WRONG("expected was %d", expected);
	if (error == EOK)
		for (size_t i = first, number = ++world->spans; i < first + count; i++)
			world->span[i] = number;
}

static void remove_span(struct world *world, size_t first, bool exact, size_t count)
{
	errno_t error, expected = EOK;

	while (first > 0 && world->span[first] != 0 && world->span[first - 1] == world->span[first])
		first--;
	while (exact && first + count < CELLS && world->span[first + count] == world->span[first])
		count++;
	if (first + count > CELLS)
		count = CELLS - first;
	if (!one_span(world, first, count) || (first + count < CELLS && world->span[first + count] == world->span[first]))
		expected = ENOENT;
	else if (anybody(world, first, count))
		expected = EBUSY;
	error = vmem_remove(&world->parent, address(world, first), count * QUANTUM);
	DONE("remove span %zu+%zu -> %d", first, count, error);
	if (error != expected)
		WRONG("expected was %d", expected);
	if (error == EOK)
		for (size_t i = first; i < first + count; i++)
			world->span[i] = 0;
}

/* Enters what an arena gave. */
static void given(struct world *world, struct vmem *arena, const struct vmem_request *request, uintptr_t at)
{
	size_t first = cell_of(world, at), count = ALIGN_UP(request->size, QUANTUM) / QUANTUM;

	if (!is_good(request, at) || at % QUANTUM != 0)
		WRONG("what was given is not as requested");
	else if (!one_span(world, first, count))
		WRONG("what was given is not in one span");
	else if (anybody(world, first, count))
		WRONG("what was given is taken already");
	else
		set(world, free_record(world), arena, first, count);
}

static void alloc(struct world *world, struct vmem *arena, const struct vmem_request *request, bool plain)
{
	bool bounded = request->lower != 0 || request->last != UINTPTR_MAX;
	uintptr_t at = 0, lowest = 0;
	bool fitted = bounded && would_fit(arena, request, &lowest);
	errno_t error;

	if (free_record(world) == TAKEN_MOST)
		return;
	error = plain ? vmem_alloc(arena, request->size, FRAME_ATOMIC, &at)
				  : vmem_alloc_request(arena, request, FRAME_ATOMIC, &at);
	DONE("%s: alloc %#zx, align %#zx, phase %#zx, within %#zx to %#zx -> %d, %#zx (cell %zu)", name_of(world, arena),
		request->size, request->align, (size_t) request->phase, (size_t) request->lower, (size_t) request->last, error,
		(size_t) at, cell_of(world, at));
	if (error == EOK) {
		given(world, arena, request, at);
		if (fitted && at != lowest)
			WRONG("the lowest was %#zx", (size_t) lowest);
	} else if (error != ENOMEM) {
		WRONG("expected was ENOMEM");
	} else if (would_fit(arena, request, &lowest) ||
		(arena == &world->child && !bounded && would_fit(&world->parent, request, &lowest))) {
		WRONG("%#zx was free", (size_t) lowest);
	}
}

static void alloc_constrained(struct world *world, struct vmem *arena, const uint32_t *raw)
{
	struct vmem_request request = VMEM_REQUEST(1 + raw[1] % (12 * QUANTUM));

	request.align = (size_t) 1 << raw[2] % 17;
	if (request.align > QUANTUM && raw[2] >> 8 & 1)
		request.phase = (raw[2] >> 9) % (request.align / QUANTUM) * QUANTUM;
	if (raw[3] % 3 != 0)
		request.lower = address(world, raw[3] % CELLS) + (raw[3] >> 16) % 3;
	if (raw[4] % 3 != 0)
		request.last = address(world, raw[4] % CELLS) + (raw[4] >> 16) % (2 * QUANTUM);
	if (request.last < world->base)
		request.last = UINTPTR_MAX;
	alloc(world, arena, &request, false);
}

static void take(struct world *world, struct vmem *arena, size_t first, size_t count)
{
	size_t index = free_record(world);
	struct vmem_range range;
	errno_t error;

	if (first + count > CELLS || index == TAKEN_MOST)
		return;
	error = vmem_take(arena, address(world, first), count * QUANTUM, FRAME_ATOMIC);
	DONE("%s: take %zu+%zu -> %d", name_of(world, arena), first, count, error);
	if (error == EOK && (!one_span(world, first, count) || anybody(world, first, count)))
		WRONG("it is not free");
	else if (error == EOK)
		set(world, index, arena, first, count);
	else if (error == ENOENT && arena == &world->parent && one_span(world, first, count))
		WRONG("it is in one span");
	else if (error == EEXIST && vmem_find(arena, address(world, first), &range) && range.kind == VMEM_FREE &&
		range.size - (address(world, first) - range.start) >= count * QUANTUM)
		WRONG("it was free");
	else if (error != ENOENT && error != EEXIST)
		WRONG("expected was something else");
}

static size_t pick(const struct world *world, uint32_t raw)
{
	for (size_t i = 0; i < TAKEN_MOST; i++)
		if (world->taken[(raw + i) % TAKEN_MOST].arena != NULL)
			return (raw + i) % TAKEN_MOST;
	return TAKEN_MOST;
}

static void give(struct world *world, size_t index)
{
	struct taken was;

	if (index == TAKEN_MOST)
		return;
	was = world->taken[index];
	DONE("%s: free %zu+%zu", name_of(world, was.arena), was.first, was.count);
	set(world, index, NULL, was.first, was.count);
	vmem_free(was.arena, address(world, was.first), was.count * QUANTUM);
}

static void resize(struct world *world, size_t index, size_t count)
{
	struct taken was;
	errno_t error;

	if (index == TAKEN_MOST)
		return;
	was = world->taken[index];
	if (was.first + count > CELLS)
		return;
	error = vmem_resize(was.arena, address(world, was.first), was.count * QUANTUM, count * QUANTUM, FRAME_ATOMIC);
	DONE("%s: resize %zu+%zu to %zu -> %d", name_of(world, was.arena), was.first, was.count, count, error);
	if (count <= was.count && error != EOK)
		WRONG("a range can always be made smaller");
	if (error == EOK && count > was.count &&
		(!one_span(world, was.first, count) || anybody(world, was.first + was.count, count - was.count)))
		WRONG("there was no room");
	if (error == ENOENT && was.arena == &world->parent && one_span(world, was.first, count))
		WRONG("the span is longer");
	if (error == EEXIST && was.arena == &world->parent) {
		struct vmem_range next;

		if (vmem_find(was.arena, address(world, was.first + was.count), &next) && next.kind == VMEM_FREE &&
			next.size >= (count - was.count) * QUANTUM)
			WRONG("there was room");
	}
	if (error == EOK) {
		set(world, index, NULL, was.first, was.count);
		set(world, index, was.arena, was.first, count);
	}
}

/* ---- comparing ---- */

/* A range taken that is nobody's: the child's span, or in a cache. @return whether it can be */
static bool explained(struct world *world, struct vmem *arena, const struct vmem_range *range, size_t *cached)
{
	struct vmem_range part;

	if (arena == &world->child) {
		*cached += range->size;
		return range->size <= CACHED && !anybody(world, cell_of(world, range->start), range->size / QUANTUM);
	}
	return vmem_find(&world->child, range->start, &part) && part.start == range->start && part.span_begins;
}

static void compare_range(struct world *world, struct vmem *arena, const struct vmem_range *range, size_t *cached)
{
	size_t first = cell_of(world, range->start), count = range->size / QUANTUM;
	size_t owner = world->owner[first];
	const struct taken *taken = owner != NOBODY ? &world->taken[owner - 1] : NULL;

	if (first + count > CELLS || !one_span(world, first, count))
		WRONG("%s: %zu+%zu is in no span", name_of(world, arena), first, count);
	else if (range->kind == VMEM_FREE && anybody(world, first, count))
		WRONG("%s: %zu+%zu is free there", name_of(world, arena), first, count);
	else if (range->kind == VMEM_TAKEN && taken != NULL && taken->arena == arena) {
		if (taken->first != first || taken->count != count)
			WRONG("%s: %zu+%zu is %zu+%zu there", name_of(world, arena), taken->first, taken->count, first, count);
	} else if (range->kind != VMEM_FREE && !explained(world, arena, range, cached))
		WRONG("%s: %zu+%zu is taken there", name_of(world, arena), first, count);
}

static void compare(struct world *world, struct vmem *arena)
{
	size_t taken = 0, found = 0, cached = 0, free_bytes = 0, total = 0;
	struct vmem_range range;
	struct vmem_info info;

	for (size_t i = 0; i < TAKEN_MOST; i++)
		taken += world->taken[i].arena == arena;
	for (uintptr_t va = 0; vmem_find(arena, va, &range);) {
		compare_range(world, arena, &range, &cached);
		found += range.kind == VMEM_TAKEN && world->owner[cell_of(world, range.start)] != NOBODY;
		free_bytes += range.kind == VMEM_FREE ? range.size : 0;
		total += range.size;
		va = range.start + range.size;
		if (va == 0)
			break;
	}
	vmem_get_info(arena, &info);
	if (arena == &world->child && found != taken)
		WRONG("child: %zu ranges are taken, not %zu", taken, found);
	if (info.total != total || info.cached != cached || info.free != free_bytes + cached ||
		(arena == &world->child && info.taken != taken))
		WRONG("%s: the counts differ: %zu bytes, %zu free, %zu in caches", name_of(world, arena), info.total, info.free,
			info.cached);
}

/* ---- the model's interface ---- */

static void *begin(uint64_t seed)
{
	struct world *world = calloc(1, sizeof(*world));
	struct vmem_options options = { .parent = &world->parent, .cached = CACHED };

	options.import = seed % 3 * 8 * QUANTUM;
	world->base = seed % 4 == 0 ? 0 : seed % 4 == 1 ? (uintptr_t) - (CELLS * QUANTUM) : (uintptr_t) 0x40000000;
	if (vmem_init(&world->parent, "parent", NULL, 0) != EOK || vmem_init(&world->child, "child", &options, 0) != EOK)
		abort();
	return world;
}

static void step(void *opaque, const struct model_step *step, char *done, char *wrong)
{
	struct world *world = opaque;
	const uint32_t *raw = step->raw;
	struct vmem *arena = raw[0] % 3 != 0 ? &world->child : &world->parent;
	size_t first = raw[1] % CELLS, count = 1 + raw[2] % 16;
	struct vmem_request request = VMEM_REQUEST(1 + raw[3] % ((raw[4] % 3 == 0 ? 40 : 4) * QUANTUM));

	world->done = done;
	world->wrong = wrong;
	switch (step->kind % 16) {
	case 0:
		add_span(world, first, 1 + (raw[2] % 64) % (CELLS - first));
		break;
	case 1:
		remove_span(world, first, raw[3] % 4 != 0, 1);
		break;
	case 2:
		take(world, arena, first, count);
		break;
	case 3:
		resize(world, pick(world, raw[3]), count);
		break;
	case 4:
		DONE("reclaim");
		frame_reclaim(RECLAIM_FULL, true);
		break;
	case 5:
	case 6:
		alloc_constrained(world, arena, raw);
		break;
	case 7:
	case 8:
	case 9:
	case 10:
		alloc(world, arena, &request, true);
		break;
	default:
		give(world, pick(world, raw[3]));
		break;
	}
	compare(world, &world->parent);
	compare(world, &world->child);
	if (vmem_check() != 0)
		WRONG("vmem_check finds something");
}

static void end(void *opaque)
{
	struct world *world = opaque;

	for (size_t i = 0; i < TAKEN_MOST; i++)
		if (world->taken[i].arena != NULL)
			vmem_free(world->taken[i].arena, address(world, world->taken[i].first), world->taken[i].count * QUANTUM);
	if (vmem_destroy(&world->child) != EOK || vmem_destroy(&world->parent) != EOK)
		abort();
	free(world);
}

TEST(vmem_model, "random sequences on a parent arena and a child with caches agree with a flat model",
	.host_only = "it is a program of the host", .plain_only = "it has its own failures")
{
	static const struct model model = { .name = "vmem", .begin = begin, .step = step, .end = end };

	for (uint64_t i = 0; i < RUNS; i++)
		if (!CHECK(model_run(&model, test_seed() + i, STEPS)))
			return;
}
