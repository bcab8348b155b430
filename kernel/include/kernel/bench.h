/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * `bench`: instructions per operation (ticks, if those are not counted), by the machine's own counter. How it is
 * measured is told in kernel/bench/bench.c; a row is defined beside what it
 * measures, in kernel/bench/.
 */

#ifndef KERNEL_BENCH_H
#define KERNEL_BENCH_H

#include <arch/cpu.h>
#include <mm/types.h>

/* Whether the goals, and the figures of other kernels, that the rows have are this machine's. <arch/cpu.h> says so. */
#ifndef BENCH_GOALS
#define BENCH_GOALS 0
#endif

#undef linux /* a macro of gcc's where it compiles on Linux */

struct bench_row {
	const char *name; /* as `bench NAME` takes it */
	const char *what; /* the operation, as the table shows it */

	/** Before the first batch. @return whether the row can be measured on this machine, now. NULL = nothing to do */
	bool (*set_up)(void);
	/** One batch of operations: what is timed. */
	void (*batch)(void);
	/** After each batch, not timed: undoes what the next one would stumble over. NULL = nothing to do */
	void (*between)(void);
	/** After the last batch, or a set_up that failed: undoes as much as that has done. NULL = nothing to do */
	void (*tear_down)(void);
	unsigned operations; /* of one batch */
	bool once;           /* they are one call, not a loop of calls */

	/* Figures to hold it against; 0 = there is none. In tenths of an instruction. */
	unsigned goal, helenos, linux;
};

/* A file of rows ends with one of these. */
struct bench_group {
	const struct bench_row *rows;
	size_t count;
};

extern const struct bench_group bench_frame_rows, bench_slab_rows, bench_vmem_rows, bench_page_rows, bench_as_rows;

/**
 * Measures all rows, or those whose name begins with which, and prints the table. Sleeps; takes a few seconds.
 * @param which  NULL or "all" = all
 * @return rows measured
 */
int bench_run(const char *which);

/** Calls visit with the name of every row. */
void bench_each(void (*visit)(const char *name, void *argument), void *argument);

#endif
