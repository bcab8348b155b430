/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * `check`: every structure's own invariants, one after the other. Each walk
 * takes the lock of what it walks; none allocates.
 */

#include <mm/as.h>
#include <mm/check.h>
#include <mm/frame.h>
#include <mm/km.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <mm/vmem.h>

size_t mm_check(void)
{
	return frame_check() + slab_check() + page_check() + vmem_check() + km_check() + as_check();
}
