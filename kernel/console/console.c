/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The console's thread: characters from the ring of the input (kernel/input.c)
 * to the line editor, lines to the interpreter. The editor and its history are
 * static and belong to this thread; nothing here allocates.
 */

#include "groups.h"

#include <kernel/console.h>
#include <kernel/print.h>

#define PROMPT "hoplite> "

struct history console_history;

static struct line_editor editor;

/* Reads one line. @return why it is over */
static enum line_event read_line(void)
{
	enum line_event event;

	line_begin(&editor);
	do
		event = line_feed(&editor, (unsigned char) console_getc());
	while (event == LINE_MORE);
	return event;
}

static void handle(enum line_event event)
{
	switch (event) {
	case LINE_DONE:
		command_run(editor.text);
		break;
	case LINE_END:
		kprintf("This is the only console there is; halt stops the machine.\n");
		break;
	case LINE_OVERRUN:
		kprintf("The line was too long: nothing was done.\n");
		break;
	case LINE_ABANDONED:
	case LINE_MORE:
		break;
	}
}

void console_run(void *unused)
{
	(void) unused;
	line_init(&editor, PROMPT, &console_history, kprint_bytes, command_complete);
	for (;;)
		handle(read_line());
}
