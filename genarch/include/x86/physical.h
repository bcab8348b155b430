/* SPDX-License-Identifier: BSD-2-Clause */

/* Reading physical memory anywhere, when the kernel has its own mappings. */

#ifndef X86_PHYSICAL_H
#define X86_PHYSICAL_H

#include <kernel/boot_reader.h>

/** Maps what is read, for as long as that takes. After km_init; only reads. */
extern const struct boot_reader physical_reader;

#endif
