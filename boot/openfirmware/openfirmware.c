/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From the properties of Open Firmware's device tree to the memory map.
 *
 * RAM is what the property "reg" of /memory says: a list of addresses and sizes, each
 * of one cell or two, as the root's #address-cells and #size-cells have it (IEEE 1275,
 * 3.5, "reg"; 1 and 1 or 2 where there is no such property, or nonsense, is what a 32-bit
 * firmware has). What the firmware itself uses is free: nothing of it is needed once
 * its translation is off.
 *
 * Nothing is believed. A list that is longer than the room that the entry code had for
 * it is used as far as it was read; a last entry that is not whole is left out; so is one that
 * wraps, or has no bytes. Overlaps, and RAM beyond what the machine can address, are sorted out by the
 * map and the frame allocator (generic/memmap.c).
 *
 * Context: once, at boot, interrupts off.
 */

#include <kernel/boot_reader.h>
#include <mm/port.h>

#include "openfirmware.h"

#define CELL 4u

/* Cells of an address or a size: what the property says, if it can be. */
static size_t cells(const uint8_t property[4], const char *what)
{
	uint32_t number = openfirmware_number(property);

	if (number == 1 || number == 2)
		return number;
	if (number != 0)
		port_log("boot: an %s of %u cells is not possible: taken for 1", what, number);
	return 1;
}

static uint64_t number_at(const uint8_t *at, size_t count)
{
	uint64_t number = 0;

	for (size_t i = 0; i < count; i++)
		number = number << 32 | openfirmware_number(at + i * CELL);
	return number;
}

const char *openfirmware_read(const struct openfirmware *from, struct memmap *map)
{
	size_t address = cells(from->address_cells, "address"), size = cells(from->size_cells, "size");
	size_t entry = (address + size) * CELL, bytes = from->memory_bytes < 0 ? 0 : (size_t) from->memory_bytes;

	if (bytes > sizeof(from->memory)) {
		port_log("boot: of %zu bytes of the firmware's list of memory %zu are used", bytes, sizeof(from->memory));
		bytes = sizeof(from->memory);
	} else if (bytes % entry != 0) {
		port_log("boot: the last %zu bytes of the firmware's list of memory are no entry: not used", bytes % entry);
	}
	for (size_t at = 0; at + entry <= bytes; at += entry)
		boot_map_add(map, number_at(from->memory + at, address), number_at(from->memory + at + address * CELL, size),
			MEMMAP_FREE);
	return memmap_total(map, MEMMAP_FREE) != 0 ? NULL : "the firmware reports no memory";
}

const char *openfirmware_command_line(const struct openfirmware *from)
{
	static char text[OPENFIRMWARE_ARGUMENTS_MOST];
	const struct boot_reader reader = {
		.read = boot_bytes_read, .limit = sizeof(from->arguments), .bytes = (void *) (uintptr_t) from->arguments
	};

	boot_text_read(&reader, "command line", 0, from->arguments_bytes < 0 ? 0 : (uint64_t) from->arguments_bytes, text,
		sizeof(text));
	return text;
}
