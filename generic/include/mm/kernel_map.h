/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What every design's page_init maps. How it is chosen is told in
 * generic/kernel_map.c.
 */

#ifndef MM_KERNEL_MAP_H
#define MM_KERNEL_MAP_H

#include <mm/page.h>

/** The last physical address that the boot code has mapped in the identity window. */
phys_t kernel_map_boot_last(void);

/**
 * Maps the identity window and the image, with their rights, in page_kernel, where nothing is mapped yet.
 * @retval ENOMEM  no frames for the tables
 */
MUST_USE errno_t kernel_map(void);

#endif
