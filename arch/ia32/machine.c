/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What ia32 does otherwise than amd64: the format of gates, %gs by a segment of
 * the GDT, the double fault by a task gate, the first stack of a thread.
 *
 * DOUBLE FAULT. A trap that cannot push its frame, a kernel stack overflow into
 * an unmapped page above all, becomes a double fault. An interrupt gate would
 * push onto the same stack and end in a reset; a task gate switches to a task
 * with its own stack (SDM vol. 3A, 6.12.2), and leaves the registers in the TSS
 * of the task it interrupted, from which the report is made. A task switch loads
 * CR3 too: the double fault's TSS has the boot code's root, then the kernel's own,
 * which are never freed; the address space that was in use may be gone. There is no
 * way back, and none is needed.
 */

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <arch/mm.h>
#include <kernel/machine.h>
#include <kernel/panic.h>
#include <kernel/trap.h>

#define GATE_INTERRUPT 0x8e00
#define GATE_TASK 0x8500
#define GATE_USER 0x6000
#define FLAGS_RESERVED 0x2

void double_fault_entry(void);
void double_fault(void) __attribute__((noreturn));
void context_begin(void);

#define REGISTER(name, member)                       \
	{                                                \
		name, 0, offsetof(struct trap_frame, member) \
	}
#define SELECTOR(name, member)                                   \
	{                                                            \
		name, SELECTOR_KIND, offsetof(struct trap_frame, member) \
	}

const struct trap_register trap_registers[] = {
	REGISTER("eax", ax),
	REGISTER("ebx", bx),
	REGISTER("ecx", cx),
	REGISTER("edx", dx),
	REGISTER("esi", si),
	REGISTER("edi", di),
	REGISTER("ebp", bp),
	SELECTOR("ds", ds),
	SELECTOR("es", es),
	SELECTOR("fs", fs),
	SELECTOR("gs", gs),
};
const uintptr_t machine_cr4 = CR4_PSE;

const size_t trap_register_count = ARRAY_COUNT(trap_registers);

struct idt_gate machine_gate(unsigned vector, uintptr_t entry, bool user)
{
	bool task = vector == VECTOR_DOUBLE_FAULT;

	return (struct idt_gate){
		.offset_low = task ? 0 : (uint16_t) entry,
		.selector = task ? DOUBLE_FAULT_TSS_SELECTOR : KERNEL_CODE_SELECTOR,
		.type = (task ? GATE_TASK : GATE_INTERRUPT) | (user ? GATE_USER : 0),
		.offset_high = task ? 0 : (uint16_t) (entry >> 16),
	};
}

static void double_fault_task_fill(struct cpu *cpu)
{
	struct cpu_machine *machine = &cpu->machine;

	machine->double_fault_tss = (struct tss){
		.cr3 = (uint32_t) page_root_current(),
		.ip = (uint32_t) double_fault_entry,
		.flags = FLAGS_RESERVED,
		.sp = (uint32_t) (machine->double_fault_stack + DOUBLE_FAULT_STACK),
		.cs = KERNEL_CODE_SELECTOR,
		.ds = KERNEL_DATA_SELECTOR,
		.es = KERNEL_DATA_SELECTOR,
		.ss = KERNEL_DATA_SELECTOR,
		.gs = CPU_SELECTOR,
		.io_map = sizeof(struct tss),
	};
	cpu->gdt[GDT_DOUBLE_FAULT_TSS] =
		segment_descriptor((uintptr_t) &machine->double_fault_tss, sizeof(struct tss), SEGMENT_TSS);
}

void machine_cpu_fill(struct cpu *cpu)
{
	cpu->tss.ss0 = KERNEL_DATA_SELECTOR;
	cpu->gdt[GDT_CPU] = segment_descriptor((uintptr_t) cpu, sizeof(*cpu), SEGMENT_DATA);
	cpu->gdt[GDT_TSS] = segment_descriptor((uintptr_t) &cpu->tss, sizeof(cpu->tss), SEGMENT_TSS);
	double_fault_task_fill(cpu);
}

void machine_root_set(phys_t root)
{
	CPU_HERE->machine.double_fault_tss.cr3 = (uint32_t) root;
}

void machine_cpu_load(struct cpu *cpu)
{
	(void) cpu; /* the GDT, loaded already, leads to it */
	__asm__ volatile("mov %0, %%gs" : : "r"(CPU_SELECTOR) : "memory");
}

void arch_stack_set(uintptr_t stack, size_t size)
{
	CPU_HERE->tss.sp0 = (uint32_t) (stack + size);
	if (THREAD_STACK_DIRECT)
		CPU_HERE->machine.stack_limit = stack + THREAD_STACK_LIMIT;
}

void machine_state_read(uintptr_t *words)
{
	words[0] = CPU_HERE->tss.ss0;
}

void user_frame_init(struct trap_frame *frame, uintptr_t pc, uintptr_t stack_pointer)
{
	*frame = (struct trap_frame){
		.ip = pc,
		.cs = USER_CODE_SELECTOR,
		.flags = FLAGS_USER,
		.sp = stack_pointer,
		.ss = USER_DATA_SELECTOR,
		.ds = USER_DATA_SELECTOR,
		.es = USER_DATA_SELECTOR,
		.fs = USER_DATA_SELECTOR,
		.gs = USER_DATA_SELECTOR,
	};
}

/* Tells of a double fault as of any other trap; the CPU has saved the registers in the TSS. */
void double_fault(void)
{
	const struct tss *tss = &cpu_current()->tss;
	uintptr_t cr2;

	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	struct trap_frame frame = {
		.link_frame = tss->bp,
		.link_pc = tss->ip,
		.fault_address = cr2,
		.di = tss->di,
		.si = tss->si,
		.bp = tss->bp,
		.bx = tss->bx,
		.dx = tss->dx,
		.cx = tss->cx,
		.ax = tss->ax,
		.gs = tss->gs,
		.fs = tss->fs,
		.es = tss->es,
		.ds = tss->ds,
		.vector = VECTOR_DOUBLE_FAULT,
		.error = 0,
		.ip = tss->ip,
		.cs = tss->cs,
		.flags = tss->flags,
		.sp = tss->sp,
		.ss = tss->ss,
	};

	trap_dispatch(&frame);
	halt(HALT_PANIC);
}

/* What context_switch pops, and where it returns to; the last two are a stack frame, as backtraces want it. */
struct saved_registers {
	uintptr_t di, si, bx, bp, return_address;
};

void context_init(struct context *context, uintptr_t stack, size_t size, void (*entry)(void *argument), void *argument)
{
	struct saved_registers *saved = (struct saved_registers *) ALIGN_DOWN(stack + size, 16) - 1;

	*saved = (struct saved_registers){
		.bx = (uintptr_t) entry,
		.si = (uintptr_t) argument,
		.bp = 0,
		.return_address = (uintptr_t) context_begin,
	};
	context->stack_pointer = (uintptr_t) saved;
}

uintptr_t machine_context_frame(const struct context *context)
{
	return (uintptr_t) & ((const struct saved_registers *) context->stack_pointer)->bp;
}
