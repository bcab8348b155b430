/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The doors through which a machine enters the kernel, and what the kernel wants
 * of it there. How a trap is handled is told in kernel/trap.c.
 *
 *   kernel_main    once, at boot (kernel/boot.h)
 *   trap_dispatch  at every exception and every interrupt, with interrupts off
 *   trap_overflow  instead of that, if the stack is used up (THREAD_STACK_DIRECT of kernel/machine.h)
 *   timer_tick     from the timer's interrupt handler, arch_timer_hz times a second, on every CPU
 *   cpu_main       once on each other CPU, when it is set up
 *   cpu_called     when arch_cpu_interrupt has interrupted this CPU
 *
 * The machine's entry code saves all registers in a struct trap_frame, which is
 * its own, calls trap_dispatch with it, and puts them back. The same path serves
 * traps out of user mode.
 */

#ifndef KERNEL_TRAP_H
#define KERNEL_TRAP_H

#include <mm/types.h>

struct trap_frame; /* the machine's: <arch/kernel.h> */

enum trap_kind {
	TRAP_INTERRUPT,  /* a device */
	TRAP_PAGE_FAULT, /* no translation, or one that forbids this */
	TRAP_BREAKPOINT, /* reported and passed over */
	TRAP_SYSTEM_CALL,
	TRAP_STOP, /* another CPU has stopped the machine */
	TRAP_ERROR /* anything else the running code has done */
};

/** What a trap is about, in terms that all machines share: what its handler goes by. */
struct trap_info {
	enum trap_kind kind;
	unsigned number;    /* TRAP_INTERRUPT: of the interrupt line; otherwise the machine's number of the exception */
	bool from_user;     /* the trap came out of user mode */
	bool interrupts_on; /* they were, in the code interrupted */
	/*
	 * The rest is of a TRAP_PAGE_FAULT only. It is curable if the access may be made once the page is there, and in the
	 * user part: the machine neither refuses the entry itself, whatever was tried, nor forbids the kernel this access.
	 */
	bool is_curable;
	/*
	 * What was tried: AS_ACCESS_READ, AS_ACCESS_WRITE or AS_ACCESS_EXEC (mm/as.h). A machine that does not know whether
	 * a page that is not mapped was to be written says AS_ACCESS_READ: the page is made present, and the access, tried
	 * again, faults as a write. Of a page that is mapped it knows.
	 */
	unsigned access;
	uintptr_t address; /* the address that was wanted, or any other of its page */
};

/** What else a report says of a trap. */
struct trap_report {
	const char *name; /* of the exception, as the machine's manual has it */
	uintptr_t pc;     /* the instruction that was interrupted, or is to blame */
	uintptr_t stack_pointer;
	bool present; /* TRAP_PAGE_FAULT: the page is mapped */
	bool broken;  /* TRAP_PAGE_FAULT: the machine refuses the entry itself */
};

/* ---- supplied by the machine ---- */

/**
 * Fills in what a trap is about. Called once a trap, first of all, so it may ask the controller which line it was, and
 * may read what the next trap overwrites. The frame goes on behind the instruction already if that was a breakpoint or
 * a system call: entry code steps over it, where the CPU does not.
 */
void trap_describe(const struct trap_frame *frame, struct trap_info *info);

/** Fills in what a report says of it. */
void trap_report(const struct trap_frame *frame, struct trap_report *report);

/**
 * Makes the trap return to another instruction, the one at this address: CODE_ADDRESS (kernel/machine.h) if it is a
 * function's first. With delay slots, none is left to be executed. The stack stays; nothing is passed.
 */
void trap_set_pc(struct trap_frame *frame, uintptr_t pc);

/** What a system call returns to its caller. */
void trap_set_result(struct trap_frame *frame, uintptr_t result);

/** Prints the registers, a few lines. */
void trap_frame_print(const struct trap_frame *frame);

/** Takes an interrupt of this line, before its handler runs. @return false if there was none (spurious) */
bool arch_irq_acknowledge(unsigned irq);

/**
 * The interrupt that was acknowledged is served, its handler has returned: the line may interrupt again. A line whose
 * level says that there is something to do is quiet by now. Interrupts are still off, and no other thread has run.
 */
void arch_irq_done(unsigned irq);

/** Lets this line's interrupts through. */
void arch_irq_unmask(unsigned irq);

/* ---- doors ---- */

/** Any trap. Called on the stack of the thread that was interrupted. May switch to another thread before it returns. */
void trap_dispatch(struct trap_frame *frame);

/**
 * A trap out of the kernel that found its stack used up (THREAD_STACK_DIRECT). Stops the kernel with a report. Called
 * on a stack of the CPU's own, interrupts off; the frame may be anywhere.
 */
void trap_overflow(const struct trap_frame *frame) __attribute__((noreturn));

/** A tick of this CPU's timer. Interrupts are off. */
void timer_tick(void);

/** Where another CPU than the first enters the kernel, with the number cpu_count(). The stack as of kernel_main. */
void cpu_main(uintptr_t stack, size_t stack_size) __attribute__((noreturn));

/** Another CPU wants something of this one. Interrupts are off. */
void cpu_called(void);

/* ---- for drivers ---- */

/* Interrupt lines there can be. */
#define IRQ_COUNT 64

/**
 * Sets the handler of an interrupt line and lets it through. The handler runs with interrupts off, on whatever thread
 * was interrupted: it must not sleep, and allocates with FRAME_ATOMIC only.
 *
 * @retval EOK
 * @retval ERANGE  there is no such line
 * @retval EBUSY   it has a handler
 */
MUST_USE errno_t irq_register(unsigned irq, const char *name, void (*handler)(void *argument), void *argument);

/** As irq_register, of a device without which the machine cannot go on: an error stops it. */
void irq_register_device(unsigned irq, const char *name, void (*handler)(void *device), const void *device);

/**
 * Removes the handler of an interrupt line, which has one; when this returns it runs nowhere, and the line may have
 * another one. The controller still lets the line through: what comes meanwhile counts as unclaimed, so a device on a
 * line that is served by its level is quiet before. Interrupts are on.
 */
void irq_unregister(unsigned irq);

/** Interrupts served on a line, for the console. @return false if the line has no handler */
bool irq_get_info(unsigned irq, const char **name, uint64_t *count);

/** Interrupts of lines that have no handler, and spurious ones. */
uint64_t irq_unclaimed(void);

/* ---- copying by the CPU's own translation, in the address space that the running thread has borrowed ---- */

/**
 * Copies from user space. A page that is not there yet is made to be; an address that may not be read ends the copy.
 * Sleeps.
 * @retval EFAULT  an address may not be read, or there is no memory for it; what was copied before stays
 */
MUST_USE errno_t user_copy_in(void *to, uintptr_t from, size_t bytes);

/** Copies to user space. As user_copy_in. */
MUST_USE errno_t user_copy_out(uintptr_t to, const void *from, size_t bytes);

/* ---- probes: touching an address that may fault ---- */

/** Reads a byte. @return false if that faulted; the kernel goes on. Any context. */
MUST_USE bool probe_read(uintptr_t va);

/** Reads a byte. @return false if that faulted; *kind receives what kind of trap it was. Any context */
MUST_USE bool probe_read_kind(uintptr_t va, enum trap_kind *kind);

/** Reads a byte and writes the same one back. @return false if either faulted; the kernel goes on. Any context. */
MUST_USE bool probe_write(uintptr_t va);

/** Reads a word into *value. @return false if that faulted; *value is untouched */
MUST_USE bool probe_load(uintptr_t va, uintptr_t *value);

/** Calls a function at this address that takes nothing. @return false if that faulted (it may be any trap) */
MUST_USE bool probe_execute(uintptr_t va);

#endif
