/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the kernel wants of a machine, beside the traps (kernel/trap.h) and the
 * core's contract (<arch/mm.h>).
 *
 * In <arch/cpu.h>, static inline, because they are a few instructions:
 *
 *   struct cpu *cpu_current(void)            this CPU's struct cpu, which has at least
 *                                            `unsigned number` and `struct thread *thread`
 *   unsigned cpu_number(void)                its number, from 0
 *   struct thread *thread_current(void)      the running thread; NULL before there are threads
 *   uintptr_t interrupts_disable(void)       turns interrupts off, returns what they were
 *   void interrupts_restore(uintptr_t)       puts them back
 *   void interrupts_enable(void)
 *   bool interrupts_are_on(void)
 *   bool interrupts_were_on(uintptr_t)       reads what interrupts_disable returned
 *   void user_access_begin(void), user_access_end(void)
 *                                            between the two the running code may touch the user's pages; empty where
 *                                            the CPU never forbids it. A trap in between saves and restores it
 *   void cpu_relax(void)                     a round of a spinning loop
 *   void cpu_wait(void)                      with a macro of its name, if the machine has it: stops the CPU till the
 *                                            next interrupt, or longer. Called with interrupts off by a CPU that has
 *                                            nothing to do any more; cpu_relax if there is none
 *   void cpu_idle(void)                      called with interrupts off: turns them on and waits for one, and
 *                                            none can slip in between. Where that is more than one instruction, an
 *                                            interrupt that finds its return address between the two goes on behind
 *                                            the wait
 *   uint64_t cycles(void)                    a counter that only rises; under an emulator that counts instructions
 *                                            (with ICOUNT_SHIFT of machine.mk), it counts them
 *   CYCLES_STEP                              by how much it rises at a time: 1, if it can count one instruction; else
 *                                            cycles() multiplies a counter of fewer ticks by this, or makes
 *                                            instructions of ticks that do not begin with them
 *
 * In <arch/kernel.h>: struct context (a saved stack pointer is enough) and struct trap_frame, and of the stack of a
 * thread in the kernel
 *
 *   THREAD_STACK_SIZE    bytes, a multiple of PAGE_SIZE
 *   THREAD_STACK_LEAST   with less than this left a stack is used up: the frame of a trap does not fit
 *   THREAD_STACK_CANARY  offset of the last word that may be used, where a canary is kept: 0 where stacks grow
 *                        downwards from their end; between the two where something grows upwards from the base, too
 *   THREAD_STACK_DIRECT  1: kernel stacks must be reachable without the TLB, so they lie in the direct map (below);
 *                        0 if not said
 *
 * and there too
 *
 *   SETJMP_WORDS         words of a buffer of __builtin_setjmp
 *   struct unwind        where a backtrace is: only the machine looks into it
 *
 * and, where a pointer to a function does not lead to its first instruction (on ia64 it leads to a descriptor),
 * CODE_ADDRESS and CODE_CALL, as below
 */

#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <mm/types.h>

/*
 * STACKS IN THE DIRECT MAP. A machine whose TLB is filled by software states THREAD_STACK_DIRECT, unless its entry code
 * can do without a stack till the stack's page is in the TLB. Then stacks are runs of low frames, and no page below
 * them faults: what overflows a stack writes to a frame of another owner. It is found in two places, none of which is
 * at once:
 *
 *   - At the entry of a trap out of the kernel. A trap is an overflow if the stack pointer that it has interrupted is
 *     below base + THREAD_STACK_LIMIT; base is what arch_stack_set was given last, 0 before its first call. The entry
 *     code then sets the base to 0, so that no later trap is one, takes a stack of the CPU's own, and calls
 *     trap_overflow (kernel/trap.h) instead of trap_dispatch. It saves the registers there, if the CPU has not pushed
 *     them. What has a stack of its own, and what may come between arch_stack_set and the end of context_switch (NMI),
 *     is not looked at. Where something grows upwards from the base the machine compares that with the canary, too.
 *   - At each switch, in release builds too, by the canary.
 *
 * So THREAD_STACK_LEAST is as much as a trap, and the calls of its handler while interrupts are off, need there: what
 * passes at entry does not overflow in the handler.
 */
#ifndef THREAD_STACK_DIRECT
#define THREAD_STACK_DIRECT 0
#endif

/* Offset of a stack's address below which its stack pointer may not be. */
#define THREAD_STACK_LIMIT (THREAD_STACK_CANARY + THREAD_STACK_LEAST)

#ifndef cpu_wait
static inline void cpu_wait(void)
{
	cpu_relax();
}
#endif

#ifndef CODE_ADDRESS
/* The address of a function's first instruction. */
#define CODE_ADDRESS(function) ((uintptr_t) (function))
/* Calls the code at an address, which takes and returns nothing. */
#define CODE_CALL(address) (((void (*)(void))(address))())
#endif

/** Ticks of timer_tick a second. */
extern const unsigned arch_timer_hz;

/**
 * Sets up traps, the interrupt controller, the timer and the console's input. Called first, so that a fault in what
 * follows is told: interrupts are off and stay so, and there is no memory to be had yet.
 */
void arch_init(void);

/** Sends a character to the console, waiting till it is taken. Works from kernel_main's first line. Any context. */
void arch_console_write(char character);

/**
 * Turns the machine off, or ends the emulator with this status, 0 for success; what was written to the console has left
 * it before. Interrupts are off and the other CPUs are stopped, whatever they did. Returns if there is no way to do it:
 * then the console says that the machine is halted, and this CPU waits for ever (kernel/halt.c, whose halt() is what
 * others call). Any context.
 */
void arch_halt(unsigned status);

/** Saves the running registers in *from and goes on with *to. Interrupts are off. */
void context_switch(struct context *from, struct context *to);

/**
 * Makes a context that begins with entry(argument) on a stack, with interrupts off. entry never returns; it finds the
 * stack aligned as the ABI wants it at the entry of a function.
 *
 * @param stack, size  the lowest address, a multiple of PAGE_SIZE, and THREAD_STACK_SIZE
 */
void context_init(struct context *context, uintptr_t stack, size_t size, void (*entry)(void *argument), void *argument);

/**
 * The kernel stack of the thread that runs next, an idle one too: traps out of user mode begin on it. Called at each
 * switch, as the last thing before context_switch, and when a CPU enters the kernel, interrupts off.
 *
 * @param stack, size  the lowest address, and bytes
 */
void arch_stack_set(uintptr_t stack, size_t size);

/*
 * ---- backtraces ----
 *
 * How a stack is taken apart is the machine's: by frame pointers, by tables, by what is known of its ABI. An unwinder
 * begins somewhere, and unwind_next goes from call to call. It reads nothing outside of the bounds, which are those of
 * the stack if the caller knows it, and believes nothing of what it reads: if the stack is broken the trace ends. It
 * takes no lock. Any context.
 *
 * @param first, last  the lowest and the last address that may be read
 *
 * One more is static inline in <arch/kernel.h> or a macro, since it begins at the caller of the function that it is in:
 *
 *   void unwind_here(struct unwind *unwind, uintptr_t first, uintptr_t last)
 */

/** Begins at the caller of what a trap has interrupted. */
void unwind_trap(struct unwind *unwind, const struct trap_frame *frame, uintptr_t first, uintptr_t last);

/** Begins at the caller of context_switch in a thread that does not run. */
void unwind_context(struct unwind *unwind, const struct context *context, uintptr_t first, uintptr_t last);

/** Goes on to the next caller. *pc receives where it goes on, its return address. @return false at the end */
bool unwind_next(struct unwind *unwind, uintptr_t *pc);

/* ---- user mode ---- */

/** Makes a frame of user mode: interrupts on, and all but pc and stack pointer as a program begins with it. */
void user_frame_init(struct trap_frame *frame, uintptr_t pc, uintptr_t stack_pointer);

/**
 * Goes on in user mode with all registers of the frame, by the way on which a trap ends. Interrupts are off. The frame
 * lies on the running thread's stack, of which nothing is needed any more: the next trap begins at its top. The thread
 * comes back by its traps only (thread->user_trap), and runs in an address space that it has borrowed.
 */
void user_enter(struct trap_frame *frame) __attribute__((noreturn));

/*
 * ---- the probe of user mode (kernel/test/machine/user_mode_test.c) ----
 *
 * REGISTERS. All that a program can see are numbered from 0, but for pc and stack pointer, which trap_report knows.
 * Number 0 receives the result of a system call, and is the address of USER_READ and USER_WRITE. What a program can
 * change and the frame does not hold, it may not reach (floating-point registers), or each trap resets it.
 *
 * PROGRAM. Position-independent code of at most a page, which has no data. Its steps begin with any value in all
 * registers; the stack pointer leads to the middle of a page that can be written for USER_STORE, USER_LOAD and
 * USER_LITTER, and has any value for the others. What a step does not say it changes keeps its value.
 */
enum user_step {
	USER_STORE,      /* stores register i in the i-th word at the stack pointer; a system call */
	USER_LOAD,       /* loads register i from the i-th word at the stack pointer; a system call; then USER_STORE */
	USER_SPIN,       /* a loop of at most USER_SPIN_BYTES, for ever */
	USER_READ,       /* its first instruction reads a word at register 0 into register 0; a system call */
	USER_WRITE,      /* its first instruction writes a word at register 0; a system call */
	USER_BREAKPOINT, /* a breakpoint; a system call */
	USER_LITTER,     /* changes all that it can, beside the registers; a system call */
	USER_STEPS
};

#define USER_REGISTERS_MAX 80
#define USER_SPIN_BYTES 16

/* Where the machine's assembly has the program; each step begins at a symbol of its name, user_store for USER_STORE. */
extern const char user_program_start[], user_program_end[];

/** The program. @return its first byte, in the kernel (kernel/user_program.c) */
const char *user_program(size_t *bytes);

/** Where in the program a step begins (kernel/user_program.c). */
size_t user_step(enum user_step step);

/**
 * Where in the program the number-th instruction lies that user mode may not execute on this CPU: one of each kind, a
 * trap of kind TRAP_ERROR. @return 0 if there are no more
 */
size_t user_privileged(size_t number);

size_t user_register_count(void);

const char *user_register_name(size_t number);

/** Where a register lies in a frame; the word holds it, and has the bits of user_register_bits. */
uintptr_t *user_register(struct trap_frame *frame, size_t number);

/** Bits of that word which are the register's and do not depend on how the trap came about. */
uintptr_t user_register_bits(size_t number);

/**
 * A value that the register may have in user mode; with seed ^ 1 all bits are the other way that may be either. Other
 * seeds and registers have other values, where the register can have so many.
 */
uintptr_t user_register_value(size_t number, unsigned seed);

/**
 * Makes user mode trap once it has executed one instruction of this frame: as TRAP_ERROR, of a number that no
 * privileged instruction has. on = false: not any more. @return the number; 0 = the machine has no such trap
 */
unsigned user_debug_set(struct trap_frame *frame, bool on);

#define CPU_STATE_WORDS 16

/**
 * What of this CPU's state is the same whenever the kernel runs on it, whatever user mode did before: control
 * registers, segments, the per-CPU base, flags beside those of arithmetic and interrupts. Interrupts are off.
 */
void cpu_state_read(uintptr_t words[CPU_STATE_WORDS]);

/*
 * ---- other CPUs ----
 *
 * Where CONFIG_MAX_CPUS is 1 none of them need be there (kernel/cpus.c), and only arch_cpus_start is called. A machine
 * that has one CPU for good includes <kernel/one_cpu.h> in its <arch/cpu.h>.
 */

/**
 * Starts the other CPUs, as far as there is room for them; each enters the kernel by cpu_main, and when this returns
 * all that will have done so. Tells of those that do not come. Once, at boot, when there is memory; interrupts are off.
 *
 * A CPU that enters by tables of the boot code's has no stack till it has loaded the kernel's root, unless it is one
 * that those tables map: the code up to there uses none, or frames of the direct map (FRAME_LOWMEM).
 */
void arch_cpus_start(void);

/**
 * Interrupts another CPU that is up: it calls cpu_called. Interrupts are off. What the caller wrote before is visible
 * to the other CPU when the interrupt arrives there; on a machine with weak memory order, too: the machine supplies the
 * fence.
 */
void arch_cpu_interrupt(unsigned cpu);

/**
 * Stops all other CPUs for good, whatever they are doing: each gets a trap of kind TRAP_STOP. Their interrupts may be
 * off, so it is by one that is not masked (NMI; arm: a FIQ, which the kernel leaves on). Called again it does nothing.
 * Any context.
 */
void arch_cpus_stop(void);

/** Where a CPU ends that was stopped. */
void arch_cpu_park(void) __attribute__((noreturn));

/** Prints what is known of this CPU's TLB, a line or a few, for the console. */
void arch_tlb_describe(void);

#endif
