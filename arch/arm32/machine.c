/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The machine as a whole: QEMU's `virt`. Which devices there are, where, and how the
 * kernel's wishes (kernel/machine.h, kernel/trap.h) become theirs.
 *
 *   line 0    another CPU calls                         -> cpu_called (smp.c)
 *   line 27   this CPU's timer, arch_timer_hz a second  -> timer_tick
 *   line 33   the UART, a byte has come in              -> console_input
 *
 * A line is the interrupt controller's number. Order at boot: arm_start sets up the CPU and the
 * console's output, so that all that follows can be reported; then it reads the device tree.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/smp.h>
#include <drivers/arm_timer.h>
#include <drivers/gic.h>
#include <drivers/pl011.h>
#include <drivers/psci.h>
#include <drivers/semihosting.h>
#include <kernel/boot.h>
#include <kernel/console.h>
#include <kernel/machine.h>
#include <kernel/panic.h>
#include <kernel/print.h>
#include <kernel/trap.h>
#include <mm/assert.h>
#include <mm/page_seen.h>

#include "../../boot/fdt/fdt.h"

#define TREE_MAGIC 0xedfe0dd0u /* 0xd00dfeed, big-endian */
#define STATUS_BASE 64         /* exit status of `halt 0`: that of a reset is 0 */
#define SECTION_NORMAL 0x1140eu

extern pte_t boot_table[];

const unsigned arch_timer_hz = 100;

static const struct pl011 console_port = { .base = UART_VIRT };
static const struct console_device console = {
	.line = CONSOLE_LINE, .name = "pl011", .read = pl011_read, .port = &console_port
};
const struct gic arm_gic = { .distributor = GIC_VIRT, .cpu = GIC_VIRT + GIC_CPU_OFFSET };

/* ---- interrupts ---- */

static void timer_interrupt(void *unused)
{
	(void) unused;
	arm_timer_next();
	timer_tick();
}

void timer_start(void)
{
	mm_assert(arm_timer_start(arch_timer_hz), "the firmware has not said how fast the timer counts (CNTFRQ)");
	gic_unmask(&arm_gic, TIMER_LINE);
}

void arch_init(void)
{
	gic_init(&arm_gic);
	gic_cpu_init(&arm_gic, STOP_LINE);
	irq_register_device(CALL_LINE, "call", call_interrupt, NULL);
	irq_register_device(TIMER_LINE, "timer", timer_interrupt, NULL);
	console_device_register(&console);
	timer_start();
	pl011_receive_start(&console_port);
}

bool arch_irq_acknowledge(unsigned irq)
{
	return irq < SPURIOUS_LINE - 3; /* trap_describe has asked for it; the four numbers from 1020 on are none */
}

void arch_irq_done(unsigned irq)
{
	(void) irq;
	gic_end(&arm_gic, cpu_current()->irq_active);
}

void arch_irq_unmask(unsigned irq)
{
	gic_unmask(&arm_gic, irq);
}

/* ---- console and halt ---- */

void arch_console_write(char character)
{
	pl011_write(&console_port, (uint8_t) character);
}

static unsigned halt_status;

static void semihosting_halt(void)
{
	semihosting_exit(STATUS_BASE + halt_status);
}

void arch_halt(unsigned status)
{
	pl011_flush(&console_port);
	/* Where nothing takes the call it is an instruction that is not defined. */
	halt_status = status;
	if (!probe_execute(CODE_ADDRESS(semihosting_halt)))
		psci_system_off();
}

void arch_stack_set(uintptr_t stack, size_t size)
{
	cpu_current()->stack_top = stack + size;
}

/* ---- threads ---- */

void context_begin(void);

/* What context_switch pops. */
struct saved_registers {
	uintptr_t r[8]; /* r4 to r11 */
	uintptr_t ip, lr;
};

void context_init(struct context *context, uintptr_t stack, size_t size, void (*entry)(void *argument), void *argument)
{
	struct saved_registers *saved = (struct saved_registers *) ALIGN_DOWN(stack + size, 8) - 1;

	*saved =
		(struct saved_registers){ .r = { (uintptr_t) entry, (uintptr_t) argument }, .lr = (uintptr_t) context_begin };
	context->stack_pointer = (uintptr_t) saved;
}

/* ---- boot ---- */

/* Maps the RAM that page_init wants before it has its own tables: what is whole sections, up to BOOT_MAPPED. */
static void boot_map_extend(const struct memmap *map)
{
	uintptr_t section = ROOT_STEP_SECTION;

	for (size_t i = 0; i < map->count; i++) {
		const struct memmap_range *range = &map->ranges[i];
		uint64_t at = ALIGN_DOWN(range->first, (uint64_t) section);

		if (range->type != MEMMAP_FREE && range->type != MEMMAP_IMAGE)
			continue;
		for (; at <= range->last && at - IDENTITY_PHYS < BOOT_MAPPED; at += section)
			pte_store(&boot_table[PA2KA(at) / section], (pte_t) at | SECTION_NORMAL);
	}
	pte_publish();
}

void arm_start(uint32_t tree)
{
	const struct boot_info *info;
	struct fdt_place place = { .blob = (const void *) IDENTITY_VIRT,
		.image = IMAGE2PA(image_start),
		.image_bytes = (uint64_t) (image_end - image_start) };
	struct fdt fdt;
	uintptr_t mapped = ALIGN_UP((uintptr_t) image_end, (uintptr_t) ROOT_STEP_SECTION);
	const char *why;

	cpu_start(0);
	pl011_init(&console_port);
	/* By the boot protocol r2 leads to the tree; QEMU sets it for Linux only, and puts the tree where RAM begins. */
	if (tree - IDENTITY_PHYS < mapped - IDENTITY_VIRT && tree % sizeof(uint32_t) == 0 &&
		*(const uint32_t *) PA2KA(tree) == TREE_MAGIC)
		place.blob = (const void *) PA2KA(tree);
	place.readable = mapped - (uintptr_t) place.blob;
	why = fdt_boot_read(&place, &fdt, &info);
	if (why != NULL) {
		kprintf(
			"Cannot start: the device tree at 0x%zx is not used: %s.\n", (size_t) KA2PA((uintptr_t) place.blob), why);
		halt(HALT_BOOT);
	}
	cpus_note(&fdt);
	boot_map_extend(info->map);
	kernel_main(info, (uintptr_t) boot_stack, (size_t) (boot_stack_end - boot_stack));
}

/* ---- the TLB ---- */

void arch_tlb_describe(void)
{
	kprintf("CPU %u: %u identifiers (ASID); operations for all CPUs (TLBIMVAAIS): %s; one root for each part\n",
		cpu_number(), asid_count(), (CP15_READ(0, 0, 1, 7) >> 12 & 0xf) >= 2 ? "yes" : "no");
	kprintf("  TLBTR %08x: %s TLB%s; its size is not reported\n", CP15_READ(0, 0, 0, 3),
		(CP15_READ(0, 0, 0, 3) & 1) != 0 ? "separate" : "one", (CP15_READ(0, 0, 0, 3) & 1) != 0 ? "s" : "");
}
