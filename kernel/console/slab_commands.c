/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Commands about object caches: slabs, slab.
 */

#include "groups.h"

#include <kernel/panic.h>
#include <kernel/print.h>
#include <kernel/thread.h>
#include <mm/slab.h>

struct slab_totals {
	size_t caches, slabs, frames;
};

static bool print_row(struct slab_cache *cache, void *argument)
{
	struct slab_totals *totals = argument;
	struct slab_info info;

	slab_get_info(cache, &info);
	kprintf("%-22.22s  %7zu  %7s  %5zu  %6zu  %8zu  %6zu  %3zu\n", info.name, info.size,
		SIZE((uint64_t) info.slab_frames * PAGE_SIZE), info.objects_per_slab, info.slabs, info.in_use, info.cached,
		info.magazine_size);
	totals->caches++;
	totals->slabs += info.slabs;
	totals->frames += info.slabs * info.slab_frames;
	return true;
}

static bool run_slabs(const struct command_call *call)
{
	struct slab_totals totals = { 0 };

	(void) call;
	kprintf("CACHE                     BYTES     SLAB  HOLDS   SLABS    IN USE  CACHED  MAG\n");
	slab_cache_each(print_row, &totals);
	kprintf("\n%zu caches, %zu slabs, %zu frames (%s)\n", totals.caches, totals.slabs, totals.frames,
		SIZE((uint64_t) totals.frames * PAGE_SIZE));
	return true;
}

static bool tell_name(struct slab_cache *cache, void *argument)
{
	struct name_sink *sink = argument;
	struct slab_info info;

	slab_get_info(cache, &info);
	sink->take(sink, info.name);
	return true;
}

static void cache_names(struct name_sink *sink)
{
	slab_cache_each(tell_name, sink);
}

/* Not a word of thread's is read: it may have ended, and another may have its place. */
static void show_owner(const void *object, const void *caller, const void *thread)
{
	unsigned id = thread_id(thread);

	kprintf("    %p: last had at ", object);
	print_symbol((uintptr_t) caller);
	if (id != 0)
		kprintf(" by thread %u\n", id);
	else
		kprintf(" by a thread that has ended\n");
}

static bool run_slab(const struct command_call *call)
{
	struct slab_cache *cache = slab_cache_find(call->words[0]);

	if (cache == NULL)
		return command_refuse(call->command, "the cache \"%s\" is gone", call->words[0]);
	slab_cache_show(cache, show_owner);
	slab_cache_release(cache);
	return true;
}

static const struct command commands[] = {
	{
		.name = "slabs",
		.summary = "the object caches: sizes, slabs, objects in use",
		.detail = "BYTES: of an object, as asked for. SLAB: size of one slab. HOLDS: objects it has\n"
				  "room for. SLABS: how many there are. IN USE: objects with an owner. CACHED: free\n"
				  "objects in magazines. MAG: rounds of a magazine.\n",
		.run = run_slabs,
	},
	{
		.name = "slab",
		.summary = "one cache: its slabs; debug: who had objects last",
		.run = run_slab,
		.arguments = { { .kind = ARGUMENT_NAME, .name = "NAME", .noun = "cache", .names = cache_names } },
	},
};

const struct command_group slab_commands = { "Object caches", commands, ARRAY_COUNT(commands) };
