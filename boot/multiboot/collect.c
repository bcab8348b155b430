/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * How the boot code reaches the memory that it has mapped, for multiboot.c: the
 * first BOOT_MAPPED bytes, in the identity window. Address 0 is none: a field
 * that is 0 has not been filled in.
 */

#include <arch/mm.h>
#include <kernel/panic.h>
#include <kernel/print.h>
#include <x86/boot.h>

#include "multiboot.h"

const struct boot_info *boot_collect(uint32_t magic, uint32_t info)
{
	const struct boot_reader reader = {
		.read = boot_bytes_read, .place = boot_bytes_place, .limit = BOOT_MAPPED, .bytes = (void *) PA2KA(0)
	};
	struct multiboot_place place = {
		.reader = &reader, .image = IMAGE2PA(image_start), .image_bytes = (uint64_t) (image_end - image_start)
	};
	const struct boot_info *result;
	const char *why = multiboot_read(&place, magic, info, &result);

	if (why != NULL) {
		kprintf("Cannot start: %s.\n", why);
		halt(HALT_BOOT);
	}
	return result;
}
