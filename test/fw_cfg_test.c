/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What QEMU's fw_cfg device says of a machine (boot/fw_cfg): first as it should be, then a device that is not there,
 * sizes that no machine has, and texts without an end.
 */

#include <string.h>

#include <arch/host.h>
#include <mm/memmap.h>
#include <test.h>

#include "../boot/fw_cfg/fw_cfg.h"

#define IMAGE 0x410000u
#define IMAGE_SIZE 0x200000u
#define MOST ((uint64_t) 1 << 40)
#define TEXT_MOST 511

/* A device: its items, and how many bytes were read. */
static struct {
	const char *signature;
	uint64_t ram, text_size;
	const char *text;
	uint8_t filler; /* behind a text's end */
	size_t reads;
} device;

static void number_put(uint64_t number, void *to, size_t bytes)
{
	uint8_t *at = to;

	for (size_t i = 0; i < bytes; i++)
		at[i] = (uint8_t) (number >> 8 * i);
}

static void device_read(const struct fw_cfg_source *source, unsigned item, void *to, size_t bytes)
{
	(void) source;
	memset(to, device.filler, bytes);
	device.reads += bytes;
	switch (item) {
	case FW_CFG_SIGNATURE:
		memcpy(to, device.signature, bytes < 4 ? bytes : 4);
		break;
	case FW_CFG_RAM_SIZE:
		number_put(device.ram, to, bytes);
		break;
	case FW_CFG_CMDLINE_SIZE:
		number_put(device.text_size, to, bytes);
		break;
	case FW_CFG_CMDLINE_DATA:
		memcpy(to, device.text, bytes < strlen(device.text) ? bytes : strlen(device.text));
		break;
	default:
		break;
	}
}

static const char *collect(const struct boot_info **result)
{
	const struct fw_cfg_source source = {
		.read = device_read, .image = IMAGE, .image_bytes = IMAGE_SIZE, .most = MOST
	};

	device.reads = 0;
	host_log_forget();
	return fw_cfg_read(&source, result);
}

static enum memmap_type type_at(const struct boot_info *info, uint64_t pa)
{
	const struct memmap_range *range = memmap_find(info->map, pa);

	return range != NULL ? range->type : MEMMAP_TYPES;
}

#define ALONE .host_only = "as the model", .plain_only = "nothing is allocated"

TEST(fw_cfg_plain, "what the device says becomes the memory map, and the command line is copied", ALONE)
{
	const struct boot_info *result = NULL;

	device = (typeof(device)){ .signature = "QEMU", .ram = MiB(128), .text = "quiet", .text_size = 6 };
	CHECK(collect(&result) == NULL);
	CHECK_STR(result->command_line, "quiet");
	CHECK_EQ(type_at(result, 0), MEMMAP_FREE);
	CHECK_EQ(type_at(result, IMAGE - 1), MEMMAP_FREE);
	CHECK_EQ(type_at(result, IMAGE), MEMMAP_IMAGE);
	CHECK_EQ(type_at(result, IMAGE + IMAGE_SIZE - 1), MEMMAP_IMAGE);
	CHECK_EQ(type_at(result, IMAGE + IMAGE_SIZE), MEMMAP_FREE);
	CHECK_EQ(type_at(result, MiB(128) - 1), MEMMAP_FREE);
	CHECK_EQ(type_at(result, MiB(128)), MEMMAP_TYPES);
}

TEST(fw_cfg_sizes, "sizes of RAM are never more than the machine can have, and none is no machine to start on", ALONE)
{
	static const struct {
		uint64_t ram, size; /* size 0: it cannot start */
	} cases[] = {
		{ MiB(16), MiB(16) },
		{ MiB(2048), MiB(2048) },
		{ (uint64_t) MiB(4096) + 1, (uint64_t) MiB(4096) + 1 },
		{ MOST, MOST },
		{ MOST + 1, MOST },
		{ UINT64_MAX, MOST },
		{ (uint64_t) MiB(16) << 30, MOST },
		{ 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		const struct boot_info *result = NULL;
		const char *why;

		device = (typeof(device)){ .signature = "QEMU", .ram = cases[i].ram, .text = "" };
		why = collect(&result);
		CHECK_EQ(why == NULL, cases[i].size != 0);
		if (why == NULL && !CHECK_EQ(memmap_total(result->map, MEMMAP_FREE), cases[i].size - IMAGE_SIZE))
			test_note("case %zu", i);
		if (why == NULL)
			CHECK_NULL(memmap_check(result->map));
	}
}

TEST(fw_cfg_hostile, "no device, and texts without an end or of any length, do no harm", ALONE)
{
	static const uint64_t sizes[] = { 0, 1, TEXT_MOST - 1, TEXT_MOST, TEXT_MOST + 1, UINT32_MAX, UINT64_MAX };
	const struct boot_info *result = NULL;

	device = (typeof(device)){ .signature = "\xff\xff\xff\xff", .ram = MiB(128), .text = "" };
	CHECK(collect(&result) != NULL);
	device.signature = "QEM";
	CHECK(collect(&result) != NULL);
	for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
		device =
			(typeof(device)){ .signature = "QEMU", .ram = MiB(128), .text = "", .text_size = sizes[i], .filler = 'x' };
		CHECK(collect(&result) == NULL);
		CHECK_EQ(strlen(result->command_line), sizes[i] < TEXT_MOST ? sizes[i] : TEXT_MOST);
		CHECK(device.reads < 1024);
	}
}
