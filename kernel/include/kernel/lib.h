/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Memory and string functions (those that the compiler calls unasked among
 * them), and the parsing of numbers. All of them work in any context. The names
 * and the promises are those of the C library.
 */

#ifndef KERNEL_LIB_H
#define KERNEL_LIB_H

#include <mm/types.h>

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memmove(void *to, const void *from, size_t bytes);
void *memset(void *at, int value, size_t bytes);
int memcmp(const void *one, const void *other, size_t bytes);

size_t strlen(const char *text);
size_t strnlen(const char *text, size_t most);
int strcmp(const char *one, const char *other);
int strncmp(const char *one, const char *other, size_t most);
char *strchr(const char *text, int character);
char *strrchr(const char *text, int character);
char *strstr(const char *text, const char *part);

/**
 * Copies a string into a buffer of size bytes, cut off if need be, always with its terminating 0 if size is not 0.
 * @return length of text: the copy was cut off if that is not less than size
 */
size_t strlcpy(char *to, const char *text, size_t size);

/** Whether text begins with prefix. */
bool string_starts_with(const char *text, const char *prefix);

/**
 * Reads a number: decimal, or hexadecimal after 0x, with K, M or G (powers of 1,024) after it if need be.
 *
 * @param value  receives the number; untouched on an error
 * @retval EOK
 * @retval EINVAL  text is not a number, or something follows it
 * @retval ERANGE  more than 64 bits hold
 */
MUST_USE errno_t parse_u64(const char *text, uint64_t *value);

/** As parse_u64, for a size_t or an address. @retval ERANGE  more than a size_t holds */
MUST_USE errno_t parse_size(const char *text, size_t *value);

/** Name of an error number: "EINVAL"; "E?" for one that is none of ours. */
const char *error_name(errno_t error);

/** What an error number means, in a few words. */
const char *error_text(errno_t error);

#endif
