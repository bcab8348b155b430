/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What every design's page_init maps. How it is chosen is told in
 * generic/kernel_map.c.
 */

#ifndef MM_KERNEL_MAP_H
#define MM_KERNEL_MAP_H

#include <mm/page.h>

/*
 * A mapping of the machine's own, at a fixed place: the console's registers, the interrupt controller's, a page of
 * vectors. KERNEL_FIXED of <arch/mm.h> is the list of them. The boot code maps there what it needs itself; page_init
 * maps all of it, so what is reached there stays within reach, and from page_init on nothing need be allocated for it.
 */
struct fixed_mapping {
	uintptr_t va;       /* in the kernel part, neither in the identity window nor in that of km_map */
	phys_t pa;          /* both are multiples of PAGE_SIZE */
	size_t pages;       /* base pages; 0 = this one is left out */
	page_flags_t flags; /* PAGE_GLOBAL is added */
};

#ifndef KERNEL_FIXED
#define KERNEL_FIXED \
	{                \
		0, 0, 0, 0   \
	}
#endif

/** The last physical address that the boot code has mapped in the identity window. */
phys_t kernel_map_boot_last(void);

/**
 * Maps the identity window and the image, with their rights, and KERNEL_FIXED in page_kernel, where nothing is mapped
 * yet.
 * @retval ENOMEM          no frames for the tables
 * @retval EEXIST, EINVAL  of KERNEL_FIXED: two of it or the image overlap; what page_mapping_insert does not accept
 */
MUST_USE errno_t kernel_map(void);

#endif
