/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Time since boot: a count of the first CPU's timer interrupts. The lock is
 * there for machines that cannot load 64 bits at once; it is the last of all.
 * Time-outs are the scheduler's (kernel/scheduler.c).
 */

#include <kernel/machine.h>
#include <kernel/scheduler.h>
#include <kernel/time.h>
#include <kernel/trap.h>
#include <mm/spinlock.h>

static struct mm_spinlock time_lock = SPINLOCK_INIT;
static uint64_t ticks_since_boot;

uint64_t time_ticks(void)
{
	port_irq_t state = spinlock_lock(&time_lock);
	uint64_t ticks = ticks_since_boot;

	spinlock_unlock(&time_lock, state);
	return ticks;
}

uint64_t time_ms(void)
{
	return time_ticks() * 1000 / arch_timer_hz;
}

uint64_t time_deadline(unsigned milliseconds)
{
	uint64_t ticks = ((uint64_t) milliseconds * arch_timer_hz + 999) / 1000;

	/* Part of the present tick is over already. */
	return time_ticks() + ticks + 1;
}

static void advance(void)
{
	port_irq_t state = spinlock_lock(&time_lock);

	ticks_since_boot++;
	spinlock_unlock(&time_lock, state);
}

void timer_tick(void)
{
	if (cpu_number() == 0)
		advance();
	scheduler_tick();
}
