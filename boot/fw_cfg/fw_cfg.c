/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From what the emulator says of the machine to the kernel's memory map:
 *
 *   image   the kernel
 *   free    RAM, from 0 on: what the firmware uses of it is free, since nothing of it is needed once it has been left
 *
 * Nothing is believed: a device that is not there has another signature; RAM is never more than the machine can have; a
 * text has an end. So the host can test this with a device made hostile (test/fw_cfg_test.c).
 */

#include <kernel/boot_reader.h>
#include <mm/memmap.h>
#include <mm/port.h>

#include "fw_cfg.h"

#define TEXT_SIZE 512
#define RANGES 64

static struct memmap_range ranges[RANGES];
static struct memmap map;
static char command_line[TEXT_SIZE];
static const struct boot_info boot_info = { .map = &map, .command_line = command_line, .loader = "OpenBIOS" };

/* An item that is a number, little-endian. */
static uint64_t number_read(const struct fw_cfg_source *source, unsigned item, size_t bytes)
{
	uint8_t read[8];
	uint64_t number = 0;

	source->read(source, item, read, bytes);
	while (bytes-- != 0)
		number = number << 8 | read[bytes];
	return number;
}

static bool is_there(const struct fw_cfg_source *source)
{
	static const char signature[4] = { 'Q', 'E', 'M', 'U' };
	char read[4] = { 0 };

	source->read(source, FW_CFG_SIGNATURE, read, sizeof(read));
	return read[0] == signature[0] && read[1] == signature[1] && read[2] == signature[2] && read[3] == signature[3];
}

static void command_line_read(const struct fw_cfg_source *source)
{
	uint64_t bytes = number_read(source, FW_CFG_CMDLINE_SIZE, 4);

	if (bytes > sizeof(command_line) - 1) {
		port_log(
			"boot: of a command line of %llu bytes %zu are used", (unsigned long long) bytes, sizeof(command_line) - 1);
		bytes = sizeof(command_line) - 1;
	}
	source->read(source, FW_CFG_CMDLINE_DATA, command_line, (size_t) bytes);
	command_line[bytes] = 0;
}

const char *fw_cfg_read(const struct fw_cfg_source *source, const struct boot_info **result)
{
	uint64_t bytes;

	command_line[0] = 0;
	*result = &boot_info;
	if (!is_there(source))
		return "there is no fw_cfg device, which alone knows how much memory there is";
	bytes = number_read(source, FW_CFG_RAM_SIZE, 8);
	if (bytes > source->most) {
		port_log("boot: 0x%llx bytes of RAM: 0x%llx of them are used", (unsigned long long) bytes,
			(unsigned long long) source->most);
		bytes = source->most;
	}
	memmap_init(&map, ranges, RANGES);
	boot_map_add(&map, source->image, source->image_bytes, MEMMAP_IMAGE);
	if (bytes != 0)
		boot_map_add(&map, 0, bytes, MEMMAP_FREE);
	command_line_read(source);
	return memmap_total(&map, MEMMAP_FREE) != 0 ? NULL : "the emulator reports no memory";
}
