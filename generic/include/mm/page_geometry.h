/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What follows from the numbers of <arch/mm.h>, which includes this, for all
 * machines: the geometry of tables and pages, and the way from a physical address
 * to the kernel's. Where the tables of a page format are not alike (all but the root
 * have as many entries, PTL_BITS of the last level), <arch/mm.h> defines PTL_SHIFT
 * before.
 */

#ifndef MM_PAGE_GEOMETRY_H
#define MM_PAGE_GEOMETRY_H

/* Lowest bit of an address that chooses an entry of this level; so also the width of a page mapped there. */
#ifndef PTL_SHIFT
#define PTL_SHIFT(level) (PAGE_WIDTH + PTL_BITS(PTL_LEVELS - 1) * (PTL_LEVELS - 1 - (level)))
#endif
#define PTL_ENTRIES(level) ((size_t) 1 << PTL_BITS(level))
#define PTL_INDEX(va, level) ((size_t) ((uintptr_t) (va) >> PTL_SHIFT(level)) & (PTL_ENTRIES(level) - 1))
/* Bytes that one entry of this level covers. */
#define PTL_COVERS(level) ((size_t) 1 << PTL_SHIFT(level))

#define PAGE_SIZE ((size_t) 1 << PAGE_WIDTH)

/* The address in the direct map of a physical address that it has, and the way back. */
#define PA2KA(pa) ((uintptr_t) (pa) - (uintptr_t) IDENTITY_PHYS + (uintptr_t) IDENTITY_VIRT)
#define KA2PA(va) ((phys_t) ((uintptr_t) (va) - (uintptr_t) IDENTITY_VIRT) + (phys_t) IDENTITY_PHYS)

/* Bounds of the image and of its parts, all multiples of PAGE_SIZE; from the linker script. */
extern char image_start[], image_text_end[], image_rodata_end[], image_end[];

/* Physical address of something in the image. */
#define IMAGE2PA(va) ((phys_t) ((uintptr_t) (va) - (uintptr_t) KERNEL_IMAGE_OFFSET))

#endif
