/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A small kernel that has taken the memory core as it is: the archive
 * libhoplite.a and its headers. It shows what doc/embedding.md documents: how
 * the core is started, and that all of it works over a port of one file.
 *
 * Its machine is a process, so the user's accesses are made here, as a CPU with
 * page faults makes them.
 */

#include <stdarg.h>
#include <stdio.h>

#include <mm/memmap.h>

#include "../embed.h"
#include "thread.h"

#define RAM MiB(32)

static struct thread worker;

void worker_start(void (*body)(void))
{
	thread_start(&worker, body);
}

void worker_join(void)
{
	thread_join(&worker);
}

void report(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

static unsigned char *user_at(struct as *as, uintptr_t va, unsigned access)
{
	for (;;) {
		struct page_mapping mapping = page_mapping_find(as_page_table(as), va);

		if (mapping.size != 0 && (access != AS_ACCESS_WRITE || (mapping.flags & PAGE_WRITE)))
			return (unsigned char *) PA2KA(mapping.pa);
		if (as_page_fault(as, va, access, 0) != AS_FAULT_OK)
			return NULL;
	}
}

bool user_write(struct as *as, uintptr_t va, unsigned char value)
{
	unsigned char *at = user_at(as, va, AS_ACCESS_WRITE);

	if (at != NULL)
		*at = value;
	return at != NULL;
}

int user_read(struct as *as, uintptr_t va)
{
	unsigned char *at = user_at(as, va, AS_ACCESS_READ);

	return at != NULL ? *at : -1;
}

int main(void)
{
	static struct memmap_range ranges[16];
	static struct thread first;
	struct memmap map;

	thread_adopt(&first);
	memmap_init(&map, ranges, ARRAY_COUNT(ranges));
	report_begin(PARTS_SHARED);
	if (CHECK(machine_start(RAM)) && CHECK(memmap_add(&map, PAGE_SIZE, RAM - PAGE_SIZE, MEMMAP_FREE) == EOK) &&
		core_start(&map))
		parts_run();
	report("# %u checks, %u failed", checks, failed);
	return failed == 0 ? 0 : 1;
}
