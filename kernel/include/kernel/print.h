/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Formatted printing. How it works is told in kernel/print.c (where the
 * characters go) and kernel/lib/format.c (how they are made). What is
 * understood is listed in kernel/format.h. Nothing here allocates or sleeps;
 * all of it works in any context.
 */

#ifndef KERNEL_PRINT_H
#define KERNEL_PRINT_H

#include <stdarg.h>

#include <kernel/format.h>
#include <mm/types.h>

/**
 * Prints to the console and to the log. What one call prints stays together: a line that is printed by one call is
 * never mixed with another's. \n becomes \r\n on the console. Any context.
 * @return characters printed
 */
int kprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** As kprintf, with its arguments in a list. */
int vkprintf(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/** As vkprintf, and a new line: in one call, so that the line stays whole. */
void vkprint_line(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/**
 * Lines of vkprint_line that begin so, and those after them that begin with a blank, get a mark that says that they are
 * expected; NULL = none. For tests of what is logged.
 */
void print_expect(const char *beginning);

/** Prints bytes as they are: no format. Any context. */
void kprint_bytes(const char *text, size_t bytes);

/**
 * Keeps what is printed from the console, or no longer: then it goes to the log only. For tests of what prints much; a
 * panic is printed all the same.
 */
void print_mute(bool mute);

/** Told by panic: from here on this CPU prints even if it, or a CPU that was stopped, holds the lock of the console. */
void print_break_lock(void);

/* ---- the log: the last LOG_SIZE characters that were printed ---- */

#define LOG_SIZE KiB(16)

/** The number of the next character that will be printed. Characters are numbered from the first one after boot. */
uint64_t log_position(void);

/**
 * Copies part of the log.
 *
 * @param position  number of the first character wanted; receives the number of the first one copied, which is higher
 *                  if those before it have been overwritten
 * @return characters copied; 0 = there are none from there on
 */
size_t log_read(uint64_t *position, char *buffer, size_t size);

#endif
