/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Commands that try and measure: test, seed, bench, check, inject.
 */

#include "../test/test.h"

#include "groups.h"

#include <kernel/bench.h>
#include <kernel/boot.h>
#include <kernel/lib.h>
#include <kernel/print.h>
#include <kernel/thread.h>
#include <mm/check.h>
#include <mm/inject.h>

/* Whether some name begins with a word. */
struct beginning {
	struct name_sink sink;
	const char *word;
	bool found;
};

static void take_beginning(struct name_sink *sink, const char *name)
{
	struct beginning *beginning = CONTAINER_OF(sink, struct beginning, sink);

	beginning->found = beginning->found || string_starts_with(name, beginning->word);
}

/* Whether some name begins with the first argument; if not, says so, and what may have been meant. */
static bool check_beginning(const struct command_call *call, const char *kind, void (*names)(struct name_sink *sink))
{
	const char *word = call->words[0];
	struct beginning beginning = { .sink = { take_beginning }, .word = word };
	struct nearest nearest;

	names(&beginning.sink);
	if (beginning.found)
		return true;
	nearest_find(&nearest, word, names);
	if (nearest.name[0] != 0)
		return command_refuse(
			call->command, "the name of no %s begins with \"%s\"; did you mean \"%s\"?", kind, word, nearest.name);
	return command_refuse(call->command, "the name of no %s begins with \"%s\"", kind, word);
}

/* ---- test ---- */

static void test_names(struct name_sink *sink)
{
	sink->take(sink, "all");
	sink->take(sink, "threads");
	for (size_t i = 0; i < test_count(); i++)
		sink->take(sink, test_get(i)->name);
}

static bool list_tests(void)
{
	for (size_t i = 0; i < test_count(); i++)
		kprintf("%-36s %s\n", test_get(i)->name, test_get(i)->what);
	kprintf("\n%zu cases. test NAME runs one, or those whose names begin so; test all runs all.\n", test_count());
	return true;
}

static bool run_test(const struct command_call *call)
{
	if (call->count == 0)
		return list_tests();
	return check_beginning(call, "case", test_names) && test_run(call->words[0]) == 0;
}

static bool run_seed(const struct command_call *call)
{
	if (call->count > 0)
		test_seed_set(call->values[0]);
	kprintf("The seed of the test cases is %llu.\n", (unsigned long long) test_seed());
	return true;
}

/* ---- bench ---- */

static void tell_bench(const char *name, void *argument)
{
	struct name_sink *sink = argument;

	sink->take(sink, name);
}

static void bench_names(struct name_sink *sink)
{
	sink->take(sink, "all");
	bench_each(tell_bench, sink);
}

static bool run_bench(const struct command_call *call)
{
	if (call->count == 0)
		return bench_run(NULL) > 0;
	return check_beginning(call, "operation", bench_names) && bench_run(call->words[0]) > 0;
}

/* ---- check ---- */

static size_t check_map(void)
{
	const char *broken = memmap_check(boot_get_info()->map);

	if (broken != NULL)
		kprintf("memory map: %s\n", broken);
	return broken != NULL;
}

static size_t run_one_check(const char *what, size_t (*check)(void))
{
	size_t breaches = check();

	kprintf("%-58s %s\n", what, breaches == 0 ? "ok" : "BROKEN");
	return breaches;
}

static bool run_check(const struct command_call *call)
{
	size_t breaches = run_one_check("memory map: sorted, disjoint", check_map);

	(void) call;
	for (size_t i = 0; i < mm_check_count; i++)
		breaches += run_one_check(mm_checks[i].what, mm_checks[i].check);
	breaches += run_one_check("threads: queues, states, stacks", thread_check);
	kprintf("%zu %s\n", breaches, breaches == 1 ? "breach" : "breaches");
	return breaches == 0;
}

/* ---- inject ---- */

static const char *ordinal(size_t number)
{
	static const char *const endings[] = { "th", "st", "nd", "rd" };

	return number % 10 < ARRAY_COUNT(endings) && number / 10 % 10 != 1 ? endings[number % 10] : "th";
}

static bool print_injector(void)
{
	bool every;
	size_t nth = inject_get(&every);

	if (nth == 0)
		kprintf("The injector is off.\n");
	else
		kprintf("The %s%zu%s atomic allocation fails, counted from when that was set.\n", every ? "every " : "", nth,
			ordinal(nth));
	kprintf(
		"Since it was last set: %zu atomic allocations, %zu of them made to fail.\n", inject_seen(), inject_failed());
	return true;
}

static bool inject_set(const struct command_call *call, const char *word, bool every)
{
	size_t nth;

	if (parse_size(word, &nth) != EOK || nth == 0)
		return command_refuse(
			call->command, "which allocation is to fail is a number, 1 to %zu, not \"%s\"", SIZE_MAX, word);
	inject_arm(nth, every);
	return print_injector();
}

static void inject_words(struct name_sink *sink)
{
	sink->take(sink, "every");
	sink->take(sink, "off");
}

static bool run_inject(const struct command_call *call)
{
	bool every = call->count > 0 && strcmp(call->words[0], "every") == 0;

	if (call->count == 0)
		return print_injector();
	if (every && call->count == 1)
		return command_refuse(call->command, "after \"every\" comes the number of allocations from failure to failure");
	if (every)
		return inject_set(call, call->words[1], true);
	if (call->count == 2)
		return command_refuse(
			call->command, "only after \"every\" comes a second argument, not after \"%s\"", call->words[0]);
	if (strcmp(call->words[0], "off") != 0)
		return inject_set(call, call->words[0], false);
	inject_arm(0, false);
	return print_injector();
}

static const struct command commands[] = {
	{
		.name = "test",
		.summary = "list the test cases, or run one, some, or all",
		.detail = "test lists the cases. test NAME runs the case of that name and those whose names\n"
				  "begin so; test all runs all, test threads those that have threads. Each runs\n"
				  "plainly, then once for each allocation it makes, with that one made to fail. The\n"
				  "output is KTAP.\n",
		.run = run_test,
		.arguments = { { .kind = ARGUMENT_WORD, .name = "NAME", .optional = true, .names = test_names } },
	},
	{
		.name = "seed",
		.summary = "the seed of the test cases' random numbers, or set it",
		.detail = "seed N makes the cases that follow use other random numbers; 1 is the seed after boot.\n",
		.run = run_seed,
		.arguments = { { .kind = ARGUMENT_NUMBER, .name = "N", .optional = true } },
	},
	{
		.name = "bench",
		.summary = "measure all operations, or some",
		.detail = "bench NAME measures the operations whose names begin so. The figures are those\n"
				  "of the machine's own counter; under an emulator that counts instructions\n"
				  "(ICOUNT=yes) they are instructions.\n",
		.run = run_bench,
		.arguments = { { .kind = ARGUMENT_WORD, .name = "NAME", .optional = true, .names = bench_names } },
	},
	{
		.name = "check",
		.summary = "hold every structure to its invariants",
		.run = run_check,
	},
	{
		.name = "inject",
		.summary = "make the Nth allocation fail, or every Nth, or none",
		.detail = "inject N makes the Nth atomic allocation from now on fail, inject every N every\n"
				  "Nth; inject off ends that; inject says how it stands. Allocations that may sleep\n"
				  "cannot fail and are not counted. Tests set it themselves, and leave it off.\n",
		.run = run_inject,
		.arguments = {
			{ .kind = ARGUMENT_WORD, .name = "N|every|off", .optional = true, .names = inject_words },
			{ .kind = ARGUMENT_WORD, .name = "N", .optional = true },
		},
	},
};

const struct command_group test_commands = { "Tests", commands, ARRAY_COUNT(commands) };
