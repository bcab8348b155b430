/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Log and panic on the host.
 *
 * A line of log is a comment of KTAP on the standard output, so that it can
 * stand among test results, and is kept in a ring of the last 16 KiB, so that a
 * test can ask whether something was told. A panic goes to the standard error,
 * with the addresses of who called whom, and ends the process by abort: a
 * debugger or a core file has the rest. Both may come from any context: they
 * take one mutex, which nothing is waited for under.
 */

#include <execinfo.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arch/host.h>
#include <mm/port.h>

#define LOG_ROOM KiB(16)
#define LINE_ROOM 1024
#define MARK "(expected) "
#define BACKTRACE_DEPTH 32

void (*host_panic_hook)(const char *message);

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char kept[LOG_ROOM + 1]; /* lines, oldest first, with a terminating 0 */
static size_t kept_bytes;
static bool printing = true;
static const char *expected; /* what lines begin with that are to be marked */
static bool expected_last;   /* the last line was one */

/* Adds a line, and drops whole lines from the front until it fits. */
static void keep(const char *line)
{
	size_t bytes = strlen(line);

	while (kept_bytes + bytes + 1 > LOG_ROOM) {
		char *end = strchr(kept, '\n');
		size_t dropped = (size_t) (end + 1 - kept);

		memmove(kept, end + 1, kept_bytes + 1 - dropped);
		kept_bytes -= dropped;
	}
	snprintf(kept + kept_bytes, sizeof kept - kept_bytes, "%s\n", line);
	kept_bytes += bytes + 1;
}

void port_log(const char *format, ...)
{
	char room[LINE_ROOM], *line = room + sizeof MARK - 1;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof room - (sizeof MARK - 1), format, arguments);
	va_end(arguments);
	line[strcspn(line, "\n")] = 0;
	pthread_mutex_lock(&log_lock);
	expected_last =
		expected != NULL && (strncmp(line, expected, strlen(expected)) == 0 || (expected_last && line[0] == ' '));
	if (expected_last) {
		line = room;
		memcpy(line, MARK, sizeof MARK - 1);
	}
	keep(line);
	if (printing)
		printf("# %s\n", line);
	pthread_mutex_unlock(&log_lock);
}

void host_log_expect(const char *beginning)
{
	pthread_mutex_lock(&log_lock);
	expected = beginning;
	expected_last = false;
	pthread_mutex_unlock(&log_lock);
}

void host_log_print(bool print)
{
	pthread_mutex_lock(&log_lock);
	printing = print;
	pthread_mutex_unlock(&log_lock);
}

void host_log_tell(void)
{
	pthread_mutex_lock(&log_lock);
	for (char *line = kept; *line != 0; line += strcspn(line, "\n") + 1)
		printf("# %.*s\n", (int) strcspn(line, "\n"), line);
	pthread_mutex_unlock(&log_lock);
}

bool host_log_has(const char *text)
{
	bool has;

	pthread_mutex_lock(&log_lock);
	has = strstr(kept, text) != NULL;
	pthread_mutex_unlock(&log_lock);
	return has;
}

void host_log_forget(void)
{
	pthread_mutex_lock(&log_lock);
	kept_bytes = 0;
	kept[0] = 0;
	pthread_mutex_unlock(&log_lock);
}

void port_panic(const char *format, ...)
{
	void *callers[BACKTRACE_DEPTH];
	char message[LINE_ROOM];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof message, format, arguments);
	va_end(arguments);
	if (host_panic_hook != NULL)
		host_panic_hook(message);
	fflush(stdout);
	fprintf(stderr, "panic: %s\n", message);
	backtrace_symbols_fd(callers, backtrace(callers, BACKTRACE_DEPTH), 2);
	abort();
}
