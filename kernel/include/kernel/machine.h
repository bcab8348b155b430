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
 *   void cpu_idle(void)                      called with interrupts off: turns them on and waits for one, and
 *                                            none can slip in between
 *   uint64_t cycles(void)                    a counter that only rises
 *   bool frame_pointer_next(uintptr_t *frame_pointer, uintptr_t *pc)
 *                                            from a frame to its caller's, and where that goes on; reads two words
 *                                            at *frame_pointer, which the caller has made sure can be read
 *
 * In <arch/kernel.h>: struct context (a saved stack pointer is enough) and struct trap_frame.
 */

#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#include <arch/cpu.h>
#include <arch/kernel.h>
#include <mm/types.h>

/** Ticks of timer_tick a second. */
extern const unsigned arch_timer_hz;

/**
 * Sets up traps, the interrupt controller, the timer and the console's input. Called first, so that a fault in what
 * follows is told: interrupts are off and stay so, and there is no memory to be had yet.
 */
void arch_init(void);

/** Sends a character to the console, waiting till it is taken. Works from kernel_main's first line. Any context. */
void arch_console_write(char character);

/** Stops the machine for good; status is told to the emulator, if there is one: 0 is success. Any context. */
void arch_halt(unsigned status) __attribute__((noreturn));

/** Saves the running registers in *from and goes on with *to. Interrupts are off. */
void context_switch(struct context *from, struct context *to);

/** Makes a context that begins with entry(argument) on this stack, with interrupts off. entry never returns. */
void context_init(struct context *context, uintptr_t stack_top, void (*entry)(void *argument), void *argument);

/** The next thread's kernel stack ends here; traps out of user mode begin there. Called at a switch, interrupts off. */
void arch_stack_set(uintptr_t stack_top);

/** Frame pointer of a context that is not running: where a backtrace of its thread begins. */
uintptr_t context_frame_pointer(const struct context *context);

/* ---- other CPUs ---- */

/**
 * Starts the other CPUs, as far as there is room for them; each enters the kernel by cpu_main, and when this returns
 * all that will have done so. Tells of those that do not come. Once, at boot, when there is memory; interrupts are off.
 */
void arch_cpus_start(void);

/**
 * Interrupts another CPU that is up: it calls cpu_called. Interrupts are off. What the caller wrote before is visible
 * to the other CPU when the interrupt arrives there; on a machine with weak memory order, too: the machine supplies the
 * fence.
 */
void arch_cpu_interrupt(unsigned cpu);

/** Stops all other CPUs for good, whatever they are doing: each gets a trap of kind TRAP_STOP. Any context. */
void arch_cpus_stop(void);

/** Where a CPU ends that was stopped. */
void arch_cpu_park(void) __attribute__((noreturn));

/** Prints what is known of this CPU's TLB, a line or a few, for the console. */
void arch_tlb_describe(void);

#endif
