/* SPDX-License-Identifier: BSD-2-Clause */

/* ARM's Generic Timer: the virtual timer of each CPU (ARM DDI 0406C, B8.1.5). */

#ifndef DRIVERS_ARM_TIMER_H
#define DRIVERS_ARM_TIMER_H

#include <mm/types.h>

/** Starts the running CPU's, so many interrupts a second. @return false if the counter's frequency is not known */
MUST_USE bool arm_timer_start(unsigned hz);

/** The interrupt has come: the next one comes when it is due. The handler's. */
void arm_timer_next(void);

#endif
