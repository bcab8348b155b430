/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The CPU as the kernel sees it. There is one: QEMU's mac99 has no more. SPRG0
 * holds the physical address of its struct cpu, which the entry code reads with
 * translation off.
 */

#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <arch/msr.h>
#include <mm/types.h>

struct thread;

/* One CPU's data. The members that assembly reads are named in offsets.c. Addresses, but two, are physical. */
struct cpu {
	struct thread *thread; /* that runs on it */
	unsigned number;

	uint32_t root;        /* PTL0 in use */
	uint32_t stack_limit; /* an address: a stack pointer below it has used up the thread's stack */
	uint32_t stack_frame; /* where the frame of a trap out of user mode lies */

	/* The hash table (hash.c). */
	uint32_t hash, hash_mask; /* its first group; the bytes of all groups but the last */
	uint32_t backs;           /* for each of its entries, where the core's entry is */
	uint32_t victim;          /* counts the entries that were evicted */
	uint32_t fills;           /* counts those that were put in */
	uint32_t has_kernels;     /* not 0: pages of the user part are in it that only the kernel may read */

	uint32_t saved[8]; /* registers, while the entry code has no stack */
} __attribute__((aligned(32)));

extern struct cpu cpus[1];

#define SPR_READ(number)                                                    \
	({                                                                      \
		uint32_t spr_value;                                                 \
		__asm__ volatile("mfspr %0, %1" : "=r"(spr_value) : "i"(number) :); \
		spr_value;                                                          \
	})
#define SPR_WRITE(number, value) __asm__ volatile("mtspr %0, %1" : : "i"(number), "r"(value) : "memory")

static inline struct cpu *cpu_current(void)
{
	return &cpus[0];
}

static inline unsigned cpu_number(void)
{
	return 0;
}

/** The running thread; NULL before the first. */
static inline struct thread *thread_current(void)
{
	return cpus[0].thread;
}

/* The kernel may touch the user's pages, always. */
static inline void user_access_begin(void)
{
}

static inline void user_access_end(void)
{
}

/* ---- interrupts ---- */

static inline uint32_t msr_read(void)
{
	uint32_t msr;

	__asm__ volatile("mfmsr %0" : "=r"(msr) : : "memory");
	return msr;
}

static inline void msr_write(uint32_t msr)
{
	__asm__ volatile("mtmsr %0" : : "r"(msr) : "memory");
}

/** Turns interrupts off. @return what interrupts_restore takes */
static inline uintptr_t interrupts_disable(void)
{
	uint32_t msr = msr_read();

	msr_write(msr & ~(uint32_t) MSR_EE);
	return msr;
}

/** Puts interrupts back to what they were. */
static inline void interrupts_restore(uintptr_t msr)
{
	msr_write((uint32_t) msr);
}

static inline void interrupts_enable(void)
{
	msr_write(msr_read() | MSR_EE);
}

/** Whether interrupts were on when interrupts_disable gave this. */
static inline bool interrupts_were_on(uintptr_t msr)
{
	return (msr & MSR_EE) != 0;
}

static inline bool interrupts_are_on(void)
{
	return interrupts_were_on(msr_read());
}

static inline void cpu_relax(void)
{
	__asm__ volatile("" : : : "memory");
}

/**
 * Turns interrupts on and waits for one: one store to the MSR does both (MPC7400UM, 10.3.1: HID0 says how deeply the
 * CPU sleeps). The trap saves the MSR without POW, so the CPU goes on behind it.
 */
static inline void cpu_idle(void)
{
	__asm__ volatile("sync; mtmsr %0; isync" : : "r"(msr_read() | MSR_EE | MSR_POW) : "memory");
}

/* ---- time ---- */

/** The time base: 100 MHz here (machine.c reads how many). */
static inline uint64_t time_base(void)
{
	uint32_t high, low, again;

	do
		__asm__ volatile("mftbu %0; mftb %1; mftbu %2" : "=r"(high), "=r"(low), "=r"(again) : : "memory");
	while (high != again);
	return (uint64_t) high << 32 | low;
}

/*
 * Where the emulator counts instructions (ICOUNT_SHIFT 4), one takes 16 ns, 1.6 ticks of 100 MHz, so 5/8 of the ticks,
 * rounded up, are the instructions. But a wait may end at any ns, between two instructions; after such a one some of
 * them are counted as 2 and the next as 0.
 */
#define CYCLES_STEP 2

static inline uint64_t cycles(void)
{
	return (time_base() * 5 + 7) >> 3;
}

#endif
