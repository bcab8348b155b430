/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What loaders and firmware leave in memory, as bytes: Multiboot information
 * (boot/multiboot) and the ACPI tables that lead to the list of CPUs
 * (genarch/x86/madt.c). First as they should be, then made hostile by the thousand:
 * cut off, cyclic, overlapping, with lengths of 0 and lengths that wrap, texts
 * without an end.
 *
 * The readers get at memory only through struct boot_reader, and this one has the
 * bytes of `memory` and no more; what they do with what they have copied
 * AddressSanitizer watches. They must come to an end, with an answer that makes
 * sense.
 */

#include <stdlib.h>
#include <string.h>

#include <arch/host.h>
#include <mm/memmap.h>
#include <test.h>
#include <x86/madt.h>

#include "../boot/multiboot/multiboot.h"

#define MEMORY_SIZE (MiB(1) + KiB(256))
#define HOSTILE 1000
#define READS_MAX 20000000u /* of one run; a loop without end makes more */

#define INFO 0x9000u
#define MODULES 0x9100u
#define MAP 0x9800u
#define TEXT 0xa000u
#define IMAGE 0x100000u
#define IMAGE_SIZE 0x8000u

static uint8_t *memory;
static size_t reads;
static uint64_t placed, placed_bytes;

static bool memory_read(const struct boot_reader *reader, uint64_t pa, void *to, size_t bytes)
{
	if (!boot_reader_reaches(reader, pa, bytes) || ++reads > READS_MAX)
		return false;
	memcpy(to, memory + pa, bytes);
	return true;
}

static void *memory_place(const struct boot_reader *reader, uint64_t pa, size_t bytes)
{
	if (!boot_reader_reaches(reader, pa, bytes))
		return NULL;
	placed = pa;
	placed_bytes = bytes;
	return memory + pa;
}

static const struct boot_reader reader = { .read = memory_read, .place = memory_place, .limit = MEMORY_SIZE };

static void memory_make(void)
{
	memory = calloc(1, MEMORY_SIZE);
	reads = 0;
	placed = placed_bytes = 0;
	host_log_forget();
}

static void put(uint64_t pa, const void *from, size_t bytes)
{
	memcpy(memory + pa, from, bytes);
}

static const char *collect(const struct boot_info **result)
{
	const struct multiboot_place place = { .reader = &reader, .image = IMAGE, .image_bytes = IMAGE_SIZE };

	return multiboot_read(&place, MULTIBOOT_MAGIC, INFO, result);
}

/* ---- Multiboot ---- */

static struct multiboot_info info_make(void)
{
	static const struct multiboot_range ranges[] = {
		{ 20, 0, 0x9fc00, MULTIBOOT_RAM },
		{ 20, 0x9fc00, 0x400, 2 },
		{ 20, MiB(1), MiB(15), MULTIBOOT_RAM },
		{ 20, MiB(16), KiB(64), MULTIBOOT_ACPI_TABLES },
	};
	static const struct multiboot_module module = { 0x110000, 0x112000, TEXT, 0 };
	struct multiboot_info info = { .flags = MULTIBOOT_MEMORY | MULTIBOOT_COMMAND_LINE | MULTIBOOT_MODULES |
			MULTIBOOT_MAP | MULTIBOOT_LOADER,
		.memory_lower = 639,
		.memory_upper = 15 << 10,
		.command_line = TEXT,
		.loader = TEXT + 0x100,
		.module_count = 1,
		.modules = MODULES,
		.map_length = sizeof(ranges),
		.map = MAP };

	put(MAP, ranges, sizeof(ranges));
	put(MODULES, &module, sizeof(module));
	put(TEXT, "hoplite quiet", 14);
	put(TEXT + 0x100, "loader", 7);
	return info;
}

static enum memmap_type type_at(const struct boot_info *info, uint64_t pa)
{
	const struct memmap_range *range = memmap_find(info->map, pa);

	return range != NULL ? range->type : MEMMAP_TYPES;
}

TEST(boot_info_plain, "what a loader leaves becomes the memory map, and its texts are copied",
	.host_only = "as the model", .plain_only = "nothing is allocated")
{
	const struct boot_info *result = NULL;
	struct multiboot_info info;

	memory_make();
	info = info_make();
	put(INFO, &info, sizeof(info));
	CHECK_NULL(collect(&result));
	CHECK_STR(result->command_line, "hoplite quiet");
	CHECK_STR(result->loader, "loader");
	CHECK_EQ(type_at(result, 0), MEMMAP_RESERVED);
	CHECK_EQ(type_at(result, 2 * PAGE_SIZE), MEMMAP_FREE);
	CHECK_EQ(type_at(result, 0xb8000), MEMMAP_DEVICE);
	CHECK_EQ(type_at(result, IMAGE), MEMMAP_IMAGE);
	CHECK_EQ(type_at(result, 0x111fff), MEMMAP_IMAGE);
	CHECK_EQ(type_at(result, 0x112000), MEMMAP_FREE);
	CHECK_EQ(type_at(result, MiB(16)), MEMMAP_FIRMWARE);
	CHECK_EQ(type_at(result, MiB(17)), MEMMAP_TYPES);
	free(memory);
}

TEST(boot_info_reach, "a reader refuses bytes of which the last ones lie beyond its limit, or wrap",
	.host_only = "as the model", .plain_only = "nothing is allocated")
{
	CHECK(boot_reader_reaches(&reader, 0, MEMORY_SIZE));
	CHECK(boot_reader_reaches(&reader, MEMORY_SIZE - 1, 1));
	CHECK(!boot_reader_reaches(&reader, MEMORY_SIZE - 1, 2));
	CHECK(!boot_reader_reaches(&reader, MEMORY_SIZE, 1));
	CHECK(!boot_reader_reaches(&reader, 1, SIZE_MAX));
	CHECK(!boot_reader_reaches(&reader, UINT64_MAX, 2));
}

TEST(boot_info_numbers, "numbers are read in both orders, of any size and at any place, and none beyond the last byte",
	.host_only = "as the model", .plain_only = "nothing is allocated")
{
	static uint8_t bytes[] = { 0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 0x88, 0x09 };
	static const uint64_t big[] = { 0x82, 0x8203, 0x820384, 0x82038405, 0x8203840586, 0x820384058607, 0x82038405860788,
		0x8203840586078809 };
	const struct boot_reader nine = { .read = boot_bytes_read, .limit = sizeof(bytes), .bytes = bytes };
	uint64_t value;

	for (size_t size = 1; size <= 8; size++) {
		value = 0;
		CHECK(boot_number_read(&nine, 1, size, BOOT_BIG, &value));
		CHECK_EQ(value, big[size - 1]);
		CHECK(boot_number_read(&nine, 1, size, BOOT_LITTLE, &value));
		CHECK_EQ(value, __builtin_bswap64(big[size - 1]) >> (64 - 8 * size));
		value = 7;
		CHECK(!boot_number_read(&nine, sizeof(bytes) - size + 1, size, BOOT_BIG, &value));
		CHECK_EQ(value, 7);
	}
	CHECK(!boot_number_read(&nine, 0, 9, BOOT_BIG, &value));
	CHECK(!boot_number_read(&nine, UINT64_MAX, 2, BOOT_LITTLE, &value));
}

TEST(boot_info_text, "of a text no more is read than it has, it fits its buffer, and what is cut off is logged",
	.host_only = "as the model", .plain_only = "nothing is allocated")
{
	static char list[] = "one\0two";
	const struct boot_reader seven = { .read = boot_bytes_read, .limit = 7, .bytes = list };
	char text[4];

	host_log_forget();
	boot_text_read(&seven, "text", 0, UINT64_MAX, text, sizeof(text));
	CHECK_STR(text, "one");
	boot_text_read(&seven, "text", 4, 3, text, sizeof(text)); /* a property without 0 */
	CHECK_STR(text, "two");
	boot_text_read(&seven, "text", 5, 1, text, sizeof(text));
	CHECK_STR(text, "w");
	boot_text_read(&seven, "text", 4, 0, text, sizeof(text));
	CHECK_STR(text, "");
	CHECK(!host_log_has("cut off"));
	boot_text_read(&seven, "text", 0, 3, text, 3);
	CHECK_STR(text, "on");
	CHECK(host_log_has("the text at 0x0 is cut off after 2 characters"));
	boot_text_read(&seven, "text", 4, 4, text, sizeof(text)); /* its last byte is out of reach */
	CHECK_STR(text, "two");
	CHECK(host_log_has("the text at 0x4 is cut off after 3 characters"));
}

TEST(boot_info_width, "RAM that the CPU cannot address is none", .host_only = "as the model",
	.plain_only = "nothing is allocated")
{
	const struct boot_info *result = NULL;
	const struct multiboot_range beyond = { 20, (uint64_t) 1 << 40, MiB(1), MULTIBOOT_RAM };
	const phys_t last = page_physical_last;
	struct multiboot_range range = { 20, 0, 0, MULTIBOOT_RAM };
	struct multiboot_info info;
	uint64_t here;

	if ((uint64_t) PHYS_LAST >> 36 != 0)
		page_physical_last = (phys_t) (((uint64_t) 1 << 36) - 1);
	here = phys_last();
	memory_make();
	info = info_make();
	range.base = here - (MiB(1) - 1);
	range.bytes = MiB(2);
	put(MAP + info.map_length, &range, sizeof(range));
	put(MAP + info.map_length + sizeof(range), &beyond, sizeof(beyond));
	info.map_length += 2 * sizeof(range);
	put(INFO, &info, sizeof(info));
	CHECK_NULL(collect(&result));
	page_physical_last = last;
	CHECK_EQ(type_at(result, here), MEMMAP_FREE);
	CHECK_EQ(type_at(result, here + 1), MEMMAP_TYPES);
	CHECK_EQ(type_at(result, beyond.base), MEMMAP_TYPES);
	CHECK(host_log_has("this CPU can address 0x100000"));
	free(memory);
}

TEST(boot_info_text_without_end, "a text without 0 at the end of memory is cut off, one that ends there is whole",
	.host_only = "as the model", .plain_only = "nothing is allocated")
{
	const struct boot_info *result = NULL;
	struct multiboot_info info;

	memory_make();
	info = info_make();
	info.command_line = MEMORY_SIZE - 512;
	info.loader = MEMORY_SIZE - 4;
	memset(memory + info.command_line, 'x', 508);
	put(info.loader, "end", 4);
	put(INFO, &info, sizeof(info));
	CHECK_NULL(collect(&result));
	CHECK_EQ(strlen(result->command_line), 511);
	CHECK_STR(result->loader, "end");
	memset(memory + info.command_line, 'x', 512);
	CHECK_NULL(collect(&result));
	CHECK_EQ(strlen(result->command_line), 511);
	CHECK_STR(result->loader, "xxxx");
	CHECK(host_log_has("cut off"));
	free(memory);
}

TEST(boot_info_too_many, "a count of modules that no loader has is not believed, nor is a length of the map",
	.host_only = "as the model", .plain_only = "nothing is allocated")
{
	const struct boot_info *result = NULL;
	struct multiboot_info info;

	memory_make();
	info = info_make();
	info.module_count = 66000000;
	info.map_length = 0xfffffff0;
	put(INFO, &info, sizeof(info));
	CHECK_NULL(collect(&result));
	CHECK(host_log_has("list of modules"));
	CHECK(host_log_has("memory map"));
	CHECK_EQ(type_at(result, 0x111000), MEMMAP_FREE);
	CHECK_EQ(type_at(result, MiB(15)), MEMMAP_FREE); /* by the sizes */
	CHECK_EQ(type_at(result, MiB(16)), MEMMAP_TYPES);
	CHECK_LT(reads, 5000);
	info.module_count = 2000; /* all in reach, but more than is believed */
	info.modules = 0x20000;
	put(INFO, &info, sizeof(info));
	host_log_forget();
	CHECK_NULL(collect(&result));
	CHECK(host_log_has("list of modules (0x7d00 bytes at 0x20000) is too long: not used"));
	info.flags &= ~(MULTIBOOT_MEMORY);
	put(INFO, &info, sizeof(info));
	CHECK_NOT_NULL(collect(&result));
	free(memory);
}

TEST(boot_info_wrapped, "the array of the map is not put where a range that wraps forbids it",
	.host_only = "as the model", .plain_only = "nothing is allocated")
{
	const struct boot_info *result = NULL;
	struct multiboot_info info;
	struct multiboot_range range = { 20, KiB(1024 + 128), UINT64_MAX - KiB(512), 2 };

	memory_make();
	info = info_make();
	put(MAP + info.map_length, &range, sizeof(range));
	info.map_length += sizeof(range);
	for (size_t i = 0; i < 60; i++, info.map_length += sizeof(range)) {
		range = (struct multiboot_range){ 20, MiB(2) + i * 0x2000, 0x1000, 2 };
		put(MAP + info.map_length, &range, sizeof(range));
	}
	put(INFO, &info, sizeof(info));
	CHECK_NULL(collect(&result));
	CHECK_NE(placed_bytes, 0);
	CHECK_LE(placed + placed_bytes, KiB(1024 + 128));
	free(memory);
}

TEST(boot_info_refused, "of ranges that are left out only RAM is said not to be used; what forbids holds all the same",
	.host_only = "as the model", .plain_only = "nothing is allocated")
{
	const struct boot_info *result = NULL;
	struct multiboot_info info;
	struct multiboot_range range = { 20, MiB(20), 0, 2 };

	memory_make();
	info = info_make();
	put(MAP + info.map_length, &range, sizeof(range));
	info.map_length += sizeof(range);
	put(INFO, &info, sizeof(info));
	CHECK_NULL(collect(&result));
	CHECK(host_log_has("reserved range of 0x0 bytes"));
	CHECK(!host_log_has("not used"));

	/* So many holes in the only RAM that the map is full, and there is no place for a larger one. */
	info.flags &= ~MULTIBOOT_MODULES;
	range = (struct multiboot_range){ 20, 0x1000, 0xe000, MULTIBOOT_RAM };
	put(MAP, &range, sizeof(range));
	for (info.map_length = sizeof(range); info.map_length < 100 * sizeof(range); info.map_length += sizeof(range)) {
		range = (struct multiboot_range){ 20, 0x1000 + 0x18 * (uint64_t) info.map_length, 0x100, 2 };
		put(MAP + info.map_length, &range, sizeof(range));
	}
	range = (struct multiboot_range){ 20, MiB(16), MiB(1), MULTIBOOT_RAM };
	put(MAP + info.map_length, &range, sizeof(range));
	info.map_length += sizeof(range);
	put(INFO, &info, sizeof(info));
	host_log_forget();
	CHECK_NULL(collect(&result));
	CHECK(host_log_has("some may be lost"));
	CHECK(host_log_has("so this RAM is not used"));
	for (size_t at = sizeof(range); at < 100 * sizeof(range); at += sizeof(range))
		CHECK_NE(type_at(result, 0x1000 + 0x18 * (uint64_t) at), MEMMAP_FREE);
	CHECK_EQ(type_at(result, MiB(16)), MEMMAP_TYPES);
	free(memory);
}

static uint32_t hostile_word(struct test_random *random)
{
	static const uint32_t words[] = { 0, 1, 2, 4, 19, 20, 24, 0x1000, INFO, MODULES, MAP, TEXT, IMAGE, MEMORY_SIZE - 1,
		MEMORY_SIZE - 20, MEMORY_SIZE, MEMORY_SIZE + 1, 0x7fffffff, 0x80000000, 0xffffffe8, 0xfffffffe, 0xffffffff };

	switch (test_random_below(random, 3)) {
	case 0:
		return (uint32_t) test_random(random);
	case 1:
		return (uint32_t) test_random_below(random, MEMORY_SIZE + 64);
	default:
		return words[test_random_below(random, ARRAY_COUNT(words))];
	}
}

/* Words, bytes and whole pieces of a range of memory become something else. */
static void spoil(struct test_random *random, uint64_t start, size_t bytes)
{
	for (size_t n = 1 + test_random_below(random, 12); n > 0; n--) {
		size_t at = start + test_random_below(random, bytes - 8);
		uint32_t word = hostile_word(random);

		switch (test_random_below(random, 4)) {
		case 0:
			memory[at] = (uint8_t) word;
			break;
		case 1:
			memmove(memory + start + test_random_below(random, bytes / 2), memory + start, bytes / 2 - 8);
			break;
		default:
			put(at & ~(size_t) 3, &word, sizeof(word));
		}
	}
}

static void check_answer(const char *why, const struct boot_info *result)
{
	CHECK_LT(reads, READS_MAX);
	if (why != NULL)
		return;
	CHECK_NULL(memmap_check(result->map));
	CHECK_LT(strnlen(result->command_line, 512), 512);
	CHECK_LT(strnlen(result->loader, 64), 64);
	CHECK_EQ(type_at(result, IMAGE), MEMMAP_IMAGE);
	CHECK_EQ(type_at(result, IMAGE + IMAGE_SIZE - 1), MEMMAP_IMAGE);
	CHECK_NE(type_at(result, 0), MEMMAP_FREE);
	CHECK_NE(type_at(result, 0xb8000), MEMMAP_FREE);
	if (placed_bytes != 0)
		CHECK_EQ(type_at(result, placed), MEMMAP_IMAGE);
}

static void hostile_info(struct test_random *random)
{
	const struct boot_info *result = NULL;
	const char *why;
	struct multiboot_info info;

	memory_make();
	info = info_make();
	if (test_random_below(random, 2) == 0) { /* so many ranges that the array must be placed */
		for (size_t i = 0; i < 200; i++, info.map_length += sizeof(struct multiboot_range)) {
			struct multiboot_range range = { 20, hostile_word(random), hostile_word(random),
				(uint32_t) test_random_below(random, 5) };

			put(MAP + info.map_length, &range, sizeof(range));
		}
	}
	put(INFO, &info, sizeof(info));
	if (test_random_below(random, 4) != 0)
		spoil(random, INFO, sizeof(info));
	spoil(random, MODULES, TEXT - MODULES);
	why = collect(&result);
	check_answer(why, result);
	free(memory);
}

TEST(boot_info_hostile, "whatever a loader leaves, it is read within bounds, to an end, and gives a sound map or none",
	.host_only = "as the model", .plain_only = "nothing is allocated")
{
	for (uint64_t i = 0; i < HOSTILE; i++) {
		struct test_random random = TEST_RANDOM(test_seed() + i);

		hostile_info(&random);
	}
}

/* ---- ACPI ---- */

#define BIOS 0xe0000u
#define EBDA 0x9f000u
#define RSDT 0x100100u
#define XSDT 0x100400u
#define MADT 0x100800u
#define LAPICS 0xfee00000u
#define MADT_BYTES (36 + 68)

static void sum_set(uint64_t pa, size_t bytes, size_t sum_at)
{
	uint8_t sum = 0;

	memory[pa + sum_at] = 0;
	for (size_t i = 0; i < bytes; i++)
		sum = (uint8_t) (sum + memory[pa + i]);
	memory[pa + sum_at] = (uint8_t) -sum;
}

static void table_put(uint64_t pa, const char *signature, const void *content, size_t bytes)
{
	uint32_t whole = (uint32_t) (36 + bytes);

	put(pa, signature, 4);
	put(pa + 4, &whole, sizeof(whole));
	put(pa + 36, content, bytes);
	sum_set(pa, whole, 9);
}

static void pointer_put(uint64_t pa, uint32_t rsdt, uint64_t xsdt)
{
	uint32_t bytes = 36;

	put(pa, "RSD PTR ", 8);
	memory[pa + 15] = xsdt != 0 ? 2 : 0;
	put(pa + 16, &rsdt, sizeof(rsdt));
	put(pa + 20, &bytes, sizeof(bytes));
	put(pa + 24, &xsdt, sizeof(xsdt));
	sum_set(pa, 20, 8);
	sum_set(pa, 36, 32);
}

static void acpi_make(void)
{
	static const uint8_t content[] = { 0, 0, 0xe0, 0xfe, 1, 0, 0, 0, /* LAPICs, flags */
		0, 8, 0, 0, 1, 0, 0, 0,                                      /* LAPIC 0 */
		1, 12, 9, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0,                   /* an I/O APIC */
		0, 8, 1, 5, 1, 0, 0, 0,                                      /* LAPIC 5 */
		0, 8, 1, 6, 0, 0, 0, 0,                                      /* LAPIC 6, not to be used */
		0, 8, 1, 5, 1, 0, 0, 0,                                      /* LAPIC 5 again */
		0, 8, 1, 255, 1, 0, 0, 0,                                    /* all LAPICs */
		0, 8, 1, 7, 1, 0, 0, 0 };
	uint32_t short_words[] = { 0, 0xfffffff0, RSDT, MADT };
	uint64_t long_words[] = { UINT64_MAX - 3, XSDT, RSDT, MADT };

	table_put(MADT, "APIC", content, sizeof(content));
	table_put(RSDT, "RSDT", short_words, sizeof(short_words));
	table_put(XSDT, "XSDT", long_words, sizeof(long_words));
}

static void check_cpus(const char *what)
{
	struct madt madt;

	if (!CHECK(madt_read(&reader, &madt)))
		test_note("%s", what);
	CHECK_EQ(madt.lapic, LAPICS);
	CHECK_EQ(madt.count, 3);
	CHECK_EQ(madt.ids[0], 0);
	CHECK_EQ(madt.ids[1], 5);
	CHECK_EQ(madt.ids[2], 7);
}

TEST(boot_acpi_plain, "the CPUs are found from the BIOS and from the EBDA, by RSDT and by XSDT, each once",
	.host_only = "as the model", .plain_only = "nothing is allocated")
{
	const uint16_t segment = EBDA >> 4;
	struct madt madt;

	memory_make();
	acpi_make();
	CHECK(!madt_read(&reader, &madt));
	CHECK_EQ(madt.count, 0);
	pointer_put(BIOS + 0x1ff0, RSDT, 0);
	check_cpus("BIOS, RSDT");
	pointer_put(BIOS + 0x1ff0, 0, XSDT);
	check_cpus("BIOS, XSDT");
	pointer_put(BIOS + 0x1ff0, RSDT, MADT);
	check_cpus("an XSDT that is none, RSDT");
	memset(memory + BIOS, 0, 0x20000);
	put(0x40e, &segment, sizeof(segment));
	pointer_put(EBDA + 0x3f0, RSDT, XSDT);
	check_cpus("EBDA");
	pointer_put(EBDA + 0x10, XSDT, 0);
	check_cpus("a pointer that leads nowhere, EBDA");
	memset(memory + EBDA, 0, 0x400);
	pointer_put(EBDA + 0x400, RSDT, 0);
	CHECK(!madt_read(&reader, &madt));
	free(memory);
}

TEST(boot_acpi_wrong, "a table whose bytes do not add up, that is cut off, or goes beyond memory is not believed",
	.host_only = "as the model", .plain_only = "nothing is allocated")
{
	static const uint32_t lengths[] = { 0, 8, 36, 43, 0x10001, 0x7fffffff, 0xffffffff, MEMORY_SIZE - MADT + 1 };
	struct madt madt;
	uint32_t length;

	memory_make();
	acpi_make();
	pointer_put(BIOS, RSDT, XSDT);
	memory[MADT + 50]++;
	CHECK(!madt_read(&reader, &madt));
	for (size_t i = 0; i < ARRAY_COUNT(lengths); i++) {
		acpi_make();
		put(MADT + 4, &lengths[i], 4);
		if (lengths[i] <= 0x10000)
			sum_set(MADT, lengths[i] < 36 ? 36 : lengths[i], 9);
		CHECK(!madt_read(&reader, &madt));
	}
	acpi_make();
	memory[MADT + 45] = 0; /* an entry of no length: what came before it counts, and that is nothing */
	sum_set(MADT, memory[MADT + 4] | memory[MADT + 5] << 8, 9);
	reads = 0;
	CHECK(!madt_read(&reader, &madt));
	CHECK_LT(reads, 5000);
	acpi_make();
	length = MADT_BYTES - 4; /* the last entry lies half outside */
	put(MADT + 4, &length, sizeof(length));
	sum_set(MADT, length, 9);
	CHECK(madt_read(&reader, &madt));
	CHECK_EQ(madt.count, 2);
	free(memory);
}

TEST(boot_acpi_pointer_wrong,
	"a root pointer whose bytes do not add up is not followed, nor are those of its later part",
	.host_only = "as the model", .plain_only = "nothing is allocated")
{
	struct madt madt;

	memory_make();
	acpi_make();
	pointer_put(BIOS, RSDT, 0);
	memory[BIOS + 8]++; /* the sum of the first 20 bytes */
	CHECK(!madt_read(&reader, &madt));
	pointer_put(BIOS, 0, XSDT);
	check_cpus("the later part is right");
	memory[BIOS + 32]++; /* the sum of all 36 */
	CHECK(!madt_read(&reader, &madt));
	pointer_put(BIOS, RSDT, XSDT);
	memory[BIOS + 32]++;
	check_cpus("the first part is right");
	free(memory);
}

TEST(boot_acpi_hostile, "whatever the firmware leaves, it is read within bounds, to an end, and no CPU is there twice",
	.host_only = "as the model", .plain_only = "nothing is allocated")
{
	for (uint64_t i = 0; i < HOSTILE; i++) {
		struct test_random random = TEST_RANDOM(test_seed() + i);
		bool seen[256] = { false };
		struct madt madt;

		memory_make();
		acpi_make();
		pointer_put(BIOS + 0x40, RSDT, XSDT);
		for (size_t n = test_random_below(&random, 3); n > 0; n--)
			spoil(&random, RSDT, MADT + 0x80 - RSDT);
		if (test_random_below(&random, 3) == 0)
			spoil(&random, BIOS + 0x40, 64);
		if (test_random_below(&random, 4) != 0) { /* hostile, and believed: the sums are right */
			sum_set(RSDT, 36 + 4 * 4, 9);
			sum_set(XSDT, 36 + 4 * 8, 9);
			sum_set(MADT, MADT_BYTES, 9);
			sum_set(BIOS + 0x40, 20, 8);
			sum_set(BIOS + 0x40, 36, 32);
		}
		CHECK_EQ(madt_read(&reader, &madt), madt.count != 0);
		CHECK_LE(madt.count, MADT_CPUS_MOST);
		for (unsigned cpu = 0; cpu < madt.count; cpu++) {
			CHECK(!seen[madt.ids[cpu]]);
			seen[madt.ids[cpu]] = true;
		}
		CHECK_LT(reads, READS_MAX);
		free(memory);
	}
}
