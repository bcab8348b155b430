/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The page format of ia32, and what Intel's Software Developer's Manual vol. 3A
 * says of entries in 32-bit paging: 4.3, tables 4-4 (a page of 4 MiB), 4-5 (a
 * page table) and 4-6 (a page of 4 KiB); 4.9.2 and 11.12.4 (memory types).
 */

#include "../../arch/ia32/include/arch/page_format.h"

#include "format.h"

/* Page directory and page table. */
#define PD LEVEL(0)
#define PT LEVEL(1)
#define ANY 0, 0

static const struct format_row rows[] = {
	{ FORMAT_PAGE, PD | PT, ANY, 0, BIT(0), BIT(0) },      /* P */
	{ FORMAT_PAGE, PD | PT, PAGE_WRITE, 0, 0, BIT(1), 0 }, /* R/W: 0 = writes are not allowed */
	{ FORMAT_PAGE, PD | PT, PAGE_WRITE, PAGE_WRITE, 0, BIT(1), BIT(1) },
	{ FORMAT_PAGE, PD | PT, PAGE_USER, 0, 0, BIT(2), 0 }, /* U/S: 0 = user-mode accesses are not allowed */
	{ FORMAT_PAGE, PD | PT, PAGE_USER, PAGE_USER, 0, BIT(2), BIT(2) },
	{ FORMAT_PAGE, PD | PT, PAGE_UNCACHED, 0, 0, BITS(4, 3), 0 },                      /* PCD, PWT: WB */
	{ FORMAT_PAGE, PD | PT, PAGE_UNCACHED, PAGE_UNCACHED, 0, BITS(4, 3), BITS(4, 3) }, /* UC */
	{ FORMAT_PAGE, PD | PT, ANY, 0, BITS(6, 5), BITS(6, 5) }, /* A, D, which software that reads neither sets */
	{ FORMAT_PAGE, PD | PT, PAGE_GLOBAL, 0, 0, BIT(8), 0 },
	{ FORMAT_PAGE, PD | PT, PAGE_GLOBAL, PAGE_GLOBAL, 0, BIT(8), BIT(8) }, /* G */
	{ FORMAT_PAGE, PD | PT, ANY, 0, BITS(11, 9), 0 },                      /* ignored */
	/* 4 KiB: bit 7 is PAT's. */
	{ FORMAT_PAGE, PT, ANY, 0, BIT(7), 0 },
	/* 4 MiB: PS; PAT; bits 39 to 32 of the address, of which there are none; reserved. */
	{ FORMAT_PAGE, PD, ANY, 0, BIT(7), BIT(7) },
	{ FORMAT_PAGE, PD, ANY, 0, BITS(21, 12), 0 },
	/* An entry that leads to a page table: P, R/W, U/S, A; no PCD, PWT or PS; the rest is ignored. */
	{ FORMAT_TABLE, PD, ANY, 0, BITS(2, 0), BITS(2, 0) },
	{ FORMAT_TABLE, PD, ANY, 0, BITS(4, 3), 0 },
	{ FORMAT_TABLE, PD, ANY, 0, BIT(5), BIT(5) },
	{ FORMAT_TABLE, PD, ANY, 0, BITS(11, 6), 0 },
};

static const struct format_address addresses[] = {
	{ FORMAT_PAGE, PT, 0, 12, 31, 12 },
	{ FORMAT_PAGE, PD, 0, 22, 31, 22 },
	{ FORMAT_TABLE, PD, 0, 12, 31, 12 },
};

/* No bit forbids execution; registers of devices are uncacheable memory, nothing more. */
static unsigned reported(unsigned flags)
{
	return (flags & (PAGE_WRITE | PAGE_USER | PAGE_GLOBAL | PAGE_UNCACHED)) | PAGE_READ | PAGE_EXEC;
}

#define FORMAT_MACHINE "ia32"
#define FORMAT_MANUAL .shifts = { 22, 12 }, .large_levels = PD, .last = 0xffffffff, .hardware_writes = BITS(6, 5),

#include "export.h"
