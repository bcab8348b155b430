/* SPDX-License-Identifier: BSD-2-Clause */

/* QEMU's device isa-debug-exit: ends the emulator, with a status. */

#ifndef DRIVERS_ISA_DEBUG_EXIT_H
#define DRIVERS_ISA_DEBUG_EXIT_H

/** Ends the emulator; its exit status is 2 * (16 + status) + 1, never 0. Returns if there is no such device. */
void isa_debug_exit(unsigned status);

#endif
