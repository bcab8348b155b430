/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Runs lists of random steps and shrinks those that fail: test/model.h.
 *
 * Every list is carried out in a process of its own, so that each finds the core
 * as it was, whatever the one before it has broken, and a crash or a panic is a
 * difference like any other.
 *
 * Shrinking takes away halves, then quarters, and so on down to single steps,
 * as long as what remains fails, whatever the difference it fails with; then
 * it makes the raw numbers of the steps left small, one by one.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arch/host.h>
#include <test.h>

#include "model.h"

struct list {
	struct model_step *steps;
	size_t count;
};

/* What a run leaves for the process that started it. */
struct outcome {
	size_t steps; /* carried out, the failing one included */
	char wrong[MODEL_ROOM];
};

static struct outcome *outcome; /* in memory that the processes share */
static bool renews_core;

static size_t frames_free(void)
{
	struct frame_info info;

	while (frame_reclaim(RECLAIM_FULL, true) != 0) /* each frees a bounded number */
		;
	frame_get_info(&info);
	return info.free + info.cached;
}

static void panicked(const char *message)
{
	snprintf(outcome->wrong, MODEL_ROOM, "panic: %.200s", message);
	_exit(0);
}

/* Carries out a list, in a process of its own. */
static void run_child(const struct model *model, uint64_t seed, const struct list *list, bool print)
{
	size_t free = frames_free(), free_after;
	void *world = model->begin(seed);

	while (outcome->steps < list->count && outcome->wrong[0] == '\0') {
		char done[MODEL_ROOM] = "";

		model->step(world, &list->steps[outcome->steps++], done, outcome->wrong);
		if (print)
			printf("#   %zu: %s\n", outcome->steps, done);
	}
	if (model->settle != NULL && outcome->wrong[0] == '\0')
		model->settle(world, outcome->wrong);
	model->end(world);
	free_after = renews_core ? free : frames_free();
	if (outcome->wrong[0] == '\0' && free_after != free)
		snprintf(outcome->wrong, MODEL_ROOM, "at the end %zu frames are free, not %zu", free_after, free);
}

/* Carries out a list. @return the number of steps up to the one that failed, or 0; prints them if told to. */
static size_t run(const struct model *model, uint64_t seed, const struct list *list, bool print)
{
	pid_t child;
	int status;

	*outcome = (struct outcome){ 0 };
	fflush(stdout);
	child = fork();
	if (child == 0) {
		host_panic_hook = panicked;
		run_child(model, seed, list, print);
		fflush(stdout);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		snprintf(outcome->wrong, MODEL_ROOM, "no process for it: %s", strerror(errno));
	else if (status != 0)
		snprintf(outcome->wrong, MODEL_ROOM, "it ended with status %#x", status);
	if (print)
		printf("#   %s\n", outcome->wrong);
	return (outcome->wrong[0] != '\0') ? outcome->steps : 0;
}

/* The list without a part of it. */
static struct list without(const struct list *list, size_t first, size_t count, struct model_step *room)
{
	memcpy(room, list->steps, first * sizeof(*room));
	memcpy(room + first, list->steps + first + count, (list->count - first - count) * sizeof(*room));
	return (struct list){ room, list->count - count };
}

static void leave_steps_out(const struct model *model, uint64_t seed, struct list *list, struct model_step *room)
{
	for (size_t part = list->count / 2; part > 0; part /= 2) {
		size_t first = 0;

		while (first + part <= list->count) {
			struct list rest = without(list, first, part, room);
			size_t failed = run(model, seed, &rest, false);

			if (failed != 0) {
				memcpy(list->steps, room, failed * sizeof(*room));
				list->count = failed;
			} else {
				first += part;
			}
		}
	}
}

static void make_numbers_small(const struct model *model, uint64_t seed, struct list *list)
{
	for (size_t i = 0; i < list->count * MODEL_RAW; i++) {
		uint32_t *raw = &list->steps[i / MODEL_RAW].raw[i % MODEL_RAW];

		for (uint32_t kept = *raw; kept != 0; kept = *raw) {
			*raw = kept / 2;
			if (run(model, seed, list, false) == 0) {
				*raw = kept;
				break;
			}
		}
	}
}

static struct list list_make(const struct model *model, uint64_t seed, size_t count)
{
	struct test_random random = TEST_RANDOM(seed);
	struct list list = { calloc(count, sizeof(*list.steps)), count };

	if (list.steps == NULL) {
		fprintf(stderr, "%s: no memory for %zu steps\n", model->name, count);
		abort();
	}
	if (model->make != NULL) {
		model->make(seed, list.steps, count);
		return list;
	}
	for (size_t i = 0; i < count; i++) {
		list.steps[i].kind = (uint32_t) test_random(&random);
		for (size_t j = 0; j < MODEL_RAW; j++)
			list.steps[i].raw[j] = (uint32_t) test_random(&random);
	}
	return list;
}

static void shrink(const struct model *model, uint64_t seed, struct list *list, size_t failed)
{
	struct model_step *room = calloc(failed, sizeof(*room));

	printf("# %s: seed 0x%llx fails at step %zu; shrunk to:\n", model->name, (unsigned long long) seed, failed);
	list->count = failed;
	if (room != NULL)
		leave_steps_out(model, seed, list, room);
	make_numbers_small(model, seed, list);
	if (room != NULL)
		leave_steps_out(model, seed, list, room);
	run(model, seed, list, true);
	free(room);
}

/* The list as lines of a file. */
static void print_to_keep(const struct model *model, const struct list *list)
{
	char text[MODEL_ROOM];

	printf("# to be kept:\n");
	for (size_t i = 0; i < list->count; i++) {
		model->write(&list->steps[i], text);
		printf("%s\n", text);
	}
}

static void outcome_map(const struct model *model)
{
	outcome = mmap(NULL, sizeof *outcome, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (outcome == MAP_FAILED) {
		fprintf(stderr, "%s: no memory\n", model->name);
		abort();
	}
}

bool model_run(const struct model *model, uint64_t seed, size_t steps)
{
	struct list list = list_make(model, seed, steps);
	size_t failed;

	outcome_map(model);
	failed = run(model, seed, &list, false);
	if (failed != 0) {
		shrink(model, seed, &list, failed);
		if (model->write != NULL)
			print_to_keep(model, &list);
	}
	munmap(outcome, sizeof *outcome);
	free(list.steps);
	return failed == 0;
}

bool model_replay(const struct model *model, const char *what, const struct model_step *steps, size_t count)
{
	struct list list = { (struct model_step *) steps, count };
	size_t failed;

	outcome_map(model);
	failed = run(model, 0, &list, false);
	if (failed != 0) {
		printf("# %s:\n", what);
		run(model, 0, &list, true);
	}
	munmap(outcome, sizeof *outcome);
	return failed == 0;
}

bool model_run_anew(const struct model *model, uint64_t seed, size_t steps)
{
	bool good;

	renews_core = true;
	good = model_run(model, seed, steps);
	renews_core = false;
	return good;
}
