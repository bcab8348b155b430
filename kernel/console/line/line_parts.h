/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the rooms of the line editor tell each other: the text (line.c), the
 * screen (screen.c) and completion (completion.c).
 */

#ifndef CONSOLE_LINE_PARTS_H
#define CONSOLE_LINE_PARTS_H

#include <kernel/line.h>

/** Writes text to the terminal. */
void screen_write(struct line_editor *editor, const char *text);

/** Writes the prompt on what is a fresh line, and the line as it stands. */
void screen_begin(struct line_editor *editor);

/** Makes the screen show the line as it stands. */
void screen_update(struct line_editor *editor);

/** Leaves the line as it stands on the screen and goes to a fresh one. */
void screen_end(struct line_editor *editor);

/** Puts one character in at the cursor; one too many sounds the bell, and is told the first time. */
void line_insert(struct line_editor *editor, char character);

/** Completes the word before the cursor; lists what it may become when TAB is pressed again. */
void completion_run(struct line_editor *editor);

#endif
