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
 *
 * CONTROL REGISTERS. They have one value, on all CPUs, whatever the loader or
 * the firmware left: CR0_KERNEL, and in CR4 what the machine's paging needs,
 * global pages, and what the CPU has to keep the kernel and the user apart
 * (SMEP, SMAP, UMIP). All CPUs must have the same of these.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <mm/assert.h>
#include <mm/page.h>
#include <x86/control.h>
#include <x86/cpuid.h>

#define DATA_SEGMENT 0x00cf93000000ffffull
#define SEGMENT_USER (3ull << 45)

struct cpu cpus[CONFIG_MAX_CPUS];

bool cpu_has_smap;

static uintptr_t cr4_kernel; /* what the first CPU chose */

static struct idt_gate idt[VECTORS] __attribute__((aligned(64)));

/* What LGDT and LIDT take. */
struct table_register {
	uint16_t last;
	uintptr_t base;
} __attribute__((packed));

/* User mode may execute INT3 and INTO, for debuggers, and the system call. */
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

/* What the running CPU has to keep the kernel and the user apart, as bits of CR4. */
static uintptr_t protections(void)
{
	struct cpuid features = cpuid(CPUID_MORE_FEATURES);

	return ((features.ebx & CPUID_MORE_FEATURES_EBX_SMEP) != 0 ? CR4_SMEP : 0) |
		((features.ebx & CPUID_MORE_FEATURES_EBX_SMAP) != 0 ? CR4_SMAP : 0) |
		((features.ecx & CPUID_MORE_FEATURES_ECX_UMIP) != 0 ? CR4_UMIP : 0);
}

/* Bits of a physical address if the CPU does not say (SDM vol. 3A, 4.1.4: with PAE or PSE-36). */
#define PHYSICAL_BITS 36

/* No mapping may lead beyond what the CPU can address: such an entry faults, whatever the handler does. */
static void physical_last_set(void)
{
	unsigned bits = cpuid(CPUID_SIZES).eax & CPUID_SIZES_EAX_PHYSICAL;
	uint64_t last = ((uint64_t) 1 << (bits != 0 ? bits : PHYSICAL_BITS)) - 1;

	page_physical_last = last < PHYS_LAST ? (phys_t) last : PHYS_LAST;
}

static void control_set(unsigned number)
{
	uintptr_t cr4 = machine_cr4 | CR4_PGE | protections();

	if (number == 0) {
		cr4_kernel = cr4;
		cpu_has_smap = (cr4 & CR4_SMAP) != 0;
	}
	cr0_write(CR0_KERNEL);
	cr4_write(cr4 & cr4_kernel);
	mm_assert(cr4 == cr4_kernel, "CPU %u has CR4 0x%lx, the first one 0x%lx: they must be alike", number,
		(unsigned long) cr4, (unsigned long) cr4_kernel);
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
	if (number == 0) {
		idt_fill();
		physical_last_set();
	}
	gdt_load(cpu);
	idt_load();
	machine_cpu_load(cpu);
	__asm__ volatile("ltr %w0" : : "r"(TSS_SELECTOR) : "memory");
	control_set(number);
}

uint64_t segment_descriptor(uintptr_t base, size_t bytes, uint64_t kind)
{
	uint64_t address = base & 0xffffffff, last = bytes - 1;

	return kind | (last & 0xffff) | (address & 0xffffff) << 16 | (last >> 16 & 0xf) << 48 | address >> 24 << 56;
}
