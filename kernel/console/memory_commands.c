/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Commands about physical memory: physmem, zones, zone, frames.
 *
 * They read the books without their locks, number by number, so a table may be
 * a moment out of date while other threads allocate; nothing is changed and
 * nothing allocated.
 */

#include "groups.h"

#include <kernel/boot.h>
#include <kernel/print.h>
#include <mm/frame.h>

/* ---- physmem ---- */

static bool run_physmem(const struct command_call *call)
{
	const struct memmap *map = boot_get_info()->map;

	(void) call;
	kprintf("%-14s  %-14s  %10s  %s\n", "FIRST BYTE", "LAST BYTE", "SIZE", "TYPE");
	for (size_t i = 0; i < map->count; i++) {
		const struct memmap_range *range = &map->ranges[i];

		kprintf("0x%012llx  0x%012llx  %10s  %s\n", (unsigned long long) range->first, (unsigned long long) range->last,
			SIZE(range->last - range->first + 1), memmap_type_name(range->type));
	}
	kprintf("\nTYPE            TOTAL             BYTES\n");
	for (unsigned type = 0; type < MEMMAP_TYPES; type++)
		kprintf("%-8s  %11s  %16llu\n", memmap_type_name(type), SIZE(memmap_total(map, type)),
			(unsigned long long) memmap_total(map, type));
	if (map->refused != 0)
		kprintf("%zu ranges were refused; the log of the boot says which\n", map->refused);
	return true;
}

/* ---- zones ---- */

static phys_t address_of(pfn_t pfn)
{
	return (phys_t) pfn << PAGE_WIDTH;
}

/* Bytes of a block of this order, -1 for none, in a place that is good to the end of the caller's block. */
#define BLOCK_SIZE(order) ((order) < 0 ? "-" : SIZE((uint64_t) PAGE_SIZE << (order)))

static void print_zone_row(size_t number, const struct zone_info *zone)
{
	kprintf("%4zu %-4s  " ADDRESS " " ADDRESS " %8zu %8zu %10s %10s\n", number, zone_kind_name(zone->kind),
		PHYSICAL_OF(address_of(zone->first)), PHYSICAL_OF(address_of(zone->first + zone->frames) - 1), zone->managed,
		zone->free, SIZE((uint64_t) zone->free * PAGE_SIZE), BLOCK_SIZE(zone->largest));
}

static void print_frame_totals(void)
{
	struct frame_info info;

	frame_get_info(&info);
	kprintf("\n%10zu frames of %s in all: %s\n", info.total, SIZE(PAGE_SIZE), SIZE((uint64_t) info.total * PAGE_SIZE));
	kprintf("%10zu free in the zones, %zu of them promised\n", info.free, info.promised);
	kprintf("%10zu free in the caches of the CPUs, %zu of them without a permanent address\n", info.cached,
		info.cached_high);
	kprintf("%10zu bytes of books (%s)\n", info.books, SIZE(info.books));
	kprintf("%10zu threads asleep for want of memory\n", info.sleepers);
}

static bool run_zones(const struct command_call *call)
{
	struct zone_info zone;

	(void) call;
	kprintf("ZONE KIND  %-*s %-*s   FRAMES     FREE   IN BYTES   IN A ROW\n", PHYSICAL_WIDTH, "FIRST BYTE",
		PHYSICAL_WIDTH, "LAST BYTE");
	for (size_t i = 0; zone_get(i, &zone); i++)
		print_zone_row(i, &zone);
	print_frame_totals();
	return true;
}

/* ---- zone N ---- */

/* The zone that the first argument names. @return false if there is none: told */
static bool zone_of_call(const struct command_call *call, struct zone_info *zone)
{
	if (zone_get((size_t) call->values[0], zone) && call->values[0] < zone_count())
		return true;
	return command_refuse(
		call->command, "N may be 0 to %zu, the zones there are, not %s", zone_count() - 1, call->words[0]);
}

static void print_census(const struct zone_info *zone)
{
	size_t counts[8 * sizeof(size_t)] = { 0 };

	buddy_census(zone->buddy, counts, ARRAY_COUNT(counts));
	kprintf("\nORDER  BLOCK SIZE  FREE BLOCKS      FRAMES\n");
	for (size_t order = 0; order < ARRAY_COUNT(counts); order++)
		if (counts[order] != 0)
			kprintf(
				"%5zu  %10s  %11zu  %10zu\n", order, BLOCK_SIZE((int) order), counts[order], counts[order] << order);
}

static bool run_zone(const struct command_call *call)
{
	static const char *const kinds[ZONE_KINDS] = {
		[ZONE_DMA] = "every device reaches it, and it has permanent addresses",
		[ZONE_LOW] = "it has permanent addresses",
		[ZONE_HIGH] = "it has no permanent addresses",
	};
	struct zone_info zone;

	if (!zone_of_call(call, &zone))
		return false;
	kprintf("zone %s, %s: %s\n", call->words[0], zone_kind_name(zone.kind), kinds[zone.kind]);
	kprintf("  from     " ADDRESS " to " ADDRESS ", %zu frames, holes included\n", PHYSICAL_OF(address_of(zone.first)),
		PHYSICAL_OF(address_of(zone.first + zone.frames) - 1), zone.frames);
	kprintf("  managed  %zu frames, %s\n", zone.managed, SIZE((uint64_t) zone.managed * PAGE_SIZE));
	kprintf("  free     %zu frames, %s\n", zone.free, SIZE((uint64_t) zone.free * PAGE_SIZE));
	kprintf("  free in a row: %s\n", BLOCK_SIZE(zone.largest));
	print_census(&zone);
	return true;
}

/* ---- frames: a picture ---- */

#define PICTURE_COLUMNS 64
#define PICTURE_ROWS 16
#define KINDS (FRAME_KIND_HOLE + 1)

struct census {
	size_t counts[KINDS];
};

static struct census census_of(pfn_t first, size_t count)
{
	struct census census = { { 0 } };

	for (size_t i = 0; i < count; i++)
		census.counts[frame_kind(first + i)]++;
	return census;
}

static char census_mark(const struct census *census, size_t count)
{
	size_t holes = census->counts[FRAME_KIND_HOLE];
	size_t free = census->counts[FRAME_KIND_FREE] + census->counts[FRAME_KIND_CACHED];

	if (holes == count)
		return ' ';
	if (free == 0)
		return '#';
	return free + holes == count ? '.' : '+';
}

static size_t frames_of_mark(size_t frames)
{
	size_t each = 1;

	while (each * PICTURE_COLUMNS * PICTURE_ROWS < frames)
		each *= 2;
	return each;
}

/* The mark of the frames from first on that are of the zone; what they are is added to total. */
static char mark_of(const struct zone_info *zone, pfn_t first, size_t each, struct census *total)
{
	pfn_t end = zone->first + zone->frames;
	pfn_t from = first < zone->first ? zone->first : first, to = first + each < end ? first + each : end;
	struct census census;

	if (from >= to)
		return ' ';
	census = census_of(from, to - from);
	for (size_t kind = 0; kind < KINDS; kind++)
		total->counts[kind] += census.counts[kind];
	return census_mark(&census, to - from);
}

static void draw_row(const struct zone_info *zone, pfn_t first, size_t each, struct census *total)
{
	char row[PICTURE_COLUMNS + 1];

	for (size_t i = 0; i < PICTURE_COLUMNS; i++)
		row[i] = mark_of(zone, first + i * each, each, total);
	row[PICTURE_COLUMNS] = 0;
	kprintf(ADDRESS " |%s|\n", PHYSICAL_OF(address_of(first)), row);
}

static void print_kinds(const struct census *total)
{
	static const char *const kinds[KINDS] = {
		[FRAME_KIND_PLAIN] = "in use, nothing more to tell",
		[FRAME_KIND_FREE] = "free",
		[FRAME_KIND_CACHED] = "free, in the cache of a CPU",
		[FRAME_KIND_SHARED] = "in use, with more than one holder",
		[FRAME_KIND_SLAB] = "in slabs",
		[FRAME_KIND_BLOCK] = "first of a block of malloc's",
		[FRAME_KIND_TABLE] = "page tables",
		[FRAME_KIND_HOLE] = "holes: no RAM, or not the allocator's",
	};

	for (size_t kind = 0; kind < KINDS; kind++)
		if (total->counts[kind] != 0)
			kprintf("%10zu %s\n", total->counts[kind], kinds[kind]);
}

static void draw_zone(size_t number, const struct zone_info *zone)
{
	size_t each = frames_of_mark(zone->frames), row = each * PICTURE_COLUMNS;
	struct census total = { { 0 } };

	kprintf("zone %zu, %s: a mark is %s (%zu %s)\n", number, zone_kind_name(zone->kind),
		SIZE((uint64_t) each * PAGE_SIZE), each, each == 1 ? "frame" : "frames");
	for (pfn_t first = ALIGN_DOWN(zone->first, row); first < zone->first + zone->frames; first += row)
		draw_row(zone, first, each, &total);
	print_kinds(&total);
}

static bool run_frames(const struct command_call *call)
{
	struct zone_info zone;

	if (call->count > 0 && !zone_of_call(call, &zone))
		return false;
	if (call->count > 0)
		draw_zone((size_t) call->values[0], &zone);
	else
		for (size_t i = 0; zone_get(i, &zone); i++)
			draw_zone(i, &zone);
	kprintf("marks: . free   + partly free   # in use   blank: a hole\n");
	return true;
}

static const struct command commands[] = {
	{
		.name = "physmem",
		.summary = "the memory map: what physical addresses are",
		.run = run_physmem,
	},
	{
		.name = "zones",
		.summary = "the zones of frames, and all frames together",
		.detail = "FRAMES: those that are the allocator's. FREE: those of them that are free, then\n"
				  "what that is in bytes. IN A ROW: the largest block that is free. Frames in the\n"
				  "caches of the CPUs are free, but in no zone.\n",
		.run = run_zones,
	},
	{
		.name = "zone",
		.summary = "one zone: its bounds, its free blocks by size",
		.run = run_zone,
		.arguments = { { .kind = ARGUMENT_NUMBER, .name = "N" } },
	},
	{
		.name = "frames",
		.summary = "a picture of a zone, or of all: what is free",
		.run = run_frames,
		.arguments = { { .kind = ARGUMENT_NUMBER, .name = "N", .optional = true } },
	},
};

const struct command_group memory_commands = { "Physical memory", commands, ARRAY_COUNT(commands) };
