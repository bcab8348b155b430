/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The virtual timer interrupts when the virtual counter has come to its compare value
 * (B8.1.5), for as long as that is so. The next value is counted from the last one, so ticks
 * do not drift; those that were missed, while the machine was stopped, are left out.
 */

#include <arch/cpu.h>
#include <arch/mm.h>
#include <drivers/arm_timer.h>

#define CONTROL_ON 1

static uint64_t interval;

static uint64_t compare_read(void)
{
	uint64_t value;

	__asm__ volatile("mrrc p15, 3, %Q0, %R0, c14" : "=r"(value));
	return value;
}

static void compare_write(uint64_t value)
{
	__asm__ volatile("mcrr p15, 3, %Q0, %R0, c14\n\tisb" : : "r"(value) : "memory");
}

bool arm_timer_start(unsigned hz)
{
	interval = CP15_READ(14, 0, 0, 0) / hz; /* CNTFRQ; the same on all CPUs */
	if (interval == 0)
		return false;
	compare_write(cycles() + interval);
	CP15_WRITE(14, 0, 3, 1, CONTROL_ON); /* CNTV_CTL */
	BARRIER_ISB();
	return true;
}

void arm_timer_next(void)
{
	uint64_t next = compare_read() + interval, now = cycles();

	compare_write(next > now ? next : now + interval);
}
