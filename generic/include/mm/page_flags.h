/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a mapping allows. Apart from mm/page.h so that <arch/mm.h>, which
 * encodes these flags into its page format, can include it.
 */

#ifndef MM_PAGE_FLAGS_H
#define MM_PAGE_FLAGS_H

typedef unsigned page_flags_t;

#define PAGE_READ 0x01u /* always given: a page that is mapped can be read */
#define PAGE_WRITE 0x02u
#define PAGE_EXEC 0x04u     /* a machine that cannot forbid it reports it always */
#define PAGE_USER 0x08u     /* user mode may use it too */
#define PAGE_GLOBAL 0x10u   /* the same in every address space */
#define PAGE_UNCACHED 0x20u /* not cached; not for RAM that the direct map has (mm/page_caches.h) */
#define PAGE_DEVICE \
	0x60u                    /* registers of a device: uncached, and neither reordered nor joined nor guessed. A
								machine that has nothing of its own for that reports it as PAGE_UNCACHED */
#define PAGE_NO_LARGE 0x100u /* to page_mapping_insert: base pages only; not kept */

#endif
