/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Anonymous areas, whose pages are zeros until they are written, and guards,
 * which have no pages.
 */

#include <mm/frame_contents.h>

#include "as_internal.h"

static void fill_zeros(const struct as_area *area, size_t page, void *to)
{
	(void) area;
	(void) page;
	frame_clear(to);
}

const struct as_backend as_anonymous = {
	.kind = AS_ANONYMOUS, .name = "anonymous", .flags = AS_WRITE | AS_EXEC | AS_RESERVE, .fill = fill_zeros
};

const struct as_backend as_guard = { .kind = AS_GUARD, .name = "guard", .shared = true };
