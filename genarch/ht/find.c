/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Finding translations: what a TLB miss does. No lock is taken; interrupts are
 * off for the length of one look-up (ht.h, "Readers").
 *
 * An address that the page table may not map itself is looked up in
 * page_kernel: its mappings are seen by all.
 *
 * COST. A base page of the recent cluster: 28 instructions; one in the head of
 * its chain: 68 and two cache lines; one elsewhere, or none: 220.
 */

#include <mm/direct_map.h>
#include <mm/page_miss.h>

#include "ht.h"

static const struct page_mapping NOT_MAPPED = { .size = 0 };

static inline bool is_own(const struct page_table *table, uintptr_t va)
{
	return va - table->first <= table->last - table->first;
}

static inline uintptr_t changes_of(const struct bucket *head)
{
	return __atomic_load_n(&head->changes, __ATOMIC_ACQUIRE);
}

#if CONFIG_DEBUG
void (*page_look_hook)(void);
#endif

/* In debug builds: what a look-up has read may be changed here by another CPU, whose part a case plays. */
static inline void look_step(void)
{
	MM_STEP(page_look_hook);
}

enum outcome { FOUND, NOT_THERE, CHANGED };

/*
 * The rest of a chain, from its first overflow line on. A line may be something else by now: nothing read from it is
 * followed before the number of changes says that it was one of the chain.
 */
COLD static enum outcome search_overflow(
	const struct bucket *head, uintptr_t changes, uintptr_t tag, size_t index, pte_t *pte)
{
	const struct bucket *line = __atomic_load_n(&head->next, __ATOMIC_ACQUIRE);

	while (changes_of(head) == changes && line != NULL) {
		const struct bucket *next;

		look_step();
		next = __atomic_load_n(&line->next, __ATOMIC_ACQUIRE);
		for (size_t i = 0; i < BUCKET_SLOTS; i++) {
			const struct cluster *cluster;

			if (__atomic_load_n(&line->slots[i].tag, __ATOMIC_ACQUIRE) != tag)
				continue;
			look_step();
			cluster = __atomic_load_n(&line->slots[i].cluster, __ATOMIC_ACQUIRE);
			if (changes_of(head) != changes)
				return CHANGED;
			look_step();
			*pte = entry_load(&cluster->entries[index]);
			return changes_of(head) == changes ? FOUND : CHANGED;
		}
		line = next;
	}
	return changes_of(head) == changes ? NOT_THERE : CHANGED;
}

/*
 * A chain that is being changed. If another CPU does that, its end is waited for. If this CPU does, which is so if it
 * holds the lock, this is a look-up in the midst of it, by an interrupt or a TLB miss: the chain is right as it is
 * (bucket.c, "Never absent").
 */
COLD static enum outcome search_open(const struct bucket *head, uintptr_t tag, size_t index, pte_t *pte)
{
	const struct cluster *cluster;

	if (!spinlock_held_here(&ht.lock))
		return CHANGED;
	cluster = chain_find(head, tag);
	if (cluster == NULL)
		return NOT_THERE;
	*pte = entry_load(&cluster->entries[index]);
	return FOUND;
}

/* Reads the entry for a tag, if there is a cluster. */
static enum outcome search(uintptr_t tag, size_t index, pte_t *pte)
{
	size_t buckets = __atomic_load_n(&ht.buckets, __ATOMIC_ACQUIRE);
	const struct bucket *head = bucket_at(bucket_number(tag, buckets));
	enum outcome outcome = NOT_THERE;
	uintptr_t changes;

	look_step();
	changes = changes_of(head);
	if (unlikely(changes % 2 != 0))
		return search_open(head, tag, index, pte);
#pragma GCC unroll 3
	for (size_t i = 0; i < BUCKET_SLOTS; i++) {
		look_step();
		if (__atomic_load_n(&head->slots[i].tag, __ATOMIC_ACQUIRE) == tag) {
			const struct cluster *cluster = __atomic_load_n(&head->slots[i].cluster, __ATOMIC_ACQUIRE);

			look_step();
			*pte = entry_load(&cluster->entries[index]);
			return likely(changes_of(head) == changes) ? FOUND : CHANGED;
		}
	}
	if (__atomic_load_n(&head->next, __ATOMIC_ACQUIRE) != NULL)
		outcome = search_overflow(head, changes, tag, index, pte);
	if (outcome != NOT_THERE)
		return outcome;
	if (changes_of(head) != changes || __atomic_load_n(&ht.buckets, __ATOMIC_ACQUIRE) != buckets)
		return CHANGED;
	return NOT_THERE;
}

/* The entry for va of pages of one size; 0 if there is none. */
static pte_t entry_find(const struct page_table *table, uintptr_t va, unsigned level)
{
	uintptr_t tag = tag_of(table, va, level);
	enum outcome outcome;
	pte_t pte = 0;

	while (unlikely((outcome = search(tag, CLUSTER_INDEX(va, level), &pte)) == CHANGED))
		port_relax();
	return outcome == FOUND ? pte : 0;
}

/* Looks in all sizes that there are, base pages first. @return the level, or PTL_LEVELS */
static unsigned find_anywhere(const struct page_table *table, uintptr_t va, pte_t *pte)
{
	for (;;) {
		uintptr_t splits = __atomic_load_n(&table->splits, __ATOMIC_ACQUIRE);
		unsigned sizes = __atomic_load_n(&table->sizes, __ATOMIC_ACQUIRE);

		while (sizes != 0) {
			unsigned level = 31 - (unsigned) __builtin_clz(sizes);

			if ((*pte = entry_find(table, va, level)) != 0)
				return level;
			look_step();
			sizes &= ~(1u << level);
		}
		if (__atomic_load_n(&table->splits, __ATOMIC_ACQUIRE) == splits)
			return PTL_LEVELS;
	}
}

struct page_mapping page_mapping_find(struct page_table *table, uintptr_t va)
{
	port_irq_t irq;
	unsigned level;
	pte_t leaf;

	if (unlikely(!is_own(table, va)))
		return table == &page_kernel ? NOT_MAPPED : page_mapping_find(&page_kernel, va);
	if (direct_map_has(va))
		return direct_map_find(va);
	irq = port_irq_save();
	level = find_anywhere(table, va, &leaf);
	port_irq_restore(irq);
	if (level == PTL_LEVELS)
		return NOT_MAPPED;
	return (struct page_mapping){ .pa = pte_leaf_pa(leaf, level) | (va & (PTL_COVERS(level) - 1)),
		.size = PTL_COVERS(level),
		.flags = pte_leaf_flags(leaf, level) };
}

bool page_entry_find(const struct page_table *table, uintptr_t va, struct page_entry *found)
{
	if (!is_own(table, va))
		table = &page_kernel;
	if (!is_own(table, va))
		return false;
	found->level = find_anywhere(table, va, &found->pte);
	if (found->level == PTL_LEVELS)
		return false;
	va ^= PTL_COVERS(found->level);
	found->other = is_own(table, va) ? entry_find(table, va, found->level) : 0;
	return true;
}

/* What is not found at once: in another size, in an overflow line, in the kernel part, or nowhere. */
NOINLINE static bool translate_anywhere(struct page_table *table, uintptr_t va, phys_t *pa)
{
	struct page_mapping found = page_mapping_find(table, va);

	*pa = found.pa;
	return found.size != 0;
}

/*
 * The entry for a base page, if its cluster is in the head of its chain and nothing changes meanwhile; else 0: that
 * says nothing. Interrupts may be on (ht.h, "Frames that go").
 *
 * The number of buckets and the mask may be of different times. The bucket chosen by them is one that there is or was
 * meanwhile, perhaps another tag's, where this one is not found.
 */
static inline __attribute__((always_inline)) pte_t head_find(const struct page_table *table, uintptr_t va)
{
	uintptr_t trims = __atomic_load_n(&ht.trims, __ATOMIC_ACQUIRE);
	uintptr_t tag = tag_of(table, va, PTL_LEAF);
	size_t buckets = __atomic_load_n(&ht.buckets, __ATOMIC_ACQUIRE);
	const struct bucket *head =
		bucket_at(bucket_choose(hash_of(tag), buckets, __atomic_load_n(&ht.mask, __ATOMIC_ACQUIRE)));
	uintptr_t changes = changes_of(head) & ~(uintptr_t) 1; /* an odd number is never found again */
	const struct slot *slot = head->slots;
	const struct cluster *cluster;
	pte_t pte;

	look_step();
	if (__atomic_load_n(&slot->tag, __ATOMIC_ACQUIRE) != tag &&
		__atomic_load_n(&(++slot)->tag, __ATOMIC_ACQUIRE) != tag &&
		__atomic_load_n(&(++slot)->tag, __ATOMIC_ACQUIRE) != tag)
		return 0;
	cluster = __atomic_load_n(&slot->cluster, __ATOMIC_ACQUIRE);
	if (unlikely(__atomic_load_n(&ht.trims, __ATOMIC_ACQUIRE) != trims))
		return 0;
	look_step();
	pte = entry_load(&cluster->entries[CLUSTER_INDEX(va, PTL_LEAF)]);
	if (unlikely(changes_of(head) != changes || __atomic_load_n(&ht.trims, __ATOMIC_RELAXED) != trims))
		return 0;
	return pte;
}

/*
 * What is read may be in a frame that has become something else meanwhile; then it is not used. A race detector cannot
 * know that.
 */
__attribute__((no_sanitize("thread"))) bool page_translate(struct page_table *table, uintptr_t va, phys_t *pa)
{
	uintptr_t changes = __atomic_load_n(&table->recent_changes, __ATOMIC_ACQUIRE);
	pte_t pte = 0;

	if (likely(__atomic_load_n(&table->recent, __ATOMIC_ACQUIRE) == va >> RECENT_SHIFT)) {
		const struct cluster *cluster = __atomic_load_n(&table->recent_cluster, __ATOMIC_ACQUIRE);

		look_step();
		pte = entry_load(&cluster->entries[CLUSTER_INDEX(va, PTL_LEAF)]);
		if (unlikely(__atomic_load_n(&table->recent_changes, __ATOMIC_RELAXED) != changes))
			pte = 0;
	} else if (likely(is_own(table, va))) {
		pte = head_find(table, va);
	}
	if (unlikely(pte == 0))
		return translate_anywhere(table, va, pa);
	*pa = pte_leaf_pa(pte, PTL_LEAF) | (va & PAGE_MASK);
	return true;
}

/* Tells the look-ups that find makes, size by size from the largest in use: the bucket's number, and the entry. */
size_t page_describe(struct page_table *table, uintptr_t va, struct page_level *levels, size_t max)
{
	size_t count = 0;
	port_irq_t irq;

	if (!is_own(table, va))
		table = &page_kernel;
	if (!is_own(table, va) || direct_map_has(va))
		return 0;
	irq = spinlock_lock(&ht.lock);
	for (unsigned level = 0; level < PTL_LEVELS && count < max; level++) {
		uintptr_t tag = tag_of(table, va, level);
		size_t number = bucket_number(tag, ht.buckets);
		const struct cluster *cluster = chain_find(bucket_at(number), tag);
		const pte_t *entry = cluster != NULL ? &cluster->entries[CLUSTER_INDEX(va, level)] : NULL;
		pte_t pte = entry != NULL ? entry_peek(entry) : 0;

		if (level != PTL_LEAF && !has_size(table, level))
			continue;
		levels[count++] = (struct page_level){ .level = level,
			.index = number,
			.entry_at = KA2PA(entry != NULL ? (uintptr_t) entry : (uintptr_t) bucket_at(number)),
			.entry = pte,
			.present = pte != 0,
			.leaf = pte != 0,
			.run = 1 };
		if (pte != 0)
			break;
	}
	spinlock_unlock(&ht.lock, irq);
	return count;
}
