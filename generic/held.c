/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a thread holds, and whether it may wait for memory: mm/held.h.
 *
 * The counts are the thread's own (port_held): no lock, no atomic operation. An
 * interrupt handler finds those of the thread that it interrupted, and leaves
 * them as they were.
 */

#include <mm/held.h>

#include "frame_internal.h"

#if CONFIG_DEBUG
static const char *const kind_names[HELD_KINDS] = {
	[HELD_LOCK] = "locks",
	[HELD_FRAMES] = "frames",
	[HELD_TAGS] = "tags",
	[HELD_RESERVED] = "reserved frames",
	[HELD_OBJECTS] = "objects",
};

void held_add(enum held_kind kind, size_t n)
{
	port_held()->counts[kind] += n;
}

void held_sub(enum held_kind kind, size_t n)
{
	size_t *count = &port_held()->counts[kind];

	mm_assert(n <= *count, "%zu %s are no longer held, but this thread holds %zu", n, kind_names[kind], *count);
	*count -= n;
}

static void counts_check(const char *function, const struct held *held)
{
	for (unsigned kind = 0; kind < HELD_KINDS; kind++)
		if (held->counts[kind] != 0)
			port_panic("%s: may sleep for memory, but this thread holds %zu %s (of locks %zu, frames %zu, tags %zu, "
					   "reserved frames %zu, objects %zu)",
				function, held->counts[kind], kind_names[kind], held->counts[HELD_LOCK], held->counts[HELD_FRAMES],
				held->counts[HELD_TAGS], held->counts[HELD_RESERVED], held->counts[HELD_OBJECTS]);
}
#else
static void counts_check(const char *function, const struct held *held)
{
	(void) function, (void) held;
}
#endif

void may_wait_check(const char *function)
{
	const struct held *held;

	if (!interrupts_on())
		port_panic("%s: may sleep, but interrupts are off or a spinlock is held; give FRAME_ATOMIC, or let go first",
			function);
	held = port_held();
	if (held->reclaimer != NULL)
		port_panic("%s: may sleep for memory, but this thread runs reclaimer %s; give FRAME_ATOMIC", function,
			held->reclaimer->name);
	counts_check(function, held);
	inject_wait_now();
}
