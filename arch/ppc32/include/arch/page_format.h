/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The page formats of ppc32.
 *
 * THE CORE'S ENTRY. No hardware walks the page tables; an entry has what the second
 * word of a hash table's entry has (PEM, 7.6.1.1, "Page Table Entry"), in the same
 * bits, and what that has no room for in bits that are reserved there:
 *
 *   31........12  11       10      9       8  7  6  5  4  3  2  1 0
 *   address       PRESENT  KERNEL  GLOBAL  R  C  W  I  M  G  0  PP
 *
 *   PP   with the keys that the segments have, 0 for the kernel and 1 for the user
 *        (PEM, table 7-9):  0 the kernel reads and writes
 *                           2 both read and write    3 both read
 *        A page that only the kernel may read is 3 with KERNEL: the segment keeps the user
 *        from it (arch/ppc32/hash.c, "Rights")
 *   R, C referenced and changed, which the CPU sets in the hash table; carried back here
 *
 * An entry that leads to a table is its address and PRESENT. Nothing can forbid the
 * execution of a page, so it is always reported.
 *
 * THE HASH TABLE'S ENTRY has two words:
 *
 *   word 0   31  30....7  6  5..0        word 1: as above, without the core's own bits
 *            V   VSID     H  API
 *
 * in one of two groups of 8 entries: PTEG_HASH, or its complement with H = 1 (PEM, 7.6.1.2).
 * This header needs nothing of the machine's other ones.
 */

#ifndef ARCH_PAGE_FORMAT_H
#define ARCH_PAGE_FORMAT_H

#ifndef __ASSEMBLER__

#include <mm/page_flags.h>
#include <mm/types.h>

#define PAGE_WIDTH 12
#define PHYS_LAST ((phys_t) 0xffffffffu)

#define PTL_LEVELS 2
#define PTL_BITS(level) 10u

#include <mm/page_geometry.h>

typedef uint32_t pte_t;

#define PTE_ADDRESS ((pte_t) 0xfffff000u)

#endif

/* The core's own bits. */
#define PTE_PRESENT 0x800
#define PTE_KERNEL 0x400
#define PTE_GLOBAL 0x200
/* Those of both. */
#define PTE_REFERENCED 0x100
#define PTE_CHANGED 0x080
#define PTE_INHIBITED 0x020 /* caching-inhibited */
#define PTE_COHERENT 0x010  /* memory coherence required */
#define PTE_GUARDED 0x008
#define PTE_PP 0x003
#define PP_KERNEL_WRITES 0
#define PP_WRITE 2
#define PP_READ 3

#define HASH_VALID 0x80000000
#define HASH_SECONDARY 0x40
#define HASH_GROUP_ENTRIES 8

#ifndef __ASSEMBLER__

/** Only the last level maps pages. */
static inline bool ptl_leaf_allowed(unsigned level)
{
	return level == PTL_LEVELS - 1;
}

static inline bool pte_present(pte_t pte)
{
	return (pte & PTE_PRESENT) != 0;
}

static inline bool pte_is_leaf(pte_t pte, unsigned level)
{
	(void) pte;
	return level == PTL_LEVELS - 1;
}

/** The entry that maps a page of the last level. */
static inline pte_t pte_leaf(phys_t pa, page_flags_t flags, unsigned level)
{
	pte_t rights = (flags & PAGE_WRITE) == 0 ? PP_READ : (flags & PAGE_USER) != 0 ? PP_WRITE : PP_KERNEL_WRITES;
	pte_t cached = (flags & PAGE_UNCACHED) == 0       ? PTE_COHERENT
		: (flags & PAGE_DEVICE & ~PAGE_UNCACHED) != 0 ? PTE_INHIBITED | PTE_GUARDED
													  : PTE_INHIBITED;

	(void) level;
	return (pte_t) pa | PTE_PRESENT | ((flags & PAGE_USER) == 0 ? PTE_KERNEL : 0) |
		((flags & PAGE_GLOBAL) != 0 ? PTE_GLOBAL : 0) | cached | rights;
}

/** The entry that points to a table of the next level. */
static inline pte_t pte_table(phys_t pa)
{
	return (pte_t) pa | PTE_PRESENT;
}

static inline phys_t pte_leaf_pa(pte_t pte, unsigned level)
{
	(void) level;
	return pte & PTE_ADDRESS;
}

static inline phys_t pte_table_pa(pte_t pte)
{
	return pte & PTE_ADDRESS;
}

/** What a leaf allows, PAGE_*. */
static inline page_flags_t pte_leaf_flags(pte_t pte, unsigned level)
{
	(void) level;
	return PAGE_READ | PAGE_EXEC | ((pte & PTE_PP) != PP_READ ? PAGE_WRITE : 0) |
		((pte & PTE_KERNEL) == 0 ? PAGE_USER : 0) | ((pte & PTE_GLOBAL) != 0 ? PAGE_GLOBAL : 0) |
		((pte & PTE_INHIBITED) == 0        ? 0
				: (pte & PTE_GUARDED) != 0 ? PAGE_DEVICE
										   : PAGE_UNCACHED);
}

/* ---- the hash table's entry ---- */

/** Word 0 of the entry for va in the segment vsid. @param secondary  it is in the second group */
static inline uint32_t hash_tag(uint32_t vsid, uint32_t va, bool secondary)
{
	return HASH_VALID | (vsid & 0xffffff) << 7 | (secondary ? HASH_SECONDARY : 0) | (va >> 22 & 0x3f);
}

/** Word 1 of the entry of what a leaf of the core maps. */
static inline uint32_t hash_word(pte_t pte)
{
	return pte & ~(pte_t) (PTE_PRESENT | PTE_KERNEL | PTE_GLOBAL);
}

/** The number of a page's first group, in a table of groups, a power of two; the second's is groups - 1 less this. */
static inline uint32_t hash_group(uint32_t vsid, uint32_t va, uint32_t groups)
{
	return ((vsid & 0x7ffff) ^ (va >> 12 & 0xffff)) & (groups - 1);
}

/** Bits 4 to 19 of the address, as the manual counts them, of the page whose entry is in a group. */
static inline uint32_t hash_page(uint32_t tag, uint32_t group)
{
	uint32_t low = group ^ (tag >> 7) ^ ((tag & HASH_SECONDARY) != 0 ? ~0u : 0);

	return (tag & 0x3f) << 22 | (low & 0x3ff) << 12;
}

/*
 * A VSID has 24 bits, of which the hash takes 19. Multiplied by an odd number, modulo 2^24, no two of them are the
 * same, and the segments of the address spaces are far from each other.
 */
#define VSID_STEP 0x6b1
#define VSID_MASK 0xffffff

/** The VSID of a segment of an address space; of the kernel part if the identifier is 0. */
static inline uint32_t vsid_of(uint32_t asid, uint32_t segment)
{
	return (asid << 4 | segment) * VSID_STEP & VSID_MASK;
}

#endif

#endif
