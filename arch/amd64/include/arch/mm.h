/* SPDX-License-Identifier: BSD-2-Clause */

/* amd64 for the memory core: the page format, and where things lie. */

#ifndef ARCH_MM_H
#define ARCH_MM_H

#include <arch/layout.h>
#include <arch/page_format.h>

#define CACHE_LINE 64

/* The ISA DMA controllers drive 24 address lines. */
#define ARCH_DMA_LIMIT 0x1000000u
#ifndef RAM_LAST
/* What the identity window does not reach is not used. */
#define RAM_LAST (IDENTITY_PHYS + (phys_t) (IDENTITY_SIZE - 1))
#endif

#include <x86/mm.h>

#endif
