/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A Malta as a whole: which devices there are, where, and how the kernel's wishes
 * (kernel/machine.h, kernel/trap.h) become theirs.
 *
 *   line 4    serial port, a byte has come in                      -> console_input
 *   line 16   the CPU's own timer (Count has reached Compare),
 *             arch_timer_hz times a second                         -> timer_tick
 *
 * The lines of the i8259 come to the CPU by its interrupt 2, the timer by 7; all others
 * are off.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <arch/saved.h>
#include <drivers/i8259.h>
#include <drivers/ns16550.h>
#include <kernel/boot.h>
#include <kernel/console.h>
#include <kernel/machine.h>
#include <kernel/panic.h>
#include <kernel/print.h>
#include <kernel/trap.h>
#include <mm/assert.h>

#include "lines.h"

#include "../../boot/yamon/yamon.h"

/*
 * Count rises with every second cycle of the CPU, which has 320 MHz (QEMU 7.2, hw/mips/malta.c); but QEMU takes that
 * for a whole number of ns, 6.
 */
#define COUNT_HZ 166666667u

/* UHI, MD01069: the operation "exit", and the SDBBP code by which it is asked for. */
#define UHI_EXIT 1

/* Exit status of the emulator: beyond those that it has of its own. */
#define STATUS_BASE 16

const unsigned arch_timer_hz = 100;

static const struct ns16550 console_port = { .base = CONSOLE_PORT, .divisor = 1 /* 115,200 baud */ };

/* Of the stack of the thread that runs: where a trap out of user mode begins, and what a trap in the kernel needs. */
uintptr_t stack_end, stack_limit;

void context_begin(void);
void mips_start(uint32_t argc, uint32_t argv, uint32_t environment, uint32_t memory) __attribute__((noreturn));

/* ---- time ---- */

/*
 * Instructions, if the emulator counts them as 8 ns each (ICOUNT_SHIFT): a tick of Count is 6 of those. Count is
 * that, rounded down, so the next tick, rounded down, is exact.
 */
uint64_t cycles(void)
{
	static uint32_t before, high;
	uintptr_t irq = interrupts_disable();
	uint32_t now = CP0_READ(CP0_COUNT);
	uint64_t count;

	high += now < before;
	before = now;
	count = (uint64_t) high << 32 | now;
	interrupts_restore(irq);
	return (count * 3 + 3) >> 2;
}

/* When the timer interrupts next. A tick that was missed is left out. */
static uint32_t timer_next;

static void timer_set(void)
{
	uint32_t period = COUNT_HZ / arch_timer_hz;

	timer_next += period;
	if (timer_next - CP0_READ(CP0_COUNT) - 1 >= period)
		timer_next = CP0_READ(CP0_COUNT) + period;
	CP0_WRITE(CP0_COMPARE, timer_next);
}

static void timer_interrupt(void *unused)
{
	(void) unused;
	timer_set();
	(void) cycles(); /* so that no turn of Count is missed */
	timer_tick();
}

/* ---- devices ---- */

static const struct console_device console = {
	.line = LINE_CONSOLE, .name = "ns16550", .read = ns16550_read, .port = &console_port
};

void arch_init(void)
{
	i8259_init(0);
	timer_set();
	CP0_WRITE(CP0_STATUS, CP0_READ(CP0_STATUS) | STATUS_IM_DEVICES | STATUS_IM_TIMER);
	irq_register_device(LINE_TIMER, "count", timer_interrupt, NULL);
	console_device_register(&console);
	ns16550_receive_start(&console_port);
}

bool arch_irq_acknowledge(unsigned irq)
{
	if (irq < I8259_LINES)
		return i8259_acknowledge(irq);
	return irq != LINE_SPURIOUS;
}

void arch_irq_done(unsigned irq)
{
	if (irq < I8259_LINES)
		i8259_end(irq);
}

void arch_irq_unmask(unsigned irq)
{
	mm_assert(irq < LINES, "there is no interrupt line %u", irq);
	if (irq < I8259_LINES) /* the timer's is open */
		i8259_unmask(irq);
}

void arch_console_write(char character)
{
	ns16550_write(&console_port, (uint8_t) character);
}

/* Without semihosting SDBBP goes to the firmware's debug exception. */
static void emulator_exit(unsigned status)
{
	register unsigned operation __asm__("$25") = UHI_EXIT;
	register unsigned argument __asm__("$4") = STATUS_BASE + status;

	__asm__ volatile("sdbbp 1" : : "r"(operation), "r"(argument) : "memory");
}

void arch_halt(unsigned status)
{
	ns16550_flush(&console_port);
	emulator_exit(status);
}

/* ---- threads ---- */

void context_init(struct context *context, uintptr_t stack, size_t size, void (*entry)(void *argument), void *argument)
{
	/* A called function stores its arguments above its stack pointer. */
	struct saved_registers *saved = (struct saved_registers *) (stack + size - 16) - 1;

	*saved = (struct saved_registers){ .s = { (uintptr_t) entry, (uintptr_t) argument },
		.return_address = (uintptr_t) context_begin };
	context->stack_pointer = (uintptr_t) saved;
}

void arch_stack_set(uintptr_t stack, size_t size)
{
	stack_end = stack + size;
	stack_limit = stack + THREAD_STACK_LIMIT;
}

/* ---- boot ---- */

static void __attribute__((noreturn)) refuse(const char *why)
{
	kprintf("Cannot start: %s.\n", why);
	halt(HALT_BOOT);
}

/* From entry.S, with what YAMON hands over. */
void mips_start(uint32_t argc, uint32_t argv, uint32_t environment, uint32_t memory)
{
	const struct boot_info *info;
	const char *why;

	(void) argc; /* QEMU does not always say it */
	ns16550_init(&console_port);
	why = caches_init();
	traps_init();
	if (why == NULL)
		why = yamon_collect(argv, environment, memory, &info);
	if (why != NULL)
		refuse(why);
	kernel_main(info, (uintptr_t) boot_stack, (size_t) (boot_stack_end - boot_stack));
}
