/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Starting the host: what boot code and kernel do on a machine, in the same
 * order and with the same calls.
 *
 * The map has what a PC's has: a first frame that is not RAM for us, a hole for
 * firmware below 1 MiB, the image above it, and, if asked for, memory beyond
 * the identity window. The boot page tables lie in the last part of the image.
 * They map, as boot code would, the image and the first BOOT_MAPPED bytes of
 * the identity window (as far as there is memory) by pages one level above the smallest; page_init takes
 * over from there.
 */

#include <stdio.h>
#include <stdlib.h>

#include <arch/host.h>
#include <mm/as.h>
#include <mm/frame.h>
#include <mm/km.h>
#include <mm/malloc.h>
#include <mm/memmap.h>
#include <mm/page.h>
#include <mm/slab.h>

#define RANGES 64
#define BOOT_TABLES (KERNEL_IMAGE_PHYS + 3 * HOST_IMAGE_PART)

static phys_t tables_used = BOOT_TABLES;

static phys_t boot_table(void)
{
	phys_t table = tables_used;

	tables_used += PAGE_SIZE;
	return table;
}

static pte_t *entry_of(phys_t table, uintptr_t va, unsigned level)
{
	return (pte_t *) PA2KA(table) + PTL_INDEX(va, level);
}

/* Maps one page one level above the smallest, with a table for each level on the way. */
static void boot_map(phys_t root, uintptr_t va, phys_t pa)
{
	phys_t table = root;

	for (unsigned level = 0; level + 2 < PTL_LEVELS; level++) {
		pte_t *entry = entry_of(table, va, level);

		if (!pte_present(*entry))
			*entry = pte_table(boot_table());
		table = pte_table_pa(*entry);
	}
	*entry_of(table, va, PTL_LEVELS - 2) =
		pte_leaf(pa, PAGE_READ | PAGE_WRITE | PAGE_EXEC | PAGE_GLOBAL, PTL_LEVELS - 2);
}

static void boot_page_tables(size_t low)
{
	size_t page = PTL_COVERS(PTL_LEVELS - 2);
	phys_t root = boot_table();

	for (phys_t pa = 0; pa < BOOT_MAPPED && pa < low; pa += page)
		boot_map(root, IDENTITY_VIRT + pa, IDENTITY_PHYS + pa);
	for (phys_t pa = 0; pa < IMAGE2PA(image_end); pa += page)
		boot_map(root, HOST_IMAGE + pa, pa);
	page_root_load(root);
}

static void must(errno_t error, const char *what)
{
	if (error == EOK)
		return;
	fprintf(stderr, "host: %s failed with error %d\n", what, error);
	exit(2);
}

static void add(struct memmap *map, phys_t first, phys_t end, enum memmap_type type)
{
	if (first < end)
		must(memmap_add(map, first, end - first, type), "memmap_add");
}

void host_boot(const struct host_memory *memory)
{
	static struct memmap_range ranges[RANGES];
	struct memmap map;

	host_cpu_enter();
	host_memory_map(memory);
	host_window_init();
	boot_page_tables(memory->low);
	memmap_init(&map, ranges, RANGES);
	add(&map, 0, PAGE_SIZE, MEMMAP_RESERVED);
	add(&map, PAGE_SIZE, KiB(640), MEMMAP_FREE);
	add(&map, KiB(640), MiB(1), MEMMAP_FIRMWARE);
	add(&map, MiB(1), memory->low, MEMMAP_FREE);
	add(&map, KERNEL_IMAGE_PHYS, IMAGE2PA(image_end), MEMMAP_IMAGE);
	add(&map, IDENTITY_SIZE, IDENTITY_SIZE + memory->high, MEMMAP_FREE);
	must(frame_init(&map), "frame_init");
	must(page_init(), "page_init");
	must(slab_init(), "slab_init");
	must(malloc_init(), "malloc_init");
	must(km_init(), "km_init");
	must(as_init(), "as_init");
}
