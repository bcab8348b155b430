/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The page format of ppc32, and what Programming Environments Manual for 32-bit
 * implementations of the PowerPC Architecture (MPCFPE32B) says of word 1 of an
 * entry in the hash table: ch. 7, "Page Table Entry (PTE) Definitions" (fields) and
 * "Page Memory Protection" (PP, with Ks = 0 and Kp = 1), ch. 5 (WIMG). Bits are
 * numbered from the right here, from the left there. Nothing forbids execution.
 */

#include "../../arch/ppc32/include/arch/page_format.h"

#include "format.h"

#define PAGES LEVEL(1)
#define ANY 0, 0

#define HARDWARE_WORDS 1
#define HARDWARE_WORD_BITS 32
static uint64_t hardware_word(uint64_t pte, enum format_kind kind, unsigned level, unsigned word)
{
	(void) kind;
	(void) level;
	(void) word;
	return hash_word((pte_t) pte);
}

/* PP: 0 = kernel alone, may write; 2 = both may write; 3 = both may read. (1 = as 2 for the kernel, 3 for the user.) */
static const struct format_row rows[] = {
	{ FORMAT_PAGE, PAGES, PAGE_WRITE | PAGE_USER, PAGE_WRITE, 0, BITS(1, 0), 0 },
	{ FORMAT_PAGE, PAGES, PAGE_WRITE | PAGE_USER, PAGE_WRITE | PAGE_USER, 0, BITS(1, 0), 2 },
	{ FORMAT_PAGE, PAGES, PAGE_WRITE, 0, 0, BITS(1, 0), 3 }, { FORMAT_PAGE, PAGES, ANY, 0, BIT(2), 0 }, /* reserved */
	/* W, I, M, G: M for memory that is cached; I without it; G for devices. */
	{ FORMAT_PAGE, PAGES, PAGE_DEVICE, 0, 0, BITS(6, 3), 0x10 },
	{ FORMAT_PAGE, PAGES, PAGE_DEVICE, PAGE_UNCACHED, 0, BITS(6, 3), 0x20 },
	{ FORMAT_PAGE, PAGES, PAGE_DEVICE, PAGE_DEVICE, 0, BITS(6, 3), 0x28 },
	{ FORMAT_PAGE, PAGES, ANY, 0, BITS(8, 7), 0 },  /* R and C: neither referenced nor changed yet */
	{ FORMAT_PAGE, PAGES, ANY, 0, BITS(11, 9), 0 }, /* reserved */
};

static const struct format_address addresses[] = {
	{ FORMAT_PAGE, PAGES, 0, 12, 31, 12 }, /* RPN */
};

static unsigned reported(unsigned flags)
{
	return (flags & (PAGE_WRITE | PAGE_USER | PAGE_GLOBAL | PAGE_DEVICE)) | PAGE_READ | PAGE_EXEC;
}

#define FORMAT_MACHINE "ppc32"
#define FORMAT_MANUAL .shifts = { 22, 12 }, .last = 0xffffffff, .hardware_writes = BITS(8, 7),

#include "export.h"
