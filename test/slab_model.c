/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Object caches and malloc against a flat model: a list of what is held, by
 * address and size.
 *
 * Compared: whether a request is served (it must be, unless memory is taken
 * away or a failure is injected), alignment, that nothing held overlaps, that
 * contents stay, that constructed objects come constructed, the count of
 * objects in use of each cache; and slab_check finds nothing. Some steps take
 * all frames out of the way, some reclaim, some let an allocation fail.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mm/inject.h>
#include <test.h>

#include "model.h"

#define CACHES 5
#define HELD_MOST 1500
#define BYTES_MOST MiB(6)
#define PIECES_MOST 4096
#define MAGIC 0x5ab0b1ec /* what the constructor writes */
#define RUNS 6
#define STEPS 4000

enum kind {
	TAKE,
	TAKE_MANY,
	GIVE,
	GIVE_MANY,
	MALLOC,
	MEMALIGN,
	REALLOC,
	FREE,
	RECLAIM,
	SCARCE,  /* takes all frames, or gives them back */
	INJECT,  /* an allocation that comes soon fails */
	DESTROY, /* and makes another cache of that name, if it could be destroyed */
	LOOK,
	KINDS
};

/* How often a step is of which kind. */
static const uint8_t weights[KINDS] = { 20, 6, 20, 6, 20, 6, 10, 25, 3, 2, 6, 1, 2 };

/* What is held: an object of a cache, or a block of malloc's. */
struct held {
	struct slab_cache *cache; /* NULL: malloc's */
	uint8_t *bytes;
	size_t size;
	uint32_t stamp;
};

struct world {
	struct slab_cache *caches[CACHES];
	struct slab_cache_options options[CACHES];
	size_t sizes[CACHES];
	struct held held[HELD_MOST];
	size_t count, bytes;
	struct {
		phys_t base;
		size_t frames;
	} pieces[PIECES_MOST];
	size_t piece_count;
	size_t failed; /* inject_failed() before the step */
	uint32_t stamp;
	struct test_random random;
	char *done, *wrong;
};

#define DONE(...) snprintf(world->done, MODEL_ROOM, __VA_ARGS__)
#define WRONG(...) snprintf(world->wrong, MODEL_ROOM, __VA_ARGS__)

/* ---- contents ---- */

/* A constructed object has its magic in the first word, always. */
static size_t own_bytes(const struct world *world, const struct held *held)
{
	for (size_t i = 0; i < CACHES; i++)
		if (held->cache != NULL && held->cache == world->caches[i] && world->options[i].constructor != NULL)
			return sizeof(uint32_t);
	return 0;
}

static uint8_t byte_at(const struct held *held, size_t at)
{
	return (uint8_t) (held->stamp * 167 + at * 13);
}

/* Bytes that are written and looked at: all of a small one, both ends of a large one. */
static bool looked_at(const struct held *held, size_t at)
{
	return at < 600 || at + 200 >= held->size;
}

static void write_bytes(const struct world *world, const struct held *held)
{
	for (size_t at = own_bytes(world, held); at < held->size; at++)
		if (looked_at(held, at))
			held->bytes[at] = byte_at(held, at);
}

static bool is_whole(const struct world *world, const struct held *held, size_t size)
{
	size_t own = own_bytes(world, held);
	uint32_t magic;

	memcpy(&magic, held->bytes, own);
	if (own != 0 && magic != MAGIC)
		return false;
	for (size_t at = own; at < size; at++)
		if (looked_at(held, at) && held->bytes[at] != byte_at(held, at))
			return false;
	return true;
}

static errno_t construct(void *object, frame_flags_t flags)
{
	uint32_t magic = MAGIC;

	(void) flags;
	memcpy(object, &magic, sizeof magic);
	return EOK;
}

static size_t destruct(void *object)
{
	memset(object, 0, sizeof(uint32_t));
	return 0;
}

/* ---- the model ---- */

static bool overlaps(const struct world *world, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < world->count; i++)
		if (bytes < world->held[i].bytes + world->held[i].size && world->held[i].bytes < bytes + size)
			return true;
	return false;
}

/* Whether a request may have been refused in this step. */
static bool may_refuse(const struct world *world)
{
	return world->piece_count != 0 || inject_failed() != world->failed;
}

static bool has_room(const struct world *world, size_t size)
{
	return world->count < HELD_MOST && world->bytes + size <= BYTES_MOST;
}

/* Adds what a request gave, and holds it to what was asked. */
static void add(struct world *world, struct slab_cache *cache, void *bytes, size_t size, size_t align)
{
	struct held *held = &world->held[world->count];

	if (bytes == NULL) {
		if (!may_refuse(world))
			WRONG("refused, and there is memory");
		return;
	}
	if ((uintptr_t) bytes % align != 0)
		WRONG("%p is not aligned to %zu", bytes, align);
	else if (overlaps(world, bytes, size != 0 ? size : 1))
		WRONG("%p overlaps what is held", bytes);
	else if (cache == NULL && mm_malloc_size(bytes) < size)
		WRONG("%p has %zu bytes only", bytes, mm_malloc_size(bytes));
	*held = (struct held){ cache, bytes, size, world->stamp++ };
	world->count++;
	world->bytes += size;
	write_bytes(world, held);
	if (own_bytes(world, held) != 0 && !is_whole(world, held, sizeof(uint32_t)))
		WRONG("%p is not constructed", bytes);
}

/* Takes one off the list. */
static struct held drop(struct world *world, size_t number)
{
	struct held held = world->held[number];

	if (!is_whole(world, &held, held.size))
		WRONG("the contents of %p have changed", (void *) held.bytes);
	world->bytes -= held.size;
	world->held[number] = world->held[--world->count];
	return held;
}

static void give(struct world *world, size_t number)
{
	struct held held = drop(world, number);

	if (held.cache != NULL)
		slab_free(held.cache, held.bytes);
	else
		mm_free(held.bytes);
}

/* Number of one that is held, of malloc's or of caches; SIZE_MAX if there is none. */
static size_t find_held(const struct world *world, uint32_t raw, bool malloced)
{
	for (size_t i = 0; i < world->count; i++) {
		size_t number = (raw + i) % world->count;

		if ((world->held[number].cache == NULL) == malloced)
			return number;
	}
	return SIZE_MAX;
}

/* ---- steps ---- */

static void take(struct world *world, const struct model_step *step, size_t count)
{
	size_t which = step->raw[0] % CACHES;
	size_t align = world->options[which].align;

	DONE("take %zu of cache %zu (%zu bytes)", count, which, world->sizes[which]);
	if (world->caches[which] == NULL)
		return;
	for (size_t i = 0; i < count && has_room(world, world->sizes[which]) && world->wrong[0] == '\0'; i++)
		add(world, world->caches[which], slab_alloc(world->caches[which], FRAME_ATOMIC), world->sizes[which],
			align != 0 ? align : 1);
}

static void give_many(struct world *world, const struct model_step *step)
{
	size_t count = step->raw[1] % 200;

	DONE("give back %zu", count);
	for (size_t i = 0; i < count && world->count > 0 && world->wrong[0] == '\0'; i++)
		give(world, (step->raw[0] + i * 7) % world->count);
}

/* Many small sizes, some large ones, and those beside the bounds of classes. */
static size_t some_size(uint32_t raw)
{
	static const size_t bounds[] = { 9, 64, 300, 1100, 5000, 9000, 70000, MALLOC_MAX + 1 };
	size_t size = raw / 8 % bounds[raw % 8];

	return raw % 8 < 7 && raw / 8 % 5 == 0 ? ALIGN_UP(size, 64) : size;
}

static void allocate(struct world *world, const struct model_step *step, size_t align)
{
	size_t size = some_size(step->raw[0]);
	frame_flags_t flags = FRAME_ATOMIC | (step->raw[1] % 4 == 0 ? FRAME_ZERO : 0);
	uint8_t *bytes;

	DONE("allocate %zu bytes at a multiple of %zu%s", size, align, flags & FRAME_ZERO ? ", cleared" : "");
	if (!has_room(world, size))
		return;
	bytes = align == 1 ? mm_malloc(size, flags) : mm_memalign(align, size, flags);
	for (size_t i = 0; i < size && bytes != NULL && flags & FRAME_ZERO; i++)
		if (bytes[i] != 0) {
			WRONG("%p is not cleared", (void *) bytes);
			break;
		}
	add(world, NULL, bytes, size, align);
}

static void reallocate(struct world *world, const struct model_step *step)
{
	size_t number = find_held(world, step->raw[0], true), size = some_size(step->raw[1]);
	struct held held;
	uint8_t *bytes;

	if (number == SIZE_MAX || !has_room(world, size))
		return;
	held = world->held[number];
	DONE("reallocate %zu bytes to %zu", held.size, size);
	bytes = mm_realloc(held.bytes, size, FRAME_ATOMIC);
	if (bytes == NULL && size <= held.size)
		WRONG("making %p smaller failed", (void *) held.bytes);
	else if (bytes == NULL && !may_refuse(world))
		WRONG("refused, and there is memory");
	if (bytes == NULL)
		return;
	world->held[number].bytes = bytes;
	if (size < 600 && !is_whole(world, &world->held[number], size < held.size ? size : held.size))
		WRONG("%p, now %p, has lost contents", (void *) held.bytes, (void *) bytes);
	world->bytes -= held.size;
	world->held[number] = world->held[--world->count];
	add(world, NULL, bytes, size, 1);
}

static void free_one(struct world *world, const struct model_step *step, bool malloced)
{
	size_t number = find_held(world, step->raw[0], malloced);

	DONE("give back one of %s", malloced ? "malloc's" : "a cache's");
	if (number != SIZE_MAX)
		give(world, number);
}

static void reclaim(struct world *world, const struct model_step *step)
{
	static const enum reclaim_strength strengths[] = { RECLAIM_LIGHT, RECLAIM_FULL };

	DONE("reclaim %s", step->raw[0] % 2 == 0 ? "lightly" : "fully");
	slab_reclaim(strengths[step->raw[0] % 2], step->raw[1] % 2 == 0);
}

static void give_frames(struct world *world)
{
	while (world->piece_count > 0) {
		world->piece_count--;
		frame_free(world->pieces[world->piece_count].base, world->pieces[world->piece_count].frames);
	}
}

static void take_frames(struct world *world)
{
	for (size_t frames = 1024; frames > 0; frames /= 2) {
		phys_t base;

		while (world->piece_count < PIECES_MOST && (base = frame_alloc(frames, FRAME_ATOMIC, 0)) != 0) {
			world->pieces[world->piece_count].base = base;
			world->pieces[world->piece_count++].frames = frames;
		}
	}
}

static void scarce(struct world *world)
{
	DONE(world->piece_count != 0 ? "give all frames back" : "take all frames");
	if (world->piece_count != 0)
		give_frames(world);
	else
		take_frames(world);
}

static void make_cache(struct world *world, size_t number)
{
	char name[32];

	snprintf(name, sizeof name, "model-%zu", number);
	world->caches[number] = slab_cache_create(name, world->sizes[number], &world->options[number], FRAME_ATOMIC);
	if (world->caches[number] == NULL && !may_refuse(world))
		WRONG("no cache, and there is memory");
}

static size_t in_use(const struct world *world, const struct slab_cache *cache)
{
	size_t count = 0;

	for (size_t i = 0; i < world->count; i++)
		count += world->held[i].cache == cache;
	return count;
}

static void destroy(struct world *world, const struct model_step *step)
{
	size_t number = step->raw[0] % CACHES;
	errno_t error;

	DONE("destroy cache %zu", number);
	if (world->caches[number] != NULL) {
		error = slab_cache_destroy(world->caches[number]);
		if (error != (in_use(world, world->caches[number]) != 0 ? EBUSY : EOK)) {
			WRONG("that gives %d", error);
			return;
		}
		if (error != EOK)
			return;
	}
	make_cache(world, number);
}

static void look(struct world *world)
{
	DONE("look at everything");
	for (size_t i = 0; i < world->count; i++)
		if (!is_whole(world, &world->held[i], world->held[i].size))
			WRONG("the contents of %p have changed", (void *) world->held[i].bytes);
	if (slab_check() != 0)
		WRONG("slab_check finds something");
}

static void compare_counts(struct world *world)
{
	for (size_t i = 0; i < CACHES; i++) {
		struct slab_info info;

		if (world->caches[i] == NULL)
			continue;
		slab_get_info(world->caches[i], &info);
		if (info.in_use != in_use(world, world->caches[i]))
			WRONG("cache %zu says %zu in use, not %zu", i, info.in_use, in_use(world, world->caches[i]));
	}
}

static enum kind kind_of(uint32_t raw)
{
	unsigned total = 0, kind = 0;

	for (size_t i = 0; i < KINDS; i++)
		total += weights[i];
	for (raw %= total; raw >= weights[kind]; kind++)
		raw -= weights[kind];
	return kind;
}

static void step(void *argument, const struct model_step *step, char *done, char *wrong)
{
	struct world *world = argument;

	world->done = done;
	world->wrong = wrong;
	world->failed = inject_failed();
	switch (kind_of(step->kind)) {
	case TAKE:
		take(world, step, 1);
		break;
	case TAKE_MANY:
		take(world, step, step->raw[1] % 200);
		break;
	case GIVE:
		free_one(world, step, false);
		break;
	case GIVE_MANY:
		give_many(world, step);
		break;
	case MALLOC:
		allocate(world, step, 1);
		break;
	case MEMALIGN:
		allocate(world, step, (size_t) 1 << step->raw[2] % 19);
		break;
	case REALLOC:
		reallocate(world, step);
		break;
	case FREE:
		free_one(world, step, true);
		break;
	case RECLAIM:
		reclaim(world, step);
		break;
	case SCARCE:
		scarce(world);
		break;
	case INJECT:
		DONE("let a failure come");
		inject_arm(1 + step->raw[0] % 20, false);
		break;
	case DESTROY:
		destroy(world, step);
		break;
	case LOOK:
		look(world);
		break;
	case KINDS:
		break;
	}
	if (wrong[0] == '\0')
		compare_counts(world);
}

/* ---- worlds ---- */

static void choose_cache(struct world *world, size_t number)
{
	static const size_t bounds[] = { 64, 300, 2000, KiB(8), KiB(40) };
	struct slab_cache_options *options = &world->options[number];
	size_t random = test_random_below(&world->random, 1000);

	world->sizes[number] = SLAB_MIN_SIZE + test_random_below(&world->random, bounds[number % ARRAY_COUNT(bounds)]);
	options->align = random % 3 == 0 ? (size_t) 1 << random / 3 % 13 : 0;
	options->constructor = random % 5 < 2 ? construct : NULL;
	options->destructor = random % 5 < 2 ? destruct : NULL;
	options->flags = random % 7 == 0 ? SLAB_NO_MAGAZINES : 0;
}

static void *begin(uint64_t seed)
{
	struct world *world = calloc(1, sizeof *world);
	char wrong[MODEL_ROOM] = "";

	inject_arm(0, false);
	world->random = TEST_RANDOM(seed);
	world->wrong = wrong;
	world->failed = inject_failed();
	for (size_t i = 0; i < CACHES; i++) {
		choose_cache(world, i);
		make_cache(world, i);
	}
	return world;
}

static void end(void *argument)
{
	struct world *world = argument;
	char wrong[MODEL_ROOM] = "";

	world->wrong = wrong;
	inject_arm(0, false);
	give_frames(world);
	while (world->count > 0)
		give(world, world->count - 1);
	for (size_t i = 0; i < CACHES; i++)
		if (world->caches[i] != NULL && slab_cache_destroy(world->caches[i]) != EOK)
			printf("# slab: cache %zu has lost count\n", i);
	free(world);
}

TEST(slab_model, "random sequences over caches and malloc agree with a flat model",
	.host_only = "it is a program of the host", .plain_only = "it arms the injector itself")
{
	static const struct model model = { .name = "slab", .begin = begin, .step = step, .end = end };

	for (uint64_t i = 0; i < RUNS; i++)
		if (!CHECK(model_run(&model, test_seed() + i, STEPS)))
			return;
}
