/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What YAMON hands over to the image that it starts (YAMON User's Manual MD00008,
 * "go"; so does QEMU), in the registers of the first four arguments:
 *
 *   a0   arguments that there are
 *   a1   their texts: the image's name, and the command line
 *   a2   the environment, pairs of a name and a value, a 0 behind the last
 *   a3   bytes of memory
 *
 * Both lists are arrays of addresses in kseg0. Of the environment "memsize" is used, bytes of RAM from
 * 0 on, and "ememsize", all bytes of RAM; numbers are decimal, or begin with 0x.
 */

#ifndef YAMON_H
#define YAMON_H

#include <kernel/boot.h>
#include <kernel/boot_reader.h>
#include <mm/types.h>

/* Where the kernel is, where there is RAM, and how memory is reached. */
struct yamon_place {
	const struct boot_reader *reader;
	uint64_t image, image_bytes;
	uint64_t reserved_bytes;        /* from 0 on: the exception vectors */
	uint64_t low_bytes;             /* RAM from 0 on: no more than this */
	uint64_t high_base, high_bytes; /* what there is beyond that begins here, and is no more than that */
};

/**
 * Makes what YAMON has left the kernel's own. Once, at boot.
 *
 * @param argv, environment, memory  as handed over
 * @param result                     receives what kernel_main takes
 * @return NULL, or why the kernel cannot start, as a clause
 */
MUST_USE const char *yamon_read(const struct yamon_place *place, uint32_t argv, uint32_t environment, uint32_t memory,
	const struct boot_info **result);

/** The same on a Malta. */
MUST_USE const char *yamon_collect(
	uint32_t argv, uint32_t environment, uint32_t memory, const struct boot_info **result);

#endif
