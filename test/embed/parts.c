/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Every part of the core in use: frames, objects, malloc, ranges, mappings,
 * address spaces with their page faults and copy-on-write, and sleeping for
 * memory, by nothing but the headers in mm/ and what embed.h lists.
 */

#include <mm/check.h>
#include <mm/frame.h>
#include <mm/km.h>
#include <mm/malloc.h>
#include <mm/memmap.h>
#include <mm/page.h>
#include <mm/port.h>
#include <mm/slab.h>
#include <mm/vmem.h>

#include "embed.h"

#define DEVICE ((phys_t) 0x30000000) /* registers, somewhere beyond the RAM */

unsigned checks, failed;

static unsigned reported;

bool check(bool is_so, const char *what, const char *file, int line)
{
	__atomic_fetch_add(&checks, 1, __ATOMIC_RELAXED);
	if (!is_so) {
		__atomic_fetch_add(&failed, 1, __ATOMIC_RELAXED);
		report("# %s:%d: %s", file, line, what);
	}
	return is_so;
}

void report_begin(size_t parts)
{
	report("KTAP version 1");
	report("1..%zu", parts);
}

void part_report(const struct part *part)
{
	unsigned before = __atomic_load_n(&failed, __ATOMIC_RELAXED);

	part->run();
	report("%sok %u - %s", __atomic_load_n(&failed, __ATOMIC_RELAXED) == before ? "" : "not ", ++reported, part->name);
}

bool core_start(struct memmap *map)
{
	return CHECK(memmap_add(map, DEVICE, PAGE_SIZE, MEMMAP_DEVICE) == EOK) &&
		CHECK(memmap_add(map, IMAGE2PA(image_start), (size_t) (image_end - image_start), MEMMAP_IMAGE) == EOK) &&
		CHECK(frame_init(map) == EOK) && CHECK(page_init() == EOK) && CHECK(slab_init() == EOK) &&
		CHECK(malloc_init() == EOK) && CHECK(km_init() == EOK) && CHECK(as_init() == EOK);
}

static size_t frames_free(void)
{
	struct frame_info info;

	frame_reclaim(RECLAIM_FULL, true);
	frame_get_info(&info);
	return info.free + info.cached;
}

static bool is_equal(const char *text, const char *other)
{
	while (*text != 0 && *text == *other)
		text++, other++;
	return *text == *other;
}

/* ---- the parts ---- */

static void frames_part(void)
{
	phys_t four = frame_alloc(4, FRAME_ZERO, KiB(16) - 1);

	CHECK(four % KiB(16) == 0);
	CHECK(*(uint64_t *) PA2KA(four + PAGE_SIZE) == 0);
	CHECK(frame_reference_add(four) == EOK && frame_reference_count(four) == 2);
	frame_free(four, 4);
	CHECK(frame_reference_count(four) == 1);
	frame_free(four, 1);
	CHECK(frame_alloc(2 * frames_free(), FRAME_ATOMIC, 0) == 0);
}

static errno_t message_construct(void *object, frame_flags_t flags)
{
	(void) flags;
	for (size_t i = 0; i < 80; i++)
		((unsigned char *) object)[i] = 0x5a;
	return EOK;
}

static void objects_part(void)
{
	struct slab_cache_options options = { .constructor = message_construct };
	struct slab_cache *cache = slab_cache_create("message", 80, &options, 0);
	unsigned char *objects[200];

	for (size_t i = 0; i < ARRAY_COUNT(objects); i++) {
		objects[i] = slab_alloc(cache, 0);
		CHECK(objects[i][79] == 0x5a);
	}
	CHECK(slab_cache_destroy(cache) == EBUSY);
	for (size_t i = 0; i < ARRAY_COUNT(objects); i++)
		slab_free(cache, objects[i]);
	CHECK(slab_cache_destroy(cache) == EOK);
}

static void malloc_part(void)
{
	static const char word[] = "from here";
	char *text = mm_malloc(sizeof(word), 0);
	void *aligned = mm_memalign(256, 300, 0);

	for (size_t i = 0; i < sizeof(word); i++)
		text[i] = word[i];
	text = mm_realloc(text, KiB(100), 0);
	CHECK(is_equal(text, word));
	CHECK(mm_malloc_size(text) >= KiB(100));
	CHECK((uintptr_t) aligned % 256 == 0);
	mm_free(aligned);
	mm_free(text);
}

static void ranges_part(void)
{
	static struct vmem ports;
	struct vmem_options options = { .quantum = 1 };
	uintptr_t first, second;

	CHECK(vmem_init(&ports, "ports", &options, 0) == EOK);
	CHECK(vmem_add(&ports, 1024, 100, 0) == EOK);
	CHECK(vmem_take(&ports, 1030, 5, 0) == EOK);
	CHECK(vmem_take(&ports, 1034, 1, 0) == EEXIST);
	CHECK(vmem_alloc(&ports, 60, 0, &first) == EOK && first >= 1035);
	CHECK(vmem_alloc(&ports, 60, 0, &second) == ENOMEM);
	CHECK(vmem_destroy(&ports) == EBUSY);
	vmem_free(&ports, first, 60);
	vmem_free(&ports, 1030, 5);
	CHECK(vmem_destroy(&ports) == EOK);
}

static void mappings_part(void)
{
	uintptr_t registers, large;
	phys_t pa;

	CHECK(km_map(DEVICE + 0x10, 16, PAGE_READ | PAGE_WRITE | PAGE_UNCACHED, 0, &registers) == EOK);
	CHECK(page_translate(&page_kernel, registers, &pa) && pa == DEVICE + 0x10);
	CHECK(page_mapping_find(&page_kernel, registers).flags & PAGE_UNCACHED);
	CHECK(page_mapping_update(&page_kernel, ALIGN_DOWN(registers, PAGE_SIZE), 1, PAGE_READ, 0) == EOK);
	CHECK(!(page_mapping_find(&page_kernel, registers).flags & PAGE_WRITE));
	km_unmap(registers, 16);
	CHECK(!page_translate(&page_kernel, registers, &pa));

	CHECK(km_alloc(MiB(1), 0, &large) == EOK);
	CHECK(page_mapping_count(&page_kernel, large, MiB(1) / PAGE_SIZE) == MiB(1) / PAGE_SIZE);
	CHECK(!page_translate(&page_kernel, large + MiB(1), &pa));
	km_free(large, MiB(1));
}

static phys_t frame_at(struct as *as, uintptr_t va)
{
	return page_mapping_find(as_page_table(as), va).pa;
}

static void faults_part(void)
{
	struct as_area_request request = { .backend = AS_ANONYMOUS, .size = MiB(1), .flags = AS_WRITE | AS_ANYWHERE };
	struct as *parent = as_create(0), *child = as_create(0);
	uintptr_t va, copy;
	char word[6] = "";

	as_switch(parent);
	CHECK(page_root_current() == page_table_root(as_page_table(parent)));
	CHECK(as_area_create(parent, &request, 0, &va) == EOK);
	CHECK(user_read(parent, va + PAGE_SIZE) == 0);
	CHECK(user_write(parent, va, 1));
	CHECK(!user_write(parent, va + MiB(1), 1));

	CHECK(as_area_share(parent, va, AS_COPY, child, va, AS_WRITE, 0, &copy) == EOK && copy == va);
	CHECK(user_read(child, va) == 1);
	CHECK(frame_at(child, va) == frame_at(parent, va));
	CHECK(user_write(child, va, 2));
	CHECK(frame_at(child, va) != frame_at(parent, va));
	CHECK(user_read(parent, va) == 1 && user_read(child, va) == 2);

	CHECK(as_copy_out(child, va + PAGE_SIZE - 3, "hello", 6, 0) == EOK);
	CHECK(as_copy_in(child, word, va + PAGE_SIZE - 3, 6, 0) == EOK && is_equal(word, "hello"));
	CHECK(as_copy_in(child, word, va + MiB(1) - 3, 6, 0) == EFAULT);
	CHECK(as_area_change_flags(child, va, 0) == EOK && !user_write(child, va, 3));

	as_switch(NULL);
	as_release(child);
	as_release(parent);
}

/* Areas may have more pages than there are frames, unless frames are reserved for them. */
static void overcommit_part(void)
{
	struct as_area_request request = {
		.backend = AS_ANONYMOUS, .size = 2 * frames_free() * PAGE_SIZE, .flags = AS_WRITE | AS_ANYWHERE | AS_RESERVE
	};
	struct as *as = as_create(0);
	uintptr_t va;

	CHECK(as_area_create(as, &request, 0, &va) == ENOMEM);
	request.flags = AS_WRITE | AS_ANYWHERE;
	CHECK(as_area_create(as, &request, 0, &va) == EOK);
	CHECK(as_range_populate(as, va, request.size, AS_ACCESS_WRITE, FRAME_ATOMIC) == ENOMEM);
	CHECK(as_page_fault(as, va + request.size - PAGE_SIZE, AS_ACCESS_WRITE, FRAME_ATOMIC) == AS_FAULT_KILLED);
	as_release(as);
}

/* ---- sleeping for memory ---- */

static void sleeper(void)
{
	phys_t frame = frame_alloc(1, 0, 0);

	CHECK(frame != 0);
	frame_free(frame, 1);
}

/* Allocates all there is, one frame chained to the next; starts a thread that wants one; frees all. */
static void sleeping_part(void)
{
	phys_t all = 0, frame;

	(void) frames_free(); /* no CPU has frames of its own left */
	while ((frame = frame_alloc(1, FRAME_ATOMIC, 0)) != 0) {
		*(phys_t *) PA2KA(frame) = all;
		all = frame;
	}
	worker_start(sleeper);
	while (frame_sleepers() == 0)
		port_park(1);
	for (; all != 0; all = frame) {
		frame = *(phys_t *) PA2KA(all);
		frame_free(all, 1);
	}
	worker_join();
	CHECK(frame_sleepers() == 0);
}

static size_t free_before;

static void core_part(void)
{
	CHECK(frames_free() == free_before);
	CHECK(mm_check() == 0);
}

void parts_run(void)
{
	static const struct part parts[] = {
		{ "frames", frames_part },
		{ "objects", objects_part },
		{ "malloc", malloc_part },
		{ "ranges", ranges_part },
		{ "mappings", mappings_part },
		{ "page faults and copy-on-write", faults_part },
		{ "overcommit", overcommit_part },
		{ "sleeping for memory", sleeping_part },
	};

	for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
		parts[i].run();
	free_before = frames_free();
	for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
		part_report(&parts[i]);
	part_report(&(struct part){ "the core's own checks", core_part });
}
