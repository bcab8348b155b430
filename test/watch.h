/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Ends a test that hangs. How hung is told from slow stands in watch.c.
 */

#ifndef WATCH_H
#define WATCH_H

#include <stdbool.h>
#include <sys/types.h>

/** Starts the watching process: from here on a process that is watched has so many seconds of its own time. */
void watch_start(unsigned seconds);

/** Called by a process: it is watched from now on, with all its time before it; another that was watched is not. */
void watch_me(void);

/** Nobody is watched any more. @return whether the last that was, was ended because its time was over */
bool watch_end(void);

#endif
