/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Batches: an operation that changes a page table in several places tells a
 * batch each time, and all of it is dropped once, at the end.
 *
 * Between the change and the end other CPUs may still go on by what was there
 * before, so nothing that was mapped or taken out is given back meanwhile: the
 * tables wait in the batch, the frames with its owner.
 *
 * What is to be dropped is kept as the range that covers all of it. So a batch
 * has no room that could run out; and if pages in it are far apart, everything
 * is dropped, which costs less than dropping many of them singly.
 *
 * COST. Adding: ten instructions. One tlb_drop, however much was added.
 */

#include <mm/tlb.h>

void tlb_batch_add(struct tlb_batch *batch, uintptr_t va, size_t pages, bool tables_gone)
{
	uintptr_t last = va + (pages - 1) * PAGE_SIZE + (PAGE_SIZE - 1);

	if (va < batch->first)
		batch->first = va;
	if (last > batch->last)
		batch->last = last;
	batch->tables_gone |= tables_gone;
}

void tlb_batch_finish(struct tlb_batch *batch)
{
	port_irq_t irq;

	if (batch->first < batch->last) {
		size_t pages = ((batch->last - batch->first) >> PAGE_WIDTH) + 1;

		irq = port_irq_save();
		if (batch->tables_gone)
			tlb_drop_tables(batch->table, batch->first, pages);
		else
			tlb_drop(batch->table, batch->first, pages);
		port_irq_restore(irq);
	}
	page_tables_free(batch->tables, batch->table_count);
	*batch = TLB_BATCH(batch->table);
}
