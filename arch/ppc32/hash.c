/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The hash table: the CPU looks translations up in it when its TLB misses (PEM, 7.6).
 * The truth are the core's page tables; this is a cache of them (mm/tlb_cache.h).
 *
 *     TLB  --miss-->  hash table  --miss-->  a trap: arch/ppc32/trap.S looks the page tables up
 *      ^                  |  ^                         |
 *      +------------------+  +------ an entry ---------+
 *
 * ENTRIES. A table of groups, each of 8 entries of two words (arch/page_format.h). A
 * page's entry is in one of two groups. If both are full, the entries of the first go
 * in turn: a counter of evictions chooses.
 *
 * IDENTIFIERS. The segments 0 to 11 of an address space have VSIDs that are made of its
 * identifier; 15, with the image and km_map's window, has one for all. When identifiers
 * begin anew (genarch/asid_shared) all but the kernel part is removed: so an entry
 * under an identifier is always its present owner's.
 *
 * BACKS. For each entry there is the physical address of the core's entry that it was
 * made of. When it goes, REFERENCED and CHANGED, which the CPU has set in it, are carried
 * back there, if that still leads to the same frame. A table of the core is freed after
 * what it mapped was removed here (generic/tlb.c), so the address is that of a table, or
 * of one that is chained to be freed, whose entries are not present.
 *
 * RIGHTS. Pages of the kernel part: user mode has another segment 15, in which nothing is
 * mapped, and nothing is mapped in 12 to 14. In the user part there is no way to say that
 * the kernel may read a page and not write it, and user mode may do neither. The kernel has
 * no such pages; if one is touched all the same a flag is set (has_kernels), and before
 * user mode runs again the address space leaves the table.
 *
 * LOCK. There is one CPU; interrupts are off. A miss in the midst of a change here does not
 * disturb it: what is between the load of a word and its store touches the stack, the
 * table and its backs only, which are in the direct map, and is in text that a BAT maps
 * (hash_text_check).
 *
 * ORDER. PEM, 7.6.3.2.3, "Deleting a PTE": V is 0, SYNC, TLBIE, EIEIO, TLBSYNC, SYNC; then
 * the CPU sets R and C no more.
 *
 * COST. A page: 16 entries looked at, at most. Many pages, or identifiers that begin anew:
 * all of the table.
 */

#include <arch/cpu.h>
#include <arch/hash.h>
#include <arch/kernel.h>
#include <arch/machine.h>
#include <arch/mm.h>
#include <kernel/machine.h>
#include <kernel/print.h>
#include <mm/assert.h>
#include <mm/page.h>
#include <mm/tlb.h>

#define SIZE_LEAST KiB(64)
#define SIZE_MOST MiB(1)
/* Bytes of RAM for each entry: a page. */
#define RAM_FOR_ENTRY PAGE_SIZE

#define USER_SEGMENTS 12
#define SEGMENTS 16
/* Sets of the TLB, by the lowest bits of the number of the page (MPC7400UM, 5.4.3.1). */
#define TLB_SETS 64

/* VSID_STEP's inverse: from a VSID to identifier and segment. */
#define VSID_INVERSE 0x188251u

_Static_assert(((uint64_t) VSID_STEP * VSID_INVERSE & VSID_MASK) == 1, "what VSIDs are multiplied by");

struct entry {
	uint32_t tag, word;
};

static unsigned asid_in_use;

static struct entry *table(void)
{
	return (struct entry *) PA2KA(cpus[0].hash);
}

static uint32_t group_count(void)
{
	return cpus[0].hash_mask / 64 + 1;
}

size_t hash_size(uint64_t ram, size_t wanted)
{
	uint64_t size = wanted != 0 ? (uint64_t) wanted << 10 : ram / RAM_FOR_ENTRY * sizeof(struct entry);
	size_t fits = SIZE_LEAST;

	while (fits < SIZE_MOST && fits * 2 <= size)
		fits *= 2;
	return fits;
}

uint32_t hash_place(phys_t at, size_t size)
{
	uint32_t *words = (uint32_t *) PA2KA(at);

	for (size_t i = 0; i < size / sizeof(*words) * 3 / 2; i++)
		words[i] = 0;
	cpus[0].hash = at;
	cpus[0].hash_mask = (uint32_t) (size - 64);
	cpus[0].backs = at + size;
	return at | (size / SIZE_LEAST - 1);
}

/* ---- removing ---- */

static inline void sync(void)
{
	__asm__ volatile("sync" : : : "memory");
}

static inline void tlb_page(uintptr_t va)
{
	__asm__ volatile("tlbie %0; eieio; tlbsync; sync" : : "r"(va) : "memory");
}

/* Carries R and C of an entry, which is not valid any more, back. */
static inline __attribute__((always_inline)) void carry_back(const struct entry *entry, uint32_t back)
{
	pte_t *pte = (pte_t *) PA2KA(back);

	if ((*pte & PTE_PRESENT) != 0 && ((*pte ^ entry->word) & 0xfffff000u) == 0)
		*pte |= entry->word & (PTE_REFERENCED | PTE_CHANGED);
}

/* Removes the entry with this tag from a group, if it is there. */
NOINLINE static bool group_remove(struct entry *group, const uint32_t *backs, uint32_t tag, uintptr_t va)
{
	for (size_t i = 0; i < HASH_GROUP_ENTRIES; i++) {
		if (group[i].tag != tag)
			continue;
		group[i].tag = 0;
		sync();
		tlb_page(va);
		carry_back(&group[i], backs[i]);
		return true;
	}
	return false;
}

static void page_remove(uint32_t vsid, uintptr_t va)
{
	uint32_t groups = group_count(), number = hash_group(vsid, va, groups);
	struct entry *entries = table();
	const uint32_t *backs = (const uint32_t *) PA2KA(cpus[0].backs);

	if (group_remove(
			entries + number * HASH_GROUP_ENTRIES, backs + number * HASH_GROUP_ENTRIES, hash_tag(vsid, va, false), va))
		return;
	number = groups - 1 - number;
	(void) group_remove(
		entries + number * HASH_GROUP_ENTRIES, backs + number * HASH_GROUP_ENTRIES, hash_tag(vsid, va, true), va);
}

/* What to remove: of one identifier, or if all is set of all but the kernel part; addresses in [first, last]. */
struct removal {
	bool all;
	uint32_t asid;
	uintptr_t first, last;
};

static inline __attribute__((always_inline)) bool is_in(const struct removal *removal, uint32_t tag, uint32_t group)
{
	uint32_t key = (tag >> 7 & VSID_MASK) * VSID_INVERSE & VSID_MASK;
	uintptr_t va = (key & 0xf) << 28 | hash_page(tag, group);

	if (removal->all)
		return key >> 4 != 0;
	return key >> 4 == removal->asid && va >= removal->first && va <= removal->last;
}

/* Goes through all of the table: first what is to go is not valid, then the TLB is emptied, then R and C are final. */
NOINLINE static void table_remove(
	struct entry *entries, const uint32_t *backs, size_t count, const struct removal *removal)
{
	for (size_t i = 0; i < count; i++)
		if ((entries[i].tag & HASH_VALID) != 0 && is_in(removal, entries[i].tag, i / HASH_GROUP_ENTRIES))
			entries[i].tag &= ~HASH_VALID;
	sync();
	for (uintptr_t set = 0; set < TLB_SETS; set++)
		__asm__ volatile("tlbie %0" : : "r"(set << PAGE_WIDTH) : "memory");
	__asm__ volatile("eieio; tlbsync; sync" : : : "memory");
	for (size_t i = 0; i < count; i++)
		if (entries[i].tag != 0 && (entries[i].tag & HASH_VALID) == 0) {
			carry_back(&entries[i], backs[i]);
			entries[i].tag = 0;
		}
}

static void scan(const struct removal *removal)
{
	table_remove(
		table(), (const uint32_t *) PA2KA(cpus[0].backs), (size_t) group_count() * HASH_GROUP_ENTRIES, removal);
}

void tlb_cache_invalidate(unsigned asid, uintptr_t va, size_t pages)
{
	struct removal removal = { .asid = asid, .first = va, .last = va + ((pages << PAGE_WIDTH) - 1) };

	if (pages > group_count()) {
		scan(&removal);
		return;
	}
	for (size_t i = 0; i < pages; i++, va += PAGE_SIZE)
		page_remove(vsid_of(asid, va >> 28), va);
}

void tlb_cache_invalidate_asids(void)
{
	scan(&(struct removal){ .all = true });
	cpus[0].has_kernels = 0;
}

void hash_user_begins(void)
{
	if (likely(cpus[0].has_kernels == 0))
		return;
	cpus[0].has_kernels = 0;
	scan(&(struct removal){ .asid = asid_in_use, .last = USER_LAST });
}

void hash_text_check(uintptr_t end)
{
	mm_assert((uintptr_t) group_remove < end && (uintptr_t) table_remove < end && (uintptr_t) trap_text_end <= end,
		"the text that may not miss is not all below %#zx", (size_t) end);
}

/* ---- the TLB, and roots ---- */

void tlb_invalidate_all(void)
{
	sync();
	for (uintptr_t set = 0; set < TLB_SETS; set++)
		__asm__ volatile("tlbie %0" : : "r"(set << PAGE_WIDTH) : "memory");
	tlb_invalidate_finish();
}

static void segment_load(uint32_t segment, uint32_t value)
{
	__asm__ volatile("mtsrin %0, %1" : : "r"(value), "r"(segment << 28) : "memory");
}

void hash_segments_load(void)
{
	for (uint32_t segment = 0; segment < SEGMENTS; segment++)
		segment_load(segment,
			vsid_of(0, segment) | SEGMENT_KEY_USER |
				((uint32_t) (IDENTITY_VIRT >> 28) <= segment && segment < KERNEL_IMAGE_VIRT >> 28 ? SEGMENT_NO_EXECUTE
																								  : 0));
	__asm__ volatile("isync" : : : "memory");
}

/* The VSIDs of one identifier do not lie in a row: each is VSID_STEP more than the one before. */
void page_root_load_asid(phys_t root, unsigned asid)
{
	uint32_t vsid = vsid_of(asid, 0);

	cpus[0].root = root;
	asid_in_use = asid;
	__asm__ volatile("isync" : : : "memory");
	for (uint32_t segment = 0; segment < USER_SEGMENTS; segment++) {
		segment_load(segment, vsid | SEGMENT_KEY_USER);
		vsid = (vsid + VSID_STEP) & VSID_MASK;
	}
	__asm__ volatile("isync" : : : "memory");
}

void page_root_load(phys_t root)
{
	page_root_load_asid(root, 0);
}

phys_t page_root_current(void)
{
	return cpus[0].root;
}

/* ---- looking ---- */

void hash_get_info(struct hash_info *info)
{
	const struct entry *entries = table();

	*info = (struct hash_info){
		.entries = (size_t) group_count() * HASH_GROUP_ENTRIES, .fills = cpus[0].fills, .evictions = cpus[0].victim
	};
	for (size_t i = 0; i < info->entries; i++)
		info->in_use += (entries[i].tag & HASH_VALID) != 0;
}

bool hash_find(unsigned asid, uintptr_t va, uint32_t *word)
{
	uint32_t vsid = vsid_of(asid, va >> 28), groups = group_count(), number = hash_group(vsid, va, groups);

	for (unsigned second = 0; second < 2; second++, number = groups - 1 - number)
		for (const struct entry *entry = table() + number * HASH_GROUP_ENTRIES, *end = entry + HASH_GROUP_ENTRIES;
			 entry < end; entry++)
			if (entry->tag == hash_tag(vsid, va, second != 0)) {
				*word = entry->word;
				return true;
			}
	return false;
}

void arch_tlb_describe(void)
{
	struct hash_info info;

	hash_get_info(&info);
	kprintf("hash table: %zu KiB, %zu of %zu entries in use; %zu put in, %zu evicted\n",
		info.entries * sizeof(struct entry) >> 10, info.in_use, info.entries, info.fills, info.evictions);
}
