/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What ia32 and amd64 share of <arch/mm.h>, which alone includes this file: the
 * format of a page-table entry, the TLB, and whole-frame operations. How the
 * two differ is data that <arch/mm.h> defines first: pte_t, PTE_ADDRESS,
 * PTE_NO_EXECUTE, PTL_LEVELS and PTL_BITS.
 *
 * An entry (SDM vol. 3A, figures 4-4 and 4-11):
 *
 *   63  62..52  51........12  11..9  8 7  6 5 4   3   2 1 0
 *   NX  ignored   address       0    G PS D A PCD PWT U W P
 *
 * Rights are those of the leaf; entries that point to a table allow everything
 * (U included, as a leaf below decides). The core reads neither A nor D, so
 * the encoder sets both and spares the CPU the locked write.
 */

#ifndef X86_MM_H
#define X86_MM_H

#include <mm/page_geometry.h>
#include <x86/control.h>

/* ---- addresses ---- */

/* The registers of the LAPIC, each CPU its own (x86/lapic.h): where they are unless the firmware moved them. */
#define LAPIC_PHYS ((phys_t) 0xfee00000u)
#define LAPIC_FLAGS (PAGE_READ | PAGE_WRITE | PAGE_DEVICE)

/* Mapped by page_init. */
#define KERNEL_FIXED                           \
	{                                          \
		LAPIC_VIRT, LAPIC_PHYS, 1, LAPIC_FLAGS \
	}

/* ---- page-table entries ---- */

#define PTE_PRESENT ((pte_t) 1 << 0)
#define PTE_WRITE ((pte_t) 1 << 1)
#define PTE_USER ((pte_t) 1 << 2)
#define PTE_WRITE_THROUGH ((pte_t) 1 << 3)
#define PTE_CACHE_DISABLE ((pte_t) 1 << 4)
#define PTE_ACCESSED ((pte_t) 1 << 5)
#define PTE_DIRTY ((pte_t) 1 << 6)
#define PTE_LARGE ((pte_t) 1 << 7) /* above the last level; there this bit is one of PAT */
#define PTE_GLOBAL ((pte_t) 1 << 8)

/* PCD and PWT together choose PAT entry 3, which is "uncacheable" after reset (SDM vol. 3A, table 11-12). */
#define PTE_UNCACHED (PTE_CACHE_DISABLE | PTE_WRITE_THROUGH)

static inline bool pte_present(pte_t pte)
{
	return (pte & PTE_PRESENT) != 0;
}

/** Whether an entry that is present maps a page; otherwise it points to a table. */
static inline bool pte_is_leaf(pte_t pte, unsigned level)
{
	return level == PTL_LEVELS - 1 || (pte & PTE_LARGE) != 0;
}

/** The entry that maps a page of this level. */
static inline pte_t pte_leaf(phys_t pa, page_flags_t flags, unsigned level)
{
	return (pte_t) pa | PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | (level == PTL_LEVELS - 1 ? 0 : PTE_LARGE) |
		((flags & PAGE_WRITE) != 0 ? PTE_WRITE : 0) | ((flags & PAGE_EXEC) != 0 ? 0 : PTE_NO_EXECUTE) |
		((flags & PAGE_USER) != 0 ? PTE_USER : 0) | ((flags & PAGE_GLOBAL) != 0 ? PTE_GLOBAL : 0) |
		((flags & PAGE_UNCACHED) != 0 ? PTE_UNCACHED : 0);
}

/** The entry that points to a table of the next level. */
static inline pte_t pte_table(phys_t pa)
{
	return (pte_t) pa | PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
}

/** Physical address of the page a leaf of this level maps. (Bit 12 of a large page is one of PAT: masked off.) */
static inline phys_t pte_leaf_pa(pte_t pte, unsigned level)
{
	return (phys_t) (pte & PTE_ADDRESS & ~(pte_t) (PTL_COVERS(level) - 1));
}

/** Physical address of the table an entry points to. */
static inline phys_t pte_table_pa(pte_t pte)
{
	return (phys_t) (pte & PTE_ADDRESS);
}

/** What a leaf allows, PAGE_*. */
static inline page_flags_t pte_leaf_flags(pte_t pte, unsigned level)
{
	(void) level;
	return PAGE_READ | ((pte & PTE_WRITE) != 0 ? PAGE_WRITE : 0) | ((pte & PTE_NO_EXECUTE) != 0 ? 0 : PAGE_EXEC) |
		((pte & PTE_USER) != 0 ? PAGE_USER : 0) | ((pte & PTE_GLOBAL) != 0 ? PAGE_GLOBAL : 0) |
		((pte & PTE_CACHE_DISABLE) != 0 ? PAGE_UNCACHED : 0);
}

/* ---- the TLB of this CPU ---- */

/* Process-context identifiers are not in use: a switch invalidates all that is not global. */
#define ASIDS_MOST 1

/** Invalidates what this CPU holds for the page at va, global or not, and all its paging-structure caches. */
static inline void tlb_invalidate_page(uintptr_t va)
{
	__asm__ volatile("invlpg %0" : : "m"(*(const char *) va) : "memory");
}

/**
 * Invalidates all that this CPU holds, global pages too: a change of CR4.PGE does (SDM vol. 3A, 4.10.4.1). While that
 * is off there are no global pages, and nothing would change: then a load of CR3 does.
 */
static inline void tlb_invalidate_all(void)
{
	uintptr_t cr4 = cr4_read(), root;

	if (likely((cr4 & CR4_PGE) != 0)) {
		cr4_write(cr4 & ~(uintptr_t) CR4_PGE);
		cr4_write(cr4);
	} else {
		__asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(root) : : "memory");
	}
}

/** Physical address of the root table in use. */
static inline phys_t page_root_current(void)
{
	uintptr_t cr3;

	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3) : : "memory");
	return (phys_t) (cr3 & PTE_ADDRESS);
}

/** Uses another root table; what the TLB holds of pages that are not global is invalidated. */
static inline void page_root_load(phys_t root)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"((uintptr_t) root) : "memory");
}

/* ---- whole frames ---- */

/* The suffix of a string instruction that works on a uintptr_t. (clang has no %z for it.) */
#if UINTPTR_MAX == UINT32_MAX
#define X86_WORD "l"
#else
#define X86_WORD "q"
#endif

/** Fills one page with zeros. */
static inline void frame_clear(void *page)
{
	void *to = page;
	size_t words = PAGE_SIZE / sizeof(uintptr_t);

	__asm__ volatile("rep stos" X86_WORD : "+D"(to), "+c"(words) : "a"((uintptr_t) 0) : "memory");
}
#define frame_clear frame_clear

/** Copies one page. */
static inline void frame_copy(void *destination, const void *source)
{
	void *to = destination;
	const void *from = source;
	size_t words = PAGE_SIZE / sizeof(uintptr_t);

	__asm__ volatile("rep movs" X86_WORD : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}
#define frame_copy frame_copy

#endif
