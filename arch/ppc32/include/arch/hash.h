/* SPDX-License-Identifier: BSD-2-Clause */

/* The hash table (arch/ppc32/hash.c), for the rest of the machine and its cases. */

#ifndef ARCH_HASH_H
#define ARCH_HASH_H

#include <mm/memmap.h>
#include <mm/types.h>

/** Bytes of the table for so much RAM. @param wanted  KiB that were asked for; 0 = as is right */
size_t hash_size(uint64_t ram, size_t wanted);

/**
 * Uses a table at a physical address, aligned to its size, with room for what belongs to each entry behind it, half as
 * much. @return what SDR1 is to be
 */
uint32_t hash_place(phys_t at, size_t size);

/** Stops the boot if text that may not miss lies at or above an address: up to there it is executed by BATs. */
void hash_text_check(uintptr_t end);

/** Before the CPU goes to user mode: pages that only the kernel may read leave the table. Interrupts are off. */
void hash_user_begins(void);

/** Loads the segments of the kernel part. */
void hash_segments_load(void);

struct hash_info {
	size_t entries, in_use;
	size_t fills, evictions; /* since boot */
};

void hash_get_info(struct hash_info *info);

/** Whether the table has an entry for va under an identifier, 0 for the kernel part; *word receives its word 1. */
bool hash_find(unsigned asid, uintptr_t va, uint32_t *word);

#endif
