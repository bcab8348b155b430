/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From the bytes that a terminal sends to keys.
 *
 * Most keys are one byte. The others are sequences (ECMA-48; xterm, "Control Sequences"):
 *
 *   ESC [ P ; P F    control sequence: numbers, then one final byte 0x40 to 0x7e that names the key
 *   ESC O F          the same final bytes, from a keypad in application mode
 *   ESC [ [ F        function keys of the Linux console
 *
 * A sequence that means nothing here is taken whole and dropped, so that its
 * tail is never taken for text. A control character in the midst of one breaks
 * it off and counts as itself: ^C works whatever the terminal was sending. ESC
 * before another character is dropped: what is typed after a stray ESC is not
 * lost. The state is of fixed size; each byte costs a few steps.
 */

#include <kernel/line.h>

#define ESCAPE 0x1b
#define CONTROL_MODIFIER 5 /* second number of a sequence: Ctrl was down */

static const struct {
	char final;
	short plain, control;
} finals[] = {
	{ 'A', KEY_UP, KEY_UP },
	{ 'B', KEY_DOWN, KEY_DOWN },
	{ 'C', KEY_RIGHT, KEY_WORD_RIGHT },
	{ 'D', KEY_LEFT, KEY_WORD_LEFT },
	{ 'F', KEY_END, KEY_END },
	{ 'H', KEY_HOME, KEY_HOME },
};

/* ESC [ number ~ */
static const short numbered[] = { [1] = KEY_HOME, [3] = KEY_DELETE, [4] = KEY_END, [7] = KEY_HOME, [8] = KEY_END };

static int key_of_final(const struct key_decoder *decoder, unsigned char final)
{
	unsigned number = decoder->parameters[0];

	if (final == '~')
		return number < ARRAY_COUNT(numbered) ? numbered[number] : KEY_NONE;
	for (size_t i = 0; i < ARRAY_COUNT(finals); i++)
		if (finals[i].final == final)
			return decoder->parameters[1] == CONTROL_MODIFIER ? finals[i].control : finals[i].plain;
	return KEY_NONE;
}

/* A byte 0x20 to 0x3f within a control sequence. Numbers saturate well above any that means something. */
static void take_parameter(struct key_decoder *decoder, unsigned char byte)
{
	if (byte == ';') {
		decoder->parameter++;
	} else if (byte >= '0' && byte <= '9' && decoder->parameter < ARRAY_COUNT(decoder->parameters)) {
		unsigned *number = &decoder->parameters[decoder->parameter];

		if (*number < 1000)
			*number = *number * 10 + (byte - '0');
	}
}

static int decode_csi(struct key_decoder *decoder, unsigned char byte)
{
	if (byte < 0x40) {
		take_parameter(decoder, byte);
		return KEY_NONE;
	}
	decoder->state = byte == '[' ? KEY_STATE_SKIP : KEY_STATE_PLAIN;
	return key_of_final(decoder, byte);
}

static int decode_escape(struct key_decoder *decoder, unsigned char byte)
{
	decoder->parameter = 0;
	decoder->parameters[0] = decoder->parameters[1] = 0;
	decoder->state = byte == '[' ? KEY_STATE_CSI : byte == 'O' ? KEY_STATE_SS3 : KEY_STATE_PLAIN;
	return decoder->state == KEY_STATE_PLAIN ? byte : KEY_NONE;
}

static int decode_control(struct key_decoder *decoder, unsigned char byte)
{
	bool second_half = byte == '\n' && decoder->after_return;

	decoder->after_return = byte == '\r';
	decoder->state = byte == ESCAPE ? KEY_STATE_ESCAPE : KEY_STATE_PLAIN;
	if (byte == ESCAPE || second_half)
		return KEY_NONE;
	return byte;
}

int key_decode(struct key_decoder *decoder, unsigned char byte)
{
	if (byte < 0x20)
		return decode_control(decoder, byte);
	decoder->after_return = false;
	switch (decoder->state) {
	case KEY_STATE_ESCAPE:
		return decode_escape(decoder, byte);
	case KEY_STATE_CSI:
		return decode_csi(decoder, byte);
	case KEY_STATE_SS3:
		decoder->state = KEY_STATE_PLAIN;
		return key_of_final(decoder, byte);
	case KEY_STATE_SKIP:
		decoder->state = KEY_STATE_PLAIN;
		return KEY_NONE;
	case KEY_STATE_PLAIN:
		break;
	}
	return byte;
}
