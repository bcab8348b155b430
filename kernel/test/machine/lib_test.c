/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Memory, strings, numbers and formats.
 */

#include <kernel/lib.h>
#include <kernel/print.h>
#include <kernel/registers.h>
#include <test.h>

#define FIELD 64

static void fill_counting(unsigned char *bytes)
{
	for (unsigned i = 0; i < FIELD; i++)
		bytes[i] = (unsigned char) (i + 1);
}

TEST(lib_memory_moves, "memmove and memcpy: every place, distance and length up to a few words")
{
	unsigned char moved[FIELD], original[FIELD];
	size_t wrong = 0;

	fill_counting(original);
	for (size_t to = 0; to < 20; to++)
		for (size_t from = 0; from < 20; from++)
			for (size_t bytes = 0; bytes < 40; bytes++) {
				fill_counting(moved);
				memmove(moved + to, moved + from, bytes);
				for (size_t i = 0; i < FIELD; i++)
					wrong += moved[i] != original[(i >= to && i < to + bytes) ? i - to + from : i];
				fill_counting(moved);
				memcpy(moved + to, original + from, bytes);
				for (size_t i = 0; i < FIELD; i++)
					wrong += moved[i] != original[(i >= to && i < to + bytes) ? i - to + from : i];
			}
	CHECK_EQ(wrong, 0);
}

TEST(lib_memory_fills, "memset fills just what it is told")
{
	unsigned char filled[FIELD];
	size_t wrong = 0;

	for (size_t at = 0; at < 16; at++)
		for (size_t bytes = 0; bytes < 48; bytes++) {
			fill_counting(filled);
			memset(filled + at, 0x1a5, bytes);
			for (size_t i = 0; i < FIELD; i++)
				wrong += filled[i] != ((i >= at && i < at + bytes) ? 0xa5 : i + 1);
		}
	CHECK_EQ(wrong, 0);
	CHECK_EQ(memcmp("abc", "abd", 2), 0);
	CHECK(memcmp("abc", "abd", 3) < 0);
	CHECK(memcmp("\xff", "a", 1) > 0);
}

TEST(lib_strings, "strings are measured, compared, searched and cut as in the C library")
{
	char small[4];

	CHECK_EQ(strlen(""), 0);
	CHECK_EQ(strlen("four"), 4);
	CHECK_EQ(strnlen("four", 2), 2);
	CHECK_EQ(strcmp("same", "same"), 0);
	CHECK(strcmp("a", "b") < 0);
	CHECK(strcmp("ab", "a") > 0);
	CHECK_EQ(strncmp("abc", "abd", 2), 0);
	CHECK_STR(strchr("a.b.c", '.'), ".b.c");
	CHECK_STR(strrchr("a.b.c", '.'), ".c");
	CHECK_NULL(strchr("abc", 'x'));
	CHECK_STR(strstr("needle in hay", "in"), "in hay");
	CHECK_NULL(strstr("hay", "needle"));
	CHECK_EQ(strlcpy(small, "longer", sizeof(small)), 6);
	CHECK_STR(small, "lon");
	CHECK(string_starts_with("prefix", "pre"));
	CHECK(!string_starts_with("pre", "prefix"));
}

TEST(lib_numbers, "numbers are read with their base and unit, and what is none is refused")
{
	uint64_t value = 7;

	CHECK_EQ(parse_u64("0", &value), EOK);
	CHECK_EQ(value, 0);
	CHECK_EQ(parse_u64("18446744073709551615", &value), EOK);
	CHECK_EQ(value, UINT64_MAX);
	CHECK_EQ(parse_u64("0xFFffFFffFFffFFff", &value), EOK);
	CHECK_EQ(value, UINT64_MAX);
	CHECK_EQ(parse_u64("64K", &value), EOK);
	CHECK_EQ(value, 65536);
	CHECK_EQ(parse_u64("0x10m", &value), EOK);
	CHECK_EQ(value, 16 << 20);
	CHECK_EQ(parse_u64("18446744073709551616", &value), ERANGE);
	CHECK_EQ(parse_u64("17179869184G", &value), ERANGE);
	CHECK_EQ(parse_u64("", &value), EINVAL);
	CHECK_EQ(parse_u64("0x", &value), EINVAL);
	CHECK_EQ(parse_u64("-1", &value), EINVAL);
	CHECK_EQ(parse_u64("12x", &value), EINVAL);
	CHECK_EQ(parse_u64("1KK", &value), EINVAL);
	CHECK_EQ(value, 16 << 20);
}

/* volatile: the compiler knows what printf does with NULL. */
static const char *volatile no_text = NULL;

#define CHECK_FORMAT(expected, ...)                                                   \
	do {                                                                              \
		char printed[80];                                                             \
		CHECK_EQ(ksnprintf(printed, sizeof(printed), __VA_ARGS__), strlen(expected)); \
		CHECK_STR(printed, expected);                                                 \
	} while (0)

TEST(lib_formats, "every conversion, flag, width, precision and length does what printf does")
{
	CHECK_FORMAT("plain 100%", "plain %d%%", 100);
	CHECK_FORMAT("-5|  -5|-5  |-005", "%d|%4d|%-4d|%04d", -5, -5, -5, -5);
	CHECK_FORMAT("+5 0005   007", "%+d %.4d %5.3d", 5, 5, 7);
	CHECK_FORMAT("4294967295 ffffffff FFFFFFFF", "%u %x %X", 0xffffffffu, 0xffffffffu, 0xffffffffu);
	CHECK_FORMAT("0x1f 0 0X1F   0x1f 0x001f", "%#x %#x %#X %#6x %#06x", 0x1f, 0, 0x1f, 0x1f, 0x1f);
	CHECK_FORMAT("-9223372036854775808", "%lld", (long long) INT64_MIN);
	CHECK_FORMAT("18446744073709551615 ffffffffffffffff", "%llu %llx", (unsigned long long) UINT64_MAX,
		(unsigned long long) UINT64_MAX);
	CHECK_FORMAT("10000000000000000000", "%llu", 10000000000000000000ull);
	CHECK_FORMAT("12 -1 ff 255", "%zu %td %hhx %hu", (size_t) 12, (ptrdiff_t) -1, 0x1ff, 255);
	CHECK_FORMAT("text| text|text |te|(null)", "%s|%5s|%-5s|%.2s|%s", "text", "text", "text", "text", no_text);
	CHECK_FORMAT("[x] [  x] [  7] [7  ]", "[%c] [%3c] [%*d] [%*d]", 'x', 'x', 3, 7, -3, 7);
	CHECK_FORMAT("abc", "%.*s", 3, "abcdef");
	CHECK_FORMAT((sizeof(void *) == 4) ? "0x00001234" : "0x0000000000001234", "%p", (void *) 0x1234);
}

TEST(lib_format_cut_off, "a buffer too small gets what fits and its 0, and the length is told")
{
	char small[5] = "????";

	CHECK_EQ(ksnprintf(small, sizeof(small), "%s", "longer"), 6);
	CHECK_STR(small, "long");
	CHECK_EQ(ksnprintf(small, 0, "%d", 1234), 4);
	CHECK_STR(small, "long");
}

TEST(lib_log_keeps, "what was printed last is in the log, and what is older is told to be gone")
{
	static const char line[] = "# a line for the log\n";
	uint64_t position = log_position(), gone = 0;
	char tail[sizeof(line)] = "";

	CHECK_EQ(log_read(&position, tail, sizeof(tail)), 0);
	kprintf("%s", line);
	CHECK_EQ(log_read(&position, tail, sizeof(tail) - 1), sizeof(line) - 1);
	CHECK_STR(tail, line);
	CHECK_EQ(position + sizeof(line) - 1, log_position());
	if (log_position() > LOG_SIZE) {
		CHECK_EQ(log_read(&gone, tail, 1), 1);
		CHECK_EQ(gone, log_position() - LOG_SIZE);
	}
}

/* The first registers of a table of seven, of names of 2 and 3 letters, fill a line; the last ones begin another. */
TEST(lib_registers, "registers are printed in columns, by a table of names and places")
{
	static const struct trap_register table[] = { { "pc", 0, 0 }, { "sp", 0, 6 * sizeof(uintptr_t) },
		{ "r10", 0, sizeof(uintptr_t) }, { "r11", 0, 2 * sizeof(uintptr_t) }, { "r12", 0, 3 * sizeof(uintptr_t) },
		{ "r13", 0, 4 * sizeof(uintptr_t) }, { "r14", 0, 5 * sizeof(uintptr_t) } };
	static const char *const expected = sizeof(uintptr_t) == 4
		? "   pc 00000001  sp 00000007 r10 00000002 r11 00000003 r12 00000004 r13 00000005\n  r14 00000006\n"
		: "   pc 0000000000000001  sp 0000000000000007 r10 0000000000000002\n"
		  "  r11 0000000000000003 r12 0000000000000004 r13 0000000000000005\n"
		  "  r14 0000000000000006\n";
	uintptr_t words[ARRAY_COUNT(table)];
	uint64_t position = log_position();
	char text[256] = "";

	for (size_t i = 0; i < ARRAY_COUNT(words); i++)
		words[i] = i + 1;
	print_mute(true);
	trap_registers_print((const struct trap_frame *) words, table, ARRAY_COUNT(table));
	print_mute(false);
	(void) log_read(&position, text, sizeof(text) - 1);
	CHECK_STR(text, expected);
	CHECK_EQ((uintptr_t) trap_register((struct trap_frame *) words, &table[1]), (uintptr_t) &words[6]);
}
