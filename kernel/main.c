/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From the boot code's hands to the prompt.
 *
 * Everything happens on the boot stack of the first CPU with interrupts off, so whatever
 * allocates here does so with FRAME_ATOMIC, till the console thread has been
 * made; then the boot stack becomes the first CPU's idle thread. A step that
 * fails says so in a sentence, and the machine stops with HALT_BOOT.
 */

#include <kernel/boot.h>
#include <kernel/console.h>
#include <kernel/cpus.h>
#include <kernel/lib.h>
#include <kernel/mistake.h>
#include <kernel/panic.h>
#include <kernel/print.h>
#include <kernel/scheduler.h>
#include <mm/as.h>
#include <mm/frame.h>
#include <mm/km.h>
#include <mm/malloc.h>
#include <mm/page.h>
#include <mm/slab.h>

static const struct boot_info *boot_info;

const struct boot_info *boot_get_info(void)
{
	return boot_info;
}

static errno_t frames_step(void)
{
	return frame_init(boot_info->map);
}

static errno_t console_step(void)
{
	struct thread *thread = thread_create("console", console_run, NULL, FRAME_ATOMIC);

	if (thread == NULL)
		return ENOMEM;
	thread_detach(thread);
	return EOK;
}

static const struct step {
	const char *what;
	errno_t (*run)(void);
} steps[] = {
	{ "the frame allocator", frames_step },
	{ "page mapping", page_init },
	{ "the slab allocator", slab_init },
	{ "malloc", malloc_init },
	{ "kernel mappings", km_init },
	{ "address spaces", as_init },
	{ "threads", thread_init },
	{ "calls between CPUs", cpus_init },
	{ "the console", console_step },
};

static void print_map(const struct memmap *map)
{
	for (size_t i = 0; i < map->count; i++)
		kprintf("  %016llx-%016llx %s\n", (unsigned long long) map->ranges[i].first,
			(unsigned long long) map->ranges[i].last, memmap_type_name(map->ranges[i].type));
}

static void run_steps(void)
{
	for (size_t i = 0; i < ARRAY_COUNT(steps); i++) {
		mistake_before(steps[i].what);

		errno_t result = steps[i].run();

		if (result == EOK)
			continue;
		kprintf("Cannot start: %s could not be set up (%s: %s). The memory map has %llu KiB of free memory.\n",
			steps[i].what, error_name(result), error_text(result),
			(unsigned long long) memmap_total(boot_info->map, MEMMAP_FREE) >> 10);
		halt(HALT_BOOT);
	}
}

void kernel_main(const struct boot_info *info, uintptr_t stack, size_t stack_size)
{
	boot_info = info;
	kprintf("\nHoplite %s (%s, %s)\n", CONFIG_VERSION, CONFIG_PROFILE, CONFIG_MODE);
	print_map(info->map);
	mistake_before("interrupts");
	arch_init();
	scheduler_init_cpu(stack, stack_size);
	run_steps();
	scheduler_idle();
}
