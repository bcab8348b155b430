/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * How the boot code reaches memory, for yamon.c: in the direct map, as far as there can be
 * RAM, by probes: where there is none a read is a bus error.
 */

#include <arch/mm.h>
#include <kernel/lib.h>
#include <kernel/trap.h>

#include "yamon.h"

static bool probing_read(const struct boot_reader *reader, uint64_t pa, void *to, size_t bytes)
{
	if (!boot_reader_reaches(reader, pa, bytes) || bytes == 0)
		return false;
	if (!probe_read(PA2KA(pa)) || !probe_read(PA2KA(pa + bytes - 1)))
		return false;
	memcpy(to, (const void *) PA2KA(pa), bytes);
	return true;
}

const char *yamon_collect(uint32_t argv, uint32_t environment, uint32_t memory, const struct boot_info **result)
{
	static const struct boot_reader reader = { .read = probing_read, .limit = RAM_LOW_SIZE };
	struct yamon_place place = { .reader = &reader,
		.image = IMAGE2PA(image_start),
		.image_bytes = (uint64_t) (image_end - image_start),
		.reserved_bytes = PAGE_SIZE,
		.low_bytes = RAM_LOW_SIZE,
		.high_base = RAM_HIGH_PHYS,
		.high_bytes = (uint64_t) RAM_LAST - RAM_HIGH_PHYS + 1 };

	return yamon_read(&place, argv, environment, memory, result);
}
