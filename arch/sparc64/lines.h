/* SPDX-License-Identifier: BSD-2-Clause */

/* The lines of arch/sparc64/machine.c. */

#ifndef LINES_H
#define LINES_H

#define LINE_CONSOLE 43
#define LINE_TIMER 63
#define LINES 64
#define LINE_SPURIOUS LINES

#endif
