/* SPDX-License-Identifier: BSD-2-Clause */

/* As mips32.c, with base pages of 16 KiB. */

#define CONFIG_PAGE_WIDTH 14
#define PAGE_WIDTH CONFIG_PAGE_WIDTH
#define FORMAT_MACHINE "mips32 with 16 KiB"

#include "mips32.c"
