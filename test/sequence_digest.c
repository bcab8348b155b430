/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Digests of random sequences of mappings, for holding one program against
 * another: tools/agree. The digest of the answers is the same for every design
 * and every number of levels; that of the sizes for every design with as many
 * levels. A digest is Fowler, Noll and Vo's of the text of the trace, 64 bits.
 */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "sequence.h"

#define RUNS 8
#define STEPS 1500

void trace_add(uint64_t *digest, const char *format, ...)
{
	char text[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	for (const char *at = text; *at != '\0'; at++)
		*digest = (*digest ^ (unsigned char) *at) * UINT64_C(0x100000001b3);
	if (sequence_trace->print)
		fputs(text, stdout);
}

/* @return whether it agreed with the flat model */
static bool trace_one(uint64_t seed, struct model_step *steps)
{
	char done[MODEL_ROOM], wrong[MODEL_ROOM] = "";
	void *world = sequence_model.begin(seed);

	sequence_model.make(seed, steps, STEPS);
	for (size_t i = 0; i < STEPS && wrong[0] == '\0'; i++)
		sequence_model.step(world, &steps[i], done, wrong);
	sequence_model.end(world);
	if (wrong[0] != '\0')
		printf("# seed %" PRIu64 ": %s: %s\n", seed, done, wrong);
	return wrong[0] == '\0';
}

bool sequence_digest(uint64_t seed, bool print)
{
	struct model_step *steps = calloc(STEPS, sizeof *steps);
	bool good = true;

	for (uint64_t i = 0; i < RUNS; i++) {
		struct sequence_trace trace = { UINT64_C(0xcbf29ce484222325), UINT64_C(0xcbf29ce484222325), print };

		sequence_trace = &trace;
		good &= trace_one(seed + i, steps);
		sequence_trace = NULL;
		printf("seed %" PRIu64 ": %u operations: answers %016" PRIx64 " sizes %016" PRIx64 "\n", seed + i, STEPS,
			trace.answers, trace.sizes);
	}
	free(steps);
	return good;
}
