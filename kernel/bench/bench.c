/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Measuring.
 *
 * A row is a batch of operations, repeated BATCHES times after one that warms
 * up; the shortest batch counts, which has no interrupt in it. What an empty
 * batch of as many rounds costs is taken off, so that the figure is the
 * operation's own, calls and arguments included.
 *
 * The counter is the machine's (cycles()). When the emulator counts
 * instructions as time (`make bench` sees to that), a tick is an instruction
 * and two boots of one image agree to the digit. Whether they do is measured:
 * the shortest of the first half of the batches and the shortest of the second
 * are then the same.
 */

#include <arch/cpu.h>
#include <kernel/bench.h>
#include <kernel/lib.h>
#include <kernel/print.h>
#include <mm/frame.h>

#define BATCHES 16

static const struct bench_group *const groups[] = { &bench_frame_rows, &bench_slab_rows, &bench_vmem_rows,
	&bench_page_rows, &bench_as_rows };

static void empty_batch(unsigned operations)
{
	for (unsigned i = 0; i < operations; i++)
		__asm__ volatile("");
}

/* Ticks of the shortest batch of each half. */
static void shortest_batches(const struct bench_row *row, uint64_t shortest[static 2])
{
	shortest[0] = shortest[1] = UINT64_MAX;
	for (unsigned i = 0; i <= BATCHES; i++) {
		uint64_t begin = cycles();
		uint64_t ticks;

		row->batch();
		ticks = cycles() - begin;
		if (row->between != NULL)
			row->between();
		if (i == 0) /* it warmed up */
			continue;
		if (ticks < shortest[(i - 1) / (BATCHES / 2)])
			shortest[(i - 1) / (BATCHES / 2)] = ticks;
	}
}

static uint64_t overhead(unsigned operations)
{
	uint64_t best = UINT64_MAX;

	for (unsigned i = 0; i < BATCHES; i++) {
		uint64_t begin = cycles();
		uint64_t ticks;

		empty_batch(operations);
		ticks = cycles() - begin;
		if (ticks < best)
			best = ticks;
	}
	return best;
}

/* A figure in tenths, or a dash for none. */
static void print_figure(uint64_t tenths)
{
	if (tenths == 0)
		kprintf(" %9s", "-");
	else if (tenths >= 1000 || tenths % 10 == 0)
		kprintf(" %9llu", (unsigned long long) (tenths + 5) / 10);
	else
		kprintf(" %7llu.%llu", (unsigned long long) tenths / 10, (unsigned long long) tenths % 10);
}

/* @return whether the row repeats exactly */
static bool measure(const struct bench_row *row)
{
	uint64_t shortest[2], best, empty;

	if (row->set_up != NULL && !row->set_up()) {
		kprintf("%-14s %-52s not on this machine, or too little memory\n", row->name, row->what);
		return true;
	}
	shortest_batches(row, shortest);
	best = shortest[0] < shortest[1] ? shortest[0] : shortest[1];
	empty = overhead(row->once ? 1 : row->operations);
	if (row->tear_down != NULL)
		row->tear_down();
	kprintf("%-14s %-52s", row->name, row->what);
	print_figure((best > empty ? best - empty : 0) * 10 / row->operations);
	print_figure(row->goal);
	print_figure(row->helenos);
	print_figure(row->linux);
	kprintf("%s\n", shortest[0] == shortest[1] ? "" : " ~");
	return shortest[0] == shortest[1];
}

/* What the books of frames cost: a share, not a count of instructions. */
static void print_books(void)
{
	struct frame_info info;
	size_t share; /* in millionths */

	frame_get_info(&info);
	share = (size_t) ((uint64_t) info.books * 1000000 / ((uint64_t) info.total << PAGE_WIDTH));
	kprintf("books of frames: %zu KiB for %zu frames: 0.%03zu %% of them (goal 0.100, HelenOS 0.390, Linux 1.600)\n",
		info.books >> 10, info.total, share / 10);
}

static bool chosen(const struct bench_row *row, const char *which)
{
	return which == NULL || strcmp(which, "all") == 0 || strncmp(row->name, which, strlen(which)) == 0;
}

int bench_run(const char *which)
{
	bool exact = true;
	int measured = 0;

	kprintf("%-14s %-52s %9s %9s %9s %9s\n", "row", "instructions for", "here", "goal", "HelenOS", "Linux");
	for (size_t g = 0; g < ARRAY_COUNT(groups); g++) {
		for (size_t i = 0; i < groups[g]->count; i++) {
			if (!chosen(&groups[g]->rows[i], which))
				continue;
			exact &= measure(&groups[g]->rows[i]);
			measured++;
		}
	}
	if (measured > 0)
		print_books();
	if (!exact)
		kprintf(
			"~: not all batches cost the same. Two boots agree if the emulator counts instructions (`make bench`).\n");
	return measured;
}

void bench_each(void (*visit)(const char *name, void *argument), void *argument)
{
	for (size_t g = 0; g < ARRAY_COUNT(groups); g++)
		for (size_t i = 0; i < groups[g]->count; i++)
			visit(groups[g]->rows[i].name, argument);
}
