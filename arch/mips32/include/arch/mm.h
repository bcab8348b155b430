/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * mips32 for the memory core: page tables of two levels that software looks up
 * (arch/page_format.h), a TLB with pairs of pages and identifiers (arch/mips32/tlb.c),
 * and a direct map that hardware makes.
 */

#ifndef ARCH_MM_H
#define ARCH_MM_H

#include <arch/layout.h>
#include <arch/page_format.h>
#include <mm/page_geometry.h>

/* A line of the 24K's caches (MD00343, 7.1). */
#define CACHE_LINE 32

/* ISA DMA has 24 address lines. */
#define ARCH_DMA_LIMIT ((phys_t) 0x1000000)
#define RAM_LAST PHYS_LAST

/* kseg0 knows no rights. */
#define IDENTITY_RIGHTS (PAGE_READ | PAGE_WRITE | PAGE_EXEC | PAGE_GLOBAL)

/* ---- the TLB of this CPU ---- */

/* EntryHi has 8 bits for an identifier; ASIDS of the command line uses fewer. */
#ifdef CONFIG_ASIDS
#define ASIDS_MOST CONFIG_ASIDS
#else
#define ASIDS_MOST 256
#endif

/* The refill handler chooses the root by the address, and makes what it finds in the kernel's global. */
#define KERNEL_ROOT_SEPARATE 1

/* Of a pair one page may be mapped and the other not. */
#define TLB_KEEPS_INVALID 1

/* A page takes some 15 instructions; all of it 5 an entry, and some 20 for each that is looked up again. */
#define TLB_RANGE_MAX 16u

void tlb_invalidate_page(uintptr_t va);
void tlb_invalidate_all(void);
void tlb_invalidate_asids(void);
void page_root_load(phys_t root);
void page_root_load_asid(phys_t root, unsigned asid);
phys_t page_root_current(void);

void page_kernel_root_load(phys_t root);
#define page_kernel_root_load page_kernel_root_load

static inline unsigned asid_count(void)
{
	return ASIDS_MOST;
}

/* ---- caches (caches.c) ---- */

/* Where the data cache has larger ways than a page, the CPU keeps aliases away, or the kernel does not start. */
#define DATA_CACHE_WAY PAGE_SIZE

void frame_make_executable(const void *page);
#define frame_make_executable frame_make_executable

#include <frame_words.h>

#endif
