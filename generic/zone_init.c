/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Building the zones from the memory map.
 *
 * The map's free ranges are rounded inwards to whole frames ("pieces"). Going
 * through the pieces in rising order of address, each is cut where the kind of
 * zone changes, and joined to the zone before it, or begins a new one. All the
 * metadata (a state and a count a frame, and each zone's buddy) is carved out of
 * the map in one block; then what the map still calls free is given to the
 * zones.
 *
 * HOLES ARE FREE. A hole of more than HOLE_FRAMES ends a zone, and the table of
 * states and counts that the zone is in; the piece behind it begins others:
 *
 *        near table             (hole)           far table           (hole)    far table
 *     | dma | low    .. |                   | low     | high      |          | high     |
 *     0                 3 GiB               4 GiB                 68 GiB     2 TiB
 *
 * So a large hole costs nothing, whatever its size. A smaller one costs three bytes
 * a frame: 12 KiB at most, or what is little beside the metadata of all memory (one
 * frame in HOLE_SHARE). One table more would cost more: each use of a frame that is
 * not in the near table is a search (frame_state.c). So the hole below 4 GiB of a PC
 * that has 4 GiB or more is not large. If the map has more large holes than there can
 * be zones, only the largest count: those above a limit that is doubled till they
 * fit. What was carved out of the map before, or loaded with the kernel, is no hole:
 * it may be freed later (frame_release_boot).
 *
 * What cannot be used is logged with its size: pieces of less than a frame,
 * addresses beyond RAM_LAST, what is left when there are ZONE_MAX zones, and, from
 * the end on, memory for whose metadata there is no room in what the boot code has
 * mapped: a zone is cut so that they take half of that. So are, on a map with more
 * large holes than zones, a piece whose metadata (with that of the hole before it)
 * would cost more than it brings, and memory so far from the rest that all metadata
 * would cost more than BOOKS_SHARE of all memory.
 */

#include "frame_internal.h"

/*
 * A hole of more frames than this, and than one in HOLE_SHARE of all, has no metadata, if the map has no more such
 * holes than there can be zones.
 */
#define HOLE_FRAMES ((size_t) 1 << 12)
#define HOLE_SHARE 3

/* Frames of one zone, at most: what its buddy can manage, whatever they begin at. */
#define ZONE_FRAMES (BUDDY_MAX_UNITS - ZONE_ALIGN)

/* The books may take one part in this many of all memory. */
#define BOOKS_SHARE 8

size_t frame_books;
size_t frame_low_count;
size_t frame_near_low_count;

/* HOLE_FRAMES, or more. */
static size_t hole_limit;

/* Frames [first, end) of RAM; empty if they are equal. */
struct piece {
	pfn_t first, end;
};

/* The direct map may end with the address space. */
#define LOW_END ((pfn_t) ((IDENTITY_PHYS + (phys_t) (IDENTITY_SIZE - 1)) >> PAGE_WIDTH) + 1)

/* What devices reach has a permanent address in any case: beyond those the limit says nothing. */
static pfn_t dma_end(void)
{
	pfn_t end = (pfn_t) (ARCH_DMA_LIMIT >> PAGE_WIDTH);

	return end < LOW_END ? end : LOW_END;
}

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
	if (pfn < dma_end())
		return ZONE_DMA;
	return pfn < LOW_END ? ZONE_LOW : ZONE_HIGH;
}

/* The first frame beyond pfn that is of another kind. */
static pfn_t kind_end(pfn_t pfn)
{
	if (pfn < dma_end())
		return dma_end();
	return pfn < LOW_END ? LOW_END : SIZE_MAX;
}

/* The last zone of the table that this one is in. */
static const struct zone *last_of_table(const struct zone *zone)
{
	while (zone + 1 < zones + zones_used && zone[1].table_first == zone->table_first)
		zone++;
	return zone;
}

static size_t books_of_states(void)
{
	size_t bytes = 0;

	for (const struct zone *zone = zones; zone < zones + zones_used; zone++) {
		zone = last_of_table(zone);
		bytes += frame_state_size(zone->end - zone->table_first);
	}
	return bytes;
}

static size_t books_of_buddies(void)
{
	size_t bytes = 0;

	for (size_t i = 0; i < zones_used; i++)
		bytes += ALIGN_UP(buddy_size(zones[i].end - zones[i].base), CACHE_LINE);
	return bytes;
}

static size_t books_of_all(void)
{
	return ALIGN_UP(books_of_states(), CACHE_LINE) + books_of_buddies();
}

/* Where the buddy of a zone begins: so that blocks of up to ZONE_ALIGN frames are aligned in it as in memory. */
static pfn_t base_of(pfn_t first, pfn_t end)
{
	size_t align = 1;

	while (align < end - first && align < ZONE_ALIGN)
		align *= 2;
	return ALIGN_DOWN(first, align);
}

/* The frames of a range that lie in it, whole or in part, of those from first on and below end. */
static size_t frames_within(const struct memmap_range *range, pfn_t first, pfn_t end)
{
	uint64_t from = range->first >> PAGE_WIDTH, to = (range->last >> PAGE_WIDTH) + 1;

	if (from < first)
		from = first;
	if (to > end)
		to = end;
	return from < to ? (size_t) (to - from) : 0;
}

/* Whether there is a large hole between two frames, of which only the latter is RAM, maybe. */
static bool has_hole(const struct memmap *map, pfn_t first, pfn_t end, size_t limit)
{
	size_t frames = end - first;

	if (frames <= limit)
		return false;
	for (size_t i = 0; i < map->count && frames > 0; i++)
		if (map->ranges[i].type == MEMMAP_IMAGE) {
			size_t image = frames_within(&map->ranges[i], first, end);

			frames -= image < frames ? image : frames;
		}
	return frames > limit;
}

/* The first frame of the table that this piece, which is behind the last zone, is to be in. */
static pfn_t table_first_of(const struct memmap *map, pfn_t first)
{
	pfn_t before = zones_used > 0 ? zones[zones_used - 1].end : FRAME_FIRST;

	if (has_hole(map, before, first, hole_limit))
		return first;
	return zones_used > 0 ? zones[zones_used - 1].table_first : FRAME_FIRST;
}

/* Joins a piece of one kind to the last zone, or makes it a new one. @return false if neither can be */
static bool zone_join(const struct memmap *map, struct piece piece)
{
	struct zone *last = zones_used > 0 ? &zones[zones_used - 1] : NULL;
	enum zone_kind kind = kind_of(piece.first);
	pfn_t table_first = table_first_of(map, piece.first);

	if (last != NULL && last->kind == kind && last->table_first == table_first &&
		piece.end - base_of(last->first, piece.end) <= BUDDY_MAX_UNITS) {
		last->end = piece.end;
		last->base = base_of(last->first, last->end);
		return true;
	}
	if (zones_used == ZONE_MAX || piece.end - base_of(piece.first, piece.end) > BUDDY_MAX_UNITS)
		return false;
	zones[zones_used++] = (struct zone){ .kind = kind,
		.base = base_of(piece.first, piece.end),
		.first = piece.first,
		.end = piece.end,
		.table_first = table_first };
	return true;
}

static void zone_cut(struct zone *zone, pfn_t end)
{
	zone->end = end;
	zone->base = base_of(zone->first, end);
}

static void tell_unused(struct piece piece, const char *reason)
{
	port_log("memory: %zu KiB at %#" PHYS_X " are not used: %s", (piece.end - piece.first) << (PAGE_WIDTH - 10),
		(phys_t) piece.first << PAGE_WIDTH, reason);
}

/* Adds a piece of one kind, unless the books that it wants, for the hole before it too, cost more than it brings. */
static bool zone_add(const struct memmap *map, struct piece piece)
{
	size_t before = books_of_all(), used = zones_used;
	struct zone last = used > 0 ? zones[used - 1] : (struct zone){ 0 };

	if (!zone_join(map, piece)) {
		tell_unused(piece, "too far scattered");
		return false;
	}
	if ((books_of_all() - before) >> PAGE_WIDTH < piece.end - piece.first)
		return true;
	zones_used = used;
	if (used > 0)
		zones[used - 1] = last;
	tell_unused(piece, "its books would cost more than it brings");
	return false;
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
static void piece_add(const struct memmap *map, struct piece piece, size_t *frames)
{
	while (piece.first < piece.end) {
		pfn_t end = kind_end(piece.first) < piece.end ? kind_end(piece.first) : piece.end;
		struct piece part = { piece.first, end - piece.first > ZONE_FRAMES ? piece.first + ZONE_FRAMES : end };

		piece.first = part.end;
		if (zone_add(map, part))
			*frames += part.end - part.first;
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

/* Holes above this limit between the pieces of the map. */
static size_t holes_above(const struct memmap *map, size_t limit)
{
	pfn_t before = FRAME_FIRST;
	size_t holes = 0;

	for (size_t i = 0; i < map->count; i++) {
		struct piece piece = whole_frames(&map->ranges[i]);

		if (map->ranges[i].type != MEMMAP_FREE || piece.end == 0)
			continue;
		holes += has_hole(map, before, piece.first, limit);
		before = piece.end;
	}
	return holes;
}

/* The smallest limit with which there are enough zones: one behind each hole, and one more for each change of kind. */
static size_t hole_limit_of(const struct memmap *map)
{
	size_t share = (size_t) (memmap_total(map, MEMMAP_FREE) >> PAGE_WIDTH) / HOLE_SHARE;
	size_t limit = share > HOLE_FRAMES ? share : HOLE_FRAMES;

	while (holes_above(map, limit) > ZONE_MAX - ZONE_KINDS)
		limit *= 2;
	return limit;
}

/* Lays out the zones over all free pieces of the map. @return frames in them */
static size_t zones_lay_out(const struct memmap *map)
{
	uint64_t unusable = 0;
	size_t frames = 0;

	zones_used = 0;
	hole_limit = hole_limit_of(map);
	for (size_t i = 0; i < map->count; i++) {
		const struct memmap_range *range = &map->ranges[i];
		struct piece piece;

		if (range->type != MEMMAP_FREE)
			continue;
		piece = whole_frames(range);
		unusable += range->last - range->first + 1 - ((uint64_t) (piece.end - piece.first) << PAGE_WIDTH);
		piece_add(map, piece, &frames);
	}
	if (unusable >= PAGE_SIZE)
		port_log("memory: %llu KiB are not used: frame 0, parts of frames, or beyond the last address that is used",
			(unsigned long long) (unusable >> 10));
	while (zones_used > 1 && books_too_dear(frames))
		zone_drop(map, &frames, "so far from other memory that its books would cost too much");
	return frames;
}

/* Bytes of the largest piece that the metadata can be carved out of: the boot code has mapped it, and not frame 0. */
static size_t books_room(const struct memmap *map)
{
	pfn_t limit = (IDENTITY_PHYS + (phys_t) (BOOT_MAPPED - 1)) >> PAGE_WIDTH;
	size_t room = 0;

	for (size_t i = 0; i < map->count; i++) {
		struct piece piece = whole_frames(&map->ranges[i]);

		if (map->ranges[i].type != MEMMAP_FREE || piece.end == 0 || piece.first > limit)
			continue;
		if (piece.end > limit + 1)
			piece.end = limit + 1;
		if (piece.end - piece.first > room)
			room = piece.end - piece.first;
	}
	return room << PAGE_WIDTH;
}

/* Cuts the last zone so that all books fit into so many bytes. @return false if that leaves nothing of it */
static bool zone_cut_to(size_t room)
{
	struct zone *zone = &zones[zones_used - 1];
	pfn_t fits = zone->first, too_far = zone->end;

	while (too_far - fits > 1) {
		pfn_t middle = fits + (too_far - fits) / 2;

		zone_cut(zone, middle);
		if (books_of_all() <= room)
			fits = middle;
		else
			too_far = middle;
	}
	if (fits > zone->first)
		zone_cut(zone, fits);
	return fits > zone->first;
}

/* Carves room for the books. If there is none, does without what lies furthest. @return 0 if there is none at all */
static phys_t books_carve(struct memmap *map, size_t *states)
{
	size_t frames = 0, room = books_room(map);

	while (books_of_all() > room) {
		pfn_t end = zones[zones_used - 1].end;

		if (zone_cut_to(room / 2)) { /* the rest is for what comes after the books */
			tell_unused((struct piece){ zones[zones_used - 1].end, end }, "no room for their books");
			break;
		}
		zone_cut(&zones[zones_used - 1], end);
		if (zones_used == 1)
			break;
		zone_drop(map, &frames, "no room for its books");
	}
	*states = ALIGN_UP(books_of_states(), CACHE_LINE);
	frame_books = ALIGN_UP(books_of_all(), PAGE_SIZE);
	return memmap_carve(map, frame_books, PAGE_SIZE, IDENTITY_PHYS + (phys_t) (BOOT_MAPPED - 1));
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
	frame_near_low_count = frame_low_count < frame_near_count ? frame_low_count : frame_near_count;
}

/* Sets up the tables of the frames' states and counts in the metadata. */
static void tables_set_up(uint8_t *metadata)
{
	frame_tables_init();
	for (const struct zone *zone = zones; zone < zones + zones_used; zone++) {
		zone = last_of_table(zone);
		frame_table_add(metadata, zone->table_first, zone->end);
		metadata += frame_state_size(zone->end - zone->table_first);
	}
}

static void zone_manage(struct zone *zone, struct piece part)
{
	size_t count = part.end - part.first;

	if (count == 0)
		return;
	/* Relaxed: numbers that are also read without frame_lock, and nothing else is by them. */
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

static phys_t ram_last;

phys_t frame_ram_last(void)
{
	return ram_last;
}

static void ram_last_find(const struct memmap *map)
{
	const phys_t reach = IDENTITY_PHYS + (phys_t) (IDENTITY_SIZE - 1);

	ram_last = IDENTITY_PHYS;
	for (size_t i = 0; i < map->count; i++) {
		const struct memmap_range *range = &map->ranges[i];

		if ((range->type != MEMMAP_FREE && range->type != MEMMAP_FIRMWARE && range->type != MEMMAP_IMAGE) ||
			range->first > reach || range->last < ram_last)
			continue;
		ram_last = range->last < reach ? (phys_t) range->last : reach;
	}
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
	ram_last_find(map);
	tables_set_up((uint8_t *) PA2KA(books));
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

	mm_assert(base % PAGE_SIZE == 0, "%#" PHYS_X " is not the address of a frame", base);
	irq = spinlock_lock(&frame_lock);
	for (pfn_t pfn = piece.first; pfn < piece.end; pfn++)
		mm_assert((frame_state(pfn) & 7) == FRAME_KIND_HOLE, "frame %#zx is the allocator's already", pfn);
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
