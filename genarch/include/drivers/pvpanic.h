/* SPDX-License-Identifier: BSD-2-Clause */

/* QEMU's device pvpanic-pci: tells the emulator that the kernel has panicked. */

#ifndef DRIVERS_PVPANIC_H
#define DRIVERS_PVPANIC_H

#include <arch/io.h>

/* Of its PCI configuration: vendor, and device above it. */
#define PVPANIC_PCI_ID 0x00111b36u

/** Reports a panic; with `-action panic=exit-failure` the emulator ends with status 1. @param at  its register */
void pvpanic_report(io_t at);

#endif
