/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What Open Firmware says (boot/openfirmware), as bytes: first as it should be, then made
 * hostile: lists that are cut off, longer than they were read, or of cells that
 * cannot be; ranges that overlap, wrap or are empty; texts without an end.
 *
 * The structure that is read ends where a page begins that cannot be read.
 */

#include <string.h>
#include <sys/mman.h>

#include <arch/host.h>
#include <mm/memmap.h>
#include <test.h>

#include "../boot/openfirmware/openfirmware.h"

#define HOSTILE 4000
#define RANGES 64
#define IMAGE 0x1000000u
#define IMAGE_SIZE 0x100000u

static struct memmap_range ranges[RANGES];
static struct memmap map;
static uint8_t *mapping;
static struct openfirmware *from;

#define MAPPED PAGE_SIZE

static void firmware_make(void)
{
	_Static_assert(sizeof(struct openfirmware) <= MAPPED, "one page");
	mapping = mmap(NULL, MAPPED + PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(mapping != MAP_FAILED && mprotect(mapping + MAPPED, PAGE_SIZE, PROT_NONE) == 0);
	from = (struct openfirmware *) (mapping + MAPPED - sizeof(struct openfirmware));
	host_log_forget();
}

static void firmware_end(void)
{
	munmap(mapping, MAPPED + PAGE_SIZE);
}

static void cell_write(uint8_t at[4], uint32_t cell)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t) (cell >> (24 - 8 * i));
}

static void cells_set(uint32_t address, uint32_t size)
{
	cell_write(from->address_cells, address);
	cell_write(from->size_cells, size);
}

static void list_set(const uint32_t cells[], size_t count)
{
	for (size_t i = 0; i < count; i++)
		cell_write(from->memory + 4 * i, cells[i]);
	from->memory_bytes = (int32_t) (4 * count);
}

#define LIST(...) list_set((const uint32_t[]){ __VA_ARGS__ }, ARRAY_COUNT(((const uint32_t[]){ __VA_ARGS__ })))

/* With the image in the map. @return whether it can start */
static bool firmware_read(void)
{
	memmap_init(&map, ranges, RANGES);
	CHECK_EQ(memmap_add(&map, IMAGE, IMAGE_SIZE, MEMMAP_IMAGE), EOK);
	return openfirmware_read(from, &map) == NULL;
}

static enum memmap_type type_at(uint64_t pa)
{
	const struct memmap_range *range = memmap_find(&map, pa);

	return range != NULL ? range->type : MEMMAP_TYPES;
}

static void check_map(void)
{
	CHECK_NULL(memmap_check(&map));
	CHECK_EQ(type_at(IMAGE), MEMMAP_IMAGE);
	CHECK_EQ(type_at(IMAGE + IMAGE_SIZE - 1), MEMMAP_IMAGE);
}

#define ALONE .host_only = "as the model", .plain_only = "nothing is allocated"

TEST(openfirmware_plain, "a list of RAM with holes becomes the memory map, and the command line is copied", ALONE)
{
	firmware_make();
	LIST(0, MiB(64), 0x10000000, MiB(32), 0x20000000, MiB(16));
	strcpy(from->arguments, "quiet");
	from->arguments_bytes = 6;
	CHECK(firmware_read());
	check_map();
	CHECK_EQ(type_at(0), MEMMAP_FREE);
	CHECK_EQ(type_at(MiB(64) - 1), MEMMAP_FREE);
	CHECK_EQ(type_at(MiB(64)), MEMMAP_TYPES);
	CHECK_EQ(type_at(0x10000000), MEMMAP_FREE);
	CHECK_EQ(type_at(0x12000000), MEMMAP_TYPES);
	CHECK_EQ(type_at(0x20ffffff), MEMMAP_FREE);
	CHECK_STR(openfirmware_command_line(from), "quiet");
	CHECK(!test_logged("boot:"));
	firmware_end();
}

TEST(openfirmware_cells, "cells are one or two; what cannot be is taken for one", ALONE)
{
	static const struct {
		uint32_t address, size;
		uint64_t free; /* of the list 0, 2 MiB, 0, 4 MiB */
	} cases[] = {
		{ 1, 1, MiB(4) }, { 2, 2, MiB(4) }, /* at 2 MiB */
		{ 0, 0, MiB(4) }, { 3, 1, MiB(4) }, { 0xffffffff, 0x80000000, MiB(4) },
		{ 2, 1, 0 },                       /* at 2 MiB: nothing; the rest is no entry */
		{ 1, 2, (uint64_t) MiB(2) << 32 }, /* from 0 on, as far as the CPU reaches */
	};

	firmware_make();
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		bool starts;

		host_log_forget();
		cells_set(cases[i].address, cases[i].size);
		LIST(0, MiB(2), 0, MiB(4));
		starts = firmware_read();
		check_map();
		if (cases[i].address == 1 && cases[i].size == 2)
			CHECK_GE(memmap_total(&map, MEMMAP_FREE), MiB(64));
		else if (!CHECK_EQ(memmap_total(&map, MEMMAP_FREE), cases[i].free))
			test_note("case %zu", i);
		CHECK_EQ(starts, cases[i].free != 0);
		CHECK_EQ(test_logged("cells is not possible"), cases[i].address > 2 || cases[i].size > 2);
	}
	firmware_end();
}

TEST(openfirmware_odd, "ranges that overlap, wrap or are empty: the image is safe, and what wraps is not used", ALONE)
{
	firmware_make();
	LIST(0, MiB(32), MiB(16), MiB(32), 0, MiB(32), 0x20000000, 0, 0x30000123, 0x4567);
	CHECK(firmware_read());
	check_map();
	CHECK_EQ(memmap_total(&map, MEMMAP_FREE), MiB(48) - IMAGE_SIZE + 0x4567);
	cells_set(2, 2);
	LIST(0xffffffff, 0xfffff000, 0, MiB(1), 0, 0, 0xffffffff, 0xffffffff, 0, MiB(32), 0, MiB(1));
	CHECK(firmware_read());
	check_map();
	CHECK_EQ(type_at(UINT64_MAX), MEMMAP_TYPES);
	CHECK_EQ(type_at(MiB(33) - 1), MEMMAP_FREE);
	LIST(0xffffffff, 0xfffff000, 0, MiB(1));
	CHECK(!firmware_read());
	firmware_end();
}

TEST(openfirmware_lengths, "a list is used as far as it was read, and in whole entries", ALONE)
{
	static const int32_t lengths[] = { INT32_MIN, -1, 0, 1, 7, 8, 9, 15, 16, 504, 511, 512, 513, 516, INT32_MAX };

	firmware_make();
	for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		int32_t length = lengths[i];
		uint32_t entries = length < 0 ? 0 : (uint32_t) (length > 512 ? 512 : length) / 8;

		for (uint32_t k = 0; k < 64; k++) {
			cell_write(from->memory + 8 * k, 0x10000000 + k * 2 * PAGE_SIZE);
			cell_write(from->memory + 8 * k + 4, PAGE_SIZE);
		}
		from->memory_bytes = length;
		host_log_forget();
		CHECK_EQ(firmware_read(), entries > 0);
		check_map();
		/* The map has the image, and keeps two ranges in hand. */
		CHECK_EQ(memmap_total(&map, MEMMAP_FREE), (entries < RANGES - 3 ? entries : RANGES - 3) * PAGE_SIZE);
		CHECK_EQ(
			test_logged("bytes of the firmware's list of memory"), length > 0 && (length > 512 || length % 8 != 0));
	}
	firmware_end();
}

TEST(openfirmware_texts, "a command line that is cut off, or without an end, has an end", ALONE)
{
	static const struct {
		int32_t bytes;
		size_t length;
		bool is_cut;
	} cases[] = { { INT32_MIN, 0, false }, { -1, 0, false }, { 0, 0, false }, { 1, 1, false }, { 511, 511, false },
		{ 512, 511, true }, { 513, 511, true }, { INT32_MAX, 511, true } };

	firmware_make();
	memset(from->arguments, 'a', sizeof(from->arguments));
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		host_log_forget();
		from->arguments_bytes = cases[i].bytes;
		CHECK_EQ(strlen(openfirmware_command_line(from)), cases[i].length);
		CHECK_EQ(test_logged("the command line"), cases[i].is_cut);
	}
	from->arguments[3] = 0;
	CHECK_STR(openfirmware_command_line(from), "aaa");
	firmware_end();
}

static uint32_t odd_cell(struct test_random *random)
{
	switch (test_random_below(random, 4)) {
	case 0:
		return (uint32_t) test_random_below(random, 4);
	case 1:
		return UINT32_MAX - (uint32_t) test_random_below(random, 2 * PAGE_SIZE);
	case 2:
		return UINT32_C(1) << test_random_below(random, 32);
	default:
		return (uint32_t) test_random(random);
	}
}

TEST(openfirmware_hostile, "lists and texts at random do no harm", ALONE)
{
	struct test_random random = TEST_RANDOM(test_seed());
	size_t started = 0;

	firmware_make();
	for (size_t i = 0; i < HOSTILE; i++) {
		for (size_t at = 0; at < OPENFIRMWARE_MEMORY_MOST; at += 4)
			cell_write(from->memory + at, odd_cell(&random));
		for (size_t at = 0; at < OPENFIRMWARE_ARGUMENTS_MOST; at++)
			from->arguments[at] = (char) (1 + test_random_below(&random, 255));
		cells_set((uint32_t) test_random_below(&random, 4), (uint32_t) test_random_below(&random, 4));
		from->memory_bytes = i % 2 == 0 ? (int32_t) test_random(&random) : (int32_t) test_random_below(&random, 520);
		from->arguments_bytes = (int32_t) test_random(&random);
		host_log_forget();
		started += firmware_read();
		check_map();
		CHECK_LT(strlen(openfirmware_command_line(from)), OPENFIRMWARE_ARGUMENTS_MOST);
	}
	CHECK_GT(started, HOSTILE / 4);
	firmware_end();
}
