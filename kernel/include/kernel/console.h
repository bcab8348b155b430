/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The console. Characters come in by interrupt and wait in a ring
 * (kernel/input.c); the console thread takes them out, edits a line and runs it
 * (kernel/console/). Nothing between a key and what its command prints
 * allocates, so the console works with no free frame left.
 */

#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include <mm/types.h>

/* A device that characters come from, each of which it announces by an interrupt. */
struct console_device {
	unsigned line;
	const char *name;
	int (*read)(const void *port); /* the next byte that has come in; -1 if there is none (any more) */
	const void *port;
};

/**
 * Lets the device's interrupts through and hands what it reads to console_input, what has come in before at once. The
 * machine's arch_init calls it, and then has the device raise them. An error stops the machine.
 */
void console_device_register(const struct console_device *device);

/** A character has come in: called in the interrupt handler of the console's device. Dropped if the ring is full. */
void console_input(char character);

/** The next character, as an unsigned char. Sleeps until there is one. */
int console_getc(void);

/** Characters dropped since boot because nobody took those before them. */
size_t console_input_dropped(void);

/** The body of the console thread: prompts, reads lines, runs them, for ever. */
void console_run(void *unused);

/** Runs one line as if it had been typed. @return whether there is such a command and it did what it was told */
bool command_run(const char *line);

#endif
