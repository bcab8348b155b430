/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Formatting: needs no kernel, no C library and none of the compiler's, so a
 * kernel that takes the core and has no formatter for port_log and port_panic
 * may take this one (doc/embedding.md). How it works is documented in
 * kernel/lib/format.c.
 *
 * Formats: %d %i %u %x %X %p %s %c %%; flags - 0 + and # (0x before hexadecimal digits); width and precision,
 * both also as *; lengths hh h l ll z t j. %p prints 0x and all the digits of
 * an address. Precision is for %s (most characters) and for numbers (least
 * digits). Nothing here allocates or sleeps; all of it works in any context.
 */

#ifndef KERNEL_FORMAT_H
#define KERNEL_FORMAT_H

#include <stdarg.h>

#include <mm/types.h>

/** Where format_print sends characters. */
struct format_sink {
	void (*put)(struct format_sink *sink, char character);
};

/** Sends what a format and its arguments come to into a sink, character by character. @return characters sent */
int format_print(struct format_sink *sink, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

/**
 * Prints into a buffer; what does not fit is cut off. There is always a terminating 0 if size is not 0.
 * @return characters that a large enough buffer would hold, the 0 not counted
 */
int ksnprintf(char *buffer, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** As ksnprintf, with its arguments in a list. */
int kvsnprintf(char *buffer, size_t size, const char *format, va_list arguments) __attribute__((format(printf, 3, 0)));

#endif
