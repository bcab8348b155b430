/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * How the line being edited gets on the screen.
 *
 * After each key the row that should stand there is made up anew, held against
 * the row that does stand there, and only the difference is written:
 *
 *     hoplite> slab malloc-64            shown
 *     hoplite> slabs malloc-64           wanted: the first 4 columns are the same,
 *                  ^^^^^^^^^^             so this much is written
 *
 * The cursor goes left by backspaces and right by writing again what stands
 * there; what is left over at the end is overwritten with spaces. So the echo
 * of a character typed at the end is that character, nothing but ^L needs a
 * terminal that knows sequences, and no key has drawing code of its own.
 *
 * A line longer than the row is seen through a window, which moves by a
 * quarter of its width when the cursor would leave it; `<` and `>` in its
 * first and last column stand for what is hidden.
 *
 * Invariant "shown": shown[0 .. shown_length) stands right after the prompt,
 * with the cursor at shown_cursor <= LINE_WIDTH. Cost of a key: the width of
 * the row in steps, and the difference in bytes written.
 */

#include "line_parts.h"

#include <kernel/lib.h>

static size_t window_width(const struct line_editor *editor)
{
	return LINE_WIDTH - strlen(editor->prompt);
}

void screen_write(struct line_editor *editor, const char *text)
{
	editor->write(text, strlen(text));
}

/* Moves the window so that the cursor is in it, on neither mark, with two columns left at the line's end (for ^C). */
static void window_place(struct line_editor *editor)
{
	size_t width = window_width(editor), step = width / 4, cursor = editor->cursor;

	if (editor->length < width - 1)
		editor->scroll = 0;
	else if (cursor <= editor->scroll)
		editor->scroll = cursor > step ? cursor - step : 0;
	else if (cursor >= editor->scroll + width - 1)
		editor->scroll = cursor - (width - 1) + step;
}

/* Makes up the row that should stand after the prompt. @return its length */
static size_t window_fill(const struct line_editor *editor, char *row)
{
	size_t width = window_width(editor), rest = editor->length - editor->scroll;
	size_t count = rest < width ? rest : width;

	memcpy(row, editor->text + editor->scroll, count);
	if (editor->scroll > 0)
		row[0] = '<';
	if (rest > width)
		row[width - 1] = '>';
	return count;
}

static void move_to(struct line_editor *editor, size_t column)
{
	for (; editor->shown_cursor > column; editor->shown_cursor--)
		editor->write("\b", 1);
	if (editor->shown_cursor < column)
		editor->write(editor->shown + editor->shown_cursor, column - editor->shown_cursor);
	editor->shown_cursor = column;
}

/* Writes spaces over what stands from the cursor to the end of the old row. */
static void erase_rest(struct line_editor *editor)
{
	for (; editor->shown_cursor < editor->shown_length; editor->shown_cursor++)
		editor->write(" ", 1);
}

void screen_update(struct line_editor *editor)
{
	char row[LINE_WIDTH];
	size_t count, same = 0;

	window_place(editor);
	count = window_fill(editor, row);
	while (same < count && same < editor->shown_length && row[same] == editor->shown[same])
		same++;
	if (same < count || count < editor->shown_length) {
		move_to(editor, same);
		if (count > same)
			editor->write(row + same, count - same);
		editor->shown_cursor = count;
		erase_rest(editor);
		memcpy(editor->shown, row, count);
		editor->shown_length = count;
	}
	move_to(editor, editor->cursor - editor->scroll);
}

void screen_begin(struct line_editor *editor)
{
	screen_write(editor, editor->prompt);
	editor->shown_length = editor->shown_cursor = 0;
	screen_update(editor);
}

void screen_end(struct line_editor *editor)
{
	move_to(editor, editor->shown_length);
	screen_write(editor, "\n");
	editor->shown_length = editor->shown_cursor = 0;
}
