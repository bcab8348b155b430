/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Temporary mappings: a frame without a permanent address is seen for a moment,
 * by the CPU that maps it. How it works is told in generic/km_local.c.
 *
 *     char *page = km_local_map(frame);
 *
 *     ... reads and writes page[0] to page[PAGE_SIZE - 1], and does not sleep ...
 *     km_local_unmap(page);
 *
 * A frame in the identity window is seen there, and costs nothing but the
 * question. Where all RAM lies in the window, that is known when this is
 * compiled, and nothing is left of it.
 */

#ifndef MM_KM_LOCAL_H
#define MM_KM_LOCAL_H

#include <arch/mm.h>
#include <mm/frame_contents.h>
#include <mm/types.h>

/* Whether there may be RAM that the identity window does not reach. */
#define KM_LOCAL_NEEDED (RAM_LAST - IDENTITY_PHYS >= IDENTITY_SIZE)

/* Temporary mappings that a CPU may have at a time. */
#define KM_LOCAL_DEPTH 4

/** Whether a physical address has a permanent virtual one. */
static inline bool has_permanent_address(phys_t pa)
{
	return !KM_LOCAL_NEEDED || pa - IDENTITY_PHYS < IDENTITY_SIZE;
}

/* The halves of the two below that are for frames without a permanent address. */
void *km_local_map_high(phys_t pa);
void km_local_unmap_high(const void *address);

/**
 * Makes a frame of memory visible, to be read and written. From here to km_local_unmap the caller must not sleep, and
 * nothing that it calls may; if the frame has no permanent address, interrupts are off that long. The last one mapped
 * is unmapped first. Never fails, takes no memory and no lock. Any context; after km_init, but for frames that have a
 * permanent address.
 *
 * @param pa  an address in the frame: the one that comes back has the same offset in its page
 */
static inline void *km_local_map(phys_t pa)
{
	return likely(has_permanent_address(pa)) ? (void *) PA2KA(pa) : km_local_map_high(pa);
}

/** Undoes a km_local_map. @param address  any in the page that it gave */
static inline void km_local_unmap(const void *address)
{
	if (KM_LOCAL_NEEDED && unlikely((uintptr_t) address - IDENTITY_VIRT >= IDENTITY_SIZE))
		km_local_unmap_high(address);
}

/** Fills a frame with zeros, wherever it is. Any context. */
static inline void km_local_clear(phys_t frame)
{
	void *page = km_local_map(frame);

	frame_clear(page);
	km_local_unmap(page);
}

/** Copies a frame, wherever the two are. Any context. */
static inline void km_local_copy(phys_t to, phys_t from)
{
	const void *source = km_local_map(from);
	void *target = km_local_map(to);

	frame_copy(target, source);
	km_local_unmap(target);
	km_local_unmap(source);
}

struct km_local_info {
	uintptr_t start; /* of the slots of all CPUs, each with its guard page; 0 = this machine has none */
	size_t pages;    /* guards included */
	size_t made;     /* temporary mappings since boot, of frames without a permanent address */
	size_t deepest;  /* most that one CPU had at a time */
	size_t held;     /* now, by all CPUs */
};

void km_local_get_info(struct km_local_info *info);

/** Sets up the slots of all CPUs. Told by km_init. @retval ENOMEM */
MUST_USE errno_t km_local_init(void);

/** @return number of invariants broken; every breach is logged */
size_t km_local_check(void);

#endif
