/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From what a Multiboot loader tells to the kernel's memory map.
 *
 * The map is made of, in this order:
 *
 *   1. what the loader cannot know or does not tell: the image and the modules
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
 * map has RAM and nothing else is told to be (place_find).
 *
 * Texts are copied and the rest is used up here, so nothing of the loader's
 * structures is needed afterwards: they lie in free memory, and that is well.
 *
 * Nothing that the loader tells is believed: a structure is read only if it
 * lies in what the boot code has mapped. What cannot be used is told.
 *
 * Context: once, at boot, on the first CPU, interrupts off. COST. Linear in the
 * entries of the loader's map; quadratic if a place must be found.
 */

#include <arch/mm.h>
#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/panic.h>
#include <kernel/print.h>
#include <x86/boot.h>

#include "multiboot.h"

#define NOWHERE UINT64_MAX

/* Ranges that the array in the image holds, and those kept free in any array for the core to carve its books. */
#define RANGES_IN_IMAGE 64
#define RANGES_TO_SPARE 16

#define TEXT_SIZE 512

static struct memmap_range ranges_in_image[RANGES_IN_IMAGE];
static struct memmap map;
static char command_line[TEXT_SIZE], loader[64];
static const struct boot_info boot_info = { .map = &map, .command_line = command_line, .loader = loader };

/* What the loader tells, each part held to what can be read; a part that is not there has the length 0. */
struct loader_info {
	const struct multiboot_info *info;
	const struct multiboot_module *modules;
	size_t module_count;
	const uint8_t *map;
	size_t map_bytes;
};

static void __attribute__((noreturn)) refuse(const char *why)
{
	kprintf("Cannot start: %s.\n", why);
	arch_halt(HALT_BOOT);
}

/* ---- reading ---- */

/* Where bytes at a physical address can be read; NULL if that is not mapped. */
static const void *readable(const char *what, uint64_t pa, uint64_t bytes)
{
	if (pa != 0 && pa < BOOT_MAPPED && bytes <= BOOT_MAPPED - pa)
		return (const void *) PA2KA(pa);
	kprintf("boot: the loader's %s (0x%llx bytes at 0x%llx) lies out of reach: not used\n", what,
		(unsigned long long) bytes, (unsigned long long) pa);
	return NULL;
}

/* Copies a text; one that is too long is cut off, and that is told. */
static void text_copy(const char *what, uint32_t pa, char *copy, size_t size)
{
	const char *text = readable(what, pa, size);

	if (text != NULL && strlcpy(copy, text, size) >= size)
		kprintf("boot: the %s is cut off after %zu characters\n", what, size - 1);
}

/* Two ranges made of the sizes of lower and upper memory. */
static void ranges_from_sizes(const struct multiboot_info *info, struct loader_info *told)
{
	static struct multiboot_range made[2];

	for (size_t i = 0; i < ARRAY_COUNT(made); i++) {
		made[i].size = sizeof(made[i]) - sizeof(made[i].size);
		made[i].base = i == 0 ? 0 : MiB(1);
		made[i].bytes = (uint64_t) (i == 0 ? info->memory_lower : info->memory_upper) << 10;
		made[i].type = MULTIBOOT_RAM;
	}
	told->map = (const uint8_t *) made;
	told->map_bytes = sizeof(made);
}

static struct loader_info loader_read(const struct multiboot_info *info)
{
	struct loader_info told = { .info = info };

	if ((info->flags & MULTIBOOT_COMMAND_LINE) != 0)
		text_copy("command line", info->command_line, command_line, sizeof(command_line));
	if ((info->flags & MULTIBOOT_LOADER) != 0)
		text_copy("name of the loader", info->loader, loader, sizeof(loader));
	if ((info->flags & MULTIBOOT_MODULES) != 0 && info->module_count != 0)
		told.modules =
			readable("list of modules", info->modules, (uint64_t) info->module_count * sizeof(struct multiboot_module));
	if (told.modules != NULL)
		told.module_count = info->module_count;
	if ((info->flags & MULTIBOOT_MAP) != 0 && info->map_length != 0)
		told.map = readable("memory map", info->map, info->map_length);
	if (told.map != NULL)
		told.map_bytes = info->map_length;
	else if ((info->flags & MULTIBOOT_MEMORY) != 0)
		ranges_from_sizes(info, &told);
	return told;
}

/* Bytes of a module; one that ends before it begins has none, and is refused as empty. */
static uint64_t module_bytes(const struct multiboot_module *module)
{
	return module->end >= module->start ? module->end - module->start : 0;
}

/* The entry at *position of the loader's map, or NULL at its end; *position goes on to the next. */
static const struct multiboot_range *range_next(const struct loader_info *told, size_t *position)
{
	const struct multiboot_range *range = (const struct multiboot_range *) (told->map + *position);
	size_t left = told->map_bytes - *position;

	if (left < sizeof(*range) || range->size < sizeof(*range) - sizeof(range->size) ||
		range->size > left - sizeof(range->size))
		return NULL;
	*position += sizeof(range->size) + range->size;
	return range;
}

static size_t range_count(const struct loader_info *told)
{
	size_t count = 0, position = 0;

	while (range_next(told, &position) != NULL)
		count++;
	if (position != told->map_bytes)
		kprintf(
			"boot: the last %zu bytes of the loader's memory map are no entry: not used\n", told->map_bytes - position);
	return count;
}

/* ---- room for the map ---- */

static bool overlap(uint64_t place, uint64_t bytes, uint64_t base, uint64_t size)
{
	return size != 0 && base < place + bytes && base + (size - 1) >= place;
}

/* Whether a place for the array overlaps something. *first receives where that begins. */
static bool place_taken(const struct loader_info *told, uint64_t place, uint64_t bytes, uint64_t *first)
{
	const struct {
		uint64_t base, size;
	} fixed[] = {
		{ 0, PAGE_SIZE },
		{ 0xa0000, 0x60000 },
		{ IMAGE2PA(image_start), (uint64_t) (image_end - image_start) },
		{ KA2PA(told->info), sizeof(*told->info) },
		{ KA2PA(told->map), told->map_bytes },
		{ KA2PA(told->modules), told->module_count * sizeof(*told->modules) },
	};

	for (size_t i = 0; i < ARRAY_COUNT(fixed); i++) {
		*first = fixed[i].base;
		if (overlap(place, bytes, fixed[i].base, fixed[i].size))
			return true;
	}
	for (size_t i = 0; i < told->module_count; i++) {
		*first = told->modules[i].start;
		if (overlap(place, bytes, *first, module_bytes(&told->modules[i])))
			return true;
	}

	const struct multiboot_range *range;
	size_t position = 0;

	while ((range = range_next(told, &position)) != NULL) {
		*first = range->base;
		if (range->type != MULTIBOOT_RAM && overlap(place, bytes, range->base, range->bytes))
			return true;
	}
	return false;
}

/* The highest place in one range of RAM of which nothing else is told, or NOWHERE. */
static uint64_t place_in(const struct loader_info *told, const struct multiboot_range *range, uint64_t bytes)
{
	if (range->bytes == 0 || range->base >= BOOT_MAPPED)
		return NOWHERE;

	uint64_t end = range->bytes < BOOT_MAPPED - range->base ? range->base + range->bytes : BOOT_MAPPED;

	for (;;) {
		uint64_t place = ALIGN_DOWN(end - bytes, (uint64_t) PAGE_SIZE);

		if (end < bytes || place < range->base)
			return NOWHERE;
		if (!place_taken(told, place, bytes, &end))
			return place;
	}
}

static uint64_t place_find(const struct loader_info *told, uint64_t bytes)
{
	const struct multiboot_range *range;
	size_t position = 0;
	uint64_t place = NOWHERE;

	while (place == NOWHERE && (range = range_next(told, &position)) != NULL)
		if (range->type == MULTIBOOT_RAM)
			place = place_in(told, range, bytes);
	return place;
}

/* ---- the map ---- */

static void add(uint64_t base, uint64_t bytes, enum memmap_type type)
{
	if (memmap_add(&map, base, bytes, type) != EOK)
		kprintf("boot: so this range is not used\n");
}

/* An empty map with room for all that will be added. */
static void map_make(const struct loader_info *told)
{
	size_t needed = 2 * (range_count(told) + told->module_count + 4) + RANGES_TO_SPARE;
	uint64_t bytes = ALIGN_UP(needed * sizeof(struct memmap_range), PAGE_SIZE), place;

	memmap_init(&map, ranges_in_image, RANGES_IN_IMAGE);
	if (needed <= RANGES_IN_IMAGE)
		return;
	place = place_find(told, bytes);
	if (place == NOWHERE) {
		kprintf("boot: no room for a memory map of %zu ranges: some may be lost\n", needed);
		return;
	}
	memmap_init(&map, (struct memmap_range *) PA2KA(place), (size_t) bytes / sizeof(struct memmap_range));
	add(place, bytes, MEMMAP_IMAGE);
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

static void map_fill(const struct loader_info *told)
{
	const struct multiboot_range *range;
	size_t position = 0;

	add(IMAGE2PA(image_start), (uint64_t) (image_end - image_start), MEMMAP_IMAGE);
	add(0, PAGE_SIZE, MEMMAP_RESERVED);
	add(0xa0000, 0x60000, MEMMAP_DEVICE);
	for (size_t i = 0; i < told->module_count; i++)
		add(told->modules[i].start, module_bytes(&told->modules[i]), MEMMAP_IMAGE);
	while ((range = range_next(told, &position)) != NULL)
		add(range->base, range->bytes, type_of(range->type));
}

const struct boot_info *boot_collect(uint32_t magic, uint32_t info)
{
	if (magic != MULTIBOOT_MAGIC)
		refuse("this image wants a Multiboot loader, and was entered by something else");

	const struct multiboot_info *multiboot = readable("information", info, sizeof(*multiboot));

	if (multiboot == NULL)
		refuse("nothing is known of this machine's memory");

	struct loader_info told = loader_read(multiboot);

	if (told.map == NULL)
		refuse("the loader tells nothing of this machine's memory");
	map_make(&told);
	map_fill(&told);
	return &boot_info;
}
