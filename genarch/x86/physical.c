/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The tables of the firmware lie anywhere in physical memory, so what is read is
 * mapped meanwhile: one page of kernel space, kept for that, leads to one frame
 * after the other. Only the first CPU reads, at boot, with interrupts off and
 * before there are others, so no other CPU has to invalidate anything. Does not
 * sleep. COST. About 50 instructions a page, beside the copy.
 */

#include <kernel/lib.h>
#include <mm/km.h>
#include <mm/page.h>
#include <x86/physical.h>

static uintptr_t window; /* 0 = there is none yet */

static bool window_make(void)
{
	return window != 0 || km_map(0, PAGE_SIZE, PAGE_READ, FRAME_ATOMIC, &window) == EOK;
}

static bool mapped_read(const struct boot_reader *reader, uint64_t pa, void *to, size_t bytes)
{
	(void) reader;
	if (pa > phys_last() || bytes - 1 > phys_last() - pa || !window_make())
		return false;
	for (size_t done = 0, here; done < bytes; done += here) {
		size_t offset = (size_t) ((pa + done) & (PAGE_SIZE - 1));

		here = bytes - done < PAGE_SIZE - offset ? bytes - done : PAGE_SIZE - offset;
		page_local_set(page_local_entry(window), window, (phys_t) (pa + done - offset), PAGE_READ);
		memcpy((char *) to + done, (const char *) window + offset, here);
	}
	return true;
}

const struct boot_reader physical_reader = { .read = mapped_read };
