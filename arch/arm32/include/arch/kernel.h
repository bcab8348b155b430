/* SPDX-License-Identifier: BSD-2-Clause */

/* What arm32 saves: the registers of a trap, and of a thread that does not run. */

#ifndef ARCH_KERNEL_H
#define ARCH_KERNEL_H

#include <arch/vectors.h>
#include <mm/types.h>

/* The frame that arch/arm32/trap.S builds, lowest address first. */
struct trap_frame {
	uint32_t vector;
	uint32_t status;   /* DFSR or IFSR of an abort; of an interrupt, what the controller says */
	uint32_t address;  /* DFAR or IFAR */
	uint32_t user_tls; /* TPIDRURW, which user mode writes; of a trap out of user mode */
	uint32_t reserved;
	uint32_t r[13];
	uint32_t sp, lr; /* of the mode interrupted */
	uint32_t pc, cpsr;
};

/* Stacks of threads in the kernel, which grow downwards (kernel/machine.h). */
#define THREAD_STACK_SIZE (CONFIG_DEBUG ? KiB(16) : KiB(8))
#define THREAD_STACK_LEAST 256
#define THREAD_STACK_CANARY 0

extern char boot_stack[], boot_stack_end[];

/* A thread that does not run: its registers lie on its stack, as context_switch pushes them. */
struct context {
	uintptr_t stack_pointer;
};

/* Words that __builtin_setjmp fills in. */
#define SETJMP_WORDS 5

/* Where a backtrace is (arch/arm32/unwind.c). */
struct unwind {
	uintptr_t next;        /* the next return address, if it is not 0: then fp is the frame of the function there */
	uintptr_t fp;          /* the frame pointer; 0 = there is none */
	uintptr_t first, last; /* what may be read */
};

/** In the function that calls this; see kernel/machine.h. */
static inline __attribute__((always_inline)) void unwind_here(struct unwind *unwind, uintptr_t first, uintptr_t last)
{
	*unwind = (struct unwind){ .fp = (uintptr_t) __builtin_frame_address(0), .first = first, .last = last };
}

/* ---- between the files of the machine ---- */

/** Sets up per-CPU data, vectors and control registers of the CPU that calls. */
void cpu_start(unsigned number);

/** Where assembly arrives in C: what the loader has left in r2. */
void arm_start(uint32_t tree) __attribute__((noreturn));

/** The same, of another CPU. */
void arm_start_other(void) __attribute__((noreturn));

/** Starts this CPU's timer, and lets its interrupts through. */
void timer_start(void);

/** Writes back to memory, for CPUs whose caches are off. */
void cache_clean(const void *at, size_t bytes);

#endif
