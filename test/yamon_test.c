/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What YAMON hands over (boot/yamon), as bytes: first as it should be, then made
 * hostile: lists without an end, out of alignment and out of reach, texts that are no
 * numbers, sizes that no board has. As in boot_info_test.c the reader has the bytes of
 * `memory` and no more, and counts what is read.
 */

#include <stdlib.h>
#include <string.h>

#include <arch/host.h>
#include <mm/memmap.h>
#include <test.h>

#include "../boot/yamon/yamon.h"

#define MEMORY_SIZE MiB(1)
#define HOSTILE 1000
#define READS_MAX 1000000u /* of one run; a loop without end makes more */

#define KSEG0 0x80000000u
#define ARGUMENTS 0x2000u
#define ENVIRONMENT 0x2400u
#define TEXTS 0x3000u
#define IMAGE 0x100000u
#define IMAGE_SIZE 0x40000u
#define LOW MiB(256)
#define HIGH_BASE 0x90000000u
#define HIGH 0x70000000u

static uint8_t *memory;
static size_t reads;

static bool memory_read(const struct boot_reader *reader, uint64_t pa, void *to, size_t bytes)
{
	if (!boot_reader_reaches(reader, pa, bytes) || ++reads > READS_MAX)
		return false;
	memcpy(to, memory + pa, bytes);
	return true;
}

static const struct boot_reader reader = { .read = memory_read, .limit = MEMORY_SIZE };

static const char *collect(uint32_t argv, uint32_t environment, uint32_t bytes, const struct boot_info **result)
{
	const struct yamon_place place = { .reader = &reader,
		.image = IMAGE,
		.image_bytes = IMAGE_SIZE,
		.reserved_bytes = 0x1000,
		.low_bytes = LOW,
		.high_base = HIGH_BASE,
		.high_bytes = HIGH };

	return yamon_read(&place, argv, environment, bytes, result);
}

static void memory_make(void)
{
	memory = calloc(1, MEMORY_SIZE);
	reads = 0;
	host_log_forget();
}

/* A list of texts, with a 0 behind the last. */
static void list_put(uint32_t at, uint32_t texts, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t address = KSEG0 + texts;

		memcpy(memory + at + 4 * i, &address, sizeof(address));
		strcpy((char *) memory + texts, list[i]);
		texts += (uint32_t) strlen(list[i]) + 1;
	}
}

static enum memmap_type type_at(const struct boot_info *info, uint64_t pa)
{
	const struct memmap_range *range = memmap_find(info->map, pa);

	return range != NULL ? range->type : MEMMAP_TYPES;
}

/* With an environment of one or two sizes. @return bytes of free memory, UINT64_MAX if it cannot start */
static uint64_t free_with(const char *memsize, const char *ememsize, uint32_t bytes)
{
	const char *const pairs[] = { "modetty0", "38400,n,8,1,hw", memsize != NULL ? "memsize" : "x", memsize, "ememsize",
		ememsize };
	const struct boot_info *result = NULL;
	uint64_t size = UINT64_MAX;

	memory_make();
	list_put(ENVIRONMENT, TEXTS, pairs, ememsize != NULL ? 6 : memsize != NULL ? 4 : 2);
	if (collect(KSEG0 + ARGUMENTS, KSEG0 + ENVIRONMENT, bytes, &result) == NULL)
		size = memmap_total(result->map, MEMMAP_FREE);
	free(memory);
	return size;
}

#define ALONE .host_only = "as the model", .plain_only = "nothing is allocated"

TEST(yamon_plain, "what YAMON hands over becomes the memory map, and the command line is copied", ALONE)
{
	static const char *const arguments[] = { "hoplite.elf", "quiet" };
	static const char *const pairs[] = { "memsize", "268435456", "ememsize", "1073741824" };
	const struct boot_info *result = NULL;

	memory_make();
	list_put(ARGUMENTS, TEXTS, arguments, 2);
	list_put(ENVIRONMENT, TEXTS + 0x100, pairs, 4);
	CHECK(collect(KSEG0 + ARGUMENTS, KSEG0 + ENVIRONMENT, MiB(256), &result) == NULL);
	CHECK_STR(result->command_line, "quiet");
	CHECK_EQ(type_at(result, 0), MEMMAP_RESERVED);
	CHECK_EQ(type_at(result, 0x1000), MEMMAP_FREE);
	CHECK_EQ(type_at(result, IMAGE), MEMMAP_IMAGE);
	CHECK_EQ(type_at(result, IMAGE + IMAGE_SIZE), MEMMAP_FREE);
	CHECK_EQ(type_at(result, LOW - 1), MEMMAP_FREE);
	CHECK_EQ(type_at(result, LOW), MEMMAP_DEVICE);
	CHECK_EQ(type_at(result, HIGH_BASE - 1), MEMMAP_DEVICE);
	CHECK_EQ(type_at(result, HIGH_BASE), MEMMAP_FREE);
	CHECK_EQ(type_at(result, HIGH_BASE + MiB(768) - 1), MEMMAP_FREE);
	CHECK_EQ(type_at(result, HIGH_BASE + MiB(768)), MEMMAP_TYPES);
	free(memory);
}

TEST(yamon_sizes, "sizes of RAM are decimal or hexadecimal, and never more than the board can have", ALONE)
{
	const uint64_t taken = 0x1000 + IMAGE_SIZE;
	static const struct {
		const char *memsize, *ememsize;
		uint32_t bytes;
		uint64_t size; /* 0: it cannot start */
	} cases[] = {
		{ "16777216", NULL, 0, MiB(16) },
		{ "0x01000000", NULL, 0, MiB(16) },
		{ "0XA00000", NULL, 0, MiB(10) },
		{ NULL, NULL, MiB(32), MiB(32) },
		{ "16777216", "16777216", MiB(32), MiB(16) },
		{ "16777216", "33554432", 0, MiB(16) }, /* what is beyond begins where the first part is whole */
		{ "268435456", "268435457", 0, MiB(256) + 1 },
		{ "268435456", "1", 0, MiB(256) },
		{ "0xffffffffffffff", "0xfffffffffffffff", 0, (uint64_t) LOW + HIGH },
		{ "268435456", "2147483648", 0, (uint64_t) LOW + HIGH },
		{ "0", NULL, MiB(32), 0 },
		{ "", NULL, MiB(32), MiB(32) },
		{ "0x", NULL, MiB(32), MiB(32) },
		{ "16M", NULL, MiB(32), MiB(32) },
		{ "-1", NULL, MiB(32), MiB(32) },
		{ "99999999999999999999999", NULL, MiB(32), MiB(32) },
		{ "111111111111111111111111111111111111", NULL, 0, 0 },
		{ NULL, NULL, 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++)
		if (!CHECK_EQ(free_with(cases[i].memsize, cases[i].ememsize, cases[i].bytes),
				cases[i].size != 0 ? cases[i].size - taken : UINT64_MAX))
			test_note("case %zu", i);
}

/* Words and bytes of all kinds, among them addresses of what there is. */
static void memory_litter(struct test_random *random)
{
	for (size_t i = 0; i < 400; i++) {
		uint32_t at = ARGUMENTS + (uint32_t) test_random_below(random, 0x1800) / 4 * 4, word;

		switch (test_random_below(random, 4)) {
		case 0:
			word = KSEG0 + ARGUMENTS + (uint32_t) test_random_below(random, 0x1800);
			break;
		case 1:
			word = KSEG0 + MEMORY_SIZE - (uint32_t) test_random_below(random, 8);
			break;
		case 2:
			word = 0x736d656d; /* "mems" */
			break;
		default:
			word = (uint32_t) test_random(random);
		}
		memcpy(memory + at, &word, sizeof(word));
	}
}

static void check_map(const struct boot_info *info)
{
	CHECK_NULL(memmap_check(info->map));
	CHECK_EQ(type_at(info, 0), MEMMAP_RESERVED);
	CHECK_EQ(type_at(info, IMAGE), MEMMAP_IMAGE);
	CHECK_EQ(type_at(info, IMAGE + IMAGE_SIZE - 1), MEMMAP_IMAGE);
	CHECK_EQ(type_at(info, LOW), MEMMAP_DEVICE);
	CHECK(memmap_total(info->map, MEMMAP_FREE) <= (uint64_t) LOW + HIGH);
}

TEST(yamon_hostile, "lists that are cut off, cyclic or out of reach, and texts without an end, do no harm", ALONE)
{
	struct test_random random = TEST_RANDOM(test_seed());
	size_t started = 0;

	for (size_t i = 0; i < HOSTILE; i++) {
		const struct boot_info *result = NULL;
		uint32_t lists[2];

		memory_make();
		if (i % 4 == 0)
			memset(memory, 0x41, MEMORY_SIZE); /* no text has an end */
		memory_litter(&random);
		for (size_t k = 0; k < 2; k++)
			lists[k] = i % 3 == 0 ? (uint32_t) test_random(&random)
								  : KSEG0 + ARGUMENTS + (uint32_t) test_random_below(&random, 0x1800) / 2 * 2;
		if (i % 5 == 0)
			lists[1] = KSEG0 + MEMORY_SIZE - 4;
		if (collect(lists[0], lists[1], (uint32_t) test_random(&random), &result) == NULL) {
			started++;
			check_map(result);
		}
		CHECK(reads <= READS_MAX);
		free(memory);
	}
	CHECK_GT(started, HOSTILE / 2);
}
