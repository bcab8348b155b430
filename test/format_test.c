/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The formatter of kernel/lib/format.c, which other kernels may take, held against the C library's: the digits of
 * numbers of 64 bits above all, which it divides by hand.
 */

#include <stdio.h>
#include <string.h>

#include <kernel/format.h>
#include <test.h>

/* Both print the same, and say so. */
#define SAME(...)                                                   \
	do {                                                            \
		char ours[200], theirs[200];                                \
		int length = snprintf(theirs, sizeof(theirs), __VA_ARGS__); \
		int printed = ksnprintf(ours, sizeof(ours), __VA_ARGS__);   \
		NEED(printed == length && strcmp(ours, theirs) == 0);       \
	} while (0)

TEST(format_words, "numbers of every size print as the C library prints them")
{
	for (unsigned width = 0; width < 64; width++)
		for (unsigned around = 0; around < 5; around++) {
			unsigned long long value = (1ull << width) + around - 2;

			SAME("%llu %llx %#llx %lld", value, value, value, (long long) value);
			SAME("%lu %#lx %zu %#zx %zx", (unsigned long) value, (unsigned long) value, (size_t) value, (size_t) value,
				(size_t) value);
			SAME("%u %x %#x %d", (unsigned) value, (unsigned) value, (unsigned) value, (int) value);
			SAME("%30llu|%-30llx|%025llu|%.22llx", value, value, value, value);
		}
	for (unsigned long long value = 1; value <= ~0ull / 10; value *= 10) {
		SAME("%llu %llu %llu", value, value - 1, value * 10 - 1);
		SAME("%llx %llx", value, ~value);
	}
	SAME("%llu %lld", ~0ull, (long long) (1ull << 63));
}

TEST(format_log, "what port_log has to understand, and characters")
{
	const char *volatile none = NULL;
	char text[40];

	SAME("frame_alloc: %s: %zu frames, %#zx, %d %% %c", "no zone", (size_t) 17, (size_t) 0, -3, 'x');
	NEED(ksnprintf(text, sizeof(text), "%p", (void *) 0x12ab) == 2 + 2 * (int) sizeof(void *));
	NEED(strncmp(text, "0x0000", 6) == 0 && strcmp(text + strlen(text) - 4, "12ab") == 0);
	NEED(ksnprintf(text, 4, "%s", "longer") == 6 && strcmp(text, "lon") == 0);
	NEED(ksnprintf(text, sizeof(text), "%s", none) == 6 && strcmp(text, "(null)") == 0);
}
