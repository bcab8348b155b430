/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What is the same for both page-table designs of what mm/page_miss.h offers to
 * machines whose TLB is filled by software.
 */

#include <mm/assert.h>
#include <mm/page_miss.h>
#include <mm/port.h>

bool page_fault_is_stale(struct page_table *table, uintptr_t va, page_flags_t wanted)
{
	port_irq_t irq = port_irq_save();
	struct page_mapping mapping;

	if (TLB_KEEPS_INVALID)
		tlb_invalidate_one(va - KERNEL_START <= KERNEL_LAST - KERNEL_START, ALIGN_DOWN(va, PAGE_SIZE));
	mapping = page_mapping_find(table, va);
	port_irq_restore(irq);
	return mapping.size != 0 && (wanted & ~mapping.flags) == 0;
}

#if CONFIG_DEBUG

#define STACK_MOST KiB(64) /* more than a kernel's stack has; it may grow either way */

static bool is_on_stack(uintptr_t va)
{
	uintptr_t here = (uintptr_t) __builtin_frame_address(0);

	return va - here + STACK_MOST < 2 * STACK_MOST;
}

void page_reach_check(const void *start, size_t bytes)
{
	uintptr_t first = (uintptr_t) start, last = first + (bytes - 1);

	mm_assert(last < KM_START || first >= KM_END || is_on_stack(first),
		"the memory at %p, in km_map's window, may not be touched under a page table's lock", start);
}

#endif
