/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Loads for page mapping, and the program that puts one of them on the design
 * it is linked with.
 *
 *   compare-DESIGN LOAD SHAPE ROUNDS
 *
 * A SHAPE says where the PLACES pages of a load are:
 *
 *   dense    one after the other
 *   64k      one every 64 KiB
 *   2m       one every 2 MiB + 64 KiB, so each by itself, whatever a table covers
 *   spaces   over 128 address spaces, in each 64 pages, in four runs of 16
 *
 * A LOAD is
 *
 *   find-hot      the page mapped last, again and again
 *   find          pages in a fixed random order; all are mapped
 *   miss          the same of pages that are not mapped, between those that are
 *   insert        pages one by one, in order, into nothing
 *   remove        pages one by one, in order, until nothing is left
 *   insert-there  the neighbour of each page, one by one, in order: what holds it is there
 *   remove-there  these one by one
 *   fault         pages in a fixed random order: a find that misses, then an insert of that one
 *   bytes         no load: how much memory page tables take, each page, when all are mapped
 *
 * and, with the shapes base and large, of 1,024 pages in one call: range-insert, range-update, range-remove.
 *
 * A load runs once to warm up, then ROUNDS times; what it needs before, or leaves behind, is done in between and not
 * measured. It prints the operations (pages) of a round and the nanoseconds each took; `bytes` prints bytes. Under
 * callgrind, collecting is switched on and off at the function `measured`.
 */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <arch/host.h>
#include <mm/page.h>

#define PLACES 8192
#define SPACES 128
#define SPACE_RUNS 4
#define RUN_PAGES (PLACES / SPACES / SPACE_RUNS)
#define HOT 1000
#define RANGE_PAGES 1024
#define RANGE_VA (USER_START + MiB(64))
#define FLAGS (PAGE_READ | PAGE_WRITE | PAGE_USER)

struct place {
	struct page_table *table;
	uintptr_t va;
};

static struct place places[PLACES];
static unsigned order[PLACES];
static struct page_table *tables[SPACES];
static page_flags_t range_flags;

/* ---- the subject: the design, or nothing, which is what the loops alone cost ---- */

#ifdef SUBJECT_NOTHING
#define page_mapping_insert(table, va, pa, pages, flags, alloc) nothing(table, va)
#define page_mapping_update(table, va, pages, flags, alloc) nothing(table, va)
#define page_mapping_remove(table, va, pages) ((void) nothing(table, va))
#define page_translate(table, va, pa) (*(pa) = 0, nothing(table, va) != EOK)

static inline errno_t nothing(struct page_table *table, uintptr_t va)
{
	errno_t error = EOK;

	__asm__ volatile("" : "+r"(error) : "r"(table), "r"(va));
	return error;
}

#define IS_NOTHING true
#else
#define IS_NOTHING false
#endif

static unsigned failures;

static inline void insert(const struct place *place, uintptr_t offset)
{
	uintptr_t va = place->va + offset;

	failures += page_mapping_insert(place->table, va, MiB(16) + va % MiB(64), 1, FLAGS, FRAME_ATOMIC) != EOK;
}

static inline void remove_page(const struct place *place, uintptr_t offset)
{
	page_mapping_remove(place->table, place->va + offset, 1);
}

static inline void find(const struct place *place, uintptr_t offset, bool should)
{
	phys_t pa;

	failures += page_translate(place->table, place->va + offset, &pa) != should;
}

/* ---- rounds ---- */

static void find_hot(void)
{
	for (unsigned i = 0; i < HOT; i++)
		find(&places[PLACES - 1], 0, true);
}

static void find_all(void)
{
	for (unsigned i = 0; i < PLACES; i++)
		find(&places[order[i]], 0, true);
}

static void miss_all(void)
{
	for (unsigned i = 0; i < PLACES; i++)
		find(&places[order[i]], PAGE_SIZE, false);
}

static void insert_all(void)
{
	for (unsigned i = 0; i < PLACES; i++)
		insert(&places[i], 0);
}

static void remove_all(void)
{
	for (unsigned i = 0; i < PLACES; i++)
		remove_page(&places[i], 0);
}

static void insert_neighbours(void)
{
	for (unsigned i = 0; i < PLACES; i++)
		insert(&places[i], PAGE_SIZE);
}

static void remove_neighbours(void)
{
	for (unsigned i = 0; i < PLACES; i++)
		remove_page(&places[i], PAGE_SIZE);
}

static void fault_all(void)
{
	for (unsigned i = 0; i < PLACES; i++) {
		find(&places[order[i]], 0, false);
		insert(&places[order[i]], 0);
	}
}

static void range_insert(void)
{
	failures += page_mapping_insert(tables[0], RANGE_VA, MiB(16), RANGE_PAGES, range_flags, FRAME_ATOMIC) != EOK;
}

static void range_update(void)
{
	failures += page_mapping_update(tables[0], RANGE_VA, RANGE_PAGES, PAGE_READ | PAGE_USER, FRAME_ATOMIC) != EOK;
}

static void range_remove(void)
{
	page_mapping_remove(tables[0], RANGE_VA, RANGE_PAGES);
}

/* ---- shapes ---- */

static bool shape_strided(size_t stride)
{
	if (stride > (USER_LAST - RANGE_VA) / PLACES)
		return false;
	for (size_t i = 0; i < PLACES; i++)
		places[i] = (struct place){ tables[0], RANGE_VA + i * stride };
	return true;
}

/* Text, data, libraries and stack, so to speak: runs of pages far from each other, two pages apart in a run. */
static bool shape_spaces(size_t stride)
{
	for (size_t i = 0; i < PLACES; i++) {
		size_t run = i / RUN_PAGES % SPACE_RUNS;

		places[i] =
			(struct place){ tables[i / RUN_PAGES / SPACE_RUNS], RANGE_VA + run * MiB(128) + i % RUN_PAGES * stride };
	}
	return true;
}

/* Neighbours lie between the pages of a shape: for the loads that want them, every other of dense ones stays free. */
static bool shape_open(const char *name, bool with_neighbours)
{
	size_t page = with_neighbours ? 2 * PAGE_SIZE : PAGE_SIZE;

	if (strcmp(name, "dense") == 0)
		return shape_strided(page);
	if (strcmp(name, "64k") == 0)
		return shape_strided(KiB(64));
	if (strcmp(name, "2m") == 0)
		return shape_strided(MiB(2) + KiB(64));
	if (strcmp(name, "spaces") == 0)
		return shape_spaces(page);
	range_flags = FLAGS | (strcmp(name, "base") == 0 ? PAGE_NO_LARGE : 0);
	return strcmp(name, "base") == 0 || strcmp(name, "large") == 0;
}

/* The order is Fisher and Yates's, by the generator of Knuth's MMIX. */
static void order_shuffle(void)
{
	uint64_t random = 1;

	for (unsigned i = 0; i < PLACES; i++)
		order[i] = i;
	for (unsigned i = PLACES - 1; i > 0; i--) {
		unsigned other, kept = order[i];

		random = random * 6364136223846793005u + 1442695040888963407u;
		other = (unsigned) (random >> 33) % (i + 1);
		order[i] = order[other];
		order[other] = kept;
	}
}

/* ---- the program ---- */

static const struct load {
	const char *name;
	void (*before)(void); /* once, before all rounds */
	void (*round)(void);
	void (*after)(void); /* after each, not measured */
	unsigned operations;
	bool neighbours, range;
} loads[] = {
	{ "find-hot", insert_all, find_hot, NULL, HOT, false, false },
	{ "find", insert_all, find_all, NULL, PLACES, false, false },
	{ "miss", insert_all, miss_all, NULL, PLACES, true, false },
	{ "insert", NULL, insert_all, remove_all, PLACES, false, false },
	{ "remove", insert_all, remove_all, insert_all, PLACES, false, false },
	{ "insert-there", insert_all, insert_neighbours, remove_neighbours, PLACES, true, false },
	{ "remove-there", insert_all, remove_neighbours, insert_neighbours, PLACES, true, false },
	{ "fault", NULL, fault_all, remove_all, PLACES, false, false },
	{ "range-insert", NULL, range_insert, range_remove, RANGE_PAGES, false, true },
	{ "range-update", range_insert, range_update, NULL, RANGE_PAGES, false, true },
	{ "range-remove", range_insert, range_remove, range_insert, RANGE_PAGES, false, true },
};

/* What callgrind collects in. */
__attribute__((noinline)) static void measured(void (*round)(void))
{
	round();
	__asm__ volatile("" : : : "memory");
}

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t) time.tv_sec * 1000000000u + (uint64_t) time.tv_nsec;
}

/* @return nanoseconds of all rounds. The first round is not measured. */
static uint64_t run(const struct load *load, unsigned rounds)
{
	uint64_t spent = 0;

	if (load->before != NULL)
		load->before();
	if (load->round == remove_neighbours)
		insert_neighbours();
	for (unsigned i = 0; i <= rounds; i++) {
		uint64_t begin = now();

		if (i > 0)
			measured(load->round);
		else
			load->round();
		spent += i > 0 ? now() - begin : 0;
		if (load->after != NULL)
			load->after();
	}
	return spent;
}

static size_t frames_free(void)
{
	struct frame_info info;

	frame_get_info(&info);
	return info.free + info.cached;
}

static void start(void)
{
	order_shuffle();
	host_boot(&(struct host_memory){ .low = MiB(256) });
	for (size_t i = 0; i < SPACES; i++)
		if ((tables[i] = page_table_create(0)) == NULL)
			exit(2);
}

static int usage(const char *program)
{
	fprintf(stderr, "usage: %s LOAD SHAPE ROUNDS\n", program);
	return 2;
}

int main(int count, char **arguments)
{
	unsigned rounds = count == 4 ? (unsigned) strtoul(arguments[3], NULL, 10) : 0;
	const struct load *load = NULL;
	bool bytes = count == 4 && strcmp(arguments[1], "bytes") == 0;

	for (size_t i = 0; count == 4 && i < sizeof loads / sizeof loads[0]; i++)
		if (strcmp(arguments[1], loads[i].name) == 0)
			load = &loads[i];
	if (rounds == 0 || (load == NULL && !bytes))
		return usage(arguments[0]);
	start();
	if (!shape_open(arguments[2], load != NULL && load->neighbours) ||
		(load != NULL && load->range != (range_flags != 0)))
		return usage(arguments[0]);
	if (bytes) {
		size_t free = frames_free();

		insert_all();
		printf("%u %.1f\n", PLACES, (double) (free - frames_free()) * PAGE_SIZE / PLACES);
	} else {
		printf("%u %.2f\n", load->operations, (double) run(load, rounds) / ((double) load->operations * rounds));
	}
	if (failures == 0 || IS_NOTHING)
		return 0;
	fprintf(stderr, "%s: %u operations failed\n", arguments[0], failures);
	return 1;
}
