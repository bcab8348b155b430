/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * What a Multiboot loader leaves in memory (Multiboot Specification 0.6.96,
 * sections 3.2 and 3.3). All addresses are physical.
 */

#ifndef MULTIBOOT_H
#define MULTIBOOT_H

#include <kernel/boot.h>
#include <kernel/boot_reader.h>
#include <mm/types.h>

/* In EAX when the image is entered. */
#define MULTIBOOT_MAGIC 0x2badb002u

/* Bits of flags: which parts of the information are there. */
#define MULTIBOOT_MEMORY (1u << 0)
#define MULTIBOOT_COMMAND_LINE (1u << 2)
#define MULTIBOOT_MODULES (1u << 3)
#define MULTIBOOT_MAP (1u << 6)
#define MULTIBOOT_LOADER (1u << 9)

/* At the address in EBX. */
struct multiboot_info {
	uint32_t flags;
	uint32_t memory_lower, memory_upper; /* KiB from 0, and from 1 MiB to the first hole */
	uint32_t boot_device;
	uint32_t command_line;
	uint32_t module_count, modules;
	uint32_t symbols[4];
	uint32_t map_length, map;
	uint32_t drives_length, drives;
	uint32_t configuration;
	uint32_t loader;
};

struct multiboot_module {
	uint32_t start, end; /* end: of the first byte behind it */
	uint32_t command_line;
	uint32_t reserved;
};

/* Types of ranges in the memory map: those of ACPI's E820. */
enum { MULTIBOOT_RAM = 1, MULTIBOOT_ACPI_TABLES = 3, MULTIBOOT_ACPI_NVS = 4 };

/* The next entry lies size + sizeof(size) behind. */
struct multiboot_range {
	uint32_t size;
	uint64_t base, bytes;
	uint32_t type;
} __attribute__((packed));

/* Where the kernel is, and how memory is reached. */
struct multiboot_place {
	const struct boot_reader *reader;
	uint64_t image, image_bytes;
};

/**
 * Makes what the loader has left the kernel's own. Once, at boot.
 *
 * @param magic, info  as the loader has left them in EAX and EBX
 * @param result       receives what kernel_main takes
 * @return NULL, or why the kernel cannot start, as a clause
 */
MUST_USE const char *multiboot_read(
	const struct multiboot_place *place, uint32_t magic, uint32_t info, const struct boot_info **result);

#endif
