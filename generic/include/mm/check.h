/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * All invariants of the memory core, held to at once.
 */

#ifndef MM_CHECK_H
#define MM_CHECK_H

#include <mm/types.h>

/**
 * Walks every structure of the core and holds it to its invariants; every breach is logged with its name and values.
 * Called with interrupts on, best when nothing else allocates.
 *
 * @return number of breaches
 */
size_t mm_check(void);

#endif
