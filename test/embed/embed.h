/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the two small kernels of test/embed share: the parts that use the core
 * (parts.c), and what each kernel supplies for them.
 */

#ifndef EMBED_H
#define EMBED_H

#include <mm/as.h>
#include <mm/types.h>

struct memmap;

/* ---- parts.c ---- */

/* What parts.c and its callers expect to be true; from any thread. */
#define CHECK(condition) check(condition, #condition, __FILE__, __LINE__)

bool check(bool is_so, const char *what, const char *file, int line);

/* How many were checked, and how many were not true. */
extern unsigned checks, failed;

/* One part of a kernel's checks. */
struct part {
	const char *name;
	void (*run)(void);
};

/** Begins the report, of so many parts in all. KTAP: tools/run sums it up. */
void report_begin(size_t parts);

/** Runs a part, and reports whether all that it checked was true. */
void part_report(const struct part *part);

/** Initializes the core, all of it, in the order that doc/embedding.md gives. @return whether each step succeeded */
bool core_start(struct memmap *map);

/**
 * Runs each of the shared parts twice, and then the checks of the core itself. After the second round as many frames
 * are free as after the first, in which what stays for good is allocated.
 */
void parts_run(void);

/* Parts that parts_run reports. */
#define PARTS_SHARED 9

/* ---- the kernel ---- */

/** A byte as the user of an address space reads it, page faults included. @return -1 if it may not be read */
int user_read(struct as *as, uintptr_t va);

/** Writes a byte so. @return false if it may not be written */
bool user_write(struct as *as, uintptr_t va, unsigned char value);

/** Starts another thread. There is one at a time. */
void worker_start(void (*body)(void));

/** Waits for its end. */
void worker_join(void);

/** Writes a line for those who run the kernel. */
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
