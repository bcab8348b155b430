/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The page format of sparc64, and what the UltraSPARC-IIi User's Manual, 805-0087, says of the data of a translation
 * table entry: 15.2 "Translation Table Entry (TTE)", table 15-1 (Size) and the fields behind it. The manual has the
 * address in bits 40 to 13, and gives bits 12 to 7 and 58 to 50 to software; 49 to 41 are "Diag", written as 0.
 */

#include "../../arch/sparc64/include/arch/page_format.h"

#include "format.h"

#define PAGES (LEVEL(0) | LEVEL(1) | LEVEL(2) | LEVEL(3))
#define ANY 0, 0

static const struct format_row rows[] = {
	{ FORMAT_PAGE, PAGES, ANY, 0, BIT(63), BIT(63) }, /* V */
	/* Size: 0 = 8 KiB, 1 = 64 KiB, 2 = 512 KiB, 3 = 4 MiB. */
	{ FORMAT_PAGE, LEVEL(3), ANY, 0, BITS(62, 61), 0x0000000000000000 },
	{ FORMAT_PAGE, LEVEL(2), ANY, 0, BITS(62, 61), 0x2000000000000000 },
	{ FORMAT_PAGE, LEVEL(1), ANY, 0, BITS(62, 61), 0x4000000000000000 },
	{ FORMAT_PAGE, LEVEL(0), ANY, 0, BITS(62, 61), 0x6000000000000000 },
	{ FORMAT_PAGE, PAGES, ANY, 0, BIT(60), 0 },      /* NFO */
	{ FORMAT_PAGE, PAGES, ANY, 0, BIT(59), 0 },      /* IE */
	{ FORMAT_PAGE, PAGES, ANY, 0, BITS(58, 50), 0 }, /* Soft2 */
	{ FORMAT_PAGE, PAGES, ANY, 0, BITS(49, 41), 0 }, /* Diag */
	{ FORMAT_PAGE, PAGES, ANY, 0, BITS(12, 8), 0 },  /* Soft */
	/* Soft: goes into the TLB of instructions. */
	{ FORMAT_PAGE, PAGES, PAGE_EXEC, 0, 0, BIT(7), 0 },
	{ FORMAT_PAGE, PAGES, PAGE_EXEC, PAGE_EXEC, 0, BIT(7), 0x80 },
	{ FORMAT_PAGE, PAGES, ANY, 0, BIT(6), 0 }, /* L */
	/* CP; CV never. */
	{ FORMAT_PAGE, PAGES, PAGE_UNCACHED, 0, 0, BITS(5, 4), 0x20 },
	{ FORMAT_PAGE, PAGES, PAGE_UNCACHED, PAGE_UNCACHED, 0, BITS(5, 4), 0 },
	/* E: of devices, not of memory that is only uncached. */
	{ FORMAT_PAGE, PAGES, PAGE_DEVICE, 0, 0, BIT(3), 0 },
	{ FORMAT_PAGE, PAGES, PAGE_DEVICE, PAGE_UNCACHED, 0, BIT(3), 0 },
	{ FORMAT_PAGE, PAGES, PAGE_DEVICE, PAGE_DEVICE, 0, BIT(3), 8 },
	/* P, W, G. */
	{ FORMAT_PAGE, PAGES, PAGE_USER, 0, 0, BIT(2), 4 },
	{ FORMAT_PAGE, PAGES, PAGE_USER, PAGE_USER, 0, BIT(2), 0 },
	{ FORMAT_PAGE, PAGES, PAGE_WRITE, 0, 0, BIT(1), 0 },
	{ FORMAT_PAGE, PAGES, PAGE_WRITE, PAGE_WRITE, 0, BIT(1), 2 },
	{ FORMAT_PAGE, PAGES, PAGE_GLOBAL, 0, 0, BIT(0), 0 },
	{ FORMAT_PAGE, PAGES, PAGE_GLOBAL, PAGE_GLOBAL, 0, BIT(0), 1 },
};

static const struct format_address addresses[] = {
	{ FORMAT_PAGE, PAGES, 0, 13, 40, 13 },
};

static unsigned reported(unsigned flags)
{
	return flags | PAGE_READ;
}

#define FORMAT_MACHINE "sparc64"
#define FORMAT_MANUAL                                                                                    \
	.shifts = { 22, 19, 16, 13 }, .large_levels = LEVEL(0) | LEVEL(1) | LEVEL(2), .last = 0x1ffffffffff, \
	.no_tables = true,

#include "export.h"
