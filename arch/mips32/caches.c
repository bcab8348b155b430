/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The caches: instructions are fetched past the data cache, and both are indexed by
 * virtual address (MD00343, 7). What was written becomes what is executed
 * by writing the data cache back and invalidating the instruction cache. Where a way
 * of that is larger than a page, the instructions may be in it under another colour than the
 * writer's: then all of it is invalidated, by index.
 *
 * A data cache with such ways has two places for one frame, unless the CPU keeps
 * aliases away (Config7.AR, MD00343, 6.2.30). A CPU that does not is one for larger pages.
 *
 * The firmware has made the caches empty, and turned them on.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>

#define CONFIG7_ALIAS_REMOVED (1u << 16)

/* Fields of Config1, three bits each (MD00090, 9.35). */
#define DATA_SHIFT 7
#define INSTRUCTION_SHIFT 16

/* CACHE instructions, MD00086. */
#define INDEX_INVALIDATE_I 0x00
#define HIT_INVALIDATE_I 0x10
#define HIT_WRITEBACK_D 0x19

#define CACHE(operation, address) __asm__ volatile("cache %0, 0(%1)" : : "i"(operation), "r"(address) : "memory")

struct cache {
	size_t line, way, ways; /* bytes of a line, of a way; line = 0: there is none */
};

static struct cache instructions, data;

static struct cache cache_measure(unsigned shift)
{
	uint32_t config = CP0_READ(CP0_CONFIG1) >> shift;
	unsigned line = config >> 3 & 7, sets = config >> 6 & 7;

	if (line == 0)
		return (struct cache){ 0 };
	return (struct cache){ .line = (size_t) 2 << line,
		.way = ((size_t) 2 << line) * (sets == 7 ? 32 : (size_t) 64 << sets),
		.ways = (config & 7) + 1 };
}

const char *caches_init(void)
{
	instructions = cache_measure(INSTRUCTION_SHIFT);
	data = cache_measure(DATA_SHIFT);
	if (data.way > PAGE_SIZE && (CP0_READ(CP0_CONFIG7) & CONFIG7_ALIAS_REMOVED) == 0)
		return "the ways of this CPU's data cache are larger than a page (PAGE_WIDTH=14 may do)";
	return NULL;
}

void(frame_make_executable)(const void *page)
{
	uintptr_t start = (uintptr_t) page;

	if (data.line != 0)
		for (uintptr_t at = start; at < start + PAGE_SIZE; at += data.line)
			CACHE(HIT_WRITEBACK_D, at);
	__asm__ volatile("sync" : : : "memory");
	if (instructions.line != 0 && instructions.way <= PAGE_SIZE)
		for (uintptr_t at = start; at < start + PAGE_SIZE; at += instructions.line)
			CACHE(HIT_INVALIDATE_I, at);
	else if (instructions.line != 0)
		for (uintptr_t at = IDENTITY_VIRT; at < IDENTITY_VIRT + instructions.way * instructions.ways;
			 at += instructions.line)
			CACHE(INDEX_INVALIDATE_I, at);
	__asm__ volatile("sync; ehb" : : : "memory");
}
