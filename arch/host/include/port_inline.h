/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The five inline functions of mm/port.h on the host, where a thread is a CPU.
 * Interrupts are a flag of the thread; what would interrupt it, a call from
 * another CPU, is left with it and taken when they come on (arch/host/cpu.c).
 *
 * PREEMPTION. A thread keeps its CPU, so nothing comes between two steps of a
 * per-CPU path unless a test asks for it: in debug builds `preempt` is called
 * wherever an interrupt could switch threads for the last time before interrupts
 * go off, and for the first time after they came on. What it does there, other
 * threads of this CPU do.
 */

#ifndef PORT_INLINE_H
#define PORT_INLINE_H

#include <mm/types.h>

/* The running thread's own part of its CPU. */
struct host_local {
	uintptr_t interrupts_off; /* 0 or 1 */
	unsigned cpu;             /* on whose behalf it runs: its own CPU, or one that has no thread running */
	uint32_t *pending;        /* calls wait to be taken */
	void (*preempt)(void);    /* debug builds: called where the thread could be preempted; NULL = it is not */
	unsigned unseen;          /* debug builds: HOST_... of arch/host/seen.c: what nobody may rely on yet */
};

extern _Thread_local struct host_local host_local;

/** Takes the calls that other CPUs have left with this one. */
void host_cpu_answer(void);

/** Panics: this thread goes on, and what it has changed is not seen by all yet. */
void host_unseen(void) __attribute__((noreturn));

/** The slow half of port_relax: lets the thread run that is waited for. */
void host_cpu_relax(void);

/* Interrupts are on, and go off next, or just came on. */
static inline void host_cpu_preemptible(void)
{
	if (CONFIG_DEBUG && unlikely(host_local.preempt != NULL))
		host_local.preempt();
}

static inline port_irq_t port_irq_save(void)
{
	port_irq_t state = host_local.interrupts_off;

	if (state == 0)
		host_cpu_preemptible();

	host_local.interrupts_off = 1;
	__asm__ volatile("" : : : "memory");
	return state;
}

static inline void port_irq_restore(port_irq_t state)
{
	__asm__ volatile("" : : : "memory");
	host_local.interrupts_off = state;
	if (state != 0)
		return;
	if (CONFIG_DEBUG && unlikely(host_local.unseen != 0))
		host_unseen();
	if (unlikely(__atomic_load_n(host_local.pending, __ATOMIC_RELAXED) != 0))
		host_cpu_answer();
	host_cpu_preemptible();
}

static inline bool port_irq_were_on(port_irq_t state)
{
	return state == 0;
}

static inline unsigned port_cpu(void)
{
	return CONFIG_MAX_CPUS == 1 ? 0 : host_local.cpu;
}

static inline void port_relax(void)
{
	host_cpu_relax();
}

#endif
