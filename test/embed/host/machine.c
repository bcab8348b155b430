/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What <arch/mm.h> declares and does not define: the part of a machine.
 *
 * RAM is a mapping of the process at the identity window. There is no TLB, for
 * there is no hardware that looks anything up: what the user does goes through
 * the page tables each time (main.c). A machine that has a
 * TLB drops its entries here.
 */

#define _GNU_SOURCE
#include <sys/mman.h>

#include <arch/mm.h>

#include "thread.h"

static phys_t root;

bool host_gigabyte_pages = true, host_large_pages = true;
phys_t host_dma_limit = MiB(16);
struct host_traits host_traits = { .tlb_range_max = 32 };

bool machine_start(size_t bytes)
{
	void *at = (void *) PA2KA(0);

	return mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
			   -1, 0) == at;
}

void tlb_invalidate_page(uintptr_t va)
{
	(void) va;
}

void tlb_invalidate_page_asids(uintptr_t va)
{
	(void) va;
}

void tlb_invalidate_all(void)
{
}

phys_t page_root_current(void)
{
	return root;
}

void page_root_load(phys_t new_root)
{
	root = new_root;
}

/* It has a page format of a machine with identifiers of address spaces; there is nothing to keep apart by them. */
void page_root_load_asid(phys_t new_root, unsigned asid)
{
	(void) asid;
	root = new_root;
}

void tlb_invalidate_asids(void)
{
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
