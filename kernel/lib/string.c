/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Strings: bytes up to a 0. Each function looks at each byte once (strstr: once
 * for each place it begins anew). Any context, no locks.
 */

#include <kernel/lib.h>

size_t strlen(const char *text)
{
	return strnlen(text, SIZE_MAX);
}

size_t strnlen(const char *text, size_t most)
{
	size_t length = 0;

	while (length < most && text[length] != '\0')
		length++;
	return length;
}

int strcmp(const char *one, const char *other)
{
	return strncmp(one, other, SIZE_MAX);
}

int strncmp(const char *one, const char *other, size_t most)
{
	for (; most > 0; most--, one++, other++)
		if (*one != *other || *one == '\0')
			return (unsigned char) *one - (unsigned char) *other;
	return 0;
}

char *strchr(const char *text, int character)
{
	for (; *text != (char) character; text++)
		if (*text == '\0')
			return NULL;
	return (char *) (uintptr_t) text;
}

char *strrchr(const char *text, int character)
{
	const char *last = NULL;

	do {
		if (*text == (char) character)
			last = text;
	} while (*text++ != '\0');
	return (char *) (uintptr_t) last;
}

char *strstr(const char *text, const char *part)
{
	for (;; text++) {
		if (string_starts_with(text, part))
			return (char *) (uintptr_t) text;
		if (*text == '\0')
			return NULL;
	}
}

size_t strlcpy(char *to, const char *text, size_t size)
{
	size_t length = strlen(text);

	if (size > 0) {
		size_t copied = (length < size) ? length : size - 1;

		memcpy(to, text, copied);
		to[copied] = '\0';
	}
	return length;
}

bool string_starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}
