/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From a device tree to the kernel's memory map (boot/fdt/fdt.h).
 *
 * Overlaps are sorted out by the map itself (generic/memmap.c): what forbids more wins,
 * whatever the order. What forbids is added first, so that a map that becomes full has
 * less RAM, and not less that is forbidden. The tree itself is in free memory: its texts
 * are copied, and the machine looks up what else it wants before there are frames.
 *
 * Context: once, at boot, on the first CPU, interrupts off. COST. Two walks of the tree,
 * and RANGES_MAX ranges at most.
 */

#include <kernel/boot_reader.h>
#include <kernel/lib.h>
#include <mm/port.h>

#include "fdt.h"

/* What a tree can be believed to say, in all, and what the map holds; the core keeps some for its own metadata. */
#define RANGES_MAX 1024
#define RANGES_IN_MAP 128

#define TEXT_SIZE 512

static struct memmap_range ranges[RANGES_IN_MAP];
static struct memmap map;
static char command_line[TEXT_SIZE];
static const struct boot_info boot_info = { .map = &map, .command_line = command_line, .loader = "" };

/* ---- the map ---- */

static size_t added; /* ranges, to compare with RANGES_MAX */

/* @return false if that is one too many */
static bool add(uint64_t base, uint64_t bytes, enum memmap_type type)
{
	if (added++ == RANGES_MAX)
		port_log("boot: the device tree has more than %u ranges of memory: the others are not used", RANGES_MAX);
	if (added > RANGES_MAX)
		return false;
	if (bytes != 0)
		boot_map_add(&map, base, bytes, type);
	return true;
}

static bool ram_add(uint64_t base, uint64_t bytes)
{
	return add(base, bytes, MEMMAP_FREE);
}

static bool is_available(const struct fdt_node *node)
{
	struct fdt_property property;

	return !fdt_find(node, "status", &property) || fdt_says(node, "status", "okay") || fdt_says(node, "status", "ok");
}

/* A node's ranges, all of one type. */
static void ranges_add(const struct fdt_node *node, bool (*range_add)(uint64_t base, uint64_t bytes))
{
	struct fdt_property reg;
	uint64_t base, bytes;

	if (!fdt_find(node, "reg", &reg))
		return;
	for (size_t i = 0; fdt_range(node, &reg, i, &base, &bytes); i++)
		if (!range_add(base, bytes))
			return;
}

static bool reserved_add(uint64_t base, uint64_t bytes)
{
	return add(base, bytes, MEMMAP_RESERVED);
}

static bool is_child_of(const struct fdt_node *node, const char *name)
{
	return node->depth == 2 && fdt_is_called(node->parent, name);
}

/* What was loaded with the kernel. */
static void loaded_add(const struct fdt_node *chosen)
{
	uint64_t start, end;

	if (fdt_number(chosen, "linux,initrd-start", &start) && fdt_number(chosen, "linux,initrd-end", &end) && end > start)
		(void) add(start, end - start, MEMMAP_IMAGE);
}

static void command_line_copy(const struct fdt_node *chosen)
{
	const struct boot_reader reader = {
		.read = boot_bytes_read, .limit = chosen->fdt->size, .bytes = (void *) (uintptr_t) chosen->fdt->blob
	};
	struct fdt_property property;

	if (fdt_find(chosen, "bootargs", &property))
		boot_text_read(&reader, "command line", (uint64_t) (property.value - chosen->fdt->blob), property.bytes,
			command_line, sizeof(command_line));
}

/* ---- the tree ---- */

static bool forbidden_visit(const struct fdt_node *node, void *unused)
{
	(void) unused;
	if (is_child_of(node, "reserved-memory") && is_available(node))
		ranges_add(node, reserved_add);
	if (node->depth == 1 && fdt_is_called(node, "chosen")) {
		loaded_add(node);
		command_line_copy(node);
	}
	return true;
}

static bool ram_visit(const struct fdt_node *node, void *found)
{
	struct fdt_property reg;
	uint64_t base, bytes;

	if (node->depth != 1 || !fdt_says(node, "device_type", "memory") || !is_available(node))
		return true;
	*(bool *) found = true;
	if (!fdt_find(node, "reg", &reg) || !fdt_range(node, &reg, 0, &base, &bytes))
		port_log("boot: the node %s of the device tree has no place: not used", node->name);
	ranges_add(node, ram_add);
	return true;
}

const char *fdt_boot_read(const struct fdt_place *place, struct fdt *fdt, const struct boot_info **result)
{
	const char *why = fdt_open(fdt, place->blob, place->readable);
	uint64_t base, bytes;
	bool found = false;

	if (why != NULL)
		return why;
	command_line[0] = 0;
	added = 0;
	memmap_init(&map, ranges, RANGES_IN_MAP);
	(void) add(place->image, place->image_bytes, MEMMAP_IMAGE);
	for (size_t i = 0; i < RANGES_MAX && fdt_reservation(fdt, i, &base, &bytes); i++)
		(void) add(base, bytes, MEMMAP_RESERVED);
	(void) fdt_each(fdt, forbidden_visit, NULL);
	if (!fdt_each(fdt, ram_visit, &found))
		port_log("boot: the device tree is broken: what is behind that place is not used");
	if (!found)
		return "it says nothing of this machine's memory";
	*result = &boot_info;
	return NULL;
}

/* ---- CPUs ---- */

struct cpu_list {
	uint64_t *numbers;
	size_t capacity, count;
};

static bool cpu_visit(const struct fdt_node *node, void *argument)
{
	struct cpu_list *list = argument;
	struct fdt_property reg;
	uint64_t number, bytes;

	if (!is_child_of(node, "cpus") || !fdt_says(node, "device_type", "cpu") || !is_available(node) ||
		!fdt_find(node, "reg", &reg) || !fdt_range(node, &reg, 0, &number, &bytes))
		return true;
	for (size_t i = 0; i < list->count && i < list->capacity; i++)
		if (list->numbers[i] == number)
			return true;
	if (list->count < list->capacity)
		list->numbers[list->count] = number;
	list->count++;
	return true;
}

size_t fdt_cpus(const struct fdt *fdt, uint64_t *numbers, size_t capacity)
{
	struct cpu_list list = { .numbers = numbers, .capacity = capacity };

	(void) fdt_each(fdt, cpu_visit, &list);
	return list.count;
}
