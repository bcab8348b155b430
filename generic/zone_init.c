/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Building the zones from the memory map.
 *
 * The map's free ranges are rounded inwards to whole frames ("pieces"). Going
 * through the pieces in rising order of address, each is cut where the kind of
 * zone changes, and joined to the zone before it, or begins a new one. All the
 * books (a state and a count a frame, and each zone's buddy) are carved out of
 * the map in one block; then what the map still calls free is given to the
 * zones.
 *
 * What cannot be used is told in the log with its size: pieces of less than a
 * frame, addresses beyond RAM_LAST, memory so far from
 * the rest that its books would cost more than BOOKS_SHARE of all memory, and
 * what is left when there are ZONE_MAX zones.
 */

#include "frame_internal.h"

/* A hole of more frames than this divides a zone. */
#define HOLE_MAX ((size_t) 1 << 17)

/* The books may take one part in this many of all memory. */
#define BOOKS_SHARE 8

size_t frame_books;
size_t frame_low_count;

/* Frames [first, end) of RAM; empty if they are equal. */
struct piece {
	pfn_t first, end;
};

#define DMA_END ((pfn_t) (ARCH_DMA_LIMIT >> PAGE_WIDTH))
#define LOW_END ((pfn_t) ((IDENTITY_PHYS + IDENTITY_SIZE) >> PAGE_WIDTH))

/* The whole frames of a range of the map. Frame 0 is never used: its address means failure. */
static struct piece whole_frames(const struct memmap_range *range)
{
	uint64_t first = (range->first >> PAGE_WIDTH) + ((range->first & (PAGE_SIZE - 1)) != 0);
	uint64_t end = (range->last >> PAGE_WIDTH) + ((range->last & (PAGE_SIZE - 1)) == PAGE_SIZE - 1);
	uint64_t limit = ((uint64_t) RAM_LAST >> PAGE_WIDTH) + 1;

	if (first <= FRAME_FIRST)
		first = FRAME_FIRST + (FRAME_FIRST == 0);
	if (end > limit)
		end = limit;
	return first < end ? (struct piece){ (pfn_t) first, (pfn_t) end } : (struct piece){ 0, 0 };
}

static enum zone_kind kind_of(pfn_t pfn)
{
	if (pfn < DMA_END)
		return ZONE_DMA;
	return pfn < LOW_END ? ZONE_LOW : ZONE_HIGH;
}

/* The first frame beyond pfn that is of another kind. */
static pfn_t kind_end(pfn_t pfn)
{
	if (pfn < DMA_END)
		return DMA_END < LOW_END ? DMA_END : LOW_END;
	return pfn < LOW_END ? LOW_END : SIZE_MAX;
}

static size_t books_of_states(void)
{
	return frame_state_size(zones[zones_used - 1].end - FRAME_FIRST);
}

static size_t books_of_buddies(void)
{
	size_t bytes = 0;

	for (size_t i = 0; i < zones_used; i++)
		bytes += ALIGN_UP(buddy_size(zones[i].end - zones[i].base), CACHE_LINE);
	return bytes;
}

/* Where the buddy of a zone begins: so that every alignment that can be had in it is a multiple there too. */
static pfn_t base_of(pfn_t first, pfn_t end)
{
	size_t align = ZONE_ALIGN;

	while (align < end - first)
		align *= 2;
	return ALIGN_DOWN(first, align);
}

/* Joins a piece of one kind to the last zone, or makes it a new one. @return false if neither can be */
static bool zone_add(struct piece piece)
{
	struct zone *last = zones_used > 0 ? &zones[zones_used - 1] : NULL;
	enum zone_kind kind = kind_of(piece.first);

	if (last != NULL && last->kind == kind && piece.first - last->end <= HOLE_MAX &&
		piece.end - base_of(last->first, piece.end) <= BUDDY_MAX_UNITS) {
		last->end = piece.end;
		last->base = base_of(last->first, last->end);
		return true;
	}
	if (zones_used == ZONE_MAX || piece.end - base_of(piece.first, piece.end) > BUDDY_MAX_UNITS)
		return false;
	zones[zones_used++] =
		(struct zone){ .kind = kind, .base = base_of(piece.first, piece.end), .first = piece.first, .end = piece.end };
	return true;
}

static void tell_unused(struct piece piece, const char *reason)
{
	port_log("memory: %zu KiB at %#zx are not used: %s", (piece.end - piece.first) << (PAGE_WIDTH - 10),
		piece.first << PAGE_WIDTH, reason);
}

static bool books_too_dear(size_t frames)
{
	return (books_of_states() + books_of_buddies()) / PAGE_SIZE > frames / BOOKS_SHARE;
}

/* The part of a piece that lies in this zone. */
static struct piece piece_in(const struct zone *zone, struct piece piece)
{
	struct piece part = { piece.first > zone->first ? piece.first : zone->first,
		piece.end < zone->end ? piece.end : zone->end };

	return part.first < part.end ? part : (struct piece){ 0, 0 };
}

/* Adds a piece, cut up by kind. */
static void piece_add(struct piece piece, size_t *frames)
{
	while (piece.first < piece.end) {
		pfn_t end = kind_end(piece.first) < piece.end ? kind_end(piece.first) : piece.end;
		struct piece part = { piece.first, end };

		piece.first = end;
		if (zone_add(part))
			*frames += part.end - part.first;
		else
			tell_unused(part, "too far scattered, or more than the allocator can manage");
	}
}

/* The last zone is done without; there is one before it. @return frames it had, holes included */
static void zone_drop(const struct memmap *map, size_t *frames, const char *reason)
{
	const struct zone *zone = &zones[--zones_used];

	for (size_t i = 0; i < map->count; i++)
		if (map->ranges[i].type == MEMMAP_FREE) {
			struct piece part = piece_in(zone, whole_frames(&map->ranges[i]));

			*frames -= part.end - part.first;
		}
	tell_unused((struct piece){ zone->first, zone->end }, reason);
}

/* Lays out the zones over all free pieces of the map. @return frames in them */
static size_t zones_lay_out(const struct memmap *map)
{
	uint64_t unusable = 0;
	size_t frames = 0;

	zones_used = 0;
	for (size_t i = 0; i < map->count; i++) {
		const struct memmap_range *range = &map->ranges[i];
		struct piece piece;

		if (range->type != MEMMAP_FREE)
			continue;
		piece = whole_frames(range);
		unusable += range->last - range->first + 1 - ((uint64_t) (piece.end - piece.first) << PAGE_WIDTH);
		piece_add(piece, &frames);
	}
	if (unusable >= PAGE_SIZE)
		port_log("memory: %llu KiB are not used: frame 0, parts of frames, or beyond the last address that is used",
			(unsigned long long) (unusable >> 10));
	while (zones_used > 1 && books_too_dear(frames))
		zone_drop(map, &frames, "so far from other memory that its books would cost too much");
	return frames;
}

/* Carves room for the books; if there is none, does without the last zones. @return 0 if there is none for the first */
static phys_t books_carve(struct memmap *map, size_t *states)
{
	size_t frames = 0;

	for (;; zone_drop(map, &frames, "no room for its books")) {
		phys_t books;

		*states = ALIGN_UP(books_of_states(), CACHE_LINE);
		frame_books = ALIGN_UP(*states + books_of_buddies(), PAGE_SIZE);
		books = memmap_carve(map, frame_books, PAGE_SIZE, IDENTITY_PHYS + BOOT_MAPPED - 1);
		if (books != 0 || zones_used == 1)
			return books;
	}
}

/* Sets up the buddies, all taken, in the books. */
static void zones_set_up(uint8_t *books)
{
	for (size_t i = 0; i < zones_used; i++) {
		size_t units = zones[i].end - zones[i].base;

		buddy_init(&zones[i].buddy, books, units);
		books += ALIGN_UP(buddy_size(units), CACHE_LINE);
		if (zones[i].kind != ZONE_HIGH)
			frame_low_count = zones[i].end - FRAME_FIRST;
	}
}

static void zone_manage(struct zone *zone, struct piece part)
{
	size_t count = part.end - part.first;

	if (count == 0)
		return;
	__atomic_store_n(&zone->managed, zone->managed + count, __ATOMIC_RELAXED);
	__atomic_store_n(&frame_accounts.total, frame_accounts.total + count, __ATOMIC_RELAXED);
	zone_give_locked(part.first, count);
}

static void zones_fill(const struct memmap *map)
{
	for (size_t i = 0; i < map->count; i++)
		if (map->ranges[i].type == MEMMAP_FREE)
			for (size_t z = 0; z < zones_used; z++)
				zone_manage(&zones[z], piece_in(&zones[z], whole_frames(&map->ranges[i])));
}

errno_t frame_init(struct memmap *map)
{
	size_t states;
	phys_t books;

	frame_accounts = (struct frame_accounts){ 0 };
	if (zones_lay_out(map) == 0) {
		port_log("memory: the map has no free memory");
		return ENOMEM;
	}
	books = books_carve(map, &states);
	if (books == 0) {
		port_log("memory: no room for %zu KiB of books", frame_books >> 10);
		return ENOMEM;
	}
	frame_state_init((void *) PA2KA(books), zones[zones_used - 1].end - FRAME_FIRST);
	zones_set_up((uint8_t *) PA2KA(books) + states);
	zone_lists_build();
	zones_fill(map);
	frame_caches_init();
	if (frame_accounts.total == 0) {
		port_log("memory: the books take all there is");
		return ENOMEM;
	}
	return EOK;
}

void frame_release_boot(phys_t base, size_t count)
{
	struct piece piece = { base >> PAGE_WIDTH, (base >> PAGE_WIDTH) + count };
	size_t managed = 0;
	port_irq_t irq;

	mm_assert(base % PAGE_SIZE == 0, "%#zx is not the address of a frame", (size_t) base);
	irq = spinlock_lock(&frame_lock);
	for (pfn_t pfn = piece.first; pfn < piece.end; pfn++)
		mm_assert(!frame_known(pfn) || (frame_state(pfn) & 7) == FRAME_KIND_HOLE,
			"frame %#zx is the allocator's already", pfn);
	for (size_t z = 0; z < zones_used; z++) {
		struct piece part = piece_in(&zones[z], piece);

		zone_manage(&zones[z], part);
		managed += part.end - part.first;
	}
	mm_assert(managed == count, "of %zu frames from %#zx only %zu lie in a zone", count, piece.first, managed);
	if (sleepers_any())
		sleepers_serve_locked();
	spinlock_unlock(&frame_lock, irq);
}
