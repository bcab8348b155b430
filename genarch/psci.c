/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * PSCI (ARM DEN 0022, 5.1): a function's number in r0, arguments behind it, the result
 * in r0. Until the device tree has said how the firmware is called nothing is.
 */

#include <drivers/psci.h>

#define CPU_OFF 0x84000002u
#define CPU_ON 0x84000003u
#define SYSTEM_OFF 0x84000008u
#define NOT_SUPPORTED (-1)

static enum { UNKNOWN, BY_HVC, BY_SMC } way;

void psci_init(bool smc)
{
	way = smc ? BY_SMC : BY_HVC;
}

static int32_t call(uint32_t function, uint32_t one, uint32_t two, uint32_t three)
{
	register uint32_t r0 __asm__("r0") = function;
	register uint32_t r1 __asm__("r1") = one;
	register uint32_t r2 __asm__("r2") = two;
	register uint32_t r3 __asm__("r3") = three;

	if (way == BY_HVC)
		__asm__ volatile(".arch_extension virt\n\thvc #0" : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3) : : "memory");
	else if (way == BY_SMC)
		__asm__ volatile(".arch_extension sec\n\tsmc #0" : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3) : : "memory");
	else
		return NOT_SUPPORTED;
	return (int32_t) r0;
}

int32_t psci_cpu_on(uint32_t affinity, uint32_t entry)
{
	return call(CPU_ON, affinity, entry, 0);
}

void psci_cpu_off(void)
{
	(void) call(CPU_OFF, 0, 0, 0);
}

void psci_system_off(void)
{
	(void) call(SYSTEM_OFF, 0, 0, 0);
}
