/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The five inline functions of mm/port.h on the host, where a thread is a CPU.
 * Interrupts are a flag of the thread; what would interrupt it, a call from
 * another CPU, is left with it and taken when they come on (arch/host/cpu.c).
 */

#ifndef PORT_INLINE_H
#define PORT_INLINE_H

#include <mm/types.h>

/* The running thread's own part of its CPU. */
struct host_local {
	uintptr_t interrupts_off; /* 0 or 1 */
	unsigned cpu;             /* on whose behalf it runs: its own CPU, or one that has no thread running */
	uint32_t *pending;        /* calls wait to be taken */
};

extern _Thread_local struct host_local host_local;

/** Takes the calls that other CPUs have left with this one. */
void host_cpu_answer(void);

/** The slow half of port_relax: lets the thread run that is waited for. */
void host_cpu_relax(void);

static inline port_irq_t port_irq_save(void)
{
	port_irq_t state = host_local.interrupts_off;

	host_local.interrupts_off = 1;
	__asm__ volatile("" : : : "memory");
	return state;
}

static inline void port_irq_restore(port_irq_t state)
{
	__asm__ volatile("" : : : "memory");
	host_local.interrupts_off = state;
	if (state == 0 && unlikely(__atomic_load_n(host_local.pending, __ATOMIC_RELAXED) != 0))
		host_cpu_answer();
}

static inline bool port_irq_were_on(port_irq_t state)
{
	return state == 0;
}

static inline unsigned port_cpu(void)
{
	return host_local.cpu;
}

static inline void port_relax(void)
{
	host_cpu_relax();
}

#endif
