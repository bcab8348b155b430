/* SPDX-License-Identifier: BSD-2-Clause */

/* The TLB's entries, for those that look at them (MD00090, 9.5 to 9.9, 9.19). */

#ifndef TLB_H
#define TLB_H

#include <arch/cp0.h>
#include <arch/mm.h>

struct tlb_entry {
	uint32_t hi, mask, even, odd; /* EntryHi, PageMask, EntryLo0, EntryLo1 */
};

unsigned tlb_entry_count(void);

/** Any context. */
void tlb_entry_read(unsigned index, struct tlb_entry *entry);

/** Bytes that the two pages of an entry are of. */
static inline size_t tlb_entry_reach(const struct tlb_entry *entry)
{
	return (size_t) (entry->mask | 0x1fff) + 1;
}

static inline uint32_t tlb_entry_va(const struct tlb_entry *entry)
{
	return entry->hi & ~(uint32_t) (tlb_entry_reach(entry) - 1);
}

/** Whether it is for all identifiers. */
static inline bool tlb_entry_is_global(const struct tlb_entry *entry)
{
	return (entry->even & entry->odd & PTE_GLOBAL) != 0;
}

#endif
