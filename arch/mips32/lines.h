/* SPDX-License-Identifier: BSD-2-Clause */

/* Interrupt lines as the kernel numbers them: the i8259's, and behind them the CPU's own. */

#ifndef LINES_H
#define LINES_H

#include <drivers/i8259.h>

enum { LINE_CONSOLE = 4, LINE_TIMER = I8259_LINES, LINE_SPURIOUS, LINES };

#endif
