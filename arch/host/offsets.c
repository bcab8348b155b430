/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The layouts of page tables in numbers, as a machine has them written whose
 * miss handler is in assembly. The host has none; a case looks at what comes of it.
 */

#include <mm/ht_layout.h>
#include <mm/pt_layout.h>

#define DEFINE(name, value) __asm__ volatile("\n->" #name " %c0" : : "i"(value))

void offsets(void);

void offsets(void)
{
	PT_LAYOUT(DEFINE);
	HT_LAYOUT(DEFINE);
}
