/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * arm32 for the memory core: ARMv7-A with the Multiprocessing Extensions, in
 * QEMU's `virt`. Sections are those of ARM DDI 0406C. The page format is in
 * <arch/page_format.h>.
 *
 * TWO ROOTS (B3.5.4). TTBCR.N = 1: TTBR0 translates user space, TTBR1 the kernel part.
 * The hardware's root of either is a mirror of the core's, four frames before it.
 * (User space needs two of them only: it is half of the address space.)
 *
 * IDENTIFIERS (B3.9.1, B3.10.4). The TLB keeps translations apart by the ASID in
 * CONTEXTIDR. Those of the kernel part are global if they say so; what is not is under
 * the identifier it was looked up under, and is invalidated by TLBIMVAA, which heeds none.
 * So a page is always invalidated under all, and nothing has to be known of where it is.
 *
 * BARRIERS. The walker looks into the caches (ID_MMFR3, checked at boot), so entries are
 * not cleaned. A store to an entry is seen by look-ups after a DSB (B3.10.1), and an
 * invalidation is complete after one; ISB makes what was fetched before forget it. The
 * DMB that the compiler makes of an atomic operation orders neither.
 *
 * BRANCH PREDICTION. Where ID_MMFR1 says so the predictor goes by addresses, and must be
 * invalidated when these lead elsewhere (B2.2.9): by the same batches as the TLB.
 */

#ifndef ARCH_MM_H
#define ARCH_MM_H

#include <arch/layout.h>
#include <arch/page_format.h>
#include <mm/page_flags.h>
#include <mm/types.h>

#define CACHE_LINE 64

/* All devices of `virt` reach all RAM that short descriptors do. */
#define ARCH_DMA_LIMIT ((phys_t) 0xffffffffu)
#ifndef RAM_LAST
#define RAM_LAST PHYS_LAST
#endif

#define DEVICE_FLAGS (PAGE_READ | PAGE_WRITE | PAGE_DEVICE)

/* Mapped by page_init: the UART's registers, and those of the distributor and the CPU interface. */
#define KERNEL_FIXED                                                                    \
	{ UART_VIRT, UART_PHYS, 1, DEVICE_FLAGS }, { GIC_VIRT, GIC_PHYS, 1, DEVICE_FLAGS }, \
	{                                                                                   \
		GIC_VIRT + GIC_CPU_OFFSET, GIC_PHYS + GIC_CPU_OFFSET, 2, DEVICE_FLAGS           \
	}

/* ---- barriers (A3.8.3, B3.10.1) ---- */

#define BARRIER_DSB(option) __asm__ volatile("dsb " #option : : : "memory")
#define BARRIER_ISB() __asm__ volatile("isb" : : : "memory")

/* Accesses of CP15: the registers of table B3-42, by CRn, opc1, CRm, opc2 as the manual orders them. */
#define CP15_WRITE(crn, opc1, crm, opc2, value) \
	__asm__ volatile("mcr p15, " #opc1 ", %0, c" #crn ", c" #crm ", " #opc2 : : "r"(value) : "memory")
#define CP15_READ(crn, opc1, crm, opc2)                                                                           \
	({                                                                                                            \
		uint32_t cp15_value;                                                                                      \
		__asm__ volatile("mrc p15, " #opc1 ", %0, c" #crn ", c" #crm ", " #opc2 : "=r"(cp15_value) : : "memory"); \
		cp15_value;                                                                                               \
	})

/** Present entries stored before are found by look-ups of all CPUs, and this one has fetched nothing without them. */
static inline void pte_publish(void)
{
	BARRIER_DSB(ishst);
	BARRIER_ISB();
}
#define pte_publish pte_publish

static inline void tlb_invalidate_begin(void)
{
	BARRIER_DSB(ishst);
}
#define tlb_invalidate_begin tlb_invalidate_begin

static inline void tlb_invalidate_finish(void)
{
	CP15_WRITE(7, 0, 1, 6, 0); /* BPIALLIS */
	BARRIER_DSB(ish);
	BARRIER_ISB();
}
#define tlb_invalidate_finish tlb_invalidate_finish

/** Complete for all CPUs and their walkers; a DMB would order accesses of this CPU only, and no look-up. */
static inline void tlb_fence(void)
{
	BARRIER_DSB(ish);
}
#define tlb_fence tlb_fence

/* ---- the TLB (B4.2.2) ---- */

#define TLB_BROADCAST 1
#define PTE_BREAK_FIRST 1

/* TLBIMVAA: the page, of whatever identifier. */
static inline void tlb_invalidate_page(uintptr_t va)
{
	CP15_WRITE(8, 0, 7, 3, va & ~((uintptr_t) PAGE_SIZE - 1));
}

/* TLBIALL. */
static inline void tlb_invalidate_all(void)
{
	BARRIER_DSB(ishst);
	CP15_WRITE(8, 0, 7, 0, 0);
	CP15_WRITE(7, 0, 5, 6, 0); /* BPIALL */
	BARRIER_DSB(ish);
	BARRIER_ISB();
}

/* TLBIMVAAIS. */
static inline void tlb_broadcast_page(uintptr_t va)
{
	CP15_WRITE(8, 0, 3, 3, va & ~((uintptr_t) PAGE_SIZE - 1));
}

/* TLBIALLIS. */
static inline void tlb_broadcast_all(void)
{
	CP15_WRITE(8, 0, 3, 0, 0);
}

/* ---- roots and identifiers ---- */

#define KERNEL_ROOT_SEPARATE 1
#define ROOT_MIRROR_FRAMES 4

/* The walker's own accesses are to normal memory, write-back, write-allocate, inner shareable (B4.1.154). */
#define TTBR_ATTRIBUTES 0x6au
#define TTBR_ADDRESS 0xffffc000u

static inline phys_t page_root_current(void)
{
	return CP15_READ(2, 0, 0, 0) & TTBR_ADDRESS;
}

/**
 * Uses another root under an identifier. CONTEXTIDR and TTBR0 cannot be written at once, and a walk between the two
 * would put translations of one address space under the identifier of another. So the way leads by the kernel's root,
 * in which nothing is mapped below KERNEL_START (B3.10.4, "synchronization of changes of ASID and TTBR").
 */
static inline void page_root_load_asid(phys_t root, unsigned asid)
{
	CP15_WRITE(2, 0, 0, 0, CP15_READ(2, 0, 0, 1)); /* TTBR0 = TTBR1 */
	BARRIER_ISB();
	CP15_WRITE(13, 0, 0, 1, asid); /* CONTEXTIDR */
	BARRIER_ISB();
	CP15_WRITE(2, 0, 0, 0, (uint32_t) root | TTBR_ATTRIBUTES);
	CP15_WRITE(7, 0, 5, 6, 0); /* BPIALL */
	BARRIER_DSB(nsh);
	BARRIER_ISB();
}

static inline void page_root_load(phys_t root)
{
	page_root_load_asid(root, 0);
}

/** TTBR1 and TTBR0. What was there before, the boot code's sections, has other sizes: it is invalidated at once. */
static inline void page_kernel_root_load(phys_t root)
{
	BARRIER_DSB(ishst);
	CP15_WRITE(2, 0, 0, 1, (uint32_t) root | TTBR_ATTRIBUTES);
	CP15_WRITE(2, 0, 0, 0, (uint32_t) root | TTBR_ATTRIBUTES);
	BARRIER_ISB();
	tlb_invalidate_all();
}
#define page_kernel_root_load page_kernel_root_load

/** Writes what the core has stored at an index of its root as four entries of the hardware's, which is at `root`. */
static inline void pte_root_mirror(phys_t root, size_t index, pte_t pte)
{
	pte_t *entries = (pte_t *) PA2KA(root) + index * ROOT_PARTS;
	bool is_leaf = (pte & PTE_LEAF) != 0;
	pte_t step = !pte_present(pte) || (is_leaf && pte_is_run(pte, 0)) ? 0
		: is_leaf                                                     ? ROOT_STEP_SECTION
																	  : ROOT_STEP_TABLE;

	if (pte_present(pte) && index < PTL_INDEX(KERNEL_START, 0))
		pte |= is_leaf ? SECTION_PXN : TABLE_PXN;
	/* Release: a walk that meets the entry meets the table that it leads to as it was filled. */
	for (size_t i = 0; i < ROOT_PARTS; i++, pte += step)
		__atomic_store_n(&entries[i], pte, __ATOMIC_RELEASE);
}

/* An ASID has eight bits; ASIDS of the command line uses fewer. */
#ifdef CONFIG_ASIDS
#define ASIDS_MOST CONFIG_ASIDS
#else
#define ASIDS_MOST 256
#endif

static inline unsigned asid_count(void)
{
	return ASIDS_MOST;
}

/** There is no operation for "all but global ones", and this is called once in as many switches as there are ASIDs. */
static inline void tlb_invalidate_asids(void)
{
	tlb_invalidate_all();
}

/* ---- caches (B2.2.6, B2.2.9) ---- */

/**
 * Cleans a page of the data caches to where instructions are fetched from, and invalidates all instruction caches and
 * branch predictors of the inner shareable domain. (Data caches behave as if they were indexed by physical address:
 * B2.2.4.)
 */
void frame_make_executable(const void *page);
#define frame_make_executable frame_make_executable

#endif
