/* SPDX-License-Identifier: BSD-2-Clause */

/* What the miss handlers go by (entry.S), and the code that changes it (tlb.c). */

#ifndef TLB_H
#define TLB_H

#include <arch/mm.h>

/* An entry of the TSB. The tag is a page's address, and in its low 13 bits the context, 0 in the kernel part. */
struct tsb_entry {
	uint64_t tag;
	pte_t pte;
};

#define TSB_EMPTY UINT64_MAX

/* Read by physical address. */
struct mmu {
	phys_t user_root, kernel_root; /* 0 = none yet */
	uint64_t hash;                 /* HT_HASH_MULTIPLIER */
	uint64_t direct;               /* with the address of 4 MiB in the direct map, by exclusive or: its entry */
	uint64_t tsb;                  /* address of the TSB */
	uintptr_t fault_address;       /* of the last miss for which there was nothing; its page */
};

extern struct mmu mmu;
extern struct tsb_entry tsb[TSB_ENTRIES];

static inline size_t tsb_index(uint64_t tag)
{
	return (tag >> PAGE_WIDTH ^ tag) & (TSB_ENTRIES - 1);
}

#endif
