/* SPDX-License-Identifier: BSD-2-Clause */

/* What mips32 saves: the registers of a trap, and of a thread that does not run. */

#ifndef ARCH_KERNEL_H
#define ARCH_KERNEL_H

#include <kernel/registers.h>
#include <mm/types.h>

/* General registers by their numbers (MIPS ABI supplement, "CPU Registers"). */
enum {
	REGISTER_V0 = 2,
	REGISTER_A0 = 4,
	REGISTER_K0 = 26,
	REGISTER_K1 = 27,
	REGISTER_SP = 29,
	REGISTER_FP = 30,
	REGISTER_RA = 31
};

/* The frame that arch/mips32/trap.S builds. Register 0 is none; k0 and k1 are the kernel's, and are not saved. */
struct trap_frame {
	uintptr_t registers[32];
	uintptr_t lo, hi;
	uintptr_t status, cause, epc, bad_vaddr;
};

/* Stacks of threads in the kernel, which grow downwards (kernel/machine.h). */
#define THREAD_STACK_SIZE (CONFIG_DEBUG || PAGE_WIDTH > 13 ? KiB(16) : KiB(8))
/* Traps find them without a miss. With less than this left one is used up: a frame, and the handler's calls. */
#define THREAD_STACK_DIRECT 1
#define THREAD_STACK_LEAST 1024
#define THREAD_STACK_CANARY 0

/* The stack of the boot code, from its lowest address on. */
extern char boot_stack[], boot_stack_end[];

/* A thread that does not run: its registers lie on its stack, as context_switch stores them. */
struct context {
	uintptr_t stack_pointer;
};

/* __builtin_setjmp fills in five words, and one more for the global pointer where there is one. */
#define SETJMP_WORDS 6

/* Where a backtrace is (arch/mips32/unwind.c). */
struct unwind {
	uintptr_t pc, stack_pointer, frame_pointer, return_address;
	bool is_exact;         /* pc was interrupted there; otherwise it is where a call returns to */
	uintptr_t first, last; /* what may be read */
};

/* In trap.S: the registers of the function that calls it. */
void unwind_capture(struct unwind *unwind);
void unwind_begin(struct unwind *unwind, uintptr_t first, uintptr_t last);

/** In the function that this is in; see kernel/machine.h. */
static inline __attribute__((always_inline)) void unwind_here(struct unwind *unwind, uintptr_t first, uintptr_t last)
{
	unwind_capture(unwind);
	unwind_begin(unwind, first, last);
}

/* ---- between the parts of the machine ---- */

extern const struct trap_register trap_registers[];

/** Copies the exception vectors to their place, and makes the TLB empty. Once, before anything can miss. */
void traps_init(void);

/** What assembly calls for a trap: a miss or an invalid entry that the tables have an answer for, or trap_dispatch. */
void mips_trap(struct trap_frame *frame);

/**
 * Looks an address of the TLB's up, and puts what the tables have of it into the TLB. Interrupts are off.
 * @return false if it is not mapped
 */
bool tlb_fill(uintptr_t va);

/** Measures the sizes of the caches. @return NULL, or what this CPU has that the kernel cannot do with, as a clause */
const char *caches_init(void);

#endif
