/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Copying, filling and comparing memory: a byte at a time up to the first word
 * boundary and after the last, words in between, four in a round. Two addresses
 * that differ in their offset within a word are worked off in bytes, so this is
 * right on machines that cannot load a word anywhere.
 *
 * The compiler calls memcpy, memmove, memset and memcmp unasked. This folder is
 * compiled with -fno-tree-loop-distribute-patterns, or it would turn the loops
 * below into calls of themselves.
 *
 * Any context, no locks. COST. About bytes / sizeof(long) loads and stores.
 */

#include <kernel/lib.h>

typedef unsigned long word_t;

#define WORD sizeof(word_t)

static inline bool aligned(const void *address)
{
	return (uintptr_t) address % WORD == 0;
}

static inline bool alike(const void *one, const void *other)
{
	return ((uintptr_t) one ^ (uintptr_t) other) % WORD == 0;
}

static void copy_upwards(char *to, const char *from, size_t bytes)
{
	if (alike(to, from)) {
		for (; bytes > 0 && !aligned(to); bytes--)
			*to++ = *from++;
		for (; bytes >= 4 * WORD; bytes -= 4 * WORD, to += 4 * WORD, from += 4 * WORD) {
			word_t *words = (word_t *) to;
			const word_t *source = (const word_t *) from;
			word_t first = source[0], second = source[1], third = source[2], fourth = source[3];

			words[0] = first;
			words[1] = second;
			words[2] = third;
			words[3] = fourth;
		}
		for (; bytes >= WORD; bytes -= WORD, to += WORD, from += WORD)
			*(word_t *) to = *(const word_t *) from;
	}
	while (bytes-- > 0)
		*to++ = *from++;
}

static void copy_downwards(char *to, const char *from, size_t bytes)
{
	to += bytes;
	from += bytes;
	if (alike(to, from)) {
		for (; bytes > 0 && !aligned(to); bytes--)
			*--to = *--from;
		for (; bytes >= WORD; bytes -= WORD) {
			to -= WORD;
			from -= WORD;
			*(word_t *) to = *(const word_t *) from;
		}
	}
	while (bytes-- > 0)
		*--to = *--from;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
	copy_upwards(to, from, bytes);
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	/* Upwards is right unless to lies within [from, from + bytes). */
	if ((uintptr_t) to - (uintptr_t) from >= bytes)
		copy_upwards(to, from, bytes);
	else
		copy_downwards(to, from, bytes);
	return to;
}

void *memset(void *at, int value, size_t bytes)
{
	unsigned char *to = at;
	word_t pattern = (unsigned char) value * (~(word_t) 0 / 0xff);

	for (; bytes > 0 && !aligned(to); bytes--)
		*to++ = (unsigned char) value;
	for (; bytes >= 4 * WORD; bytes -= 4 * WORD, to += 4 * WORD) {
		word_t *words = (word_t *) to;

		words[0] = words[1] = words[2] = words[3] = pattern;
	}
	for (; bytes >= WORD; bytes -= WORD, to += WORD)
		*(word_t *) to = pattern;
	while (bytes-- > 0)
		*to++ = (unsigned char) value;
	return at;
}

int memcmp(const void *one, const void *other, size_t bytes)
{
	const unsigned char *left = one, *right = other;

	for (; bytes > 0; bytes--, left++, right++)
		if (*left != *right)
			return *left - *right;
	return 0;
}
