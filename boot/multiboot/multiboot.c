/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From what a Multiboot loader reports to the kernel's memory map.
 *
 * The map is made of, in this order:
 *
 *   1. what the loader cannot know or does not report: the image and the modules
 *      (image), page 0 (reserved), the hole of a PC from 640 KiB to 1 MiB (device)
 *   2. the ranges of the loader's map; if it has none, two made of the sizes
 *      of lower and upper memory, so that one way of reading serves both
 *
 * Overlaps are sorted out by the map itself (generic/memmap.c): what forbids
 * more wins, whatever the order.
 *
 * ROOM. The map is an array. The one in the image serves an ordinary PC. How
 * much can be needed is known beforehand, since adding a range makes at most
 * two more; if it is more than that, a larger array is put where the loader's
 * map has RAM and, by all that is reported, nothing else (place_find).
 *
 * Texts are copied and the rest is used up here, so nothing of the loader's
 * structures is needed afterwards: they lie in free memory, and that is well.
 *
 * Nothing that the loader says is believed. All of it is copied, piece by piece,
 * through a reader that refuses what the boot code has not mapped
 * (kernel/boot_reader.h); a list that is longer than any loader makes is not used as a
 * whole, and RAM that the CPU cannot address is none. What is not used is
 * logged. So the host can test this with structures made hostile
 * (test/boot_info_test.c).
 *
 * Context: once, at boot, on the first CPU, interrupts off. COST. Linear in the
 * entries of the loader's map, of which there are RANGES_MAX at most; quadratic if
 * a place must be found, with TRIES_MAX looks.
 */

#include <mm/page.h>
#include <mm/port.h>

#include "multiboot.h"

#define NOWHERE UINT64_MAX

/* What a loader can be believed to say. */
#define MODULES_MAX 1024
#define RANGES_MAX 1024
#define RANGES_SIZE_MAX (RANGES_MAX * 64)

/* Places for the array that are looked at. */
#define TRIES_MAX 4096

/* Ranges that the array in the image holds, and those kept free in any array for the core to carve its metadata. */
#define RANGES_IN_IMAGE 64
#define RANGES_TO_SPARE 16

#define TEXT_SIZE 512

static struct memmap_range ranges_in_image[RANGES_IN_IMAGE];
static struct memmap map;
static char command_line[TEXT_SIZE], loader[64];
static const struct boot_info boot_info = { .map = &map, .command_line = command_line, .loader = loader };

/* What the loader says, each part held to what can be read; a part that is not there has the length 0. */
struct loader_info {
	const struct multiboot_place *place;
	struct multiboot_info info;
	struct multiboot_range made[2]; /* a map made of the sizes of lower and upper memory, if the loader has none */
	size_t module_count;
	size_t map_bytes; /* 0: the map is the one made */
};

/* ---- reading ---- */

static bool copy(const struct loader_info *reported, uint64_t pa, void *to, size_t bytes)
{
	return pa != 0 && reported->place->reader->read(reported->place->reader, pa, to, bytes);
}

/* Whether a list can be read, up to its last byte, and is no longer than one that can be believed. */
static bool is_usable(const struct loader_info *reported, const char *what, uint64_t pa, uint64_t bytes, uint64_t most)
{
	char byte;

	if (bytes <= most && copy(reported, pa, &byte, 1) && copy(reported, pa + bytes - 1, &byte, 1))
		return true;
	port_log("boot: the loader's %s (0x%llx bytes at 0x%llx) is %s: not used", what, (unsigned long long) bytes,
		(unsigned long long) pa, bytes > most ? "too long" : "out of reach");
	return false;
}

static void text_read(const struct loader_info *reported, const char *what, uint32_t pa, char *to, size_t size)
{
	boot_text_read(reported->place->reader, what, pa, pa != 0 ? UINT64_MAX : 0, to, size);
}

/* Two ranges made of the sizes of lower and upper memory. */
static void ranges_make(struct loader_info *reported)
{
	for (size_t i = 0; i < ARRAY_COUNT(reported->made); i++)
		reported->made[i] = (struct multiboot_range){ .base = i == 0 ? 0 : MiB(1),
			.bytes = (uint64_t) (i == 0 ? reported->info.memory_lower : reported->info.memory_upper) << 10,
			.type = MULTIBOOT_RAM };
}

/* @return whether anything is known of memory */
static bool loader_read(struct loader_info *reported)
{
	const struct multiboot_info *info = &reported->info;

	if ((info->flags & MULTIBOOT_COMMAND_LINE) != 0)
		text_read(reported, "command line", info->command_line, command_line, sizeof(command_line));
	if ((info->flags & MULTIBOOT_LOADER) != 0)
		text_read(reported, "name of the loader", info->loader, loader, sizeof(loader));
	if ((info->flags & MULTIBOOT_MODULES) != 0 && info->module_count != 0 &&
		is_usable(reported, "list of modules", info->modules,
			(uint64_t) info->module_count * sizeof(struct multiboot_module),
			MODULES_MAX * sizeof(struct multiboot_module)))
		reported->module_count = info->module_count;
	if ((info->flags & MULTIBOOT_MAP) != 0 && info->map_length != 0 &&
		is_usable(reported, "memory map", info->map, info->map_length, RANGES_SIZE_MAX))
		reported->map_bytes = info->map_length;
	else if ((info->flags & MULTIBOOT_MEMORY) != 0)
		ranges_make(reported);
	else
		return false;
	return true;
}

/* A module of the list. Bytes of one that ends before it begins, or cannot be read: 0, which is left out as empty. */
static uint64_t module_read(const struct loader_info *reported, size_t number, uint64_t *start)
{
	struct multiboot_module module = { 0 };

	if (!copy(reported, reported->info.modules + (uint64_t) number * sizeof(module), &module, sizeof(module)))
		module = (struct multiboot_module){ 0 };
	*start = module.start;
	return module.end >= module.start ? module.end - module.start : 0;
}

/* Copies the entry at *position of the memory map; *position goes on to the next. @return false at its end */
static bool range_next(const struct loader_info *reported, size_t *position, struct multiboot_range *range)
{
	size_t left = reported->map_bytes - *position;

	if (reported->map_bytes == 0) {
		if (*position == ARRAY_COUNT(reported->made))
			return false;
		*range = reported->made[(*position)++];
		return true;
	}
	if (left < sizeof(*range) || !copy(reported, (uint64_t) reported->info.map + *position, range, sizeof(*range)) ||
		range->size < sizeof(*range) - sizeof(range->size) || range->size > left - sizeof(range->size))
		return false;
	*position += sizeof(range->size) + range->size;
	return true;
}

static size_t range_count(const struct loader_info *reported)
{
	size_t count = 0, position = 0;
	struct multiboot_range range;

	while (range_next(reported, &position, &range))
		count++;
	if (reported->map_bytes != 0 && position != reported->map_bytes)
		port_log("boot: the last %zu bytes of the loader's memory map are no entry: not used",
			reported->map_bytes - position);
	return count;
}

/* ---- room for the map ---- */

static bool overlap(uint64_t place, uint64_t bytes, uint64_t base, uint64_t size)
{
	return size != 0 && base < place + bytes && (base + (size - 1) < base || base + (size - 1) >= place);
}

/* Whether a place for the array overlaps something. *first receives where that begins. */
static bool place_taken(const struct loader_info *reported, uint64_t place, uint64_t bytes, uint64_t *first)
{
	const struct {
		uint64_t base, size;
	} fixed[] = {
		{ 0, PAGE_SIZE },
		{ 0xa0000, 0x60000 },
		{ reported->place->image, reported->place->image_bytes },
		{ reported->info.map, reported->map_bytes },
		{ reported->info.modules, reported->module_count * sizeof(struct multiboot_module) },
	};

	for (size_t i = 0; i < ARRAY_COUNT(fixed); i++) {
		*first = fixed[i].base;
		if (overlap(place, bytes, fixed[i].base, fixed[i].size))
			return true;
	}
	for (size_t i = 0; i < reported->module_count; i++) {
		uint64_t size = module_read(reported, i, first);

		if (overlap(place, bytes, *first, size))
			return true;
	}

	struct multiboot_range range;
	size_t position = 0;

	while (range_next(reported, &position, &range)) {
		*first = range.base;
		if (range.type != MULTIBOOT_RAM && overlap(place, bytes, range.base, range.bytes))
			return true;
	}
	return false;
}

/* The highest place in one range of RAM of which nothing else is said, or NOWHERE. */
static uint64_t place_in(
	const struct loader_info *reported, const struct multiboot_range *range, uint64_t bytes, unsigned *tries)
{
	uint64_t limit = reported->place->reader->limit;

	if (range->bytes == 0 || range->base >= limit)
		return NOWHERE;

	uint64_t end = range->bytes < limit - range->base ? range->base + range->bytes : limit;

	while (++*tries <= TRIES_MAX) {
		uint64_t place = ALIGN_DOWN(end - bytes, (uint64_t) PAGE_SIZE);

		if (end < bytes || place < range->base)
			return NOWHERE;
		if (!place_taken(reported, place, bytes, &end))
			return place;
	}
	return NOWHERE;
}

static uint64_t place_find(const struct loader_info *reported, uint64_t bytes)
{
	struct multiboot_range range;
	size_t position = 0;
	uint64_t place = NOWHERE;
	unsigned tries = 0;

	while (place == NOWHERE && tries <= TRIES_MAX && range_next(reported, &position, &range))
		if (range.type == MULTIBOOT_RAM)
			place = place_in(reported, &range, bytes, &tries);
	return place;
}

/* ---- the map ---- */

/* An empty map that has the capacity for all that will be added. */
static void map_make(const struct loader_info *reported)
{
	const struct boot_reader *reader = reported->place->reader;
	size_t needed = 2 * (range_count(reported) + reported->module_count + 4) + RANGES_TO_SPARE;
	uint64_t bytes = ALIGN_UP(needed * sizeof(struct memmap_range), PAGE_SIZE), place;
	struct memmap_range *ranges = NULL;

	memmap_init(&map, ranges_in_image, RANGES_IN_IMAGE);
	if (needed <= RANGES_IN_IMAGE)
		return;
	place = place_find(reported, bytes);
	if (place != NOWHERE)
		ranges = reader->place(reader, place, (size_t) bytes);
	if (ranges == NULL) {
		port_log("boot: no memory for a memory map of %zu ranges: some may be lost", needed);
		return;
	}
	memmap_init(&map, ranges, (size_t) bytes / sizeof(struct memmap_range));
	boot_map_add(&map, place, bytes, MEMMAP_IMAGE);
}

static enum memmap_type type_of(uint32_t type)
{
	switch (type) {
	case MULTIBOOT_RAM:
		return MEMMAP_FREE;
	case MULTIBOOT_ACPI_TABLES:
	case MULTIBOOT_ACPI_NVS:
		return MEMMAP_FIRMWARE;
	default:
		return MEMMAP_RESERVED;
	}
}

static void map_fill(const struct loader_info *reported)
{
	struct multiboot_range range;
	size_t position = 0;
	uint64_t start;

	boot_map_add(&map, reported->place->image, reported->place->image_bytes, MEMMAP_IMAGE);
	boot_map_add(&map, 0, PAGE_SIZE, MEMMAP_RESERVED);
	boot_map_add(&map, 0xa0000, 0x60000, MEMMAP_DEVICE);
	for (size_t i = 0; i < reported->module_count; i++) {
		uint64_t bytes = module_read(reported, i, &start);

		boot_map_add(&map, start, bytes, MEMMAP_IMAGE);
	}
	while (range_next(reported, &position, &range))
		boot_map_add(&map, range.base, range.bytes, type_of(range.type));
}

const char *multiboot_read(
	const struct multiboot_place *place, uint32_t magic, uint32_t info, const struct boot_info **result)
{
	struct loader_info reported = { .place = place };

	command_line[0] = loader[0] = 0;
	if (magic != MULTIBOOT_MAGIC)
		return "this image wants a Multiboot loader, and was entered by something else";
	if (!copy(&reported, info, &reported.info, sizeof(reported.info)))
		return "the loader's information is out of reach: nothing is known of this machine's memory";
	if (!loader_read(&reported))
		return "the loader says nothing of this machine's memory";
	map_make(&reported);
	map_fill(&reported);
	*result = &boot_info;
	return NULL;
}
