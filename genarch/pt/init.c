/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The kernel's own mappings.
 *
 * The boot code has mapped the image and the first BOOT_MAPPED bytes of
 * the identity window, in tables of its own, just well enough to get here. They
 * are not taken over piece by piece: a new tree is built beside them, by the
 * same operations that serve everybody, and loaded when it is whole. It holds
 *
 *   - the identity window: what the boot code had mapped, and beyond that every
 *     slot of a large page in which the frame allocator has a frame; writable,
 *     not executable
 *   - the image at its own address, where that is not in the window
 *   - in both: text that can be executed, read-only data that can only be read;
 *     seen through the window, both can only be read
 *   - the tables of PTL1 for all of km_map's window, pinned, so that roots need
 *     not change when the kernel maps something (pt.h, "The kernel part")
 *
 * Until it is loaded only what the boot code has mapped can be reached, so new
 * tables are taken from there.
 */

#include <mm/tlb.h>

#include "pt.h"

#define WINDOW_FLAGS (PAGE_READ | PAGE_WRITE | PAGE_GLOBAL)
#define SLOT_FRAMES (PTL_COVERS(PTL_LEAF - 1) >> PAGE_WIDTH)

_Static_assert(IDENTITY_PHYS % PAGE_SIZE == 0 && IDENTITY_SIZE % PAGE_SIZE == 0, "the identity window is whole frames");
_Static_assert(KERNEL_START % PTL_COVERS(0) == 0, "the kernel part is whole entries of the root");

static phys_t window_last(void)
{
	return IDENTITY_PHYS + (phys_t) (IDENTITY_SIZE - 1);
}

static phys_t boot_last(void)
{
	return BOOT_MAPPED < IDENTITY_SIZE ? IDENTITY_PHYS + (phys_t) (BOOT_MAPPED - 1) : window_last();
}

/* ---- the identity window ---- */

static errno_t window_map(phys_t pa, phys_t last)
{
	return page_mapping_insert(
		&page_kernel, PA2KA(pa), pa, ((last - pa) >> PAGE_WIDTH) + 1, WINDOW_FLAGS, FRAME_ATOMIC);
}

/* The last address of the slot of a large page that pa lies in, or of the window. */
static phys_t slot_end(phys_t pa)
{
	phys_t end = pa | (PTL_COVERS(PTL_LEAF - 1) - 1);

	return end < window_last() ? end : window_last();
}

static bool slot_has_frames(phys_t pa)
{
	pfn_t last = slot_end(pa) >> PAGE_WIDTH;

	for (pfn_t pfn = pa >> PAGE_WIDTH; pfn <= last; pfn++)
		if (frame_kind(pfn) != FRAME_KIND_HOLE)
			return true;
	return false;
}

static phys_t frames_last(void)
{
	phys_t last = ((phys_t) (FRAME_FIRST + frame_table_count) << PAGE_WIDTH) - 1;

	return last < window_last() ? last : window_last();
}

/* Maps what the boot code has not, in runs of slots that have frames. */
static errno_t window_map_rest(void)
{
	phys_t pa = boot_last() + 1;
	errno_t error = EOK;

	while (error == EOK && pa != 0 && pa <= frames_last()) {
		phys_t first = pa;

		while (pa != 0 && pa <= frames_last() && slot_has_frames(pa))
			pa = slot_end(pa) + 1;
		if (pa != first)
			error = window_map(first, pa - 1);
		else
			pa = slot_end(pa) + 1;
	}
	return error;
}

/* ---- the image ---- */

static errno_t rights_set(uintptr_t va, const char *start, const char *end, page_flags_t flags)
{
	size_t pages = (size_t) (end - start) >> PAGE_WIDTH;

	return pages == 0 ? EOK : page_mapping_update(&page_kernel, va, pages, flags | PAGE_GLOBAL, FRAME_ATOMIC);
}

static errno_t image_map(void)
{
	uintptr_t image = (uintptr_t) image_start;
	uintptr_t alias = PA2KA(IMAGE2PA(image_start));
	errno_t error = EOK;

	mm_assert(
		(((uintptr_t) image_start | (uintptr_t) image_text_end | (uintptr_t) image_rodata_end | (uintptr_t) image_end) &
			PAGE_MASK) == 0,
		"the parts of the image are not whole pages");
	if (image != alias) {
		error = page_mapping_insert(&page_kernel, image, IMAGE2PA(image_start),
			(size_t) (image_end - image_start) >> PAGE_WIDTH, WINDOW_FLAGS | PAGE_NO_LARGE, FRAME_ATOMIC);
		if (error == EOK)
			error = rights_set(alias, image_start, image_rodata_end, PAGE_READ);
	}
	if (error == EOK)
		error = rights_set(image, image_start, image_text_end, PAGE_READ | PAGE_EXEC);
	if (error == EOK)
		error = rights_set((uintptr_t) image_text_end, image_text_end, image_rodata_end, PAGE_READ);
	return error;
}

/* ---- km_map's window ---- */

/* Pins the table for one entry of the root; makes it if it is not there. */
static errno_t slot_pin(uintptr_t va)
{
	pte_t *entry = &page_kernel.entries[PTL_INDEX(va, 0)];
	struct table_list list = { 0 };
	port_irq_t irq;

	if (!pte_present(entry_load(entry))) {
		if (tables_take(&page_kernel, &list, 1, FRAME_ATOMIC | FRAME_ZERO) != EOK)
			return ENOMEM;
		irq = spinlock_lock(&page_kernel.lock);
		table_entry_set(&page_kernel, 0, entry, pte_table(table_pop(&list)));
		++*table_uses(page_kernel.root);
		spinlock_unlock(&page_kernel.lock, irq);
	}
	++*table_uses(pte_table_pa(entry_load(entry)));
	return EOK;
}

static errno_t km_window_prepare(void)
{
	errno_t error = EOK;

	FOR_EACH_SLOT(at, end, (uintptr_t) KM_START, (uintptr_t) KM_END - 1, 0)
		if (error == EOK)
			error = slot_pin(at);
	return error;
}

/* ---- the whole ---- */

/* Gives the tables below one back; the tree is in nobody's use. */
static void tree_free(phys_t table, unsigned level)
{
	struct table_list list = { 0 };

	for (size_t i = 0; level < PTL_LEAF && i < PTL_ENTRIES(level); i++) {
		pte_t pte = entry_load(&table_entries(table)[i]);

		if (pte_present(pte) && !pte_is_leaf(pte, level)) {
			tree_free(pte_table_pa(pte), level + 1);
			table_push(&list, pte_table_pa(pte));
		}
	}
	tables_free(&list);
}

static errno_t tree_build(void)
{
	errno_t error = window_map(IDENTITY_PHYS, boot_last());

	if (error == EOK)
		error = window_map_rest();
	if (error == EOK)
		error = image_map();
	return error == EOK ? km_window_prepare() : error;
}

errno_t page_init(void)
{
	phys_t root = root_alloc(boot_last(), FRAME_ATOMIC);
	errno_t error = ENOMEM;

	for (page_flags_t flags = 0; flags < ARRAY_COUNT(leaf_bits); flags++)
		leaf_bits[flags] = pte_leaf(0, flags, PTL_LEAF);
	if (root != 0) {
		page_kernel = (struct page_table){ .root = root,
			.entries = table_entries(root),
			.first = KERNEL_START,
			.last = KERNEL_LAST,
			.recent = RECENT_NONE,
			.tables_last = boot_last(),
			.next = &page_kernel,
			.previous = &page_kernel };
		error = tree_build();
	}
	if (error != EOK) {
		port_log("page_init: no tables for the kernel's own mappings (error %d)", error);
		if (root != 0) {
			tree_free(root, 0);
			root_free(root);
		}
		return error;
	}
	page_root_load(root);
	tlb_invalidate_all();
	page_kernel.tables_last = (phys_t) -1;
	return EOK;
}
