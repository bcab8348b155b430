/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Loads of address spaces and CPUs that cases of machine and host share: what
 * they show depends on the CPUs there are, and on their TLBs.
 */

#ifndef SHOOTDOWN_H
#define SHOOTDOWN_H

#include <test.h>

/**
 * Makes address spaces, each with a value of its own at one address, and goes from one to another at random.
 * @return reads that gave another's value; SIZE_MAX if there was no memory for so many (told as NEED does)
 */
size_t shootdown_switch(size_t spaces, size_t switches);

/* What a storm came to. */
struct storm_result {
	size_t reads;
	size_t stale;           /* of these, those that gave what never stood in that page */
	size_t written_through; /* pages that changed while nobody was allowed to write them */
};

/**
 * Threads that go from one address space to another and use pages of it, while others destroy, make, resize, copy and
 * protect the areas these are in. only_read: no page is written but by the page tables, so that what is stale can do no
 * harm.
 */
struct storm_result shootdown_storm(size_t rounds, bool only_read);

/**
 * Destroys an area of many pages in an address space that `running` other CPUs run in, `left` have left, and no other
 * has seen; looks at who was asked.
 */
void shootdown_users(size_t running, size_t left);

#endif
