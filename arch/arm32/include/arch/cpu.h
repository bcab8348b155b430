/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The CPU as the kernel sees it: per-CPU data, interrupts on and off, the counter.
 * Sections are those of ARM DDI 0406C.
 *
 * TPIDRPRW, which only the kernel reaches (B4.1.150), has the address of this CPU's
 * struct cpu.
 *
 * THE RUNNING THREAD is read by two instructions. A thread that is preempted between
 * them and goes on, on another CPU, would read who runs on the first one. So the entry of
 * interrupts looks whether it has come between the two, and then begins with the first
 * again (arch/arm32/trap.S, "Restart").
 */

#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <arch/mm.h>
#include <mm/types.h>

struct thread;

#define EMERGENCY_STACK 4096

/* One CPU's data. The members that assembly reads are named in offsets.c. */
struct cpu {
	struct thread *thread;  /* that runs on it */
	unsigned number;        /* 0 to CONFIG_MAX_CPUS - 1 */
	uintptr_t stack_top;    /* where traps out of user mode begin */
	uint32_t abort_save[4]; /* what the entry of a data abort puts aside: r0, r1, the stack pointer that was no good */
	uint32_t irq_active;    /* what the interrupt controller said of the interrupt in service */
	uint8_t emergency_stack[EMERGENCY_STACK] __attribute__((aligned(8)));
} __attribute__((aligned(64)));

extern struct cpu cpus[CONFIG_MAX_CPUS];

/** This CPU's data. Stable while interrupts are off. */
static inline struct cpu *cpu_current(void)
{
	struct cpu *cpu;

	__asm__ volatile("mrc p15, 0, %0, c13, c0, 4" : "=r"(cpu));
	return cpu;
}

/** Number of the running CPU. Stable while interrupts are off. */
static inline unsigned cpu_number(void)
{
	return CONFIG_MAX_CPUS == 1 ? 0 : cpu_current()->number;
}

/** The running thread; NULL before the first. */
static inline struct thread *thread_current(void)
{
	struct thread *thread;

	__asm__ volatile("mrc p15, 0, %0, c13, c0, 4\n\tldr %0, [%0, %1]"
					 : "=r"(thread)
					 : "i"(offsetof(struct cpu, thread)));
	return thread;
}

/* ---- the user's memory: nothing forbids it to the kernel ---- */

static inline void user_access_begin(void)
{
}

static inline void user_access_end(void)
{
}

/* ---- interrupts: CPSR (B1.3.3) ---- */

#define CPSR_MODE 0x1fu
#define CPSR_USER 0x10u
#define CPSR_SVC 0x13u
#define CPSR_THUMB 0x20u
#define CPSR_FIQ_OFF 0x40u
#define CPSR_IRQ_OFF 0x80u
#define CPSR_ABORT_OFF 0x100u
#define CPSR_FLAGS 0xf80f0000u /* N Z C V Q, GE */

static inline uint32_t cpsr_read(void)
{
	uint32_t cpsr;

	__asm__ volatile("mrs %0, cpsr" : "=r"(cpsr) : : "memory");
	return cpsr;
}

/** Turns interrupts off. @return what interrupts_restore takes */
static inline uintptr_t interrupts_disable(void)
{
	uintptr_t cpsr;

	__asm__ volatile("mrs %0, cpsr\n\tcpsid i" : "=r"(cpsr) : : "memory");
	return cpsr;
}

/** Puts interrupts back to what they were. */
static inline void interrupts_restore(uintptr_t cpsr)
{
	__asm__ volatile("msr cpsr_c, %0" : : "r"(cpsr) : "memory");
}

static inline void interrupts_enable(void)
{
	__asm__ volatile("cpsie i" : : : "memory");
}

/** Whether interrupts were on when interrupts_disable gave this. */
static inline bool interrupts_were_on(uintptr_t cpsr)
{
	return (cpsr & CPSR_IRQ_OFF) == 0;
}

/** Whether interrupts are on. */
static inline bool interrupts_are_on(void)
{
	return interrupts_were_on(cpsr_read());
}

/** A round of a spinning loop. */
static inline void cpu_relax(void)
{
	__asm__ volatile("yield" : : : "memory");
}

/** Waits for an interrupt, and takes it: WFI ends at one that is pending, whether it is masked or not (B1.8.14). */
static inline void cpu_idle(void)
{
	__asm__ volatile("dsb\n\twfi\n\tcpsie i" : : : "memory");
}

/** Stops the CPU till the next interrupt, even one that is masked. */
static inline void cpu_wait(void)
{
	__asm__ volatile("dsb\n\twfi" : : : "memory");
}
#define cpu_wait cpu_wait

/* What cycles() rises by at least. */
#define CYCLES_STEP 1

/** The virtual counter, CNTVCT (B8.1.3), behind all that came before it. */
static inline uint64_t cycles(void)
{
	uint64_t count;

	__asm__ volatile("isb\n\tmrrc p15, 1, %Q0, %R0, c14" : "=r"(count) : : "memory");
	return count;
}

#endif
