/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The frame allocator against a flat model: a number of holders for each frame
 * that was free at the start, and the frames promised, by class.
 *
 * Compared exactly: how many frames are free and promised, in all and by zone;
 * the holders of each frame. Whether a request is served: it must be if an
 * aligned block of its order lies free within its bounds and all promises could
 * be kept without that; it must not be if no place fits at all. Where it is
 * served, every frame was free and the place is as was asked for, and promises
 * can be kept still.
 *
 * In every second run most frames are taken out of the way first, so that
 * running out is what happens most of the time. Some steps are carried out with an
 * allocation made to fail: then nothing may have changed.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/host.h>
#include <mm/inject.h>
#include <mm/reserve.h>
#include <test.h>

#include "model.h"

#define RUNS 6
#define STEPS 3000
#define SETTLE_STEPS 250
#define SCARCE_FRAMES 350 /* of each kind */

enum kind {
	ALLOC_ONE,
	ALLOC,
	REQUEST,
	INJECTED,
	FREE,
	FREE_ONE,
	FREE_MANY,
	REFERENCE,
	PROMISE,
	PROMISE_BACK,
	TAKE_PROMISED,
	TAKE_RUN_PROMISED,
	RECLAIM,
	KINDS
};

/* How often a step is of which kind. */
static const uint8_t weights[KINDS] = { 20, 16, 12, 4, 16, 16, 1, 8, 4, 3, 4, 3, 2 };

/* What a frame is to the model, but for its holders. */
#define FOREIGN UINT16_MAX

struct world {
	uint16_t *holders;           /* by frame from FRAME_FIRST on; FOREIGN = not ours */
	size_t free[2], promised[2]; /* with a permanent address, without; of frames that have one, of any */
	size_t last;                 /* the frame taken last */
	unsigned steps;
	char *done, *wrong;
};

#define DONE(...) snprintf(world->done, MODEL_ROOM, __VA_ARGS__)
#define WRONG(...) snprintf(world->wrong, MODEL_ROOM, __VA_ARGS__)

/* ---- what the model knows ---- */

static bool range_free(const struct world *world, size_t first, size_t count)
{
	if (first >= (frame_end - FRAME_FIRST) || count > (frame_end - FRAME_FIRST) - first)
		return false;
	for (size_t i = first; i < first + count; i++)
		if (world->holders[i] != 0)
			return false;
	return true;
}

static bool kind_allowed(enum zone_kind kind, frame_flags_t flags)
{
	if (flags & FRAME_DMA)
		return kind == ZONE_DMA;
	return kind != ZONE_HIGH || (flags & FRAME_HIGHMEM) != 0;
}

static bool is_high(size_t frame)
{
	return ((FRAME_FIRST + frame) << PAGE_WIDTH) - IDENTITY_PHYS >= IDENTITY_SIZE;
}

static size_t all_free(const struct world *world)
{
	return world->free[0] + world->free[1];
}

/* Whether all promises can be kept with these frames: those of low ones by such, the others by the rest. */
static bool can_keep(size_t low, size_t high, size_t of_low, size_t of_any)
{
	return of_low <= low && of_any <= low - of_low + high;
}

/* Whether promises can be kept if so many frames of this kind are taken. */
static bool leaves_promises(const struct world *world, enum zone_kind kind, const struct frame_request *request)
{
	size_t free[2] = { world->free[0], world->free[1] }, promised[2] = { world->promised[0], world->promised[1] };
	bool any = frame_may_be_high(request->flags);

	if (request->min > free[kind == ZONE_HIGH] || (request->flags & FRAME_NO_RESERVE && request->min > promised[any]))
		return false;
	free[kind == ZONE_HIGH] -= request->min;
	promised[any] -= request->flags & FRAME_NO_RESERVE ? request->min : 0;
	return can_keep(free[0], free[1], promised[0], promised[1]);
}

enum answer { MUST_FAIL, MAY, MUST_SERVE };

/* Whether a place in this zone fits the request: as a whole block, or only just. */
static enum answer place_in(
	const struct world *world, const struct zone_info *zone, const struct frame_request *request)
{
	size_t block = 1, lower = (request->lower + PAGE_SIZE - 1) >> PAGE_WIDTH;
	size_t end = zone->first + zone->frames;
	enum answer answer = MUST_FAIL;

	if (request->upper >> PAGE_WIDTH < end)
		end = (request->upper + 1) >> PAGE_WIDTH;
	while (block < request->min)
		block *= 2;
	for (size_t first = zone->first / block * block; first + request->min <= end; first += block) {
		if (first < zone->first || first < lower || first % request->align != 0 ||
			!range_free(world, first - FRAME_FIRST, request->min))
			continue;
		if (first + block <= end && range_free(world, first - FRAME_FIRST, block))
			return MUST_SERVE;
		answer = MAY;
	}
	return answer;
}

static enum answer expected(const struct world *world, const struct frame_request *request)
{
	enum answer best = MUST_FAIL;
	struct zone_info zone;

	for (size_t i = 0; zone_get(i, &zone); i++) {
		if (kind_allowed(zone.kind, request->flags) && leaves_promises(world, zone.kind, request)) {
			enum answer answer = place_in(world, &zone, request);

			best = answer > best ? answer : best;
		}
	}
	return best;
}

/* ---- taking ---- */

static bool has_address(phys_t base)
{
	return !is_high((base >> PAGE_WIDTH) - FRAME_FIRST);
}

static void dirty(phys_t base, size_t count)
{
	for (size_t i = 0; i < count && has_address(base); i++) {
		uint8_t *bytes = (uint8_t *) PA2KA(base + i * PAGE_SIZE);

		bytes[0] = bytes[PAGE_SIZE / 2] = bytes[PAGE_SIZE - 1] = 0xa5;
	}
}

static bool clean(phys_t base, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const uint8_t *bytes = (const uint8_t *) PA2KA(base + i * PAGE_SIZE);

		if (bytes[0] != 0 || bytes[PAGE_SIZE / 2] != 0 || bytes[PAGE_SIZE - 1] != 0)
			return false;
	}
	return true;
}

/* Holds what was given to what was asked for, and enters it. */
static void given(struct world *world, const struct frame_request *request, phys_t base, size_t count)
{
	size_t first = (base >> PAGE_WIDTH) - FRAME_FIRST;

	if (count < request->min || count > request->max)
		WRONG("that is not between min and max");
	else if (base % (request->align * PAGE_SIZE) != 0)
		WRONG("that is not aligned");
	else if (base < request->lower || base + count * PAGE_SIZE - 1 > request->upper)
		WRONG("that is out of bounds");
	else if (!range_free(world, first, count))
		WRONG("not all of that was free");
	else if ((request->flags & FRAME_DMA) && base + count * PAGE_SIZE > ARCH_DMA_LIMIT)
		WRONG("a device does not reach that");
	else if (!(request->flags & FRAME_HIGHMEM) && !has_address(base))
		WRONG("that has no address");
	else if ((request->flags & FRAME_ZERO) && !clean(base, count))
		WRONG("that is not all zeros");
	if (world->wrong[0] != '\0')
		return;
	for (size_t i = first; i < first + count; i++)
		world->holders[i] = 1;
	world->free[!has_address(base)] -= count;
	if (request->flags & FRAME_NO_RESERVE)
		world->promised[frame_may_be_high(request->flags)] -= count;
	if (!can_keep(world->free[0], world->free[1], world->promised[0], world->promised[1]))
		WRONG("what is promised can no longer be kept");
	world->last = first;
	dirty(base, count);
}

static void take(struct world *world, const struct frame_request *request, phys_t base, size_t count)
{
	enum answer answer = expected(world, request);

	DONE("take %zu to %zu, align %zu, from %#lx to %#lx, flags %#x -> %#lx, %zu", request->min, request->max,
		request->align, request->lower, request->upper, request->flags, base, count);
	if (base == 0 && answer == MUST_SERVE)
		WRONG("there is room for it");
	else if (base != 0 && answer == MUST_FAIL)
		WRONG("it should have failed");
	else if (base != 0)
		given(world, request, base, count);
}

static void alloc(struct world *world, size_t count, frame_flags_t flags)
{
	struct frame_request request = FRAME_REQUEST(count, flags | FRAME_ATOMIC);
	phys_t base = frame_alloc(count, request.flags, 0);

	take(world, &request, base, base != 0 ? count : 0);
}

/* A count: few frames as a rule, sometimes many. */
static size_t amount(uint32_t raw)
{
	static const size_t bounds[] = { 2, 3, 8, 17, 70, 700 };

	return 1 + raw / 8 % bounds[raw % ARRAY_COUNT(bounds)];
}

static frame_flags_t some_flags(uint32_t raw)
{
	static const frame_flags_t flags[] = { 0, 0, FRAME_LOWMEM, FRAME_HIGHMEM, FRAME_HIGHMEM, FRAME_DMA, FRAME_ZERO,
		FRAME_ZERO | FRAME_DMA };

	return flags[raw % ARRAY_COUNT(flags)];
}

static struct frame_request some_request(const struct world *world, const uint32_t *raw)
{
	struct frame_request request = FRAME_REQUEST(amount(raw[0]), some_flags(raw[1]) | FRAME_ATOMIC);
	size_t around = raw[2] % 2 ? raw[2] / 2 % (frame_end - FRAME_FIRST) : world->last;

	if (raw[0] & 0x10000)
		request.max += amount(raw[1] / 64);
	if (raw[3] & 1)
		request.align = (size_t) 1 << (raw[3] / 2 % 9);
	if (raw[4] & 1)
		request.lower = ((FRAME_FIRST + around) << PAGE_WIDTH) + (raw[4] / 4 % 3) - (around != 0);
	if (raw[4] & 2)
		request.upper = ((FRAME_FIRST + around + amount(raw[3] / 32)) << PAGE_WIDTH) + raw[4] / 16 % 3 - 2;
	return request;
}

static void request(struct world *world, const uint32_t *raw)
{
	struct frame_request asked = some_request(world, raw);
	size_t count;
	phys_t base;

	if (asked.upper < asked.lower)
		asked.upper = (phys_t) -1;
	base = frame_alloc_request(&asked, &count);
	take(world, &asked, base, count);
	if (world->wrong[0] == '\0' && base == 0 && count != 0)
		WRONG("taken is %zu though nothing was", count);
}

static void injected(struct world *world, const uint32_t *raw)
{
	struct frame_request asked = some_request(world, raw);
	size_t count;
	phys_t base;

	DONE("take %zu frames, made to fail", asked.min);
	inject_arm(1, false);
	base = raw[4] & 4 ? frame_alloc(asked.min, asked.flags, 0) : frame_alloc_request(&asked, &count);
	inject_arm(0, false);
	if (base != 0)
		WRONG("it did not fail");
}

/* ---- giving ---- */

static void drop(struct world *world, size_t first, size_t count)
{
	for (size_t i = first; i < first + count; i++)
		world->free[is_high(i)] += --world->holders[i] == 0;
}

/* Drops a holder of up to so many frames, from this one or the next held one on. */
static void give(struct world *world, size_t from, size_t most)
{
	size_t first = from, count = 0;

	while (first < (frame_end - FRAME_FIRST) && (world->holders[first] == 0 || world->holders[first] == FOREIGN))
		first++;
	while (count < most && first + count < (frame_end - FRAME_FIRST) && world->holders[first + count] != 0 &&
		world->holders[first + count] != FOREIGN)
		count++;
	if (count == 0) {
		DONE("give: nothing is held there");
		return;
	}
	DONE("give %zu frames from %#zx", count, FRAME_FIRST + first);
	frame_free((FRAME_FIRST + first) << PAGE_WIDTH, count);
	drop(world, first, count);
}

static size_t place(const struct world *world, uint32_t raw)
{
	return raw % 2 ? raw / 2 % (frame_end - FRAME_FIRST) : (world->last + raw / 2 % 100) % (frame_end - FRAME_FIRST);
}

static void reference(struct world *world, size_t frame)
{
	if (world->holders[frame] == 0 || world->holders[frame] == FOREIGN || world->holders[frame] > 100) {
		DONE("reference: not that one");
		return;
	}
	DONE("reference frame %#zx, which has %u", FRAME_FIRST + frame, world->holders[frame]);
	if (frame_reference_add((FRAME_FIRST + frame) << PAGE_WIDTH) != EOK)
		WRONG("it was refused");
	world->holders[frame]++;
}

/* ---- promises ---- */

static const frame_flags_t classes[2] = { FRAME_LOWMEM, FRAME_HIGHMEM };

static void promise(struct world *world, size_t frames, bool any)
{
	size_t of_low = world->promised[0] + (any ? 0 : frames), of_any = world->promised[1] + (any ? frames : 0);
	bool enough = can_keep(world->free[0], world->free[1], of_low, of_any);
	errno_t error = reserve_try(frames, classes[any]);

	DONE("promise %zu %s frames -> %d", frames, any ? "any" : "low", error);
	if (error != (enough ? EOK : ENOMEM))
		WRONG("%zu low and %zu high are free, %zu low and %zu any promised", world->free[0], world->free[1],
			world->promised[0], world->promised[1]);
	else if (enough)
		world->promised[any] += frames;
}

/* About as many as may be had: the case at the bound. */
static size_t most(const struct world *world, uint32_t raw)
{
	size_t frames = raw / 8 % 2 ? world->free[0] : all_free(world);
	size_t less = raw / 16 % 2 ? world->promised[0] : world->promised[0] + world->promised[1];

	return (frames > less ? frames - less : 0) + raw % 3;
}

static void promise_back(struct world *world, size_t frames, bool any)
{
	if (frames > world->promised[any])
		frames = world->promised[any];
	DONE("give back a promise of %zu %s frames", frames, any ? "any" : "low");
	reserve_free(frames, classes[any]);
	world->promised[any] -= frames;
}

static void take_promised(struct world *world, size_t frames, bool any)
{
	for (; frames > 0 && world->promised[any] > 0 && world->wrong[0] == '\0'; frames--)
		alloc(world, 1, FRAME_NO_RESERVE | classes[any]);
	if (world->done[0] == '\0')
		DONE("take promised: there is no promise");
}

/* Between min and max of what is promised: as many as there are in a row. */
static void take_run_promised(struct world *world, size_t frames, bool any)
{
	struct frame_request asked = FRAME_REQUEST(1, FRAME_ATOMIC | FRAME_NO_RESERVE | classes[any]);
	size_t count;
	phys_t base;

	if (world->promised[any] == 0) {
		DONE("take a run that is promised: there is no promise");
		return;
	}
	asked.max = frames;
	base = frame_alloc_request(&asked, &count);
	take(world, &asked, base, count);
}

/* ---- comparing ---- */

static void compare_zones(struct world *world)
{
	struct zone_info zone;

	frame_reclaim(RECLAIM_FULL, true);
	for (size_t i = 0; zone_get(i, &zone); i++) {
		size_t free = 0;

		for (size_t frame = 0; frame < zone.frames; frame++)
			free += world->holders[zone.first + frame - FRAME_FIRST] == 0;
		if (free != zone.free)
			WRONG("zone %zu has %zu free frames, not %zu", i, zone.free, free);
	}
}

static void compare_holders(struct world *world)
{
	for (size_t i = 0; i < (frame_end - FRAME_FIRST); i++) {
		if (world->holders[i] != FOREIGN) {
			size_t holders = frame_reference_count((FRAME_FIRST + i) << PAGE_WIDTH);

			if (holders != world->holders[i])
				WRONG("frame %#zx has %zu holders, not %u", FRAME_FIRST + i, holders, world->holders[i]);
		}
	}
}

static void compare(struct world *world)
{
	struct frame_info info;

	frame_get_info(&info);
	if (info.free + info.cached != all_free(world))
		WRONG("%zu frames are free and %zu cached, not %zu", info.free, info.cached, all_free(world));
	else if (info.promised_low != world->promised[0] || info.promised - info.promised_low != world->promised[1])
		WRONG("%zu frames are promised, %zu of them low, not %zu low and %zu any", info.promised, info.promised_low,
			world->promised[0], world->promised[1]);
	else if (++world->steps % SETTLE_STEPS != 0)
		return;
	compare_zones(world);
	compare_holders(world);
	if (world->wrong[0] == '\0' && frame_check() != 0)
		WRONG("frame_check finds a breach");
}

/* ---- the model's interface ---- */

/* Takes frames of a kind out of the way until few are free; the model holds them like any other. */
static void make_scarce(struct world *world, bool high)
{
	while (world->free[high] > SCARCE_FRAMES) {
		struct frame_request request = FRAME_REQUEST(1, FRAME_ATOMIC | classes[high]);
		char done[MODEL_ROOM];
		size_t count;
		phys_t base;

		request.max = world->free[high] - SCARCE_FRAMES;
		base = frame_alloc_request(&request, &count);
		world->done = done;
		take(world, &request, base, count);
	}
}

static void *begin(uint64_t seed)
{
	struct world *world = calloc(1, sizeof *world);
	static char wrong[MODEL_ROOM];

	wrong[0] = '\0';
	world->wrong = wrong;
	frame_reclaim(RECLAIM_FULL, true);
	world->holders = calloc((frame_end - FRAME_FIRST), sizeof *world->holders);
	for (size_t i = 0; i < (frame_end - FRAME_FIRST); i++) {
		bool free = frame_kind(FRAME_FIRST + i) == FRAME_KIND_FREE;

		world->holders[i] = free ? 0 : FOREIGN;
		world->free[is_high(i)] += free;
	}
	if (seed % 2) {
		make_scarce(world, true);
		make_scarce(world, false);
	}
	return world;
}

static void end(void *opaque)
{
	struct world *world = opaque;

	for (unsigned any = 0; any < 2; any++)
		reserve_free(world->promised[any], classes[any]);
	for (size_t i = 0; i < (frame_end - FRAME_FIRST); i++)
		for (; world->holders[i] != 0 && world->holders[i] != FOREIGN; world->holders[i]--)
			frame_free((FRAME_FIRST + i) << PAGE_WIDTH, 1);
	free(world->holders);
	free(world);
}

static enum kind kind_of(uint32_t raw)
{
	unsigned sum = 0, kind = 0;

	for (unsigned i = 0; i < KINDS; i++)
		sum += weights[i];
	for (raw %= sum; raw >= weights[kind]; kind++)
		raw -= weights[kind];
	return (enum kind) kind;
}

static void carry_out(struct world *world, const struct model_step *step)
{
	const uint32_t *raw = step->raw;

	switch (kind_of(step->kind)) {
	case ALLOC_ONE:
		return alloc(world, 1, raw[0] % 4 == 0 ? some_flags(raw[1]) : 0);
	case ALLOC:
		return alloc(world, amount(raw[0]), some_flags(raw[1]));
	case REQUEST:
		return request(world, raw);
	case INJECTED:
		return injected(world, raw);
	case FREE:
		return give(world, place(world, raw[0]), amount(raw[1]));
	case FREE_ONE:
		return give(world, place(world, raw[0]), 1);
	case FREE_MANY:
		return give(world, place(world, raw[0]), 1 + raw[1] % 4000);
	case REFERENCE:
		return reference(world, place(world, raw[0]));
	case PROMISE:
		return promise(world, raw[0] % 4 == 0 ? most(world, raw[1]) : amount(raw[1]), raw[2] % 2);
	case PROMISE_BACK:
		return promise_back(world, amount(raw[0]), raw[1] % 2);
	case TAKE_PROMISED:
		return take_promised(world, amount(raw[0]), raw[1] % 2);
	case TAKE_RUN_PROMISED:
		return take_run_promised(world, amount(raw[0]), raw[1] % 2);
	default:
		DONE("reclaim");
		frame_reclaim(raw[0] % 2 ? RECLAIM_FULL : RECLAIM_LIGHT, raw[1] % 2);
	}
}

static void step(void *opaque, const struct model_step *step, char *done, char *wrong)
{
	struct world *world = opaque;

	world->done = done;
	world->wrong = wrong;
	carry_out(world, step);
	if (wrong[0] == '\0')
		compare(world);
}

TEST(frame_model, "random requests, references and promises agree with a flat model",
	.host_only = "it is a program of the host", .plain_only = "it arms the injector itself")
{
	static const struct model model = { .name = "frames", .begin = begin, .step = step, .end = end };

	for (uint64_t i = 0; i < RUNS; i++)
		if (!CHECK(model_run(&model, test_seed() + i, STEPS)))
			return;
}
