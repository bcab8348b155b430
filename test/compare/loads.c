/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The loads, and the program that puts one of them on one allocator.
 *
 *   compare-SUBJECT LOAD ROUNDS
 *
 *   hot       an object taken and given back, again and again
 *   fifo      1,000 taken, given back in order
 *   lifo      1,000 taken, given back the last one first
 *   shuffled  1,000 taken, given back in a fixed random order
 *   churn     4,000 places; each step frees what is in one of them and takes 16 to 2,048 bytes for it
 *   handover  one thread takes 1,000, another gives them back, in turns
 *
 * It runs the load once to warm up, then ROUNDS times, and prints the pairs of
 * taking and giving back in a round, and the nanoseconds a pair took. Under
 * callgrind, collecting is switched on and off at the function `measured`, so
 * what is counted is the rounds and nothing else; each round of a thread is one
 * call of it, and no waiting is in it.
 */

#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "subject.h"

#define BATCH 1000
#define PLACES 4000
#define STEPS 4000

static void *objects[BATCH];
static unsigned order[BATCH];
static void *places[PLACES];
static uint64_t random_state;

/* The generator of Knuth's MMIX. */
static unsigned random_below(unsigned bound)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned) (random_state >> 33) % bound;
}

static void prepare_orders(void)
{
	random_state = 1;
	for (unsigned i = 0; i < BATCH; i++)
		order[i] = i;
	for (unsigned i = BATCH - 1; i > 0; i--) {
		unsigned other = random_below(i + 1);
		unsigned swap = order[i];

		order[i] = order[other];
		order[other] = swap;
	}
}

/* ---- rounds ---- */

static void take_batch(void)
{
	for (unsigned i = 0; i < BATCH; i++)
		objects[i] = subject_alloc(OBJECT_SIZE);
}

/* The compiler, which knows malloc and free, is not to see that nothing is done with the object: it leaves them out. */
static void hot_round(void)
{
	for (unsigned i = 0; i < BATCH; i++) {
		void *object = subject_alloc(OBJECT_SIZE);

		__asm__ volatile("" : "+r"(object));
		subject_free(object);
	}
}

static void fifo_round(void)
{
	take_batch();
	for (unsigned i = 0; i < BATCH; i++)
		subject_free(objects[i]);
}

static void lifo_round(void)
{
	take_batch();
	for (unsigned i = BATCH; i-- > 0;)
		subject_free(objects[i]);
}

static void shuffled_round(void)
{
	take_batch();
	for (unsigned i = 0; i < BATCH; i++)
		subject_free(objects[order[i]]);
}

/* Sizes of all magnitudes between 16 and 2,048, as programs have them: small ones often. */
static void churn_round(void)
{
	for (unsigned i = 0; i < STEPS; i++) {
		unsigned place = random_below(PLACES);
		unsigned width = 4 + random_below(7);

		subject_free(places[place]);
		places[place] = subject_alloc(((size_t) 1 << width) + random_below(1u << width));
	}
}

static void give_batch(void)
{
	for (unsigned i = 0; i < BATCH; i++)
		subject_free(objects[i]);
}

/* What callgrind collects in. */
__attribute__((noinline)) static void measured(void (*round)(void))
{
	round();
	__asm__ volatile("" : : : "memory");
}

/* ---- handing over ---- */

static sem_t taken, given;
static unsigned handover_rounds;

static void *giver(void *argument)
{
	subject_thread_begin();
	for (unsigned i = 0; i < handover_rounds; i++) {
		sem_wait(&taken);
		measured(give_batch);
		sem_post(&given);
	}
	subject_thread_end();
	return argument;
}

static void handover(unsigned rounds)
{
	pthread_t thread;

	handover_rounds = rounds;
	sem_init(&taken, 0, 0);
	sem_init(&given, 0, 0);
	if (pthread_create(&thread, NULL, giver, NULL) != 0)
		exit(2);
	for (unsigned i = 0; i < rounds; i++) {
		measured(take_batch);
		sem_post(&taken);
		sem_wait(&given);
	}
	pthread_join(thread, NULL);
}

/* ---- the program ---- */

static const struct load {
	const char *name;
	void (*round)(void); /* NULL: handover */
	unsigned pairs;
} loads[] = {
	{ "hot", hot_round, BATCH },
	{ "fifo", fifo_round, BATCH },
	{ "lifo", lifo_round, BATCH },
	{ "shuffled", shuffled_round, BATCH },
	{ "churn", churn_round, STEPS },
	{ "handover", NULL, BATCH },
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t) time.tv_sec * 1000000000u + (uint64_t) time.tv_nsec;
}

static void run(const struct load *load, unsigned rounds)
{
	if (load->round == NULL) {
		handover(rounds);
		return;
	}
	for (unsigned i = 0; i < rounds; i++)
		measured(load->round);
}

/* The first rounds fill caches and places; they are not measured, unless everything is. */
static void warm_up(const struct load *load)
{
	if (load->round == churn_round) {
		for (unsigned i = 0; i < PLACES; i++)
			places[i] = subject_alloc(OBJECT_SIZE);
		for (unsigned i = 0; i < 4; i++)
			churn_round();
	} else if (load->round != NULL) {
		load->round();
		load->round();
	}
}

int main(int count, char **arguments)
{
	const struct load *load = NULL;
	unsigned rounds = count == 3 ? (unsigned) strtoul(arguments[2], NULL, 10) : 0;
	uint64_t begin;

	for (size_t i = 0; count == 3 && i < sizeof loads / sizeof loads[0]; i++)
		if (strcmp(arguments[1], loads[i].name) == 0)
			load = &loads[i];
	if (load == NULL || rounds == 0) {
		fprintf(stderr, "usage: %s hot|fifo|lifo|shuffled|churn|handover ROUNDS\n", arguments[0]);
		return 2;
	}
	prepare_orders();
	subject_start();
	warm_up(load);
	begin = now();
	run(load, rounds);
	printf("%u %.2f\n", load->pairs, (double) (now() - begin) / ((double) load->pairs * rounds));
	return 0;
}
