/* SPDX-License-Identifier: BSD-2-Clause */

/* What the host's programs set of their glue to the test framework. */

#ifndef HOST_GLUE_H
#define HOST_GLUE_H

#include <stdint.h>

/* What test_seed returns. */
extern uint64_t host_seed;

#endif
