/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The page format of mips32, and what MIPS32 Architecture for Programmers vol.
 * III (MD00090) says of EntryLo0 and EntryLo1 in Release 2 without SmartMIPS: PFN,
 * C, D, V, G, and Fill, which is ignored on a write. A frame number has as many
 * bits as a physical address beyond 12, whatever the page's size; of a large page
 * those that lie within it are 0. Nothing in an entry forbids reading or
 * execution, or knows of the user: that is the address's.
 */

#include "../../arch/mips32/include/arch/page_format.h"
#include <mm/page_geometry.h>

#include "format.h"

#define LARGE LEVEL(0)
#define BASE LEVEL(1)
#define PAGES (LARGE | BASE)
#define ANY 0, 0

/* EntryLo, without Fill. */
#define HARDWARE_WORDS 1
#define HARDWARE_WORD_BITS 30
static uint64_t hardware_word(uint64_t pte, enum format_kind kind, unsigned level, unsigned word)
{
	(void) kind;
	(void) level;
	(void) word;
	return pte & BITS(29, 0);
}

static const struct format_row rows[] = {
	{ FORMAT_PAGE, PAGES, PAGE_GLOBAL, 0, 0, BIT(0), 0 },
	{ FORMAT_PAGE, PAGES, PAGE_GLOBAL, PAGE_GLOBAL, 0, BIT(0), BIT(0) }, /* G */
	{ FORMAT_PAGE, PAGES, ANY, 0, BIT(1), BIT(1) },                      /* V */
	{ FORMAT_PAGE, PAGES, PAGE_WRITE, 0, 0, BIT(2), 0 },                 /* D: 0 = a store is an exception */
	{ FORMAT_PAGE, PAGES, PAGE_WRITE, PAGE_WRITE, 0, BIT(2), BIT(2) },
	{ FORMAT_PAGE, PAGES, PAGE_UNCACHED, 0, 0, BITS(5, 3), 3 << 3 },             /* C: 3 = cacheable */
	{ FORMAT_PAGE, PAGES, PAGE_UNCACHED, PAGE_UNCACHED, 0, BITS(5, 3), 2 << 3 }, /* C: 2 = uncached */
	{ FORMAT_PAGE, PAGES, ANY, 0, BITS(29, 26), 0 }, /* frame numbers of physical addresses beyond 32 bits */
	/* Of a large page, the bits of the frame number that lie within it. */
	{ FORMAT_PAGE, LARGE, ANY, 0, BITS(2 * PAGE_WIDTH - 9, 6), 0 },
	{ FORMAT_PAGE, BASE, ANY, 0, BITS(PAGE_WIDTH - 6, 6) & ~BIT(PAGE_WIDTH - 6), 0 },
};

/* Bit 12 of an address is bit 6 of the register. A large page is as wide as all entries of a table. */
static const struct format_address addresses[] = {
	{ FORMAT_PAGE, BASE, 0, PAGE_WIDTH, 31, PAGE_WIDTH - 6 },
	{ FORMAT_PAGE, LARGE, 0, 2 * PAGE_WIDTH - 2, 31, 2 * PAGE_WIDTH - 8 },
};

static unsigned reported(unsigned flags)
{
	return (flags & (PAGE_WRITE | PAGE_USER | PAGE_GLOBAL | PAGE_UNCACHED)) | PAGE_READ | PAGE_EXEC;
}

#ifndef FORMAT_MACHINE
#define FORMAT_MACHINE "mips32"
#endif
#define FORMAT_MANUAL \
	.shifts = { 2 * PAGE_WIDTH - 2, PAGE_WIDTH }, .large_levels = LARGE, .last = 0xffffffff, .table_last = 0x1fffffff,

#include "export.h"
