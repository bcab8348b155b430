/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The page format of arm32: short descriptors (ARM DDI 0406C, B3.5.1), with the
 * simplified access permissions (SCTLR.AFE = 1, B3.7.1) and without TEX remap
 * (SCTLR.TRE = 0, B3.8.2).
 *
 * The hardware's first level has 4,096 entries of 1 MiB, and its tables of the second
 * level have 1 KiB. For the core PTL0 has 1,024 entries of 4 MiB, and a table of the
 * last level is a frame, which holds four of the hardware's. An entry of PTL0 is the
 * first of four hardware entries; the others differ from it by ROOT_STEP:
 *
 *                      31..20   19 18 17 16 15  14..12 11..10 9 8..5   4  3 2  1 0
 *   section of 1 MiB   address  0  0  nG S  AP2 TEX    AP1 AF 0 domain XN C B  1 PXN
 *                      31..10                                9 8..5   4 3 2   1 0
 *   table              address                               0 domain 0 0 PXN 0 1
 *                      31..12   11 10 9   8..6  5   4  3 2  1 0
 *   page of 4 KiB      address  nG S  AP2 TEX   AP1 AF C B  1 XN
 *
 *                      31..24   23..20 19 18
 *   supersection       address  0      0  1  and the rest as of a section: of 16 MiB, 16 equal entries
 *                      31..16   15 14..12 11 10 9   8..6 5   4  3 2  1 0
 *   large page         address  XN TEX    nG S  AP2 0    AP1 AF C B  0 1   of 64 KiB, 16 equal entries
 *
 * The last two are runs of equal entries (mm/page_leaf.h), of 4 and of 16 of the core's.
 *
 *   AP2   read-only              AF    the access flag: always set
 *   AP1   for user mode too      nG    belongs to an identifier
 *
 * TEX C B: 001 1 1 is normal memory, write-back, write-allocate; 001 0 0 normal memory, not cached; 000 0 1 a device
 * (table B3-10). Normal memory is shareable. All of it is in domain 0. PXN is set for user space where the
 * hardware's root is written (pte_root_mirror): the kernel executes none of the user's pages, whatever they allow.
 */

#ifndef ARCH_PAGE_FORMAT_H
#define ARCH_PAGE_FORMAT_H

#include <mm/page_flags.h>
#include <mm/types.h>

/* <arch/layout.h> may say so before. */
#ifndef PAGE_WIDTH
#define PAGE_WIDTH 12
#endif
/* Short descriptors have 32 bits of address; the eight more that supersections have are not used (B3.5.1). */
#define PHYS_LAST ((phys_t) 0xffffffffu)

#define PTL_LEVELS 2
#define PTL_BITS(level) 10u

typedef uint32_t pte_t;

#include <mm/page_geometry.h>

/* Entries of the hardware's root for one of the core's, and what the next one differs by. */
#define ROOT_PARTS 4
#define ROOT_STEP_SECTION ((pte_t) 1 << 20)
#define ROOT_STEP_TABLE ((pte_t) 1 << 10)

/* What an entry is. Bit 0 is XN of a small page; in the last level what is present is a leaf, PTE_LEAF or PTE_LARGE. */
#define PTE_KIND ((pte_t) 3)
#define PTE_LEAF ((pte_t) 2)
#define PTE_TABLE ((pte_t) 1)
#define PTE_LARGE ((pte_t) 1)

#define PTE_BUFFERED ((pte_t) 1 << 2)
#define PTE_CACHED ((pte_t) 1 << 3)

#define SECTION_PXN ((pte_t) 1 << 0)
#define TABLE_PXN ((pte_t) 1 << 2)

#define SECTION_NO_EXECUTE ((pte_t) 1 << 4)
#define SECTION_ACCESSED ((pte_t) 1 << 10)
#define SECTION_USER ((pte_t) 1 << 11)
#define SECTION_TEX ((pte_t) 1 << 12)
#define SECTION_READ_ONLY ((pte_t) 1 << 15)
#define SECTION_SHAREABLE ((pte_t) 1 << 16)
#define SECTION_NOT_GLOBAL ((pte_t) 1 << 17)
#define SECTION_SUPER ((pte_t) 1 << 18)

#define PAGE_NO_EXECUTE ((pte_t) 1 << 0)
#define PAGE_ACCESSED ((pte_t) 1 << 4)
#define PAGE_FOR_USER ((pte_t) 1 << 5)
#define PAGE_TEX ((pte_t) 1 << 6)
#define PAGE_READ_ONLY ((pte_t) 1 << 9)
#define PAGE_SHAREABLE ((pte_t) 1 << 10)
#define PAGE_NOT_GLOBAL ((pte_t) 1 << 11)
/* Of a large page, what a page has elsewhere. */
#define LARGE_TEX ((pte_t) 1 << 12)
#define LARGE_NO_EXECUTE ((pte_t) 1 << 15)

/* Entries of a run: a supersection, a large page. */
#define PTE_RUN(level) ((level) == 0 ? 4u : 16u)

/** Whether an entry of this level may map a page: at PTL0 four sections. */
static inline bool ptl_leaf_allowed(unsigned level)
{
	return level < PTL_LEVELS;
}

static inline bool pte_present(pte_t pte)
{
	return (pte & PTE_KIND) != 0;
}

/** Whether an entry that is present maps a page; otherwise it points to a table. */
static inline bool pte_is_leaf(pte_t pte, unsigned level)
{
	return level != 0 || (pte & PTE_LEAF) != 0;
}

/** The entry that points to a table of the last level. */
static inline pte_t pte_table(phys_t pa)
{
	return (pte_t) pa | PTE_TABLE;
}

/** Physical address of the table an entry points to. */
static inline phys_t pte_table_pa(pte_t pte)
{
	return (phys_t) (pte & ~((pte_t) PAGE_SIZE - 1));
}

/* What both levels have at the same place, the page's attributes but TEX. */
static inline pte_t pte_caching(page_flags_t flags)
{
	if ((flags & PAGE_DEVICE & ~PAGE_UNCACHED) != 0)
		return PTE_BUFFERED;
	return (flags & PAGE_UNCACHED) != 0 ? 0 : PTE_CACHED | PTE_BUFFERED;
}

static inline pte_t pte_section(phys_t pa, page_flags_t flags)
{
	return (pte_t) pa | PTE_LEAF | SECTION_ACCESSED | SECTION_SHAREABLE | pte_caching(flags) |
		((flags & PAGE_DEVICE & ~PAGE_UNCACHED) != 0 ? 0 : SECTION_TEX) |
		((flags & PAGE_WRITE) != 0 ? 0 : SECTION_READ_ONLY) | ((flags & PAGE_EXEC) != 0 ? 0 : SECTION_NO_EXECUTE) |
		((flags & PAGE_USER) != 0 ? SECTION_USER : 0) | ((flags & PAGE_GLOBAL) != 0 ? 0 : SECTION_NOT_GLOBAL);
}

static inline pte_t pte_page(phys_t pa, page_flags_t flags)
{
	return (pte_t) pa | PTE_LEAF | PAGE_ACCESSED | PAGE_SHAREABLE | pte_caching(flags) |
		((flags & PAGE_DEVICE & ~PAGE_UNCACHED) != 0 ? 0 : PAGE_TEX) |
		((flags & PAGE_WRITE) != 0 ? 0 : PAGE_READ_ONLY) | ((flags & PAGE_EXEC) != 0 ? 0 : PAGE_NO_EXECUTE) |
		((flags & PAGE_USER) != 0 ? PAGE_FOR_USER : 0) | ((flags & PAGE_GLOBAL) != 0 ? 0 : PAGE_NOT_GLOBAL);
}

/** The entry that maps a page of this level. */
static inline pte_t pte_leaf(phys_t pa, page_flags_t flags, unsigned level)
{
	return level == 0 ? pte_section(pa, flags) : pte_page(pa, flags);
}

/** Whether a leaf of this level is one of a run. */
static inline bool pte_is_run(pte_t pte, unsigned level)
{
	return level == 0 ? (pte & SECTION_SUPER) != 0 : (pte & PTE_KIND) == PTE_LARGE;
}

/** Each entry of the run that maps a page at pa, which is aligned to all of it. */
static inline pte_t pte_run(phys_t pa, page_flags_t flags, unsigned level)
{
	pte_t page = pte_leaf(pa, flags, level);

	if (level == 0)
		return page | SECTION_SUPER;
	return (page & ~(PTE_KIND | PAGE_TEX)) | PTE_LARGE | ((page & PAGE_TEX) != 0 ? LARGE_TEX : 0) |
		((page & PAGE_NO_EXECUTE) != 0 ? LARGE_NO_EXECUTE : 0);
}

/** Physical address of the page a leaf of this level maps, alone or in a run. */
static inline phys_t pte_leaf_pa(pte_t pte, unsigned level)
{
	unsigned entries = pte_is_run(pte, level) ? PTE_RUN(level) : 1;

	return (phys_t) (pte & ~((pte_t) (entries * PTL_COVERS(level)) - 1));
}

/** What a leaf allows, PAGE_*. */
static inline page_flags_t pte_leaf_flags(pte_t pte, unsigned level)
{
	pte_t read_only = level == 0 ? SECTION_READ_ONLY : PAGE_READ_ONLY;
	pte_t no_execute = level == 0 ? SECTION_NO_EXECUTE : pte_is_run(pte, level) ? LARGE_NO_EXECUTE : PAGE_NO_EXECUTE;
	pte_t user = level == 0 ? SECTION_USER : PAGE_FOR_USER;
	pte_t not_global = level == 0 ? SECTION_NOT_GLOBAL : PAGE_NOT_GLOBAL;
	pte_t cached = pte & (PTE_CACHED | PTE_BUFFERED);

	return PAGE_READ | ((pte & read_only) != 0 ? 0 : PAGE_WRITE) | ((pte & no_execute) != 0 ? 0 : PAGE_EXEC) |
		((pte & user) != 0 ? PAGE_USER : 0) | ((pte & not_global) != 0 ? 0 : PAGE_GLOBAL) |
		(cached == 0                     ? PAGE_UNCACHED
				: cached == PTE_BUFFERED ? PAGE_DEVICE
										 : 0);
}

#endif
