/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A small kernel that has taken the memory core as it is: the archive
 * libhoplite.a and its headers. It shows what doc/embedding.md tells: how the
 * core is started, and that frames, objects, malloc, ranges, mappings, address
 * spaces with their page faults, and sleeping for memory work over a port of
 * one file.
 *
 * It prints one line: how many checks it made, and how many failed. At the end
 * it must have as many free frames as after its start.
 */

#include <stdio.h>
#include <string.h>

#include <mm/as.h>
#include <mm/check.h>
#include <mm/frame.h>
#include <mm/km.h>
#include <mm/malloc.h>
#include <mm/memmap.h>
#include <mm/page.h>
#include <mm/port.h>
#include <mm/slab.h>
#include <mm/vmem.h>

#include "thread.h"

#define RAM MiB(32)
#define DEVICE ((phys_t) 0x30000000) /* registers, somewhere beyond the RAM */

static unsigned checks, failed;

#define CHECK(condition) check(condition, #condition, __LINE__)

static bool check(bool is_so, const char *what, int line)
{
	checks++;
	if (!is_so) {
		failed++;
		fprintf(stderr, "main.c:%d: %s\n", line, what);
	}
	return is_so;
}

/* ---- starting ---- */

/* The order is the one that doc/embedding.md gives. */
static bool core_start(void)
{
	static struct memmap_range ranges[16];
	struct memmap map;

	memmap_init(&map, ranges, ARRAY_COUNT(ranges));
	return CHECK(memmap_add(&map, PAGE_SIZE, RAM - PAGE_SIZE, MEMMAP_FREE) == EOK) &&
		CHECK(memmap_add(&map, DEVICE, PAGE_SIZE, MEMMAP_DEVICE) == EOK) &&
		CHECK(memmap_add(&map, IMAGE2PA(image_start), (size_t) (image_end - image_start), MEMMAP_IMAGE) == EOK) &&
		CHECK(frame_init(&map) == EOK) && CHECK(page_init() == EOK) && CHECK(slab_init() == EOK) &&
		CHECK(malloc_init() == EOK) && CHECK(km_init() == EOK) && CHECK(as_init() == EOK);
}

static size_t frames_free(void)
{
	struct frame_info info;

	frame_reclaim(RECLAIM_FULL, true);
	frame_get_info(&info);
	return info.free + info.cached;
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
	CHECK(frame_alloc(2 * RAM / PAGE_SIZE, FRAME_ATOMIC, 0) == 0);
}

static errno_t port_construct(void *object, frame_flags_t flags)
{
	(void) flags;
	memset(object, 0x5a, 80);
	return EOK;
}

static void objects_part(void)
{
	struct slab_cache_options options = { .constructor = port_construct };
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
	char *text = mm_malloc(10, 0);
	void *aligned = mm_memalign(256, 300, 0);

	strcpy(text, "from here");
	text = mm_realloc(text, KiB(100), 0);
	CHECK(strcmp(text, "from here") == 0);
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

/* ---- address spaces: the user's accesses, as a CPU with page faults does them ---- */

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

static bool user_write(struct as *as, uintptr_t va, unsigned char value)
{
	unsigned char *at = user_at(as, va, AS_ACCESS_WRITE);

	if (at != NULL)
		*at = value;
	return at != NULL;
}

static int user_read(struct as *as, uintptr_t va)
{
	unsigned char *at = user_at(as, va, AS_ACCESS_READ);

	return at != NULL ? *at : -1;
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
	CHECK(user_at(child, va, AS_ACCESS_READ) == user_at(parent, va, AS_ACCESS_READ));
	CHECK(user_write(child, va, 2));
	CHECK(user_read(parent, va) == 1 && user_read(child, va) == 2);

	CHECK(as_copy_out(child, va + PAGE_SIZE - 3, "hello", 6, 0) == EOK);
	CHECK(as_copy_in(child, word, va + PAGE_SIZE - 3, 6, 0) == EOK && strcmp(word, "hello") == 0);
	CHECK(as_copy_in(child, word, va + MiB(1) - 3, 6, 0) == EFAULT);
	CHECK(as_area_change_flags(child, va, 0) == EOK && !user_write(child, va, 3));

	as_switch(NULL);
	as_release(child);
	as_release(parent);
}

/* ---- sleeping for memory ---- */

static void sleeper(void)
{
	phys_t frame = frame_alloc(1, 0, 0);

	CHECK(frame != 0);
	frame_free(frame, 1);
}

/* Takes all there is, one frame chained to the next; starts a thread that wants one; gives all back. */
static void sleeping_part(void)
{
	struct thread thread;
	phys_t all = 0, frame;

	while ((frame = frame_alloc(1, FRAME_ATOMIC, 0)) != 0) {
		*(phys_t *) PA2KA(frame) = all;
		all = frame;
	}
	thread_start(&thread, sleeper);
	while (frame_sleepers() == 0)
		port_park(1);
	for (; all != 0; all = frame) {
		frame = *(phys_t *) PA2KA(all);
		frame_free(all, 1);
	}
	thread_join(&thread);
	CHECK(frame_sleepers() == 0);
}

int main(void)
{
	static void (*const parts[])(
		void) = { frames_part, objects_part, malloc_part, ranges_part, mappings_part, faults_part, sleeping_part };
	static struct thread first;

	thread_adopt(&first);
	if (CHECK(machine_start(RAM)) && core_start()) {
		/* The first round makes what stays for good: the caches that caches are made of. */
		for (size_t round = 0, free = 0; round < 2; round++, free = frames_free()) {
			for (size_t i = 0; i < ARRAY_COUNT(parts); i++)
				parts[i]();
			CHECK(round == 0 || frames_free() == free);
		}
		CHECK(mm_check() == 0);
	}
	printf("embed: %u checks, %u failed\n", checks, failed);
	return failed == 0 ? 0 : 1;
}
