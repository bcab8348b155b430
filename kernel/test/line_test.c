/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The console's line editor: bytes in, a screen out. The screen is a terminal
 * of one row's memory, which knows what the editor may send and fails a case
 * at anything else.
 */

#include <kernel/line.h>
#include <test.h>

#include <kernel/lib.h>

#define PROMPT "> "
#define PROMPT_LENGTH (sizeof(PROMPT) - 1)
#define CLEAR "\033[H\033[2J"
#define COLUMNS (LINE_WIDTH + 1)

/* ---- the terminal ---- */

static struct terminal {
	char row[COLUMNS + 1];    /* the row the cursor is in, spaces where nothing stands */
	char before[COLUMNS + 1]; /* the row above it */
	size_t column, rows, bells, clears;
	size_t clear_seen; /* characters of CLEAR that have come */
	bool wrapped, unknown;
} terminal;

static void row_clear(void)
{
	memset(terminal.row, ' ', COLUMNS);
	terminal.column = 0;
}

static void row_next(void)
{
	memcpy(terminal.before, terminal.row, sizeof(terminal.row));
	terminal.rows++;
	row_clear();
}

static void terminal_clear(char byte)
{
	terminal.unknown |= byte != CLEAR[terminal.clear_seen++];
	if (terminal.clear_seen == sizeof(CLEAR) - 1) {
		terminal.clear_seen = 0;
		terminal.clears++;
		row_clear();
	}
}

static void terminal_control(char byte)
{
	if (byte == '\b' && terminal.column > 0)
		terminal.column--;
	else if (byte == '\n')
		row_next();
	else if (byte == '\a')
		terminal.bells++;
	else
		terminal.unknown = true;
}

static void terminal_byte(char byte)
{
	if (byte == CLEAR[0] || terminal.clear_seen > 0) {
		terminal_clear(byte);
	} else if (byte >= ' ' && byte < 0x7f) {
		terminal.row[terminal.column++] = byte;
		if (terminal.column == COLUMNS) {
			terminal.wrapped = true;
			row_next();
		}
	} else {
		terminal_control(byte);
	}
}

static void terminal_write(const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		terminal_byte(bytes[i]);
}

/* Whether a row of the screen is this text, and spaces after it. */
static bool row_is(const char *row, const char *text)
{
	size_t length = strlen(text);

	for (size_t i = length; i < COLUMNS; i++)
		if (row[i] != ' ')
			return false;
	return memcmp(row, text, length) == 0;
}

/* ---- the editor at it ---- */

static struct line_editor editor;
static struct history history;

static void tell_names(const char *text, size_t word, struct name_sink *sink)
{
	static const char *const commands[] = { "zones", "slab", "slabs", "symaddr", "zone", "symaddr" };
	static const char *const arguments[] = { "malloc-16", "malloc-128", "malloc-8", "malloc-16", "malloc-a" };

	(void) text;
	if (word == 0)
		for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
			sink->take(sink, commands[i]);
	else
		for (size_t i = 0; i < ARRAY_COUNT(arguments); i++)
			sink->take(sink, arguments[i]);
}

static void start(void)
{
	memset(&terminal, 0, sizeof(terminal));
	row_clear();
	memset(&history, 0, sizeof(history));
	line_init(&editor, PROMPT, &history, terminal_write, tell_names);
	line_begin(&editor);
}

/* Whether the screen shows what the editor holds. */
static bool screen_agrees(void)
{
	char row[COLUMNS + 1] = PROMPT;
	size_t width = LINE_WIDTH - PROMPT_LENGTH, rest = editor.length - editor.scroll;
	size_t count = rest < width ? rest : width;

	memcpy(row + PROMPT_LENGTH, editor.text + editor.scroll, count);
	row[PROMPT_LENGTH + count] = 0;
	if (editor.scroll > 0)
		row[PROMPT_LENGTH] = '<';
	if (rest > width)
		row[PROMPT_LENGTH + width - 1] = '>';
	return !terminal.wrapped && !terminal.unknown && row_is(terminal.row, row) &&
		terminal.column == PROMPT_LENGTH + editor.cursor - editor.scroll;
}

static enum line_event type(const char *keys)
{
	enum line_event event = LINE_MORE;

	for (; *keys != 0; keys++) {
		event = line_feed(&editor, (unsigned char) *keys);
		if (event != LINE_MORE)
			CHECK(keys[1] == 0);
		else
			CHECK(screen_agrees());
	}
	return event;
}

static void type_line(const char *keys)
{
	CHECK_EQ(type(keys), LINE_MORE);
	CHECK_EQ(type("\r"), LINE_DONE);
	line_begin(&editor);
}

/* ---- cases ---- */

#define UP "\033[A"
#define DOWN "\033[B"
#define RIGHT "\033[C"
#define LEFT "\033[D"
#define CONTROL_N "\016"
#define CONTROL_P "\020"

TEST(line_keys, "each key of the line editor does what it says, and the screen shows it")
{
	static const struct {
		const char *keys, *text;
		size_t cursor;
	} cases[] = {
		{ "zones", "zones", 5 },
		{ "zones" LEFT LEFT "XY", "zonXYes", 5 },
		{ "zones\b\x7f", "zon", 3 },
		{ "\b\b", "", 0 },
		{ "ab\001\x7f", "ab", 0 },
		{ "ab\033[Hx", "xab", 1 },
		{ "ab\033OHx", "xab", 1 },
		{ "ab\033[1~x\033[4~y", "xaby", 4 },
		{ "ab\033[7~x\033[8~y", "xaby", 4 },
		{ "ab\001x\005y", "xaby", 4 },
		{ "ab\033[D\033[F!", "ab!", 3 },
		{ "ab\033[D\033OF!", "ab!", 3 },
		{ "abc\001\033[3~", "bc", 0 },
		{ "abc\033[3~", "abc", 3 },
		{ "abc\001\004\004", "c", 0 },
		{ "one two" LEFT LEFT "\013", "one t", 5 },
		{ "one two" LEFT LEFT "\025", "wo", 0 },
		{ "one two  \027", "one ", 4 },
		{ "one\027\027", "", 0 },
		{ "one two\033[1;5Dx", "one xtwo", 5 },
		{ "one two\001\033[1;5Cx", "onex two", 4 },
		{ "ab" RIGHT RIGHT "c", "abc", 3 },
		{ "ab" LEFT LEFT LEFT "c", "cab", 1 },
		{ "ab\002\002x\006y", "xayb", 3 },
	};

	for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
		start();
		CHECK_EQ(type(cases[i].keys), LINE_MORE);
		CHECK_STR(editor.text, cases[i].text);
		CHECK_EQ(editor.cursor, cases[i].cursor);
	}
}

TEST(line_foreign_bytes, "bytes and sequences that mean nothing to the line editor leave no trace")
{
	static const char *const nothing[] = { "\200\377", "\303\244", "\001\007", "\033[5~", "\033[15~", "\033[1;2P",
		"\033OP", "\033[[A", "\033[?1;2c", "\033[99999999999999999999~", "\033[1;2;3;4;5;6;7;8~", "\033\033[Z",
		"\034\035\036\037" };

	for (size_t i = 0; i < ARRAY_COUNT(nothing); i++) {
		start();
		CHECK_EQ(type(nothing[i]), LINE_MORE);
		CHECK_EQ(type("ok"), LINE_MORE);
		CHECK_STR(editor.text, "ok");
	}
	start();
	CHECK_EQ(line_feed(&editor, 0), LINE_MORE);
	CHECK_EQ(editor.length, 0);
}

TEST(line_broken_sequence, "a control character in the midst of a sequence counts, and ESC before a letter is dropped")
{
	start();
	CHECK_EQ(type("ab\033[\001c"), LINE_MORE);
	CHECK_STR(editor.text, "cab");
	CHECK_EQ(type("\033[1;\003"), LINE_ABANDONED);
	start();
	CHECK_EQ(type("\033zone"), LINE_MORE);
	CHECK_STR(editor.text, "zone");
}

TEST(line_ends, "Enter in all its forms, ^C and ^D end a line as they should")
{
	start();
	CHECK_EQ(type("zones\r"), LINE_DONE);
	CHECK_STR(editor.text, "zones");
	CHECK(row_is(terminal.before, PROMPT "zones"));
	CHECK(row_is(terminal.row, ""));
	line_begin(&editor);
	CHECK_EQ(line_feed(&editor, '\n'), LINE_MORE); /* the second half of the first Enter */
	CHECK_EQ(type("slabs\n"), LINE_DONE);
	line_begin(&editor);
	CHECK_EQ(type("\n"), LINE_DONE);
	line_begin(&editor);
	CHECK_EQ(type("abc" LEFT LEFT "\003"), LINE_ABANDONED);
	CHECK(row_is(terminal.before, PROMPT "abc^C"));
	line_begin(&editor);
	CHECK_EQ(editor.length, 0);
	CHECK_EQ(type("\004"), LINE_END);
}

TEST(line_history, "the arrows walk the history, and the line begun is there again at its end")
{
	start();
	type_line("one");
	type_line("two");
	type_line("two");
	type_line("   ");
	CHECK_EQ(history.added, 2);
	CHECK_EQ(type("begun" UP), LINE_MORE);
	CHECK_STR(editor.text, "two");
	CHECK_EQ(type(UP), LINE_MORE);
	CHECK_STR(editor.text, "one");
	CHECK_EQ(type(UP UP), LINE_MORE);
	CHECK_STR(editor.text, "one");
	CHECK_EQ(terminal.bells, 2);
	CHECK_EQ(type(DOWN DOWN), LINE_MORE);
	CHECK_STR(editor.text, "begun");
	CHECK_EQ(type(DOWN CONTROL_P CONTROL_P CONTROL_N), LINE_MORE);
	CHECK_STR(editor.text, "two");
}

TEST(line_history_ring, "the history keeps its newest lines, as many as it has room for")
{
	char line[3] = "aa";

	start();
	for (unsigned i = 0; i < 2 * HISTORY_LINES + 3; i++) {
		line[0] = (char) ('a' + i % 26);
		line[1] = (char) ('a' + i / 26);
		type_line(line);
	}
	CHECK_STR(history_get(&history, 1), line);
	CHECK_NOT_NULL(history_get(&history, HISTORY_LINES));
	CHECK_NULL(history_get(&history, HISTORY_LINES + 1));
	CHECK_NULL(history_get(&history, 0));
	for (unsigned i = 0; i < HISTORY_LINES + 5; i++)
		CHECK_EQ(type(UP), LINE_MORE);
	CHECK_STR(editor.text, history_get(&history, HISTORY_LINES));
}

TEST(line_completion, "TAB completes what is certain, and lists the rest when pressed again")
{
	start();
	CHECK_EQ(type("z\t"), LINE_MORE);
	CHECK_STR(editor.text, "zone");
	CHECK_EQ(type("\t"), LINE_MORE);
	CHECK_EQ(terminal.rows, 2); /* the line as it was, and one row of names */
	CHECK(row_is(terminal.before, "zone   zones"));
	CHECK_EQ(type("s\t"), LINE_MORE);
	CHECK_STR(editor.text, "zones ");
	start();
	CHECK_EQ(type("sy\tm\t\t"), LINE_MORE); /* symaddr is told twice, and all the same it is certain */
	CHECK_STR(editor.text, "symaddr malloc-");
	CHECK(row_is(terminal.before, "malloc-a    malloc-8    malloc-16   malloc-128"));
	CHECK_EQ(type("16\t"), LINE_MORE);
	CHECK_STR(editor.text, "symaddr malloc-16 ");
	start();
	CHECK_EQ(type("x\t\t"), LINE_MORE);
	CHECK_STR(editor.text, "x");
	CHECK_EQ(terminal.bells, 2);
	CHECK_EQ(terminal.rows, 0);
}

TEST(line_limit, "a line that is too long is told, not overrun, and its head is not taken for the whole")
{
	start();
	for (size_t i = 0; i < LINE_LIMIT; i++)
		CHECK_EQ(type("x"), LINE_MORE);
	CHECK_EQ(terminal.bells, 0);
	CHECK_EQ(type("yz"), LINE_MORE);
	CHECK_EQ(editor.length, LINE_LIMIT);
	CHECK_EQ(terminal.bells, 2);
	CHECK_EQ(terminal.rows, 2); /* told once */
	CHECK_EQ(type("\r"), LINE_OVERRUN);
	CHECK_EQ(history.added, 0);
	line_begin(&editor);
	for (size_t i = 0; i < LINE_LIMIT + 1; i++)
		CHECK_EQ(type("x"), LINE_MORE);
	CHECK_EQ(type("\b\r"), LINE_DONE); /* the person has seen it */
}

TEST(line_window, "a long line is seen through a window that follows the cursor")
{
	start();
	for (size_t i = 0; i < 200; i++)
		CHECK_EQ(type(i % 10 == 9 ? " " : "x"), LINE_MORE);
	CHECK_EQ(terminal.rows, 0);
	CHECK_EQ(terminal.row[PROMPT_LENGTH], '<');
	CHECK_EQ(type("\001"), LINE_MORE);
	CHECK_EQ(terminal.row[PROMPT_LENGTH], 'x');
	CHECK_EQ(terminal.row[LINE_WIDTH - 1], '>');
	for (size_t i = 0; i < 200; i++)
		CHECK_EQ(type(RIGHT), LINE_MORE);
	for (size_t i = 0; i < 200; i++)
		CHECK_EQ(type(LEFT), LINE_MORE);
	CHECK_EQ(editor.cursor, 0);
}

TEST(line_clear, "^L clears the screen and draws the line again")
{
	start();
	CHECK_EQ(type("zones" LEFT "\014"), LINE_MORE);
	CHECK_EQ(terminal.clears, 1);
	CHECK(row_is(terminal.row, PROMPT "zones"));
}

TEST(line_random, "whatever bytes come, the line is whole and the screen shows it")
{
	static const char keys[] = "\001\002\004\005\006\b\t\013\014\016\020\025\027\x7f";
	struct test_random random = TEST_RANDOM(test_seed());
	size_t broken = 0;

	start();
	for (unsigned i = 0; i < 20000 && broken == 0; i++) {
		unsigned char byte = (unsigned char) test_random(&random);
		enum line_event event;

		if (test_random_below(&random, 4) == 0)
			byte = (unsigned char) keys[test_random_below(&random, sizeof(keys) - 1)];
		else if (test_random_below(&random, 8) != 0)
			byte = ' ' + byte % 95;
		event = line_feed(&editor, byte);
		broken += editor.length > LINE_LIMIT || editor.cursor > editor.length || strlen(editor.text) != editor.length;
		if (event != LINE_MORE)
			line_begin(&editor);
		broken += !screen_agrees();
	}
	CHECK_EQ(broken, 0);
}
