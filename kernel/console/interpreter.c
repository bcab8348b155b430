/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From a line to a command that runs.
 *
 * The line is cut at its spaces, in a copy on the stack, into a command's name
 * and its arguments. Those are held to what the command's row says of them, one
 * by one; the first that is wrong gets a sentence that names it and says what is
 * allowed, and nothing runs. Called in a thread, with interrupts on. Nothing
 * here allocates.
 */

#include <stdarg.h>

#include <kernel/command.h>
#include <kernel/console.h>
#include <kernel/lib.h>
#include <kernel/print.h>

/* The command's name, its arguments, and one too many, to tell that there are. */
#define WORDS_MOST (1 + COMMAND_ARGUMENTS + 1)

/* Cuts text at its spaces, in place. @return number of words, WORDS_MOST if there are more */
static size_t split(char *text, const char *words[WORDS_MOST])
{
	size_t count = 0;

	while (count < WORDS_MOST) {
		while (*text == ' ' || *text == '\t')
			*text++ = 0;
		if (*text == 0)
			break;
		words[count++] = text;
		while (*text != 0 && *text != ' ' && *text != '\t')
			text++;
	}
	return count;
}

int command_print_usage(const struct command *command)
{
	int printed = kprintf("%s", command->name);

	for (size_t i = 0; i < COMMAND_ARGUMENTS && command->arguments[i].kind != ARGUMENT_NONE; i++)
		printed += kprintf(command->arguments[i].optional ? " [%s]" : " %s", command->arguments[i].name);
	return printed;
}

bool command_refuse(const struct command *command, const char *format, ...)
{
	va_list arguments;

	kprintf("%s: ", command->name);
	va_start(arguments, format);
	vkprintf(format, arguments);
	va_end(arguments);
	kprintf(" (usage: ");
	command_print_usage(command);
	kprintf(")\n");
	return false;
}

static bool check_name(struct command_call *call, size_t i, const char *noun)
{
	const char *word = call->words[i];
	struct nearest nearest;

	nearest_find(&nearest, word, call->command->arguments[i].names);
	if (nearest.exact)
		return true;
	if (nearest.name[0] != 0)
		return command_refuse(
			call->command, "there is no %s called \"%s\"; did you mean \"%s\"?", noun, word, nearest.name);
	return command_refuse(call->command, "there is no %s called \"%s\"", noun, word);
}

static bool check_number(struct command_call *call, size_t i)
{
	const struct argument *argument = &call->command->arguments[i];
	uint64_t most = argument->most != 0 ? argument->most : UINT64_MAX, value;
	errno_t error = parse_u64(call->words[i], &value);

	if (error == EINVAL)
		return command_refuse(call->command, "%s is to be a number, as 42, 0x2a or 4K, and \"%s\" is none",
			argument->name, call->words[i]);
	if (error == EOK && value >= argument->least && value <= most) {
		call->values[i] = value;
		return true;
	}
	if (argument->most != 0)
		return command_refuse(call->command, "%s may be %llu to %llu, not %s", argument->name,
			(unsigned long long) argument->least, (unsigned long long) most, call->words[i]);
	return command_refuse(call->command, "%s may be %llu or more, at most 64 bits, not %s", argument->name,
		(unsigned long long) argument->least, call->words[i]);
}

static bool check_address(struct command_call *call, size_t i)
{
	const struct argument *argument = &call->command->arguments[i];
	uintptr_t va;

	switch (address_parse(call->words[i], &va)) {
	case EOK:
		call->values[i] = va;
		return true;
	case ENOENT:
		return check_name(call, i, "symbol");
	case ERANGE:
		return command_refuse(call->command, "%s is beyond the last address of %u bits: %s", argument->name,
			(unsigned) (8 * sizeof(va)), call->words[i]);
	default:
		return command_refuse(call->command,
			"%s is to be an address, as 0x1000, a symbol, or symbol+0x10, and \"%s\" is none", argument->name,
			call->words[i]);
	}
}

static bool check_argument(struct command_call *call, size_t i)
{
	const struct argument *argument = &call->command->arguments[i];

	if (i >= call->count)
		return argument->kind == ARGUMENT_NONE || argument->optional ||
			command_refuse(call->command, "%s is missing", argument->name);
	switch (argument->kind) {
	case ARGUMENT_NONE:
		return command_refuse(call->command, "\"%s\" is one argument too many", call->words[i]);
	case ARGUMENT_NAME:
		return check_name(call, i, argument->noun);
	case ARGUMENT_NUMBER:
		return check_number(call, i);
	case ARGUMENT_ADDRESS:
		return check_address(call, i);
	case ARGUMENT_WORD:
		break;
	}
	return true;
}

static bool run_words(const struct command *command, const char *words[WORDS_MOST], size_t count)
{
	struct command_call call = { .command = command, .count = count - 1 };

	if (count == WORDS_MOST)
		return command_refuse(command, "\"%s\" is one argument too many", words[WORDS_MOST - 1]);
	for (size_t i = 1; i < count; i++)
		call.words[i - 1] = words[i];
	for (size_t i = 0; i < COMMAND_ARGUMENTS; i++)
		if (!check_argument(&call, i))
			return false;
	return command->run(&call);
}

static bool refuse_unknown(const char *name)
{
	struct nearest nearest;

	nearest_find(&nearest, name, command_names);
	if (nearest.name[0] != 0)
		kprintf("There is no command \"%s\"; did you mean \"%s\"?\n", name, nearest.name);
	else
		kprintf("There is no command \"%s\"; help lists those there are.\n", name);
	return false;
}

bool command_run(const char *line)
{
	char text[LINE_LIMIT + 1];
	const char *words[WORDS_MOST];
	const struct command *command;
	size_t count;

	if (strlcpy(text, line, sizeof(text)) >= sizeof(text)) {
		kprintf("A line has at most %u characters: nothing was done.\n", LINE_LIMIT);
		return false;
	}
	count = split(text, words);
	if (count == 0)
		return true;
	command = command_find(words[0]);
	return command != NULL ? run_words(command, words, count) : refuse_unknown(words[0]);
}
