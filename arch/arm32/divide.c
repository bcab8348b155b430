/* SPDX-License-Identifier: BSD-2-Clause */

/* Where libgcc's division of 64 bits ends if the divisor is 0 (Run-time ABI for the Arm Architecture, 5.3.2). */

#include <kernel/panic.h>

long long __aeabi_ldiv0(long long result);

long long __aeabi_ldiv0(long long result)
{
	(void) result;
	panic("division by 0");
}
