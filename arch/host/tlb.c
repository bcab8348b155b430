/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The host has no translations to drop, so it writes down what it was told to
 * drop: a test can see that an operation dropped what it had to, and no more.
 *
 * One record for all CPUs; its fields are written one at a time with atomic
 * operations, so it is exact when only one thread maps.
 */

#include <arch/host.h>

#define RECENT ARRAY_COUNT(((struct host_tlb_record *) 0)->recent)

bool host_gigabyte_pages = true;

static struct host_tlb_record record;
static _Thread_local phys_t root; /* 0 = boot_root */
static phys_t boot_root;          /* what CPUs that come later begin with */

void tlb_invalidate_page(uintptr_t va)
{
	size_t number = __atomic_fetch_add(&record.pages, 1, __ATOMIC_RELAXED);

	__atomic_store_n(&record.recent[number % RECENT], va, __ATOMIC_RELAXED);
}

void tlb_invalidate_all(void)
{
	__atomic_fetch_add(&record.alls, 1, __ATOMIC_RELAXED);
}

void host_tlb_forget(void)
{
	__atomic_store_n(&record.pages, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&record.alls, 0, __ATOMIC_RELAXED);
}

void host_tlb_get(struct host_tlb_record *copy)
{
	copy->pages = __atomic_load_n(&record.pages, __ATOMIC_RELAXED);
	copy->alls = __atomic_load_n(&record.alls, __ATOMIC_RELAXED);
	for (size_t i = 0; i < RECENT; i++)
		copy->recent[i] = __atomic_load_n(&record.recent[i], __ATOMIC_RELAXED);
}

bool host_tlb_dropped(uintptr_t va)
{
	struct host_tlb_record seen;

	host_tlb_get(&seen);
	if (seen.alls != 0)
		return true;
	for (size_t i = 0; i < seen.pages && i < RECENT; i++)
		if (ALIGN_DOWN(seen.recent[i], PAGE_SIZE) == ALIGN_DOWN(va, PAGE_SIZE))
			return true;
	return false;
}

phys_t page_root_current(void)
{
	return root != 0 ? root : __atomic_load_n(&boot_root, __ATOMIC_ACQUIRE);
}

void page_root_load(phys_t new_root)
{
	root = new_root;
	if (host_cpus_up() == 1)
		__atomic_store_n(&boot_root, new_root, __ATOMIC_RELEASE);
}
