/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * All invariants of the memory core, held to at once.
 */

#ifndef MM_CHECK_H
#define MM_CHECK_H

#include <mm/types.h>

/* The invariants of one structure of the core. */
struct mm_check {
	const char *what;      /* the structure, and what is looked at */
	size_t (*check)(void); /* walks it, and logs every breach with its name and values; @return how many */
};

/** All of them, each structure after those it stands on. */
extern const struct mm_check mm_checks[];
extern const size_t mm_check_count;

/**
 * Walks every structure of the core and holds it to its invariants; every breach is logged with its name and values.
 * Called with interrupts on, best when nothing else allocates.
 *
 * @return number of breaches
 */
size_t mm_check(void);

#endif
