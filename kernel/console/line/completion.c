/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Completion of the word before the cursor.
 *
 * Who knows the names tells all of them, one by one, in any order and maybe
 * some of them twice (there are static functions of one name); nothing is
 * collected. A first round counts those that begin with the word and keeps what
 * they have in common: that much is typed for the person, and a space if it is
 * the whole name. If that adds nothing, a second TAB lists them, sorted and in
 * columns, the width of which the first round has found: each name listed takes
 * a round, which finds the first one behind the last one listed.
 *
 * So it needs no memory but three names', and costs a walk over the names, or
 * as many as are listed. A list is cut after LISTED_MOST: there are thousands of
 * symbols.
 */

#include "line_parts.h"

#include <kernel/lib.h>

#define LISTED_MOST 120
#define COLUMN_GAP 2

static bool matches(const struct completion *completion, const char *name)
{
	return strncmp(name, completion->editor->text + completion->word, completion->length) == 0;
}

/* First round: counts, and keeps what all have in common. */
static void take_count(struct name_sink *sink, const char *name)
{
	struct completion *completion = CONTAINER_OF(sink, struct completion, sink);
	size_t length = strlen(name), same = 0;

	if (length > LINE_LIMIT || !matches(completion, name))
		return;
	if (completion->matches++ == 0) {
		memcpy(completion->common, name, length + 1);
		completion->common_length = length;
	}
	while (same < completion->common_length && completion->common[same] == name[same])
		same++;
	completion->common_length = same;
	if (length > completion->longest)
		completion->longest = length;
}

static size_t digits(const char *text)
{
	size_t count = 0;

	while (text[count] >= '0' && text[count] <= '9')
		count++;
	return count;
}

/* Whether one name comes before the other in a list: by the alphabet, and malloc-64 before malloc-128. */
static bool precedes(const char *one, const char *other)
{
	while (*one == *other && *one != 0) {
		one++;
		other++;
	}
	return digits(one) != digits(other) ? digits(one) < digits(other) : *one < *other;
}

/* Other rounds: find the first name behind the last one listed. */
static void take_next(struct name_sink *sink, const char *name)
{
	struct completion *completion = CONTAINER_OF(sink, struct completion, sink);

	if (strlen(name) <= LINE_LIMIT && matches(completion, name) && precedes(completion->listed, name) &&
		(completion->next[0] == 0 || precedes(name, completion->next)))
		memcpy(completion->next, name, strlen(name) + 1);
}

static void round_of(struct completion *completion, void (*take)(struct name_sink *sink, const char *name))
{
	struct line_editor *editor = completion->editor;

	completion->sink.take = take;
	editor->names(editor->text, completion->word, &completion->sink);
}

static void look(struct line_editor *editor)
{
	struct completion *completion = &editor->completion;
	size_t word = editor->cursor;

	while (word > 0 && editor->text[word - 1] != ' ')
		word--;
	memset(completion, 0, sizeof(*completion));
	completion->editor = editor;
	completion->word = word;
	completion->length = editor->cursor - word;
	round_of(completion, take_count);
}

static bool find_next(struct completion *completion)
{
	completion->next[0] = 0;
	round_of(completion, take_next);
	return completion->next[0] != 0;
}

/* Writes a name in the next column, or on the next row if there is none left. */
static void write_name(struct line_editor *editor, const char *name)
{
	struct completion *completion = &editor->completion;
	size_t width = completion->longest + COLUMN_GAP;

	if (completion->column > 0 && completion->column + completion->longest > LINE_WIDTH) {
		screen_write(editor, "\n");
		completion->column = 0;
	}
	screen_write(editor, name);
	completion->column += width;
	if (completion->column + completion->longest <= LINE_WIDTH)
		for (size_t i = strlen(name); i < width; i++)
			screen_write(editor, " ");
}

static void list(struct line_editor *editor)
{
	struct completion *completion = &editor->completion;
	size_t listed = 0;

	screen_end(editor);
	while (find_next(completion) && listed++ < LISTED_MOST) {
		write_name(editor, completion->next);
		memcpy(completion->listed, completion->next, sizeof(completion->listed));
	}
	screen_write(editor, completion->next[0] != 0 ? "\n... and more: type another letter\n" : "\n");
	screen_begin(editor);
}

/* Whether all that match are one and the same name. */
static bool is_certain(const struct completion *completion)
{
	return completion->matches > 0 && completion->common_length == completion->longest;
}

static void type_rest(struct line_editor *editor)
{
	const struct completion *completion = &editor->completion;

	for (size_t i = completion->length; i < completion->common_length; i++)
		line_insert(editor, completion->common[i]);
	if (is_certain(completion) && editor->text[editor->cursor] != ' ')
		line_insert(editor, ' ');
}

void completion_run(struct line_editor *editor)
{
	const struct completion *completion = &editor->completion;

	look(editor);
	editor->tabs++;
	if (is_certain(completion) || completion->common_length > completion->length)
		type_rest(editor);
	else if (completion->matches > 1 && editor->tabs > 1)
		list(editor);
	else
		screen_write(editor, "\a");
}
