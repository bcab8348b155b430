/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Formatted printing into a sink, a character at a time: no buffer, so no
 * limit, no allocation, and about 200 bytes of stack. What is understood is
 * listed in kernel/format.h. An unknown conversion is printed as it stands, and
 * its argument is not taken.
 *
 * A directive  %[-0+#][width][.precision][hh|h|l|ll|z|t|j]conversion  is parsed
 * into a struct directive, then printed. Any context, no locks.
 *
 * Other kernels take this file alone, with kernel/format.h and mm/types.h: so
 * it needs no library, not the compiler's either.
 */

#include <kernel/format.h>

struct directive {
	bool left, zeros, plus, alternative;
	bool upper_case;
	int width;
	int precision;   /* -1 = none given */
	unsigned length; /* bytes of the integer */
};

struct output {
	struct format_sink *sink;
	int count;
};

/* The list in a struct, so that a pointer to it means the same on every machine. */
struct argument_list {
	va_list list;
};

/* Characters of a text, at most so many. */
static int text_length(const char *text, unsigned most)
{
	unsigned length = 0;

	while (length < most && text[length] != '\0')
		length++;
	return (int) length;
}

static void put(struct output *output, char character)
{
	output->sink->put(output->sink, character);
	output->count++;
}

static void put_repeated(struct output *output, char character, int count)
{
	while (count-- > 0)
		put(output, character);
}

static void put_padded(struct output *output, const struct directive *directive, const char *text, int length)
{
	if (!directive->left)
		put_repeated(output, ' ', directive->width - length);
	for (int i = 0; i < length; i++)
		put(output, text[i]);
	if (directive->left)
		put_repeated(output, ' ', directive->width - length);
}

/*
 * Divides by a base, as one does on paper, 16 bits at a time: a machine of 32 bits would call a library for it.
 * @return the rest
 */
static unsigned divide(uint64_t *value, unsigned base)
{
	uint32_t high = (uint32_t) (*value >> 32), low = (uint32_t) *value, rest = 0;
	uint32_t parts[4] = { high >> 16, high & 0xffff, low >> 16, low & 0xffff };

	for (unsigned i = 0; i < 4; i++) {
		parts[i] |= rest << 16;
		rest = parts[i] % base;
		parts[i] /= base;
	}
	*value = (uint64_t) (parts[0] << 16 | parts[1]) << 32 | (parts[2] << 16 | parts[3]);
	return rest;
}

/* Writes the digits to the end of a buffer. @return how many */
static int make_digits(char *end, uint64_t value, unsigned base, bool upper_case)
{
	const char *digits = upper_case ? "0123456789ABCDEF" : "0123456789abcdef";
	char *at = end;

	while (value > UINT32_MAX)
		*--at = digits[divide(&value, base)];

	uint32_t word = (uint32_t) value;

	do
		*--at = digits[word % base];
	while ((word /= base) != 0);
	return (int) (end - at);
}

static void put_number(
	struct output *output, const struct directive *directive, uint64_t value, unsigned base, const char *prefix)
{
	char buffer[20]; /* as many digits as 64 bits have at most */
	char *end = buffer + sizeof(buffer);
	int digits = make_digits(end, value, base, directive->upper_case);
	int least = (directive->precision < 0) ? 1 : directive->precision;
	int prefix_length = text_length(prefix, 2);

	if (directive->zeros && !directive->left && directive->precision < 0)
		least = directive->width - prefix_length;

	int zeros = (least > digits) ? least - digits : 0;
	int padding = directive->width - prefix_length - zeros - digits;

	if (!directive->left)
		put_repeated(output, ' ', padding);
	for (; *prefix != '\0'; prefix++)
		put(output, *prefix);
	put_repeated(output, '0', zeros);
	for (int i = digits; i > 0; i--)
		put(output, end[-i]);
	if (directive->left)
		put_repeated(output, ' ', padding);
}

static int64_t take_signed(const struct directive *directive, struct argument_list *arguments)
{
	if (directive->length == sizeof(long long))
		return va_arg(arguments->list, long long);

	int value = va_arg(arguments->list, int);

	return (directive->length == 1) ? (signed char) value : (directive->length == 2) ? (short) value : value;
}

static uint64_t take_unsigned(const struct directive *directive, struct argument_list *arguments)
{
	if (directive->length == sizeof(unsigned long long))
		return va_arg(arguments->list, unsigned long long);

	unsigned value = va_arg(arguments->list, unsigned);

	return (directive->length == 1) ? (unsigned char) value : (directive->length == 2) ? (unsigned short) value : value;
}

static void put_signed(struct output *output, const struct directive *directive, struct argument_list *arguments)
{
	int64_t value = take_signed(directive, arguments);

	if (value < 0)
		put_number(output, directive, -(uint64_t) value, 10, "-");
	else
		put_number(output, directive, (uint64_t) value, 10, directive->plus ? "+" : "");
}

static void put_hexadecimal(struct output *output, const struct directive *directive, uint64_t value)
{
	const char *prefix = directive->upper_case ? "0X" : "0x";

	put_number(output, directive, value, 16, (directive->alternative && value != 0) ? prefix : "");
}

static void put_string(struct output *output, const struct directive *directive, const char *text)
{
	if (text == NULL)
		text = "(null)";
	/* None given is -1: as many as there are. */
	put_padded(output, directive, text, text_length(text, (unsigned) directive->precision));
}

static void put_pointer(struct output *output, struct directive *directive, const void *pointer)
{
	directive->precision = 2 * sizeof(pointer);
	put_number(output, directive, (uintptr_t) pointer, 16, "0x");
}

static bool convert(
	struct output *output, struct directive *directive, char conversion, struct argument_list *arguments)
{
	switch (conversion) {
	case 'd':
	case 'i':
		put_signed(output, directive, arguments);
		return true;
	case 'u':
		put_number(output, directive, take_unsigned(directive, arguments), 10, "");
		return true;
	case 'X':
		directive->upper_case = true;
		/* fallthrough */
	case 'x':
		put_hexadecimal(output, directive, take_unsigned(directive, arguments));
		return true;
	case 'p':
		put_pointer(output, directive, va_arg(arguments->list, void *));
		return true;
	case 's':
		put_string(output, directive, va_arg(arguments->list, const char *));
		return true;
	case 'c': {
		char character = (char) va_arg(arguments->list, int);

		put_padded(output, directive, &character, 1);
		return true;
	}
	case '%':
		put(output, '%');
		return true;
	default:
		return false;
	}
}

static const char *parse_flags(const char *at, struct directive *directive)
{
	for (;; at++) {
		if (*at == '-')
			directive->left = true;
		else if (*at == '0')
			directive->zeros = true;
		else if (*at == '+')
			directive->plus = true;
		else if (*at == '#')
			directive->alternative = true;
		else
			return at;
	}
}

/* A number, or * for one among the arguments. */
static const char *parse_count(const char *at, int *count, struct argument_list *arguments)
{
	if (*at == '*') {
		*count = va_arg(arguments->list, int);
		return at + 1;
	}
	for (*count = 0; *at >= '0' && *at <= '9'; at++)
		*count = 10 * *count + (*at - '0');
	return at;
}

static const char *parse_length(const char *at, struct directive *directive)
{
	switch (*at) {
	case 'h':
		directive->length = (at[1] == 'h') ? 1 : sizeof(short);
		return at + ((at[1] == 'h') ? 2 : 1);
	case 'l':
		directive->length = (at[1] == 'l') ? sizeof(long long) : sizeof(long);
		return at + ((at[1] == 'l') ? 2 : 1);
	case 'z':
		directive->length = sizeof(size_t);
		return at + 1;
	case 't':
		directive->length = sizeof(ptrdiff_t);
		return at + 1;
	case 'j':
		directive->length = sizeof(intmax_t);
		return at + 1;
	default:
		return at;
	}
}

/* at stands behind the %. @return behind the directive */
static const char *print_directive(struct output *output, const char *at, struct argument_list *arguments)
{
	struct directive directive = { .precision = -1, .length = sizeof(int) };
	const char *start = at;

	at = parse_flags(at, &directive);
	at = parse_count(at, &directive.width, arguments);
	if (directive.width < 0) {
		directive.left = true;
		directive.width = -directive.width;
	}
	if (*at == '.')
		at = parse_count(at + 1, &directive.precision, arguments);
	at = parse_length(at, &directive);
	if (*at != '\0' && convert(output, &directive, *at, arguments))
		return at + 1;
	put(output, '%');
	return start;
}

int format_print(struct format_sink *sink, const char *format, va_list arguments)
{
	struct output output = { sink, 0 };
	struct argument_list list;

	va_copy(list.list, arguments);
	while (*format != '\0') {
		if (*format != '%')
			put(&output, *format++);
		else
			format = print_directive(&output, format + 1, &list);
	}
	va_end(list.list);
	return output.count;
}

struct buffer_sink {
	struct format_sink sink;
	char *at, *end; /* end leaves room for the 0 */
};

static void put_in_buffer(struct format_sink *sink, char character)
{
	struct buffer_sink *buffer = CONTAINER_OF(sink, struct buffer_sink, sink);

	if (buffer->at < buffer->end)
		*buffer->at++ = character;
}

int kvsnprintf(char *buffer, size_t size, const char *format, va_list arguments)
{
	struct buffer_sink sink = { { put_in_buffer }, buffer, (size > 0) ? buffer + size - 1 : buffer };
	int count = format_print(&sink.sink, format, arguments);

	if (size > 0)
		*sink.at = '\0';
	return count;
}

int ksnprintf(char *buffer, size_t size, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);

	int count = kvsnprintf(buffer, size, format, arguments);

	va_end(arguments);
	return count;
}
