/* SPDX-License-Identifier: BSD-2-Clause */

/* How the boot code reaches the device, for fw_cfg.c. */

#include <arch/io.h>
#include <arch/mm.h>

#include "fw_cfg.h"

static const struct fw_cfg *device;

static void device_read(const struct fw_cfg_source *source, unsigned item, void *to, size_t bytes)
{
	uint8_t *byte = to;

	(void) source;
	io_write16_le((io_t) device->selector, (uint16_t) item);
	for (size_t i = 0; i < bytes; i++)
		byte[i] = io_read8((io_t) device->data);
}

const char *fw_cfg_collect(const struct fw_cfg *at, const struct boot_info **result)
{
	struct fw_cfg_source source = { .read = device_read,
		.image = IMAGE2PA(image_start),
		.image_bytes = (uint64_t) (image_end - image_start),
		.most = (uint64_t) RAM_LAST + 1 };

	device = at;
	return fw_cfg_read(&source, result);
}
