/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * ppc32 for the memory core: where things lie, and the TLB with the hash table
 * behind it, which all CPUs share (arch/ppc32/hash.c). PEM is Motorola's
 * "Programming Environments Manual for 32-Bit Microprocessors" (MPCFPE32B).
 */

#ifndef ARCH_MM_H
#define ARCH_MM_H

#include <arch/layout.h>
#include <arch/page_format.h>

#define CACHE_LINE 32

#define ARCH_DMA_LIMIT ((phys_t) 0x80000000u)
#ifndef RAM_LAST
#define RAM_LAST PHYS_LAST
#endif

/* Three data BATs make the direct map; no instruction BAT does, and its segments forbid execution. */
#define IDENTITY_RIGHTS (PAGE_READ | PAGE_WRITE | PAGE_GLOBAL)

/* Where pvpanic's register is, if there is one: the page, and 1 or 0 (arch/ppc32/machine.c). */
extern phys_t pvpanic_page;
extern size_t pvpanic_pages;

/* Of the first, what the data BAT maps. */
#define DEVICE_RIGHTS (PAGE_READ | PAGE_WRITE | PAGE_DEVICE)
#define KERNEL_FIXED                                                     \
	{ MACIO_VIRT, MACIO_PHYS, MACIO_SIZE >> PAGE_WIDTH, DEVICE_RIGHTS }, \
	{                                                                    \
		PVPANIC_VIRT, pvpanic_page, pvpanic_pages, DEVICE_RIGHTS         \
	}

/* ---- the TLB, and the cache behind it ---- */

#define ASIDS_MOST 4096
#ifdef CONFIG_ASIDS
#define ASIDS_USED (CONFIG_ASIDS < 3 ? 3 : CONFIG_ASIDS) /* the kernel's, one in use, and one more */
#else
#define ASIDS_USED ASIDS_MOST
#endif
#define ASIDS_SHARED 1
#define TLB_CACHE 1
#define TLB_RANGE_MAX 32u

void tlb_cache_invalidate(unsigned asid, uintptr_t va, size_t pages);
void tlb_cache_invalidate_asids(void);

static inline unsigned asid_count(void)
{
	return ASIDS_USED;
}

void page_root_load_asid(phys_t root, unsigned asid);
void page_root_load(phys_t root);
phys_t page_root_current(void);
void tlb_invalidate_all(void);

static inline void tlb_invalidate_asids(void)
{
	tlb_invalidate_all();
}

/** The stores before are seen by the search of the hash table that comes after (PEM, 7.6.3.2). */
static inline void tlb_invalidate_begin(void)
{
	__asm__ volatile("sync" : : : "memory");
}
#define tlb_invalidate_begin tlb_invalidate_begin

/* Of what TLBIE drops, all CPUs drop it; the VSID does not matter (PEM, 8.2, "tlbie"). */
static inline void tlb_invalidate_page(uintptr_t va)
{
	__asm__ volatile("tlbie %0" : : "r"(va) : "memory");
}

static inline void tlb_invalidate_finish(void)
{
	__asm__ volatile("eieio; tlbsync; sync; isync" : : : "memory");
}
#define tlb_invalidate_finish tlb_invalidate_finish

/* ---- caches ---- */

/** Data to memory, and out of the instruction cache: PEM, 5.1.5.2, "Instruction Cache Instructions". */
static inline void frame_make_executable(const void *page)
{
	const char *start = page;

	for (size_t i = 0; i < PAGE_SIZE; i += CACHE_LINE)
		__asm__ volatile("dcbst 0, %0" : : "r"(start + i) : "memory");
	__asm__ volatile("sync" : : : "memory");
	for (size_t i = 0; i < PAGE_SIZE; i += CACHE_LINE)
		__asm__ volatile("icbi 0, %0" : : "r"(start + i) : "memory");
	__asm__ volatile("sync; isync" : : : "memory");
}
#define frame_make_executable frame_make_executable

/* ---- whole frames ---- */

/** Fills one page with zeros. */
static inline void frame_clear(void *page)
{
	char *to = page;

	for (size_t i = 0; i < PAGE_SIZE; i += CACHE_LINE)
		__asm__ volatile("dcbz 0, %0" : : "r"(to + i) : "memory");
}
#define frame_clear frame_clear

/** Copies one page. */
static inline void frame_copy(void *destination, const void *source)
{
	uint32_t *to = destination;
	const uint32_t *from = source;

	for (size_t i = 0; i < PAGE_SIZE / CACHE_LINE; i++, to += 8, from += 8) {
		__asm__ volatile("dcbz 0, %0" : : "r"(to) : "memory");
		for (size_t word = 0; word < 8; word++)
			to[word] = from[word];
	}
}
#define frame_copy frame_copy

#endif
