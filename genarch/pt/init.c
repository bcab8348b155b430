/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The kernel's own mappings.
 *
 * The boot code has mapped the image and the first BOOT_MAPPED bytes of
 * the identity window, in tables of its own, just well enough to get here. They
 * are not taken over piece by piece: a new tree is built beside them, by the
 * same operations that serve everybody, and loaded when it is whole. It holds
 *
 *   - the identity window and the image (generic/kernel_map.c)
 *   - the tables of PTL1 for all of km_map's window, pinned, so that roots need
 *     not change when the kernel maps something (pt.h, "The kernel part")
 *
 * Until it is loaded only what the boot code has mapped can be reached, so new
 * tables are taken from there.
 */

#include <mm/kernel_map.h>
#include <mm/tlb.h>

#include "pt.h"

_Static_assert(KERNEL_START % PTL_COVERS(0) == 0, "the kernel part is whole entries of the root");
_Static_assert(KERNEL_ROOT_SEPARATE || PTL_INDEX(USER_LAST, 0) < PTL_INDEX(KERNEL_START, 0) ||
		PTL_INDEX(USER_START, 0) > PTL_INDEX(KERNEL_LAST, 0),
	"no entry of the root is of both the user and the kernel part");
_Static_assert(
	PTL_INDEX(USER_START, 0) <= PTL_INDEX(USER_LAST, 0) && PTL_INDEX(KERNEL_START, 0) <= PTL_INDEX(KERNEL_LAST, 0),
	"what one root maps is less than all that its entries cover");

/* ---- km_map's window ---- */

/* Makes the table for one entry of the root, which is pinned (is_pinned), if it is not there. */
static errno_t slot_provide(uintptr_t va)
{
	pte_t *entry = &page_kernel.entries[PTL_INDEX(va, 0)];
	struct table_list list = { 0 };
	port_irq_t irq;

	if (!pte_present(entry_load(entry))) {
		if (tables_take(&page_kernel, &list, 1, FRAME_ZERO, NULL) != EOK)
			return ENOMEM;
		irq = spinlock_lock(&page_kernel.lock);
		table_entry_set(&page_kernel, 0, entry, pte_table(table_pop(&list)));
		pte_publish();
		++*table_uses(page_kernel.root);
		held_sub(HELD_FRAMES, 1);
		spinlock_unlock(&page_kernel.lock, irq);
	}
	return EOK;
}

static errno_t km_window_prepare(void)
{
	errno_t error = EOK;

	FOR_EACH_SLOT(at, end, (uintptr_t) KM_START, (uintptr_t) KM_END - 1, 0)
		if (error == EOK)
			error = slot_provide(at);
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
	errno_t error = kernel_map();

	return error == EOK ? km_window_prepare() : error;
}

errno_t page_init(void)
{
	phys_t root = root_alloc(kernel_map_boot_last(), FRAME_ATOMIC);
	errno_t error = ENOMEM;

	leaf_bits_fill();
	if (root != 0) {
		page_kernel = (struct page_table){ .root = root,
			.entries = table_entries(root),
			.first = KERNEL_START,
			.last = KERNEL_LAST,
			.recent = RECENT_NONE,
			.tables_last = kernel_map_boot_last(),
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
	page_kernel_root_load(page_table_root(&page_kernel));
	tlb_invalidate_all();
	page_kernel.tables_last = (phys_t) -1;
	return EOK;
}
