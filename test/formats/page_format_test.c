/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Each machine's page format held against its manual (test/formats/format.h):
 * every combination of flags, at every level, with addresses at both ends of
 * their field and with each of its bits alone.
 */

#include <test.h>

#include "format.h"

#define FORMATS ((size_t) (__stop_page_formats - __start_page_formats))

static const page_flags_t caching[] = { 0, PAGE_UNCACHED, PAGE_DEVICE };

/* Of four flags each combination, with each way of caching: so many. */
#define COMBINATIONS (16 * ARRAY_COUNT(caching))

static page_flags_t combination(size_t i)
{
	return PAGE_READ | (i & 1 ? PAGE_WRITE : 0) | (i & 2 ? PAGE_EXEC : 0) | (i & 4 ? PAGE_USER : 0) |
		(i & 8 ? PAGE_GLOBAL : 0) | caching[i >> 4];
}

static uint64_t all_ones(unsigned bits)
{
	return UINT64_MAX >> (64 - bits);
}

/* ---- what the manual says ---- */

static bool row_applies(const struct format_row *row, enum format_kind kind, unsigned level, page_flags_t flags)
{
	return row->kind == kind && (row->levels >> level & 1) != 0 && (flags & row->flags) == row->are;
}

static uint64_t address_bits(const struct format_address *address)
{
	return BITS(address->at + (address->highest - address->from), address->at);
}

static bool address_applies(const struct format_address *address, enum format_kind kind, unsigned level, unsigned word)
{
	return address->kind == kind && (address->levels >> level & 1) != 0 && address->word == word;
}

/*
 * The hardware's word for a page or a table, by the table; *named has the bits that were named, and *twice those that
 * were named more than once.
 */
static uint64_t expected_word(const struct page_format *format, enum format_kind kind, uint64_t pa, page_flags_t flags,
	unsigned level, unsigned word, uint64_t *named, uint64_t *twice)
{
	uint64_t value = 0;

	*named = *twice = 0;
	for (size_t i = 0; i < format->row_count; i++) {
		const struct format_row *row = &format->rows[i];

		if (!row_applies(row, kind, level, flags) || row->word != word)
			continue;
		*twice |= *named & row->bits;
		*named |= row->bits;
		value |= row->value;
	}
	for (size_t i = 0; i < format->address_count; i++) {
		const struct format_address *address = &format->addresses[i];

		if (!address_applies(address, kind, level, word))
			continue;
		*twice |= *named & address_bits(address);
		*named |= address_bits(address);
		value |= pa >> address->from << address->at & address_bits(address);
	}
	return value;
}

/* ---- what the format says ---- */

static bool is_in_table(const struct page_format *format, enum format_kind kind)
{
	for (size_t i = 0; i < format->row_count; i++)
		if (format->rows[i].kind == kind)
			return true;
	return false;
}

static bool same_words(const struct page_format *format, uint64_t pte, enum format_kind kind, uint64_t pa,
	page_flags_t flags, unsigned level)
{
	for (unsigned word = 0; word < format->words && is_in_table(format, kind); word++) {
		uint64_t named, twice, got = format->word(pte, kind, level, word);
		uint64_t wanted = expected_word(format, kind, pa, flags, level, word, &named, &twice);

		if (named != all_ones(format->word_bits) || twice != 0) {
			test_note("%s: the table names bits 0x%llx of word %u at level %u, 0x%llx of them twice", format->machine,
				(unsigned long long) named, word, level, (unsigned long long) twice);
			return false;
		}
		if (got != wanted) {
			test_note("%s: %s 0x%llx with flags 0x%x at level %u: word %u is 0x%llx, by the manual 0x%llx",
				format->machine, kind == FORMAT_TABLE ? "table" : "page", (unsigned long long) pa, flags, level, word,
				(unsigned long long) got, (unsigned long long) wanted);
			return false;
		}
	}
	return true;
}

/* What is taken apart is what was put together, and what the hardware writes into an entry is not seen. */
static bool page_survives(
	const struct page_format *format, uint64_t pte, uint64_t pa, page_flags_t flags, unsigned level)
{
	const uint64_t entries[] = { pte, pte & ~format->hardware_writes, pte | format->hardware_writes };
	bool good = true;

	for (size_t i = 0; i < ARRAY_COUNT(entries); i++) {
		good &= CHECK(format->present(entries[i])) & CHECK(format->is_leaf(entries[i], level));
		good &= CHECK_EQ(format->leaf_pa(entries[i], level), pa);
		good &= CHECK_EQ(format->leaf_flags(entries[i], level), format->reported(flags));
	}
	return good;
}

/* A page of a level, or of a run of its entries. */
static bool page_is_right(
	const struct page_format *format, enum format_kind kind, uint64_t pa, page_flags_t flags, unsigned level)
{
	uint64_t (*leaf)(uint64_t, unsigned, unsigned) = kind == FORMAT_RUN ? format->run_leaf : format->leaf;
	uint64_t pte = leaf(pa, flags, level);

	return CHECK_EQ(pte & ~all_ones(format->entry_bits), 0) && CHECK(same_words(format, pte, kind, pa, flags, level)) &&
		page_survives(format, pte, pa, flags, level) && CHECK_EQ(format->is_run(pte, level), kind == FORMAT_RUN) &&
		CHECK_EQ(pte, leaf(pa, flags & ~PAGE_READ, level));
}

static bool table_is_right(const struct page_format *format, uint64_t pa, unsigned level)
{
	uint64_t pte = format->table(pa);

	return CHECK_EQ(pte & ~all_ones(format->entry_bits), 0) &&
		CHECK(same_words(format, pte, FORMAT_TABLE, pa, 0, level)) && CHECK(format->present(pte)) &&
		CHECK(!format->is_leaf(pte, level)) && CHECK_EQ(format->table_pa(pte), pa);
}

/* Addresses of what is aligned to 2^shift: the first, the last, each bit alone, all but each bit. */
static size_t make_addresses(uint64_t last, unsigned shift, uint64_t pa[])
{
	uint64_t top = last & ~all_ones(shift);
	size_t count = 0;

	pa[count++] = 0;
	pa[count++] = top;
	for (unsigned bit = shift; bit < 64 && (top >> bit & 1) != 0; bit++) {
		pa[count++] = UINT64_C(1) << bit;
		pa[count++] = top & ~(UINT64_C(1) << bit);
	}
	return count;
}

#define ADDRESSES 130

static bool pages_are_right(const struct page_format *format, enum format_kind kind, unsigned level)
{
	uint64_t pa[ADDRESSES];
	size_t count =
		make_addresses(format->last, kind == FORMAT_RUN ? format->run_shifts[level] : format->shifts[level], pa);

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < COMBINATIONS; j++)
			if (!page_is_right(format, kind, pa[i], combination(j), level)) {
				test_note("%s: level %u%s, address 0x%llx, flags 0x%x", format->machine, level,
					kind == FORMAT_RUN ? ", a run" : "", (unsigned long long) pa[i], combination(j));
				return false;
			}
	return true;
}

static bool tables_are_right(const struct page_format *format, unsigned level)
{
	uint64_t pa[ADDRESSES];
	uint64_t last = format->table_last != 0 ? format->table_last : format->last;
	size_t count = make_addresses(last, format->width, pa);

	for (size_t i = 0; i < count; i++)
		if (!table_is_right(format, pa[i], level)) {
			test_note("%s: table at level %u, address 0x%llx", format->machine, level, (unsigned long long) pa[i]);
			return false;
		}
	return true;
}

static bool allowed_by_manual(const struct page_format *format, unsigned level)
{
	return level == format->levels - 1 || (format->large_levels >> level & 1) != 0;
}

/* Frame numbers go into entries linearly. */
static void check_runs(const struct page_format *format, unsigned level)
{
	uint64_t covers = UINT64_C(1) << format->shift[level];
	uint64_t first = format->leaf(0, PAGE_READ | PAGE_WRITE, level);
	uint64_t step = format->leaf(covers, PAGE_READ | PAGE_WRITE, level) - first;

	for (uint64_t n = 1; n <= format->last / covers; n *= 3)
		CHECK_EQ(format->leaf(n * covers, PAGE_READ | PAGE_WRITE, level), first + n * step);
}

/* ---- cases ---- */

TEST(page_format_pages,
	"an entry that maps a page has the bits that the machine's manual gives it, and is taken apart again",
	.host_only = "all machines' formats are compared there", .plain_only = "nothing is allocated")
{
	for (size_t i = 0; i < FORMATS; i++)
		for (unsigned level = 0; level < __start_page_formats[i]->levels; level++)
			if (allowed_by_manual(__start_page_formats[i], level))
				CHECK(pages_are_right(__start_page_formats[i], FORMAT_PAGE, level));
}

TEST(page_format_runs, "so has each of the equal entries that map a page together",
	.host_only = "all machines' formats are compared there", .plain_only = "nothing is allocated")
{
	for (size_t i = 0; i < FORMATS; i++) {
		const struct page_format *format = __start_page_formats[i];

		for (unsigned level = 0; level < format->levels; level++)
			if (format->run_shifts[level] == 0)
				CHECK_EQ(format->run(level), 1);
			else if (CHECK_EQ((uint64_t) format->run(level) << format->shifts[level],
						 UINT64_C(1) << format->run_shifts[level]))
				CHECK(pages_are_right(format, FORMAT_RUN, level));
	}
}

TEST(page_format_tables, "an entry that leads to a table has the bits that the machine's manual gives it",
	.host_only = "all machines' formats are compared there", .plain_only = "nothing is allocated")
{
	for (size_t i = 0; i < FORMATS; i++)
		for (unsigned level = 0; !__start_page_formats[i]->no_tables && level + 1 < __start_page_formats[i]->levels;
			 level++)
			CHECK(tables_are_right(__start_page_formats[i], level));
}

TEST(page_format_levels,
	"levels and sizes of pages are those of the machine's manual, and PHYS_LAST is what an entry can have",
	.host_only = "all machines' formats are compared there", .plain_only = "nothing is allocated")
{
	for (size_t i = 0; i < FORMATS; i++) {
		const struct page_format *format = __start_page_formats[i];

		CHECK_EQ(format->physical_last, format->last);
		CHECK_EQ(format->shifts[format->levels - 1], format->width);
		for (unsigned level = 0; level < format->levels; level++) {
			CHECK_EQ(format->shift[level], format->shifts[level]);
			CHECK_EQ(format->leaf_allowed(level), allowed_by_manual(format, level));
			if (level > 0)
				CHECK_EQ(format->shift[level - 1] - format->shift[level], format->index_bits[level]);
		}
	}
}

TEST(page_format_demands,
	"what the page tables demand of each format holds (porting.md): what is not present, and runs",
	.host_only = "all machines' formats are compared there", .plain_only = "nothing is allocated")
{
	for (size_t i = 0; i < FORMATS; i++) {
		const struct page_format *format = __start_page_formats[i];
		uint64_t last = format->last & ~all_ones(format->width);

		CHECK(!format->present(0));
		CHECK(!format->present(last));
		for (unsigned bit = format->width; bit < 64 && (last >> bit & 1) != 0; bit++)
			CHECK(!format->present(UINT64_C(1) << bit));
		for (unsigned level = 0; level < format->levels; level++)
			if (format->leaf_allowed(level))
				check_runs(format, level);
	}
}
