/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Stopping, and telling why. See kernel/panic.c.
 */

#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include <stdarg.h>

#include <kernel/machine.h>
#include <mm/types.h>

struct thread;

/* What halt is given: the emulator's exit status is made of it. */
#define HALT_OK 0    /* stopped as it should */
#define HALT_PANIC 1 /* stopped by panic */
#define HALT_BOOT 2  /* could not start: too little memory, no memory map */

/** Stops all CPUs for good, with a status, 0 for success: for the emulator, if there is one. Any context. */
void halt(unsigned status) __attribute__((noreturn));

/** Prints "panic: " and the message, where it happened and who called whom, and stops the machine. Any context. */
void panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/** As panic, with the registers of the trap that is to blame, and the backtrace from there. */
void panic_trap(const struct trap_frame *frame, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/**
 * Prints the calls: one line each, address, symbol and offset, from where the unwinder is to the end. Any
 * context.
 */
void backtrace_print(struct unwind *unwind);

/** What a backtrace may read: a thread's stack, if the stack pointer is in it, or anything. Without a thread: NULL. */
void backtrace_bounds(const struct thread *thread, uintptr_t stack_pointer, uintptr_t *first, uintptr_t *last);

/** Begins a backtrace at the caller of the function that this is in. */
static inline __attribute__((always_inline)) void backtrace_begin(struct unwind *unwind)
{
	uintptr_t first, last;

	backtrace_bounds(thread_current(), (uintptr_t) unwind, &first, &last);
	unwind_here(unwind, first, last);
}

/** As backtrace_print, for code that a trap has interrupted; the first line is where that was. Any context. */
void backtrace_print_trap(const struct trap_frame *frame);

/** Prints an address as symbol+offset, or in hexadecimal if it has no name. No new line. */
void print_symbol(uintptr_t va);

#endif
