/* SPDX-License-Identifier: BSD-2-Clause */

/* ARM's Power State Coordination Interface (ARM DEN 0022): calls of the firmware. */

#ifndef DRIVERS_PSCI_H
#define DRIVERS_PSCI_H

#include <mm/types.h>

/** How the firmware is called, from here on. @param smc  by SMC; otherwise by HVC */
void psci_init(bool smc);

/** Starts a CPU by its affinity, at a physical address, MMU off. @return 0, or an error of PSCI, below 0 */
MUST_USE int32_t psci_cpu_on(uint32_t affinity, uint32_t entry);

/** Turns the running CPU off. Returns if that cannot be. */
void psci_cpu_off(void);

/** Turns the machine off. Returns if that cannot be. */
void psci_system_off(void);

#endif
