/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a machine's offsets.c writes for its files in assembly.
 */

#include <mm/ht_layout.h>
#include <offsets.h>
#include <mm/pt_layout.h>
#include <test.h>

#define COMPARE(number, value) CHECK_EQ(number, value)

TEST(offsets_layouts, "the layouts of page tables are in offsets.h, number by number", .host_only = "it writes all")
{
	PT_LAYOUT(COMPARE);
	HT_LAYOUT(COMPARE);
}
