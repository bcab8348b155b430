/* SPDX-License-Identifier: BSD-2-Clause */

/* How drivers reach the registers of devices: the I/O ports of a PC. */

#ifndef ARCH_IO_H
#define ARCH_IO_H

#include <x86/io.h>

#endif
