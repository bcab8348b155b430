/* SPDX-License-Identifier: BSD-2-Clause */

/* What ia32 and amd64 share of <arch/kernel.h>, which includes this. */

#ifndef X86_KERNEL_H
#define X86_KERNEL_H

#include <kernel/registers.h>
#include <x86/vectors.h>

/* Stacks of threads in the kernel, which grow downwards (kernel/machine.h). */
#define THREAD_STACK_SIZE (CONFIG_DEBUG ? KiB(16) : KiB(8))
#define THREAD_STACK_LEAST (CONFIG_STACKS_DIRECT ? 1024 : 256)
#define THREAD_STACK_CANARY 0

/* The stack that the first CPU has from the boot code. */
extern char boot_stack[], boot_stack_end[];

/* A thread that does not run: its registers lie on its stack, as context_switch of the machine pushes them. */
struct context {
	uintptr_t stack_pointer;
};

/* FLAGS as user mode begins with them: interrupts on, the bit that is always 1, no right to ports. */
#define FLAGS_USER 0x202

/* Words that __builtin_setjmp fills in. */
#define SETJMP_WORDS 5

/* Where a backtrace is (genarch/x86/unwind.c). */
struct unwind {
	uintptr_t frame;       /* address of a stack frame; 0 = there is none */
	uintptr_t first, last; /* what may be read */
};

/** In the function that calls this; see kernel/machine.h. */
static inline __attribute__((always_inline)) void unwind_here(struct unwind *unwind, uintptr_t first, uintptr_t last)
{
	*unwind = (struct unwind){ .frame = (uintptr_t) __builtin_frame_address(0), .first = first, .last = last };
}

/* ---- between the machines and genarch/x86 ---- */

struct cpu;
struct idt_gate;

/* The registers in a trap frame, for printing and for the probe of user mode; the first is AX. */
extern const struct trap_register trap_registers[];
extern const size_t trap_register_count;

#define SELECTOR_KIND 1 /* of a register that holds a selector */

/* Entry of vector 0; that of vector n lies n * TRAP_ENTRY_SIZE behind. */
extern const char trap_entries[];

/* The bits of CR4 that this machine's paging needs. */
extern const uintptr_t machine_cr4;

/** The gate of a vector. @param user  whether user mode may enter by INT */
struct idt_gate machine_gate(unsigned vector, uintptr_t entry, bool user);

/** Fills in what of a CPU's GDT and TSS only this machine has, and looks for what its CPUs may have or not. */
void machine_cpu_fill(struct cpu *cpu);

/** Names the running CPU the kernel's own page table, as soon as there is one. */
void machine_root_set(phys_t root);

/** Address of the stack frame of a context: of the saved frame pointer, above which the return address is. */
uintptr_t machine_context_frame(const struct context *context);

/** Makes the running CPU use its segments; %gs leads to cpu from here on. */
void machine_cpu_load(struct cpu *cpu);

/** The running CPU's state that only this machine has, for cpu_state_read: at most MACHINE_STATE_WORDS words. */
void machine_state_read(uintptr_t *words);

#define MACHINE_STATE_WORDS 4

/* Kinds of segment_descriptor: a TSS that is not busy; a data segment of bytes, 32 bits. */
#define SEGMENT_TSS (0x89ull << 40)
#define SEGMENT_DATA (0x4093ull << 40)

/** A descriptor of a segment of so many bytes; amd64: the low half of a system segment's (SDM vol. 3A, figure 3-8). */
uint64_t segment_descriptor(uintptr_t base, size_t bytes, uint64_t kind);

/** Sets up per-CPU data, GDT, TSS and IDT of the CPU that calls. @param number  its number */
void cpu_start(unsigned number);

/** Where assembly arrives in C: on the boot stack, interrupts off, with what the loader left in EAX and EBX. */
void x86_start(uint32_t magic, uint32_t info) __attribute__((noreturn));

#endif
