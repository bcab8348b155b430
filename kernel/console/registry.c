/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The commands there are, and how to find one by its name.
 *
 * A group of commands is one file with one table; `help` shows the groups in
 * the order in which they stand here. Everything is constant data; a search
 * goes through all of it, which costs nothing beside the typing.
 */

#include "groups.h"

#include <kernel/lib.h>

const struct command_group *const command_groups[] = {
	&memory_commands,
	&slab_commands,
	&mapping_commands,
	&vmem_commands,
	&as_commands,
	&test_commands,
	&kernel_commands,
	&console_commands,
};

const size_t command_group_count = ARRAY_COUNT(command_groups);

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < command_group_count; i++)
		for (size_t j = 0; j < command_groups[i]->count; j++)
			if (strcmp(command_groups[i]->commands[j].name, name) == 0)
				return &command_groups[i]->commands[j];
	return NULL;
}

void command_names(struct name_sink *sink)
{
	for (size_t i = 0; i < command_group_count; i++)
		for (size_t j = 0; j < command_groups[i]->count; j++)
			sink->take(sink, command_groups[i]->commands[j].name);
}

/* Reads the word that begins at or after *at into name, which has room for LINE_LIMIT + 1, and moves *at behind it. */
static size_t next_word(const char *text, size_t *at, size_t end, char *name)
{
	size_t length = 0;

	while (*at < end && text[*at] == ' ')
		++*at;
	while (*at < end && text[*at] != ' ')
		name[length++] = text[(*at)++];
	name[length] = 0;
	return length;
}

void command_complete(const char *text, size_t word, struct name_sink *sink)
{
	char name[LINE_LIMIT + 1], argument[LINE_LIMIT + 1];
	size_t at = 0, number = 0;
	const struct command *command;

	if (next_word(text, &at, word, name) == 0) {
		command_names(sink);
		return;
	}
	command = command_find(name);
	while (next_word(text, &at, word, argument) > 0)
		number++;
	if (command != NULL && number < COMMAND_ARGUMENTS && command->arguments[number].names != NULL)
		command->arguments[number].names(sink);
}
