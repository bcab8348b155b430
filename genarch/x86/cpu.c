/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * A CPU's tables.
 *
 * Every CPU has its own struct cpu, with its GDT and TSS inside: the TSS must be
 * its own (stacks), so the GDT that points to it must be too. All GDTs have one
 * layout (x86/selectors.h), so selectors mean the same everywhere, and all CPUs
 * share one IDT: what a gate needs of a CPU, its stacks, it finds in the TSS.
 *
 *     IDT, shared            struct cpu of CPU n
 *    +----------+           +------------------------------+
 *    | gate 0   |           | self, thread, number  <- %gs |
 *    | ...      |           | tss: sp0, ist[] -------------+--> stacks
 *    | gate 255 |           | gdt: ..., TSS -> tss         |
 *    +----------+           | machine: stacks              |
 *                           +------------------------------+
 *
 * What the two machines do differently are the code segment's bits, the format
 * of a gate, and how %gs gets its base: machine_* of arch/<machine>/machine.c.
 *
 * cpu_start runs once on each CPU, with interrupts off, before anything that
 * uses %gs. The IDT is written by the first.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>

#define DATA_SEGMENT 0x00cf93000000ffffull
#define SEGMENT_USER (3ull << 45)

struct cpu cpus[CONFIG_MAX_CPUS];

static struct idt_gate idt[VECTORS] __attribute__((aligned(64)));

/* What LGDT and LIDT take. */
struct table_register {
	uint16_t last;
	uintptr_t base;
} __attribute__((packed));

/* INT3 and INTO are for whoever debugs a program, and the system call for everybody. */
static bool user_may_enter(unsigned vector)
{
	return vector == VECTOR_BREAKPOINT || vector == VECTOR_OVERFLOW || vector == VECTOR_SYSTEM_CALL;
}

static void idt_fill(void)
{
	for (unsigned vector = 0; vector < VECTORS; vector++)
		idt[vector] = machine_gate(vector, (uintptr_t) trap_entries + vector * TRAP_ENTRY_SIZE, user_may_enter(vector));
}

static void gdt_load(struct cpu *cpu)
{
	struct table_register gdtr = { .last = sizeof(cpu->gdt) - 1, .base = (uintptr_t) cpu->gdt };

	__asm__ volatile("lgdt %0" : : "m"(gdtr) : "memory");
}

static void idt_load(void)
{
	struct table_register idtr = { .last = sizeof(idt) - 1, .base = (uintptr_t) idt };

	__asm__ volatile("lidt %0" : : "m"(idtr) : "memory");
}

void cpu_start(unsigned number)
{
	struct cpu *cpu = &cpus[number];

	cpu->self = cpu;
	cpu->number = number;
	cpu->gdt[GDT_KERNEL_CODE] = CODE_SEGMENT;
	cpu->gdt[GDT_KERNEL_DATA] = DATA_SEGMENT;
	cpu->gdt[GDT_USER_DATA] = DATA_SEGMENT | SEGMENT_USER;
	cpu->gdt[GDT_USER_CODE] = CODE_SEGMENT | SEGMENT_USER;
	cpu->tss.io_map = sizeof(cpu->tss); /* beyond the limit: no ports for user mode */
	machine_cpu_fill(cpu);
	if (number == 0)
		idt_fill();
	gdt_load(cpu);
	idt_load();
	machine_cpu_load(cpu);
	__asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR) : "memory");
}

uint64_t segment_descriptor(uintptr_t base, size_t bytes, uint64_t kind)
{
	uint64_t address = base & 0xffffffff, last = bytes - 1;

	return kind | (last & 0xffff) | (address & 0xffffff) << 16 | (last >> 16 & 0xf) << 48 | address >> 24 << 56;
}
