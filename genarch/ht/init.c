/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Setting up: the first segment of buckets, the directory, and the kernel's own
 * mappings (generic/kernel_map.c).
 *
 * The directory is sized once, for DIRECTORY_FACTOR times as many clusters as it
 * would take to map every frame there is; that is about a hundredth part of a per cent of
 * memory. Should there be more mappings, chains become longer than they might.
 *
 * Until page_init is done only what the boot code has mapped can be reached, so
 * frames are taken from there.
 */

#include <mm/ht_layout.h>
#include <mm/kernel_map.h>
#include <mm/tlb.h>

#include "ht.h"

#define DIRECTORY_FACTOR 4

static struct reclaimer reclaimer = { .name = "page hash table", .reclaim = ht_reclaim };

static phys_t boot_frames(size_t frames)
{
	struct frame_request request = FRAME_REQUEST(frames, FRAME_ATOMIC | FRAME_LOWMEM | FRAME_ZERO);
	phys_t base;
	size_t taken;

	request.upper = kernel_map_boot_last();
	base = frame_alloc_request(&request, &taken);
	if (base != 0)
		frame_mark(base >> PAGE_WIDTH, frames, FRAME_KIND_TABLE, 0);
	return base;
}

static void boot_frames_free(phys_t base, size_t frames)
{
	if (base == 0)
		return;
	frame_mark(base >> PAGE_WIDTH, frames, FRAME_KIND_PLAIN, 0);
	frame_free(base, frames);
}

/* Frames of the directory. */
static size_t directory_frames(void)
{
	size_t segments = DIRECTORY_FACTOR * frame_total(FRAME_HIGHMEM) / CLUSTER_PAGES / SEGMENT_BUCKETS;

	return (segments * sizeof(struct bucket *) + PAGE_SIZE) / PAGE_SIZE;
}

static errno_t table_build(void)
{
	size_t frames = directory_frames();
	phys_t directory = boot_frames(frames);
	phys_t segment = directory != 0 ? boot_frames(1) : 0;

	if (segment == 0) {
		boot_frames_free(directory, frames);
		return ENOMEM;
	}
	ht = (struct ht){ .buckets = SEGMENT_BUCKETS,
		.mask = buckets_mask(SEGMENT_BUCKETS),
		.directory = (struct bucket **) PA2KA(directory),
		.segments = 1,
		.directory_room = frames * PAGE_SIZE / sizeof(struct bucket *),
		.frames_last = kernel_map_boot_last() };
	ht.directory[0] = (struct bucket *) PA2KA(segment);
	return EOK;
}

errno_t page_init(void)
{
	errno_t error = table_build();

	leaf_bits_fill();
	if (error == EOK) {
		page_kernel = (struct page_table){ .space = (uintptr_t) HT_SPACE_KERNEL << SPACE_SHIFT,
			.first = KERNEL_START,
			.last = KERNEL_LAST,
			.recent = RECENT_NONE,
			.next = &page_kernel,
			.previous = &page_kernel };
		error = kernel_map();
	}
	if (error != EOK) {
		port_log("page_init: no memory for the kernel's own mappings (error %d)", error);
		return error;
	}
	page_kernel_root_load(page_table_root(&page_kernel));
	tlb_invalidate_all();
	ht.frames_last = (phys_t) -1;
	frame_reclaimer_register(&reclaimer);
	return EOK;
}
