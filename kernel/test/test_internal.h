/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the files of the test framework share, and no case sees.
 *
 *   test.c       cases, checks, and how a case is run
 *   ledger.c     what a case holds; ledger_frames.c: frames and promises
 *   counters.c   where the core's counters stand
 *   the glue     printing, threads, panics: kernel/test/machine/glue.c, test/host_glue.c
 */

#ifndef TEST_INTERNAL_H
#define TEST_INTERNAL_H

#include <stdarg.h>

#include <test.h>

/** Counts a failure of the running case; true if it is to be told (there may be thousands). */
bool test_fail(void);

/* ---- ledger.c ---- */

/** Takes memory for the ledger. @return false if there is none */
MUST_USE bool ledger_open(void);
void ledger_close(void);

/** Gives back all that the ledger holds. */
void ledger_settle(void);

/* ---- ledger_frames.c ---- */

/** Bytes that the ledger needs for frames. */
size_t ledger_frames_size(void);
void ledger_frames_open(uint32_t *bits); /* all zero */
void ledger_frames_settle(void);

/* ---- counters.c ---- */

/** Gives back all that the core keeps back, and notes where its counters stand. */
void counters_take(void);

/** Gives back as before, and tells every counter that stands elsewhere. @return how many do */
size_t counters_compare(void);

/* ---- glue ---- */

void test_print(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));

/** As vsnprintf. */
void test_format_list(char *buffer, size_t size, const char *format, va_list arguments)
	__attribute__((format(printf, 3, 0)));

/** From here on test_logged looks. */
void test_log_mark(void);

/** From here on lines of log that begin so, and those after them that begin with a blank, are marked; NULL = none. */
void test_log_expect(const char *beginning);

/** Runs a case that is to panic. */
enum test_outcome test_run_panicking(const struct test_case *test, char *reason);

/** Makes ready what starting threads will need, before the counters are taken. */
void test_threads_prepare(void);

/** Waits until threads that have been joined are quite gone, with all they held. */
void test_threads_settle(void);

/** Ends them, after the last case, and gives back all that the cases have left in caches. */
void test_threads_end(void);

#endif
