/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The line editor: what each key does to the text.
 *
 *     byte --> key_decode --> table of keys --> text, cursor --> screen_update --> bytes of the echo
 *              (keys.c)       (here)                             (screen.c)
 *
 * Keys change the text and the cursor and nothing else; what that looks like
 * is left to screen.c. A byte that is neither a key nor printable ASCII is
 * dropped. A character that does not fit is dropped, told, and remembered: Enter
 * right after it gives LINE_OVERRUN, so that the head of a line pasted is never
 * run as if it were the whole; any other key says that the person has seen it.
 *
 * Contexts: one thread an editor. No lock, no allocation. Cost of a key: at most
 * the length of the line, but for completion.
 */

#include "line_parts.h"

#include <kernel/lib.h>

#define CONTROL(letter) (0x1f & (letter))
#define RUBOUT 0x7f

#define NUMBER_TEXT_(number) #number
#define NUMBER_TEXT(number) NUMBER_TEXT_(number)

/* Takes the characters from first up to last out. */
static void cut(struct line_editor *editor, size_t first, size_t last)
{
	memmove(editor->text + first, editor->text + last, editor->length - last + 1);
	editor->length -= last - first;
	editor->cursor = first;
}

static void replace_all(struct line_editor *editor, const char *text)
{
	editor->length = editor->cursor = strlen(text);
	memcpy(editor->text, text, editor->length + 1);
}

static void tell_overrun(struct line_editor *editor)
{
	screen_write(editor, "\a");
	if (editor->overrun)
		return;
	editor->overrun = true;
	screen_end(editor);
	screen_write(editor, "A line has at most " NUMBER_TEXT(LINE_LIMIT) " characters.\n");
	screen_begin(editor);
}

void line_insert(struct line_editor *editor, char character)
{
	if (editor->length == LINE_LIMIT) {
		tell_overrun(editor);
		return;
	}
	memmove(editor->text + editor->cursor + 1, editor->text + editor->cursor, editor->length - editor->cursor + 1);
	editor->text[editor->cursor++] = character;
	editor->length++;
}

static size_t word_left(const struct line_editor *editor)
{
	size_t at = editor->cursor;

	while (at > 0 && editor->text[at - 1] == ' ')
		at--;
	while (at > 0 && editor->text[at - 1] != ' ')
		at--;
	return at;
}

static size_t word_right(const struct line_editor *editor)
{
	size_t at = editor->cursor;

	while (at < editor->length && editor->text[at] == ' ')
		at++;
	while (at < editor->length && editor->text[at] != ' ')
		at++;
	return at;
}

/* ---- keys ---- */

static void go_left(struct line_editor *editor)
{
	if (editor->cursor > 0)
		editor->cursor--;
}

static void go_right(struct line_editor *editor)
{
	if (editor->cursor < editor->length)
		editor->cursor++;
}

static void go_home(struct line_editor *editor)
{
	editor->cursor = 0;
}

static void go_end(struct line_editor *editor)
{
	editor->cursor = editor->length;
}

static void go_word_left(struct line_editor *editor)
{
	editor->cursor = word_left(editor);
}

static void go_word_right(struct line_editor *editor)
{
	editor->cursor = word_right(editor);
}

static void cut_left(struct line_editor *editor)
{
	if (editor->cursor > 0)
		cut(editor, editor->cursor - 1, editor->cursor);
}

static void cut_right(struct line_editor *editor)
{
	if (editor->cursor < editor->length)
		cut(editor, editor->cursor, editor->cursor + 1);
}

static void cut_right_or_end(struct line_editor *editor)
{
	if (editor->length > 0) {
		cut_right(editor);
		return;
	}
	screen_end(editor);
	editor->event = LINE_END;
}

static void cut_to_home(struct line_editor *editor)
{
	cut(editor, 0, editor->cursor);
}

static void cut_to_end(struct line_editor *editor)
{
	cut(editor, editor->cursor, editor->length);
}

static void cut_word_left(struct line_editor *editor)
{
	cut(editor, word_left(editor), editor->cursor);
}

static void go_older(struct line_editor *editor)
{
	const char *older = history_get(editor->history, editor->age + 1);

	if (older == NULL) {
		screen_write(editor, "\a");
		return;
	}
	if (editor->age++ == 0)
		memcpy(editor->draft, editor->text, editor->length + 1);
	replace_all(editor, older);
}

static void go_newer(struct line_editor *editor)
{
	if (editor->age == 0) {
		screen_write(editor, "\a");
		return;
	}
	replace_all(editor, --editor->age == 0 ? editor->draft : history_get(editor->history, editor->age));
}

static void clear_screen(struct line_editor *editor)
{
	screen_write(editor, "\033[H\033[2J");
	screen_begin(editor);
}

static void abandon(struct line_editor *editor)
{
	go_end(editor);
	screen_update(editor);
	screen_write(editor, "^C");
	screen_end(editor);
	editor->event = LINE_ABANDONED;
}

static void enter(struct line_editor *editor)
{
	screen_end(editor);
	editor->event = editor->overrun ? LINE_OVERRUN : LINE_DONE;
	if (!editor->overrun)
		history_add(editor->history, editor->text);
}

static const struct {
	int key;
	void (*act)(struct line_editor *editor);
} bindings[] = {
	{ '\r', enter },
	{ '\n', enter },
	{ '\b', cut_left },
	{ RUBOUT, cut_left },
	{ '\t', completion_run },
	{ CONTROL('A'), go_home },
	{ CONTROL('B'), go_left },
	{ CONTROL('C'), abandon },
	{ CONTROL('D'), cut_right_or_end },
	{ CONTROL('E'), go_end },
	{ CONTROL('F'), go_right },
	{ CONTROL('K'), cut_to_end },
	{ CONTROL('L'), clear_screen },
	{ CONTROL('N'), go_newer },
	{ CONTROL('P'), go_older },
	{ CONTROL('U'), cut_to_home },
	{ CONTROL('W'), cut_word_left },
	{ KEY_UP, go_older },
	{ KEY_DOWN, go_newer },
	{ KEY_LEFT, go_left },
	{ KEY_RIGHT, go_right },
	{ KEY_HOME, go_home },
	{ KEY_END, go_end },
	{ KEY_DELETE, cut_right },
	{ KEY_WORD_LEFT, go_word_left },
	{ KEY_WORD_RIGHT, go_word_right },
};

static void act_on(struct line_editor *editor, int key)
{
	if (key >= ' ' && key < RUBOUT) {
		line_insert(editor, (char) key);
		return;
	}
	for (size_t i = 0; i < ARRAY_COUNT(bindings); i++)
		if (bindings[i].key == key) {
			bindings[i].act(editor);
			if (editor->event == LINE_MORE && key != '\t')
				editor->overrun = false;
		}
}

void line_init(struct line_editor *editor, const char *prompt, struct history *history,
	void (*write)(const char *bytes, size_t count),
	void (*names)(const char *text, size_t word, struct name_sink *sink))
{
	memset(editor, 0, sizeof(*editor));
	editor->prompt = prompt;
	editor->history = history;
	editor->write = write;
	editor->names = names;
}

void line_begin(struct line_editor *editor)
{
	editor->length = editor->cursor = editor->age = editor->scroll = 0;
	editor->text[0] = 0;
	editor->overrun = false;
	editor->event = LINE_MORE;
	editor->tabs = 0;
	screen_begin(editor);
}

enum line_event line_feed(struct line_editor *editor, unsigned char byte)
{
	int key = key_decode(&editor->keys, byte);

	if (key == KEY_NONE)
		return LINE_MORE;
	if (key != '\t')
		editor->tabs = 0;
	act_on(editor, key);
	if (editor->event == LINE_MORE)
		screen_update(editor);
	return editor->event;
}
