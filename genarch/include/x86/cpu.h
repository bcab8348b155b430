/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The CPU as the kernel sees it, on ia32 and amd64: per-CPU data, interrupts
 * on and off, the cycle counter.
 *
 * A CPU's data is reached through %gs while the kernel runs: on ia32 that is a
 * segment whose base is the CPU's struct cpu, on amd64 MSR GS_BASE.
 */

#ifndef X86_CPU_H
#define X86_CPU_H

#include <mm/types.h>
#include <x86/control.h>

struct thread;

/* One CPU's data. The members that assembly reads are named in offsets.c. */
struct cpu {
	struct cpu *self;      /* its own address in the kernel */
	struct thread *thread; /* that runs on it */
	unsigned number;       /* 0 to CONFIG_MAX_CPUS - 1 */
	struct tss tss;
	uint64_t gdt[GDT_SLOTS];
	struct cpu_machine machine;
} __attribute__((aligned(64)));

extern struct cpu cpus[CONFIG_MAX_CPUS];

/* This CPU's data, for one gs-relative access. */
#define CPU_HERE ((struct cpu __seg_gs *) 0)

/** This CPU's data, at an address that is good for every CPU. Stable while interrupts are off. */
static inline struct cpu *cpu_current(void)
{
	return CPU_HERE->self;
}

/** Number of the running CPU. Stable while interrupts are off. */
static inline unsigned cpu_number(void)
{
	return CONFIG_MAX_CPUS == 1 ? 0 : CPU_HERE->number;
}

/** The running thread; NULL before the first. */
static inline struct thread *thread_current(void)
{
	return CPU_HERE->thread;
}

/* ---- the user's memory ---- */

/* Whether CR4.SMAP is on: the same on all CPUs. */
extern bool cpu_has_smap;

/** From here to user_access_end the running code may touch the user's pages. Traps in between put it off and on. */
static inline void user_access_begin(void)
{
	if (cpu_has_smap)
		__asm__ volatile("stac" : : : "memory", "cc");
}

static inline void user_access_end(void)
{
	if (cpu_has_smap)
		__asm__ volatile("clac" : : : "memory", "cc");
}

/* ---- interrupts ---- */

#define FLAGS_INTERRUPT ((uintptr_t) 1 << 9)

/** Turns interrupts off. @return what interrupts_restore takes */
static inline uintptr_t interrupts_disable(void)
{
	uintptr_t flags;

	__asm__ volatile("pushf; pop %0; cli" : "=r"(flags) : : "memory");
	return flags;
}

/** Puts interrupts back to what they were. */
static inline void interrupts_restore(uintptr_t flags)
{
	__asm__ volatile("push %0; popf" : : "r"(flags) : "memory", "cc");
}

static inline void interrupts_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

/** Whether interrupts were on when interrupts_disable gave these flags. */
static inline bool interrupts_were_on(uintptr_t flags)
{
	return (flags & FLAGS_INTERRUPT) != 0;
}

/** Whether interrupts are on. */
static inline bool interrupts_are_on(void)
{
	uintptr_t flags;

	__asm__ volatile("pushf; pop %0" : "=r"(flags) : : "memory");
	return interrupts_were_on(flags);
}

/** Told in each round of a spinning loop. */
static inline void cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

/** Turns interrupts on and waits for one; one that is pending already ends the wait at once (the shadow of STI). */
static inline void cpu_idle(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

/** Stops the CPU; interrupts are off, so only an NMI, or a reset, goes on behind it. */
static inline void cpu_wait(void)
{
	__asm__ volatile("hlt" : : : "memory");
}
#define cpu_wait cpu_wait

/* What cycles() rises by at least. */
#define CYCLES_STEP 1

/** The cycle counter; under an emulator that counts instructions, one tick is one instruction. */
static inline uint64_t cycles(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t) high << 32 | low;
}

#endif
