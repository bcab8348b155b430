/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The walker of page tables of the host: what hardware finds at an address, from
 * the roots that it was given, by the words that stand in memory. So what the
 * core says of its mappings is held against what it has written: the kernel's
 * entries in each root, or the kernel's own root, and a walker's root that the core
 * only mirrors (mm/page_roots.h).
 *
 * A hash table is not walked: there page_mapping_find is the handler of the miss. Nor
 * is the direct map, if it is hardware's.
 */

#include <arch/host.h>
#include <mm/direct_map.h>
#include <mm/page_roots.h>
#include <mm/tlb.h>

#define ROOT_PART_SHIFT (PTL_SHIFT(0) - (HOST_ROOT_PARTS == 4 ? 2 : 0))

static phys_t kernel_root;

#if CONFIG_HOST_STRICT
void host_kernel_root_set(phys_t root)
{
	__atomic_store_n(&kernel_root, root, __ATOMIC_RELAXED);
}
#endif

static pte_t load(phys_t table, size_t index)
{
	return __atomic_load_n((const pte_t *) PA2KA(table) + index, __ATOMIC_ACQUIRE);
}

/* Bytes of the page if the entry is one of a run. */
static phys_t run_size(pte_t pte, unsigned level)
{
#if CONFIG_HOST_RUNS
	return (pte & PTE_OF_RUN) != 0 ? (phys_t) PTE_RUN(level) << PTL_SHIFT(level) : 0;
#else
	(void) pte, (void) level;
	return 0;
#endif
}

/* A page that an entry of the root maps is as many parts as the walker has entries for it. */
static phys_t leaf_pa(pte_t pte, uintptr_t va, unsigned level)
{
	phys_t bytes = (phys_t) 1 << (level == 0 ? ROOT_PART_SHIFT : PTL_SHIFT(level));

	if (run_size(pte, level) != 0)
		bytes = run_size(pte, level);
	return (phys_t) (pte & PTE_ADDRESS & ~(pte_t) (bytes - 1)) | (va & (bytes - 1));
}

static struct page_mapping walk(phys_t root, uintptr_t va)
{
	pte_t pte = load(root, (va >> ROOT_PART_SHIFT) & (PTL_ENTRIES(0) * HOST_ROOT_PARTS - 1));
	unsigned level = 0;

	while (pte_present(pte) && !pte_is_leaf(pte, level)) {
		phys_t table = pte_table_pa(pte);

		level++;
		pte = load(table, PTL_INDEX(va, level));
	}
	if (!pte_present(pte))
		return (struct page_mapping){ .size = 0 };
	return (struct page_mapping){ .pa = leaf_pa(pte, va, level),
		.size = run_size(pte, level) != 0 ? (size_t) run_size(pte, level) : PTL_COVERS(level),
		.flags = pte_leaf_flags(pte, level) };
}

struct page_mapping host_look_up(phys_t root, uintptr_t va)
{
	bool is_kernels = va - KERNEL_START <= KERNEL_LAST - KERNEL_START;

	if (page_design_name()[0] != 'p')
		return page_mapping_find(tlb_table(), va);
	if (direct_map_has(va))
		return direct_map_find(va);
	if (!is_kernels && va - USER_START > USER_LAST - USER_START)
		return (struct page_mapping){ .size = 0 };
	return walk(KERNEL_ROOT_SEPARATE && is_kernels ? __atomic_load_n(&kernel_root, __ATOMIC_RELAXED) : root, va);
}
