/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What amd64 does otherwise than ia32: the format of gates, interrupt stacks,
 * %gs by a model-specific register, pages of 1 GiB, the first stack of a thread.
 *
 * INTERRUPT STACKS. A trap that cannot push its frame, a kernel stack overflow
 * into an unmapped page above all, becomes a double fault, which has a stack of
 * its own (SDM vol. 3A, 6.14.5). So have those that may come at any instruction:
 * the stack in use then may be the user's.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/machine.h>
#include <x86/cpuid.h>

#define GATE_INTERRUPT 0x8e00
#define GATE_USER 0x6000
#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

/* 4 KiB and 2 MiB; large_pages_find adds 1 GiB. */
unsigned ptl_leaf_levels = 1u << 3 | 1u << 2;

void context_begin(void);

#define REGISTER(name, member)                       \
	{                                                \
		name, 0, offsetof(struct trap_frame, member) \
	}

const struct trap_register trap_registers[] = {
	REGISTER("rax", ax),
	REGISTER("rbx", bx),
	REGISTER("rcx", cx),
	REGISTER("rdx", dx),
	REGISTER("rsi", si),
	REGISTER("rdi", di),
	REGISTER("rbp", bp),
	REGISTER("r8", r8),
	REGISTER("r9", r9),
	REGISTER("r10", r10),
	REGISTER("r11", r11),
	REGISTER("r12", r12),
	REGISTER("r13", r13),
	REGISTER("r14", r14),
	REGISTER("r15", r15),
};
const uintptr_t machine_cr4 = CR4_PAE;

const size_t trap_register_count = ARRAY_COUNT(trap_registers);

/* The interrupt stack a vector comes on; 0 = the stack in use, or the thread's. */
static unsigned stack_of(unsigned vector)
{
	switch (vector) {
	case VECTOR_DOUBLE_FAULT:
		return IST_DOUBLE_FAULT;
	case VECTOR_DEBUG:
	case VECTOR_NMI:
	case VECTOR_MACHINE_CHECK:
		return IST_ANYWHERE;
	default:
		return 0;
	}
}

struct idt_gate machine_gate(unsigned vector, uintptr_t entry, bool user)
{
	return (struct idt_gate){
		.offset_low = (uint16_t) entry,
		.selector = KERNEL_CODE_SELECTOR,
		.type = (uint16_t) (GATE_INTERRUPT | (user ? GATE_USER : 0) | stack_of(vector)),
		.offset_middle = (uint16_t) (entry >> 16),
		.offset_high = (uint32_t) (entry >> 32),
	};
}

static void large_pages_find(void)
{
	if ((cpuid(CPUID_EXTENDED).edx & CPUID_EXTENDED_EDX_1_GIB) != 0)
		ptl_leaf_levels |= 1u << 1;
}

void machine_cpu_fill(struct cpu *cpu)
{
	uintptr_t tss = (uintptr_t) &cpu->tss;

	large_pages_find();
	for (unsigned i = 0; i < IST_STACKS; i++)
		cpu->tss.ist[i] = (uintptr_t) cpu->machine.ist_stacks[i] + IST_STACK; /* number i + 1 */
	cpu->gdt[GDT_TSS] = segment_descriptor(tss, sizeof(cpu->tss), SEGMENT_TSS);
	cpu->gdt[GDT_TSS + 1] = tss >> 32;
}

void machine_root_set(phys_t root)
{
	(void) root; /* no trap loads CR3 */
}

static void msr_write(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t) value), "d"((uint32_t) (value >> 32)) : "memory");
}

/* Nothing depends on the data segments, and every trap out of user mode leaves them empty (trap.S): so they begin. */
void machine_cpu_load(struct cpu *cpu)
{
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(0) : "memory");
	msr_write(MSR_GS_BASE, (uintptr_t) cpu);
	msr_write(MSR_KERNEL_GS_BASE, 0); /* the user's, till it has one */
}

static uint64_t msr_read(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
	return (uint64_t) high << 32 | low;
}

void machine_state_read(uintptr_t *words)
{
	words[0] = msr_read(MSR_FS_BASE);
	words[1] = msr_read(MSR_GS_BASE);
	words[2] = msr_read(MSR_KERNEL_GS_BASE);
}

void arch_stack_set(uintptr_t stack, size_t size)
{
	CPU_HERE->tss.sp0 = stack + size;
}

void user_frame_init(struct trap_frame *frame, uintptr_t pc, uintptr_t stack_pointer)
{
	*frame = (struct trap_frame){
		.ip = pc, .cs = USER_CODE_SELECTOR, .flags = FLAGS_USER, .sp = stack_pointer, .ss = USER_DATA_SELECTOR
	};
}

/* What context_switch pops, and where it returns to; the last two are a stack frame, as backtraces want it. */
struct saved_registers {
	uintptr_t r15, r14, r13, r12, bx, bp, return_address;
};

void context_init(struct context *context, uintptr_t stack, size_t size, void (*entry)(void *argument), void *argument)
{
	struct saved_registers *saved = (struct saved_registers *) ALIGN_DOWN(stack + size, 16) - 1;

	*saved = (struct saved_registers){
		.bx = (uintptr_t) entry,
		.r12 = (uintptr_t) argument,
		.bp = 0,
		.return_address = (uintptr_t) context_begin,
	};
	context->stack_pointer = (uintptr_t) saved;
}

uintptr_t machine_context_frame(const struct context *context)
{
	return (uintptr_t) & ((const struct saved_registers *) context->stack_pointer)->bp;
}
