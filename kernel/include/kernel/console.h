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

/** A character has come in: called by the interrupt handler of the console's device. Dropped if the ring is full. */
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
