/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What roots a machine has: what it states in <arch/mm.h>, and what holds where
 * it states nothing, which is one root for an address space and the kernel.
 *
 * TWO ROOTS. Where the CPU has a root for the kernel part and another for the user
 * part (arm: TTBR1 and TTBR0), KERNEL_ROOT_SEPARATE is 1. Then no kernel entry is
 * copied into an address space's root, and none has to be changed there: mapping
 * for the kernel goes through no list of page tables. Entries with the same index
 * may be of both parts.
 *
 *     page_kernel_root_load(root)   the kernel's root, on this CPU, from now on: once a CPU,
 *                                   before any other
 *     page_root_load(root)          the root of the user part. With the kernel's root
 *                                   nothing is mapped in the user part
 *
 * With identifiers a walk under the new identifier must not begin at the old root,
 * nor the other way: page_root_load_asid goes to a root in which nothing is mapped,
 * then to the identifier, then to the new root, with a barrier after each.
 *
 * A MIRROR. Where one entry of the core's root is several of the walker's (arm: a table
 * of the last level has 1 KiB, so a frame holds four, and four entries of the walker's root
 * point into it), the walker has a root of its own, ROOT_MIRROR_FRAMES frames that lie
 * before the core's root; its address is what page_table_root gives. The core calls
 * pte_root_mirror after each store to a root. The walker's entries are not written in
 * one piece. In the midst of it a walker may meet some as they were and some as they are:
 * each of them is right for the part of the address space that it covers, and nothing relies
 * on any before pte_publish or tlb_invalidate_begin.
 */

#ifndef MM_PAGE_ROOTS_H
#define MM_PAGE_ROOTS_H

#include <arch/mm.h>
#include <mm/types.h>

/* Not 0: the kernel part has a root of its own, which hardware chooses by the address. */
#ifndef KERNEL_ROOT_SEPARATE
#define KERNEL_ROOT_SEPARATE 0
#endif

/** This CPU uses the kernel's root, first of all roots. */
#ifndef page_kernel_root_load
static inline void page_kernel_root_load(phys_t root)
{
	page_root_load(root);
}
#endif

/* Frames of the walker's root, where that is not the core's; a power of two. */
#ifndef ROOT_MIRROR_FRAMES
#define ROOT_MIRROR_FRAMES 0

/** Writes what the core has stored at an index of its root into the walker's, which is at `root`. */
static inline void pte_root_mirror(phys_t root, size_t index, pte_t pte)
{
	(void) root;
	(void) index;
	(void) pte;
}
#endif

#endif
