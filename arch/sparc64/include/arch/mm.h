/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * sparc64 for the memory core: the page hash table, whose entries the miss handler
 * (arch/sparc64/entry.S) puts into two TLBs, for instructions and for data; contexts as
 * identifiers; a direct map that the miss handler makes by arithmetic. UM is the
 * "UltraSPARC-IIi User's Manual", 805-0087.
 *
 * THE DATA CACHE has 16 KiB and one way, indexed by virtual address (UM, 8.2): a frame
 * has two places in it, and the core writes frames at addresses of either. So
 * nothing is in it: no entry has CV (UM, 15.2, "CP, CV"), and the caches that data go by are indexed
 * by physical address. The instruction cache, whose ways have 8 KiB, is used.
 */

#ifndef ARCH_MM_H
#define ARCH_MM_H

#include <arch/layout.h>
#include <arch/page_format.h>
#include <arch/sparc.h>

#define CACHE_LINE 64

/* The IOMMU is off: PCI devices have 32 address lines. */
#define ARCH_DMA_LIMIT ((phys_t) 0x80000000u)
#define RAM_LAST ((phys_t) 0xffffffffff)

/* The miss handler makes it for data only; all of it can be written. */
#define IDENTITY_RIGHTS (PAGE_READ | PAGE_WRITE | PAGE_GLOBAL)

/* ---- the TLBs of this CPU, and the TSB before them (tlb.c) ---- */

/* Contexts have 13 bits; ASIDS of the command line uses fewer. */
#ifdef CONFIG_ASIDS
#define ASIDS_MOST CONFIG_ASIDS
#else
#define ASIDS_MOST 8192
#endif

/* A page takes some 15 instructions; all of it some 700, and 20 for each that is looked up again. */
#define TLB_RANGE_MAX 64u

void tlb_invalidate_page(uintptr_t va);
void tlb_invalidate_all(void);
void tlb_invalidate_asids(void);
void page_root_load(phys_t root);
void page_root_load_asid(phys_t root, unsigned asid);
phys_t page_root_current(void);

/* Addresses of the kernel part are looked up by a root of their own. */
#define KERNEL_ROOT_SEPARATE 1
void page_kernel_root_load(phys_t root);
#define page_kernel_root_load page_kernel_root_load

static inline unsigned asid_count(void)
{
	return ASIDS_MOST;
}

/* ---- caches ---- */

#define DATA_CACHE_WAY 0

/** The instruction cache sees stores; what is in the pipeline does not (UM, 8.1.1, "Instruction Cache"; V9, A.20). */
static inline void frame_make_executable(const void *page)
{
	__asm__ volatile("membar #StoreStore; flush %0" : : "r"(page) : "memory");
}
#define frame_make_executable frame_make_executable

#include <frame_words.h>

#endif
