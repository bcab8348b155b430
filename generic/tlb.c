/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Dropping translations.
 *
 * ORDER. Who takes mappings away goes through four steps, and this file is the
 * third:
 *
 *   1. under the lock of the page table, entries are changed; tables that
 *      become empty are unhooked and kept on a list
 *   2. the lock is let go of; interrupts stay off, so the CPU stays the same
 *   3. tlb_drop: no CPU holds a translation, or is half-way down a walk through
 *      an unhooked table
 *   4. the unhooked tables, and by the caller the frames, are given back
 *
 * So a reader that walks a page table with interrupts off and no lock never
 * meets a table that has become something else: while its interrupts are off,
 * step 3 of whoever unhooked the table is not over.
 *
 * COST. Up to TLB_RANGE_MAX pages one by one; beyond that everything, as the
 * refill of a TLB costs less than dropping its entries singly.
 *
 * COUNTS are per CPU, written with interrupts off by their own CPU, and added
 * up by who asks.
 */

#include <mm/tlb.h>

struct tlb_counts tlb_counts[CONFIG_MAX_CPUS];

void tlb_drop(const struct page_table *table, uintptr_t va, size_t pages)
{
	struct tlb_counts *here = &tlb_counts[port_cpu()];

	(void) table;
	if (pages > TLB_RANGE_MAX) {
		tlb_count(&here->alls, 1);
		tlb_invalidate_all();
		return;
	}
	tlb_count(&here->ranges, pages > 1);
	tlb_count(&here->pages, pages);
	for (size_t i = 0; i < pages; i++)
		tlb_invalidate_page(va + i * PAGE_SIZE);
}

void tlb_get_info(struct tlb_info *info)
{
	*info = (struct tlb_info){ 0 };
	for (size_t i = 0; i < CONFIG_MAX_CPUS; i++) {
		info->pages += __atomic_load_n(&tlb_counts[i].pages, __ATOMIC_RELAXED);
		info->ranges += __atomic_load_n(&tlb_counts[i].ranges, __ATOMIC_RELAXED);
		info->alls += __atomic_load_n(&tlb_counts[i].alls, __ATOMIC_RELAXED);
	}
}
