/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Commands of the console. A command is a row in the table of its group (the
 * files of kernel/console/ that end in _commands.c); the groups stand in
 * kernel/console/registry.c. The row says what arguments there are, and they
 * are held to that before the command runs: it is called with values that make
 * sense, or not at all.
 */

#ifndef KERNEL_COMMAND_H
#define KERNEL_COMMAND_H

#include <kernel/line.h>
#include <mm/types.h>

/* Most arguments of a command. */
#define COMMAND_ARGUMENTS 2

enum argument_kind {
	ARGUMENT_NONE,   /* there is no such argument */
	ARGUMENT_WORD,   /* any word */
	ARGUMENT_NAME,   /* one of those that `names` tells */
	ARGUMENT_NUMBER, /* decimal or 0x…, with K, M or G; from least to most */
	ARGUMENT_ADDRESS /* virtual: a number, a symbol, or symbol+number */
};

struct argument {
	enum argument_kind kind;
	const char *name; /* as help shows it: NAME */
	bool optional;
	uint64_t least, most; /* of a number; most 0 = no bound */
	const char *noun;     /* of an ARGUMENT_NAME: what it is the name of */
	/** Tells the sink all words there are, for completion and, for an ARGUMENT_NAME, to check against. NULL = none */
	void (*names)(struct name_sink *sink);
};

struct command;

/** A command being run: its arguments, checked. */
struct command_call {
	const struct command *command;
	size_t count;                         /* arguments given */
	const char *words[COMMAND_ARGUMENTS]; /* as typed */
	uint64_t values[COMMAND_ARGUMENTS];   /* of numbers and addresses */
};

struct command {
	const char *name;
	const char *summary; /* a line, for help */
	const char *detail;  /* lines, for help NAME; NULL = the summary says it all */
	/** @return whether it did what it was told; if not, it has said why */
	bool (*run)(const struct command_call *call);
	struct argument arguments[COMMAND_ARGUMENTS];
};

struct command_group {
	const char *title;
	const struct command *commands;
	size_t count;
};

/* ---- the registry ---- */

extern const struct command_group *const command_groups[];
extern const size_t command_group_count;

/** The command of this name, or NULL. */
const struct command *command_find(const char *name);

/** Tells the sink the names of all commands. */
void command_names(struct name_sink *sink);

/** Tells what may stand at text[word] of a line: a command, or an argument of it. See struct line_editor. */
void command_complete(const char *text, size_t word, struct name_sink *sink);

/** Says what is wrong with a call, printf style, between the command's name and its usage. @return false */
bool command_refuse(const struct command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Prints a command's name and what arguments it takes. @return characters printed */
int command_print_usage(const struct command *command);

/* ---- the nearest name, for who has mistyped one ---- */

#define NEAREST_SIZE 64

struct nearest {
	struct name_sink sink;
	const char *word;
	unsigned distance;       /* letters to put in, take out, or replace; all ones: no name was near enough */
	char name[NEAREST_SIZE]; /* "" if none is near enough to be what was meant */
	bool exact;              /* the word itself is among the names */
};

/** Finds the name nearest to a word. */
void nearest_find(struct nearest *nearest, const char *word, void (*names)(struct name_sink *sink));

/* ---- values ---- */

/**
 * Reads a virtual address: a number, a symbol, or symbol+number.
 * @retval ENOENT  there is no such symbol
 * @retval EINVAL  it is none of the three
 * @retval ERANGE  beyond the address space
 */
MUST_USE errno_t address_parse(const char *text, uintptr_t *va);

#define SIZE_TEXT 16

/** A number of bytes for a person: "640 KiB", "15.9 MiB". Exact if there is no point in it; otherwise cut after it. */
const char *size_text(char text[static SIZE_TEXT], uint64_t bytes);

/* The same in a place of its own, good to the end of the block. */
#define SIZE(bytes) size_text((char[SIZE_TEXT]){ 0 }, (bytes))

/* An address of this machine: printf format and arguments. A physical one has 48 bits at least where phys_t has 64. */
#define ADDRESS "0x%0*llx"
#define ADDRESS_OF(va) VIRTUAL_DIGITS, (unsigned long long) (va)
#define PHYSICAL_OF(pa) PHYSICAL_DIGITS, (unsigned long long) (pa)
#define VIRTUAL_DIGITS ((int) (2 * sizeof(uintptr_t)))
#define PHYSICAL_DIGITS (sizeof(phys_t) > 4 ? 12 : 8)

/* Columns of one, for the heading of a table. */
#define ADDRESS_WIDTH (2 + VIRTUAL_DIGITS)
#define PHYSICAL_WIDTH (2 + PHYSICAL_DIGITS)

#endif
