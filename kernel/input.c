/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Characters that were typed, on their way from the device's interrupt handler
 * to the console thread: a ring of fixed size. Filled in any context; when it is
 * full, what comes is dropped and counted.
 *
 * LOCK. input_lock protects the ring; it stands above scheduler_lock.
 * INVARIANT. ring-bounds: 0 <= end - start <= INPUT_SIZE.
 */

#include <kernel/console.h>
#include <kernel/synch.h>
#include <kernel/thread.h>
#include <kernel/trap.h>

/* Characters that wait at most: a pasted screen. A power of two. */
#define INPUT_SIZE 2048

static struct mm_spinlock input_lock = SPINLOCK_INIT;
static struct wait_queue readers = WAIT_QUEUE_INIT(readers);
static char ring[INPUT_SIZE];
static size_t start, end; /* of the characters in the ring, counted from boot, modulo INPUT_SIZE */
static size_t dropped;

void console_input(char character)
{
	port_irq_t state = spinlock_lock(&input_lock);

	if (end - start < INPUT_SIZE) {
		ring[end++ % INPUT_SIZE] = character;
		(void) wait_queue_wake_one(&readers);
	} else {
		dropped++;
	}
	spinlock_unlock(&input_lock, state);
}

/* All that has come: some devices raise one interrupt for several bytes. */
static void device_interrupt(void *argument)
{
	const struct console_device *device = argument;
	int byte;

	while ((byte = device->read(device->port)) >= 0)
		console_input((char) byte);
}

void console_device_register(const struct console_device *device)
{
	irq_register_device(device->line, device->name, device_interrupt, device);
	device_interrupt((void *) (uintptr_t) device); /* what came before; a byte that comes now may interrupt */
}

int console_getc(void)
{
	int character;

	thread_check_may_sleep(__func__);

	port_irq_t state = spinlock_lock(&input_lock);

	while (start == end)
		(void) wait_queue_sleep(&readers, &input_lock, state, 0);
	character = (unsigned char) ring[start++ % INPUT_SIZE];
	spinlock_unlock(&input_lock, state);
	return character;
}

size_t console_input_dropped(void)
{
	return __atomic_load_n(&dropped, __ATOMIC_RELAXED);
}
