/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the boot code has read of Open Firmware's device tree (IEEE 1275), while that could be called. Numbers in
 * properties are big-endian, of as many cells of 32 bits as the parent's #address-cells and #size-cells say.
 */

#ifndef OPENFIRMWARE_H
#define OPENFIRMWARE_H

#include <kernel/boot.h>
#include <mm/types.h>

#define OPENFIRMWARE_MEMORY_MOST 512
#define OPENFIRMWARE_ARGUMENTS_MOST 512

/* As the machine's entry code leaves it: a length is what the property has, which may be more, or -1. */
struct openfirmware {
	int32_t memory_bytes; /* "reg" of /memory: addresses and sizes of RAM */
	uint8_t memory[OPENFIRMWARE_MEMORY_MOST];
	uint8_t address_cells[4], size_cells[4]; /* of the root; zeros if it has none */
	int32_t arguments_bytes;                 /* "bootargs" of /chosen, with its 0 */
	char arguments[OPENFIRMWARE_ARGUMENTS_MOST];
	uint8_t timebase[4]; /* "timebase-frequency" of the first CPU; zeros if it has none */
};

extern struct openfirmware openfirmware;

/** A number of 32 bits of a property. */
static inline uint32_t openfirmware_number(const uint8_t cell[4])
{
	return (uint32_t) cell[0] << 24 | (uint32_t) cell[1] << 16 | (uint32_t) cell[2] << 8 | cell[3];
}

/**
 * Adds RAM to a memory map, and takes the arguments. Believes nothing: what cannot be is logged and left out.
 *
 * @param map  has what is not free already
 * @return NULL, or why the kernel cannot start, as a clause
 */
MUST_USE const char *openfirmware_read(const struct openfirmware *from, struct memmap *map);

/** The command line: a text, "" if there is none. */
const char *openfirmware_command_line(const struct openfirmware *from);

#endif
