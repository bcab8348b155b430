/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The TLBs of the host: between what a test accesses (host_access, host_load,
 * host_store) and the page tables. Each CPU has one, which remembers what it has
 * looked up until it is told to drop it, or needs the place: a stale translation
 * is used as a real one would be, so a missing or late invalidation shows.
 *
 * It is direct-mapped, by the number of the base page and the identifier under
 * which it was looked up; an entry for a larger page says how large. The kernel
 * part has no identifier: its entries are found under all. A CPU's TLB is its
 * own, with interrupts off, or that of who acts on its behalf (arch/host/cpu.c).
 * It looks up from the root that was loaded last (arch/host/walk.c), and an
 * access is one step: no interrupt comes between the look and the use.
 *
 * ORDER OF UNMAPPING AND FREEING. When an entry that the CPU can use is
 * invalidated, the frame that it leads to is not free: freed before, another
 * thread could have it while this CPU still stores there. A violation is a panic,
 * in whatever case it happens, or is counted (host_tlb_watch).
 *
 * THE CACHE that all CPUs share (CONFIG_HOST_SHARED) is between the TLBs and the page
 * tables: a TLB that misses looks there, and what is looked up in a page table is put
 * in, under cache_lock, so that it is not removed before (mm/tlb_cache.h). The kernel's
 * window is filled from it too (arch/host/window.c).
 *
 * OTHER CPUS. With STRICT=yes one CPU invalidates on all. Then what a CPU does with its
 * TLB, and with memory by it, is done under the TLB's lock, so the access of another CPU
 * is over when a broadcast is. Nothing is waited for with the lock held: where the
 * walker finds nothing, the handler of the fault looks again without it.
 *
 * It also writes down what it was told to drop: so a test can see that an
 * operation dropped what it had to, and no more. That record is one for all
 * CPUs; its fields are written one at a time with atomic operations, so it is
 * exact when only one thread maps.
 */

#include <pthread.h>

#include <arch/host.h>
#include <mm/page_miss.h>
#include <mm/port.h>
#include <mm/tlb.h>

#define RECENT ARRAY_COUNT(((struct host_tlb_record *) 0)->recent)

bool host_gigabyte_pages = true, host_large_pages = true;

static struct host_tlb_record record;

/* ---- entries ---- */

#define ENTRIES 256

struct entry {
	uintptr_t va;                /* of the page that the address was in */
	struct page_mapping mapping; /* of va; size 0 = no entry */
	unsigned asid;               /* one more than the identifier; 0 = the kernel part's, which has none */
	bool is_invalid;             /* no entry of a page, but one that says that it is not mapped (TLB_KEEPS_INVALID) */
};

static struct tlb {
	uint32_t is_locked; /* "Other CPUs" below */
	bool is_used;       /* an entry may be in use; locked */
	phys_t root;
	unsigned asid;  /* in use */
	bool has_large; /* an entry may be of more than a base page: then an address is not only where its number says */
	struct entry entries[ENTRIES];
} tlbs[CONFIG_MAX_CPUS];

static unsigned asids = ASIDS_MOST;
static bool deaf;

/* host_tlb_watch */
static bool watching;
static size_t freed_early;

static struct tlb *tlb_here(void)
{
	return &tlbs[port_cpu()];
}

static void tlb_lock(struct tlb *tlb)
{
	while (TLB_BROADCAST && __atomic_exchange_n(&tlb->is_locked, 1, __ATOMIC_ACQUIRE) != 0)
		port_relax();
}

static void tlb_unlock(struct tlb *tlb)
{
	if (TLB_BROADCAST)
		__atomic_store_n(&tlb->is_locked, 0, __ATOMIC_RELEASE);
}

static bool is_users(uintptr_t va)
{
	return va - USER_START <= USER_LAST - USER_START;
}

/* What entries for va are told apart by. */
static unsigned asid_for(const struct tlb *tlb, uintptr_t va)
{
	return is_users(va) || TLB_KERNEL_TAGGED ? tlb->asid + 1 : 0;
}

/* Address spaces that use the same addresses do not all want the same place. */
static struct entry *entry_of(struct tlb *tlb, uintptr_t va)
{
	return &tlb->entries[((va >> PAGE_WIDTH) + asid_for(tlb, va) * 37) % ENTRIES];
}

static bool has_page(const struct tlb *tlb, const struct entry *entry, uintptr_t va)
{
	return entry->mapping.size != 0 && entry->va == ALIGN_DOWN(va, PAGE_SIZE) && entry->asid == asid_for(tlb, va);
}

/* Whether an entry says that va is not mapped. */
static bool says_invalid(const struct tlb *tlb, const struct entry *entry, uintptr_t va)
{
	return entry->is_invalid && entry->va == ALIGN_DOWN(va, PAGE_SIZE) && entry->asid == asid_for(tlb, va);
}

void host_check_owned(uintptr_t va, pfn_t pfn)
{
	enum frame_kind kind = frame_kind(pfn);

	if (kind != FRAME_KIND_FREE && kind != FRAME_KIND_CACHED)
		return;
	if (!__atomic_load_n(&watching, __ATOMIC_RELAXED))
		port_panic("frame %#zx is free, and the translation of %#zx that leads to it is valid still", (size_t) pfn,
			(size_t) va);
	__atomic_fetch_add(&freed_early, 1, __ATOMIC_RELAXED);
}

/*
 * Whether a CPU can use an entry now: it is the kernel's, or of the identifier in use. What CPUs hold of an address
 * space that none of them runs in is invalidated after its frames are free (TLB_BATCH of as_release).
 */
static bool is_usable(const struct tlb *tlb, const struct entry *entry)
{
	return entry->mapping.size != 0 &&
		(entry->asid == tlb->asid + 1 || (entry->asid == 0 && entry->va - KM_START <= KM_END - 1 - KM_START));
}

/* Invalidates an entry. Its frame may not be free by now: the entry was good for stores until this moment. */
static void entry_drop(struct tlb *tlb, struct entry *entry)
{
	if (is_usable(tlb, entry))
		host_check_owned(entry->va, entry->mapping.pa >> PAGE_WIDTH);
	entry->mapping.size = 0;
	entry->is_invalid = false;
}

size_t host_tlb_watch(bool watch)
{
	__atomic_store_n(&watching, watch, __ATOMIC_RELAXED);
	return __atomic_exchange_n(&freed_early, 0, __ATOMIC_RELAXED);
}

/* Drops whatever came from the page, of whatever size, that va is in. */
static void drop_page(uintptr_t va)
{
	struct tlb *tlb = tlb_here();

	tlb_lock(tlb);
	if (has_page(tlb, entry_of(tlb, va), va) || says_invalid(tlb, entry_of(tlb, va), va))
		entry_drop(tlb, entry_of(tlb, va));
	for (size_t i = 0; i < ENTRIES && tlb->has_large; i++) {
		struct entry *entry = &tlb->entries[i];

		if (entry->mapping.size != 0 && entry->asid == asid_for(tlb, va) &&
			ALIGN_DOWN(entry->va ^ va, entry->mapping.size) == 0)
			entry_drop(tlb, entry);
	}
	tlb_unlock(tlb);
}

/* Drops all, or all but the kernel part. */
static void drop_all_of(struct tlb *tlb, bool kernel)
{
	tlb_lock(tlb);
	for (size_t i = 0; i < ENTRIES && tlb->is_used; i++)
		if (kernel || tlb->entries[i].asid != 0)
			entry_drop(tlb, &tlb->entries[i]);
	tlb->has_large &= !kernel;
	tlb->is_used &= !kernel;
	tlb_unlock(tlb);
}

static void drop_all(bool kernel)
{
	drop_all_of(tlb_here(), kernel);
}

void host_tlb_deafen(bool is_deaf)
{
	deaf = is_deaf;
	host_window_deafen(is_deaf);
}

/* ---- being told ---- */

static void cache_look_late(uintptr_t va);

void tlb_invalidate_page(uintptr_t va)
{
	size_t number = __atomic_fetch_add(&record.pages, 1, __ATOMIC_RELAXED);

	host_check_begun(va);
	__atomic_store_n(&record.recent[number % RECENT], va, __ATOMIC_RELAXED);
	cache_look_late(va);
	if (!deaf)
		drop_page(va);
	host_window_drop(va);
}

/* Whether an entry is for the page that va is in, under whatever identifier. */
static bool is_for(const struct entry *entry, uintptr_t va)
{
	size_t size = entry->mapping.size != 0 ? entry->mapping.size : PAGE_SIZE;

	return (entry->mapping.size != 0 || entry->is_invalid) && ALIGN_DOWN(entry->va ^ va, size) == 0;
}

/* Drops what leads from va, under whatever identifier. */
static void drop_page_of(struct tlb *tlb, uintptr_t va)
{
	tlb_lock(tlb);
	for (size_t i = 0; i < ENTRIES && tlb->is_used; i++)
		if (is_for(&tlb->entries[i], va))
			entry_drop(tlb, &tlb->entries[i]);
	tlb_unlock(tlb);
}

void tlb_invalidate_page_asids(uintptr_t va)
{
	if (!deaf)
		drop_page_of(tlb_here(), va);
	tlb_invalidate_page(va);
}

void tlb_invalidate_all(void)
{
	__atomic_fetch_add(&record.alls, 1, __ATOMIC_RELAXED);
	host_seen();
	if (!deaf)
		drop_all(true);
	host_window_drop_all();
}

#if TLB_BROADCAST

void (*host_broadcast_hook)(void);

static void broadcast_begins(void)
{
	void (*hook)(void) = __atomic_load_n(&host_broadcast_hook, __ATOMIC_RELAXED);

	if (hook != NULL)
		hook();
}

void host_broadcast_page(uintptr_t va)
{
	size_t number = __atomic_fetch_add(&record.pages, 1, __ATOMIC_RELAXED);

	host_check_begun(va);
	broadcast_begins();
	__atomic_store_n(&record.recent[number % RECENT], va, __ATOMIC_RELAXED);
	for (size_t i = 0; i < CONFIG_MAX_CPUS && !deaf; i++)
		drop_page_of(&tlbs[i], va);
	host_window_drop(va);
}

void host_broadcast_all(void)
{
	__atomic_fetch_add(&record.alls, 1, __ATOMIC_RELAXED);
	broadcast_begins();
	for (size_t i = 0; i < CONFIG_MAX_CPUS && !deaf; i++)
		drop_all_of(&tlbs[i], true);
	host_window_drop_all();
}

#endif

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

/* ---- roots and identifiers ---- */

void (*host_root_hook)(void);
void (*host_asids_hook)(void);

static void hook_call(void (**hook_at)(void))
{
	void (*hook)(void) = __atomic_load_n(hook_at, __ATOMIC_RELAXED);

	if (hook != NULL)
		hook();
}

phys_t page_root_current(void)
{
	return tlb_here()->root;
}

void page_root_load(phys_t root)
{
	port_irq_t irq = port_irq_save();

	host_seen();
	tlb_lock(tlb_here());
	tlb_here()->root = root;
	tlb_here()->asid = 0;
	tlb_unlock(tlb_here());
	if (ASIDS_MOST == 1 && !deaf)
		drop_all(false);
	hook_call(&host_root_hook);
	port_irq_restore(irq);
}

/* The root it has, under another identifier, is how all of an address space is dropped: a deaf TLB does not. */
void page_root_load_asid(phys_t root, unsigned asid)
{
	struct tlb *tlb = tlb_here();
	bool is_drop = root == tlb->root && asid != tlb->asid;

	host_seen();
	tlb_lock(tlb);
	if (is_drop)
		__atomic_fetch_add(&record.alls, 1, __ATOMIC_RELAXED);
	for (size_t i = 0; is_drop && !deaf && i < ENTRIES; i++)
		if (tlb->entries[i].asid == tlb->asid + 1)
			entry_drop(tlb, &tlb->entries[i]);
	if (asid == 0 || asid >= asids)
		port_panic("CPU %u: identifier %u is loaded, of %u", port_cpu(), asid, asids);
	tlb->root = root;
	if (!is_drop || !deaf)
		tlb->asid = asid;
	tlb_unlock(tlb);
	hook_call(&host_root_hook);
}

void tlb_invalidate_asids(void)
{
	__atomic_fetch_add(&record.alls, 1, __ATOMIC_RELAXED);
	if (!deaf)
		drop_all(false);
	hook_call(&host_asids_hook);
}

unsigned asid_count(void)
{
	return asids;
}

void host_asids_set(unsigned count)
{
	asids = count;
}

/* ---- the cache that all CPUs share ---- */

#if TLB_CACHE

#define CACHE_ENTRIES 1024

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry cache[CACHE_ENTRIES];
static bool cache_has_large;
static struct host_cache_info cache_info;

static struct entry *cache_entry_of(uintptr_t va, unsigned asid)
{
	return &cache[((va >> PAGE_WIDTH) + asid * 101) % CACHE_ENTRIES];
}

/* Removes an entry if it maps a page of [va, last]. */
static void cache_entry_drop(struct entry *entry, unsigned asid, uintptr_t va, uintptr_t last)
{
	uintptr_t first = ALIGN_DOWN(entry->va, entry->mapping.size != 0 ? entry->mapping.size : PAGE_SIZE);

	if (entry->mapping.size == 0 || entry->asid != asid || first > last || first + (entry->mapping.size - 1) < va)
		return;
	if (asid == 0 && entry->va - KM_START <= KM_END - 1 - KM_START)
		host_check_owned(entry->va, entry->mapping.pa >> PAGE_WIDTH);
	entry->mapping.size = 0;
}

void tlb_cache_invalidate(unsigned asid, uintptr_t va, size_t pages)
{
	unsigned key = is_users(va) ? asid + 1 : 0;
	uintptr_t last = va + (pages - 1) * PAGE_SIZE + (PAGE_SIZE - 1);

	if (is_users(va) != (asid != 0))
		port_panic("the cache is to drop %#zx under identifier %u", (size_t) va, asid);
	pthread_mutex_lock(&cache_lock);
	cache_info.removals++;
	if (pages == 1 && !cache_has_large)
		cache_entry_drop(cache_entry_of(va, key), key, va, last);
	for (size_t i = 0; (pages > 1 || cache_has_large) && i < CACHE_ENTRIES; i++)
		cache_entry_drop(&cache[i], key, va, last);
	pthread_mutex_unlock(&cache_lock);
}

void tlb_cache_invalidate_asids(void)
{
	pthread_mutex_lock(&cache_lock);
	for (size_t i = 0; i < CACHE_ENTRIES; i++)
		if (cache[i].asid != 0)
			cache[i].mapping.size = 0;
	pthread_mutex_unlock(&cache_lock);
}

/* What the page at va translates to under an identifier: as the cache says, or from now on as it is looked up. */
static struct page_mapping page_find(phys_t root, uintptr_t va, unsigned asid)
{
	struct entry *entry = cache_entry_of(va, asid);
	struct page_mapping mapping;

	pthread_mutex_lock(&cache_lock);
	if (entry->mapping.size == 0 || entry->va != va || entry->asid != asid) {
		*entry = (struct entry){ .va = va, .mapping = host_look_up(root, va), .asid = asid };
		cache_has_large |= entry->mapping.size > PAGE_SIZE;
		cache_info.filled += entry->mapping.size != 0;
	} else {
		cache_info.found++;
	}
	mapping = entry->mapping;
	pthread_mutex_unlock(&cache_lock);
	return mapping;
}

/* A TLB invalidates a page: the cache must not hold it any more. */
static void cache_look_late(uintptr_t va)
{
	unsigned asid = asid_for(tlb_here(), va);
	const struct entry *entry = cache_entry_of(ALIGN_DOWN(va, PAGE_SIZE), asid);

	pthread_mutex_lock(&cache_lock);
	if (entry->mapping.size != 0 && entry->va == ALIGN_DOWN(va, PAGE_SIZE) && entry->asid == asid)
		cache_info.late += page_mapping_find(tlb_table(), entry->va).pa != entry->mapping.pa;
	pthread_mutex_unlock(&cache_lock);
}

void host_cache_get_info(struct host_cache_info *info)
{
	pthread_mutex_lock(&cache_lock);
	*info = cache_info;
	pthread_mutex_unlock(&cache_lock);
}

bool host_cache_has(uintptr_t va)
{
	bool has = false;

	pthread_mutex_lock(&cache_lock);
	for (size_t i = 0; i < CACHE_ENTRIES; i++)
		has |= cache[i].mapping.size != 0 && cache[i].va == ALIGN_DOWN(va, PAGE_SIZE);
	pthread_mutex_unlock(&cache_lock);
	return has;
}

#else

static struct page_mapping page_find(phys_t root, uintptr_t va, unsigned asid)
{
	(void) asid;
	return host_look_up(root, va);
}

void host_cache_get_info(struct host_cache_info *info)
{
	*info = (struct host_cache_info){ 0 };
}

bool host_cache_has(uintptr_t va)
{
	(void) va;
	return false;
}

static void cache_look_late(uintptr_t va)
{
	(void) va;
}

#endif

struct page_mapping host_kernel_find(uintptr_t va)
{
	return page_find(page_table_root(&page_kernel), va, 0);
}

/* ---- accesses ---- */

void host_tlb_use(struct page_table *table)
{
	port_irq_t irq = port_irq_save();

	tlb_switch(table, page_table_root(table));
	port_irq_restore(irq);
}

/* Whether two entries say the same of what both are for. */
static bool agree(const struct entry *one, const struct entry *other)
{
	return one->mapping.size == other->mapping.size && one->va - one->mapping.pa == other->va - other->mapping.pa;
}

/* PTE_BREAK_FIRST: no other entry is for what the new one is for. */
static void check_only(const struct tlb *tlb, const struct entry *new)
{
	for (size_t i = 0; PTE_BREAK_FIRST && !deaf && new->mapping.size != 0 && i < ENTRIES; i++) {
		const struct entry *old = &tlb->entries[i];
		size_t larger = old->mapping.size > new->mapping.size ? old->mapping.size : new->mapping.size;

		if (old->mapping.size != 0 && old->asid == new->asid && ALIGN_DOWN(old->va ^ new->va, larger) == 0 &&
			!agree(old, new))
			port_panic("CPU %u has two translations of %#zx: pages of %zu and of %zu bytes", port_cpu(),
				(size_t) new->va, old->mapping.size, new->mapping.size);
	}
}

/* A miss. */
static void fill(struct tlb *tlb, uintptr_t va)
{
	struct entry *entry = entry_of(tlb, va);

	entry_drop(tlb, entry);
	entry->va = ALIGN_DOWN(va, PAGE_SIZE);
	entry->asid = asid_for(tlb, va);
	entry->mapping = page_find(tlb->root, entry->va, entry->asid);
	entry->is_invalid = TLB_KEEPS_INVALID && entry->mapping.size == 0;
	tlb->is_used = true;
	check_only(tlb, entry);
	tlb->has_large |= entry->mapping.size > PAGE_SIZE;
}

/* Interrupts are off: what is looked up stays good till they are on. */
static bool access(uintptr_t va, bool write, struct page_mapping *mapping)
{
	struct tlb *tlb = tlb_here();
	struct entry *entry = entry_of(tlb, va);

	if (CONFIG_DEBUG && unlikely(host_local.unseen != 0))
		host_unseen();
	if (!has_page(tlb, entry, va) && !says_invalid(tlb, entry, va)) {
		fill(tlb, va);
		if (TLB_KEEPS_INVALID)
			fill(tlb, va ^ PAGE_SIZE);
	}
	*mapping = entry->mapping;
	mapping->pa += va & (PAGE_SIZE - 1);
	return mapping->size != 0 && (!write || (mapping->flags & PAGE_WRITE));
}

/*
 * A fault: whether the page is mapped all the same, and was away for a moment (PTE_BREAK_FIRST); then the access is
 * tried again. The look-up waits for the end of that.
 */
static bool was_away(uintptr_t va, const struct page_mapping *mapping)
{
	return PTE_BREAK_FIRST && mapping->size == 0 && page_mapping_find(tlb_table(), va).size != 0;
}

/* The same where the TLB keeps that a page is not mapped, as kernel/trap.c has it. */
static bool was_stale(uintptr_t va, bool write)
{
	return TLB_KEEPS_INVALID && page_fault_is_stale(tlb_table(), va, write ? PAGE_WRITE : 0);
}

/* How often that is believed: a page table of a case may not be the one whose root is loaded. */
#define TRIES 1000

/* An access to memory, or to nothing (byte is NULL), under the lock of the TLB. */
static bool access_memory(uintptr_t va, bool write, struct page_mapping *mapping, uint8_t *byte)
{
	port_irq_t irq = port_irq_save();
	struct tlb *tlb = tlb_here();
	bool allowed = false;

	for (size_t i = 0; i < TRIES && !allowed; i++) {
		tlb_lock(tlb);
		allowed = access(va, write, mapping);
		if (allowed && byte != NULL && write)
			__atomic_store_n((uint8_t *) host_memory_at(mapping->pa), *byte, __ATOMIC_RELAXED);
		else if (allowed && byte != NULL)
			*byte = __atomic_load_n((uint8_t *) host_memory_at(mapping->pa), __ATOMIC_RELAXED);
		tlb_unlock(tlb);
		if (!allowed && !was_stale(va, write) && !was_away(va, mapping)) /* the first drops what the TLB keeps */
			break;
	}
	port_irq_restore(irq);
	return allowed;
}

bool host_access(uintptr_t va, bool write, struct page_mapping *mapping)
{
	return access_memory(va, write, mapping, NULL);
}

bool host_load(uintptr_t va, uint8_t *value)
{
	struct page_mapping mapping;

	return access_memory(va, false, &mapping, value);
}

bool host_store(uintptr_t va, uint8_t value)
{
	struct page_mapping mapping;

	return access_memory(va, true, &mapping, &value);
}
