/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The PC as a whole: which devices there are, where, and how the kernel's
 * wishes (kernel/machine.h, kernel/trap.h) become theirs.
 *
 *   line 0   interval timer, arch_timer_hz times a second -> timer_tick, and the same on the other CPUs by line 17
 *   line 4   serial port COM1, a byte has come in         -> console_input
 *   line 16  another CPU calls                            -> cpu_called (genarch/x86/smp.c)
 *
 * Order at boot: x86_start sets up tables and the console's output, so that all
 * that follows can be reported; the kernel's arch_init then starts what interrupts.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <drivers/i8254.h>
#include <drivers/i8259.h>
#include <drivers/isa_debug_exit.h>
#include <drivers/ns16550.h>
#include <kernel/console.h>
#include <kernel/machine.h>
#include <kernel/trap.h>
#include <mm/assert.h>
#include <x86/boot.h>
#include <x86/lapic.h>
#include <x86/smp.h>

#define TIMER_LINE 0
#define CONSOLE_LINE 4

const unsigned arch_timer_hz = 100;

static const struct ns16550 console_port = { .base = 0x3f8, .divisor = 1 /* 115,200 baud */ };

static void timer_interrupt(void *unused)
{
	(void) unused;
	cpus_tick();
	timer_tick();
}

static const struct console_device console = {
	.line = CONSOLE_LINE, .name = "ns16550", .read = ns16550_read, .port = &console_port
};

void arch_init(void)
{
	i8259_init(VECTOR_IRQ);
	i8254_start(arch_timer_hz);
	irq_register_device(TIMER_LINE, "i8254", timer_interrupt, NULL);
	console_device_register(&console);
	ns16550_receive_start(&console_port);
}

bool arch_irq_acknowledge(unsigned irq)
{
	if (irq < I8259_LINES)
		return i8259_acknowledge(irq);
	return irq != SPURIOUS_LINE; /* the LAPIC has put its own in service as it sent them */
}

void arch_irq_done(unsigned irq)
{
	if (irq < I8259_LINES)
		i8259_end(irq);
	else
		lapic_end();
}

void arch_irq_unmask(unsigned irq)
{
	mm_assert(irq < IRQ_LINES, "there is no interrupt line %u", irq);
	if (irq < I8259_LINES) /* the LAPIC's are open */
		i8259_unmask(irq);
}

void arch_console_write(char character)
{
	ns16550_write(&console_port, (uint8_t) character);
}

void arch_halt(unsigned status)
{
	ns16550_flush(&console_port);
	isa_debug_exit(status);
}

void x86_start(uint32_t magic, uint32_t info)
{
	cpu_start(0);
	ns16550_init(&console_port);
	kernel_main(boot_collect(magic, info), (uintptr_t) boot_stack, (size_t) (boot_stack_end - boot_stack));
}
