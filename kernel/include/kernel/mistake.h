/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Mistakes made on purpose, one a boot, in debug builds: what stops the kernel,
 * or happens before there is a prompt, cannot be a case of `test`. The word
 * mistake=NAME on the boot command line asks for one; `make mistakes` boots once
 * for each and reads what the kernel says (tools/mistakes).
 */

#ifndef KERNEL_MISTAKE_H
#define KERNEL_MISTAKE_H

#include <mm/types.h>

#if CONFIG_DEBUG

/** Whether this mistake is asked for. Any context. */
bool mistake_asked(const char *name);

/** Makes the mistake that is asked for, if it belongs before this step of kernel_main; "the console": in a thread. */
void mistake_before(const char *step);

#else

static inline bool mistake_asked(const char *name)
{
	(void) name;
	return false;
}

static inline void mistake_before(const char *step)
{
	(void) step;
}

#endif

#endif
