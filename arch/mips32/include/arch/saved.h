/* SPDX-License-Identifier: BSD-2-Clause */

/* What context_switch leaves on the stack of a thread that does not run. */

#ifndef ARCH_SAVED_H
#define ARCH_SAVED_H

#include <mm/types.h>

struct saved_registers {
	uintptr_t s[8];
	uintptr_t frame_pointer, return_address;
};

#endif
