/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Interrupt lines and their handlers. A line has one handler. irq_dispatch reads
 * the table without a lock: the handler is stored last with release and read
 * first with acquire, so a CPU that finds a handler finds its argument and name.
 * irq_lock keeps callers that register apart. Interrupts are counted per CPU. The
 * handler runs with interrupts off: so a handler that was taken out of the table runs
 * nowhere any more when each CPU has answered a call, and only then the line may have
 * another one.
 *
 * The controller hears of an interrupt twice: when it is taken (arch_irq_acknowledge),
 * and when its handler has returned (arch_irq_done). A line that interrupts by its
 * level would come again at once if it were let through before its handler has made
 * the device quiet.
 */

#include <kernel/scheduler.h>
#include <kernel/trap.h>
#include <kernel/trap_internal.h>
#include <mm/assert.h>
#include <mm/port.h>

struct irq {
	void (*handler)(void *argument); /* NULL = none; set last */
	bool taken;                      /* by irq_lock; till the handler runs nowhere */
	void *argument;
	const char *name;
	uint64_t counts[CONFIG_MAX_CPUS]; /* of each CPU, written by it */
};

static struct mm_spinlock irq_lock = SPINLOCK_INIT;
static struct irq irqs[IRQ_COUNT];
static uint64_t unclaimed[CONFIG_MAX_CPUS];

/* @return NULL if there is none */
static void (*handler_of(unsigned irq))(void *argument)
{
	return irq < IRQ_COUNT ? __atomic_load_n(&irqs[irq].handler, __ATOMIC_ACQUIRE) : NULL;
}

errno_t irq_register(unsigned irq, const char *name, void (*handler)(void *argument), void *argument)
{
	if (irq >= IRQ_COUNT)
		return ERANGE;

	port_irq_t state = spinlock_lock(&irq_lock);
	bool taken = irqs[irq].taken;

	if (!taken) {
		irqs[irq].taken = true;
		irqs[irq].argument = argument;
		irqs[irq].name = name;
		__atomic_store_n(&irqs[irq].handler, handler, __ATOMIC_RELEASE);
		arch_irq_unmask(irq);
	}
	spinlock_unlock(&irq_lock, state);
	return taken ? EBUSY : EOK;
}

void irq_register_device(unsigned irq, const char *name, void (*handler)(void *device), const void *device)
{
	errno_t error = irq_register(irq, name, handler, (void *) (uintptr_t) device);

	mm_assert(error == EOK, "no handler for interrupt line %u (%s): error %d", irq, name, error);
}

static void nothing(void *unused)
{
	(void) unused;
}

void irq_unregister(unsigned irq)
{
	mm_assert(irq < IRQ_COUNT && handler_of(irq) != NULL, "interrupt line %u has no handler", irq);
	__atomic_store_n(&irqs[irq].handler, NULL, __ATOMIC_RELEASE);
	port_cross_call(nothing, NULL);

	port_irq_t state = spinlock_lock(&irq_lock);

	irqs[irq].taken = false;
	spinlock_unlock(&irq_lock, state);
}

void irq_dispatch(unsigned irq)
{
	bool real = arch_irq_acknowledge(irq);
	void (*handler)(void *argument) = handler_of(irq);

	run_queue_current()->interrupts++;
	if (real && handler != NULL) {
		irqs[irq].counts[cpu_number()]++;
		handler(irqs[irq].argument);
	} else {
		unclaimed[cpu_number()]++;
	}
	if (real)
		arch_irq_done(irq);
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
