/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * Copying in and out of an address space, whichever it is and wherever the
 * caller runs: page by page, each made to do for the access as a fault would,
 * and then copied by way of the frame's permanent address, or of a temporary
 * mapping if it has none. The lock of the address space is held for a page at a
 * time, so the frame stays what it is. Only memory is copied: a physical area
 * may lead to what is none, or to memory that is not the frame allocator's, and
 * that is EFAULT.
 *
 * A bad address is an error like any other: nothing here faults. (A kernel that
 * runs in the address space may also copy by the CPU's own translation, and let
 * as_page_fault tell it with AS_FAULT_DEFERRED that it cannot be done.)
 *
 * COST. About 150 instructions a page, and the bytes.
 */

#include "as_internal.h"

/*
 * Whether what va is mapped to can be copied. Only a physical area may lead to what is no memory, in the direct map or
 * beyond it, mapped by the kernel or not: of those the frame table says what is RAM. The frames of a file are its
 * owner's, and in no zone perhaps; validate_file (as_image.c) has seen that they can be read.
 */
static bool is_memory(const struct as *as, uintptr_t va, phys_t pa)
{
	pfn_t pfn = pa >> PAGE_WIDTH;

	if (likely(!frame_is(pfn, FRAME_KIND_HOLE)))
		return true;
	return as_area_at(as, va)->backend->map == NULL;
}

/* What va leads to, made to do for the access. The lock is held. */
static errno_t resolve(struct as *as, uintptr_t va, unsigned access, frame_flags_t alloc, phys_t *pa)
{
	switch (as_touch(as, va, access, alloc, pa)) {
	case AS_FAULT_OK:
		return is_memory(as, va, *pa) ? EOK : EFAULT;
	case AS_FAULT_KILLED:
		return ENOMEM;
	default:
		return EFAULT;
	}
}

/* Both: bytes within a page. */
static void bytes_in(void *to, phys_t from, size_t bytes)
{
	const void *place = km_local_map(from);

	__builtin_memcpy(to, place, bytes);
	km_local_unmap(place);
}

static void bytes_out(phys_t to, const void *from, size_t bytes)
{
	void *place = km_local_map(to);

	__builtin_memcpy(place, from, bytes);
	km_local_unmap(place);
}

/* Bytes from va to the end of its page, or `bytes` if that is less. */
static size_t part_of_page(uintptr_t va, size_t bytes)
{
	size_t rest = PAGE_SIZE - (va & PAGE_MASK);

	return rest < bytes ? rest : bytes;
}

errno_t as_copy_in(struct as *as, void *to, uintptr_t from, size_t bytes, frame_flags_t alloc)
{
	errno_t error = as_range_valid(from, bytes) ? EOK : EFAULT;

	for (char *next = to; error == EOK && bytes != 0;) {
		size_t part = part_of_page(from, bytes);
		phys_t pa;

		as_mutex_lock(&as->lock);
		error = resolve(as, from, AS_ACCESS_READ, alloc, &pa);
		if (error == EOK)
			bytes_in(next, pa, part);
		as_mutex_unlock(&as->lock);
		next += part;
		from += part;
		bytes -= part;
	}
	return error;
}

errno_t as_copy_out(struct as *as, uintptr_t to, const void *from, size_t bytes, frame_flags_t alloc)
{
	errno_t error = as_range_valid(to, bytes) ? EOK : EFAULT;

	for (const char *next = from; error == EOK && bytes != 0;) {
		size_t part = part_of_page(to, bytes);
		phys_t pa;

		as_mutex_lock(&as->lock);
		error = resolve(as, to, AS_ACCESS_WRITE, alloc, &pa);
		if (error == EOK)
			bytes_out(pa, next, part);
		as_mutex_unlock(&as->lock);
		next += part;
		to += part;
		bytes -= part;
	}
	return error;
}
