/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Numbers as people type them. Any context, no locks.
 */

#include <kernel/lib.h>

/* What a digit is worth; 16 or more if it is none. */
static unsigned digit_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return (unsigned) (digit - '0');
	digit |= 0x20;
	return (digit >= 'a' && digit <= 'f') ? (unsigned) (digit - 'a') + 10 : 16;
}

/* Powers of two that the suffix stands for; *text moves past it. */
static unsigned suffix_shift(const char **text)
{
	switch (**text | 0x20) {
	case 'k':
		(*text)++;
		return 10;
	case 'm':
		(*text)++;
		return 20;
	case 'g':
		(*text)++;
		return 30;
	default:
		return 0;
	}
}

errno_t parse_u64(const char *text, uint64_t *value)
{
	bool hexadecimal = text[0] == '0' && (text[1] | 0x20) == 'x';
	unsigned base = hexadecimal ? 16 : 10;
	uint64_t number = 0;
	bool too_large = false;

	if (hexadecimal)
		text += 2;
	if (digit_value(*text) >= base)
		return EINVAL;
	for (; digit_value(*text) < base; text++)
		too_large |= __builtin_mul_overflow(number, base, &number) ||
			__builtin_add_overflow(number, digit_value(*text), &number);

	unsigned shift = suffix_shift(&text);

	if (*text != '\0')
		return EINVAL;
	if (too_large || (number << shift) >> shift != number)
		return ERANGE;
	*value = number << shift;
	return EOK;
}

errno_t parse_size(const char *text, size_t *value)
{
	uint64_t number;
	errno_t result = parse_u64(text, &number);

	if (result != EOK)
		return result;
	if (number > SIZE_MAX)
		return ERANGE;
	*value = (size_t) number;
	return EOK;
}
