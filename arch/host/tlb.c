/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The TLBs of the host: between what a test accesses (host_access, host_load,
 * host_store) and the page tables. Each CPU has one, which remembers what it has
 * looked up until it is told to drop it, or needs the place: a stale translation
 * is used as a real one would be, so a missing or late invalidation shows.
 *
 * It is direct-mapped, by the number of the base page; an entry for a larger
 * page says how large. Loading another root drops all but global pages. A CPU's
 * TLB is its own, with interrupts off, or that of who runs a call on its behalf
 * (arch/host/cpu.c). What is looked up in is the page table told last by
 * host_tlb_use, the kernel's before that.
 *
 * It also writes down what it was told to drop: so a test can see that an
 * operation dropped what it had to, and no more. That record is one for all
 * CPUs; its fields are written one at a time with atomic operations, so it is
 * exact when only one thread maps.
 */

#include <arch/host.h>
#include <mm/page.h>
#include <mm/port.h>

#define RECENT ARRAY_COUNT(((struct host_tlb_record *) 0)->recent)

bool host_gigabyte_pages = true;

static struct host_tlb_record record;
static _Thread_local phys_t root; /* 0 = boot_root */
static phys_t boot_root;          /* what CPUs that come later begin with */

/* ---- entries ---- */

#define ENTRIES 256

struct entry {
	uintptr_t va;                /* of the page that the address was in */
	struct page_mapping mapping; /* of va; size 0 = no entry */
};

static struct tlb {
	struct entry entries[ENTRIES];
	bool has_large; /* one may be of more than a base page: then an address is not only where its number says */
} tlbs[CONFIG_MAX_CPUS];
static _Thread_local struct page_table *walked; /* NULL = the kernel's */
static bool deaf;

static struct entry *entry_of(uintptr_t va)
{
	return &tlbs[port_cpu()].entries[(va >> PAGE_WIDTH) % ENTRIES];
}

static bool has_page(const struct entry *entry, uintptr_t va)
{
	return entry->mapping.size != 0 && entry->va == ALIGN_DOWN(va, PAGE_SIZE);
}

/* Drops whatever came from the page, of whatever size, that va is in. */
static void drop_page(uintptr_t va)
{
	struct tlb *tlb = &tlbs[port_cpu()];

	if (has_page(entry_of(va), va))
		entry_of(va)->mapping.size = 0;
	for (size_t i = 0; i < ENTRIES && tlb->has_large; i++) {
		struct entry *entry = &tlb->entries[i];

		if (entry->mapping.size != 0 && ALIGN_DOWN(entry->va ^ va, entry->mapping.size) == 0)
			entry->mapping.size = 0;
	}
}

/* Drops all, or all but global pages. */
static void drop_all(bool global)
{
	struct entry *entries = tlbs[port_cpu()].entries;

	for (size_t i = 0; i < ENTRIES; i++)
		if (global || !(entries[i].mapping.flags & PAGE_GLOBAL))
			entries[i].mapping.size = 0;
	tlbs[port_cpu()].has_large &= !global;
}

void host_tlb_deafen(bool is_deaf)
{
	deaf = is_deaf;
	host_window_deafen(is_deaf);
}

/* ---- being told ---- */

void tlb_invalidate_page(uintptr_t va)
{
	size_t number = __atomic_fetch_add(&record.pages, 1, __ATOMIC_RELAXED);

	__atomic_store_n(&record.recent[number % RECENT], va, __ATOMIC_RELAXED);
	if (!deaf)
		drop_page(va);
	host_window_drop(va);
}

void tlb_invalidate_all(void)
{
	__atomic_fetch_add(&record.alls, 1, __ATOMIC_RELAXED);
	if (!deaf)
		drop_all(true);
	host_window_drop_all();
}

void host_tlb_forget(void)
{
	__atomic_store_n(&record.pages, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&record.alls, 0, __ATOMIC_RELAXED);
}

void host_tlb_get(struct host_tlb_record *copy)
{
	copy->pages = __atomic_load_n(&record.pages, __ATOMIC_RELAXED);
	copy->alls = __atomic_load_n(&record.alls, __ATOMIC_RELAXED);
	for (size_t i = 0; i < RECENT; i++)
		copy->recent[i] = __atomic_load_n(&record.recent[i], __ATOMIC_RELAXED);
}

bool host_tlb_dropped(uintptr_t va)
{
	struct host_tlb_record seen;

	host_tlb_get(&seen);
	if (seen.alls != 0)
		return true;
	for (size_t i = 0; i < seen.pages && i < RECENT; i++)
		if (ALIGN_DOWN(seen.recent[i], PAGE_SIZE) == ALIGN_DOWN(va, PAGE_SIZE))
			return true;
	return false;
}

phys_t page_root_current(void)
{
	return root != 0 ? root : __atomic_load_n(&boot_root, __ATOMIC_ACQUIRE);
}

void page_root_load(phys_t new_root)
{
	port_irq_t irq = port_irq_save();

	if (new_root != page_root_current())
		drop_all(false);
	port_irq_restore(irq);
	root = new_root;
	if (host_cpus_up() == 1)
		__atomic_store_n(&boot_root, new_root, __ATOMIC_RELEASE);
}

/* ---- accesses ---- */

void host_tlb_use(struct page_table *table)
{
	walked = table;
	page_root_load(page_table_root(table));
}

bool host_access(uintptr_t va, bool write, struct page_mapping *mapping)
{
	port_irq_t irq = port_irq_save();
	struct entry *entry = entry_of(va);

	if (!has_page(entry, va)) {
		entry->va = ALIGN_DOWN(va, PAGE_SIZE);
		entry->mapping = page_mapping_find(walked != NULL ? walked : &page_kernel, entry->va);
		tlbs[port_cpu()].has_large |= entry->mapping.size > PAGE_SIZE;
	}
	*mapping = entry->mapping;
	mapping->pa += va & (PAGE_SIZE - 1);
	port_irq_restore(irq);
	return mapping->size != 0 && (!write || (mapping->flags & PAGE_WRITE));
}

bool host_load(uintptr_t va, uint8_t *value)
{
	struct page_mapping mapping;

	if (!host_access(va, false, &mapping))
		return false;
	*value = *(volatile uint8_t *) host_memory_at(mapping.pa);
	return true;
}

bool host_store(uintptr_t va, uint8_t value)
{
	struct page_mapping mapping;

	if (!host_access(va, true, &mapping))
		return false;
	*(volatile uint8_t *) host_memory_at(mapping.pa) = value;
	return true;
}
