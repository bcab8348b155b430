/* SPDX-License-Identifier: BSD-2-Clause */

/* The CPU as the kernel sees it. There is one. */

#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <arch/cp0.h>
#include <kernel/one_cpu.h>
#include <mm/types.h>

/* The CPU never forbids the kernel the user's pages. */
static inline void user_access_begin(void)
{
}

static inline void user_access_end(void)
{
}

/** @return Status as it was */
static inline uintptr_t interrupts_disable(void)
{
	uintptr_t status;

	__asm__ volatile("di %0; ehb" : "=r"(status) : : "memory");
	return status;
}

static inline void interrupts_enable(void)
{
	__asm__ volatile("ei; ehb" : : : "memory");
}

/* All of Status but IE is the same whenever the kernel runs, from arch_init on. */
static inline void interrupts_restore(uintptr_t status)
{
	__asm__ volatile("mtc0 %0, " CP0_NAME(CP0_STATUS) "; ehb" : : "r"(status) : "memory");
}

static inline bool interrupts_were_on(uintptr_t status)
{
	return (status & STATUS_IE) != 0;
}

static inline bool interrupts_are_on(void)
{
	return interrupts_were_on(CP0_READ(CP0_STATUS));
}

static inline void cpu_relax(void)
{
	__asm__ volatile("" : : : "memory");
}

static inline void cpu_wait(void)
{
	__asm__ volatile("wait" : : : "memory");
}
#define cpu_wait cpu_wait

/* In trap.S. An interrupt that comes between the two ends the wait (trap_describe). */
void cpu_idle(void);

/* A wait may end at any ns, between two instructions: after such a one some of them are counted as 2, others as 0. */
#define CYCLES_STEP 2

/* Of cp0's Count, which has 32 bits, with those that it has not. */
uint64_t cycles(void);

#endif
