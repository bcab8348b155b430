/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Random sequences against a model.
 *
 * A run is a list of steps. A step holds raw random numbers, which are brought
 * into the range of what is there only when it is carried out. So any part of a
 * list is a list as well, and one that fails is shrunk by leaving steps out for
 * as long as it still fails. Everything comes from one seed.
 */

#ifndef TEST_MODEL_H
#define TEST_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_RAW 5

struct model_step {
	uint32_t kind; /* raw as well: the test takes it modulo its kinds of step */
	uint32_t raw[MODEL_RAW];
};

/* What a step found wrong; "" = nothing. */
#define MODEL_ROOM 256

struct model {
	const char *name;
	/** Sets up what is tested and its model, in a way that follows from the seed. */
	void *(*begin)(uint64_t seed);
	/**
	 * Carries out one step on both and compares them.
	 * @param done  receives what was done, in words, MODEL_ROOM bytes
	 * @param wrong  receives the difference, MODEL_ROOM bytes, if there is one
	 */
	void (*step)(void *world, const struct model_step *step, char *done, char *wrong);
	/** Compares all there is, at the end of a list; wrong as for step. NULL: nothing. */
	void (*settle)(void *world, char *wrong);
	void (*end)(void *world);
	/** Makes a list; NULL: every number of every step is random. Any part of what it makes is a list as well. */
	void (*make)(uint64_t seed, struct model_step *steps, size_t count);
	/** Writes a step as a line that can be kept and read again, MODEL_ROOM bytes; NULL: it cannot be kept. */
	void (*write)(const struct model_step *step, char *text);
};

/**
 * Runs so many random steps. If one shows a difference: prints the seed, shrinks the list, prints the steps left.
 * @return whether there was no difference
 */
bool model_run(const struct model *model, uint64_t seed, size_t steps);

/** As model_run, for a model that starts the frame allocator anew: free frames are not compared before and after. */
bool model_run_anew(const struct model *model, uint64_t seed, size_t steps);

/** Carries out a list that was kept; if it shows a difference, prints it. @return whether there was none */
bool model_replay(const struct model *model, const char *what, const struct model_step *steps, size_t count);

#endif
