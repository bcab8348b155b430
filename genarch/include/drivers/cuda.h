/* SPDX-License-Identifier: BSD-2-Clause */

/* The controller of power, clock and keyboard of a Power Macintosh, behind a VIA 6522: of it, the power. */

#ifndef DRIVERS_CUDA_H
#define DRIVERS_CUDA_H

#include <arch/io.h>

/**
 * Turns the machine off. Any context.
 *
 * @param base  of the VIA's registers, which are 0x200 apart
 * @param wait  waits 10 ms
 * @return      if the machine stays on
 */
void cuda_power_off(io_t base, void (*wait)(void));

#endif
