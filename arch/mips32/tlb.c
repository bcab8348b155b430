/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The TLB of this CPU (MD00090, 4.9): each entry maps a pair of pages, even and odd, of
 * one size, under an identifier or, if both halves are global, under all. The refill
 * handler (trap.S) fills it with base pages; here is what is not on that way.
 *
 * NEVER DOUBLE. Two entries that match one address are a machine check, or worse, so
 * what goes in is:
 *
 *   a pair of base pages    where no entry matches: the CPU has just said so (a miss), or the one that matches is
 *                           replaced (an invalid half). One is never within the reach of a large page's: below
 *   a part of a large page  as a pair of pages of a quarter of it: so both halves are of the same large page, and no
 *                           entry covers what another page has. Before it goes in all entries that lie in its reach are
 *                           taken out: pairs without a valid half may be left of what was mapped there before
 *
 * A large page is mapped where nothing is, and what was mapped before has been
 * invalidated, but for such pairs. One that is split leaves its parts, which map what
 * the base pages do, until a base page in their reach is invalidated: that finds the
 * part, and takes it out.
 *
 * An entry that is out has an address of its own, in kseg0, which never goes by the TLB.
 *
 * ROOTS. user_root and kernel_root are what the refill handler reads: addresses in
 * kseg0. With no address space in use user_root is the kernel's, whose user part is empty.
 *
 * Wired entries (below Wired) are spared throughout. There are none: all that the kernel needs
 * without a miss is in kseg0 and kseg1.
 *
 * PageMask is that of a base page but while a large one is written, and EntryHi has the
 * identifier in use but within these functions. Interrupts are off in all of them, and none of
 * them can miss. COST. A page 15 instructions; everything 5 an entry; the kernel's kept, 12 an
 * entry.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/machine.h>
#include <kernel/print.h>
#include <mm/page_miss.h>
#include <mm/port.h>
#include <mm/tlb.h>

#include "tlb.h"

/* What PageMask is for pages of a size: all bits below those that a pair of them has in common but 12..0 (9.9). */
#define MASK_OF(size) ((uint32_t) (2 * (size) -1) & ~(uint32_t) 0x1fff)
#define PAIR_OF(size) (~(uint32_t) (2 * (size) -1))

#define LARGE PTL_COVERS(PTL_LEVELS - 2)
/* A TLB has sizes by powers of 4. */
#define PART (LARGE / 4)

#define CONFIG1_ENTRIES_SHIFT 25
#define CONFIG1_ENTRIES_MASK 63u

#define EHB "ehb\n\t"

/* Before page_init no page is mapped. */
static pte_t boot_root[1 << (34 - 2 * 12)] __attribute__((aligned(4096)));

uintptr_t user_root = (uintptr_t) boot_root, kernel_root = (uintptr_t) boot_root;

static uint32_t asid_current(void)
{
	return CP0_READ(CP0_ENTRY_HI) & ENTRY_HI_ASID;
}

/* ---- writing ---- */

static void entry_write(unsigned index, uint32_t hi, pte_t even, pte_t odd)
{
	__asm__ volatile("mtc0 %z1, " CP0_NAME(
		CP0_ENTRY_HI) "\n\t"
					  "mtc0 %z2, " CP0_NAME(CP0_ENTRY_LO0) "\n\t"
														   "mtc0 %z3, " CP0_NAME(
															   CP0_ENTRY_LO1) "\n\t"
																			  "mtc0 %z0, " CP0_NAME(
																				  CP0_INDEX) "\n\t" EHB "tlbwi\n\t" EHB
					 :
					 : "Jr"(index), "Jr"(hi), "Jr"(even), "Jr"(odd)
					 : "memory");
}

/* Takes an entry out. EntryHi is the caller's to restore. */
static void entry_clear(unsigned index)
{
	entry_write(index, IDENTITY_VIRT + (uint32_t) (index * 2 * PAGE_SIZE), 0, 0);
}

/* The entry that matches an address under an identifier, or is global; < 0 if there is none. EntryHi stays so. */
static int32_t entry_find(uint32_t hi)
{
	int32_t index;

	__asm__ volatile("mtc0 %z1, " CP0_NAME(CP0_ENTRY_HI) "\n\t" EHB "tlbp\n\t" EHB "mfc0 %0, " CP0_NAME(CP0_INDEX)
					 : "=r"(index)
					 : "Jr"(hi)
					 : "memory");
	return index;
}

unsigned tlb_entry_count(void)
{
	return (CP0_READ(CP0_CONFIG1) >> CONFIG1_ENTRIES_SHIFT & CONFIG1_ENTRIES_MASK) + 1;
}

/* Overwrites EntryHi and PageMask: entries_done. */
static void entry_load(unsigned index, struct tlb_entry *entry)
{
	CP0_WRITE(CP0_INDEX, index);
	__asm__ volatile("tlbr\n\t" EHB : : : "memory");
	entry->hi = CP0_READ(CP0_ENTRY_HI);
	entry->mask = CP0_READ(CP0_PAGE_MASK);
	entry->even = CP0_READ(CP0_ENTRY_LO0);
	entry->odd = CP0_READ(CP0_ENTRY_LO1);
}

static void entries_done(uint32_t asid)
{
	CP0_WRITE(CP0_PAGE_MASK, MASK_OF(PAGE_SIZE));
	CP0_WRITE(CP0_ENTRY_HI, asid);
}

void tlb_entry_read(unsigned index, struct tlb_entry *entry)
{
	port_irq_t irq = port_irq_save();
	uint32_t asid = asid_current();

	entry_load(index, entry);
	entries_done(asid);
	port_irq_restore(irq);
}

/* ---- invalidating ---- */

void tlb_invalidate_page(uintptr_t va)
{
	port_irq_t irq = port_irq_save();
	uint32_t asid = asid_current();
	int32_t index = entry_find((va & PAIR_OF(PAGE_SIZE)) | asid);

	if (index >= 0)
		entry_clear((unsigned) index);
	CP0_WRITE(CP0_ENTRY_HI, asid);
	port_irq_restore(irq);
}

void tlb_invalidate_all(void)
{
	port_irq_t irq = port_irq_save();
	uint32_t asid = asid_current();

	for (unsigned i = CP0_READ(CP0_WIRED); i < tlb_entry_count(); i++)
		entry_clear(i);
	entries_done(asid);
	port_irq_restore(irq);
}

/* Takes out all entries that lie in a range and are under this identifier or global, or all but the global ones. */
static void clear_some(uint32_t first, uint32_t last, uint32_t asid, bool others)
{
	struct tlb_entry entry;

	for (unsigned i = CP0_READ(CP0_WIRED); i < tlb_entry_count(); i++) {
		bool is_global;

		entry_load(i, &entry);
		is_global = tlb_entry_is_global(&entry);
		if (others ? is_global : !is_global && (entry.hi & ENTRY_HI_ASID) != asid)
			continue;
		if ((entry.hi & ~ENTRY_HI_ASID) - first > last - first)
			continue;
		CP0_WRITE(CP0_PAGE_MASK, MASK_OF(PAGE_SIZE));
		entry_clear(i);
	}
}

void tlb_invalidate_asids(void)
{
	port_irq_t irq = port_irq_save();
	uint32_t asid = asid_current();

	clear_some(0, UINT32_MAX, 0, true);
	entries_done(asid);
	port_irq_restore(irq);
}

/* ---- filling ---- */

/* The part of a large page that va is in. */
static void fill_part(uintptr_t va, pte_t pte, uint32_t asid)
{
	uint32_t first = va & PAIR_OF(PART);
	pte_t even = pte + ((pte_t) (first & (LARGE - 1)) >> PTE_FRAME_SHIFT), odd = even + (PART >> PTE_FRAME_SHIFT);

	clear_some(first, first + (2 * PART - 1), asid, false);
	CP0_WRITE(CP0_PAGE_MASK, MASK_OF(PART));
	CP0_WRITE(CP0_ENTRY_HI, first | asid);
	CP0_WRITE(CP0_ENTRY_LO0, even);
	CP0_WRITE(CP0_ENTRY_LO1, odd);
	__asm__ volatile("tlbwr\n\t" EHB : : : "memory");
}

/* A pair of base pages, in place of the entry that matches. */
static void fill_pair(uintptr_t va, pte_t pte, pte_t other, uint32_t asid)
{
	bool is_odd = (va & PAGE_SIZE) != 0;
	uint32_t hi = (va & PAIR_OF(PAGE_SIZE)) | asid;
	int32_t index = entry_find(hi);

	if (index >= 0) {
		entry_write((unsigned) index, hi, is_odd ? other : pte, is_odd ? pte : other);
		return;
	}
	CP0_WRITE(CP0_ENTRY_LO0, is_odd ? other : pte);
	CP0_WRITE(CP0_ENTRY_LO1, is_odd ? pte : other);
	__asm__ volatile("tlbwr\n\t" EHB : : : "memory");
}

bool tlb_fill(uintptr_t va)
{
	pte_t global = va >= KERNEL_START ? PTE_GLOBAL : 0;
	uint32_t asid = asid_current();
	struct page_entry found;

	if (!page_entry_find(tlb_table(), va, &found))
		return false;
	if (found.level < PTL_LEVELS - 1)
		fill_part(va, found.pte | global, asid);
	else
		fill_pair(va, found.pte | global, found.other | global, asid);
	entries_done(asid);
	return true;
}

/* ---- roots ---- */

/* No code in between touches the user part. */
void page_root_load_asid(phys_t root, unsigned asid)
{
	user_root = PA2KA(root);
	CP0_WRITE(CP0_ENTRY_HI, asid);
}

void page_root_load(phys_t root)
{
	page_root_load_asid(root, 0);
}

void page_kernel_root_load(phys_t root)
{
	kernel_root = PA2KA(root);
	page_root_load(root);
}

phys_t page_root_current(void)
{
	return KA2PA(user_root);
}

/* ---- looking ---- */

static void half_print(pte_t half)
{
	if ((half & PTE_VALID) == 0)
		kprintf("  %-12s", "-");
	else
		kprintf("  %08" PHYS_X " %c%c%c", pte_leaf_pa(half, 1), (half & PTE_DIRTY) != 0 ? 'w' : '-',
			(half & PTE_CACHE_MASK) == PTE_CACHED ? 'c' : '-', (half & PTE_GLOBAL) != 0 ? 'g' : '-');
}

static void entry_print(unsigned index, const struct tlb_entry *entry)
{
	size_t size = tlb_entry_reach(entry) / 2;

	kprintf("  %2u  %08x", index, entry->hi & ~ENTRY_HI_ASID);
	if (tlb_entry_is_global(entry))
		kprintf("    -");
	else
		kprintf("  %3u", entry->hi & ENTRY_HI_ASID);
	kprintf("  %8zu", size >> 10);
	half_print(entry->even);
	half_print(entry->odd);
	kprintf("\n");
}

void arch_tlb_describe(void)
{
	unsigned count = tlb_entry_count(), used = 0;

	kprintf("%u entries of two pages each, %u wired, filled by software; ASID %u is in use, of %u\n", count,
		CP0_READ(CP0_WIRED), asid_current(), asid_count());
	kprintf("   #        va ASID  KiB each  even page     odd page      (w: may be written, c: cached, g: global)\n");
	for (unsigned i = 0; i < count; i++) {
		struct tlb_entry entry;

		tlb_entry_read(i, &entry);
		if (((entry.even | entry.odd) & PTE_VALID) == 0)
			continue;
		entry_print(i, &entry);
		used++;
	}
	if (used == 0)
		kprintf("  all are empty\n");
}
