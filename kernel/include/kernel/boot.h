/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What the boot code (boot/) hands to the kernel.
 */

#ifndef KERNEL_BOOT_H
#define KERNEL_BOOT_H

#include <mm/memmap.h>

struct boot_info {
	struct memmap *map;       /* everything the firmware and the loader told, the image itself included */
	const char *command_line; /* "" if there is none */
	const char *loader;       /* who loaded us; "" if not known */
};

/**
 * Starts the kernel; the door "main". On the boot stack, interrupts off, the first CPU's per-CPU base set, image and
 * identity window mapped by the boot code as far as it did. info stays valid for ever.
 *
 * @param stack, stack_size  the boot stack, which becomes the idle thread's: its lowest address, and bytes. The word at
 *                           THREAD_STACK_CANARY is not in use
 */
void kernel_main(const struct boot_info *info, uintptr_t stack, size_t stack_size) __attribute__((noreturn));

/** What kernel_main was given. */
const struct boot_info *boot_get_info(void);

#endif
