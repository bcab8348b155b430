/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The machine as a whole: which devices there are, where, and how the kernel's
 * wishes (kernel/machine.h) become theirs.
 *
 *   line 37  the serial port, channel A of the ESCC  -> console_input
 *   line 63  the decrementer (no source of the OpenPIC is wired to that) -> timer_tick
 *
 * The other lines are sources of the OpenPIC.
 */

#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/kernel.h>
#include <arch/machine.h>
#include <arch/mm.h>
#include <drivers/cuda.h>
#include <drivers/escc.h>
#include <drivers/openpic.h>
#include <drivers/pvpanic.h>
#include <kernel/console.h>
#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/panic.h>
#include <kernel/trap.h>
#include <mm/assert.h>

#define CONSOLE_LINE 37

/* In the mac-io chip. */
#define ESCC_A (MACIO_VIRT + 0x13020)
#define CUDA (MACIO_VIRT + 0x16000)
#define OPENPIC (MACIO_VIRT + 0x40000)

const unsigned arch_timer_hz = 100;

struct cpu cpus[1];
uint32_t timebase_hz = TIMEBASE_HZ_DEFAULT;

static const struct escc console_port = { .control = ESCC_A, .data = ESCC_A + 0x10 };

/* ---- time ---- */

static uint64_t next_tick; /* of the time base */

/* The decrementer interrupts when it falls below 0 (PEM, 2.3.14), and again only when it is set anew. */
static void decrementer_set(void)
{
	uint64_t now = time_base(), step = timebase_hz / arch_timer_hz;

	next_tick += step;
	if (next_tick <= now || next_tick - now > step)
		next_tick = now + step;
	SPR_WRITE(SPR_DEC, (uint32_t) (next_tick - now));
}

static void timer_interrupt(void *unused)
{
	(void) unused;
	decrementer_set();
	timer_tick();
}

static void wait_10_ms(void)
{
	uint64_t end = time_base() + timebase_hz / 100;

	while (time_base() < end)
		cpu_relax();
}

/* ---- interrupts ---- */

static void console_interrupt(void *port)
{
	escc_receive(port, console_input);
}

static void device_register(unsigned line, const char *name, void (*handler)(void *), const void *device)
{
	errno_t error = irq_register(line, name, handler, (void *) (uintptr_t) device);

	mm_assert(error == EOK, "no handler for line %u (%s): error %d", line, name, error);
}

void arch_init(void)
{
	openpic_init(OPENPIC);
	decrementer_set();
	device_register(TIMER_LINE, "decrementer", timer_interrupt, NULL);
	device_register(CONSOLE_LINE, "escc", console_interrupt, &console_port);
	escc_receive_start(&console_port);
	escc_receive(&console_port, console_input); /* what came before */
}

unsigned interrupt_line(void)
{
	unsigned source = openpic_acknowledge();

	return source < TIMER_LINE ? source : SPURIOUS_LINE;
}

bool arch_irq_acknowledge(unsigned irq)
{
	return irq != SPURIOUS_LINE; /* trap_describe has asked the controller, which has put its own in service */
}

void arch_irq_done(unsigned irq)
{
	if (irq != TIMER_LINE)
		openpic_end();
}

void arch_irq_unmask(unsigned irq)
{
	mm_assert(irq <= TIMER_LINE, "there is no interrupt line %u", irq);
	if (irq != TIMER_LINE)
		openpic_unmask(irq);
}

/* ---- the console, and the end ---- */

void arch_console_write(char character)
{
	escc_write(&console_port, (uint8_t) character);
}

void arch_halt(unsigned status)
{
	(void) interrupts_disable();
	escc_flush(&console_port);
	if (status != HALT_OK && pvpanic_pages != 0)
		pvpanic_report(pvpanic_register());
	if (status == HALT_OK)
		cuda_power_off(CUDA, wait_10_ms);
	for (const char *text = "The machine is halted.\r\n"; *text != 0; text++)
		arch_console_write(*text);
	for (;;)
		cpu_relax();
}

/* ---- one CPU ---- */

void arch_cpus_start(void)
{
}

/* ---- threads ---- */

void context_begin(void);

/* As context_switch saves them. */
struct saved_registers {
	uint32_t back_chain, link_register;
	uint32_t registers[19]; /* r13 to r31 */
	uint32_t cr, unused[2];
	uint32_t last_chain, return_address; /* the frame of the caller: the last */
};

void context_init(struct context *context, uintptr_t stack, size_t size, void (*entry)(void *argument), void *argument)
{
	struct saved_registers *saved = (struct saved_registers *) (ALIGN_DOWN(stack + size, 16) - 16 - 96);

	memset(saved, 0, sizeof(*saved) + 8);
	saved->back_chain = (uintptr_t) &saved->last_chain;
	saved->registers[31 - 13] = (uintptr_t) entry;
	saved->registers[30 - 13] = (uintptr_t) argument;
	saved->return_address = (uintptr_t) context_begin;
	context->stack_pointer = (uintptr_t) saved;
}

void arch_stack_set(uintptr_t stack, size_t size)
{
	cpus[0].stack_limit = stack + THREAD_STACK_LIMIT;
	cpus[0].stack_frame = (uint32_t) KA2PA(ALIGN_DOWN(stack + size, 16) - sizeof(struct trap_frame));
}
