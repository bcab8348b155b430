/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Values as a person writes and reads them: addresses by name, sizes in units.
 * Pure functions; any context.
 */

#include <kernel/command.h>
#include <kernel/lib.h>
#include <kernel/print.h>
#include <kernel/symbols.h>

static bool is_digit(char character)
{
	return character >= '0' && character <= '9';
}

errno_t address_parse(const char *text, uintptr_t *va)
{
	char name[NEAREST_SIZE];
	const char *plus = strchr(text, '+');
	size_t length = plus != NULL ? (size_t) (plus - text) : strlen(text), offset = 0;
	uintptr_t base;
	errno_t error;

	if (is_digit(text[0]))
		return parse_size(text, va);
	if (length == 0 || length >= NEAREST_SIZE)
		return EINVAL;
	strlcpy(name, text, length + 1);
	if (!symbol_address(name, &base))
		return ENOENT;
	error = plus != NULL ? parse_size(plus + 1, &offset) : EOK;
	if (error != EOK)
		return error;
	if (__builtin_add_overflow(base, offset, va))
		return ERANGE;
	return EOK;
}

const char *size_text(char text[static SIZE_TEXT], uint64_t bytes)
{
	static const char units[][4] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	unsigned unit = 0;
	uint64_t whole;
	unsigned tenths;

	while (unit + 1 < ARRAY_COUNT(units) && bytes >> (10 * unit) >= 1024)
		unit++;
	whole = bytes >> (10 * unit);
	tenths = unit == 0 ? 0 : (unsigned) ((bytes >> (10 * (unit - 1)) & 1023) * 10 >> 10);
	if (bytes == whole << (10 * unit))
		ksnprintf(text, SIZE_TEXT, "%u %s", (unsigned) whole, units[unit]);
	else
		ksnprintf(text, SIZE_TEXT, "%u.%u %s", (unsigned) whole, tenths, units[unit]);
	return text;
}
