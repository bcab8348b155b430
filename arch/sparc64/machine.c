/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A sun4u machine as QEMU has it: which devices there are, where, and how the kernel's wishes (kernel/machine.h,
 * kernel/trap.h) become theirs. Lines are the interrupt numbers (INO) of the host bridge (UltraSPARC-IIi User's Manual,
 * 805-0087, 11 "Interrupt Handling", table 11-2):
 *
 *   line 43  serial port, a byte has come in                  -> console_input
 *   line 63  the CPU's own timer (%tick has reached the compare register), which is no INO of a device
 *                                                             -> timer_tick
 *
 * Only lines of devices on the board (32 to 47) are used.
 */

#include <arch/cpu.h>
#include <arch/io.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <drivers/ns16550.h>
#include <drivers/pvpanic.h>
#include <kernel/boot.h>
#include <kernel/console.h>
#include <kernel/lib.h>
#include <kernel/machine.h>
#include <kernel/panic.h>
#include <kernel/print.h>
#include <kernel/trap.h>
#include <mm/assert.h>

#include "lines.h"

#include "../../boot/fw_cfg/fw_cfg.h"

/* QEMU 7.2, hw/sparc64/sun4u.c: 100 MHz, whatever the CPU's clock. */
#define TICK_HZ 100000000u

/* Physical: the host bridge, its spaces, and what EBus has (QEMU 7.2, hw/sparc64/sun4u.c, hw/pci-host/sabre.c). */
#define BRIDGE 0x1fe00000000
#define BRIDGE_IMAP(line) (BRIDGE + 0x1000 + 8 * ((line) &15) + 4) /* the low word of Interrupt Mapping */
#define BRIDGE_ICLR(line) (BRIDGE + 0x1800 + 8 * ((line) &15) + 4) /* and of Clear Interrupt */
#define IMAP_VALID 0x80000000u
#define ICLR_IDLE 0u
#define PCI_CONFIG 0x1fe01000000
#define PCI_PORTS 0x1fe02000000
#define PCI_MEMORY 0x1ff00000000
#define CONSOLE (PCI_PORTS + 0x3f8)
#define FW_CFG (PCI_PORTS + 0x510)
#define POWER (PCI_PORTS + 0x7240)
#define POWER_OFF 0x01000000u

#define BOARD_FIRST 32
#define BOARD_LAST 47

const unsigned arch_timer_hz = 100;

static const struct ns16550 console_port = { .base = CONSOLE, .divisor = 1 /* 115,200 baud */ };

/* Where the frame of a trap out of user mode lies, on the stack of the thread that runs (entry.S). */
uintptr_t stack_frame;

void context_begin(void);
void sparc_start(void) __attribute__((noreturn));

/* ---- time ---- */

/* When the timer interrupts next. A tick that was missed is left out. */
static uint64_t timer_next;

static void timer_set(void)
{
	uint64_t now = tick_read(), step = TICK_HZ / arch_timer_hz;

	timer_next += step;
	if (timer_next <= now || timer_next - now > step)
		timer_next = now + step;
	__asm__ volatile("wr %0, 0, %%asr23" : : "r"(timer_next) : "memory");
}

static void timer_interrupt(void *unused)
{
	(void) unused;
	timer_set();
	timer_tick();
}

/* ---- interrupts ---- */

static const struct console_device console = {
	.line = LINE_CONSOLE, .name = "ns16550", .read = ns16550_read, .port = &console_port
};

void arch_init(void)
{
	timer_set();
	irq_register_device(LINE_TIMER, "tick", timer_interrupt, NULL);
	console_device_register(&console);
	ns16550_receive_start(&console_port);
}

bool arch_irq_acknowledge(unsigned irq)
{
	return irq != LINE_SPURIOUS; /* trap_describe has taken it from the CPU */
}

/* The device is quiet by now, so the line may interrupt again (UM, 11.7.2). */
void arch_irq_done(unsigned irq)
{
	if (irq >= BOARD_FIRST && irq <= BOARD_LAST)
		io_write32(BRIDGE_ICLR(irq), ICLR_IDLE);
}

void arch_irq_unmask(unsigned irq)
{
	mm_assert(irq == LINE_TIMER || (irq >= BOARD_FIRST && irq <= BOARD_LAST), "there is no interrupt line %u", irq);
	if (irq == LINE_TIMER)
		return;
	io_write32(BRIDGE_ICLR(irq), ICLR_IDLE);
	io_write32(BRIDGE_IMAP(irq), IMAP_VALID);
}

/* ---- the console, and the end ---- */

void arch_console_write(char character)
{
	ns16550_write(&console_port, (uint8_t) character);
}

/* The emulator's device for panics; on the second bus, as a rule. */
#define PCI_BUSES 4
#define PCI_DEVICES 32
#define PCI_COMMAND 0x04
#define PCI_COMMAND_MEMORY 0x02
#define PCI_BAR0 0x10

static void panic_report(void)
{
	static bool has_begun;

	if (has_begun)
		return; /* what is done here has failed */
	has_begun = true;
	for (unsigned number = 0; number < PCI_BUSES * PCI_DEVICES; number++) {
		io_t config = PCI_CONFIG + ((io_t) number << 11);
		uint32_t at;

		if (io_read32_le(config) != PVPANIC_PCI_ID)
			continue;
		/* OpenBIOS takes bits of the address for flags, as they are for registers of 16 bytes or more: it has two. */
		at = io_read32_le(config + PCI_BAR0) & ~0xfu;
		io_write32_le(config + PCI_BAR0, at);
		io_write16_le(config + PCI_COMMAND, (uint16_t) (io_read16_le(config + PCI_COMMAND) | PCI_COMMAND_MEMORY));
		if (at != 0)
			pvpanic_report(PCI_MEMORY + at);
	}
}

void arch_halt(unsigned status)
{
	ns16550_flush(&console_port);
	if (status != HALT_OK)
		panic_report();
	else
		io_write32(POWER, POWER_OFF);
}

/* ---- threads ---- */

void context_init(struct context *context, uintptr_t stack, size_t size, void (*entry)(void *argument), void *argument)
{
	uintptr_t top = ALIGN_DOWN(stack + size, 16) - STACK_LEAST;
	struct window *window = (struct window *) top;

	memset(window, 0, STACK_LEAST);
	window->local[0] = (uintptr_t) entry;
	window->local[1] = (uintptr_t) argument;
	context->stack_pointer = top - STACK_BIAS;
	context->pc = (uintptr_t) context_begin - 8; /* a function returns behind the call and its delay slot */
}

void arch_stack_set(uintptr_t stack, size_t size)
{
	stack_frame = ALIGN_DOWN(stack + size - sizeof(struct trap_frame), 16);
}

/* ---- boot ---- */

/* From entry.S: interrupts off, the image mapped as a whole. */
void sparc_start(void)
{
	static const struct fw_cfg configuration = { .selector = FW_CFG, .data = FW_CFG + 1 };
	const struct boot_info *info;
	const char *why;

	ns16550_init(&console_port);
	arch_stack_set((uintptr_t) boot_stack, BOOT_STACK_SIZE);
	why = fw_cfg_collect(&configuration, &info);
	if (why != NULL) {
		kprintf("Cannot start: %s.\n", why);
		halt(HALT_BOOT);
	}
	kernel_main(info, (uintptr_t) boot_stack, BOOT_STACK_SIZE);
}
