/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the miss handlers go by, and the TLBs (UltraSPARC-IIi User's Manual, 805-0087, 15): 64 entries each, of
 * instructions and of data, which only the handlers fill.
 *
 * NEVER DOUBLE. An entry goes in where none matches, since the CPU has just said so; and when a page table changes,
 * what was there is invalidated before anything else can be mapped at the address. A large page that is split stays in
 * as it is, which maps the same, until one of its parts is invalidated: a demap takes out the entry that the address
 * is in, whatever its size.
 *
 * THE TSB holds base pages only, in the place that page and context choose; the kernel's under no context. So a page
 * has one entry there, which goes with the page. It goes before the TLB's: a miss between the two finds what
 * the page table has by now.
 *
 * ROOTS. The handlers read both at once by the address: the kernel's, and the one in use. While it is the kernel's
 * nothing is found in the user part. Everything here is with interrupts off, or one instruction.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/machine.h>
#include <kernel/print.h>
#include <mm/ht_layout.h>
#include <mm/port.h>

#include "tlb.h"

#define TAG_CONTEXT ((uint64_t) 0x1fff)

/* A demap's address: of a page, in the primary context, or global (UM, 15.9.10). */
#define DEMAP_PAGE 0x00

struct tsb_entry tsb[TSB_ENTRIES] __attribute__((aligned(PAGE_SIZE), section(".data")));

/* In .data: the entry code needs it before it clears what is not in the image. */
struct mmu mmu __attribute__((aligned(CACHE_LINE), section(".data"))) = {
	.hash = HT_HASH_MULTIPLIER,
	.direct = IDENTITY_VIRT ^
		(PTE_VALID | (pte_t) 3 << PTE_SIZE_SHIFT | PTE_CACHED | PTE_PRIVILEGED | PTE_WRITE | PTE_GLOBAL),
	.tsb = (uint64_t) (uintptr_t) tsb,
};

_Static_assert(IDENTITY_VIRT >> 40 == 0xfffff8 && IDENTITY_SIZE == (uint64_t) 1 << 40,
	"an address is in the direct map if it is -8 when its low 40 bits are gone (entry.S)");
_Static_assert(((IDENTITY_VIRT | KERNEL_IMAGE_OFFSET) & PHYS_LAST) == 0, "the low bits of an address are physical");
_Static_assert(PTL_COVERS(0) == MiB(4) && sizeof(struct tsb_entry) == 16, "as entry.S has it");

static uint64_t context_current(void)
{
	return ASI_READ(ASI_DMMU, MMU_PRIMARY);
}

void tlb_invalidate_page(uintptr_t va)
{
	port_irq_t irq = port_irq_save();
	uint64_t page = va & ~TAG_CONTEXT, tag = va >= KERNEL_START ? page : page | context_current();
	struct tsb_entry *entry = &tsb[tsb_index(tag)];

	if (entry->tag == tag)
		entry->tag = TSB_EMPTY;
	__asm__ volatile("membar #StoreLoad" : : : "memory");
	ASI_WRITE(ASI_DMMU_DEMAP, page | DEMAP_PAGE, 0);
	ASI_WRITE(ASI_IMMU_DEMAP, page | DEMAP_PAGE, 0);
	port_irq_restore(irq);
}

/* Takes out all entries but the locked one: those that are global, too, or not. */
static void clear(bool global)
{
	port_irq_t irq = port_irq_save();

	for (size_t i = 0; i < TSB_ENTRIES; i++)
		if (global || tsb[i].tag < KERNEL_START)
			tsb[i].tag = TSB_EMPTY;
	__asm__ volatile("membar #StoreLoad" : : : "memory");
	for (uint64_t i = 0; i < TLB_ENTRIES; i++) {
		uint64_t at = i << TLB_ENTRY_SHIFT;

		if (global || (ASI_READ(ASI_DTLB_ENTRY, at) & PTE_GLOBAL) == 0)
			ASI_WRITE(ASI_DTLB_ENTRY, at, 0);
		if (i != TLB_LOCKED && (global || (ASI_READ(ASI_ITLB_ENTRY, at) & PTE_GLOBAL) == 0))
			ASI_WRITE(ASI_ITLB_ENTRY, at, 0);
	}
	port_irq_restore(irq);
}

void tlb_invalidate_all(void)
{
	clear(true);
}

void tlb_invalidate_asids(void)
{
	clear(false);
}

/* ---- roots ---- */

/* No code in between touches the user part. */
void page_root_load_asid(phys_t root, unsigned asid)
{
	__atomic_store_n(&mmu.user_root, root, __ATOMIC_RELAXED);
	ASI_WRITE(ASI_DMMU, MMU_PRIMARY, asid);
}

void page_root_load(phys_t root)
{
	page_root_load_asid(root, 0);
}

void page_kernel_root_load(phys_t root)
{
	mmu.kernel_root = root;
	page_root_load(root);
}

phys_t page_root_current(void)
{
	return mmu.user_root;
}

/* ---- looking ---- */

static unsigned entries_print(const char *name, uint64_t (*entry)(uint64_t at), uint64_t (*tag)(uint64_t at))
{
	unsigned used = 0;

	for (uint64_t i = 0; i < TLB_ENTRIES; i++) {
		pte_t pte = entry(i << TLB_ENTRY_SHIFT);
		uint64_t at = tag(i << TLB_ENTRY_SHIFT);

		if ((pte & PTE_VALID) == 0)
			continue;
		kprintf("  %s %2u  %016llx", name, (unsigned) i, (unsigned long long) (at & ~TAG_CONTEXT));
		if ((pte & PTE_GLOBAL) != 0)
			kprintf("     -");
		else
			kprintf("  %4u", (unsigned) (at & TAG_CONTEXT));
		kprintf("  %4u  %011llx  %c%c%c%c\n", 8u << 3 * (pte >> PTE_SIZE_SHIFT & 3),
			(unsigned long long) pte_leaf_pa(pte, 3), (pte & PTE_WRITE) != 0 ? 'w' : '-',
			(pte & PTE_PRIVILEGED) != 0 ? '-' : 'u', (pte & PTE_CACHED) != 0 ? 'c' : '-',
			(pte & PTE_LOCKED) != 0 ? 'l' : '-');
		used++;
	}
	return used;
}

static uint64_t entry_i(uint64_t at)
{
	return ASI_READ(ASI_ITLB_ENTRY, at);
}

static uint64_t entry_d(uint64_t at)
{
	return ASI_READ(ASI_DTLB_ENTRY, at);
}

static uint64_t tag_i(uint64_t at)
{
	return ASI_READ(ASI_ITLB_TAG, at);
}

static uint64_t tag_d(uint64_t at)
{
	return ASI_READ(ASI_DTLB_TAG, at);
}

void arch_tlb_describe(void)
{
	unsigned used = 0;

	for (size_t i = 0; i < TSB_ENTRIES; i++)
		used += tsb[i].tag != TSB_EMPTY;
	kprintf("%u entries each for instructions and data, filled by software; context %u is in use, of %u\n", TLB_ENTRIES,
		(unsigned) context_current(), asid_count());
	kprintf("the TSB has %u base pages, of %u\n", used, TSB_ENTRIES);
	kprintf("     #                va   ctx   KiB           pa  (w: written, u: user, c: cached, l: locked)\n");
	(void) entries_print("i", entry_i, tag_i);
	(void) entries_print("d", entry_d, tag_d);
}
