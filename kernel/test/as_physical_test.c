/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Areas that lead to physical memory which is not the frame allocator's: what
 * the machine cannot address, what is no RAM, and files that the kernel cannot
 * read.
 */

#include <test.h>

#define FIRST ((uintptr_t) USER_START + MiB(4))
#define PAGES(count) ((count) *PAGE_SIZE)
#define WIDTH 40 /* address bits, of a CPU that has fewer than the page format */

TEST(as_physical_width, "no physical area, no mapping and no window of the kernel is beyond what the CPU can address")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	struct as_area_request request = { .backend = AS_PHYSICAL, .va = FIRST, .size = PAGES(2) };
	struct page_table *table;
	phys_t last = phys_last(), beyond = last;
	errno_t created, resized, inserted, replaced, windowed;
	uintptr_t at = 0;

	if (PHYS_LAST == (phys_t) -1)
		SKIP("every address of the page format is one of the machine");
	NEED(as != NULL);
	table = as_page_table(as);
	if ((uint64_t) page_physical_last >> (WIDTH - 1) > 1)
		page_physical_last = (phys_t) (((uint64_t) 1 << WIDTH) - 1);
	beyond = phys_last() + 1;
	request.base = beyond - PAGES(1);
	created = as_area_create(as, &request, FRAME_ATOMIC, &at);
	request.size = PAGES(1);
	resized = as_area_create(as, &request, FRAME_ATOMIC, &at);
	if (resized == EOK)
		resized = as_area_resize(as, at, PAGES(2), FRAME_ATOMIC);
	inserted = page_mapping_insert(table, FIRST + MiB(8), beyond, 1, PAGE_READ | PAGE_USER, FRAME_ATOMIC);
	replaced = page_mapping_replace(table, FIRST, beyond, PAGE_READ | PAGE_USER);
	windowed = km_map(beyond, 1, PAGE_READ, FRAME_ATOMIC, &at);
	page_physical_last = last;
	NEED(created != ENOMEM && resized != ENOMEM);
	CHECK_EQ(created, ERANGE);
	CHECK_EQ(resized, ERANGE);
	CHECK_EQ(inserted, EINVAL);
	CHECK_EQ(replaced, EINVAL);
	CHECK_EQ(windowed, EINVAL);
}

/* The last frame that the kernel's direct map and the CPU can reach, which is no RAM on a machine that is smaller. */
static phys_t no_ram(void)
{
	phys_t window_last = IDENTITY_PHYS + (phys_t) (IDENTITY_SIZE - 1), last = phys_last();

	return ALIGN_DOWN(last < window_last ? last : window_last, PAGE_SIZE);
}

static bool is_ram(phys_t pa)
{
	return frame_known(pa >> PAGE_WIDTH) && frame_kind(pa >> PAGE_WIDTH) != FRAME_KIND_HOLE;
}

TEST(as_physical_copy, "a copy from and to a physical area is one of RAM, or EFAULT")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	struct as_area_request request = { .backend = AS_PHYSICAL, .va = FIRST, .size = PAGES(1), .flags = AS_WRITE };
	uintptr_t at;
	uint8_t byte = 7;

	NEED(as != NULL && (request.base = test_frame_alloc(1, FRAME_ATOMIC | FRAME_ZERO, 0)) != 0);
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	CHECK_EQ(as_copy_out(as, FIRST + 5, &byte, 1, FRAME_ATOMIC), EOK);
	CHECK_EQ(*(uint8_t *) PA2KA(request.base + 5), 7);
	byte = 0;
	CHECK_EQ(as_copy_in(as, &byte, FIRST + 5, 1, FRAME_ATOMIC), EOK);
	CHECK_EQ(byte, 7);
	CHECK_EQ(as_area_destroy(as, FIRST), EOK);
	request.base = no_ram();
	if (is_ram(request.base))
		SKIP("all of the direct map is RAM");
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	CHECK_EQ(as_copy_in(as, &byte, FIRST, 1, FRAME_ATOMIC), EFAULT);
	CHECK_EQ(as_copy_out(as, FIRST, &byte, 1, FRAME_ATOMIC), EFAULT);
}

TEST(as_physical_uncached,
	"RAM that the direct map has cached is in no uncached area, however that is made; what is no RAM may be")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	struct as_area_request request = { .backend = AS_PHYSICAL, .va = FIRST, .size = PAGES(1), .flags = AS_UNCACHED };
	uintptr_t at;
	errno_t error;

	NEED(as != NULL && (request.base = test_frame_alloc(1, FRAME_ATOMIC | FRAME_LOWMEM, 0)) != 0);
	error = as_area_create(as, &request, FRAME_ATOMIC, &at);
	NEED(error != ENOMEM);
	CHECK_EQ(error, EINVAL);
	request.flags = 0;
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	CHECK_EQ(as_area_change_flags(as, FIRST, AS_UNCACHED), EINVAL);
	CHECK_EQ(as_area_change_flags(as, FIRST, AS_WRITE), EOK);
	error = as_area_share(as, FIRST, AS_SHARE, as, FIRST + MiB(8), AS_UNCACHED, FRAME_ATOMIC, &at);
	NEED(error != ENOMEM);
	CHECK_EQ(error, EINVAL);
	CHECK_EQ(page_mapping_find(as_page_table(as), FIRST).flags & PAGE_UNCACHED, 0);
	CHECK_EQ(as_area_destroy(as, FIRST), EOK);
	request.base = no_ram();
	request.flags = AS_UNCACHED;
	if (is_ram(request.base))
		SKIP("all of the direct map is RAM");
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
	CHECK_NE(page_mapping_find(as_page_table(as), FIRST).flags & PAGE_UNCACHED, 0);
	CHECK_EQ(as_area_change_flags(as, FIRST, AS_WRITE), EOK);
	CHECK_EQ(as_area_change_flags(as, FIRST, AS_WRITE | AS_UNCACHED), EOK);
}

TEST(as_image_unreadable, "a file that the kernel cannot read, in part, is refused before a page of it is touched")
{
	struct as *as = test_as_create(FRAME_ATOMIC);
	struct as_area_request request = {
		.backend = AS_IMAGE, .va = FIRST, .size = PAGES(2), .base = no_ram(), .file_size = PAGE_SIZE
	};
	uintptr_t at;

	NEED(as != NULL);
	if (page_mapping_count(&page_kernel, PA2KA(request.base), 1) != 0)
		SKIP("all of the direct map is mapped");
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EINVAL);
	request.base++;
	request.file_size = PAGE_SIZE - 1;
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EINVAL);
	request.file_size = 1;
	request.base = IDENTITY_PHYS;
	NEED(as_area_create(as, &request, FRAME_ATOMIC, &at) == EOK);
}
