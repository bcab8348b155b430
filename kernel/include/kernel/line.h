/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The line editor: bytes of a terminal in, a line and the bytes of its echo
 * out. It knows no hardware, takes no lock and allocates nothing, so that a
 * test can play both the person and the screen. How it works is told in
 * kernel/console/line/line.c.
 */

#ifndef KERNEL_LINE_H
#define KERNEL_LINE_H

#include <mm/types.h>

/* Most characters of a line. */
#define LINE_LIMIT 255

/* Columns used of the screen: one less than there are, as many terminals move on when the last one is written. */
#define LINE_WIDTH 79

/* Lines the history keeps. */
#define HISTORY_LINES 32

/* ---- names ---- */

/** Something that is told names one by one, whatever for: to complete one, to list them, to find the nearest. */
struct name_sink {
	/** Takes one name, which is good until it returns. */
	void (*take)(struct name_sink *sink, const char *name);
};

/* ---- keys ---- */

/** What a key means: a byte as it is, or one of these for what a terminal sends as a sequence. */
enum key {
	KEY_NONE = 0, /* nothing yet, or nothing known */
	KEY_UP = 0x100,
	KEY_DOWN,
	KEY_RIGHT,
	KEY_LEFT,
	KEY_HOME,
	KEY_END,
	KEY_DELETE,
	KEY_WORD_RIGHT,
	KEY_WORD_LEFT
};

struct key_decoder {
	enum { KEY_STATE_PLAIN, KEY_STATE_ESCAPE, KEY_STATE_CSI, KEY_STATE_SS3, KEY_STATE_SKIP } state;
	unsigned parameters[2]; /* the first two numbers of a control sequence */
	unsigned parameter;     /* which of them is being read; beyond: none */
	bool after_return;      /* the last byte was a carriage return: a line feed that follows belongs to it */
};

/** Takes one byte. @return a byte, an enum key, or KEY_NONE if no key is complete */
int key_decode(struct key_decoder *decoder, unsigned char byte);

/* ---- history ---- */

struct history {
	char lines[HISTORY_LINES][LINE_LIMIT + 1];
	size_t added; /* lines there have ever been; the last HISTORY_LINES of them are kept */
};

/** Keeps a line, unless it is blank or the same as the one before it. */
void history_add(struct history *history, const char *line);

/** The line so many before the next one: 1 is the latest. @return NULL if it is not kept (any more), or age is 0 */
const char *history_get(const struct history *history, size_t age);

/* ---- the editor ---- */

enum line_event {
	LINE_MORE,      /* go on */
	LINE_DONE,      /* Enter: the line is in text */
	LINE_ABANDONED, /* ^C */
	LINE_END,       /* ^D on an empty line */
	LINE_OVERRUN    /* Enter right after more was typed than fits: the line is not what was meant */
};

/** What completes the word before the cursor. */
struct completion {
	struct name_sink sink;
	struct line_editor *editor; /* whose word */
	size_t word, length;        /* where it begins in the text, and characters up to the cursor */
	size_t matches;             /* names that begin with it; one that is told twice counts twice */
	size_t longest;             /* characters of the longest of them */
	size_t common_length;       /* what all of them begin with: */
	char common[LINE_LIMIT + 1];
	char listed[LINE_LIMIT + 1]; /* when they are listed: the last one so far */
	char next[LINE_LIMIT + 1];   /* and the one to come; "" = none yet */
	size_t column;               /* where on the screen it goes */
};

struct line_editor {
	/* From the caller of line_init. */
	const char *prompt;
	struct history *history;
	void (*write)(const char *bytes, size_t count);
	/** Tells sink all names that may stand at text[word], given what stands before that. */
	void (*names)(const char *text, size_t word, struct name_sink *sink);

	/* The line. */
	char text[LINE_LIMIT + 1]; /* always ended by 0 */
	size_t length, cursor;     /* cursor <= length <= LINE_LIMIT */
	bool overrun;              /* the last thing typed did not fit */
	enum line_event event;     /* what the key being handled leads to */

	/* Where the arrows are in the history. */
	size_t age;                 /* of the line shown; 0 = the new one */
	char draft[LINE_LIMIT + 1]; /* the new one, while an older one is shown */

	/* What stands on the screen after the prompt. */
	char shown[LINE_WIDTH];
	size_t shown_length, shown_cursor;
	size_t scroll; /* characters of the text left of the window */

	struct key_decoder keys;
	unsigned tabs; /* pressed in a row */
	struct completion completion;
};

/** An editor with an empty line. Draws nothing yet; prompt, history and the functions must outlive it. */
void line_init(struct line_editor *editor, const char *prompt, struct history *history,
	void (*write)(const char *bytes, size_t count),
	void (*names)(const char *text, size_t word, struct name_sink *sink));

/** Begins a new line: prompt, and nothing after it. */
void line_begin(struct line_editor *editor);

/**
 * Takes one byte from the terminal and echoes what it does.
 * @return LINE_MORE, or why the line is over; then the cursor is on a fresh line of the screen and text is good until
 *         line_begin
 */
enum line_event line_feed(struct line_editor *editor, unsigned char byte);

#endif
