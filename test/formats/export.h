/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Makes a struct page_format of the <arch/page_format.h> that was included
 * before. The including file defines next to it:
 *
 *   FORMAT_MACHINE   the machine's, a text
 *   rows, addresses  the table (test/formats/format.h)
 *   reported         what flags a page is reported with
 *   FORMAT_MANUAL    initializers of the fields `shifts` to `hardware_writes` but `reported`
 *
 * and, if the hardware's words are not the entry itself, HARDWARE_WORDS,
 * HARDWARE_WORD_BITS and hardware_word.
 */

#ifndef FORMATS_EXPORT_H
#define FORMATS_EXPORT_H

#ifndef HARDWARE_WORDS
#define HARDWARE_WORDS 1
#define HARDWARE_WORD_BITS (8 * sizeof(pte_t))
static uint64_t hardware_word(uint64_t pte, enum format_kind kind, unsigned level, unsigned word)
{
	(void) kind;
	(void) level;
	(void) word;
	return pte;
}
#endif

static bool export_present(uint64_t pte)
{
	return pte_present((pte_t) pte);
}

static bool export_is_leaf(uint64_t pte, unsigned level)
{
	return pte_is_leaf((pte_t) pte, level);
}

static uint64_t export_leaf(uint64_t pa, unsigned flags, unsigned level)
{
	return pte_leaf((phys_t) pa, flags, level);
}

static unsigned export_run(unsigned level)
{
#ifdef PTE_RUN
	return PTE_RUN(level);
#else
	(void) level;
	return 1;
#endif
}

static bool export_is_run(uint64_t pte, unsigned level)
{
#ifdef PTE_RUN
	return pte_is_run((pte_t) pte, level);
#else
	(void) pte, (void) level;
	return false;
#endif
}

static uint64_t export_run_leaf(uint64_t pa, unsigned flags, unsigned level)
{
#ifdef PTE_RUN
	return pte_run((phys_t) pa, flags, level);
#else
	return pte_leaf((phys_t) pa, flags, level);
#endif
}

static uint64_t export_table(uint64_t pa)
{
	return pte_table((phys_t) pa);
}

static uint64_t export_leaf_pa(uint64_t pte, unsigned level)
{
	return pte_leaf_pa((pte_t) pte, level);
}

static uint64_t export_table_pa(uint64_t pte)
{
	return pte_table_pa((pte_t) pte);
}

static unsigned export_leaf_flags(uint64_t pte, unsigned level)
{
	return pte_leaf_flags((pte_t) pte, level);
}

/* Of a level that there is. */
#define EXPORT_OF(what, level) ((level) < PTL_LEVELS ? (unsigned) what((level) < PTL_LEVELS ? (level) : 0) : 0)
#define EXPORT_ALL(what)                                                               \
	{                                                                                  \
		EXPORT_OF(what, 0), EXPORT_OF(what, 1), EXPORT_OF(what, 2), EXPORT_OF(what, 3) \
	}

static const struct page_format page_format = { .machine = FORMAT_MACHINE,
	.levels = PTL_LEVELS,
	.width = PAGE_WIDTH,
	.entry_bits = 8 * sizeof(pte_t),
	.shift = EXPORT_ALL(PTL_SHIFT),
	.index_bits = EXPORT_ALL(PTL_BITS),
	.physical_last = PHYS_LAST,
	.leaf_allowed = ptl_leaf_allowed,
	.present = export_present,
	.is_leaf = export_is_leaf,
	.leaf = export_leaf,
	.run = export_run,
	.is_run = export_is_run,
	.run_leaf = export_run_leaf,
	.table = export_table,
	.leaf_pa = export_leaf_pa,
	.table_pa = export_table_pa,
	.leaf_flags = export_leaf_flags,
	.words = HARDWARE_WORDS,
	.word_bits = HARDWARE_WORD_BITS,
	.word = hardware_word,
	.rows = rows,
	.row_count = sizeof(rows) / sizeof(rows[0]),
	.addresses = addresses,
	.address_count = sizeof(addresses) / sizeof(addresses[0]),
	.reported = reported,
	FORMAT_MANUAL };

__attribute__((section("page_formats"), used)) static const struct page_format *const page_format_pointer =
	&page_format;

#endif
