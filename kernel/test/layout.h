/* SPDX-License-Identifier: BSD-2-Clause */

#ifndef TEST_LAYOUT_H
#define TEST_LAYOUT_H

#include <mm/page.h>

/**
 * Looks an address up as a miss handler in assembly does: by the numbers of mm/pt_layout.h or mm/ht_layout.h alone,
 * and whatever a change under way says. Interrupts are off.
 *
 * @return the entry that maps it, 0 if none does
 */
pte_t layout_find(const struct page_table *table, uintptr_t va, unsigned *level);

#endif
