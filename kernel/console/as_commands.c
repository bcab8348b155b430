/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Commands about address spaces: as.
 */

#include "groups.h"

#include <kernel/print.h>
#include <mm/as.h>

static bool print_area(const struct as_area_info *info, void *argument)
{
	uint64_t size = (uint64_t) info->last - info->first + 1;

	(void) argument;
	kprintf("        " ADDRESS "  " ADDRESS "  %9s  %c%c%c  %-9s  %8zu  %8zu  %7zu\n", ADDRESS_OF(info->first),
		ADDRESS_OF(info->last), SIZE(size), info->backend == AS_GUARD ? '-' : 'r',
		(info->flags & AS_WRITE) != 0 ? 'w' : '-', (info->flags & AS_EXEC) != 0 ? 'x' : '-',
		as_backend_name(info->backend), info->resident, info->promised, info->sharers);
	return true;
}

static bool print_as(struct as *as, void *argument)
{
	struct as_info info;

	(void) argument;
	as_get_info(as, &info);
	/* Who looks at it holds it too. */
	kprintf("%6u  %7zu  %5zu  %9s  %9s  %9s\n", info.number, info.holders - 1, info.areas,
		SIZE((uint64_t) info.pages * PAGE_SIZE), SIZE((uint64_t) info.resident * PAGE_SIZE),
		SIZE((uint64_t) info.promised * PAGE_SIZE));
	if (info.areas == 0)
		return true;
	kprintf("        %-*s  %-*s  %9s  %-3s  %-9s  %8s  %8s  %7s\n", ADDRESS_WIDTH, "FIRST", ADDRESS_WIDTH, "LAST",
		"SIZE", "MAY", "BACKEND", "RESIDENT", "PROMISED", "SHARERS");
	as_area_each(as, print_area, NULL);
	return true;
}

static bool run_as(const struct command_call *call)
{
	struct as_fault_counts counts;

	(void) call;
	kprintf("NUMBER  HOLDERS  AREAS       SIZE     MAPPED   PROMISED\n");
	as_each(print_as, NULL);
	as_fault_get_counts(&counts);
	kprintf("%zu address spaces. Page faults since boot:", as_count());
	for (size_t i = 0; i < AS_FAULT_RESULTS; i++)
		kprintf(" %zu %s%s", counts.results[i], as_fault_result_name((enum as_fault_result) i),
			i + 1 < AS_FAULT_RESULTS ? "," : "");
	kprintf("; %zu pages copied\n", counts.copied);
	return true;
}

static const struct command commands[] = {
	{
		.name = "as",
		.summary = "address spaces, and the areas of each",
		.detail = "HOLDERS: who has it, the threads that have borrowed it among them. MAPPED: pages that have\n"
				  "frames. PROMISED: frames set aside for pages that were not touched yet. MAY: what the area\n"
				  "allows. SHARERS: areas that have its memory together.\n",
		.run = run_as,
	},
};

const struct command_group as_commands = { "Address spaces", commands, ARRAY_COUNT(commands) };
