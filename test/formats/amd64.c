/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The page format of amd64, and what AMD64 Architecture Programmer's Manual
 * vol. 2 says of entries in long mode: 5.3.3 to 5.3.5 (pages of 4 KiB, 2 MiB and
 * 1 GiB), 5.4.1 (the fields), 7.8.2 (which type PAT, PCD and PWT choose).
 */

#include "../../arch/amd64/include/arch/page_format.h"

#include "format.h"

/* PML4, PDP, PD and PT, as the core numbers them; and those of which an entry may map a page. */
#define PML4 LEVEL(0)
#define PDP LEVEL(1)
#define PD LEVEL(2)
#define PT LEVEL(3)
#define PAGES (PDP | PD | PT)
#define ANY 0, 0

static const struct format_row rows[] = {
	/* Pages of all sizes. */
	{ FORMAT_PAGE, PAGES, ANY, 0, BIT(0), BIT(0) },                                  /* P */
	{ FORMAT_PAGE, PAGES, PAGE_WRITE, 0, 0, BIT(1), 0 },                             /* R/W: 0 = read only */
	{ FORMAT_PAGE, PAGES, PAGE_WRITE, PAGE_WRITE, 0, BIT(1), BIT(1) },               /*      1 = both */
	{ FORMAT_PAGE, PAGES, PAGE_USER, 0, 0, BIT(2), 0 },                              /* U/S: 0 = supervisor only */
	{ FORMAT_PAGE, PAGES, PAGE_USER, PAGE_USER, 0, BIT(2), BIT(2) },                 /*      1 = both */
	{ FORMAT_PAGE, PAGES, PAGE_UNCACHED, 0, 0, BITS(4, 3), 0 },                      /* PCD, PWT: PA0, write-back */
	{ FORMAT_PAGE, PAGES, PAGE_UNCACHED, PAGE_UNCACHED, 0, BITS(4, 3), BITS(4, 3) }, /* PA3, uncacheable */
	{ FORMAT_PAGE, PAGES, ANY, 0, BITS(6, 5), BITS(6, 5) }, /* A and D, which software that reads neither sets */
	{ FORMAT_PAGE, PAGES, PAGE_GLOBAL, 0, 0, BIT(8), 0 },
	{ FORMAT_PAGE, PAGES, PAGE_GLOBAL, PAGE_GLOBAL, 0, BIT(8), BIT(8) }, /* G */
	{ FORMAT_PAGE, PAGES, ANY, 0, BITS(11, 9), 0 },                      /* AVL */
	{ FORMAT_PAGE, PAGES, ANY, 0, BITS(62, 52), 0 },                     /* AVL, and MPK, which is ignored by default */
	{ FORMAT_PAGE, PAGES, PAGE_EXEC, PAGE_EXEC, 0, BIT(63), 0 },
	{ FORMAT_PAGE, PAGES, PAGE_EXEC, 0, 0, BIT(63), BIT(63) }, /* NX */
	/* 4 KiB: bit 7 is PAT's. */
	{ FORMAT_PAGE, PT, ANY, 0, BIT(7), 0 },
	/* 2 MiB and 1 GiB: PS; bit 12 is PAT's, and those up to the address must be 0. */
	{ FORMAT_PAGE, PDP | PD, ANY, 0, BIT(7), BIT(7) },
	{ FORMAT_PAGE, PD, ANY, 0, BITS(20, 12), 0 },
	{ FORMAT_PAGE, PDP, ANY, 0, BITS(29, 12), 0 },
	/* Entries that lead to a table: P, R/W and U/S, A; no PCD, PWT, PS or NX; the rest must be 0 or is ignored. */
	{ FORMAT_TABLE, PML4 | PDP | PD, ANY, 0, BITS(2, 0), BITS(2, 0) },
	{ FORMAT_TABLE, PML4 | PDP | PD, ANY, 0, BITS(4, 3), 0 },
	{ FORMAT_TABLE, PML4 | PDP | PD, ANY, 0, BIT(5), BIT(5) },
	{ FORMAT_TABLE, PML4 | PDP | PD, ANY, 0, BITS(11, 6), 0 },
	{ FORMAT_TABLE, PML4 | PDP | PD, ANY, 0, BITS(63, 52), 0 },
};

static const struct format_address addresses[] = {
	{ FORMAT_PAGE, PT, 0, 12, 51, 12 },
	{ FORMAT_PAGE, PD, 0, 21, 51, 21 },
	{ FORMAT_PAGE, PDP, 0, 30, 51, 30 },
	{ FORMAT_TABLE, PML4 | PDP | PD, 0, 12, 51, 12 },
};

/* Registers of devices are uncacheable memory, nothing more. */
static unsigned reported(unsigned flags)
{
	return (flags & (PAGE_WRITE | PAGE_EXEC | PAGE_USER | PAGE_GLOBAL | PAGE_UNCACHED)) | PAGE_READ;
}

/* What arch/amd64/machine.c sets where the CPU has pages of 1 GiB. */
unsigned ptl_leaf_levels = PAGES;

#define FORMAT_MACHINE "amd64"
#define FORMAT_MANUAL                                                                                        \
	.shifts = { 39, 30, 21, 12 }, .large_levels = PDP | PD, .last = UINT64_C(0xfffffffffffff), /* 52 bits */ \
		.hardware_writes = BITS(6, 5),

#include "export.h"
