/* SPDX-License-Identifier: BSD-2-Clause */

/* What the rest of the machine needs of arch/arm32/smp.c. */

#ifndef ARCH_SMP_H
#define ARCH_SMP_H

#include <drivers/gic.h>

struct fdt;

extern const struct gic arm_gic;

/** Notes which CPUs the device tree names, and how the firmware is called. */
void cpus_note(const struct fdt *fdt);

/** The handler of CALL_LINE. */
void call_interrupt(void *unused);

#endif
