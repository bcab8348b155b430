/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Touching an address that may fault, and surviving it.
 *
 * A probe turns interrupts off, notes in probe_landing[this CPU] where to go on
 * (__builtin_setjmp: frame pointer, stack pointer and place), and touches the
 * address. So whatever trap this CPU takes until the note is gone is the
 * probe's: trap_dispatch calls probe_caught, which makes the trap return to
 * land(), and that jumps to the noted place. The trap returns as every other
 * does, so the machine's own state of being in a trap is undone as always.
 *
 * Any context, no locks. COST. A few dozen instructions if nothing faults.
 */

#include <kernel/machine.h>
#include <kernel/trap.h>
#include <kernel/trap_internal.h>
#include <mm/port.h>

struct landing {
	void *registers[SETJMP_WORDS];
	enum trap_kind kind; /* of the trap that led here */
};

static struct landing *volatile probe_landing[CONFIG_MAX_CPUS];

static void __attribute__((noreturn)) land(void)
{
	struct landing *landing = probe_landing[cpu_number()];

	__builtin_longjmp(landing->registers, 1);
}

bool probe_caught(struct trap_frame *frame, enum trap_kind kind)
{
	struct landing *landing = probe_landing[cpu_number()];

	if (landing == NULL)
		return false;
	landing->kind = kind;
	trap_set_pc(frame, CODE_ADDRESS(land));
	return true;
}

/* Does something at an address under a landing. @return false if that trapped, *kind then says how (NULL: to nobody) */
static bool __attribute__((noinline))
probe_as(void (*touch)(uintptr_t va, void *argument), uintptr_t va, void *argument, enum trap_kind *kind)
{
	struct landing landing;
	port_irq_t state = port_irq_save();
	/* volatile: __builtin_setjmp keeps no registers. */
	struct landing *volatile before = probe_landing[cpu_number()];
	volatile port_irq_t state_kept = state;
	volatile bool survived = false;
	enum trap_kind *volatile kind_kept = kind;

	user_access_begin();
	if (__builtin_setjmp(landing.registers) == 0) {
		probe_landing[cpu_number()] = &landing;
		touch(va, argument);
		survived = true;
	}
	user_access_end();
	if (!survived && kind_kept != NULL)
		*kind_kept = landing.kind;
	probe_landing[cpu_number()] = before;
	port_irq_restore(state_kept);
	return survived;
}

static bool probe(void (*touch)(uintptr_t va, void *argument), uintptr_t va, void *argument)
{
	return probe_as(touch, va, argument, NULL);
}

static void touch_read(uintptr_t va, void *argument)
{
	(void) argument;
	(void) *(volatile unsigned char *) va;
}

static void touch_write(uintptr_t va, void *argument)
{
	volatile unsigned char *byte = (volatile unsigned char *) va;

	(void) argument;
	*byte = *byte;
}

static void touch_load(uintptr_t va, void *argument)
{
	*(uintptr_t *) argument = *(volatile uintptr_t *) va;
}

static void touch_execute(uintptr_t va, void *argument)
{
	(void) argument;
	CODE_CALL(va);
}

bool probe_read(uintptr_t va)
{
	return probe(touch_read, va, NULL);
}

bool probe_read_kind(uintptr_t va, enum trap_kind *kind)
{
	return probe_as(touch_read, va, NULL, kind);
}

bool probe_write(uintptr_t va)
{
	return probe(touch_write, va, NULL);
}

bool probe_load(uintptr_t va, uintptr_t *value)
{
	return probe(touch_load, va, value);
}

bool probe_execute(uintptr_t va)
{
	return probe(touch_execute, va, NULL);
}
