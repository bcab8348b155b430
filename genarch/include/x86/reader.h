/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * How the readers of what loaders and firmware have left (boot/multiboot, genarch/x86/madt.c) get at physical memory:
 * they never follow an address themselves, but have bytes copied, and are refused what cannot be read. The kernel and
 * the host's tests supply different ones.
 */

#ifndef X86_READER_H
#define X86_READER_H

#include <mm/types.h>

struct boot_reader {
	/** Copies bytes from physical memory. @return false if not all of them can be read; then *to is undefined */
	bool (*read)(const struct boot_reader *reader, uint64_t pa, void *to, size_t bytes);

	/** Where RAM at a physical address can be used, for good; NULL if it cannot. Readers that only read have none. */
	void *(*place)(const struct boot_reader *reader, uint64_t pa, size_t bytes);

	uint64_t limit; /* no place reaches beyond */
};

/** Whether all of these bytes lie below the reader's limit; also if their end cannot be expressed. */
static inline bool boot_reader_reaches(const struct boot_reader *reader, uint64_t pa, size_t bytes)
{
	return pa < reader->limit && bytes <= reader->limit - pa;
}

#endif
