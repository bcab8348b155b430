/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Commands about the console itself: help, history.
 */

#include "groups.h"

#include <kernel/print.h>

#define SUMMARY_COLUMN 28

static void print_line(const struct command *command)
{
	int printed = kprintf("  ");

	printed += command_print_usage(command);
	kprintf("%*s%s\n", printed < SUMMARY_COLUMN ? SUMMARY_COLUMN - printed : 1, "", command->summary);
}

static bool help_all(void)
{
	for (size_t i = 0; i < command_group_count; i++) {
		kprintf("%s\n", command_groups[i]->title);
		for (size_t j = 0; j < command_groups[i]->count; j++)
			print_line(&command_groups[i]->commands[j]);
	}
	kprintf("\nhelp NAME tells more. TAB completes, twice lists; arrows and ^A ^E ^K ^U ^W edit.\n"
			"Numbers: 42, 0x2a, 4K, 2M, 1G. Addresses: those, symbols, and symbol+0x10.\n");
	return true;
}

static bool run_help(const struct command_call *call)
{
	const struct command *command;

	if (call->count == 0)
		return help_all();
	command = command_find(call->words[0]);
	command_print_usage(command);
	kprintf("\n%s\n%s", command->summary, command->detail != NULL ? command->detail : "");
	return true;
}

static bool run_history(const struct command_call *call)
{
	size_t oldest = console_history.added < HISTORY_LINES ? console_history.added : HISTORY_LINES;

	(void) call;
	for (size_t age = oldest; age > 0; age--)
		kprintf("%5zu  %s\n", console_history.added - age + 1, history_get(&console_history, age));
	return true;
}

static const struct command commands[] = {
	{
		.name = "help",
		.summary = "the commands, or more about one",
		.run = run_help,
		.arguments = { { .kind = ARGUMENT_NAME,
			.name = "NAME",
			.optional = true,
			.noun = "command",
			.names = command_names } },
	},
	{
		.name = "history",
		.summary = "the lines typed so far",
		.run = run_history,
	},
};

const struct command_group console_commands = { "The console", commands, ARRAY_COUNT(commands) };
