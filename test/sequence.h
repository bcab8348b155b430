/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Sequences of mappings over many address spaces: operations that are the same
 * for every page-table design and every number of levels, so that their results
 * can be held against a flat model, against each other, and kept.
 *
 *   sequence_text.c    operations as lines of text, and files of them
 *   sequence_flat.c    the flat model, and random sequences made with it
 *   sequence_model.c   carrying them out and comparing; the cases
 *   sequence_digest.c  the trace of a sequence, and its digest
 *
 * SPACES. Number 0 is the kernel part, the others are address spaces. PAGES of a
 * space are numbered through its regions: the last 12 MiB of its part, and for
 * address spaces 12 MiB at their begin and SMALL_REGIONS of SMALL_PAGES each
 * scattered between them. All spaces have the same addresses, and these are
 * equal, modulo 4 MiB, whatever the levels.
 *
 * A LINE of a file is one operation, or a comment after #:
 *
 *     open SPACE                            close SPACE
 *     run SPACE                             this CPU translates by it from now on
 *     map SPACE PAGE COUNT FRAME FLAGS      frames that follow each other
 *     unmap SPACE PAGE COUNT
 *     protect SPACE PAGE COUNT FLAGS
 *     replace SPACE PAGE FRAME FLAGS        page_mapping_replace
 *     find SPACE PAGE
 *
 * FLAGS are letters: r, and w, x, u (user), g (global), c (not cached), n (no large pages). Map and protect may end in
 * "fail N": the N-th allocation is made to fail, with FRAME_ATOMIC; if that is refused, nothing may have changed, and
 * it is asked again.
 */

#ifndef TEST_SEQUENCE_H
#define TEST_SEQUENCE_H

#include <mm/page.h>

#include "model.h"

#define SPACES 9
#define BIG_PAGES (MiB(12) >> PAGE_WIDTH)
#define SMALL_REGIONS 64
#define SMALL_PAGES ((size_t) 16)
#define SPACE_PAGES(space) ((space) == 0 ? BIG_PAGES : 2 * BIG_PAGES + SMALL_REGIONS * SMALL_PAGES)
#define OPERATION_ROOM 96

enum operation_kind { OPEN, CLOSE, RUN, MAP, UNMAP, PROTECT, REPLACE, FIND, OPERATION_KINDS };

struct operation {
	enum operation_kind kind;
	unsigned space;
	size_t page, count; /* in one region */
	pfn_t frame;
	page_flags_t flags;
	unsigned fail;
};

/* ---- operations as steps of a model, and as text (sequence_text.c) ---- */

/** The operation of a step; whatever its numbers are, one that can be carried out. */
struct operation operation_of(const struct model_step *step);
struct model_step step_of(const struct operation *operation);

/** A line, without its end. */
void operation_write(const struct operation *operation, char text[OPERATION_ROOM]);

/**
 * Reads a file of operations.
 * @param room  steps that there is room for
 * @param wrong  receives what is wrong with it, MODEL_ROOM bytes
 * @return steps read; 0 if something is wrong
 */
size_t sequence_read(const char *path, struct model_step *steps, size_t room, char *wrong);

/* ---- regions ---- */

/** Pages of the region that a page lies in, from that page on. */
size_t region_left(unsigned space, size_t page);
size_t region_first(unsigned space, size_t page);
uintptr_t page_address(unsigned space, size_t page);

/* ---- the flat model (sequence_flat.c) ---- */

struct flat_page {
	uint32_t frame; /* 0 = nothing */
	uint16_t flags;
	uint16_t level; /* of the page that maps it */
};

struct flat {
	struct flat_page *pages;          /* of all spaces, open or not */
	struct flat_page *spaces[SPACES]; /* NULL = not open; the kernel part always is */
	size_t mapped[SPACES];
};

void flat_begin(struct flat *flat);
void flat_end(struct flat *flat);

/** Carries an operation out. @return what it is to return, should no allocation fail */
errno_t flat_apply(struct flat *flat, const struct operation *operation);

/** A random sequence: one that maps where nothing is and changes what is there, more often than not. */
void sequence_make(uint64_t seed, struct model_step *steps, size_t count);

/* ---- carrying out (sequence_model.c) ---- */

extern const struct model sequence_model;

/* What is told of each step when a digest is taken. */
struct sequence_trace {
	uint64_t answers; /* digest of what is the same whatever the levels */
	uint64_t sizes;   /* digest of the rest: sizes of pages, and rights that a format cannot refuse */
	bool print;
};

/** What the world of the model that runs is to tell to, or NULL. */
extern struct sequence_trace *sequence_trace;

/** Adds to both digests, printf style; prints it if the trace is to be printed. */
void trace_add(uint64_t *digest, const char *format, ...) __attribute__((format(printf, 2, 3)));

/**
 * Carries out random sequences and prints their digests, a line for each; with print every operation and its results.
 * @return whether all agreed with the flat model
 */
bool sequence_digest(uint64_t seed, bool print);

#endif
