/* SPDX-License-Identifier: BSD-2-Clause */

/* The other CPUs. How they are called is told in kernel/cpus.c; how they share the threads, in kernel/scheduler.c. */

#ifndef KERNEL_CPUS_H
#define KERNEL_CPUS_H

#include <mm/types.h>

/** Starts the other CPUs. What keeps one from it is told; the kernel goes on with the others. @return EOK */
MUST_USE errno_t cpus_init(void);

#endif
