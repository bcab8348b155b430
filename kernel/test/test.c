/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Cases, checks, and how a case is run.
 *
 * The cases are found through the linker: TEST puts a pointer into the section
 * test_cases. They are sorted by file and line when first asked for.
 *
 * A RUN of a case: counters_take, ledger_open, the body with the injector armed
 * for the n-th atomic allocation (or not armed), ledger_settle, ledger_close,
 * counters_compare, mm_check. The plain test is one run. The injected test is
 * runs with n = 1, 2, 3 … until one sees no failure injected: the last that had
 * something to fail was the one before. In one more run no allocation fails, but
 * those that may sleep are made to wait, the last one woken first (mm/inject.h).
 * A case with more allocations than it
 * has runs left is sampled: the first half of the runs is dense, then each n is
 * larger by up to half of it, drawn by the seed; the result's line says so.
 *
 * mm_check walks all books; with very much memory it is left out of most
 * injected runs (never of the last): what a run breaks stays broken.
 *
 * WITHOUT THE TIME. The wait queue's patience is off (frame_patience) but for
 * cases that are about it: so a wake-up that is lost is not made good by a timer.
 *
 * Only one case runs at a time; its threads may check as they like: the state
 * of a run is written with atomic operations.
 */

#include <mm/check.h>
#include <mm/inject.h>

#include "test_internal.h"

/* Failed checks of one case that are told; the others are counted. */
#define TOLD_MOST 12

/* Beyond so many frames, only every CHECK_STRIDEth injected run is followed by mm_check. */
#define CHECK_FRAMES ((size_t) 1 << 17)
#define CHECK_STRIDE 8

size_t test_inject_runs = 16;

static struct {
	size_t failures;
	size_t needs;  /* NEEDs that were not met */
	size_t waited; /* calls that were made to wait */
	bool injecting;
	bool skipped;
	char reason[TEST_REASON_ROOM];
} run;

extern const struct test_case *__start_test_cases[], *__stop_test_cases[];

/* ---- the cases ---- */

size_t test_count(void)
{
	return (size_t) (__stop_test_cases - __start_test_cases);
}

static bool comes_before(const struct test_case *one, const struct test_case *other)
{
	int order = __builtin_strcmp(one->file, other->file);

	return order < 0 || (order == 0 && one->line < other->line);
}

static void sort_once(void)
{
	static bool sorted;

	if (sorted)
		return;
	sorted = true;
	for (size_t i = 1; i < test_count(); i++) {
		const struct test_case *moving = __start_test_cases[i];
		size_t at = i;

		for (; at > 0 && comes_before(moving, __start_test_cases[at - 1]); at--)
			__start_test_cases[at] = __start_test_cases[at - 1];
		__start_test_cases[at] = moving;
	}
}

const struct test_case *test_get(size_t i)
{
	sort_once();
	return __start_test_cases[i];
}

void test_suite_name(const struct test_case *test, char *name, size_t room)
{
	const char *base = test->file;
	size_t length = 0;

	for (const char *at = test->file; *at != 0; at++)
		if (*at == '/')
			base = at + 1;
	while (length + 1 < room && base[length] != 0 && base[length] != '.' &&
		__builtin_strcmp(base + length, "_test.c") != 0) {
		name[length] = base[length];
		length++;
	}
	name[length] = 0;
}

static bool begins_with(const char *text, const char *part)
{
	while (*part != 0)
		if (*text++ != *part++)
			return false;
	return true;
}

bool test_matches(const struct test_case *test, const char *name)
{
	char suite[32];

	if (__builtin_strcmp(name, "threads") == 0)
		return test->threads;
	test_suite_name(test, suite, sizeof suite);
	return __builtin_strcmp(name, "all") == 0 || begins_with(test->name, name) || begins_with(suite, name);
}

/* ---- checks ---- */

static void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void print(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	test_print(format, arguments);
	va_end(arguments);
}

void test_note(const char *format, ...)
{
	char line[256];
	va_list arguments;

	va_start(arguments, format);
	test_format_list(line, sizeof line, format, arguments);
	va_end(arguments);
	print("# %s\n", line);
}

void test_skip(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	test_format_list(run.reason, sizeof run.reason, format, arguments);
	va_end(arguments);
	run.skipped = true;
}

bool test_fail(void)
{
	return __atomic_add_fetch(&run.failures, 1, __ATOMIC_RELAXED) <= TOLD_MOST;
}

bool test_check(bool holds, const char *file, int line, const char *text)
{
	if (!holds && test_fail())
		test_note("%s:%d: not so: %s", file, line, text);
	return holds;
}

bool test_check_compared(bool holds, uint64_t left, uint64_t right, const char *file, int line, const char *text)
{
	if (!holds && test_fail())
		test_note("%s:%d: not so: %s (0x%llx and 0x%llx, %lld and %lld)", file, line, text, (unsigned long long) left,
			(unsigned long long) right, (long long) left, (long long) right);
	return holds;
}

bool test_check_string(const char *left, const char *right, const char *file, int line, const char *text)
{
	bool holds = __builtin_strcmp(left, right) == 0;

	if (!holds && test_fail())
		test_note("%s:%d: not so: %s (\"%s\" and \"%s\")", file, line, text, left, right);
	return holds;
}

bool test_need(bool holds, const char *file, int line, const char *text)
{
	if (holds)
		return true;
	__atomic_add_fetch(&run.needs, 1, __ATOMIC_RELAXED);
	if (inject_failed() == 0 || !run.injecting)
		if (test_fail())
			test_note("%s:%d: refused, though no failure was injected: %s", file, line, text);
	return false;
}

bool test_injecting(void)
{
	return run.injecting;
}

/* ---- random numbers ---- */

uint64_t test_random(struct test_random *random)
{
	uint64_t mixed = random->state += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ mixed >> 31;
}

size_t test_random_below(struct test_random *random, size_t bound)
{
	return (size_t) (test_random(random) >> 16) % bound;
}

/* ---- running ---- */

/*
 * One run; nth = 0: plain. waits: calls that may sleep and are made to wait.
 * @return failures; *reached: whether the nth allocation was there to fail
 */
static size_t run_once(const struct test_case *test, size_t nth, size_t waits, bool check, bool *reached)
{
	run.failures = run.needs = 0;
	run.injecting = nth != 0;
	inject_arm(0, false); /* whatever it was set to before: what a case needs is not to fail */
	test_log_mark();
	test_threads_prepare();
	counters_take();
	if (!ledger_open()) {
		test_note("no memory for the ledger of test cases");
		return ++run.failures;
	}
	test_log_expect(test->logs);
	frame_patience = test->patience ? FRAME_PATIENCE : 0;
	inject_arm(nth, false);
	inject_waits_arm(waits);
	test->body();
	*reached = nth != 0 && inject_failed() != 0;
	run.waited = inject_waited();
	inject_waits_arm(0);
	inject_arm(0, false);
	frame_patience = FRAME_PATIENCE;
	test_threads_settle();
	test_log_expect(NULL);
	if (test->logs != NULL && nth == 0 && !run.skipped && !test_logged(test->logs) && test_fail())
		test_note("%s:%d: nothing was logged that begins with \"%s\"", test->file, test->line, test->logs);
	ledger_settle();
	ledger_close();
	run.failures += counters_compare();
	if ((check || run.failures != 0 || (nth != 0 && !*reached)) && mm_check() != 0) {
		test_note("mm_check finds the core's books broken");
		run.failures++;
	}
	return run.failures;
}

/* Whether the case cannot run here; reason receives why. */
static bool unfit(const struct test_case *test, char *reason)
{
	struct frame_info info;

	if (test->host_only != NULL && !test_on_host) {
		test_format(reason, TEST_REASON_ROOM, "%s", test->host_only);
		return true;
	}
	frame_get_info(&info);
	if (info.free + info.cached < test->frames) {
		test_format(reason, TEST_REASON_ROOM, "needs %zu free frames", test->frames);
		return true;
	}
	return false;
}

static enum test_outcome outcome_of(size_t failures, char *reason)
{
	if (failures != 0)
		return TEST_FAILED;
	if (!run.skipped)
		return TEST_PASSED;
	test_format(reason, TEST_REASON_ROOM, "%s", run.reason);
	return TEST_SKIPPED;
}

enum test_outcome test_run_plain(const struct test_case *test, char *reason)
{
	bool reached;

	reason[0] = 0;
	if (unfit(test, reason))
		return TEST_SKIPPED;
	if (test->panics != NULL)
		return test_run_panicking(test, reason);
	run.skipped = false;
	return outcome_of(run_once(test, 0, 0, true, &reached), reason);
}

size_t test_tests_of(const struct test_case *test)
{
	return test->panics != NULL || test->plain_only != NULL ? 1 : 2;
}

/* The run in which calls that may sleep are made to wait. */
static size_t run_waiting(const struct test_case *test)
{
	bool reached;

	return run_once(test, 0, TEST_WAITS, true, &reached);
}

enum test_outcome test_run_injected(const struct test_case *test, char *reason)
{
	size_t most = test->inject_runs - 1 < test_inject_runs ? test->inject_runs : test_inject_runs;
	struct test_random random = TEST_RANDOM(test_seed());
	bool check_all = frame_end - FRAME_FIRST <= CHECK_FRAMES;
	size_t nth = 1, runs = 0, failures = 0;
	bool reached = true;

	reason[0] = 0;
	if (unfit(test, reason))
		return TEST_SKIPPED;
	for (run.skipped = false; reached && failures == 0 && runs < most && !run.skipped; runs++) {
		bool check = check_all || runs % CHECK_STRIDE == 0 || runs + 1 == most;

		failures = run_once(test, nth, 0, check, &reached);
		if (failures != 0)
			test_note("that was with allocation %zu made to fail", nth);
		nth += runs < most / 2 ? 1 : 1 + test_random_below(&random, nth / 2 + 1);
	}
	if (failures == 0 && !run.skipped && (failures = run_waiting(test)) != 0)
		test_note("that was with %zu calls made to wait", run.waited);
	if (reached)
		test_format(reason, TEST_REASON_ROOM, "sampled: %zu runs, up to allocation %zu", runs, nth);
	else
		test_format(reason, TEST_REASON_ROOM, "%zu runs", runs);
	return outcome_of(failures, reason);
}

void test_report(struct test_totals *totals, const struct test_case *test, bool injected, enum test_outcome outcome,
	const char *reason)
{
	size_t number = totals->passed + totals->failed + totals->skipped + 1;
	const char *mark = outcome == TEST_SKIPPED ? " # SKIP " : " # ";

	totals->passed += outcome == TEST_PASSED;
	totals->failed += outcome == TEST_FAILED;
	totals->skipped += outcome == TEST_SKIPPED;
	print("%s %zu %s%s%s%s\n", outcome == TEST_FAILED ? "not ok" : "ok", number, test->name, injected ? ".inject" : "",
		reason[0] != 0 ? mark : "", reason);
}

void test_print_head(size_t tests)
{
	print("KTAP version 1\n1..%zu\n", tests);
}

void test_print_totals(const struct test_totals *totals)
{
	print("# %zu passed, %zu failed, %zu skipped\n", totals->passed, totals->failed, totals->skipped);
}

static void run_case(const struct test_case *test, struct test_totals *totals)
{
	char reason[TEST_REASON_ROOM];
	enum test_outcome outcome = test_run_plain(test, reason);

	test_report(totals, test, false, outcome, reason);
	if (test_tests_of(test) == 1)
		return;
	outcome = test_run_injected(test, reason);
	test_report(totals, test, true, outcome, reason);
}

static size_t frames_free(void)
{
	struct frame_info info;

	test_threads_end();
	frame_get_info(&info);
	return info.free + info.cached;
}

/* Each case is held to its own leaks; the last line of a run is for what all of them together might leave behind. */
static void report_free(struct test_totals *totals, size_t before)
{
	static const struct test_case all = { .name = "free_as_before" };
	char reason[TEST_REASON_ROOM] = "";
	size_t after = frames_free();

	if (after != before)
		test_format(reason, sizeof(reason), "%zu frames were free before, %zu are now", before, after);
	test_report(totals, &all, false, after == before ? TEST_PASSED : TEST_FAILED, reason);
}

size_t test_run(const char *name)
{
	struct test_totals totals = { 0 };
	size_t tests = 0, free;

	for (size_t i = 0; i < test_count(); i++)
		if (test_matches(test_get(i), name))
			tests += test_tests_of(test_get(i));
	if (tests == 0) {
		print("There is no test whose name begins with \"%s\".\n", name);
		return SIZE_MAX;
	}
	test_print_head(tests + 1);
	print("# seed %llu\n", (unsigned long long) test_seed());
	free = frames_free();
	for (size_t i = 0; i < test_count(); i++)
		if (test_matches(test_get(i), name))
			run_case(test_get(i), &totals);
	report_free(&totals, free);
	test_print_totals(&totals);
	return totals.failed;
}
