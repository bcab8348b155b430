/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Finding translations. Readers take no lock and turn interrupts off for the
 * length of one walk, which is enough (pt.h, "Readers"). page_translate first
 * looks whether the recent table serves the address, which takes neither lock
 * nor interrupts (pt.h, "Recent").
 *
 * An address that the page table may not map itself is looked up in
 * page_kernel: its mappings are seen by all. What neither may map is not
 * mapped, so that bits which the walk does not look at cannot make one address
 * pass for another.
 *
 * COST. By way of the recent table, 24 instructions; by a walk, about 15 a
 * level, and 35 (doc/bench.md: 66, 79 and 95 with two, three and four levels).
 */

#include <mm/direct_map.h>
#include <mm/page_miss.h>
#include <mm/step.h>

#include "pt.h"

static const struct page_mapping NOT_MAPPED = { .size = 0 };

static inline bool is_own(const struct page_table *table, uintptr_t va)
{
	return va - table->first <= table->last - table->first;
}

/* Where va translates in this tree: the level of the leaf, or PTL_LEVELS if there is none. Interrupts are off. */
static inline __attribute__((always_inline)) unsigned walk(const struct page_table *table, uintptr_t va, pte_t *leaf)
{
	const pte_t *entries = table->entries;

#pragma GCC unroll 4
	for (unsigned level = 0; level < PTL_LEVELS; level++) {
		pte_t pte = entry_load(&entries[PTL_INDEX(va, level)]);

		if (unlikely(!pte_present(pte)))
			return PTL_LEVELS;
		if (pte_is_leaf(pte, level)) {
			*leaf = pte;
			return level;
		}
		entries = table_entries(pte_table_pa(pte));
	}
	__builtin_unreachable();
}

/* The same, for those who may not miss a page that is away for a moment (pt.h, "Break"). */
static inline __attribute__((always_inline)) unsigned look(const struct page_table *table, uintptr_t va, pte_t *leaf)
{
	uintptr_t breaks = breaks_of(table);
	unsigned level = walk(table, va, leaf);

	while (PTE_BREAK_FIRST && unlikely(level == PTL_LEVELS) && was_broken(table, &breaks))
		level = walk(table, va, leaf);
	return level;
}

struct page_mapping page_mapping_find(struct page_table *table, uintptr_t va)
{
	port_irq_t irq;
	unsigned level;
	pte_t leaf = 0; /* gcc -Og does not see that it is set */

	if (unlikely(!is_own(table, va)))
		return table == &page_kernel ? NOT_MAPPED : page_mapping_find(&page_kernel, va);
	if (direct_map_has(va))
		return direct_map_find(va);
	irq = port_irq_save();
	level = look(table, va, &leaf);
	port_irq_restore(irq);
	if (level == PTL_LEVELS)
		return NOT_MAPPED;
	return (struct page_mapping){
		.pa = leaf_translate(leaf, level, va), .size = leaf_bytes(leaf, level), .flags = pte_leaf_flags(leaf, level)
	};
}

COLD static bool translate_by_walk(struct page_table *table, uintptr_t va, phys_t *pa)
{
	port_irq_t irq;
	unsigned level;
	pte_t leaf = 0; /* gcc -Og does not see that it is set */

	if (unlikely(!is_own(table, va)))
		return table != &page_kernel && page_translate(&page_kernel, va, pa);
	if (direct_map_has(va)) {
		*pa = direct_map_find(va).pa;
		return true;
	}
	irq = port_irq_save();
	level = look(table, va, &leaf);
	port_irq_restore(irq);
	if (unlikely(level == PTL_LEVELS))
		return false;
	*pa = leaf_translate(leaf, level, va);
	return true;
}

#if CONFIG_DEBUG
void (*page_look_hook)(void);
#endif

/* In debug builds: what page_translate has read may be changed here by another CPU, whose part a case plays. */
static inline void look_step(void)
{
	MM_STEP(page_look_hook);
}

/*
 * The entry may be read from a frame that has become something else meanwhile; then it is not used. A race detector
 * cannot know that.
 */
__attribute__((no_sanitize("thread"))) bool page_translate(struct page_table *table, uintptr_t va, phys_t *pa)
{
	uintptr_t changes = __atomic_load_n(&table->recent_changes, __ATOMIC_ACQUIRE);

	look_step();
	if (likely(__atomic_load_n(&table->recent, __ATOMIC_ACQUIRE) == va >> RECENT_SHIFT)) {
		const pte_t *entries;
		pte_t pte;

		look_step();
		entries = __atomic_load_n(&table->recent_entries, __ATOMIC_ACQUIRE);
		look_step();
		pte = entry_load(&entries[PTL_INDEX(va, PTL_LEAF)]);
		if (likely(__atomic_load_n(&table->recent_changes, __ATOMIC_RELAXED) == changes)) {
			if (!pte_present(pte))
				return PTE_BREAK_FIRST ? translate_by_walk(table, va, pa) : false;
			*pa = leaf_translate(pte, PTL_LEAF, va);
			return true;
		}
	}
	return translate_by_walk(table, va, pa);
}

bool page_entry_find(const struct page_table *table, uintptr_t va, struct page_entry *found)
{
	const pte_t *entries;

	if (!is_own(table, va))
		table = &page_kernel;
	entries = table->entries;
	for (unsigned level = 0; level < PTL_LEVELS && is_own(table, va); level++) {
		pte_t pte = entry_load(&entries[PTL_INDEX(va, level)]);
		bool is_run = pte_is_run(pte, level);
		pte_t other = entry_load(&entries[PTL_INDEX(va, level) ^ (is_run ? PTE_RUN(level) : 1)]);

		if (!pte_present(pte))
			return false;
		if (!pte_is_leaf(pte, level)) {
			entries = table_entries(pte_table_pa(pte));
			continue;
		}
		if (!pte_present(other) || !pte_is_leaf(other, level) || pte_is_run(other, level) != is_run ||
			!is_own(table, va ^ leaf_bytes(pte, level)))
			other = 0;
		*found = (struct page_entry){ .pte = pte, .other = other, .level = level };
		return true;
	}
	return false;
}

size_t page_describe(struct page_table *table, uintptr_t va, struct page_level *levels, size_t max)
{
	port_irq_t irq;
	phys_t at;
	size_t count = 0;
	bool more = true;

	if (!is_own(table, va))
		table = &page_kernel;
	if (!is_own(table, va) || direct_map_has(va))
		return 0;
	irq = port_irq_save();
	at = table->root;
	for (unsigned level = 0; more && count < max; level++) {
		size_t index = PTL_INDEX(va, level);
		pte_t pte = entry_load(&table_entries(at)[index]);
		bool present = pte_present(pte);
		bool leaf = present && pte_is_leaf(pte, level);

		levels[count++] = (struct page_level){ .level = level,
			.index = index,
			.entry_at = at + index * sizeof(pte_t),
			.entry = pte,
			.present = present,
			.leaf = leaf,
			.run = leaf && pte_is_run(pte, level) ? PTE_RUN(level) : 1 };
		more = present && !leaf;
		at = pte_table_pa(pte);
	}
	port_irq_restore(irq);
	return count;
}
