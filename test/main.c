/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The host's runner: every case of kernel/test and test, under Check.
 *
 * The core is started once; each test then runs in a process that Check forks,
 * so it finds the core as it is after the start, and a crash, a hang or a panic
 * ends that test only. What the test has to say beyond "passed" comes back
 * through a page both processes share. The output is KTAP, as on a machine; it
 * is printed as the tests end.
 */

#define _GNU_SOURCE
#include <check.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <arch/host.h>
#include <test.h>

#include "host_glue.h"
#include "sequence.h"
#include "watch.h"

/* Seconds of its own time that one test may take (watch.c); sanitizers and valgrind make it longer. */
#define SECONDS 120
#define INJECT_RUNS 96

static struct {
	const char *names[64];
	size_t name_count;
	bool list, log, no_fork, plain, threads, digest, trace;
	struct host_memory memory;
	unsigned seconds;
} options;

/* What a test leaves for the runner. */
struct result {
	enum test_outcome outcome;
	char reason[TEST_REASON_ROOM];
};

static struct result *result; /* in a page that both processes have */

/* What Check's functions, which take no argument, are to run. */
static const struct test_case *current;

static const char usage[] = "usage: %s [options] [NAME ...]\n"
							"Runs the cases whose name, or whose file's name, begins with NAME; all without one.\n"
							"  --case NAME     the same\n"
							"  --list          print the names, run nothing\n"
							"  --seed NUMBER   of all random sequences; default: the time, printed\n"
							"  --memory MIB    of the simulated machine; default 64\n"
							"  --plain         no injected failures\n"
							"  --inject-runs N  runs of a case with a failure injected, at most; default 96\n"
							"  --log           print the core's log, not only that of tests that fail\n"
							"  --threads       only cases with threads\n"
							"  --no-large-pages  of a CPU that has base pages only\n"
							"  --hardware-map  of a machine whose hardware makes the direct map\n"
							"  --no-dma-zone   of a machine whose devices reach all memory\n"
							"  --soft-tlb      of a CPU whose TLB software fills\n"
							"  --no-fork       all in this process, for a debugger; the first crash ends it\n"
							"  --timeout SECONDS  of its own time, for one test; default 120\n"
							"  --digest        no cases, but digests of random sequences of mappings (tools/agree)\n"
							"  --trace         the same, with every operation and its results\n";

/* ---- what Check runs ---- */

/* What the core had to say is of interest if the test has failed. */
static void tell_log(void)
{
	if (result->outcome == TEST_FAILED && !options.log)
		host_log_tell();
}

/* A thread of the host is a CPU: where there is one, a case that starts a thread ends there. */
static jmp_buf no_cpu;

static void skip_without_cpu(void)
{
	result->outcome = TEST_SKIPPED;
	snprintf(result->reason, sizeof result->reason, "it has threads, and each is a CPU: there is one");
	longjmp(no_cpu, 1);
}

static void run_plain(int index)
{
	(void) index;
	watch_me();
	tcase_fn_start("plain", __FILE__, __LINE__);
	if (setjmp(no_cpu) == 0)
		result->outcome = test_run_plain(current, result->reason);
	tell_log();
}

static void run_injected(int index)
{
	(void) index;
	watch_me();
	tcase_fn_start("injected", __FILE__, __LINE__);
	if (setjmp(no_cpu) == 0)
		result->outcome = test_run_injected(current, result->reason);
	tell_log();
}

static const TTest plain_test = { "plain", run_plain, __FILE__, __LINE__ };
static const TTest injected_test = { "injected", run_injected, __FILE__, __LINE__ };

/* Runs one test under Check. */
static enum test_outcome run_under_check(bool injected)
{
	Suite *suite = suite_create(current->name);
	TCase *tcase = tcase_create(current->name);
	SRunner *runner;

	tcase_set_timeout(tcase, 0);
	tcase_add_test(tcase, injected ? &injected_test : &plain_test);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_set_fork_status(runner, options.no_fork ? CK_NOFORK : CK_FORK);
	*result = (struct result){ .outcome = TEST_FAILED };
	fflush(stdout);
	srunner_run_all(runner, CK_SILENT);
	if (watch_end())
		printf("# %s: hung: it has not ended within %u s of its own time\n", current->name, options.seconds);
	if (srunner_ntests_failed(runner) != 0) {
		TestResult **failures = srunner_failures(runner);

		printf("# %s: %s\n", current->name, tr_msg(failures[0]));
		result->outcome = TEST_FAILED;
		free(failures);
	}
	srunner_free(runner);
	return result->outcome;
}

/* ---- options ---- */

static uint64_t number(const char *text, const char *program)
{
	char *end;
	uint64_t value = strtoull(text, &end, 0);

	if (*text != 0 && *end == 0)
		return value;
	fprintf(stderr, "%s: \"%s\" is no number\n", program, text);
	exit(2);
}

static void add_name(const char *name, const char *program)
{
	if (options.name_count == ARRAY_COUNT(options.names)) {
		fprintf(stderr, "%s: too many names\n", program);
		exit(2);
	}
	options.names[options.name_count++] = name;
}

static void read_options(int argc, char **argv)
{
	static const struct option known[] = { { "case", required_argument, NULL, 'c' }, { "list", no_argument, NULL, 'l' },
		{ "seed", required_argument, NULL, 's' }, { "memory", required_argument, NULL, 'm' },
		{ "plain", no_argument, NULL, 'p' }, { "threads", no_argument, NULL, 't' }, { "log", no_argument, NULL, 'L' },
		{ "no-fork", no_argument, NULL, 'n' }, { "timeout", required_argument, NULL, 'o' },
		{ "digest", no_argument, NULL, 'd' }, { "no-large-pages", no_argument, NULL, 'l' - 'a' + 1 },
		{ "hardware-map", no_argument, NULL, 'h' - 'a' + 1 }, { "no-dma-zone", no_argument, NULL, 'd' - 'a' + 1 },
		{ "soft-tlb", no_argument, NULL, 's' - 'a' + 1 }, { "trace", no_argument, NULL, 'T' },
		{ "inject-runs", required_argument, NULL, 'i' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 } };
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'c':
			add_name(optarg, argv[0]);
			break;
		case 'l':
			options.list = true;
			break;
		case 's':
			host_seed = number(optarg, argv[0]);
			break;
		case 'm':
			options.memory.low = MiB(number(optarg, argv[0]));
			break;
		case 'p':
			options.plain = true;
			break;
		case 'i':
			test_inject_runs = (size_t) number(optarg, argv[0]);
			break;
		case 'L':
			options.log = true;
			break;
		case 't':
			options.threads = true;
			break;
		case 'n':
			options.no_fork = true;
			break;
		case 'o':
			options.seconds = (unsigned) number(optarg, argv[0]);
			break;
		case 'l' - 'a' + 1:
			host_large_pages = host_gigabyte_pages = false;
			break;
		case 'h' - 'a' + 1:
			host_traits.identity_rights = PAGE_READ | PAGE_WRITE | PAGE_EXEC | PAGE_GLOBAL;
			break;
		case 'd' - 'a' + 1:
			host_dma_limit = PHYS_LAST;
			break;
		case 's' - 'a' + 1:
			host_traits.is_kernel_tagged = !TLB_CACHE; /* what CPUs share of the kernel part has no identifier */
			host_traits.keeps_invalid = true;
			break;
		case 'T':
			options.trace = true;
			/* fall through */
		case 'd':
			options.digest = true;
			break;
		case 'h':
			printf(usage, argv[0]);
			exit(0);
		default:
			fprintf(stderr, usage, argv[0]);
			exit(2);
		}
	}
	while (optind < argc)
		add_name(argv[optind++], argv[0]);
}

/* ---- all of it ---- */

static bool wanted(const struct test_case *test)
{
	if (options.threads && !test->threads)
		return false;
	for (size_t i = 0; i < options.name_count; i++)
		if (test_matches(test, options.names[i]))
			return true;
	return options.name_count == 0;
}

/* @return tests there will be */
static size_t count_tests(bool print)
{
	size_t tests = 0;

	for (size_t i = 0; i < test_count(); i++) {
		const struct test_case *test = test_get(i);

		if (!wanted(test))
			continue;
		tests += options.plain ? 1 : test_tests_of(test);
		if (print)
			printf("%-32s %s\n", test->name, test->what);
	}
	return tests;
}

static void run_case(const struct test_case *test, struct test_totals *totals)
{
	current = test;
	test_report(totals, test, false, run_under_check(false), result->reason);
	if (!options.plain && test_tests_of(test) == 2)
		test_report(totals, test, true, run_under_check(true), result->reason);
}

int main(int argc, char **argv)
{
	struct test_totals totals = { 0 };
	size_t tests;

	setvbuf(stdout, NULL, _IOLBF, 0);
	options.memory = HOST_MEMORY_DEFAULT;
	options.seconds = SECONDS;
	test_inject_runs = INJECT_RUNS;
	host_seed = (uint64_t) time(NULL);
	read_options(argc, argv);
	if (options.digest) {
		host_boot(&options.memory);
		return sequence_digest(host_seed, options.trace) ? 0 : 1;
	}
	tests = count_tests(options.list);
	if (tests == 0)
		fprintf(stderr, "%s: there is no such case (--list tells those there are)\n", argv[0]);
	if (tests == 0 || options.list)
		return tests == 0 ? 2 : 0;
	result = mmap(NULL, sizeof *result, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	if (!options.no_fork)
		watch_start(options.seconds);
	test_print_head(tests);
	printf("# seed %llu: --seed gives the same sequences again\n", (unsigned long long) host_seed);
	host_log_print(options.log);
	host_boot(&options.memory);
	host_no_cpu = skip_without_cpu;
	for (size_t i = 0; i < test_count(); i++)
		if (wanted(test_get(i)))
			run_case(test_get(i), &totals);
	test_print_totals(&totals);
	return totals.failed == 0 ? 0 : 1;
}
