/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Names for addresses. The table is described in kernel/symbols.h. It is
 * constant, so there is no lock; any context. Finding a name is O(log symbols),
 * finding an address by name O(symbols).
 */

#include <kernel/lib.h>
#include <kernel/symbols.h>

extern const char image_end[];

static const char *name_of(size_t symbol)
{
	return symbol_names + symbol_name_offsets[symbol];
}

/* How many symbols lie at or below this offset. */
static size_t symbols_up_to(uintptr_t offset)
{
	size_t low = 0, high = symbol_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbol_offsets[middle] <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const char *symbol_name(uintptr_t va, size_t *offset)
{
	if (va < symbol_base || va >= (uintptr_t) image_end || symbol_count == 0)
		return NULL;

	size_t symbol = symbols_up_to(va - symbol_base) - 1;

	/* Of several at one address, the first. */
	while (symbol > 0 && symbol_offsets[symbol - 1] == symbol_offsets[symbol])
		symbol--;
	if (offset != NULL)
		*offset = va - symbol_base - symbol_offsets[symbol];
	return name_of(symbol);
}

bool symbol_address(const char *name, uintptr_t *va)
{
	for (size_t symbol = 0; symbol < symbol_count; symbol++) {
		if (strcmp(name_of(symbol), name) == 0) {
			*va = symbol_base + symbol_offsets[symbol];
			return true;
		}
	}
	return false;
}

void symbol_each(const char *prefix, bool (*visit)(const char *name, uintptr_t va, void *argument), void *argument)
{
	for (size_t symbol = 0; symbol < symbol_count; symbol++)
		if (string_starts_with(name_of(symbol), prefix) &&
			!visit(name_of(symbol), symbol_base + symbol_offsets[symbol], argument))
			return;
}
