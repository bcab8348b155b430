/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * From QEMU's fw_cfg device to the memory map (QEMU 7.2, docs/specs/fw_cfg.rst): a selector, of 16 bits, chooses an
 * item, whose bytes the data register gives one after another, and zeros behind its end.
 */

#ifndef FW_CFG_H
#define FW_CFG_H

#include <kernel/boot.h>
#include <mm/types.h>

/* Items. */
#define FW_CFG_SIGNATURE 0x00
#define FW_CFG_RAM_SIZE 0x03
#define FW_CFG_CMDLINE_SIZE 0x14
#define FW_CFG_CMDLINE_DATA 0x15

/* How the reader gets at the device. */
struct fw_cfg_source {
	/** Copies the first bytes of an item. */
	void (*read)(const struct fw_cfg_source *source, unsigned item, void *to, size_t bytes);

	uint64_t image, image_bytes; /* where the image is */
	uint64_t most;               /* bytes of RAM, from 0 on, that there can be */
};

/**
 * Makes a memory map of RAM from 0 on, and the command line. Believes nothing: what cannot be is logged and left out.
 *
 * @return NULL, or why the kernel cannot start, as a clause
 */
MUST_USE const char *fw_cfg_read(const struct fw_cfg_source *source, const struct boot_info **result);

/* Where the device's registers are; io_t of the machine. */
struct fw_cfg {
	uint64_t selector, data;
};

/** The same by the machine's own registers; a selector that is little-endian. */
MUST_USE const char *fw_cfg_collect(const struct fw_cfg *device, const struct boot_info **result);

#endif
