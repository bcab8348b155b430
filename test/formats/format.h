/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Page formats of all machines, side by side in one program of the host.
 *
 * Each machine has its format in arch/<machine>/include/arch/page_format.h. All
 * define the same names, so each is compiled alone, by test/formats/<machine>.c,
 * which includes it and then <formats/export.h>: that makes one struct
 * page_format of it, a name of its own. The same file has the table of what the
 * manual says, which page_format_test.c compares the format with.
 *
 * THE TABLE is not made of the format's own names, but of numbers, read from the
 * manual by one who had not read the format. It is a list of rows: of pages that
 * are mapped at these levels with these flags, these bits of that word of the
 * hardware's have this value. The rows of a page and the field of its address
 * together name each bit of the word once; page_format_test.c sees to that, too.
 *
 * What the hardware's words are a machine says in its file by HARDWARE_WORDS and
 * hardware_word: the entry itself, if a walker reads it; what the handler of a
 * miss makes of it, if software fills the TLB. Then entries that lead to a table have
 * no rows, for no hardware sees them.
 *
 * This header goes without <arch/mm.h>, which is the host's here.
 */

#ifndef FORMATS_FORMAT_H
#define FORMATS_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORMAT_LEVELS 4

/* What a row is about. */
enum format_kind { FORMAT_PAGE, FORMAT_TABLE, FORMAT_RUN };

/* Bits of a word, from the lowest to the highest. */
#define BITS(high, low) ((UINT64_MAX >> (63 - (high))) & (UINT64_MAX << (low)))
#define BIT(n) BITS(n, n)

/* Levels that a row is about. */
#define LEVEL(n) (1u << (n))

struct format_row {
	enum format_kind kind;
	unsigned levels;
	unsigned flags, are; /* of pages: PAGE_... that matter, and what they are; 0 = whatever they are */
	unsigned word;
	uint64_t bits, value;
};

/* The field of the address: bit `from` of the address is bit `at` of the word, and so on up to the highest. */
struct format_address {
	enum format_kind kind;
	unsigned levels;
	unsigned word;
	unsigned from, highest, at;
};

struct page_format {
	const char *machine;
	unsigned levels, width, entry_bits;
	unsigned shift[FORMAT_LEVELS], index_bits[FORMAT_LEVELS];
	uint64_t physical_last;

	bool (*leaf_allowed)(unsigned level);
	bool (*present)(uint64_t pte);
	bool (*is_leaf)(uint64_t pte, unsigned level);
	uint64_t (*leaf)(uint64_t pa, unsigned flags, unsigned level);
	unsigned (*run)(unsigned level); /* entries of a run of equal ones (mm/page_leaf.h); 1 = there are none */
	bool (*is_run)(uint64_t pte, unsigned level);
	uint64_t (*run_leaf)(uint64_t pa, unsigned flags, unsigned level);
	uint64_t (*table)(uint64_t pa);
	uint64_t (*leaf_pa)(uint64_t pte, unsigned level);
	uint64_t (*table_pa)(uint64_t pte);
	unsigned (*leaf_flags)(uint64_t pte, unsigned level);

	/* The hardware's words for an entry: how many, how wide, and each. */
	unsigned words, word_bits;
	uint64_t (*word)(uint64_t pte, enum format_kind kind, unsigned level, unsigned word);

	/* By the manual. */
	const struct format_row *rows;
	size_t row_count;
	const struct format_address *addresses;
	size_t address_count;
	unsigned shifts[FORMAT_LEVELS];       /* log2 of what an entry of each level covers */
	unsigned large_levels;                /* LEVEL(n) of those above the last that may map a page */
	unsigned run_shifts[FORMAT_LEVELS];   /* log2 of what a run of this level maps; 0 = there are no runs */
	uint64_t last;                        /* the last physical address that an entry can have */
	bool no_tables;                       /* a page hash table's: no entry leads to a table */
	uint64_t table_last;                  /* the last that one which leads to a table can have; 0 = the same */
	unsigned (*reported)(unsigned flags); /* what a page with these flags is reported as */
	uint64_t hardware_writes;             /* bits of a page's entry that the hardware changes */
};

/* Every machine's that is in this tree: the linker gathers them. */
extern const struct page_format *const __start_page_formats[], *const __stop_page_formats[];

#endif
