/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The five inline functions of mm/port.h, on a machine: each is one or a few
 * instructions of <arch/cpu.h>. What they promise is told in mm/port.h.
 */

#ifndef PORT_INLINE_H
#define PORT_INLINE_H

#include <arch/cpu.h>

static inline port_irq_t port_irq_save(void)
{
	return interrupts_disable();
}

static inline void port_irq_restore(port_irq_t state)
{
	interrupts_restore(state);
}

static inline bool port_irq_were_on(port_irq_t state)
{
	return interrupts_were_on(state);
}

static inline unsigned port_cpu(void)
{
	return cpu_number();
}

static inline void port_relax(void)
{
	cpu_relax();
}

#endif
