/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The page hash table of genarch/ht in numbers, for miss handlers in assembly.
 * What it is, genarch/ht/ht.h says; genarch/ht/layout.c makes sure that the
 * numbers are so. What entries look like is the machine's own (<arch/mm.h>).
 *
 *     root                  what page_root_load was given: where HT_ROOT_SPACE and HT_ROOT_SIZES are; a physical
 *                           address, never 0. The kernel's, for addresses of the kernel part, is that of page_kernel
 *     for each size of which there are pages, that is for each bit of HT_ROOT_SIZES, from the highest:
 *         size   = HT_LEVELS - 1 - (number of the bit)
 *         tag    = space | size << HT_SIZE_SHIFT |
 *                  ((va >> HT_PAGE_SHIFT_<size> >> HT_CLUSTER_WIDTH) & ((1 << HT_SIZE_SHIFT) - 1))
 *         p      = tag * HT_HASH_MULTIPLIER, modulo 2^64
 *         hash   = p rotated left by HT_HASH_GOOD bits; of that as many bits, the lowest, as an address has
 *         number = hash & ht.mask; if number >= ht.buckets: number &= ht.mask >> 1
 *         head   = ht.directory[number >> HT_SEGMENT_WIDTH] +
 *                  ((number & ((1 << HT_SEGMENT_WIDTH) - 1)) << HT_BUCKET_WIDTH)
 *         for the head, and each line behind it by HT_BUCKET_NEXT, till that is 0:
 *             one of its HT_SLOTS slots has the tag: the entry is HT_SLOT_CLUSTER of the slot +
 *                 (((va >> HT_PAGE_SHIFT_<size>) & ((1 << HT_CLUSTER_WIDTH) - 1)) << HT_ENTRY_WIDTH)
 *             0: not mapped by a page of this size; else found; its other half is at the index ^ 1
 *
 * All are addresses in the direct map but root; ht and page_kernel are symbols.
 *
 * OTHER CPUS. Where there is one CPU that is all: at every instant what is mapped
 * is found so, whatever code was interrupted ("Never absent" in bucket.c). With
 * more, what was found is good if HT_BUCKET_CHANGES of the head was even before
 * the first slot was read, and is the same after the entry was; and what is read
 * from a line behind the head is followed only if it is the same still. Otherwise
 * another CPU changes the chain: look again. But if HT_LOCK_HELD is this CPU's
 * number + 1, the change is that of the code that was interrupted: then what the
 * chain says is right, and waiting would be for ever. What is not found may have
 * moved meanwhile: it is looked up by page_entry_find (mm/page_miss.h) before a
 * fault is reported.
 */

#ifndef MM_HT_LAYOUT_H
#define MM_HT_LAYOUT_H

#define HT_WORD __SIZEOF_POINTER__

/* Where a root leads. The space is shifted as it is in tags. */
#define HT_ROOT_SPACE 0
#define HT_ROOT_SIZES HT_WORD /* 32 bits: bit n = there are pages of level n */

/* The kernel's space has this number, never 0: so no tag is 0. */
#define HT_SPACE_KERNEL 1

/* struct ht */
#define HT_BUCKETS 0
#define HT_MASK HT_WORD
#define HT_DIRECTORY (2 * HT_WORD)
#define HT_LOCK_HELD 64 /* 32 bits: the number of the CPU that holds the lock, and one more */

/* A bucket, or an overflow line. */
#define HT_BUCKET_WIDTH 6
#define HT_BUCKET_CHANGES 0
#define HT_BUCKET_NEXT HT_WORD
#define HT_BUCKET_SLOT (2 * HT_WORD) /* the first one */
#define HT_SLOTS 3

#define HT_SLOT_SIZE (2 * HT_WORD)
#define HT_SLOT_TAG 0
#define HT_SLOT_CLUSTER HT_WORD

/* A tag. */
#if HT_WORD == 8
#define HT_SPACE_SHIFT 40
#else
#define HT_SPACE_SHIFT 20
#endif
#define HT_SIZE_SHIFT (HT_SPACE_SHIFT - 2)

/* The hash of a tag. */
#define HT_HASH_MULTIPLIER 0x9e3779b97f4a7c15
#define HT_HASH_GOOD 24

#ifndef __ASSEMBLER__

#include <arch/mm.h>

/* 0 for sizes that there are not. */
#define HT_LAYOUT_SHIFT(size) ((size) < PTL_LEVELS ? PTL_SHIFT((size) < PTL_LEVELS ? PTL_LEVELS - 1 - (size) : 0) : 0)

/*
 * number(name, value) for each that depends on the page format: HT_LAYOUT(DEFINE) in the machine's offsets.c puts them
 * into <offsets.h>, where DEFINE(name, value) is the macro that writes one.
 */
#define HT_LAYOUT(number)                                                     \
	number(HT_LEVELS, PTL_LEVELS);                                            \
	number(HT_ENTRY_SIZE, sizeof(pte_t));                                     \
	number(HT_ENTRY_WIDTH, sizeof(pte_t) == 8 ? 3 : 2);                       \
	number(HT_CLUSTER_WIDTH, HT_BUCKET_WIDTH - (sizeof(pte_t) == 8 ? 3 : 2)); \
	number(HT_SEGMENT_WIDTH, PAGE_WIDTH - HT_BUCKET_WIDTH);                   \
	number(HT_PAGE_SHIFT_0, HT_LAYOUT_SHIFT(0));                              \
	number(HT_PAGE_SHIFT_1, HT_LAYOUT_SHIFT(1));                              \
	number(HT_PAGE_SHIFT_2, HT_LAYOUT_SHIFT(2));                              \
	number(HT_PAGE_SHIFT_3, HT_LAYOUT_SHIFT(3))

#endif

#endif
