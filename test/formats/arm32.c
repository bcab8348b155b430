/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The page format of arm32, and what the ARM Architecture Reference Manual of
 * ARMv7-A and ARMv7-R (DDI 0406C) says of short descriptors: B3.5.1, figures B3-4
 * (first level) and B3-5 (second level); B3.7.1 and table B3-8 (AP[2:1], with
 * SCTLR.AFE = 1, where AP[0] is the access flag); B3.7.2 (XN, PXN); B3.8.2, table
 * B3-10 (TEX, C, B, with SCTLR.TRE = 0).
 *
 * The hardware's words for an entry of PTL0 are four, for the 4 MiB that it covers: a
 * section of 1 MiB each, or a page table of 1 KiB each; or one word of a supersection, four
 * times. Of an entry of the last level, a small or a large page, there is one; all four words
 * are that. What the format leaves to the mirror of a root (PXN of the user's part) is 0 here.
 */

#include "../../arch/arm32/include/arch/page_format.h"

#include "format.h"

#define ROOT LEVEL(0)
#define LAST LEVEL(1)
#define PAGES (ROOT | LAST)
#define ANY 0, 0
/* PAGE_DEVICE has the bit of PAGE_UNCACHED, too. */
#define CACHING PAGE_DEVICE

/* The n-th descriptor of what an entry stands for; of the last level there is one, which the others repeat. */
#define HARDWARE_WORDS 4
#define HARDWARE_WORD_BITS 32
static uint64_t hardware_word(uint64_t pte, enum format_kind kind, unsigned level, unsigned word)
{
	if (kind == FORMAT_TABLE)
		return (pte_t) (pte + word * ROOT_STEP_TABLE);
	return kind == FORMAT_PAGE && level == 0 ? (pte_t) (pte + word * ROOT_STEP_SECTION) : (pte_t) pte;
}

/* A bit that a flag sets, or (not) that the lack of it does, in word w. */
#define FLAG_OF(kind, w, levels, flag, n)           \
	{ kind, levels, flag, 0, w, BIT(n), 0 },        \
	{                                               \
		kind, levels, flag, flag, w, BIT(n), BIT(n) \
	}
#define FLAG_NOT_OF(kind, w, levels, flag, n)     \
	{ kind, levels, flag, 0, w, BIT(n), BIT(n) }, \
	{                                             \
		kind, levels, flag, flag, w, BIT(n), 0    \
	}
#define CONSTANT_OF(kind, w, levels, bits, value) \
	{                                             \
		kind, levels, ANY, w, bits, value         \
	}
#define FLAG(w, levels, flag, n) FLAG_OF(FORMAT_PAGE, w, levels, flag, n)
#define FLAG_NOT(w, levels, flag, n) FLAG_NOT_OF(FORMAT_PAGE, w, levels, flag, n)
#define CONSTANT(w, levels, bits, value) CONSTANT_OF(FORMAT_PAGE, w, levels, bits, value)

/* TEX, C, B: 001 1 1 write-back, write-allocate; 001 0 0 normal, not cacheable; 000 0 1 a device, shareable. */
#define MEMORY_OF(kind, w, levels, mask, normal, uncached, device)                                              \
	{ kind, levels, CACHING, 0, w, mask, normal }, { kind, levels, CACHING, PAGE_UNCACHED, w, mask, uncached }, \
	{                                                                                                           \
		kind, levels, CACHING, PAGE_DEVICE, w, mask, device                                                     \
	}
#define MEMORY(w, levels, mask, normal, uncached, device) \
	MEMORY_OF(FORMAT_PAGE, w, levels, mask, normal, uncached, device)

/* The word-th section, whose address is that many MiB further on. */
#define SECTION(w)                                                                                                     \
	CONSTANT(w, ROOT, BITS(1, 0), 2), /* a section; PXN = 0 */                                                         \
		MEMORY(w, ROOT, BITS(14, 12) | BITS(3, 2), 0x100c, 0x1000, 0x4), FLAG_NOT(w, ROOT, PAGE_EXEC, 4), /* XN */     \
		CONSTANT(w, ROOT, BITS(8, 5), 0),                                                                 /* domain */ \
		CONSTANT(w, ROOT, BIT(9), 0),        /* implementation defined */                                              \
		CONSTANT(w, ROOT, BIT(10), BIT(10)), /* AP[0], the access flag */                                              \
		FLAG(w, ROOT, PAGE_USER, 11),        /* AP[1] */                                                               \
		FLAG_NOT(w, ROOT, PAGE_WRITE, 15),   /* AP[2] */                                                               \
		CONSTANT(w, ROOT, BIT(16), BIT(16)), /* S */                                                                   \
		FLAG_NOT(w, ROOT, PAGE_GLOBAL, 17),  /* nG */                                                                  \
		CONSTANT(w, ROOT, BIT(18), 0),       /* not a supersection */                                                  \
		CONSTANT(w, ROOT, BIT(19), 0),       /* NS */                                                                  \
		CONSTANT(w, ROOT, BITS(21, 20), (uint64_t) (w) << 20)

#define SMALL(w)                                                          \
	CONSTANT(w, LAST, BIT(1), BIT(1)),   /* a small page */               \
		FLAG_NOT(w, LAST, PAGE_EXEC, 0), /* XN */                         \
		MEMORY(w, LAST, BITS(8, 6) | BITS(3, 2), 0x4c, 0x40, 0x4),        \
		CONSTANT(w, LAST, BIT(4), BIT(4)),   /* AP[0], the access flag */ \
		FLAG(w, LAST, PAGE_USER, 5),         /* AP[1] */                  \
		FLAG_NOT(w, LAST, PAGE_WRITE, 9),    /* AP[2] */                  \
		CONSTANT(w, LAST, BIT(10), BIT(10)), /* S */                      \
		FLAG_NOT(w, LAST, PAGE_GLOBAL, 11)   /* nG */

/* Each of the sixteen words of a supersection: they are equal. */
#define SUPERSECTION(w)                                                                                        \
	CONSTANT_OF(FORMAT_RUN, w, ROOT, BITS(1, 0), 2), /* as a section */                                        \
		MEMORY_OF(FORMAT_RUN, w, ROOT, BITS(14, 12) | BITS(3, 2), 0x100c, 0x1000, 0x4),                        \
		FLAG_NOT_OF(FORMAT_RUN, w, ROOT, PAGE_EXEC, 4),                                                        \
		CONSTANT_OF(FORMAT_RUN, w, ROOT, BITS(8, 5), 0), /* bits 39 to 36 of the address */                    \
		CONSTANT_OF(FORMAT_RUN, w, ROOT, BIT(9), 0), CONSTANT_OF(FORMAT_RUN, w, ROOT, BIT(10), BIT(10)),       \
		FLAG_OF(FORMAT_RUN, w, ROOT, PAGE_USER, 11), FLAG_NOT_OF(FORMAT_RUN, w, ROOT, PAGE_WRITE, 15),         \
		CONSTANT_OF(FORMAT_RUN, w, ROOT, BIT(16), BIT(16)), FLAG_NOT_OF(FORMAT_RUN, w, ROOT, PAGE_GLOBAL, 17), \
		CONSTANT_OF(FORMAT_RUN, w, ROOT, BIT(18), BIT(18)), /* a supersection */                               \
		CONSTANT_OF(FORMAT_RUN, w, ROOT, BIT(19), 0),                                                          \
		CONSTANT_OF(FORMAT_RUN, w, ROOT, BITS(23, 20), 0) /* bits 35 to 32 of the address */

/* Each of the sixteen words of a large page. */
#define LARGE_PAGE(w)                                                                                                 \
	CONSTANT_OF(FORMAT_RUN, w, LAST, BITS(1, 0), 1),      /* a large page */                                          \
		CONSTANT_OF(FORMAT_RUN, w, LAST, BIT(4), BIT(4)), /* AP[0] */                                                 \
		FLAG_OF(FORMAT_RUN, w, LAST, PAGE_USER, 5),       /* AP[1] */                                                 \
		CONSTANT_OF(FORMAT_RUN, w, LAST, BITS(8, 6), 0), FLAG_NOT_OF(FORMAT_RUN, w, LAST, PAGE_WRITE, 9), /* AP[2] */ \
		CONSTANT_OF(FORMAT_RUN, w, LAST, BIT(10), BIT(10)),                                               /* S */     \
		FLAG_NOT_OF(FORMAT_RUN, w, LAST, PAGE_GLOBAL, 11),                                                /* nG */    \
		MEMORY_OF(FORMAT_RUN, w, LAST, BITS(14, 12) | BITS(3, 2), 0x100c, 0x1000, 0x4),                               \
		FLAG_NOT_OF(FORMAT_RUN, w, LAST, PAGE_EXEC, 15) /* XN */

/* The word-th page table of 1 KiB. */
#define TABLE(w)                                                                    \
	{ FORMAT_TABLE, ROOT, ANY, w, BITS(1, 0), 1 },     /* a page table */           \
		{ FORMAT_TABLE, ROOT, ANY, w, BITS(4, 2), 0 }, /* PXN; NS; 0 */             \
		{ FORMAT_TABLE, ROOT, ANY, w, BITS(8, 5), 0 }, /* domain */                 \
		{ FORMAT_TABLE, ROOT, ANY, w, BIT(9), 0 },     /* implementation defined */ \
	{                                                                               \
		FORMAT_TABLE, ROOT, ANY, w, BITS(11, 10), (uint64_t) (w) << 10              \
	}

static const struct format_row rows[] = {
	SECTION(0),
	SECTION(1),
	SECTION(2),
	SECTION(3),
	SMALL(0),
	SMALL(1),
	SMALL(2),
	SMALL(3),
	SUPERSECTION(0),
	SUPERSECTION(1),
	SUPERSECTION(2),
	SUPERSECTION(3),
	LARGE_PAGE(0),
	LARGE_PAGE(1),
	LARGE_PAGE(2),
	LARGE_PAGE(3),
	TABLE(0),
	TABLE(1),
	TABLE(2),
	TABLE(3),
};

#define ADDRESSES(w)                                                                                                 \
	{ FORMAT_PAGE, ROOT, w, 22, 31, 22 }, { FORMAT_PAGE, LAST, w, 12, 31, 12 }, { FORMAT_RUN, ROOT, w, 24, 31, 24 }, \
		{ FORMAT_RUN, LAST, w, 16, 31, 16 },                                                                         \
	{                                                                                                                \
		FORMAT_TABLE, ROOT, w, 12, 31, 12                                                                            \
	}

static const struct format_address addresses[] = { ADDRESSES(0), ADDRESSES(1), ADDRESSES(2), ADDRESSES(3) };

/* Each right has a bit but reading, which is always there. */
static unsigned reported(unsigned flags)
{
	return (flags & (PAGE_WRITE | PAGE_EXEC | PAGE_USER | PAGE_GLOBAL | PAGE_DEVICE)) | PAGE_READ;
}

#define FORMAT_MACHINE "arm32"
#define FORMAT_MANUAL .shifts = { 22, 12 }, .large_levels = ROOT, .run_shifts = { 24, 16 }, .last = 0xffffffff,

#include "export.h"
