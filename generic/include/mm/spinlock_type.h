/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a spinlock of the core is made of, for the structures that have one. Its functions are the core's own
 * (mm/spinlock.h): no header that a kernel has to include defines them, so a kernel may have its own by those names.
 */

#ifndef MM_SPINLOCK_TYPE_H
#define MM_SPINLOCK_TYPE_H

#include <stdint.h>

struct mm_spinlock {
	uint32_t held; /* 0 or 1 + number of the CPU that holds it */
};

#endif
