/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The other CPUs. The device tree says which there are; the firmware starts each one
 * (PSCI, ARM DEN 0022, CPU_ON) at start_other (entry.S), with its MMU off. It goes over to the
 * kernel's root and a stack of its own before it is in C. They are started one after another,
 * so what leads them is in two variables.
 *
 * A CPU whose MMU is off reads memory past the caches: the code and the boot table, which lie in
 * memory as they were loaded or written before the caches were on, but what C has added to the
 * table, and the two variables, is read with the MMU on.
 *
 * CALLS are software-generated interrupts. The distributor's register is device memory, so a
 * DSB goes before it: what was written before is seen by the CPU that is interrupted (A3.8.3).
 *
 * STOP. As a FIQ, which is never masked, where the distributor has groups for us; else as an
 * ordinary interrupt. A CPU that was stopped turns itself off (CPU_OFF).
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/smp.h>
#include <drivers/psci.h>
#include <kernel/machine.h>
#include <kernel/print.h>
#include <kernel/thread.h>
#include <kernel/trap.h>
#include <mm/page.h>

#include "../../boot/fdt/fdt.h"

#define MPIDR_AFFINITY 0xffffffu
#define WAIT_US 2000000u
#define STOP_US 10000u

extern const char start_other[];
extern pte_t boot_table[];

uint32_t other_root;
uintptr_t other_stack;

static uint64_t ids[CONFIG_MAX_CPUS];
static size_t id_count;
static unsigned other_number;
static uint8_t targets[CONFIG_MAX_CPUS]; /* bits of the CPUs, as the distributor has them */
static bool stopping;
static unsigned parked;

static bool psci_visit(const struct fdt_node *node, void *unused)
{
	(void) unused;
	if (node->depth == 1 && fdt_is_called(node, "psci"))
		psci_init(fdt_says(node, "method", "smc"));
	return true;
}

void cpus_note(const struct fdt *fdt)
{
	size_t count = fdt_cpus(fdt, ids, CONFIG_MAX_CPUS);

	id_count = count < CONFIG_MAX_CPUS ? count : CONFIG_MAX_CPUS;
	if (count > CONFIG_MAX_CPUS)
		kprintf("smp: %zu CPUs are more than this image can use: the first %u are\n", count, CONFIG_MAX_CPUS);
	(void) fdt_each(fdt, psci_visit, NULL);
}

/* ---- calls ---- */

void call_interrupt(void *unused)
{
	(void) unused;
	if (CONFIG_MAX_CPUS > 1)
		cpu_called();
}

void arch_cpu_interrupt(unsigned cpu)
{
	BARRIER_DSB(ishst);
	gic_send(&arm_gic, targets[cpu], CALL_LINE);
}

/* ---- stop ---- */

static void wait(unsigned microseconds)
{
	uint64_t end = cycles() + (uint64_t) microseconds * CP15_READ(14, 0, 0, 0) / 1000000;

	while (cycles() < end)
		cpu_relax();
}

void arch_cpus_stop(void)
{
	unsigned others = cpu_count() - 1;

	if (cpu_count() < 2 || __atomic_exchange_n(&stopping, true, __ATOMIC_SEQ_CST))
		return;
	BARRIER_DSB(ishst);
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		if (cpu != cpu_number())
			gic_send(&arm_gic, targets[cpu], STOP_LINE);
	for (unsigned i = 0; i < STOP_US / 10 && __atomic_load_n(&parked, __ATOMIC_ACQUIRE) < others; i++)
		wait(10);
}

void arch_cpu_park(void)
{
	__atomic_fetch_add(&parked, 1, __ATOMIC_RELEASE);
	psci_cpu_off();
	for (;;)
		__asm__ volatile("cpsid if\n\twfi");
}

/* ---- start ---- */

void arm_start_other(void)
{
	unsigned number = other_number;

	cpu_start(number);
	gic_cpu_init(&arm_gic, STOP_LINE);
	targets[number] = gic_cpu_target(&arm_gic);
	gic_unmask(&arm_gic, CALL_LINE);
	timer_start();
	cpu_main(other_stack - THREAD_STACK_SIZE, THREAD_STACK_SIZE);
}

static bool start(uint32_t id)
{
	unsigned number = cpu_count();
	phys_t stack = frame_alloc(THREAD_STACK_SIZE / PAGE_SIZE, FRAME_ATOMIC | FRAME_LOWMEM, 0);
	int32_t error;

	if (stack == 0) {
		kprintf("smp: no memory for the stack of CPU %u\n", number);
		return false;
	}
	other_number = number;
	other_stack = PA2KA(stack) + THREAD_STACK_SIZE;
	__atomic_store_n(&other_root, (uint32_t) page_table_root(&page_kernel) | TTBR_ATTRIBUTES, __ATOMIC_RELEASE);
	BARRIER_DSB(sy);
	error = psci_cpu_on(id, (uint32_t) IMAGE2PA(start_other));
	if (error != 0) {
		kprintf("smp: the firmware does not start CPU %x: error %d\n", id, error);
		frame_free(stack, THREAD_STACK_SIZE / PAGE_SIZE);
		return true;
	}
	for (unsigned i = 0; i < WAIT_US / 10 && cpu_count() == number; i++)
		wait(10);
	if (cpu_count() == number)
		kprintf("smp: CPU %x does not come; it keeps its stack\n", id);
	return cpu_count() > number;
}

void arch_cpus_start(void)
{
	uint32_t here = CP15_READ(0, 0, 0, 5) & MPIDR_AFFINITY;

	targets[0] = gic_cpu_target(&arm_gic);
	if (CONFIG_MAX_CPUS == 1)
		return;
	cache_clean(boot_table, 16384);
	for (size_t i = 0; i < id_count; i++)
		if (ids[i] != here && !start((uint32_t) ids[i]))
			return;
}
