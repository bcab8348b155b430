/* SPDX-License-Identifier: BSD-2-Clause */

/* Hoplite as a subject: the core of the host, with memory enough for every load. */

#include <arch/host.h>
#include <mm/assert.h>
#include <mm/slab.h>

#include "subject.h"

#ifdef SUBJECT_SLAB
struct slab_cache *subject_cache;
#endif

void subject_start(void)
{
	host_boot(&(struct host_memory){ .low = MiB(128) });
#ifdef SUBJECT_SLAB
	subject_cache = slab_cache_create("objects", OBJECT_SIZE, NULL, 0);
	mm_assert(subject_cache != NULL, "no cache");
#endif
}

void subject_thread_begin(void)
{
	host_cpu_enter();
}

void subject_thread_end(void)
{
	host_cpu_leave();
}
