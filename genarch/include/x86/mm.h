/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What ia32 and amd64 share of <arch/mm.h>, which alone includes this file: the
 * TLB, and whole-frame operations. (The page format is in x86/page_format.h.)
 */

#ifndef X86_MM_H
#define X86_MM_H

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
