/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The groups of commands: one for each of the files *_commands.c.
 */

#ifndef CONSOLE_GROUPS_H
#define CONSOLE_GROUPS_H

#include <kernel/command.h>

extern const struct command_group memory_commands;
extern const struct command_group slab_commands;
extern const struct command_group mapping_commands;
extern const struct command_group vmem_commands;
extern const struct command_group as_commands;
extern const struct command_group test_commands;
extern const struct command_group kernel_commands;
extern const struct command_group console_commands;

/** The history of the console's lines. */
extern struct history console_history;

/** Tells the sink the names of all symbols of the image. */
void symbol_names_tell(struct name_sink *sink);

#endif
