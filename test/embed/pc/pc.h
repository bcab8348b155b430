/* SPDX-License-Identifier: BSD-2-Clause */

/* Between the files of this kernel. The numbers are read by C and by the assembler. */

#ifndef PC_H
#define PC_H

/* Stacks of the CPUs, one after the other. */
#define STACK_SIZE 16384

/* Where another CPU begins, in real mode: a page below 1 MiB. None of that is free memory. */
#define OTHER_PAGE 0x8000

#define VECTOR_TIMER 32
#define VECTOR_CALL 33
#define VECTOR_SPURIOUS 47
#define VECTORS 48

#ifndef __ASSEMBLER__

#include <kernel/format.h>
#include <mm/types.h>

/* What trap_entry (start.S) pushes and the CPU has pushed, lowest address first. */
struct trap {
	uintptr_t address; /* CR2: of a page fault */
	uintptr_t di, si, bp, ignored, bx, dx, cx, ax;
	uintptr_t vector, error;
	uintptr_t pc, cs, flags;
};

/* ---- start.S ---- */

extern char stacks[], trap_entries[], other_start[], other_end[];

/* The number of the CPU that is being started. */
extern unsigned other_number;

/** Reads or writes a byte at an address that may fault. @return -1 if it did: the fault's handler lets it fail */
int user_load(uintptr_t va);
int user_store(uintptr_t va, unsigned value);

extern char user_access[], user_access_end[], user_access_failed[];

/* ---- port.c ---- */

/* CPUs that have started; these are numbers 0 to cpus_up - 1. */
extern unsigned cpus_up;

/** The timer's interrupt: another millisecond. */
void port_tick(void);

/** Another CPU's interrupt: does what others ask of this one. Interrupts are off. */
void on_interrupt(void);

/* ---- machine.c ---- */

/** A line to the serial port; from any context. */
void console_print(const char *format, va_list arguments);

/** Ends the emulator. */
void machine_exit(bool good) __attribute__((noreturn));

/** Interrupts another CPU, which calls on_interrupt. Interrupts are off here. */
void send_interrupt(unsigned cpu);

/* ---- main.c ---- */

/** Where another CPU goes on, interrupts off, on the boot code's page table. */
void other_main(void) __attribute__((noreturn));

void on_page_fault(struct trap *trap);

/** Sets up traps, interrupts and the timer of the CPU that calls; page_init is done. */
void machine_start(void);

/** Starts the other CPUs, one after the other: CONFIG_MAX_CPUS in all, which there must be. */
void machine_start_others(void);

#endif

#endif
