/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From what YAMON hands over to the kernel's memory map:
 *
 *   image      the kernel
 *   reserved   the exception vectors, from 0 on
 *   device     from the end of what RAM can be from 0 on to where the rest of it begins
 *   free       RAM: from 0 on, and the rest
 *
 * Nothing is believed. Addresses are followed by a reader only (kernel/boot_reader.h), which refuses
 * what is not RAM; lists and texts have an end (ENTRIES_MAX, TEXT_SIZE); what is no
 * number is not used, and RAM is never more than the board can have, nor less than the
 * image needs (the kernel says that by itself: it does not start). What is not used is
 * logged. So the host can test this with lists made hostile (test/yamon_test.c).
 *
 * Texts are copied, and the rest used up here: all of YAMON's lies in free memory.
 */

#include <mm/port.h>

#include "yamon.h"

/* Pairs of the environment that are looked at. */
#define ENTRIES_MAX 256
#define TEXT_SIZE 512
#define NUMBER_SIZE 24

/* kseg0, and kseg1 behind it. */
#define SEGMENT_FIRST 0x80000000u
#define SEGMENT_LAST 0xbfffffffu
#define SEGMENT_MASK 0x1fffffffu

#define RANGES 64

static struct memmap_range ranges[RANGES];
static struct memmap map;
static char command_line[TEXT_SIZE];
static const struct boot_info boot_info = { .map = &map, .command_line = command_line, .loader = "YAMON" };

static bool copy(const struct yamon_place *place, uint32_t va, void *to, size_t bytes)
{
	return va >= SEGMENT_FIRST && va <= SEGMENT_LAST &&
		place->reader->read(place->reader, va & SEGMENT_MASK, to, bytes);
}

/* The number-th address of a list. @return 0 at its end, or if it cannot be read */
static uint32_t list_entry(const struct yamon_place *place, uint32_t list, size_t number)
{
	uint32_t entry = 0;

	if (list % sizeof(entry) != 0 || !copy(place, list + (uint32_t) (number * sizeof(entry)), &entry, sizeof(entry)))
		return 0;
	return entry;
}

/* Copies a text with its 0. @return false if it is longer, or cannot be read: then *to is what came before, with a 0 */
static bool text_copy(const struct yamon_place *place, const char *what, uint32_t va, char *to, size_t size)
{
	bool is_inside = va >= SEGMENT_FIRST && va <= SEGMENT_LAST;

	/* No reader reaches the last address of all. */
	return boot_text_read(place->reader, what, is_inside ? va & SEGMENT_MASK : UINT64_MAX, UINT64_MAX, to, size);
}

static bool text_equal(const char *left, const char *right)
{
	while (*left != 0 && *left == *right)
		left++, right++;
	return *left == *right;
}

static unsigned digit_of(char character)
{
	if (character >= '0' && character <= '9')
		return (unsigned) (character - '0');
	if (character >= 'a' && character <= 'f')
		return (unsigned) (character - 'a') + 10;
	if (character >= 'A' && character <= 'F')
		return (unsigned) (character - 'A') + 10;
	return 16;
}

/* @return whether the text is a number of 64 bits, from its first character to its last */
static bool number_parse(const char *text, uint64_t *number)
{
	bool is_hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	unsigned base = is_hexadecimal ? 16 : 10;

	if (is_hexadecimal)
		text += 2;
	*number = 0;
	for (const char *at = text; *at != 0 || at == text; at++) {
		unsigned digit = digit_of(*at);

		/* By shifts: a limit of 2^60 keeps both bases from running over. */
		if (digit >= base || *number >> 60 != 0)
			return false;
		*number = *number * base + digit;
	}
	return true;
}

/* A number of the environment. @return false if there is none of this name, or it is no number */
static bool environment_number(const struct yamon_place *place, uint32_t list, const char *name, uint64_t *number)
{
	char text[NUMBER_SIZE];
	uint32_t entry;

	for (size_t i = 0; i < ENTRIES_MAX && (entry = list_entry(place, list, 2 * i)) != 0; i++) {
		if (!text_copy(place, "name", entry, text, sizeof(text)) || !text_equal(text, name))
			continue;
		if (text_copy(place, name, list_entry(place, list, 2 * i + 1), text, sizeof(text)) &&
			number_parse(text, number))
			return true;
		port_log("boot: the environment's %s is no number: not used", name);
		return false;
	}
	return false;
}

static void add(uint64_t base, uint64_t bytes, enum memmap_type type)
{
	if (bytes != 0)
		boot_map_add(&map, base, bytes, type);
}

/* Bytes of RAM, no more than there can be. */
static uint64_t clip(const char *what, uint64_t bytes, uint64_t most)
{
	if (bytes <= most)
		return bytes;
	port_log("boot: 0x%llx bytes of RAM %s: 0x%llx of them are used", (unsigned long long) bytes, what,
		(unsigned long long) most);
	return most;
}

static void map_make(const struct yamon_place *place, uint64_t low, uint64_t all)
{
	memmap_init(&map, ranges, RANGES);
	add(place->image, place->image_bytes, MEMMAP_IMAGE);
	add(0, place->reserved_bytes, MEMMAP_RESERVED);
	add(place->low_bytes, place->high_base - place->low_bytes, MEMMAP_DEVICE);
	add(0, low, MEMMAP_FREE);
	if (low == place->low_bytes && all > low)
		add(place->high_base, clip("beyond the first part", all - low, place->high_bytes), MEMMAP_FREE);
}

const char *yamon_read(const struct yamon_place *place, uint32_t argv, uint32_t environment, uint32_t memory,
	const struct boot_info **result)
{
	uint64_t low, all;
	uint32_t line = list_entry(place, argv, 0) != 0 ? list_entry(place, argv, 1) : 0;

	command_line[0] = 0;
	if (line != 0)
		(void) text_copy(place, "command line", line, command_line, sizeof(command_line));
	if (!environment_number(place, environment, "memsize", &low))
		low = memory;
	if (low == 0)
		return "the firmware says nothing of this machine's memory";
	if (!environment_number(place, environment, "ememsize", &all))
		all = low;
	map_make(place, clip("from 0 on", low, place->low_bytes), all);
	*result = &boot_info;
	return NULL;
}
