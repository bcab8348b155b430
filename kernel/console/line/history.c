/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The lines typed before: a ring of fixed size. Line number n (counted from 0)
 * lies in slot n modulo HISTORY_LINES, so that a new line takes the place of
 * the oldest. One owner, no lock, no allocation.
 */

#include <kernel/lib.h>
#include <kernel/line.h>

static bool is_blank(const char *line)
{
	while (*line == ' ')
		line++;
	return *line == 0;
}

const char *history_get(const struct history *history, size_t age)
{
	if (age == 0 || age > history->added || age > HISTORY_LINES)
		return NULL;
	return history->lines[(history->added - age) % HISTORY_LINES];
}

void history_add(struct history *history, const char *line)
{
	const char *latest = history_get(history, 1);
	size_t length = strlen(line);

	if (is_blank(line) || length > LINE_LIMIT || (latest != NULL && strcmp(latest, line) == 0))
		return;
	memcpy(history->lines[history->added % HISTORY_LINES], line, length + 1);
	history->added++;
}
