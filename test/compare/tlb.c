/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A TLB for measuring, in the place of the host's (arch/host/tlb.c): dropping a
 * translation is one call that does nothing, since on a machine it is one
 * instruction. The host's own, which remembers and writes down, costs more than
 * the operations that are to be measured.
 */

#include <arch/host.h>
#include <mm/page.h>

bool host_gigabyte_pages = true, host_large_pages = true;

static phys_t root;

void tlb_invalidate_page(uintptr_t va)
{
	__asm__ volatile("" : : "r"(va));
}

void tlb_invalidate_page_asids(uintptr_t va)
{
	__asm__ volatile("" : : "r"(va));
}

void tlb_invalidate_all(void)
{
	__asm__ volatile("");
}

phys_t page_root_current(void)
{
	return root;
}

void page_root_load(phys_t new_root)
{
	root = new_root;
}

void page_root_load_asid(phys_t new_root, unsigned asid)
{
	(void) asid;
	root = new_root;
}

void tlb_invalidate_asids(void)
{
	__asm__ volatile("");
}

unsigned asid_count(void)
{
	return ASIDS_MOST;
}

#if TLB_CACHE
/* CONFIG_HOST_SHARED: nothing looks anything up by it. */
void tlb_cache_invalidate(unsigned asid, uintptr_t va, size_t pages)
{
	(void) asid;
	(void) va;
	(void) pages;
}

void tlb_cache_invalidate_asids(void)
{
}
#endif

/* What arch/host/window.c asks of the TLB: nothing here is looked at. */
void host_check_owned(uintptr_t va, pfn_t pfn)
{
	(void) va;
	(void) pfn;
}

struct page_mapping host_kernel_find(uintptr_t va)
{
	return page_mapping_find(&page_kernel, va);
}
