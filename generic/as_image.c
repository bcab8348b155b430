/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Image areas: a file in memory, and zeros beyond its end.
 *
 *   file   |  page 0  |  page 1  | page 2: half |
 *   area   | in place | in place |    copied    |  zeros   |  zeros   |
 *
 * A page that lies wholly in the file is mapped in place, read only, if the
 * file begins at a page. Before it is written it is copied; so is, when it is
 * touched, a page that the file ends in, for what comes after the file is not
 * this area's to see.
 *
 * The file's frames are its owner's, who keeps them, unchanged, as long as there
 * is an area. They have permanent addresses.
 */

#include "as_internal.h"

static bool is_in_window(phys_t pa, size_t bytes)
{
	return pa - IDENTITY_PHYS < IDENTITY_SIZE && bytes <= IDENTITY_SIZE - (pa - IDENTITY_PHYS);
}

/* The kernel reads the file when a page is touched, long after this: so it looks whether it can. */
static errno_t validate_file(const struct as_area *area)
{
	uintptr_t first = ALIGN_DOWN(PA2KA(area->base), PAGE_SIZE);
	size_t pages;

	if (area->file_size == 0)
		return EOK;
	if (!is_in_window(area->base, area->file_size))
		return EINVAL;
	pages = ((PA2KA(area->base) + (area->file_size - 1) - first) >> PAGE_WIDTH) + 1;
	return page_mapping_count(&page_kernel, first, pages) == pages ? EOK : EINVAL;
}

/* Bytes of the file in this page, PAGE_SIZE at most. */
static size_t bytes_in(const struct as_area *area, size_t page)
{
	size_t offset = page << PAGE_WIDTH;

	if (offset >= area->file_size)
		return 0;
	return area->file_size - offset < PAGE_SIZE ? area->file_size - offset : PAGE_SIZE;
}

static bool file_in_place(const struct as_area *area, size_t page, phys_t *pa)
{
	if ((area->base & PAGE_MASK) != 0 || bytes_in(area, page) != PAGE_SIZE)
		return false;
	*pa = area->base + ((phys_t) page << PAGE_WIDTH);
	return true;
}

static void fill_from_file(const struct as_area *area, size_t page, void *to)
{
	size_t bytes = bytes_in(area, page);

	if (bytes != 0)
		__builtin_memcpy(to, (const char *) PA2KA(area->base) + (page << PAGE_WIDTH), bytes);
	__builtin_memset((char *) to + bytes, 0, PAGE_SIZE - bytes);
}

const struct as_backend as_image = { .kind = AS_IMAGE,
	.name = "image",
	.flags = AS_WRITE | AS_EXEC | AS_RESERVE,
	.validate = validate_file,
	.in_place = file_in_place,
	.fill = fill_from_file };
