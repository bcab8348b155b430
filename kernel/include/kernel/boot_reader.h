/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * How the readers of what loaders and firmware have left (boot/, genarch/x86/madt.c) get at it: they never follow an
 * address themselves, but have bytes copied, and are refused what cannot be read. An address is what the structure that
 * is read means by it: a physical address, or an offset into a device tree or a list of properties, of which the reader
 * has no more than its bytes. The kernel and the host's tests supply different ones.
 */

#ifndef KERNEL_BOOT_READER_H
#define KERNEL_BOOT_READER_H

#include <mm/memmap.h>
#include <mm/types.h>

struct boot_reader {
	/** Copies bytes from an address. @return false if not all of them can be read; then *to is undefined */
	bool (*read)(const struct boot_reader *reader, uint64_t at, void *to, size_t bytes);

	/** Where RAM at a physical address can be used, for good; NULL if it cannot. Readers that only read have none. */
	void *(*place)(const struct boot_reader *reader, uint64_t at, size_t bytes);

	uint64_t limit; /* what is read and placed ends below */
	void *bytes;    /* of boot_bytes_read and boot_bytes_place: where address 0 is */
};

/** Whether all of these bytes lie below the reader's limit; also if their end cannot be expressed. */
static inline bool boot_reader_reaches(const struct boot_reader *reader, uint64_t at, size_t bytes)
{
	return at < reader->limit && bytes <= reader->limit - at;
}

/** For a reader of bytes that can be accessed one behind the other. */
bool boot_bytes_read(const struct boot_reader *reader, uint64_t at, void *to, size_t bytes);
void *boot_bytes_place(const struct boot_reader *reader, uint64_t at, size_t bytes);

enum boot_order { BOOT_LITTLE, BOOT_BIG };

/** Reads a number of 1 to 8 bytes, at any address. @return false if it cannot be read; then *value is as it was */
MUST_USE bool boot_number_read(
	const struct boot_reader *reader, uint64_t at, size_t bytes, enum boot_order order, uint64_t *value);

/**
 * Copies a text up to its 0, or to its last byte. One that does not fit, or goes on where nothing can be read, is cut
 * off, and that is logged.
 *
 * @param what   what is logged
 * @param bytes  what it has at most; UINT64_MAX = not known
 * @param size   of the buffer, with its 0
 * @return whether the text is whole
 */
bool boot_text_read(
	const struct boot_reader *reader, const char *what, uint64_t at, uint64_t bytes, char *to, size_t size);

/**
 * Adds a range that the firmware has reported to the memory map; RAM only as far as the CPU can address it. What is not
 * used is logged; what a range forbids holds in any case.
 */
void boot_map_add(struct memmap *map, uint64_t base, uint64_t bytes, enum memmap_type type);

#endif
