/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Look-ups by the published numbers, step by step as the comments of these
 * headers have it: nothing else is known here of the structures.
 */

#include <mm/ht_layout.h>
#include <mm/page_roots.h>
#include <mm/pt_layout.h>

#include "layout.h"

#define CONSTANT(name, value) static const __attribute__((unused)) size_t name = (value)

PT_LAYOUT(CONSTANT);
HT_LAYOUT(CONSTANT);

static uintptr_t word_at(uintptr_t address)
{
	return __atomic_load_n((const uintptr_t *) address, __ATOMIC_ACQUIRE);
}

static pte_t entry_at(uintptr_t address)
{
	return __atomic_load_n((const pte_t *) address, __ATOMIC_ACQUIRE);
}

static bool is_kernel(uintptr_t va)
{
	return va - KERNEL_START <= KERNEL_LAST - KERNEL_START;
}

/* ---- pt ---- */

static pte_t tree_find(uintptr_t root, uintptr_t va, unsigned *level)
{
	const size_t shifts[] = { PT_SHIFT_0, PT_SHIFT_1, PT_SHIFT_2, PT_SHIFT_3 };
	const size_t bits[] = { PT_BITS_0, PT_BITS_1, PT_BITS_2, PT_BITS_3 };
	uintptr_t at = root;

	for (*level = 0; *level < PT_LEVELS; ++*level) {
		size_t index = (va >> shifts[*level]) & (((size_t) 1 << bits[*level]) - 1);
		pte_t pte = entry_at(at + (index << PT_ENTRY_WIDTH));

		if (!pte_present(pte))
			return 0;
		if (pte_is_leaf(pte, *level))
			return pte;
		at = PA2KA(pte_table_pa(pte));
	}
	return 0;
}

/* ---- ht ---- */

extern char ht[] __attribute__((weak)); /* struct ht, where that design is linked */

static uintptr_t head_of(uintptr_t tag)
{
	uint64_t product = (uint64_t) tag * HT_HASH_MULTIPLIER;
	uintptr_t hash = (uintptr_t) (product << HT_HASH_GOOD | product >> (64 - HT_HASH_GOOD));
	uintptr_t mask = word_at((uintptr_t) ht + HT_MASK), number = hash & mask;
	uintptr_t segment;

	if (number >= word_at((uintptr_t) ht + HT_BUCKETS))
		number &= mask >> 1;
	segment = word_at(word_at((uintptr_t) ht + HT_DIRECTORY) + (number >> HT_SEGMENT_WIDTH) * HT_WORD);
	return segment + ((number & (((uintptr_t) 1 << HT_SEGMENT_WIDTH) - 1)) << HT_BUCKET_WIDTH);
}

static uintptr_t cluster_of(uintptr_t tag)
{
	for (uintptr_t line = head_of(tag); line != 0; line = word_at(line + HT_BUCKET_NEXT))
		for (size_t i = 0; i < HT_SLOTS; i++) {
			uintptr_t slot = line + HT_BUCKET_SLOT + i * HT_SLOT_SIZE;

			if (word_at(slot + HT_SLOT_TAG) == tag)
				return word_at(slot + HT_SLOT_CLUSTER);
		}
	return 0;
}

static pte_t hash_find(uintptr_t root, uintptr_t va, unsigned *level)
{
	const size_t shifts[] = { HT_PAGE_SHIFT_0, HT_PAGE_SHIFT_1, HT_PAGE_SHIFT_2, HT_PAGE_SHIFT_3 };
	uint32_t sizes = __atomic_load_n((const uint32_t *) (root + HT_ROOT_SIZES), __ATOMIC_ACQUIRE);

	for (unsigned size = 0; size < HT_LEVELS; size++) {
		uintptr_t page = va >> shifts[size], tag, cluster;
		pte_t pte = 0;

		*level = (unsigned) HT_LEVELS - 1 - size;
		if ((sizes >> *level & 1) == 0)
			continue;
		tag = word_at(root + HT_ROOT_SPACE) | (uintptr_t) size << HT_SIZE_SHIFT |
			(page >> HT_CLUSTER_WIDTH & (((uintptr_t) 1 << HT_SIZE_SHIFT) - 1));
		cluster = cluster_of(tag);
		if (cluster != 0)
			pte = entry_at(cluster + ((page & (((uintptr_t) 1 << HT_CLUSTER_WIDTH) - 1)) << HT_ENTRY_WIDTH));
		if (pte != 0)
			return pte;
	}
	return 0;
}

pte_t layout_find(const struct page_table *table, uintptr_t va, unsigned *level)
{
	if (is_kernel(va))
		table = &page_kernel;
	if (page_design_name()[0] == 'p')
		return tree_find(PA2KA(page_table_root(table)) + ROOT_MIRROR_FRAMES * PAGE_SIZE, va, level);
	/* The kernel's is in the image. */
	return hash_find(table == &page_kernel ? (uintptr_t) table : PA2KA(page_table_root(table)), va, level);
}
