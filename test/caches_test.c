/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Caches that are not coherent (mm/page_caches.h): the host is called for each
 * page that becomes executable, notes what stands in it then, and whether it was mapped
 * executable already.
 */

#include <arch/host.h>
#include <mm/as.h>
#include <mm/page_caches.h>
#include <test.h>

#define FIRST ((uintptr_t) USER_START + MiB(4))
#define PAGES 5
#define FILE_BYTES (3 * PAGE_SIZE + 100)

#if CONFIG_DEBUG

static struct {
	struct as *as;
	phys_t frames[8 * PAGES]; /* in the order of the calls */
	uint8_t contents[8 * PAGES];
	size_t count;
	size_t early; /* mapped executable before */
} noted;

static bool is_executable(uintptr_t va, phys_t frame)
{
	struct page_mapping found = page_mapping_find(as_page_table(noted.as), va);

	return found.size != 0 && (frame == 0 || found.pa == frame) && (found.flags & PAGE_EXEC) != 0;
}

static void note(phys_t frame)
{
	for (size_t i = 0; i < PAGES && PTL_LEVELS != 2; i++) /* that format reports all as executable */
		noted.early += is_executable(FIRST + i * PAGE_SIZE, frame);
	if (noted.count == ARRAY_COUNT(noted.frames))
		return;
	noted.frames[noted.count] = frame;
	noted.contents[noted.count++] = *((const uint8_t *) host_memory_at(frame) + 50);
}

/* Whether the frame of a page was announced, the last time with what stands in it. */
static bool is_announced(uintptr_t va)
{
	struct page_mapping found = page_mapping_find(as_page_table(noted.as), va);

	for (size_t i = noted.count; found.size != 0 && i-- > 0;)
		if (noted.frames[i] == found.pa)
			return noted.contents[i] == *((const uint8_t *) host_memory_at(found.pa) + 50);
	return false;
}

static size_t count_announced(void)
{
	size_t announced = 0;

	for (size_t i = 0; i < PAGES; i++)
		announced += is_executable(FIRST + i * PAGE_SIZE, 0) && is_announced(FIRST + i * PAGE_SIZE);
	return announced;
}

static bool begin(void)
{
	__builtin_memset(&noted, 0, sizeof noted);
	noted.as = test_as_create(FRAME_ATOMIC);
	if (noted.as != NULL)
		__atomic_store_n(&host_executable_hook, note, __ATOMIC_RELAXED);
	return noted.as != NULL;
}

static void end(void)
{
	__atomic_store_n(&host_executable_hook, NULL, __ATOMIC_RELAXED);
	CHECK_EQ(count_announced(), PAGES);
	CHECK_EQ(noted.early, 0);
}

static errno_t make(enum as_backend_kind backend, unsigned flags, phys_t base, size_t file)
{
	struct as_area_request request = {
		.backend = backend, .va = FIRST, .size = PAGES * PAGE_SIZE, .flags = flags, .base = base, .file_size = file
	};
	uintptr_t at;

	return as_area_create(noted.as, &request, FRAME_ATOMIC, &at);
}

TEST(caches_image, "pages of a file are made executable before they are: in place, its end, and the zeros behind it",
	.host_only = "it is the host that is called", .plain_only = "it may not be refused")
{
	phys_t file = test_frame_alloc(4, FRAME_ATOMIC | FRAME_LOWMEM, 0);

	NEED(file != 0 && begin());
	__builtin_memset((void *) PA2KA(file), 7, FILE_BYTES);
	CHECK_EQ(make(AS_IMAGE, AS_EXEC, file, FILE_BYTES), EOK);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(as_page_fault(noted.as, FIRST + i * PAGE_SIZE, AS_ACCESS_EXEC, FRAME_ATOMIC), AS_FAULT_OK);
	end();
}

TEST(caches_rights, "pages that were written are made executable when their area becomes so, before they are mapped so",
	.host_only = "it is the host that is called", .plain_only = "it may not be refused")
{
	uint8_t byte = 9;

	NEED(begin());
	CHECK_EQ(make(AS_ANONYMOUS, AS_WRITE, 0, 0), EOK);
	for (size_t i = 0; i < PAGES; i++)
		CHECK_EQ(as_copy_out(noted.as, FIRST + i * PAGE_SIZE + 50, &byte, 1, FRAME_ATOMIC), EOK);
	CHECK_EQ(as_area_change_flags(noted.as, FIRST, AS_EXEC), EOK);
	end();
}

#endif

#if CONFIG_DEBUG

TEST(caches_uncached_ram, "memory that the direct map has cached cannot be mapped uncached", .panics = "has cached")
{
	phys_t frame = frame_alloc(1, FRAME_ATOMIC | FRAME_LOWMEM, 0);
	uintptr_t va;

	(void) !km_map(frame, PAGE_SIZE, PAGE_READ | PAGE_UNCACHED, FRAME_ATOMIC, &va);
}

#endif
