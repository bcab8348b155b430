// SPDX-License-Identifier: BSD-2-Clause
/**
 * @file
 * Physical memory, and the decoded code that stands for an instruction cache.
 *
 * Memory is everywhere and reads as zero until it is written, as under Ski;
 * chunks of 4 MiB of it are made as they are touched. There are no devices, so
 * the ranges where a PC-like machine has some stop the simulator.
 *
 * Each 4 KiB of code that runs has an array of 256 decoded bundles. A store
 * does not change it: like an instruction cache that is not coherent, it holds
 * what it decoded first. fc names a line, sync.i makes the lines named before
 * it ready, and srlz.i or rfi lets the fetch see them (2:4.4.6.2). Only then is
 * the line decoded anew. A kernel that leaves out one of the three runs the old
 * code, here always and on hardware now and then.
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CHUNK_BITS = 22, PAGE_BITS = 12, CHUNK_PAGES = 1 << (CHUNK_BITS - PAGE_BITS), BUCKETS = 1024, LINE = 32 };

struct chunk {
	struct chunk *next;
	uint64_t number;
	uint8_t *bytes;
	struct bundle *decoded[CHUNK_PAGES];
};

static struct chunk *buckets[BUCKETS];

/** Physical lines that fc has named. */
static uint64_t *flushed;
static size_t flushed_count, flushed_ready, flushed_capacity;

static const struct {
	uint64_t first, last;
	const char *what;
} devices[] = {
	{ 0xb8000, 0xb8fff, "VGA" },
	{ 0xfed00000, 0xfed2ffff, "chipset" },
	{ 0xfee00000, 0xfeffffff, "processor interrupt block" },
	{ 0xff5e0000, 0xff5e2fff, "8250" },
	{ 0xffffc000000, 0xfffffffffff, "I/O ports" },
};

static void *allocate(size_t size)
{
	void *memory = calloc(1, size);

	if (memory == NULL) {
		fprintf(stderr, "ia64sim: out of memory\n");
		exit(2);
	}
	return memory;
}

static struct chunk *chunk_of(uint64_t pa)
{
	uint64_t number = (pa & ~BIT(63)) >> CHUNK_BITS;
	struct chunk **bucket = &buckets[number % BUCKETS];

	for (struct chunk *chunk = *bucket; chunk != NULL; chunk = chunk->next) {
		if (chunk->number == number)
			return chunk;
	}
	struct chunk *chunk = allocate(sizeof *chunk);

	chunk->bytes =
		mmap(NULL, 1 << CHUNK_BITS, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (chunk->bytes == MAP_FAILED) {
		perror("ia64sim: memory");
		exit(2);
	}
	chunk->number = number;
	chunk->next = *bucket;
	*bucket = chunk;
	return chunk;
}

/** @return the byte at @p pa, and those after it on its 4 KiB page */
uint8_t *physical(uint64_t pa)
{
	uint64_t address = pa & ~BIT(63); // the uncacheable alias

	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
		if (__builtin_expect(address >= devices[i].first && address <= devices[i].last, 0))
			unmodelled("physical address %#jx, where real machines have the %s", (uintmax_t) pa, devices[i].what);
	}
	return chunk_of(pa)->bytes + (address & ((1 << CHUNK_BITS) - 1));
}

struct bundle *decoded_page(uint64_t pa)
{
	struct bundle **page = &chunk_of(pa)->decoded[pa >> PAGE_BITS & (CHUNK_PAGES - 1)];

	if (*page == NULL)
		*page = allocate(256 * sizeof **page);
	return *page;
}

void icache_flush_line(uint64_t pa)
{
	if (flushed_count == flushed_capacity) {
		flushed_capacity = flushed_capacity == 0 ? 64 : flushed_capacity * 2;
		flushed = realloc(flushed, flushed_capacity * sizeof *flushed);
		if (flushed == NULL) {
			fprintf(stderr, "ia64sim: out of memory\n");
			exit(2);
		}
	}
	flushed[flushed_count++] = pa & ~(uint64_t) (LINE - 1);
}

void icache_sync(void)
{
	flushed_ready = flushed_count;
}

void icache_serialize(void)
{
	for (size_t i = 0; i < flushed_ready; i++) {
		struct bundle *page = chunk_of(flushed[i])->decoded[flushed[i] >> PAGE_BITS & (CHUNK_PAGES - 1)];

		if (page != NULL) {
			page[flushed[i] >> 4 & 0xff].decoded = false;
			page[(flushed[i] >> 4 & 0xff) + 1].decoded = false;
		}
	}
	flushed_count -= flushed_ready;
	if (flushed_count > 0)
		memmove(flushed, flushed + flushed_ready, flushed_count * sizeof *flushed);
	flushed_ready = 0;
}

/** What @p size bytes at @p pa are, within a page, for the loader, the calls of the simulator and the prompt. */
bool memory_read(uint64_t pa, void *to, unsigned size)
{
	if ((pa & 0xfff) + size > 0x1000)
		return false;
	memcpy(to, physical(pa), size);
	return true;
}

bool memory_write(uint64_t pa, const void *from, unsigned size)
{
	if ((pa & 0xfff) + size > 0x1000)
		return false;
	memcpy(physical(pa), from, size);
	return true;
}
