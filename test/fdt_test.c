/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Device trees (boot/fdt), as bytes: first as they should be, then made hostile: cut off
 * at each byte, with offsets that lead out and back, cells and sizes that make no
 * sense, ranges that overlap or wrap, lists without an end, and work that multiplies.
 *
 * Behind the last byte that can be read is a page that cannot, so each byte read there ends the
 * case; what lies before the tree cannot be reached, since offsets have no sign.
 */

#include <string.h>
#include <sys/mman.h>

#include <arch/host.h>
#include <mm/memmap.h>
#include <test.h>

#include "../boot/fdt/fdt.h"

#define HOSTILE 4000
#define SLOW_MS 10000

#define HEADER 40u
#define IMAGE 0x40200000u
#define IMAGE_SIZE 0x100000u

/* ---- making a tree ---- */

static uint8_t structure[MiB(2)], strings[MiB(1)], reservations[KiB(64)];
static uint32_t structure_bytes, strings_bytes, reservations_bytes;

static void word_write(uint8_t *at, uint32_t word)
{
	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t) (word >> (24 - 8 * i));
}

static void tree_begin(void)
{
	structure_bytes = strings_bytes = reservations_bytes = 0;
	host_log_forget();
}

static void word_put(uint32_t word)
{
	word_write(structure + structure_bytes, word);
	structure_bytes += 4;
}

static void bytes_put(const void *from, uint32_t bytes)
{
	memset(structure + structure_bytes, 0, ALIGN_UP(bytes, 4u));
	memcpy(structure + structure_bytes, from, bytes);
	structure_bytes += ALIGN_UP(bytes, 4u);
}

static void node_begin(const char *name)
{
	word_put(1);
	bytes_put(name, (uint32_t) strlen(name) + 1);
}

static void node_end(void)
{
	word_put(2);
}

static void property_put(const char *name, const void *value, uint32_t bytes)
{
	word_put(3);
	word_put(bytes);
	word_put(strings_bytes);
	bytes_put(value, bytes);
	strcpy((char *) strings + strings_bytes, name);
	strings_bytes += (uint32_t) strlen(name) + 1;
}

static void text_put(const char *name, const char *text)
{
	property_put(name, text, (uint32_t) strlen(text) + 1);
}

static void words_put(const char *name, const uint32_t words[], size_t count)
{
	uint8_t value[64];

	for (size_t i = 0; i < count; i++)
		word_write(value + 4 * i, words[i]);
	property_put(name, value, (uint32_t) (4 * count));
}

#define WORDS(name, ...) \
	words_put(name, (const uint32_t[]){ __VA_ARGS__ }, ARRAY_COUNT(((const uint32_t[]){ __VA_ARGS__ })))

static void reservation_put(uint64_t base, uint64_t bytes)
{
	const uint32_t words[] = { (uint32_t) (base >> 32), (uint32_t) base, (uint32_t) (bytes >> 32), (uint32_t) bytes };

	for (size_t i = 0; i < 4; i++, reservations_bytes += 4)
		word_write(reservations + reservations_bytes, words[i]);
}

/* A node of RAM: two cells of address, two of size. */
static void memory_put(const char *name, uint64_t base, uint64_t bytes)
{
	node_begin(name);
	text_put("device_type", "memory");
	WORDS("reg", (uint32_t) (base >> 32), (uint32_t) base, (uint32_t) (bytes >> 32), (uint32_t) bytes);
	node_end();
}

static void root_begin(uint32_t address_cells, uint32_t size_cells)
{
	tree_begin();
	node_begin("");
	WORDS("#address-cells", address_cells);
	WORDS("#size-cells", size_cells);
}

/* ---- reading it ---- */

static uint8_t *mapping, *blob; /* the blob ends where the mapping does, but for a page that cannot be read */
static uint32_t blob_size;

#define MAPPED MiB(4)

static void mapping_make(void)
{
	mapping = mmap(NULL, MAPPED + PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(mapping != MAP_FAILED && mprotect(mapping + MAPPED, PAGE_SIZE, PROT_NONE) == 0);
}

static void mapping_end(void)
{
	munmap(mapping, MAPPED + PAGE_SIZE);
}

/* Puts the blocks together, the last byte before the page that cannot be read. */
static void tree_end(void)
{
	uint32_t header[HEADER / 4] = { 0xd00dfeed, 0, 0, 0, HEADER, 17, 16, 0, strings_bytes, 0 };

	word_put(9);
	reservation_put(0, 0);
	header[2] = HEADER + reservations_bytes;
	header[9] = structure_bytes;
	header[3] = header[2] + structure_bytes;
	header[1] = blob_size = header[3] + strings_bytes;
	blob = mapping + MAPPED - blob_size;
	for (size_t i = 0; i < ARRAY_COUNT(header); i++)
		word_write(blob + 4 * i, header[i]);
	memcpy(blob + HEADER, reservations, reservations_bytes);
	memcpy(blob + header[2], structure, structure_bytes);
	memcpy(blob + header[3], strings, strings_bytes);
}

static struct fdt fdt;

/* @return NULL if it cannot start */
static const struct boot_info *read_at(const void *at, size_t readable)
{
	const struct fdt_place place = { .blob = at, .readable = readable, .image = IMAGE, .image_bytes = IMAGE_SIZE };
	const struct boot_info *result = NULL;

	return fdt_boot_read(&place, &fdt, &result) == NULL ? result : NULL;
}

static const struct boot_info *tree_read(void)
{
	tree_end();
	return read_at(blob, blob_size);
}

static enum memmap_type type_at(const struct boot_info *info, uint64_t pa)
{
	const struct memmap_range *range = memmap_find(info->map, pa);

	return range != NULL ? range->type : MEMMAP_TYPES;
}

/* What holds whatever a tree says. */
static void check_map(const struct boot_info *info)
{
	CHECK_NULL(memmap_check(info->map));
	CHECK_EQ(type_at(info, IMAGE), MEMMAP_IMAGE);
	CHECK_EQ(type_at(info, IMAGE + IMAGE_SIZE - 1), MEMMAP_IMAGE);
	CHECK_LT(strlen(info->command_line), 512);
}

#define ALONE .host_only = "as the model", .plain_only = "nothing is allocated"

/* ---- as it should be ---- */

static void cpu_put(const char *name, uint32_t number, const char *status)
{
	node_begin(name);
	text_put("device_type", "cpu");
	WORDS("reg", number);
	if (status != NULL)
		text_put("status", status);
	node_end();
}

/* RAM in three nodes and four places. */
static void good_put(void)
{
	root_begin(2, 2);
	reservation_put(0x40000000, KiB(64));
	node_begin("chosen");
	text_put("bootargs", "quiet mem=1");
	WORDS("linux,initrd-start", 0x48000000);
	WORDS("linux,initrd-end", 0, 0x48100000);
	node_end();
	memory_put("memory@40000000", 0x40000000, MiB(256));
	node_begin("memory@60000000");
	text_put("device_type", "memory");
	WORDS("reg", 0, 0x60000000, 0, MiB(16), 0, 0x70000000, 0, MiB(32));
	node_end();
	memory_put("memory@100000000", UINT64_C(0x100000000), MiB(64));
	node_begin("memory@90000000");
	text_put("device_type", "memory");
	text_put("status", "disabled");
	WORDS("reg", 0, 0x90000000, 0, MiB(16));
	node_end();
	node_begin("reserved-memory");
	WORDS("#address-cells", 1);
	WORDS("#size-cells", 1);
	node_begin("secret@60100000");
	WORDS("reg", 0x60100000, MiB(1));
	node_end();
	node_end();
	node_begin("cpus");
	WORDS("#address-cells", 1);
	WORDS("#size-cells", 0);
	cpu_put("cpu@0", 0, NULL);
	cpu_put("cpu@1", 1, "okay");
	cpu_put("cpu@2", 2, "fail");
	cpu_put("cpu@1", 1, NULL);
	node_end();
	node_end();
}

TEST(fdt_plain, "several nodes of memory with holes become the memory map; what is reserved or loaded stays out", ALONE)
{
	static const struct {
		uint64_t pa;
		enum memmap_type type;
	} wanted[] = {
		{ 0x3fffffff, MEMMAP_TYPES },
		{ 0x40000000, MEMMAP_RESERVED },
		{ 0x40010000, MEMMAP_FREE },
		{ IMAGE + IMAGE_SIZE, MEMMAP_FREE },
		{ 0x48000000, MEMMAP_IMAGE },
		{ 0x480fffff, MEMMAP_IMAGE },
		{ 0x48100000, MEMMAP_FREE },
		{ 0x4fffffff, MEMMAP_FREE },
		{ 0x50000000, MEMMAP_TYPES },
		{ 0x60000000, MEMMAP_FREE },
		{ 0x60100000, MEMMAP_RESERVED },
		{ 0x60200000, MEMMAP_FREE },
		{ 0x61000000, MEMMAP_TYPES },
		{ 0x70000000, MEMMAP_FREE },
		{ 0x71ffffff, MEMMAP_FREE },
		{ 0x72000000, MEMMAP_TYPES },
		{ 0x90000000, MEMMAP_TYPES },
		{ UINT64_C(0x103ffffff), MEMMAP_FREE },
		{ UINT64_C(0x104000000), MEMMAP_TYPES },
	};
	const struct boot_info *info;
	uint64_t cpus[4];

	mapping_make();
	good_put();
	info = tree_read();
	if (CHECK(info != NULL)) {
		check_map(info);
		CHECK_STR(info->command_line, "quiet mem=1");
		for (size_t i = 0; i < ARRAY_COUNT(wanted); i++)
			if (!CHECK_EQ(type_at(info, wanted[i].pa), wanted[i].type))
				test_note("at 0x%llx", (unsigned long long) wanted[i].pa);
		CHECK_EQ(fdt_cpus(&fdt, cpus, ARRAY_COUNT(cpus)), 2);
		CHECK(cpus[0] == 0 && cpus[1] == 1);
		CHECK_GE(fdt_cpus(&fdt, cpus, 1), 2);
	}
	mapping_end();
}

TEST(fdt_unaligned, "a tree may lie at any address", ALONE)
{
	mapping_make();
	good_put();
	tree_end();
	for (size_t by = 1; by < 8; by++) {
		memmove(blob - 1, blob, blob_size);
		blob--;
		CHECK(read_at(blob, blob_size) != NULL);
	}
	mapping_end();
}

/* ---- hostile ---- */

TEST(fdt_cut_off, "a tree that ends at any byte, by its header or out of reach, does no harm", ALONE)
{
	mapping_make();
	good_put();
	tree_end();
	for (uint32_t size = 0; size < blob_size; size++) {
		const struct boot_info *info;
		uint8_t *cut = mapping + MAPPED - size;

		memmove(cut, blob, size); /* nothing can be read behind it */
		CHECK(read_at(cut, size) == NULL);
		if (size >= 8) {
			word_write(cut + 4, size);
			info = read_at(cut, size);
			if (info != NULL)
				check_map(info);
		}
		good_put();
		tree_end();
	}
	mapping_end();
}

TEST(fdt_cells, "cells that make no sense are no range; a size of no cells, or of 0, is no RAM", ALONE)
{
	static const struct {
		uint32_t address_cells, size_cells;
		uint64_t free;
	} cases[] = {
		{ 2, 2, MiB(1) }, /* 0x00000000_50000000, 0x00000000_00100000 */
		{ 1, 1, UINT64_C(0x50000000) + MiB(1) - 0 },
		{ 0, 1, 0 },
		{ 0, 0, 0 },
		{ 1, 0, 0 },
		{ 2, 0, 0 },
		{ 3, 1, 0 },
		{ 1, 3, 0 },
		{ 0xffffffff, 1, 0 },
		{ 1, 0xffffffff, 0 },
		{ 0x80000001, 0x80000001, 0 },
	};

	mapping_make();
	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		const struct boot_info *info;

		root_begin(cases[i].address_cells, cases[i].size_cells);
		node_begin("memory");
		text_put("device_type", "memory");
		WORDS("reg", 0, 0x50000000, 0, MiB(1));
		node_end();
		node_end();
		info = tree_read();
		if (!CHECK(info != NULL))
			continue;
		check_map(info);
		if (cases[i].address_cells == 1 && cases[i].size_cells == 1)
			CHECK_EQ(memmap_total(info->map, MEMMAP_FREE), 0x50000000u - IMAGE_SIZE);
		else
			CHECK_EQ(memmap_total(info->map, MEMMAP_FREE), cases[i].free);
	}
	mapping_end();
}

TEST(fdt_cells_defaults, "a root without cells has two of address and one of size; one word too few is no range", ALONE)
{
	const struct boot_info *info;

	mapping_make();
	tree_begin();
	node_begin("");
	node_begin("memory");
	text_put("device_type", "memory");
	WORDS("reg", 0, 0x50000000, MiB(1), 0, 0x60000000);
	node_end();
	node_end();
	info = tree_read();
	if (CHECK(info != NULL))
		CHECK_EQ(memmap_total(info->map, MEMMAP_FREE), MiB(1));
	mapping_end();
}

TEST(fdt_overlaps, "ranges that overlap, wrap or are empty: what forbids wins, and RAM that wraps is not used", ALONE)
{
	const struct boot_info *info;

	mapping_make();
	root_begin(2, 2);
	memory_put("memory@0", 0x40000000, MiB(64));
	memory_put("memory@1", 0x42000000, MiB(64));          /* overlaps it */
	memory_put("memory@2", 0x40000000, MiB(64));          /* is it again */
	memory_put("memory@3", 0x50000000, 0);                /* is empty */
	memory_put("memory@4", UINT64_MAX - MiB(1), MiB(16)); /* wraps */
	memory_put("memory@5", 1, UINT64_MAX);
	memory_put("memory@6", 0x60000123, 0x3210); /* no whole page at either end */
	reservation_put(0x41000000, MiB(1));
	reservation_put(0x41080000, MiB(1));               /* overlaps it */
	reservation_put(0x45000000, UINT64_MAX - MiB(64)); /* wraps: all behind it is forbidden */
	node_end();
	info = tree_read();
	if (CHECK(info != NULL)) {
		check_map(info);
		CHECK_EQ(type_at(info, 0x40000000), MEMMAP_FREE);
		CHECK_EQ(type_at(info, 0x41000000), MEMMAP_RESERVED);
		CHECK_EQ(type_at(info, 0x4117ffff), MEMMAP_RESERVED);
		CHECK_EQ(type_at(info, 0x41180000), MEMMAP_FREE);
		CHECK_EQ(type_at(info, 0x44ffffff), MEMMAP_FREE);
		CHECK_EQ(type_at(info, 0x45000000), MEMMAP_RESERVED);
		CHECK_EQ(type_at(info, 0x60000123), MEMMAP_RESERVED);
		CHECK_EQ(type_at(info, UINT64_MAX), MEMMAP_RESERVED);
	}
	mapping_end();
}

TEST(fdt_missing, "without a node of memory the kernel does not start; without the others it does", ALONE)
{
	const struct boot_info *info;

	mapping_make();
	tree_begin();
	CHECK(tree_read() == NULL); /* END alone */
	root_begin(2, 2);
	node_begin("memory");
	WORDS("reg", 0, 0x40000000, 0, MiB(1)); /* of no type */
	node_end();
	node_begin("soc");
	memory_put("memory@40000000", 0x40000000, MiB(1)); /* not the root's */
	node_end();
	node_end();
	CHECK(tree_read() == NULL);
	root_begin(2, 2);
	node_begin("memory");
	text_put("device_type", "memory"); /* without a place */
	node_end();
	node_end();
	info = tree_read();
	if (CHECK(info != NULL)) {
		CHECK_EQ(memmap_total(info->map, MEMMAP_FREE), 0);
		CHECK_STR(info->command_line, "");
		CHECK_EQ(fdt_cpus(&fdt, NULL, 0), 0);
	}
	mapping_end();
}

TEST(fdt_texts, "a command line without an end, or too long, is cut off; other texts without an end say nothing", ALONE)
{
	static char text[2000];
	const struct boot_info *info;

	mapping_make();
	for (size_t bytes = 0; bytes < sizeof(text); bytes += bytes < 8 || (bytes > 505 && bytes < 520) ? 1 : 83) {
		memset(text, 'a', sizeof(text));
		root_begin(2, 2);
		memory_put("memory@40000000", 0x40000000, MiB(64));
		node_begin("memory@50000000");
		property_put("device_type", "memory", 6); /* without its 0, so it is no such node */
		WORDS("reg", 0, 0x50000000, 0, MiB(1));
		node_end();
		node_begin("chosen");
		property_put("bootargs", text, (uint32_t) bytes);
		node_end();
		node_end();
		info = tree_read();
		if (!CHECK(info != NULL))
			continue;
		CHECK_EQ(strlen(info->command_line), bytes < 511 ? bytes : 511);
		CHECK_EQ(type_at(info, 0x50000000), MEMMAP_TYPES);
		CHECK_EQ(test_logged("the command line"), bytes > 511);
	}
	mapping_end();
}

TEST(fdt_counts, "thousands of ranges: RAM is lost, but never what is forbidden", ALONE)
{
	const struct boot_info *info;

	mapping_make();
	root_begin(2, 2);
	for (uint32_t i = 0; i < 2000; i++)
		reservation_put(0x41000000 + 2 * i * PAGE_SIZE, PAGE_SIZE);
	memory_put("memory@40000000", 0x40000000, MiB(64));
	node_end();
	info = tree_read();
	if (CHECK(info != NULL)) {
		check_map(info);
		for (uint32_t i = 0; i < 2000; i++)
			if (!CHECK(type_at(info, 0x41000000 + 2 * i * PAGE_SIZE) != MEMMAP_FREE))
				break;
	}
	root_begin(2, 2);
	for (uint32_t i = 0; i < 3000; i++)
		memory_put("memory", 0x40000000 + 2 * i * PAGE_SIZE, PAGE_SIZE);
	node_end();
	info = tree_read();
	if (CHECK(info != NULL)) {
		check_map(info);
		CHECK_GE(memmap_total(info->map, MEMMAP_FREE), 64 * PAGE_SIZE);
	}
	mapping_end();
}

/* A name of half a MiB, which all properties share, at offset 0. */
static void long_name_put(void)
{
	memset(strings, 'x', KiB(512));
	strings[KiB(512)] = 0;
	strings_bytes = KiB(512) + 1;
}

static void named_put(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		word_put(3);
		word_put(0);
		word_put(0);
	}
}

TEST(fdt_slow, "many nodes below many properties with long names take no longer than their bytes", ALONE)
{
	const uint32_t many = 30000;
	uint64_t start = test_now_ms();
	uint8_t places[1024 * 4];

	mapping_make();
	tree_begin();
	long_name_put();
	node_begin("");
	named_put(many);
	node_begin("memory");
	named_put(many);
	for (size_t i = 0; i < sizeof(places); i += 4)
		word_write(places + i, (uint32_t) i << 10);
	text_put("device_type", "memory");
	property_put("reg", places, sizeof(places));
	node_end();
	for (uint32_t i = 0; i < many; i++) {
		node_begin("a");
		node_end();
	}
	node_end();
	CHECK(tree_read() != NULL);
	CHECK_EQ(fdt_cpus(&fdt, NULL, 0), 0);
	CHECK_LT(test_now_ms() - start, SLOW_MS);
	mapping_end();
}

TEST(fdt_deep, "nodes that are nested without an end, or end more often than they begin, do no harm", ALONE)
{
	mapping_make();
	root_begin(2, 2);
	memory_put("memory@40000000", 0x40000000, MiB(1));
	for (size_t i = 0; i < 100000; i++)
		node_begin("d");
	CHECK(tree_read() != NULL);
	CHECK(test_logged("the device tree is broken"));
	root_begin(2, 2);
	memory_put("memory@40000000", 0x40000000, MiB(1));
	for (size_t i = 0; i < 1000; i++)
		node_end();
	CHECK(tree_read() != NULL);
	CHECK(test_logged("the device tree is broken"));
	mapping_end();
}

/* A word that is likely to lead astray. */
static uint32_t odd_word(struct test_random *random)
{
	switch (test_random_below(random, 7)) {
	case 0:
		return 0;
	case 1:
		return UINT32_MAX - (uint32_t) test_random_below(random, 8);
	case 2:
		return blob_size - (uint32_t) test_random_below(random, 8);
	case 3:
		return (uint32_t) test_random_below(random, blob_size); /* an offset: back, or into another block */
	case 4:
		return (uint32_t) test_random_below(random, 10); /* a token, or cells */
	case 5:
		return UINT32_C(1) << test_random_below(random, 32);
	default:
		return (uint32_t) test_random(random);
	}
}

static void mutate(struct test_random *random)
{
	for (size_t n = 1 + test_random_below(random, 6); n > 0; n--) {
		uint32_t at = (uint32_t) test_random_below(random, blob_size);

		if (test_random_below(random, 4) == 0)
			blob[at] ^= (uint8_t) (1 + test_random_below(random, 255));
		else if (test_random_below(random, 3) == 0)
			word_write(blob + 4 * test_random_below(random, HEADER / 4), odd_word(random));
		else if (blob_size - at >= 7)
			word_write(blob + ALIGN_UP(at, 4u), odd_word(random));
	}
}

TEST(fdt_hostile, "trees that were changed at random do no harm: nothing beyond them is read, and the image is safe",
	ALONE)
{
	struct test_random random = TEST_RANDOM(test_seed());
	size_t started = 0;
	uint64_t cpus[4];

	mapping_make();
	for (size_t i = 0; i < HOSTILE; i++) {
		const struct boot_info *info;

		good_put();
		tree_end();
		mutate(&random);
		if (i % 8 != 0) {
			word_write(blob, 0xd00dfeed); /* else most would end at their header */
			word_write(blob + 4, blob_size);
		}
		info = read_at(blob, blob_size);
		if (info == NULL)
			continue;
		started++;
		check_map(info);
		(void) fdt_cpus(&fdt, cpus, ARRAY_COUNT(cpus));
	}
	CHECK_GT(started, HOSTILE / 2);
	mapping_end();
}
