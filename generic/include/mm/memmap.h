/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The memory map: which physical addresses are what. The boot code adds the
 * ranges its firmware or loader tells, in any order; the map sorts them out;
 * the frame allocator builds its zones from what is free.
 *
 * Bounds are held as first and last byte, so that a range may end on the last
 * address there is. Where ranges overlap, the one that forbids more wins:
 * image over device over firmware over reserved over free.
 */

#ifndef MM_MEMMAP_H
#define MM_MEMMAP_H

#include <mm/types.h>

/** In rising order of what wins an overlap. */
enum memmap_type {
	MEMMAP_FREE,     /* RAM for the frame allocator */
	MEMMAP_RESERVED, /* not to be touched */
	MEMMAP_FIRMWARE, /* tables of the firmware: may be read */
	MEMMAP_DEVICE,   /* registers, frame buffers */
	MEMMAP_IMAGE,    /* the kernel, what was loaded with it, and what was carved at boot */
	MEMMAP_TYPES
};

struct memmap_range {
	uint64_t first; /* address of the first byte */
	uint64_t last;  /* address of the last byte */
	enum memmap_type type;
};

struct memmap {
	struct memmap_range *ranges; /* disjoint, sorted by address; neighbours of one type are one range */
	size_t count;
	size_t capacity; /* of the array */
	size_t refused;  /* ranges that memmap_add has refused, each told in the log */
};

/** "free", "reserved", "firmware", "device", "image". */
const char *memmap_type_name(enum memmap_type type);

/** An empty map over the caller's array. */
void memmap_init(struct memmap *map, struct memmap_range *ranges, size_t capacity);

/**
 * Adds bytes [base, base + size). Addresses that firmware gives are 64 bits wide on every machine; what lies beyond
 * phys_t is kept in the map all the same, and is told when the zones are built.
 *
 * What is not free memory is never free because of an error: a range of such that wraps past the last address is cut
 * off there (logged), and if the map is full, its bytes are free in it no longer.
 *
 * @retval EOK
 * @retval EINVAL  size is 0, or free memory wraps past the last address; logged. Nothing changed
 * @retval ENOMEM  the map is full; logged. If free memory was to be added, nothing changed; otherwise what was free of
 *                 the range, and maybe the shorter rest of a free range around it, is not free any more. memmap_move
 *                 gives the map a larger array
 */
MUST_USE errno_t memmap_add(struct memmap *map, uint64_t base, uint64_t size, enum memmap_type type);

/** Moves the map to a larger array, which may be one that memmap_carve has cut from it. */
void memmap_move(struct memmap *map, struct memmap_range *ranges, size_t capacity);

/**
 * Cuts bytes for the kernel's own books out of free memory, before there is a frame allocator: the highest place
 * that is whole frames and ends at or below limit; it becomes MEMMAP_IMAGE.
 *
 * @param size   bytes; rounded up to whole frames
 * @param align  bytes, a power of two, at least PAGE_SIZE
 * @param limit  last address allowed
 * @return the address, or 0 if there is none (the map is unchanged)
 */
MUST_USE phys_t memmap_carve(struct memmap *map, size_t size, size_t align, uint64_t limit);

/** The range that holds this address, or NULL. */
const struct memmap_range *memmap_find(const struct memmap *map, uint64_t address);

/** Bytes of this type. */
uint64_t memmap_total(const struct memmap *map, enum memmap_type type);

/** Holds the map to its invariants. @return NULL, or the name of the first one broken */
const char *memmap_check(const struct memmap *map);

#endif
