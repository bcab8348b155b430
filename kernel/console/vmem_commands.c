/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Commands about virtual ranges: vmem.
 *
 * Arenas come and go with address spaces. What is printed of one is printed
 * with their list locked, so that it stays.
 */

#include "groups.h"

#include <kernel/lib.h>
#include <kernel/print.h>
#include <mm/vmem.h>

#define NAME_COLUMNS 20
#define PICTURE_COLUMNS 64
#define PICTURE_ROWS 16

/* ---- vmem ---- */

static bool print_arena(struct vmem *arena, void *argument)
{
	size_t *arenas = argument;
	struct vmem_info info;
	int indent = 0;

	for (const struct vmem *up = arena->parent; up != NULL; up = up->parent)
		indent += 2;
	vmem_get_info(arena, &info);
	kprintf("%*s%-*.*s  %9s  %9s  %9s  %9s  %5zu  %6zu  %8llu  %8llu  %6llu\n", indent, "", NAME_COLUMNS - indent,
		NAME_COLUMNS - indent, info.name, SIZE(info.total), SIZE(info.total - info.free), SIZE(info.cached),
		SIZE(info.largest), info.spans, info.taken, (unsigned long long) info.allocs, (unsigned long long) info.hits,
		(unsigned long long) info.failed);
	++*arenas;
	return true;
}

/* ---- vmem NAME ---- */

struct picture {
	const char *name; /* of the arenas wanted */
	struct vmem *arena;
	size_t each; /* bytes that a mark stands for */
	size_t found;
};

/* What is in a part of a span. */
static char mark_of(const struct picture *picture, uintptr_t first, uintptr_t last)
{
	bool has[VMEM_CACHED + 1] = { false };
	struct vmem_range range;

	for (uintptr_t va = first; vmem_find(picture->arena, va, &range) && range.start <= last;) {
		uintptr_t end = range.start + (range.size - 1);

		has[range.kind] = true;
		if (end >= last)
			break;
		va = end + 1;
	}
	if (!has[VMEM_TAKEN])
		return has[VMEM_CACHED] ? 'o' : '.';
	return has[VMEM_FREE] || has[VMEM_CACHED] ? '+' : '#';
}

static void draw_span(const struct picture *picture, uintptr_t first, uintptr_t last)
{
	char row[PICTURE_COLUMNS + 1];
	size_t column = 0;
	uintptr_t begin = first;

	for (uintptr_t va = first;; va += picture->each) {
		bool ends = last - va < picture->each;

		row[column++] = mark_of(picture, va, ends ? last : va + (picture->each - 1));
		if (column == PICTURE_COLUMNS || ends) {
			row[column] = 0;
			kprintf(ADDRESS " |%s|\n", ADDRESS_OF(begin), row);
			column = 0;
			begin = va + picture->each;
		}
		if (ends)
			return;
	}
}

/* The last address of the span that begins with this range. */
static uintptr_t span_last(struct vmem *arena, const struct vmem_range *first)
{
	struct vmem_range range = *first;
	uintptr_t last = range.start + (range.size - 1);

	while (last != UINTPTR_MAX && vmem_find(arena, last + 1, &range) && !range.span_begins)
		last = range.start + (range.size - 1);
	return last;
}

static void draw_arena(struct picture *picture)
{
	struct vmem_info info;
	struct vmem_range range;

	vmem_get_info(picture->arena, &info);
	picture->each = info.quantum;
	while (picture->each < info.total / (PICTURE_COLUMNS * PICTURE_ROWS))
		picture->each *= 2;
	kprintf("%s: %s; spans: %zu; ranges taken: %zu; a mark is %s\n", info.name, SIZE(info.total), info.spans,
		info.taken, SIZE(picture->each));
	for (uintptr_t va = 0; vmem_find(picture->arena, va, &range);) {
		uintptr_t last = span_last(picture->arena, &range);

		kprintf("span " ADDRESS " to " ADDRESS ", %s%s\n", ADDRESS_OF(range.start), ADDRESS_OF(last),
			SIZE((uint64_t) last - range.start + 1), range.imported ? ", imported" : "");
		draw_span(picture, range.start, last);
		va = last + 1;
		if (va == 0)
			break;
	}
}

static bool draw_if_named(struct vmem *arena, void *argument)
{
	struct picture *picture = argument;

	if (strcmp(arena->name, picture->name) != 0)
		return true;
	picture->arena = arena;
	picture->found++;
	draw_arena(picture);
	return true;
}

static bool run_vmem(const struct command_call *call)
{
	struct picture picture = { .name = call->words[0] };
	size_t arenas = 0;

	if (call->count != 0) {
		vmem_each(draw_if_named, &picture);
		return picture.found != 0 || command_refuse(call->command, "the arena \"%s\" is gone", call->words[0]);
	}
	kprintf("%-*s  %9s  %9s  %9s  %9s  %5s  %6s  %8s  %8s  %6s\n", NAME_COLUMNS, "ARENA", "SIZE", "TAKEN", "CACHED",
		"LARGEST", "SPANS", "RANGES", "ALLOCS", "HITS", "FAILED");
	vmem_each(print_arena, &arenas);
	kprintf("\n%zu arenas\n", arenas);
	return true;
}

static bool tell_name(struct vmem *arena, void *argument)
{
	struct name_sink *sink = argument;

	sink->take(sink, arena->name);
	return true;
}

static void arena_names(struct name_sink *sink)
{
	vmem_each(tell_name, sink);
}

static const struct command commands[] = {
	{
		.name = "vmem",
		.summary = "arenas of virtual ranges; a picture of one",
		.detail = "An arena that imports from another stands below it. TAKEN: of SIZE, by owners or\n"
				  "by arenas below. CACHED: free, in the caches of CPUs. LARGEST: of the free ranges,\n"
				  "one of the largest. RANGES: taken. ALLOCS: past the caches. HITS: by them.\n"
				  "With NAME, a picture: # taken, . free, + both, o in caches (debug builds tell).\n",
		.run = run_vmem,
		.arguments = { { .kind = ARGUMENT_NAME,
			.name = "NAME",
			.optional = true,
			.noun = "arena",
			.names = arena_names } },
	},
};

const struct command_group vmem_commands = { "Virtual ranges", commands, ARRAY_COUNT(commands) };
