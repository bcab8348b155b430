/* SPDX-License-Identifier: BSD-2-Clause */

/* ARM's semihosting: calls of the emulator or debugger. */

#ifndef DRIVERS_SEMIHOSTING_H
#define DRIVERS_SEMIHOSTING_H

/** Ends the emulator with this exit status. Where nothing takes the call it is an undefined instruction. */
void semihosting_exit(unsigned status);

#endif
