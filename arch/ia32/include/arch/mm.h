/* SPDX-License-Identifier: BSD-2-Clause */

/* ia32 for the memory core: the page format, and where things lie. */

#ifndef ARCH_MM_H
#define ARCH_MM_H

#include <arch/layout.h>
#include <arch/page_format.h>

#define CACHE_LINE 64

/* The ISA DMA controllers drive 24 address lines. */
#define ARCH_DMA_LIMIT 0x1000000u
#ifndef RAM_LAST
#define RAM_LAST PHYS_LAST
#endif

#include <x86/mm.h>

#endif
