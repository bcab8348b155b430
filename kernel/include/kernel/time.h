/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Time since boot. It is counted in ticks of the machine's timer, of which
 * there are arch_timer_hz a second; a time-out is never over early, and at most
 * two ticks late on a machine that is not overloaded. All functions work in any
 * context.
 */

#ifndef KERNEL_TIME_H
#define KERNEL_TIME_H

#include <mm/types.h>

/** Ticks since the timer was started. */
uint64_t time_ticks(void);

/** Milliseconds since the timer was started. */
uint64_t time_ms(void);

/** The tick at which so many milliseconds from now are surely over. */
uint64_t time_deadline(unsigned milliseconds);

#endif
