/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * The physical memory of the host: one anonymous mapping of the process, where
 * the identity window is. What is not touched costs nothing.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <arch/host.h>

void host_memory_map(size_t low)
{
	void *wanted = (void *) IDENTITY_VIRT;
	void *got;

	if (low > IDENTITY_SIZE) {
		fprintf(stderr, "host: %zu bytes of memory are more than the identity window's %zu\n", low, IDENTITY_SIZE);
		exit(2);
	}
	got = mmap(
		wanted, low, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (got != wanted) {
		fprintf(stderr, "host: no memory at %p: %s\n", wanted, strerror(errno));
		exit(2);
	}
}
