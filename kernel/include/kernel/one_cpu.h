/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What <arch/cpu.h> has of per-CPU data on a machine with one CPU: it includes
 * this, and the machine writes none of it. MAX_CPUS_DEFAULT is 1 there. Nor does it
 * write the functions for other CPUs: kernel/cpus.c has them then.
 */

#ifndef KERNEL_ONE_CPU_H
#define KERNEL_ONE_CPU_H

#include <config.h>
#include <mm/types.h>

_Static_assert(CONFIG_MAX_CPUS == 1, "this machine has one CPU");

struct thread;

struct cpu {
	struct thread *thread; /* that runs; NULL before the first */
	unsigned number;
};

/* In kernel/cpus.c. */
extern struct cpu cpu_only;

static inline struct cpu *cpu_current(void)
{
	return &cpu_only;
}

static inline unsigned cpu_number(void)
{
	return 0;
}

static inline struct thread *thread_current(void)
{
	return cpu_only.thread;
}

#endif
