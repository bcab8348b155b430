/* SPDX-License-Identifier: BSD-2-Clause */

/* The CPU as the kernel sees it. There is one. */

#ifndef ARCH_CPU_H
#define ARCH_CPU_H

#include <arch/sparc.h>
#include <kernel/one_cpu.h>
#include <mm/types.h>

/* A register of an MMU, or an entry of a TLB. */
#define ASI_READ(asi, at)                                                                                   \
	({                                                                                                      \
		uint64_t asi_value;                                                                                 \
		__asm__ volatile("ldxa [%1] %2, %0" : "=r"(asi_value) : "r"((uint64_t) (at)), "i"(asi) : "memory"); \
		asi_value;                                                                                          \
	})

/* What comes next sees it done (V9, 8.4.3, "membar #Sync"). */
#define ASI_WRITE(asi, at, value)                                              \
	__asm__ volatile("stxa %0, [%1] %2; membar #Sync"                          \
					 :                                                         \
					 : "r"((uint64_t) (value)), "r"((uint64_t) (at)), "i"(asi) \
					 : "memory")

/* The kernel may touch the user's pages, always. */
static inline void user_access_begin(void)
{
}

static inline void user_access_end(void)
{
}

static inline uint64_t pstate_read(void)
{
	uint64_t pstate;

	__asm__ volatile("rdpr %%pstate, %0" : "=r"(pstate) : : "memory");
	return pstate;
}

/** Turns interrupts off. @return what interrupts_restore takes */
static inline uintptr_t interrupts_disable(void)
{
	uint64_t pstate = pstate_read();

	__asm__ volatile("wrpr %0, 0, %%pstate" : : "r"(pstate & ~(uint64_t) PSTATE_IE) : "memory");
	return pstate;
}

/** Puts interrupts back to what they were. */
static inline void interrupts_restore(uintptr_t pstate)
{
	__asm__ volatile("wrpr %0, 0, %%pstate" : : "r"(pstate) : "memory");
}

static inline void interrupts_enable(void)
{
	__asm__ volatile("wrpr %0, 0, %%pstate" : : "r"(pstate_read() | PSTATE_IE) : "memory");
}

/** Whether interrupts were on when interrupts_disable gave this. */
static inline bool interrupts_were_on(uintptr_t pstate)
{
	return (pstate & PSTATE_IE) != 0;
}

static inline bool interrupts_are_on(void)
{
	return interrupts_were_on(pstate_read());
}

static inline void cpu_relax(void)
{
	__asm__ volatile("" : : : "memory");
}

/** The CPU has no instruction that waits: the caller's loop does. */
static inline void cpu_idle(void)
{
	interrupts_enable();
	__asm__ volatile("nop; nop" : : : "memory");
}

/* ---- time ---- */

/** %tick, without the bit that keeps it from user mode (V9, 5.2.3). */
static inline uint64_t tick_read(void)
{
	uint64_t tick;

	__asm__ volatile("rdpr %%tick, %0" : "=r"(tick) : : "memory");
	return tick & ~((uint64_t) 1 << 63);
}

/* What cycles() rises by at least. */
#define CYCLES_STEP 1

/**
 * Where the emulator counts instructions (ICOUNT_SHIFT 4), one takes 16 ns, 1.6 ticks of 100 MHz, so 5/8 of the ticks,
 * rounded up, are the instructions.
 */
static inline uint64_t cycles(void)
{
	return (tick_read() * 5 + 7) >> 3;
}

#endif
