/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Random mappings in two address spaces, with the machine's own TLB in the way:
 * after each operation every address is touched by the CPU, as the user part of
 * the address space in use, and what it finds is compared with a model. (The
 * host has a TLB that is as forgetful and as stubborn as a real one.)
 *
 * THE WINDOW is EDGE pages, as many as a large page has, and EDGE pages more: so a
 * page table ends in it, and a large page fits into it. THE FRAMES are as many as
 * a large page has, and aligned as one, if there are so many together; otherwise,
 * and where there are no large pages, a few. The first two bytes of each are its
 * number; the third is what was stored there last.
 *
 * A round is one operation in one of the spaces: mapped, unmapped, other rights,
 * another frame. Then the pages of that space are read and written, and now and
 * then those of the other: the number must be that of the frame which the model
 * has, a write succeeds if and only if the page may be written, and reaches that
 * frame and no other. As a rule it is the space in use that is changed and touched,
 * so the TLB has what was there before, on machines too where a switch empties it.
 * Of the pages between the edges, if they are many, every STRIDE rounds all are
 * touched, in the other rounds those at the ends of what was changed, and some.
 */

#include <test.h>

#define SPACES 2
#define ROUNDS 1000
#define EDGE 12
#define FEW 32 /* frames, and pages between the edges, without large pages */
#define STRIDE 100
#define SOME 8

#define LARGE PTL_COVERS(PTL_LEVELS - 2)
#define LARGE_PAGES (LARGE >> PAGE_WIDTH)
#define FIRST (ALIGN_UP((uintptr_t) USER_START + MiB(128), 2 * LARGE) + LARGE - EDGE * PAGE_SIZE)

/* What the model knows of a page: the frame's number and the flags; flags 0 = not mapped. */
struct seen {
	uint16_t frame;
	uint16_t flags;
};

static struct {
	struct as *as[SPACES];
	struct seen pages[SPACES][EDGE + LARGE_PAGES + EDGE];
	size_t window, frames;
	phys_t base;
	struct test_random random;
	size_t in_use; /* the space that the thread is in */
	size_t round;
} world;

static size_t below(size_t bound)
{
	return test_random_below(&world.random, bound);
}

static uintptr_t va_of(size_t page)
{
	return FIRST + page * PAGE_SIZE;
}

static phys_t pa_of(size_t frame)
{
	return world.base + frame * PAGE_SIZE;
}

/* A byte of a frame, by the direct map. */
static volatile uint8_t *byte_of(size_t frame, size_t at)
{
	return (volatile uint8_t *) PA2KA(pa_of(frame)) + at;
}

static page_flags_t some_flags(void)
{
	return PAGE_READ | PAGE_USER | (below(3) != 0 ? PAGE_WRITE : 0) | (below(4) == 0 ? PAGE_EXEC : 0);
}

/* ---- touching ---- */

static void use(size_t space)
{
	if (world.in_use == space)
		return;
	world.in_use = space;
	test_as_borrow(world.as[space]);
}

static bool touch(size_t space, size_t page)
{
	const struct seen *model = &world.pages[space][page];
	bool is_mapped = model->flags != 0, writes = (model->flags & PAGE_WRITE) != 0;
	uint8_t low = 0, high = 0, byte = (uint8_t) (world.round + page), before = 0;
	bool good;

	use(space);
	good = CHECK_EQ(test_user_load(va_of(page), &low), is_mapped);
	good &= CHECK_EQ(test_user_load(va_of(page) + 1, &high), is_mapped);
	if (is_mapped) {
		good &= CHECK_EQ(low | high << 8, model->frame);
		before = *byte_of(model->frame, 2);
	}
	good &= CHECK_EQ(test_user_store(va_of(page) + 2, byte), writes);
	if (is_mapped)
		good &= CHECK_EQ(*byte_of(model->frame, 2), writes ? byte : before);
	if (!good)
		test_note("round %zu, space %zu, page %zu: by the model frame %u with flags 0x%x", world.round, space, page,
			model->frame, model->flags);
	return good;
}

static bool touch_range(size_t space, size_t first, size_t pages)
{
	for (size_t page = first; page < first + pages; page++)
		if (!touch(space, page))
			return false;
	return true;
}

/* Pages of a space; those between the edges all or, if they are many, some and those around what was changed. */
static bool touch_space(size_t space, size_t first, size_t pages)
{
	size_t between = world.window - 2 * EDGE, end = first + pages;

	if (between <= FEW || world.round % STRIDE == 0)
		return touch_range(space, 0, world.window);
	for (size_t i = 0; i < SOME; i++)
		if (!touch(space, EDGE + below(between)))
			return false;
	return touch(space, first) && touch(space, end - 1) && (first == 0 || touch(space, first - 1)) &&
		(end == world.window || touch(space, end)) && touch_range(space, 0, EDGE) &&
		touch_range(space, world.window - EDGE, EDGE);
}

/* ---- operations ---- */

/* Pages of a range that are mapped, by the model. */
static size_t count_mapped(size_t space, size_t first, size_t pages)
{
	size_t mapped = 0;

	for (size_t i = first; i < first + pages; i++)
		mapped += world.pages[space][i].flags != 0;
	return mapped;
}

static void insert(size_t space, size_t first, size_t pages)
{
	page_flags_t flags = some_flags();
	/* Now and then as a large page can be. */
	size_t frame = first >= EDGE && first - EDGE + pages <= world.frames && below(4) != 0
		? first - EDGE
		: below(world.frames - pages + 1);
	errno_t expected = count_mapped(space, first, pages) != 0 ? EEXIST : EOK;

	CHECK_EQ(
		page_mapping_insert(as_page_table(world.as[space]), va_of(first), pa_of(frame), pages, flags, 0), expected);
	if (expected != EOK)
		return;
	for (size_t i = 0; i < pages; i++)
		world.pages[space][first + i] = (struct seen){ (uint16_t) (frame + i), (uint16_t) flags };
}

static void remove(size_t space, size_t first, size_t pages)
{
	page_mapping_remove(as_page_table(world.as[space]), va_of(first), pages);
	for (size_t i = 0; i < pages; i++)
		world.pages[space][first + i] = (struct seen){ 0, 0 };
}

static void update(size_t space, size_t first, size_t pages)
{
	page_flags_t flags = some_flags();
	errno_t expected = count_mapped(space, first, pages) == pages ? EOK : ENOENT;

	CHECK_EQ(page_mapping_update(as_page_table(world.as[space]), va_of(first), pages, flags, 0), expected);
	if (expected != EOK)
		return;
	for (size_t i = 0; i < pages; i++)
		world.pages[space][first + i].flags = (uint16_t) flags;
}

static void replace(size_t space, size_t page)
{
	struct page_table *table = as_page_table(world.as[space]);
	page_flags_t flags = some_flags();
	size_t frame = below(world.frames);
	errno_t expected = page_mapping_find(table, va_of(page)).size == PAGE_SIZE ? EOK : ENOENT;

	CHECK_EQ(page_mapping_replace(table, va_of(page), pa_of(frame), flags), expected);
	if (expected == EOK)
		world.pages[space][page] = (struct seen){ (uint16_t) frame, (uint16_t) flags };
}

/* A range: a few pages as a rule, now and then all that lies between the edges. */
static size_t some_range(size_t *first)
{
	size_t between = world.window - 2 * EDGE, pages;

	if (below(8) == 0) {
		*first = EDGE;
		return between;
	}
	*first = below(3) == 0 ? below(world.window) : below(2) * (world.window - 2 * EDGE) + below(2 * EDGE);
	pages = 1 + below(6);
	return pages < world.window - *first ? pages : world.window - *first;
}

static bool one_round(void)
{
	bool is_in_use = world.in_use < SPACES && below(4) != 0;
	size_t space = is_in_use ? world.in_use : below(SPACES), first, pages = some_range(&first);

	switch (below(8)) {
	case 0:
	case 1:
		remove(space, first, pages);
		break;
	case 2:
	case 3:
		update(space, first, pages);
		break;
	case 4:
		replace(space, first);
		pages = 1;
		break;
	default:
		insert(space, first, pages);
	}
	return touch_space(space, first, pages) && (below(4) != 0 || touch_space(1 - space, first, pages));
}

/* Frames, in low memory, of which the direct map shows what is in them. */
static bool frames_make(void)
{
	world.frames = LARGE_PAGES;
	world.base = TEST_HAS_LARGE_PAGES ? test_frame_alloc(LARGE_PAGES, FRAME_ATOMIC, 0) : 0;
	if (world.base == 0 || world.base % LARGE != 0) {
		if (world.base != 0)
			test_frame_free(world.base, world.frames);
		world.frames = FEW < LARGE_PAGES ? FEW : LARGE_PAGES;
		world.base = test_frame_alloc(world.frames, FRAME_ATOMIC, 0);
	}
	for (size_t i = 0; i < world.frames && world.base != 0; i++) {
		*byte_of(i, 0) = (uint8_t) i;
		*byte_of(i, 1) = (uint8_t) (i >> 8);
		*byte_of(i, 2) = 0;
	}
	world.window = EDGE + world.frames + EDGE;
	return world.base != 0;
}

TEST(page_touched, "1,000 random changes of mappings in two address spaces, each address touched by the CPU after each",
	.plain_only = "the model is never refused memory")
{
	__builtin_memset(&world, 0, sizeof world);
	world.random = TEST_RANDOM(test_seed());
	world.in_use = SPACES;
	NEED(frames_make());
	for (size_t i = 0; i < SPACES; i++)
		world.as[i] = test_as_create(0);
	for (world.round = 0; world.round < ROUNDS && one_round(); world.round++)
		if (world.round % 16 == 0)
			test_yield(); /* it may go on on another CPU */
	for (size_t i = 0; i < SPACES; i++)
		page_mapping_remove(as_page_table(world.as[i]), va_of(0), world.window);
	CHECK_EQ(page_check(), 0);
}
