/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Interrupt lines and their handlers. A line has one handler, set once; a
 * handler is never removed, so irq_dispatch reads the table without a lock: it
 * is stored last with release and read first with acquire, so whoever finds a
 * handler finds its argument and name. irq_lock keeps two that register apart.
 * Interrupts are counted per CPU. The handler runs after the controller has
 * been told, with interrupts off.
 */

#include <kernel/scheduler.h>
#include <kernel/trap.h>
#include <kernel/trap_internal.h>

struct irq {
	void (*handler)(void *argument); /* NULL = none; set last */
	void *argument;
	const char *name;
	uint64_t counts[CONFIG_MAX_CPUS]; /* of each CPU, written by it */
};

static struct spinlock irq_lock = SPINLOCK_INIT;
static struct irq irqs[IRQ_COUNT];
static uint64_t unclaimed[CONFIG_MAX_CPUS];

errno_t irq_register(unsigned irq, const char *name, void (*handler)(void *argument), void *argument)
{
	if (irq >= IRQ_COUNT)
		return ERANGE;

	port_irq_t state = spinlock_lock(&irq_lock);
	bool taken = irqs[irq].handler != NULL;

	if (!taken) {
		irqs[irq].argument = argument;
		irqs[irq].name = name;
		__atomic_store_n(&irqs[irq].handler, handler, __ATOMIC_RELEASE);
		arch_irq_unmask(irq);
	}
	spinlock_unlock(&irq_lock, state);
	return taken ? EBUSY : EOK;
}

/* @return NULL if there is none */
static void (*handler_of(unsigned irq))(void *argument)
{
	return irq < IRQ_COUNT ? __atomic_load_n(&irqs[irq].handler, __ATOMIC_ACQUIRE) : NULL;
}

void irq_dispatch(unsigned irq)
{
	bool real = arch_irq_acknowledge(irq);
	void (*handler)(void *argument) = handler_of(irq);

	run_queue_current()->interrupts++;
	if (!real || handler == NULL) {
		unclaimed[cpu_number()]++;
		return;
	}
	irqs[irq].counts[cpu_number()]++;
	handler(irqs[irq].argument);
}

/* Counts are read while their CPUs write them: on a machine of 32 bits one may be seen half-way to the next 2^32. */
static uint64_t sum(const uint64_t counts[CONFIG_MAX_CPUS])
{
	uint64_t total = 0;

	for (size_t i = 0; i < CONFIG_MAX_CPUS; i++)
		total += counts[i];
	return total;
}

bool irq_get_info(unsigned irq, const char **name, uint64_t *count)
{
	if (handler_of(irq) == NULL)
		return false;

	*name = irqs[irq].name;
	*count = sum(irqs[irq].counts);
	return true;
}

uint64_t irq_unclaimed(void)
{
	return sum(unclaimed);
}
