/* SPDX-License-Identifier: BSD-2-Clause */

/* Operations as steps and as text, and where pages are: test/sequence.h. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mm/types.h>

#include "sequence.h"

#define FRAMES ((pfn_t) 1 << 18)
#define FLAG_SHIFT 16

/* ---- regions ---- */

size_t region_first(unsigned space, size_t page)
{
	if (space == 0 || page < 2 * BIG_PAGES)
		return page - page % BIG_PAGES;
	return page - (page - 2 * BIG_PAGES) % SMALL_PAGES;
}

size_t region_left(unsigned space, size_t page)
{
	size_t pages = space == 0 || page < 2 * BIG_PAGES ? BIG_PAGES : SMALL_PAGES;

	return region_first(space, page) + pages - page;
}

/* Small regions lie at places that are not multiples of anything; the last ends below the space's last 12 MiB. */
uintptr_t page_address(unsigned space, size_t page)
{
	size_t first = region_first(space, page), region = (first - 2 * BIG_PAGES) / SMALL_PAGES;
	uintptr_t inside = (page - first) * PAGE_SIZE;

	if (space == 0)
		return (uintptr_t) KERNEL_LAST + 1 - BIG_PAGES * PAGE_SIZE + inside;
	if (first == 0)
		return (uintptr_t) USER_LAST + 1 - BIG_PAGES * PAGE_SIZE + inside;
	if (first == BIG_PAGES)
		return USER_START + MiB(4) + inside;
	return USER_START + MiB(64) + region * (MiB(24) + 5 * PAGE_SIZE) + inside;
}

/* ---- steps ---- */

struct operation operation_of(const struct model_step *step)
{
	struct operation operation = { .kind = (enum operation_kind)(step->kind % OPERATION_KINDS),
		.space = step->raw[0] % SPACES,
		.frame = step->raw[3] % FRAMES,
		.flags = PAGE_READ |
			(step->raw[4] & (PAGE_WRITE | PAGE_EXEC | PAGE_USER | PAGE_GLOBAL | PAGE_UNCACHED | PAGE_NO_LARGE)),
		.fail = step->raw[4] >> FLAG_SHIFT };
	size_t left;

	operation.page = step->raw[1] % SPACE_PAGES(operation.space);
	left = region_left(operation.space, operation.page);
	operation.count = step->raw[2] < 1 ? 1 : step->raw[2] < left ? step->raw[2] : left;
	if (operation.frame == 0)
		operation.frame = 1;
	if (operation.space != 0) /* a user's page is not the same everywhere */
		operation.flags &= ~PAGE_GLOBAL;
	return operation;
}

struct model_step step_of(const struct operation *operation)
{
	return (struct model_step){ .kind = operation->kind,
		.raw = { operation->space, (uint32_t) operation->page, (uint32_t) operation->count, (uint32_t) operation->frame,
			operation->flags | operation->fail << FLAG_SHIFT } };
}

/* ---- text ---- */

/* What each kind is called, and which of page, count, frame and flags it has. */
static const struct {
	const char *name, *fields;
} kinds[OPERATION_KINDS] = { [OPEN] = { "open", "" },
	[CLOSE] = { "close", "" },
	[RUN] = { "run", "" },
	[MAP] = { "map", "pcfl" },
	[UNMAP] = { "unmap", "pc" },
	[PROTECT] = { "protect", "pcl" },
	[REPLACE] = { "replace", "pfl" },
	[FIND] = { "find", "p" } };

static const struct {
	char letter;
	page_flags_t flag;
} letters[] = { { 'r', PAGE_READ }, { 'w', PAGE_WRITE }, { 'x', PAGE_EXEC }, { 'u', PAGE_USER }, { 'g', PAGE_GLOBAL },
	{ 'c', PAGE_UNCACHED }, { 'n', PAGE_NO_LARGE } };

static void flags_write(page_flags_t flags, char *text)
{
	for (size_t i = 0; i < ARRAY_COUNT(letters); i++)
		if (flags & letters[i].flag)
			*text++ = letters[i].letter;
	*text = '\0';
}

void operation_write(const struct operation *operation, char text[OPERATION_ROOM])
{
	int length = snprintf(text, OPERATION_ROOM, "%s %u", kinds[operation->kind].name, operation->space);
	char flags[ARRAY_COUNT(letters) + 1];

	for (const char *field = kinds[operation->kind].fields; *field != '\0'; field++) {
		char *end = text + length;
		size_t room = OPERATION_ROOM - (size_t) length;

		flags_write(operation->flags, flags);
		length += *field == 'p' ? snprintf(end, room, " %zu", operation->page)
			: *field == 'c'     ? snprintf(end, room, " %zu", operation->count)
			: *field == 'f'     ? snprintf(end, room, " %#zx", (size_t) operation->frame)
								: snprintf(end, room, " %s", flags);
	}
	if (operation->fail != 0 && (operation->kind == MAP || operation->kind == PROTECT))
		snprintf(text + length, OPERATION_ROOM - (size_t) length, " fail %u", operation->fail);
}

/* ---- reading ---- */

static bool number_read(char **rest, uint32_t *number)
{
	char *word = strtok_r(NULL, " \t\n", rest), *end;

	if (word == NULL)
		return false;
	*number = (uint32_t) strtoul(word, &end, 0);
	return *end == '\0';
}

static bool flags_read(char **rest, uint32_t *flags)
{
	char *word = strtok_r(NULL, " \t\n", rest);

	for (; word != NULL && *word != '\0'; word++) {
		size_t i = 0;

		while (i < ARRAY_COUNT(letters) && letters[i].letter != *word)
			i++;
		if (i == ARRAY_COUNT(letters))
			return false;
		*flags |= letters[i].flag;
	}
	return word != NULL;
}

/* Reads what follows the kind. */
static bool fields_read(struct model_step *step, char *rest)
{
	uint32_t fail;
	char *word;

	if (!number_read(&rest, &step->raw[0]))
		return false;
	for (const char *field = kinds[step->kind].fields; *field != '\0'; field++)
		if (*field == 'l' ? !flags_read(&rest, &step->raw[4])
						  : !number_read(&rest,
								&step->raw[*field == 'p' ? 1
										: *field == 'c'  ? 2
														 : 3]))
			return false;
	word = strtok_r(NULL, " \t\n", &rest);
	if (word != NULL && strcmp(word, "fail") == 0 && number_read(&rest, &fail)) {
		step->raw[4] |= fail << FLAG_SHIFT;
		word = strtok_r(NULL, " \t\n", &rest);
	}
	return word == NULL;
}

/* A line's operation must come back as it is written: what operation_of would bring into range is a mistake here. */
static bool line_read(char *line, struct model_step *step)
{
	char *rest, *word = strtok_r(line, " \t\n", &rest);
	struct operation operation;

	*step = (struct model_step){ .raw = { [2] = 1, [3] = 1 } };
	while (step->kind < OPERATION_KINDS && strcmp(word, kinds[step->kind].name) != 0)
		step->kind++;
	if (step->kind == OPERATION_KINDS || !fields_read(step, rest))
		return false;
	operation = operation_of(step);
	return operation.space == step->raw[0] && operation.page == step->raw[1] && operation.count == step->raw[2] &&
		operation.frame == step->raw[3];
}

size_t sequence_read(const char *path, struct model_step *steps, size_t room, char *wrong)
{
	FILE *file = fopen(path, "r");
	char line[256];
	size_t count = 0;

	if (file == NULL) {
		snprintf(wrong, MODEL_ROOM, "%s: %s", path, strerror(errno));
		return 0;
	}
	for (size_t number = 1; wrong[0] == '\0' && fgets(line, sizeof line, file) != NULL; number++) {
		line[strcspn(line, "#")] = '\0';
		if (line[strspn(line, " \t\n")] == '\0')
			continue;
		if (count == room || !line_read(line, &steps[count++]))
			snprintf(wrong, MODEL_ROOM, "%s:%zu: not an operation, or one too many", path, number);
	}
	if (wrong[0] == '\0' && count == 0)
		snprintf(wrong, MODEL_ROOM, "%s: no operations", path);
	fclose(file);
	return wrong[0] == '\0' ? count : 0;
}
