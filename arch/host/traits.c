/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What tests choose of the host, as the usual machine has it.
 */

#include <arch/host.h>

struct host_traits host_traits = { .tlb_range_max = 32 };
