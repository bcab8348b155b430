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
 * and two boots of one image agree to the digit. Whether it does is measured
 * first: then twice the rounds of a loop cost exactly twice as much, each time.
 * (A counter that rises by more than one at a time, CYCLES_STEP, is as exact as it can be.)
 * Elsewhere the unit is a tick, and in a debug build the instructions are not
 * those of a kernel in use: in neither is there a goal to hold the figures against.
 *
 * A SET-UP THAT FAILS, for want of memory or because a failure was injected,
 * is undone by the row's tear_down, as one that succeeded; the row is told as not
 * measured. No failures are injected into batches: they would measure those.
 */

#include <arch/cpu.h>
#include <kernel/bench.h>
#include <kernel/lib.h>
#include <kernel/print.h>
#include <mm/frame.h>
#include <mm/inject.h>
#include <mm/port.h>

#define BATCHES 16

static const struct bench_group *const groups[] = { &bench_frame_rows, &bench_slab_rows, &bench_vmem_rows,
	&bench_page_rows, &bench_as_rows };

/* Whether two differences of the counter are of equally many instructions. */
static bool are_same(uint64_t a, uint64_t b)
{
	return (a > b ? a - b : b - a) <= 2 * (CYCLES_STEP - 1);
}

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

/* Loops of so many rounds that tell what the counter counts, and how often they do. */
#define PROBE_ROUNDS 1000
#define PROBES 8

/* One loop for all numbers of rounds: the compiler must not make another, with fewer instructions, for a constant. */
static NOINLINE uint64_t probe(unsigned rounds)
{
	port_irq_t irq = port_irq_save();
	uint64_t begin, ticks;

	__asm__ volatile("" : "+r"(rounds));
	begin = cycles();
	empty_batch(rounds);
	ticks = cycles() - begin;
	port_irq_restore(irq);
	return ticks;
}

/* Whether a tick is an instruction: if so, more rounds cost the same more, to the digit. */
static bool counts_instructions(void)
{
	uint64_t more = probe(2 * PROBE_ROUNDS) - probe(PROBE_ROUNDS);
	uint64_t instructions = (more + PROBE_ROUNDS / 2) / PROBE_ROUNDS; /* of a round */
	bool same = instructions != 0 && are_same(more, instructions * PROBE_ROUNDS);

	for (unsigned i = 0; i < PROBES && same; i++)
		same = are_same(probe((i + 2) * PROBE_ROUNDS) - probe((i + 1) * PROBE_ROUNDS), more);
	return same;
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

/* Measures a row that is set up, without injected failures. @return ticks of the shortest batch; whether they repeat */
static uint64_t measure(const struct bench_row *row, bool *repeats)
{
	uint64_t shortest[2], best, empty;
	bool armed = __atomic_exchange_n(&inject_armed, false, __ATOMIC_SEQ_CST);

	shortest_batches(row, shortest);
	__atomic_store_n(&inject_armed, armed, __ATOMIC_SEQ_CST);
	empty = overhead(row->once ? 1 : row->operations);
	best = shortest[0] < shortest[1] ? shortest[0] : shortest[1];
	*repeats = are_same(shortest[0], shortest[1]);
	return best > empty ? best - empty : 0;
}

static void print_row(const struct bench_row *row, uint64_t ticks, bool repeats, bool goals)
{
	kprintf("%-14s %-52s", row->name, row->what);
	print_figure(ticks * 10 / row->operations);
	if (goals) {
		print_figure(row->goal);
		print_figure(row->helenos);
		print_figure(row->linux);
	}
	kprintf("%s\n", repeats ? "" : " ~");
}

/* @return whether the row repeats exactly */
static bool row_run(const struct bench_row *row, bool goals)
{
	bool ready = row->set_up == NULL || row->set_up(), repeats = true;
	uint64_t ticks = ready ? measure(row, &repeats) : 0;

	if (row->tear_down != NULL)
		row->tear_down();
	if (ready)
		print_row(row, ticks, repeats, goals);
	else
		kprintf("%-14s %-52s not on this machine, or too little memory\n", row->name, row->what);
	return repeats;
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
	bool exact = true, instructions = counts_instructions(), goals = BENCH_GOALS && instructions && !CONFIG_DEBUG;
	int measured = 0;

	kprintf("%-14s %-52s %9s", "row", instructions ? "instructions for" : "ticks for", "here");
	if (goals)
		kprintf(" %9s %9s %9s", "goal", "HelenOS", "Linux");
	kprintf("\n");
	for (size_t g = 0; g < ARRAY_COUNT(groups); g++) {
		for (size_t i = 0; i < groups[g]->count; i++) {
			if (!chosen(&groups[g]->rows[i], which))
				continue;
			exact &= row_run(&groups[g]->rows[i], goals);
			measured++;
		}
	}
	if (measured > 0)
		print_books();
	if (!goals)
		kprintf("No goals: %s.\n",
			!BENCH_GOALS       ? "this machine has none of its own"
				: instructions ? "they are for release builds"
							   : "the counter does not count instructions (`make bench`)");
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
