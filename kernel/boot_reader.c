/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What all ways of booting do with what firmware and loaders report. Nothing of it is
 * believed: each byte is read through a reader that has bounds, and what is
 * added to the memory map is held to what the CPU can address.
 *
 * Context: at boot, on the first CPU; a reader may be used later if it says so. COST.
 * Linear in bytes.
 */

#include <kernel/boot_reader.h>
#include <mm/page.h>
#include <mm/port.h>

void *boot_bytes_place(const struct boot_reader *reader, uint64_t at, size_t bytes)
{
	return boot_reader_reaches(reader, at, bytes) ? (char *) reader->bytes + at : NULL;
}

bool boot_bytes_read(const struct boot_reader *reader, uint64_t at, void *to, size_t bytes)
{
	const void *from = boot_bytes_place(reader, at, bytes);

	if (from != NULL)
		__builtin_memcpy(to, from, bytes);
	return from != NULL;
}

bool boot_number_read(
	const struct boot_reader *reader, uint64_t at, size_t bytes, enum boot_order order, uint64_t *value)
{
	uint8_t digits[sizeof(uint64_t)];
	uint64_t number = 0;

	if (bytes > sizeof(digits) || !reader->read(reader, at, digits, bytes))
		return false;
	for (size_t i = 0; i < bytes; i++)
		number = number << 8 | digits[order == BOOT_BIG ? i : bytes - 1 - i];
	*value = number;
	return true;
}

bool boot_text_read(
	const struct boot_reader *reader, const char *what, uint64_t at, uint64_t bytes, char *to, size_t size)
{
	size_t length = 0;
	char next = 0;
	bool there = true, is_cut;

	while (length < bytes && (there = reader->read(reader, at + length, &next, 1)) && next != 0 && length < size - 1)
		to[length++] = next;
	is_cut = length < bytes && (!there || next != 0);
	if (is_cut)
		port_log("boot: the %s at 0x%llx is cut off after %zu characters", what, (unsigned long long) at, length);
	to[length] = 0;
	return !is_cut;
}

void boot_map_add(struct memmap *map, uint64_t base, uint64_t bytes, enum memmap_type type)
{
	uint64_t last = phys_last();

	if (type == MEMMAP_FREE && bytes != 0 && (base > last || bytes - 1 > last - base)) {
		uint64_t fits = base > last ? 0 : last - base + 1;

		port_log("boot: of 0x%llx bytes of RAM at 0x%llx this CPU can address 0x%llx", (unsigned long long) bytes,
			(unsigned long long) base, (unsigned long long) fits);
		if (fits == 0)
			return;
		bytes = fits;
	}
	if (memmap_add(map, base, bytes, type) != EOK && type == MEMMAP_FREE)
		port_log("boot: so this RAM is not used");
}
