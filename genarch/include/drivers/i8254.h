/* SPDX-License-Identifier: BSD-2-Clause */

/* The interval timer of a PC: Intel's 8254. */

#ifndef DRIVERS_I8254_H
#define DRIVERS_I8254_H

/** Starts channel 0: it raises interrupt line 0 so many times a second. @param hz  19 to 10,000 */
void i8254_start(unsigned hz);

#endif
