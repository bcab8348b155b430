/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Names and meanings of the error numbers of mm/types.h.
 */

#include <kernel/lib.h>

static const struct error {
	errno_t number;
	const char *name, *text;
} errors[] = {
	{ EOK, "EOK", "no error" },
	{ ENOENT, "ENOENT", "not there" },
	{ EAGAIN, "EAGAIN", "not now" },
	{ ENOMEM, "ENOMEM", "not enough memory" },
	{ EFAULT, "EFAULT", "an address that is not there for its use" },
	{ EBUSY, "EBUSY", "in use" },
	{ EEXIST, "EEXIST", "there already" },
	{ EINVAL, "EINVAL", "makes no sense" },
	{ ERANGE, "ERANGE", "out of range" },
	{ EOVERFLOW, "EOVERFLOW", "a count that would not fit" },
	{ ETIMEDOUT, "ETIMEDOUT", "the time is over" },
};

static const struct error unknown = { -1, "E?", "an unknown error" };

static const struct error *find(errno_t number)
{
	for (size_t i = 0; i < ARRAY_COUNT(errors); i++)
		if (errors[i].number == number)
			return &errors[i];
	return &unknown;
}

const char *error_name(errno_t error)
{
	return find(error)->name;
}

const char *error_text(errno_t error)
{
	return find(error)->text;
}
