/* SPDX-License-Identifier: BSD-2-Clause */

/* What the host's programs set of their glue to the test framework. */

#ifndef HOST_GLUE_H
#define HOST_GLUE_H

#include <stdint.h>

/* What test_seed returns. */
extern uint64_t host_seed;

/* Called where a case starts a thread, if there is only one CPU: it does not return. */
extern void (*host_no_cpu)(void);

#endif
