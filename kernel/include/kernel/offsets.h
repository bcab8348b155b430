/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * For the machines' offsets.c: each makes a line of assembly, `->NAME value`, of which the build makes a #define in
 * <offsets.h>, for the files in assembly.
 */

#ifndef KERNEL_OFFSETS_H
#define KERNEL_OFFSETS_H

#include <mm/types.h>

#define DEFINE(name, value) __asm__ volatile("\n->" #name " %c0" : : "i"(value))
#define OFFSET(name, type, member) DEFINE(name, offsetof(type, member))

void offsets(void);

#endif
